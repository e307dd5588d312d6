"""Functions that do odd things to their process: forks, signals, closed streams, rubbish in every descriptor."""

from __future__ import annotations

import os
import signal

import pytest

from builders.attempt import Outcome, RunnerLab
from ferryman.api.reasons import Reason
from ferryman.api.runner_contract import ExitCode, decode_report


@pytest.fixture
def lab(object_store, bucket, tmp_path):
    return RunnerLab(object_store, bucket, tmp_path)


FORK = "__import__('os').fork() and __import__('os').wait()"


class _Forks:
    """Two processes come out of its unpickling."""

    def __reduce__(self):
        return eval, (FORK,)


class _ForksOnTheWayOut:
    """Becomes, in the runner, a thing of which two processes come out of its pickling."""

    SOURCE = f"type('T', (), {{'__reduce__': lambda self: ({FORK}, (list, ()))[1]}})()"

    def __reduce__(self):
        return eval, (self.SOURCE,)


def assert_ended(outcome, reason, exit_code):
    assert outcome.report is not None, outcome.errors
    assert (outcome.report.reason, outcome.exit_code) == (reason, exit_code), (
        outcome.report.message + outcome.errors
    )


def test_a_fork_that_is_terminated_does_not_end_the_attempt(lab):
    def fork():
        import os
        import signal
        import time

        readable, writable = os.pipe()
        child = os.fork()
        if child == 0:
            os.write(writable, b"!")
            time.sleep(60)
        os.read(readable, 1)
        os.kill(child, signal.SIGTERM)
        _, status = os.waitpid(child, 0)
        time.sleep(1)  # Longer than an attempt that has told its ending may take to exit.
        return os.waitstatus_to_exitcode(status)

    outcome = lab.run(fork)
    assert_ended(outcome, Reason.COMPLETED, ExitCode.SUCCEEDED)
    assert lab.value(outcome) == -15


def test_arguments_that_fork_while_they_are_loaded_call_the_function_once(lab, tmp_path):
    def touch(_, where):
        import pathlib
        import uuid

        pathlib.Path(where, uuid.uuid4().hex).touch()

    calls = tmp_path / "calls"
    calls.mkdir()
    outcome = lab.run(touch, _Forks(), str(calls))
    assert_ended(outcome, Reason.COMPLETED, ExitCode.SUCCEEDED)
    assert len(list(calls.iterdir())) == 1


def test_a_result_that_forks_while_it_is_pickled_is_stored_once(lab):
    def fork(result):
        return result

    outcome = lab.run(fork, _ForksOnTheWayOut())
    assert_ended(outcome, Reason.COMPLETED, ExitCode.SUCCEEDED)
    assert lab.requests().count("PUT result") == 1


def test_an_exception_is_told_where_stderr_is_closed(lab):
    def fail():
        import os
        import sys

        os.close(2)
        sys.stderr.close()
        raise ValueError("no")

    assert_ended(lab.run(fail), Reason.USER_EXCEPTION, ExitCode.USER_FAILURE)


def test_an_exception_is_told_where_descriptor_2_is_closed(lab):
    def fail():
        import os

        os.close(1)
        os.close(2)
        raise ValueError("no")

    assert_ended(lab.run(fail), Reason.USER_EXCEPTION, ExitCode.USER_FAILURE)


def test_a_declining_condition_is_asked_where_stderr_is_closed(lab):
    def fail():
        import os

        os.close(2)
        raise ValueError("no")

    def condition(task, run, state):
        raise KeyError("oops")

    outcome = lab.run(fail, retry_condition=condition, retries_left=True)
    assert_ended(outcome, Reason.RETRY_CONDITION_DECLINED, ExitCode.PERMANENT_FAILURE)


@pytest.mark.parametrize("rubbish", [b"rubbish", b"[" * 60_000 + b"\n"], ids=["text", "nested"])
def test_rubbish_in_every_descriptor_does_not_hide_the_ending(lab, rubbish):
    def write():
        import os

        for descriptor in range(3, 64):
            try:
                os.write(descriptor, rubbish)
            except OSError:
                continue
        return "fine"

    assert_ended(lab.run(write), Reason.COMPLETED, ExitCode.SUCCEEDED)


def test_a_daemon_that_keeps_stdout_does_not_hold_the_runner(lab):
    def daemonise():
        import subprocess

        child = subprocess.Popen(["sleep", "600"], start_new_session=True)
        return child.pid

    with lab.start(lab.assignment(**lab.seal(daemonise))) as process:
        assert process.wait(30) == ExitCode.SUCCEEDED
        outcome = Outcome(0, decode_report(lab.log.read_text()), "", "")
        os.kill(lab.value(outcome), signal.SIGKILL)


def test_a_pool_of_processes_works_and_ends(lab):
    def pool():
        import multiprocessing

        with multiprocessing.get_context("fork").Pool(2) as workers:
            return workers.map(abs, [-1, 2])

    outcome = lab.run(pool)
    assert_ended(outcome, Reason.COMPLETED, ExitCode.SUCCEEDED)
    assert "Terminated" not in outcome.errors


def test_a_mebibyte_of_output_arrives(lab):
    def talk():
        print("x" * 1_048_576)

    outcome = lab.run(talk)
    assert_ended(outcome, Reason.COMPLETED, ExitCode.SUCCEEDED)
    assert len(outcome.output) > 1_048_576


def test_process_1_buries_the_orphans_of_the_function(lab):
    def leave_an_orphan():
        import os
        import subprocess
        import time

        orphan = subprocess.run(
            ["sh", "-c", "sleep 0.1 & echo $!"], stdout=subprocess.PIPE, check=True
        ).stdout
        until = time.monotonic() + 20
        while os.path.exists(f"/proc/{int(orphan)}"):
            if time.monotonic() > until:
                return "a zombie"
            time.sleep(0.02)
        return "buried"

    # Orphans come to it as they come to process 1.
    outcome = lab.finish(lab.start(lab.assignment(**lab.seal(leave_an_orphan)), {"TEST_SUBREAPER": "1"}))
    assert lab.value(outcome) == "buried"
