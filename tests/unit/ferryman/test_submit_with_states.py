"""States, marks and names by which a task is submitted, on the in-memory twins."""

from __future__ import annotations

import asyncio
import json

import pytest

import ferryman
from ferryman import allow_failure, get_run_context, quote, tags, task, task_input_hash, unmapped
from ferryman.api import names
from ferryman.client import Client
from ferryman.context import TaskRun, TaskRunContext
from ferryman.exceptions import ParameterBindError, RunGone, SerializationError, TaskFailed, UpstreamTaskError
from ferryman.states import Completed, Failed
from ferryman.testing import InMemoryCluster, InMemoryStore


@task
def add(x, y=1):
    return x + y


@task
def echo(value):
    return value


@task
def fail():
    raise ValueError("no")


# ---- return_state


def test_submit_waits_for_the_final_state_if_asked_to(ferryman_local):
    state = add.submit(1, 2, return_state=True)
    assert (state.name, state.result()) == ("Completed", 3)


def test_the_state_of_a_failed_run_does_not_raise_and_its_result_does(ferryman_local):
    state = fail.submit(return_state=True)
    assert state.is_failed()
    with pytest.raises(ValueError, match="no"):
        state.result()
    assert str(state.result(raise_on_failure=False)) == "no"


def test_a_final_state_has_the_value_or_the_exception(ferryman_local):
    error = fail.submit(return_state=True).data
    assert (add.submit(1, return_state=True).data, type(error), str(error)) == (2, ValueError, "no")


def test_a_run_that_was_deleted_has_crashed():
    with Client(InMemoryCluster(), InMemoryStore(), namespace="default") as idle:
        future = add.submit(1)
        idle.cluster.delete_run("default", future.name)
        found = future.final_state(20)
    assert (found.name, type(found.data)) == ("Crashed", RunGone)


def test_map_gives_a_list_of_states_if_asked_to(ferryman_local):
    assert [state.result() for state in add.map([1, 2], return_state=True)] == [2, 3]


# ---- states and marks as arguments


def test_the_state_of_a_run_stands_for_its_future(ferryman_local):
    state = add.submit(1, return_state=True)
    future = echo.submit({"a": [state]})
    assert future.result(20) == {"a": [2]}
    assert ferryman.client.current().cluster.get_run(future.namespace, future.name)["spec"]["dependsOn"]


def test_the_state_of_a_call_here_stands_for_its_result(ferryman_local):
    assert echo.submit([Completed(5), allow_failure(Failed(ValueError("no")))]).result(20)[0] == 5


@pytest.mark.parametrize("how", [echo.submit, lambda s: add.submit(1, wait_for=s)])
def test_the_state_of_a_call_here_that_failed_is_refused_before_anything_is_created(ferryman_local, how):
    with pytest.raises(UpstreamTaskError):
        how(Failed(ValueError("no")))
    assert ferryman_local.list_runs() == []


def test_marks_arrive_as_what_they_mark(ferryman_local):
    assert echo.submit([unmapped([1]), quote(2)]).result(20) == [[1], 2]


def test_a_quoted_future_cannot_travel(ferryman_local):
    with pytest.raises(SerializationError, match="can travel only as an argument"):
        echo.submit(quote([add.submit(1)]))


# ---- states as results


def test_a_state_that_the_function_returns_is_its_outcome(ferryman_local):
    assert task(lambda: Completed(3)).submit().result(20) == 3


@pytest.mark.parametrize(
    ("returned", "error"), [(Failed(ValueError("no")), ValueError), (Failed("no"), TaskFailed)]
)
def test_a_failed_state_that_the_function_returns_fails_the_run(ferryman_local, returned, error):
    future = task(retries=1)(lambda: returned).submit()
    with pytest.raises(error, match="no"):
        future.result(20)
    assert len(future.run.attempts) == 2


def test_generators_become_lists(ferryman_local):
    async def slowly():
        for n in range(2):
            await asyncio.sleep(0)
            yield n

    def quickly():
        yield from range(2)

    assert (task(slowly).submit().result(20), task(quickly).submit().result(20)) == ([0, 1], [0, 1])


# ---- tags


def test_the_tags_around_a_submission_are_on_the_run_and_in_its_context(ferryman_local):
    @task(tags=["own"])
    def look():
        return sorted(get_run_context().task_run.tags)

    with tags("a"), tags("b"):
        future = look.submit()
    assert future.result(20) == ["a", "b", "own"]
    annotations = ferryman.client.current().cluster.get_run(future.namespace, future.name)["metadata"][
        "annotations"
    ]
    assert json.loads(annotations[names.TAGS_ANNOTATION]) == ["a", "b", "own"]
    assert look.submit().result(20) == ["own"]


def test_a_tag_is_a_string():
    with pytest.raises(TypeError, match="5"), tags(5):
        pass


# ---- create_run


def test_a_run_is_created_from_arguments_by_name_and_found_again(ferryman_local):
    run = add.create_run({"x": 1, "y": 5})
    assert isinstance(run, TaskRun)
    assert (run.task_name, run.task_key, run.namespace) == ("add", add.task_key, ferryman_local.namespace)
    future = ferryman.get_run(run.name)
    assert (future.result(20), future.task_run_id) == (6, run.id)


def everything(a, /, b, *more, c, **rest):
    return a, b, more, c, rest


@pytest.mark.parametrize(
    "given",
    [
        {"a": 1, "b": 2, "c": 3},
        {"a": 1, "b": 2, "more": (4, 5), "c": 3, "rest": {"d": 6}},
        {"a": 1, "b": 2, "c": 3, "d": 6},
    ],
)
def test_every_kind_of_parameter_goes_by_name(ferryman_local, given):
    run = task(everything).create_run(given)
    expected = (1, 2, tuple(given.get("more", ())), 3, {key: 6 for key in ("d",) if len(given) != 3})
    assert ferryman.get_run(run.name, trust_pickle=True).result(20) == expected


def test_a_name_that_is_no_parameter_creates_nothing(ferryman_local):
    with pytest.raises(ParameterBindError, match="'z'"):
        add.create_run({"x": 1, "z": 2})
    assert ferryman_local.list_runs() == []


class Account:
    def __init__(self, balance):
        self.balance = balance

    @task
    def after(self, interest):
        return self.balance * interest


def test_the_task_of_a_method_has_its_instance(ferryman_local):
    run = Account(2).after.create_run({"interest": 3})
    assert ferryman.get_run(run.name).result(20) == 6


# ---- task_input_hash


def hash_of(made, **arguments):
    run = TaskRun("id", "name", made.name, made.task_key)
    return task_input_hash(TaskRunContext(made, run, arguments), arguments)


def test_equal_arguments_of_one_task_have_one_hash():
    assert hash_of(add, x=1, y={"b": 1, "a": 2}) == hash_of(add, x=1, y={"a": 2, "b": 1})


@pytest.mark.parametrize("other", [{"x": 2}, {"x": 1.0}, {"x": True}, {"x": "1"}, {"y": 1}])
def test_other_arguments_have_another_hash(other):
    assert hash_of(add, x=1) != hash_of(add, **other)


def test_another_task_has_another_hash():
    assert hash_of(add, x=1) != hash_of(echo, x=1)


def test_what_cannot_be_hashed_has_none():
    assert hash_of(add, x=(n for n in [1])) is None
