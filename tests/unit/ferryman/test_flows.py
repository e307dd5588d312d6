"""A flow's code, its tasks' contexts and names, and what it returns; here and in the twin of a cluster."""

from __future__ import annotations

import asyncio

import pytest

from ferryman import allow_failure, flow, get_run_context, tags, task
from ferryman.caching.policies import NO_CACHE
from ferryman.context import FlowRunContext, flow_run_id
from ferryman.exceptions import TaskFailed
from ferryman.states import Completed, Failed


class Broken(ValueError):
    pass


@task
def add(x: int, y: int = 1) -> int:
    return x + y


@task
def fail() -> None:
    raise Broken("no")


@task
def which_flow_run():
    return get_run_context().task_run.flow_run_id


@task
def own_name():
    return get_run_context().task_run.name


@task
def own_tags():
    return get_run_context().task_run.tags


@task
def outer():
    return which_flow_run()


# ---- contexts


def test_the_code_of_a_flow_is_in_the_context_of_its_run():
    @flow(name="nightly")
    def nightly(day, width=3):
        here = get_run_context()
        return type(here), here.flow.name, here.flow_run.flow_name, dict(here.parameters)

    assert nightly("monday") == (FlowRunContext, "nightly", "nightly", {"day": "monday", "width": 3})


def test_tasks_that_a_flow_calls_know_its_run():
    @flow
    def of_flow():
        return get_run_context().flow_run.id, which_flow_run(), outer()

    ours, called, nested = of_flow()
    assert ours == called == nested


def test_tasks_that_a_flow_submits_know_its_run(ferryman_local):
    @flow
    def of_flow():
        return get_run_context().flow_run.id, which_flow_run.submit()

    ours, submitted = of_flow()
    assert ours == submitted


def test_tasks_of_a_submitted_flow_know_its_run(ferryman_local):
    @flow
    def of_flow():
        return outer.submit(), which_flow_run.submit()

    future = of_flow.submit()
    assert future.result(30) == (future.task_run_id, future.task_run_id)


def test_outside_of_a_flow_there_is_no_flow_run():
    assert (which_flow_run(), flow_run_id()) == (None, None)


def test_a_run_in_a_flow_is_told_from_others_of_its_task():
    @flow
    def of_flow():
        return own_name()

    assert (own_name(), len(of_flow())) == ("own_name", len("own_name-abc"))


def test_the_tags_around_a_flow_are_those_of_its_tasks():
    @flow
    def of_flow():
        with tags("inner"):
            return own_tags.with_options(tags=["own"])()

    with tags("outer"):
        assert of_flow() == {"own", "inner", "outer"}


def test_the_tags_of_a_flow_are_those_of_its_tasks_also_in_a_pod(ferryman_local):
    @flow(tags=["flow"])
    def of_flow():
        return own_tags.submit()

    with tags("outer"):
        future = of_flow.submit()
    assert (of_flow(), future.result(30)) == ({"flow"}, {"flow", "outer"})


def test_the_tags_of_an_async_flow_are_those_of_its_tasks():
    @flow(tags=["flow"])
    async def of_flow():
        return own_tags()

    assert asyncio.run(of_flow()) == {"flow"}


# ---- what it returns


def test_futures_that_a_flow_returns_are_waited_for(ferryman_local):
    @flow
    def of_flow():
        first = add.submit(1)
        return {"one": first, "many": add.map([1, 2]), "plain": 5}

    assert of_flow() == {"one": 2, "many": [2, 3], "plain": 5}


def test_so_are_those_of_a_submitted_flow(ferryman_local):
    @flow
    def of_flow():
        return [add.submit(1), add.submit(2)]

    assert of_flow.submit().result(30) == [2, 3]


def test_so_are_those_of_an_async_flow(ferryman_local):
    @flow
    async def of_flow():
        await asyncio.sleep(0)
        return add.submit(1)

    assert (asyncio.run(of_flow()), of_flow.submit().result(30)) == (2, 2)


def test_a_future_that_has_failed_fails_the_flow_with_its_exception(ferryman_local):
    @flow
    def of_flow():
        return [add.submit(1), fail.submit()]

    with pytest.raises(Broken, match="no"):
        of_flow()
    state = of_flow.submit(return_state=True)
    assert (state.name, state.reason) == ("Failed", "UserException")


def test_a_failure_that_is_allowed_is_returned(ferryman_local):
    @flow
    def of_flow():
        return [allow_failure(fail.submit())]

    assert [type(one) for one in of_flow()] == [Broken]


def test_a_state_that_a_flow_returns_is_its_own_and_the_call_gives_what_is_in_it(ferryman_local):
    @flow
    def of_flow():
        return Completed(5, message="enough")

    assert (of_flow(), of_flow.submit().result(30)) == (5, 5)
    assert of_flow(return_state=True).message == "enough"


def test_a_failed_state_that_a_flow_returns_is_raised_by_the_call(ferryman_local):
    @flow
    async def of_flow(wrong):
        return Failed(wrong, message="how?")

    with pytest.raises(TaskFailed, match=r"how\?"):
        asyncio.run(of_flow(None))
    with pytest.raises(Broken, match="this"):
        asyncio.run(of_flow(Broken("this")))
    with pytest.raises(Broken, match="this"):
        of_flow.submit(Broken("this")).result(30)


def test_a_task_that_fails_fails_its_flow():
    @flow
    def of_flow():
        fail()

    assert of_flow(return_state=True).name == "Failed"


def test_a_task_whose_failure_is_caught_does_not():
    @flow
    def of_flow():
        return fail(return_state=True).is_failed()

    assert of_flow() is True


def test_an_async_flow_awaits_its_tasks():
    @task
    async def fetch(n):
        await asyncio.sleep(0)
        return n

    @flow
    async def of_flow():
        return sum(await asyncio.gather(fetch(1), fetch(2)))

    assert asyncio.run(of_flow()) == 3


# ---- keywords


def test_flow_run_name_is_the_name_of_the_run():
    @flow(flow_run_name="load-{day}")
    def load(day):
        return get_run_context().flow_run.name

    assert (load("monday"), load.with_options(flow_run_name=None)("monday")) == ("load-monday", "load")


def test_two_names_of_one_option_are_refused():
    with pytest.raises(TypeError, match="give one"):
        flow(flow_run_name="a", task_run_name="b")


@pytest.mark.parametrize("keywords", [{"retries": -1}, {"retrys": 1}, {"flow_run_name": 5}])
def test_an_option_that_cannot_be_is_refused_where_it_is_written(keywords):
    with pytest.raises((TypeError, ValueError)):
        flow(**keywords)


def test_an_option_that_is_none_is_told_as_the_flows():
    with pytest.raises(
        TypeError, match=r"a flow has no option 'bogus', 'task_runner' \(what is submitted runs in"
    ):
        flow(task_runner=None, bogus=1)


def test_a_flow_with_other_options_is_a_flow():
    @flow
    def of_flow():
        return 1

    assert repr(of_flow.with_options(name="other")) == "<Flow other>"


def test_a_flow_is_not_cached_unless_it_says_so():
    @flow(persist_result=True)
    def of_flow():
        return 1

    assert of_flow.options.cache_policy is NO_CACHE
