"""`.ci/run`: what it calls, in which order, and what it says where it cannot. Programs on its PATH are stand-ins."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / ".ci" / "run"


@dataclass(frozen=True)
class Done:
    code: int
    targets: list[str]
    said: str


@dataclass(frozen=True)
class Machine:
    """A folder of stand-ins. `failing` make targets end with code 7."""

    folder: Path

    def has(self, program: str, script: str) -> None:
        file = self.folder / program
        file.write_text(f"#!/bin/sh\n{script}\n")
        file.chmod(0o755)

    def run(self, *failing: str) -> Done:
        log = self.folder / "log"
        log.touch()
        cases = "".join(f"{target}) exit 7;; " for target in failing)
        self.has("make", f'echo "$@" >> {log}; case "$1" in {cases}esac')
        path = f"{self.folder}:{os.environ['PATH']}"
        done = subprocess.run(
            [SCRIPT], check=False, env={**os.environ, "PATH": path}, capture_output=True, text=True
        )
        return Done(done.returncode, log.read_text().splitlines(), done.stderr)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    one = Machine(tmp_path)
    one.has("id", "echo 0")
    one.has("unshare", "exit 0")
    one.has("go", "exit 0")
    return one


def test_the_checks_come_first_and_a_cluster_never_stays(machine):
    done = machine.run()
    assert done.targets == ["setup helm programs", "check", "cluster", "e2e", "cluster-down"]
    assert done.code == 0


def test_without_the_checks_there_is_no_cluster(machine):
    done = machine.run("check")
    assert (done.targets[-1], done.code) == ("check", 7)


@pytest.mark.parametrize("target", ["cluster", "e2e"])
def test_what_fails_gives_the_exit_code_and_the_cluster_is_taken_down_all_the_same(machine, target):
    done = machine.run(target)
    assert (done.targets[-2:], done.code) == ([target, "cluster-down"], 7)


def test_a_cluster_that_leaves_something_behind_is_a_failure(machine):
    assert machine.run("cluster-down").code == 1


def test_it_refuses_to_go_without_root(machine):
    machine.has("id", "echo 1000")
    done = machine.run()
    assert (done.targets, done.code) == ([], 1)
    assert "has to run as root" in done.said


def test_it_refuses_to_go_where_root_may_not_mount(machine):
    machine.has("unshare", "exit 1")
    done = machine.run()
    assert (done.targets, done.code) == ([], 1)
    assert "may not mount" in done.said
