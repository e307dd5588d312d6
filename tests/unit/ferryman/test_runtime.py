"""`ferryman.runtime`: what code reads of the run that it is in, as in Prefect."""

from __future__ import annotations

import pytest

from ferryman import FlowRunContext, TaskRunContext, flow, tags, task
from ferryman.runtime import flow_run, task_run


def named():
    return f"{flow_run.flow_name}-{task_run.task_name}-{task_run.parameters['limit']}"


@task(task_run_name=named, tags=["own"])
def read(limit: int = 100):
    return task_run.name, task_run.tags, task_run.run_count, task_run.parameters


@task
def enclosing_flow():
    return flow_run.id, flow_run.flow_name, flow_run.parameters


@flow(name="nightly")
def reading(day: str):
    return read(), enclosing_flow(), flow_run.id


def test_a_function_that_names_a_run_knows_flow_task_and_arguments():
    (name, *_), _, _ = reading("monday")
    assert name == "nightly-read-100"


def test_a_task_reads_its_own_run():
    with tags("outer"):
        assert read(5) == ("None-read-5", ["outer", "own"], 1, {"limit": 5})


def test_a_task_reads_the_flow_run_around_it():
    _, (found, name, parameters), own = reading("monday")
    assert (found, name, parameters) == (own, "nightly", {"day": "monday"})


def test_a_submitted_run_is_named_in_the_same_way(ferryman_local):
    future = read.submit(7)
    assert (future.name.startswith("none-read-7-"), future.result(30)[3]) == (True, {"limit": 7})


def test_a_flows_run_is_named_by_what_the_flow_knows(ferryman_local):
    @flow(name="weekly", flow_run_name=lambda: f"{flow_run.flow_name} {flow_run.parameters['week']}")
    def weekly(week):
        return flow_run.name

    assert weekly(47) == "weekly 47"
    assert weekly.submit(47).name.startswith("weekly-47-")


@pytest.mark.parametrize("of", [task_run, flow_run])
def test_outside_of_a_run_nothing_is_known(of):
    assert (of.id, of.name, of.parameters, of.tags, of.run_count) == (None, None, {}, [], 0)
    assert (TaskRunContext.get(), FlowRunContext.get()) == (None, None)
