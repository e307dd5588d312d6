"""How a daemon of the cluster is started."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from cluster import processes
from cluster.processes import DidNotStart, Process

ENDS_AT_FIRST = """
import pathlib, sys, time
tries = pathlib.Path(sys.argv[1])
tries.write_text(tries.read_text() + "x")
if len(tries.read_text()) <= int(sys.argv[2]):
    sys.exit("a conflict")
pathlib.Path(sys.argv[1] + ".ready").touch()
time.sleep(60)
"""


@pytest.fixture
def daemon(tmp_path, monkeypatch):
    """A daemon that ends so many times before it stays, and may end so many times."""
    monkeypatch.setattr(processes, "LOGS", tmp_path)
    tries, made = tmp_path / "tries", []
    tries.touch()

    def make(ends: int, may_end: int) -> Process:
        command = (sys.executable, "-c", ENDS_AT_FIRST, str(tries), str(ends))
        made.append(Process(f"test-{tmp_path.name}", command, Path(f"{tries}.ready").exists, may_end=may_end))
        return made[-1]

    yield make
    for process in made:
        processes.stop(process, kill=True)


def test_a_daemon_that_may_end_is_started_again(daemon):
    process = daemon(ends=2, may_end=2)
    processes.start(process)
    assert len(processes.pids(process)) == 1


def test_a_daemon_that_ends_more_often_than_it_may_is_told_with_its_log(daemon):
    with pytest.raises(DidNotStart, match="a conflict"):
        processes.start(daemon(ends=2, may_end=1))
