from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

import ferryman
from ferryman.dev.cluster import EmbeddedCluster, Options
from ferryman.dev.processes.child import Child, ChildFailed, Command
from ferryman.dev.processes.reaper import Reaper

PATIENCE = 60


@ferryman.task
def where():
    import os

    return os.environ["HOME"], "PYTHONPATH" in os.environ


@ferryman.task
def slow():
    import time

    time.sleep(2)
    return "done"


def test_a_run_works_in_a_scratch_directory_without_my_environment(in_cluster, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    home, has_path = where.submit().result(timeout=PATIENCE)
    assert home.startswith(str(in_cluster.directory))
    assert not has_path


def test_a_run_survives_the_death_of_the_operator(in_cluster):
    future = slow.submit()
    first = in_cluster.operator_pid
    in_cluster.kill_operator()
    assert in_cluster.operator_pid is None
    in_cluster.start_operator()
    assert in_cluster.operator_pid not in (None, first)
    assert future.result(timeout=PATIENCE) == "done"


def test_an_operator_that_dies_by_itself_is_started_again(in_cluster):
    first, before = in_cluster.operator_pid, in_cluster.restarts
    os.kill(first, signal.SIGKILL)
    deadline = time.monotonic() + PATIENCE
    while in_cluster.operator_pid in (None, first) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert in_cluster.restarts == before + 1
    assert slow.submit().result(timeout=PATIENCE) == "done"


def test_an_operator_that_is_started_by_hand_runs_what_waits(monkeypatch):
    elsewhere = {**os.environ, "KUBECONFIG": "/the/kubeconfig/of/another/cluster"}
    with EmbeddedCluster(Options(operator=False)) as cluster:
        monkeypatch.setenv("KUBECONFIG", str(cluster.kubeconfig))
        command = f"exec env {cluster.operator_command}"
        with ferryman.connect(), subprocess.Popen(command, shell=True, env=elsewhere) as by_hand:
            try:
                assert where.submit().result(timeout=PATIENCE)
            finally:
                by_hand.terminate()


def test_a_child_that_fails_to_start_shows_its_last_words(tmp_path):
    code = "print('first'); raise SystemExit('the port is taken')"
    command = Command("thing", [sys.executable, "-S", "-c", code], dict(os.environ), tmp_path / "thing.log")
    with Reaper(tmp_path / "state") as reaper:
        child = Child(command, reaper)
        with pytest.raises(ChildFailed) as failed:
            child.await_ready(lambda: None)
    assert "the thing ended with exit code 1" in str(failed.value)
    assert "the port is taken" in str(failed.value)


def test_an_operator_that_cannot_start_is_told_with_its_reason_and_nothing_is_left():
    cluster = EmbeddedCluster(Options(operator_settings={"nonsense": 1}))
    with pytest.raises(ChildFailed, match="nonsense"):
        cluster.start()
    assert not cluster.directory.exists()
