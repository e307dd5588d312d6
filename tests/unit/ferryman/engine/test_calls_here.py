"""A task that is called in this process, as stories."""

from __future__ import annotations

import asyncio
import builtins
import logging
import threading
import time
import traceback

import pytest

from ferryman import get_run_context, get_run_logger, quote, tags, task, unmapped
from ferryman.exceptions import (
    MissingContextError,
    ParameterBindError,
    RunCrashed,
    TaskRunTimeoutError,
    UpstreamTaskError,
)
from ferryman.states import Cancelled, Completed, Failed


class Flaky:
    """Fails so many times, then returns how often it was called."""

    def __init__(self, failures, error=ValueError):
        self.left = failures
        self.error = error
        self.calls = 0

    def __call__(self, *_):
        self.calls += 1
        if self.left:
            self.left -= 1
            raise self.error(f"failure {self.calls}")
        return self.calls


def run_both(function, *args, **kwargs):
    """What a task returns, or what its coroutine does."""
    found = function(*args, **kwargs)
    return asyncio.run(found) if asyncio.iscoroutine(found) else found


def both_kinds(fn, **options):
    """The task of a function, and of a coroutine function that does the same."""

    async def coroutine(*args):
        await asyncio.sleep(0)
        return fn(*args)

    return [task(fn, **options) if not options else task(**options)(fn), task(**options)(coroutine)]


# ---- attempts


@pytest.mark.parametrize("place", [0, 1], ids=["function", "coroutine"])
def test_a_failure_is_tried_again_until_it_succeeds(place):
    flaky = Flaky(2)
    assert run_both(both_kinds(flaky, retries=3, name="t")[place]) == 3


@pytest.mark.parametrize("place", [0, 1], ids=["function", "coroutine"])
def test_the_last_failure_is_raised(place):
    flaky = Flaky(9)
    with pytest.raises(ValueError, match="failure 3"):
        run_both(both_kinds(flaky, retries=2, name="t")[place])
    assert flaky.calls == 3


@pytest.mark.parametrize("place", [0, 1], ids=["function", "coroutine"])
@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_what_is_no_exception_is_never_tried_again_and_always_raised(place, error):
    flaky, hooks = Flaky(1, error), []
    made = both_kinds(flaky, retries=3, name="t", on_failure=[lambda *_: hooks.append(1)])[place]
    with pytest.raises(error):
        run_both(made, return_state=True)
    assert (flaky.calls, hooks) == (1, [])


def test_the_traceback_of_what_ended_a_run_begins_with_the_users_own_frames():
    @task
    def leave():
        raise SystemExit(3)

    with pytest.raises(SystemExit) as caught:
        leave()
    assert not {"_executed", "perform", "call_within"} & set(names_of_frames(caught.value))
    assert names_of_frames(caught.value)[-1] == "leave"


def test_a_condition_is_asked_with_the_task_its_run_and_the_state():
    asked = []

    def condition(task, run, state):
        asked.append((task.name, run.run_count, state.name, str(state.data)))
        return run.run_count < 2

    flaky = Flaky(9)
    made = task(name="t", retries=5, retry_condition_fn=condition)(flaky)
    with pytest.raises(ValueError, match="failure 2"):
        made()
    assert asked == [("t", 1, "Failed", "failure 1"), ("t", 2, "Failed", "failure 2")]


def test_a_condition_is_not_asked_where_no_retry_is_left():
    asked = []
    made = task(name="t", retries=1, retry_condition_fn=lambda *_: asked.append(1) or True)(Flaky(9))
    with pytest.raises(ValueError, match="failure 2"):
        made()
    assert asked == [1]


@pytest.mark.parametrize("place", [0, 1], ids=["function", "coroutine"])
def test_a_condition_may_be_async(place):
    async def condition(task, run, state):
        await asyncio.sleep(0)
        return False

    flaky = Flaky(1)
    with pytest.raises(ValueError, match="failure 1"):
        run_both(both_kinds(flaky, name="t", retries=3, retry_condition_fn=condition)[place])


def test_a_condition_that_raises_means_no_and_is_logged(caplog):
    made = task(name="t", retries=3, retry_condition_fn=lambda *_: 1 / 0)(Flaky(1))
    with pytest.raises(ValueError, match="failure 1"):
        made()
    assert "its retry condition raised" in caplog.text


class Judge:
    def allows(self, task, run, state):
        return "1" in str(state.data)


def test_a_bound_method_is_a_condition():
    assert task(name="t", retries=3, retry_condition_fn=Judge().allows)(Flaky(1))() == 2


