"""Where code finds itself: in a run, in its threads, in a task within a task."""

from __future__ import annotations

import threading

import pytest

from ferryman.context import (
    FlowRun,
    FlowRunContext,
    RunContext,
    TaskRun,
    TaskRunContext,
    current_run,
    entered,
    get_run_context,
    pod_run,
)
from ferryman.exceptions import MissingContextError

POD = RunContext("ns", "run", "uid", 1, "task")


def a_task_run(name):
    return TaskRunContext(None, TaskRun(f"uid-{name}", name, "task", "key", run_count=2, namespace="ns"), {})


def in_a_thread(function):
    found = []
    thread = threading.Thread(target=lambda: found.append(function()))
    thread.start()
    thread.join()
    return found[0]


@pytest.mark.parametrize("ask", [current_run, get_run_context])
def test_outside_of_a_run_there_is_no_context(ask):
    with pytest.raises(MissingContextError):
        ask()


def test_inside_of_a_run_there_is_one_and_afterwards_none():
    with entered(POD):
        assert current_run() is POD
    with pytest.raises(MissingContextError):
        current_run()


def test_a_task_run_tells_the_same_as_a_run():
    with entered(a_task_run("a")):
        assert current_run() == RunContext("ns", "a", "uid-a", 2, "task")


def test_the_innermost_task_counts():
    with entered(a_task_run("outer")), entered(a_task_run("inner")):
        assert get_run_context().task_run.name == "inner"


def test_a_task_counts_before_the_flow_around_it():
    flow = FlowRunContext(None, FlowRun("id", "flow", "flow"), {})
    with entered(flow):
        assert get_run_context() is flow
        with entered(a_task_run("a")):
            assert get_run_context().task_run.name == "a"


def test_a_thread_that_the_function_starts_is_part_of_its_run():
    with entered(POD), entered(a_task_run("a")):
        assert in_a_thread(get_run_context).task_run.name == "a"


def test_in_a_pod_a_thread_is_of_the_pods_run_whatever_is_called_elsewhere():
    with entered(POD, everywhere=True), entered(a_task_run("pod"), everywhere=True), entered(a_task_run("b")):
        assert in_a_thread(get_run_context).task_run.name == "pod"


def test_the_pods_run_is_found_from_within_a_task_that_is_called_there():
    inner = TaskRunContext(None, TaskRun("uid", "inner", "task", "key"), {})
    with entered(inner):
        assert pod_run() is None
    with entered(POD, everywhere=True), entered(inner):
        assert (pod_run(), current_run().name) == (POD, "inner")


def test_a_thread_that_might_be_of_either_of_two_runs_is_of_none():
    def ask():
        with pytest.raises(MissingContextError):
            get_run_context()
        return True

    entered_both, done = threading.Barrier(3, timeout=20), threading.Event()

    def hold(name):
        with entered(a_task_run(name)):
            assert get_run_context().task_run.name == name
            entered_both.wait()
            done.wait(20)

    threads = [threading.Thread(target=hold, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    entered_both.wait()
    assert in_a_thread(ask)
    done.set()
    for thread in threads:
        thread.join()
