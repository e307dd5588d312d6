"""A function that takes more than it may: memory, time."""

from __future__ import annotations

import pytest

from builders.places import why
from ferryman import Pod, task
from ferryman.exceptions import OutOfMemory, TaskRunTimeoutError

BOUND = 180


@task(retries=1, infrastructure_retries=3, pod=Pod(memory="128Mi", cpu="50m"))
def eat_memory():
    eaten = []
    while True:
        eaten.append(bytearray(16 << 20))


@task(timeout_seconds=2, pod=Pod(cpu="50m"))
def ignore_everything():
    import signal
    import time

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    while True:
        time.sleep(1)


def test_out_of_memory_is_told_as_such_and_spends_the_functions_own_budget(place):
    future = eat_memory.submit()
    with pytest.raises(OutOfMemory):
        future.result(BOUND)
    status = place.status(future.name)
    assert (status["phase"], why(status)[0]) == ("Crashed", "OOMKilled")
    assert [row["reason"] for row in status["attempts"]] == ["OOMKilled", "OOMKilled"]
    assert (status["retriesUsed"], status.get("infrastructureRetriesUsed", 0)) == (1, 0)


def test_a_timeout_ends_a_process_that_ignores_sigterm(place):
    future = ignore_everything.submit()
    with pytest.raises(TaskRunTimeoutError):
        future.result(BOUND)
    status = place.status(future.name)
    assert (status["phase"], why(status)[0]) == ("TimedOut", "Timeout")
