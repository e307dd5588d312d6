"""Hooks of runs in a restricted namespace: in the pod where the run ends, or in a Job where no runner is left.

A hook raises what it was told, and `status.hooks.message` has it: nothing else leaves such a pod.
"""

from __future__ import annotations

import pytest

from builders.places import Place
from ferryman import Pod, task
from ferryman.exceptions import CancelledRun, FerrymanError, OutOfMemory

BOUND = 180


def tell(task, task_run, state):
    outcome = type(state.result(raise_on_failure=False)).__name__
    raise RuntimeError(f"{task.name} {task_run.run_count} {state.name} {state.reason} {outcome}")


@task(on_completion=[tell], on_failure=[tell], pod=Pod(cpu="50m"))
def add(x, y):
    return x + y


@task(on_completion=[tell], on_failure=[tell], retries=1, pod=Pod(memory="128Mi", cpu="50m"))
def eat_memory():
    eaten = []
    while True:
        eaten.append(bytearray(16 << 20))


# Requests that equal the limits: otherwise every process of the container is among the first to be killed.
@task(
    on_completion=[tell],
    on_failure=[tell],
    pod=Pod(cpu="300m", memory="128Mi", resources={"limits": {"cpu": "300m"}}),
)
def eat_memory_of_the_pod():
    import os
    from pathlib import Path

    # With cgroup v2 the kernel kills all of a container, with v1 one process: here the one that would call hooks.
    Path(f"/proc/{os.getppid()}/oom_score_adj").write_text("1000")
    eaten = []
    while True:
        eaten.append(bytearray(16 << 20))


@task(on_completion=[tell], on_failure=[tell], infrastructure_retries=0, pod=Pod(cpu="50m"))
def run_forever():
    import time

    while True:
        time.sleep(0.1)


def hooks_of(place: Place, future) -> dict[str, str]:
    """What the status says of the hooks, once they have been called or given up."""

    def look() -> dict[str, str] | None:
        found = place.status(future.name).get("hooks") or {}
        return found if found.get("state") in ("Called", "NotCalled") else None

    return place.until(f"an end of the hooks of {future.name}", look)


def told_by_a_job(place: Place, future) -> tuple[str, str]:
    """The state of the hooks and what the hook raised, where one Job was made to call them."""
    found = hooks_of(place, future)
    (job,) = [one for one in place.all("jobs") if one["metadata"]["name"].endswith("-hooks")]
    assert found["jobUID"] == job["metadata"]["uid"], found
    return found["state"], found["message"]


def test_completion_hooks_are_called_in_the_pod(place):
    future = add.submit(1, 2)
    assert future.result(BOUND) == 3
    found = hooks_of(place, future)
    assert found == {"state": "Called", "message": "tell raised RuntimeError: add 1 Completed Completed int"}


def test_a_function_that_ran_out_of_memory_has_its_failure_hook_called_after_the_last_attempt(place):
    future = eat_memory.submit()
    with pytest.raises(OutOfMemory):
        future.result(BOUND)
    found = hooks_of(place, future)
    told = "tell raised RuntimeError: eat_memory 2 Crashed OOMKilled OutOfMemory"
    assert (found["state"], found["message"]) == ("Called", told)


def test_a_pod_that_ran_out_of_memory_has_its_failure_hook_called_by_a_job(place):
    future = eat_memory_of_the_pod.submit()
    with pytest.raises(OutOfMemory):
        future.result(BOUND)
    told = "tell raised RuntimeError: eat_memory_of_the_pod 1 Crashed OOMKilled OutOfMemory"
    assert told_by_a_job(place, future) == ("Called", told)


def test_a_cancelled_run_has_its_failure_hook_called_by_a_job(place):
    future = run_forever.submit()
    place.reached(future.name, "Running")
    future.cancel()
    with pytest.raises(CancelledRun):
        future.result(BOUND)
    told = "tell raised RuntimeError: run_forever 1 Cancelled Cancelled CancelledRun"
    assert told_by_a_job(place, future) == ("Called", told)


def test_a_run_whose_pod_was_deleted_has_its_failure_hook_called_by_a_job(place):
    future = run_forever.submit()
    place.reached(future.name, "Running")
    place.kubectl("delete", "pod", place.pod_of(future.name)["metadata"]["name"], "--wait=false")
    with pytest.raises(FerrymanError):
        future.result(BOUND)
    state, message = told_by_a_job(place, future)
    assert (state, message.split()[3:6]) == ("Called", ["run_forever", "1", "Crashed"])
