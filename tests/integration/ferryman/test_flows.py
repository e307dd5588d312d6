"""Flows in pods: their tasks are runs of their own, and theirs to be cancelled with."""

from __future__ import annotations

import time

import pytest

import ferryman
from ferryman import flow, task
from ferryman.api import names

BOUND = 120


@task
def square(n: int) -> int:
    return n * n


@task
def forever() -> None:
    import threading

    threading.Event().wait()


@flow
def sum_of_squares(n: int) -> int:
    return sum(square.map(range(n)).result())


@flow
def waits_forever() -> None:
    forever.submit().result()


@task
def inner(n: int) -> int:
    return square.submit(n).result()


@task
def flow_run() -> str | None:
    return ferryman.get_run_context().task_run.flow_run_id


@flow
def returns_futures() -> list[object]:
    return [flow_run.submit(), square.submit(3).as_argument()]


@flow
def has_a_failing_task() -> object:
    return square.submit("x")


@task
def done_once(n: int) -> int:
    return n


@flow(persist_result=True, retries=1)
def fails_at_first() -> int:
    found = done_once.submit(7).result()
    if ferryman.current_run().attempt == 1:
        raise OSError("at first")
    return found


def the_run_of(task_name: str) -> ferryman.TaskFuture:
    """The only run of this task, once there is one."""
    until = time.monotonic() + BOUND
    while not (found := ferryman.list_runs(task=task_name)):
        assert time.monotonic() < until, f"no run of {task_name}"
        time.sleep(0.1)
    return ferryman.get_run(found[0].name)


def test_a_flow_runs_in_a_pod_and_its_tasks_in_pods_of_theirs(in_cluster):
    future = sum_of_squares.submit(3)
    assert future.result(timeout=BOUND) == 5
    assert len(ferryman.list_runs(task="square")) == 3


def test_the_runs_of_a_flow_belong_to_it(in_cluster):
    future = sum_of_squares.submit(1)
    future.result(timeout=BOUND)
    child = the_run_of("square")
    raw = ferryman.client.current().cluster.get_run(child.namespace, child.name)
    assert raw["metadata"]["labels"][names.PARENT_LABEL] == future.name
    assert [one["uid"] for one in raw["metadata"]["ownerReferences"]] == [future.task_run_id]
    assert raw["spec"]["parent"] == {"name": future.name, "uid": future.task_run_id}


@pytest.mark.timeout(BOUND * 2)
def test_cancelling_a_flow_cancels_its_tasks(in_cluster):
    future = waits_forever.submit()
    child = the_run_of("forever")
    future.cancel()
    child.wait(timeout=BOUND)
    assert child.state.name == "Cancelled"
    assert future.name in child.state.message


def test_a_task_that_has_no_access_says_how_it_gets_some(in_cluster):
    with pytest.raises(ferryman.FerrymanError, match=r"api_access=True"):
        inner.submit(2).result(timeout=BOUND)


def test_the_futures_that_a_flow_returns_arrive_as_values(in_cluster):
    future = returns_futures.submit()
    assert future.result(timeout=BOUND) == [future.task_run_id, 9]


def test_a_flow_whose_task_fails_has_failed_with_its_exception(in_cluster):
    future = has_a_failing_task.submit()
    with pytest.raises(TypeError, match="multiply"):
        future.result(timeout=BOUND)
    assert future.state.name == "Failed"


def test_a_flow_that_is_tried_again_repeats_no_task_whose_result_is_kept(in_cluster):
    assert fails_at_first.submit().result(timeout=BOUND) == 7
    assert sorted(run.reason for run in ferryman.list_runs(task="done_once")) == ["Cached", "Completed"]
