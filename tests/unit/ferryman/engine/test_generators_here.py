"""Tasks that yield: items come as they are made, and the run ends with them."""

from __future__ import annotations

import asyncio
import contextlib
import time

import pytest

from ferryman import get_run_context, task
from ferryman.exceptions import MissingContextError, ParameterBindError, TaskRunTimeoutError


async def collected(generator):
    return [item async for item in generator]


@task
def numbers(upto):
    yield from range(upto)
    return "the end"


@task
async def slowly(upto):
    for n in range(upto):
        await asyncio.sleep(0)
        yield n


def test_its_items_are_the_functions():
    assert (list(numbers(3)), asyncio.run(collected(slowly(3)))) == ([0, 1, 2], [0, 1, 2])


def test_what_it_returns_comes_with_the_end():
    generator = numbers(0)
    with pytest.raises(StopIteration) as end:
        next(generator)
    assert end.value.value == "the end"


def test_nothing_runs_before_the_first_item_is_asked_for():
    calls = []

    @task
    def lazy():
        calls.append(1)
        yield 1

    generator = lazy()
    assert calls == []
    next(generator)
    assert calls == [1]


@pytest.mark.parametrize("made", [numbers, slowly])
def test_a_call_that_does_not_fit_raises_at_once(made):
    with pytest.raises(ParameterBindError):
        made()


@pytest.mark.parametrize("made", [numbers, slowly])
def test_it_has_no_state_to_return(made):
    with pytest.raises(ValueError, match="generator"):
        made(3, return_state=True)


def test_a_retry_begins_anew_and_yields_again():
    attempts = []

    @task(retries=1)
    def flaky():
        attempts.append(1)
        yield 1
        if len(attempts) == 1:
            raise ValueError
        yield 2

    assert list(flaky()) == [1, 1, 2]


def test_a_retry_of_an_async_one_begins_anew_too():
    attempts = []

    @task(retries=1)
    async def flaky():
        attempts.append(1)
        yield 1
        if len(attempts) == 1:
            raise ValueError
        yield 2

    assert asyncio.run(collected(flaky())) == [1, 1, 2]


def test_the_last_failure_reaches_the_consumer_and_the_hooks():
    told = []

    @task(on_failure=[lambda task, run, state: told.append(str(state.data))])
    def fail():
        yield 1
        raise ValueError("no")

    generator = fail()
    assert next(generator) == 1
    with pytest.raises(ValueError, match="no"):
        next(generator)
    assert told == ["no"]


def test_what_the_consumer_sends_and_throws_arrives():
    @task
    def echo():
        received = []
        while len(received) < 2:
            try:
                received.append((yield received[-1] if received else None))
            except KeyError as error:
                received.append(error.args[0])
        return received

    generator = echo()
    next(generator)
    assert generator.send("a") == "a"
    with pytest.raises(StopIteration) as end:
        generator.throw(KeyError("b"))
    assert end.value.value == ["a", "b"]


def test_what_the_consumer_of_an_async_one_sends_and_throws_arrives():
    @task
    async def echo():
        got = yield "first"
        try:
            yield got
        except KeyError as error:
            yield error.args[0]

    async def talk():
        generator = echo()
        return [await anext(generator), await generator.asend("a"), await generator.athrow(KeyError("b"))]

    assert asyncio.run(talk()) == ["first", "a", "b"]


def test_closed_early_it_has_completed_and_cleaned_up():
    told = []

    @task(on_completion=[lambda task, run, state: told.append(state.name)])
    def endless():
        try:
            while True:
                yield 1
        finally:
            told.append("cleaned up")

    with contextlib.closing(endless()) as generator:
        next(generator)
    assert told == ["cleaned up", "Completed"]


def test_an_async_one_that_is_closed_early_has_completed_and_cleaned_up():
    told = []

    @task(on_completion=[lambda task, run, state: told.append(state.name)])
    async def endless():
        try:
            while True:
                yield 1
        finally:
            told.append("cleaned up")

    async def take_one():
        async with contextlib.aclosing(endless()) as generator:
            await anext(generator)

    asyncio.run(take_one())
    assert told == ["cleaned up", "Completed"]


def test_between_its_items_the_consumer_is_not_in_the_run():
    @task
    def look():
        yield get_run_context().task_run.name

    for name in look():
        assert name == "look"
        with pytest.raises(MissingContextError):
            get_run_context()


def test_its_time_is_that_between_the_question_and_the_item():
    @task(timeout_seconds=0.2)
    def quick():
        yield 1
        yield 2

    taken = []
    for item in quick():
        time.sleep(0.15)
        taken.append(item)
    assert taken == [1, 2]


def test_an_item_that_takes_too_long_is_not_waited_for():
    @task(timeout_seconds=0.1)
    def slow():
        yield 1
        time.sleep(60)

    generator = slow()
    assert next(generator) == 1
    with pytest.raises(TaskRunTimeoutError, match=r"timeout of 0\.1 s"):
        next(generator)


def test_an_item_of_an_async_one_that_takes_too_long_is_not_waited_for():
    @task(timeout_seconds=0.1)
    async def slow():
        yield 1
        await asyncio.sleep(60)

    with pytest.raises(TaskRunTimeoutError, match=r"timeout of 0\.1 s"):
        asyncio.run(collected(slow()))
