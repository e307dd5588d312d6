"""Hooks of real runs in the embedded cluster: where the run ends, and where no runner could call them.

Every call leaves a line in a file of this machine, so that calls are counted where they happen. Only pods of
the embedded cluster can do that; `tests/e2e/ferryman/test_hooks.py` has what can be seen on a real one.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import kubernetes
import pytest

from builders.attempt import wait_for
from ferryman import task
from ferryman.cache_policies import INPUTS
from ferryman.exceptions import CancelledRun, FerrymanError

pytestmark = pytest.mark.timeout(240)

WAIT = 90
SETTLED = ("Called", "NotCalled")


@pytest.fixture(scope="session")
def some_cluster(embedded_cluster):
    return embedded_cluster


class Notes:
    """Hooks that write, and what they wrote. Travels with the task, so it holds a path alone."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)

    def hook(self, task, task_run, state):
        outcome = type(state.result(raise_on_failure=False)).__name__
        with open(self.path, "a") as notes:
            notes.write(f"{task.name} {task_run.run_count} {state.name} {state.reason} {outcome}\n")

    @property
    def lines(self) -> list[str]:
        return Path(self.path).read_text().splitlines() if Path(self.path).exists() else []


@pytest.fixture
def notes(tmp_path):
    return Notes(tmp_path / "notes")


@pytest.fixture
def hooked(notes):
    """Make a task of a function, with hooks that leave notes."""

    def make(function, **options):
        return task(on_completion=[notes.hook], on_failure=[notes.hook], **options)(function)

    return make


def hooks_of(cluster, future):
    run = cluster.call(lambda: cluster.objects.get("taskruns.ferryman.dev", *key_of(future)))
    return run["status"].get("hooks") or {}


def key_of(future):
    return future.run.namespace, future.run.name


def settled(cluster, future):
    """What the status says of the hooks once they are called or given up."""
    wait_for(lambda: hooks_of(cluster, future).get("state") in SETTLED, seconds=WAIT)
    return hooks_of(cluster, future)


def add(x, y):
    return x + y


def refuse():
    raise ValueError("no")


def sleep():
    time.sleep(300)


def test_completion_hooks_are_called_where_the_run_ends(in_cluster, notes, hooked):
    future = hooked(add).submit(1, 2)
    assert future.result(WAIT) == 3
    assert notes.lines == ["add 1 Completed Completed int"]
    assert hooks_of(in_cluster, future) == {"state": "Called"}


def test_failure_hooks_are_called_once_after_the_last_attempt(in_cluster, notes, hooked):
    future = hooked(refuse, retries=1, retry_delay_seconds=0).submit()
    with pytest.raises(ValueError, match="no"):
        future.result(WAIT)
    assert notes.lines == ["refuse 2 Failed UserException ValueError"]


def test_hooks_that_raise_and_async_hooks_change_nothing(in_cluster, notes):
    async def later(task, task_run, state):
        notes.hook(task, task_run, state)

    def refuse_too(task, task_run, state):
        raise KeyError("lost")

    future = task(on_completion=[refuse_too, later])(add).submit(1, 2)
    assert future.result(WAIT) == 3
    assert notes.lines == ["add 1 Completed Completed int"]
    assert hooks_of(in_cluster, future)["message"] == "refuse_too raised KeyError: 'lost'"


def test_a_function_that_ends_its_process_has_its_hooks_called_in_the_pod(in_cluster, notes, hooked):
    def leave():
        os._exit(3)

    future = hooked(leave).submit()
    assert isinstance(future.exception(WAIT), FerrymanError)
    assert notes.lines == ["leave 1 Crashed ProcessExited RunCrashed"]
    assert hooks_of(in_cluster, future) == {"state": "Called"}


def test_a_function_that_hangs_has_its_hooks_called_once_it_is_killed(in_cluster, notes, hooked):
    future = hooked(sleep, timeout_seconds=1).submit()
    assert isinstance(future.exception(WAIT), FerrymanError)
    assert notes.lines == ["sleep 1 TimedOut Timeout TaskRunTimeoutError"]


def test_a_cancelled_run_has_its_hooks_called_by_a_job(in_cluster, notes, hooked):
    future = hooked(sleep).submit()
    wait_for(lambda: future.run is not None and future.run.phase == "Running", seconds=WAIT)
    future.cancel()
    with pytest.raises(CancelledRun):
        future.result(WAIT)
    found = settled(in_cluster, future)
    assert (found["state"], "jobUID" in found) == ("Called", True), found
    assert notes.lines == ["sleep 1 Cancelled Cancelled CancelledRun"]


def test_a_run_whose_pod_was_deleted_has_its_hooks_called_by_a_job(in_cluster, notes, hooked):
    future = hooked(sleep, infrastructure_retries=0).submit()
    wait_for(lambda: future.run is not None and future.run.phase == "Running", seconds=WAIT)
    delete_pods(in_cluster, future)
    assert isinstance(future.exception(WAIT), FerrymanError)
    assert settled(in_cluster, future)["state"] == "Called", hooks_of(in_cluster, future)
    assert [line.split()[:3] for line in notes.lines] == [["sleep", "1", "Crashed"]]


def test_a_run_whose_pod_ran_out_of_memory_has_its_hooks_called_by_a_job(in_cluster, notes, hooked):
    def hoard():
        blocks = []
        while True:
            blocks.append(bytearray(b"x" * 2**25))
            time.sleep(0.05)

    future = hooked(hoard, memory="200Mi").submit()
    assert isinstance(future.exception(WAIT), FerrymanError)
    assert settled(in_cluster, future)["state"] == "Called", hooks_of(in_cluster, future)
    assert notes.lines == ["hoard 1 Crashed OOMKilled OutOfMemory"]


def test_a_result_that_was_known_has_its_completion_hooks_called_by_a_job(in_cluster, notes, hooked):
    shared = hooked(add, cache_policy=INPUTS)
    assert [shared.submit(1, 2).result(WAIT), (again := shared.submit(1, 2)).result(WAIT)] == [3, 3]
    assert settled(in_cluster, again)["state"] == "Called"
    assert notes.lines == ["add 1 Completed Completed int", "add 0 Cached Cached int"]


def delete_pods(cluster, future):
    with kubernetes.config.new_client_from_config(str(cluster.kubeconfig)) as api:
        pods = kubernetes.client.CoreV1Api(api)
        selector = f"ferryman.dev/run-uid={future.run.uid}"
        for pod in pods.list_namespaced_pod(future.run.namespace, label_selector=selector).items:
            pods.delete_namespaced_pod(pod.metadata.name, pod.metadata.namespace)