def test_the_failures_on_the_way_are_told(caplog):
    task(name="t", retries=1)(Flaky(1))()
    assert "run t: attempt 1 of 2: Task run encountered an exception ValueError: failure 1" in caplog.text


# ---- states


def test_return_state_gives_the_final_state_and_does_not_raise():
    state = task(name="t")(Flaky(1))(return_state=True)
    assert (state.name, str(state.data), state.timestamp is not None) == ("Failed", "failure 1", True)
    with pytest.raises(ValueError, match="failure 1"):
        state.result()


def test_a_coroutine_gives_its_state_when_it_is_awaited():
    @task
    async def add(x, y):
        return x + y

    assert asyncio.run(add(1, 2, return_state=True)).result() == 3


def test_what_the_function_returns_is_the_very_object():
    given = object()
    assert task(lambda: given)() is given


def test_a_state_that_the_function_returns_is_the_runs_own():
    made = task(lambda: Completed(3, name="Skipped", message="nothing to do"))
    state = made(return_state=True)
    assert (state.name, state.message, state.result(), made().name) == (
        "Skipped",
        "nothing to do",
        3,
        "Skipped",
    )


def test_a_failed_state_that_the_function_returns_is_tried_again_and_not_raised():
    calls = []

    @task(retries=2)
    def refuse():
        calls.append(1)
        return Failed(message="no")

    assert (refuse().name, len(calls)) == ("Failed", 3)


@pytest.mark.parametrize(
    ("returned", "name"),
    [
        ([Completed(1), Completed(2)], "Completed"),
        ([Completed(1), Failed(ValueError("no"))], "Failed"),
        ((Completed(1), Cancelled(), Failed()), "Cancelled"),
        ([], "Completed"),
        ([Completed(1), 2], "Completed"),
    ],
)
def test_several_states_are_summed_up(returned, name):
    made = task(lambda: returned)
    assert (made(return_state=True).name, made()) == (name, returned)


def test_an_exception_that_is_returned_is_a_value():
    error = ValueError()
    assert task(lambda: error)() is error


def test_a_generator_that_is_returned_becomes_a_list():
    assert task(lambda: (x for x in range(3)))() == [0, 1, 2]


# ---- arguments


def test_a_call_that_does_not_fit_raises_at_once_also_of_a_coroutine():
    @task
    async def add(x, y): ...

    with pytest.raises(ParameterBindError, match="missing"):
        add(1)


def test_states_among_the_arguments_are_their_results():
    assert task(lambda x: x)({"a": [Completed(1)]}) == {"a": [1]}


def test_an_upstream_that_failed_is_raised_and_the_function_is_not_called():
    calls, error = [], ValueError("no")
    made = task(retries=3, on_failure=[lambda *_: calls.append("hook")])(calls.append)
    with pytest.raises(UpstreamTaskError) as raised:
        made(Failed(error))
    assert (raised.value.__cause__, calls) == (error, [])


def test_an_upstream_that_failed_is_a_state_of_its_own():
    state = task(lambda: 1)(wait_for=[Failed(ValueError("no"))], return_state=True)
    assert (state.name, state.is_failed(), type(state.data)) == ("UpstreamFailed", True, UpstreamTaskError)


def test_marks_are_taken_off():
    assert task(lambda *a: a)(unmapped([1]), quote(2)) == ([1], 2)


def test_what_is_quoted_is_not_looked_into():
    state = Completed(1)
    assert task(lambda x: x)(quote([state])) == [state]


def test_a_list_that_contains_itself_is_no_obstacle():
    loop: list = [1]
    loop.append(loop)
    assert task(lambda x: x)(loop) is loop


@pytest.mark.parametrize("options", [{"name": "t"}, {"persist_result": True}])
def test_a_generator_among_the_arguments_arrives_untouched(options):
    assert task(**options)(list)(n for n in range(3)) == [0, 1, 2]


# ---- names, tags, context


def test_the_runs_name_is_rendered_once_from_the_arguments_with_defaults():
    names = []

    def name(parameters):
        names.append(parameters)
        return "load-{x}-{y}".format(**parameters)

    @task(task_run_name=name, retries=2)
    def load(x, y=2):
        if get_run_context().task_run.run_count < 3:
            raise ValueError
        return get_run_context().task_run.name

    assert (load(1), names) == ("load-1-2", [{"x": 1, "y": 2}])


@pytest.mark.parametrize("template", ["{nothing}", lambda: 5, lambda: 1 / 0])
def test_a_name_that_cannot_be_rendered_fails_the_run(template):
    calls = []
    made = task(task_run_name=template, retries=3, on_failure=[lambda *_: calls.append("hook")])(lambda: 1)
    assert (made(return_state=True).name, calls) == ("Failed", ["hook"])
    with pytest.raises((KeyError, TypeError, ZeroDivisionError)):
        made()


