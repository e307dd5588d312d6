"""The SDK against the real operator and the real runner, in the embedded cluster."""

from __future__ import annotations

import concurrent.futures
import subprocess
import sys
import traceback

import pytest

import ferryman
from ferryman import Pod, allow_failure, task
from ferryman.exceptions import CancelledRun, TaskRunTimeoutError, UpstreamTaskError

WAIT = 90


class Refused(ValueError):
    pass


@task
def add(x, y=1):
    return x + y


@task(retries=1, retry_delay_seconds=0.1)
def refuse(why):
    raise Refused(why)


@task
def describe(values):
    return [repr(value) for value in values]


@task
def announce(text):
    print(text)


@task
def sleep_for(seconds):
    import time

    time.sleep(seconds)


def test_a_map_over_pods_keeps_the_order(in_cluster):
    assert add.map(range(4), 10).result(WAIT) == [10, 11, 12, 13]


def test_futures_are_resolved_in_the_pod_and_failures_where_allowed(in_cluster):
    good, bad = add.submit(1), refuse.submit("no")
    allowed, blocked = describe.submit([good, allow_failure(bad)]), describe.submit([good, bad])
    assert allowed.result(WAIT) == ["2", "Refused('no')"]
    with pytest.raises(UpstreamTaskError, match=bad.name):
        blocked.result(WAIT)
    with pytest.raises(Refused, match="no") as caught:
        bad.result(WAIT)
    assert "raise Refused(why)" in "".join(traceback.format_exception(caught.value))
    assert len(bad.run.attempts) == 2


def test_a_hanging_function_ends_by_timeout_and_by_cancel(in_cluster):
    hanging = sleep_for.with_options(timeout_seconds=1).submit(300)
    cancelled = sleep_for.submit(300)
    cancelled.cancel()
    with pytest.raises(CancelledRun):
        cancelled.result(WAIT)
    with pytest.raises(TaskRunTimeoutError):
        hanging.result(WAIT)


def test_prints_are_in_the_log(in_cluster):
    future = announce.submit("all aboard")
    future.result(WAIT)
    assert "all aboard" in list(future.logs())


def test_the_pod_gets_its_environment(in_cluster):
    def variable():
        import os

        return os.environ["LEVEL"]

    assert task(pod=Pod(env={"LEVEL": "7"}))(variable).submit().result(WAIT) == "7"


SCRIPT = """
import helper
import ferryman
from ferryman import task

@task
def twice(x):
    return helper.twice(x)

if __name__ == "__main__":
    print(twice.submit(21).name)
"""


def test_a_script_with_a_local_module_submits_and_another_process_reads_the_result(in_cluster, tmp_path):
    (tmp_path / "helper.py").write_text("def twice(x):\n    return 2 * x\n")
    (tmp_path / "script.py").write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    future = ferryman.get_run(done.stdout.strip())
    assert concurrent.futures.wait([future], WAIT).done == {future}
    assert future.result() == 42