def test_the_context_has_the_task_the_run_and_the_parameters():
    @task(tags=["a"], retries=1)
    def look(x, y=2):
        here = get_run_context()
        return here.task.name, here.task_run.tags, here.task_run.run_count, here.parameters

    with tags("b"), tags("c"):
        assert look(1) == ("look", {"a", "b", "c"}, 1, {"x": 1, "y": 2})


def test_after_the_call_there_is_no_context():
    task(lambda: 1)()
    with pytest.raises(MissingContextError):
        get_run_context()


def test_a_task_in_a_task_has_a_context_of_its_own_and_gives_the_outer_back():
    @task(name="inner")
    def inner():
        return get_run_context().task.name

    @task(name="outer")
    def outer():
        return inner(), get_run_context().task.name

    assert outer() == ("inner", "outer")


def test_coroutines_side_by_side_have_their_own_contexts():
    @task
    async def who(number):
        await asyncio.sleep(0)
        return number == get_run_context().parameters["number"]

    async def all_of_them():
        return await asyncio.gather(*(who(n) for n in range(5)))

    assert asyncio.run(all_of_them()) == [True] * 5


# ---- timeouts


def test_a_blocking_call_is_stopped_at_the_timeout():
    @task(timeout_seconds=0.1)
    def sleep():
        time.sleep(60)

    with pytest.raises(TaskRunTimeoutError, match=r"0\.1 s"):
        sleep()


def names_of_frames(error):
    return [frame.name for frame in traceback.extract_tb(error.__traceback__)]


def test_the_traceback_of_a_timeout_shows_where_the_function_was():
    def deeper():
        time.sleep(60)

    @task(timeout_seconds=0.1)
    def sleep():
        deeper()

    @task(timeout_seconds=0.1)
    async def wait():
        await asyncio.sleep(60)

    with pytest.raises(TaskRunTimeoutError) as caught:
        sleep()
    assert names_of_frames(caught.value)[-2:] == ["sleep", "deeper"]
    with pytest.raises(TaskRunTimeoutError) as caught:
        asyncio.run(wait())
    assert "wait" in names_of_frames(caught.value)


def test_an_attempt_that_timed_out_is_tried_again():
    calls = []

    @task(timeout_seconds=0.1, retries=1)
    def slow_at_first():
        calls.append(1)
        if len(calls) == 1:
            time.sleep(60)
        return len(calls)

    assert slow_at_first() == 2


def test_its_final_state_is_timed_out_and_failed():
    state = task(timeout_seconds=0.05)(lambda: time.sleep(60))(return_state=True)
    assert (state.name, state.is_failed()) == ("TimedOut", True)


def test_a_timeout_that_the_function_raised_is_its_own_failure():
    def fail():
        raise TimeoutError("mine")

    state = task(fail)(return_state=True)
    assert (state.name, str(state.data)) == ("Failed", "mine")


def test_a_coroutine_is_stopped_where_it_awaits():
    @task(timeout_seconds=0.05)
    async def sleep():
        await asyncio.sleep(60)

    assert asyncio.run(sleep(return_state=True)).name == "TimedOut"


def test_in_another_thread_the_caller_is_not_kept_waiting():
    stopped, found = threading.Event(), []

    @task(timeout_seconds=0.05)
    def spin():
        try:
            while True:
                time.sleep(0.001)
        finally:
            stopped.set()

    thread = threading.Thread(target=lambda: found.append(spin(return_state=True).name))
    thread.start()
    thread.join(30)
    assert (found, stopped.wait(30)) == (["TimedOut"], True)


def test_in_another_thread_the_function_finds_its_context():
    found = []
    made = task(timeout_seconds=30)(lambda: get_run_context().task_run.run_count)
    thread = threading.Thread(target=lambda: found.append(made()))
    thread.start()
    thread.join(30)
    assert found == [1]


def test_the_inner_timeout_stops_the_inner_task_only():
    @task(timeout_seconds=0.05)
    def inner():
        time.sleep(60)

    @task(timeout_seconds=60)
    def outer():
        return inner(return_state=True).name

    assert outer() == "TimedOut"


def test_the_outer_timeout_stops_both():
    reached = []

    @task(timeout_seconds=60)
    def inner():
        time.sleep(60)

    @task(timeout_seconds=0.1)
    def outer():
        inner(return_state=True)
        reached.append(1)

    assert (outer(return_state=True).name, reached) == ("TimedOut", [])


def test_a_function_that_catches_everything_has_timed_out_all_the_same():
    @task(timeout_seconds=0.05)
    def stubborn():
        try:
            time.sleep(60)
        except BaseException:
            return "went on"

    assert stubborn(return_state=True).name == "TimedOut"


def test_hooks_do_not_count_for_the_timeout():
    @task(timeout_seconds=0.1, on_completion=[lambda *_: time.sleep(0.3)])
    def quick():
        return 1

    assert quick(return_state=True).name == "Completed"


# ---- hooks


@pytest.mark.parametrize("place", [0, 1], ids=["function", "coroutine"])
def test_hooks_run_once_in_order_after_the_last_attempt(place):
    told = []

    async def second(task, run, state):
        await asyncio.sleep(0)
        told.append(("second", run.run_count, state.name))

    def first(task, run, state):
        told.append(("first", run.run_count, state.name))

    made = both_kinds(Flaky(9), name="t", retries=2, on_failure=[first, second], on_completion=[first])[place]
    run_both(made, return_state=True)
    assert told == [("first", 3, "Failed"), ("second", 3, "Failed")]


def test_a_hook_is_inside_of_the_run_and_can_read_the_result():
    told = []

    def hook(task, run, state):
        told.append((get_run_context().task_run.id == run.id, state.result()))

    task(on_completion=[hook])(lambda: 5)()
    assert told == [(True, 5)]


def test_a_hook_that_raises_changes_nothing_and_the_next_is_called(caplog):
    told = []
    made = task(on_completion=[lambda: 1, lambda *_: 1 / 0, lambda *_: told.append(1)])(lambda: 5)
    assert (made(), told) == (5, [1])
    assert caplog.text.count("a hook raised") == 2


def test_a_hook_that_is_no_exception_crashes_the_run():
    def leave(*_):
        raise SystemExit(3)

    with pytest.raises(SystemExit):
        task(on_completion=[leave])(lambda: 5)()


# ---- prints and logs


def test_what_a_task_prints_goes_to_its_logger_if_it_says_so(caplog, capsys):
    caplog.set_level(logging.INFO, logger="ferryman.task_runs")

    @task(log_prints=True, task_run_name="run-{x}")
    def speak(x):
        print("value", x, sep="=")

    speak(3)
    (record,) = [one for one in caplog.records if one.getMessage() == "value=3"]
    assert (record.name, record.run_name, capsys.readouterr().out) == ("ferryman.task_runs", "run-3", "")


def test_a_task_prints_as_its_caller_does_unless_it_says_otherwise(caplog, capsys):
    caplog.set_level(logging.INFO, logger="ferryman.task_runs")
    quiet, loud = task(lambda: print("inherited")), task(log_prints=False)(lambda: print("plain"))

    @task(log_prints=True)
    def outer():
        quiet()
        loud()

    outer()
    assert (capsys.readouterr().out, "inherited" in caplog.text) == ("plain\n", True)


def test_print_is_pythons_own_afterwards():
    before = builtins.print
    task(log_prints=True)(lambda: print("x"))()
    assert builtins.print is before


def test_a_print_into_a_file_is_left_alone(tmp_path):
    @task(log_prints=True)
    def write():
        with (tmp_path / "out").open("w") as out:
            print("x", file=out)

    write()
    assert (tmp_path / "out").read_text() == "x\n"


def test_the_run_logger_knows_the_run(caplog):
    caplog.set_level(logging.INFO, logger="ferryman.task_runs")

    @task(retries=1)
    def speak():
        get_run_logger().info("hello %s", "there", extra={"mine": 1})

    speak()
    (record,) = [one for one in caplog.records if one.getMessage() == "hello there"]
    assert (record.run_name, record.run_count, record.mine) == ("speak", 1, 1)


def test_outside_of_a_run_there_is_no_logger():
    with pytest.raises(MissingContextError):
        get_run_logger()


# ---- methods


class Counter:
    def __init__(self, start):
        self.start = start

    @task(retries=1)
    def add(self, number):
        return self.start + number

    @classmethod
    @task
    def name(cls):
        return cls.__name__

    @staticmethod
    @task
    def plain(number):
        return number

    def __len__(self):
        return 0


def test_a_method_is_bound_to_its_own_instance():
    first, second = Counter(1), Counter(2)
    add = first.add
    assert (second.add(1), add(1), Counter.add(first, 5)) == (3, 2, 6)


def test_class_methods_and_static_methods_over_a_task():
    assert (Counter.name(), Counter(1).name(), Counter.plain(3), Counter(1).plain(3)) == (
        "Counter",
        "Counter",
        3,
        3,
    )


def test_a_crashed_state_without_an_exception_raises_run_crashed():
    from ferryman.states import state

    with pytest.raises(RunCrashed):
        state("Crashed", "gone").result()
