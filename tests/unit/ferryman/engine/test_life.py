"""The order of events in a run, against a model: how often, after how long, with which state in the end."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferryman import task
from ferryman.api import jitter
from ferryman.delays import before_retry
from ferryman.engine.life import Invocation, Life
from ferryman.engine.steps import Ask, Block, Execute, Script, Sleep
from ferryman.exceptions import TaskRunTimeoutError
from ferryman.transaction_tree import Kept

NOW = datetime(2026, 11, 22, tzinfo=UTC)

OUTCOMES = {
    "returns": None,
    "raises": ValueError("no"),
    "takes too long": TaskRunTimeoutError("late"),
    "is interrupted": KeyboardInterrupt(),
}


@dataclass
class Played:
    """What a life asked for, when every attempt went as it was told."""

    names: list[str] = field(default_factory=list)
    executions: int = 0
    slept: list[float] = field(default_factory=list)
    hooks: list[str] = field(default_factory=list)
    crash: BaseException | None = None
    ended: object = None


def play(made, outcomes, boundary=None):
    """Carry out the life of a call, without a clock: attempt n ends as `outcomes[n]` says."""
    found = Played()
    life = Life(Invocation(made, made.bind((), {})), lambda: NOW, lambda here, caches: boundary)
    ends = iter(outcomes)
    script = Script(life.steps())
    try:
        while (step := script.step) is not None:
            _perform(step, script, found, ends)
        found.ended = script.ended
    except BaseException as crash:
        found.crash = crash
    found.names = [state.name for state in life.states]
    return found


def _perform(step, script, found, ends):
    if isinstance(step, Sleep):
        found.slept.append(step.seconds)
        script.done(None)
    elif isinstance(step, Execute):
        found.executions += 1
        error = OUTCOMES[next(ends)]
        script.done(found.executions) if error is None else script.failed(error)
    else:
        assert isinstance(step, Ask | Block)
        _answer(step.function, script)


def _answer(function, script):
    try:
        reply = function()
    except Exception as error:
        script.failed(error)
    else:
        script.done(reply)


@given(
    outcomes=st.lists(st.sampled_from(sorted(OUTCOMES)), min_size=8, max_size=8),
    retries=st.integers(0, 6),
    delays=st.one_of(st.floats(0, 100), st.lists(st.floats(0, 100), max_size=8)),
    refused=st.integers(1, 8),
)
def test_a_run_goes_as_the_model_says(outcomes, retries, delays, refused):
    hooks = []
    made = task(
        retries=retries,
        retry_delay_seconds=delays,
        retry_condition_fn=lambda task, run, state: run.run_count != refused,
        on_completion=[lambda task, run, state: hooks.append(state.name)],
        on_failure=[lambda task, run, state: hooks.append(state.name)],
    )(lambda: 1)
    played = play(made, outcomes)

    failing = ("raises", "takes too long")
    last = next(
        n for n in range(1, retries + 2) if outcomes[n - 1] not in failing or n == retries + 1 or n == refused
    )
    names = {"returns": "Completed", "raises": "Failed", "takes too long": "TimedOut"}
    final = names.get(outcomes[last - 1], "Crashed")
    waited = [before_retry(made.options.delays, n) for n in range(1, last)]

    assert played.executions == last
    assert played.slept == [pytest.approx(seconds, abs=1e-6) for seconds in waited if round(seconds * 1e6)]
    assert played.names[-1] == final
    assert (played.names.count("Running"), played.names.count("Retrying")) == (1, last - 1)
    assert (played.crash is None) == (final != "Crashed")
    assert hooks == ([] if final == "Crashed" else [final])


@given(st.floats(0.001, 1000), st.floats(0.01, 20), st.integers(1, 5))
def test_a_jittered_delay_is_within_its_bounds(delay, factor, retries):
    made = task(retries=retries, retry_delay_seconds=delay, retry_jitter_factor=factor)(lambda: 1)
    low, high = jitter.bounds(delay, factor)
    slept = play(made, ["raises"] * (retries + 1)).slept
    assert len(slept) == retries
    assert all(low - 1e-6 <= seconds <= high + 1e-6 for seconds in slept)


def test_the_states_of_a_run_that_is_tried_again_after_a_while():
    made = task(retries=2, retry_delay_seconds=[0, 5])(lambda: 1)
    assert play(made, ["raises", "raises", "returns"]).names == [
        "Pending",
        "Running",
        "Retrying",
        "AwaitingRetry",
        "Retrying",
        "Completed",
    ]


class Recorder:
    """A boundary that writes down what it is asked."""

    def __init__(self, found=None, refuses=None):
        self.found, self.refuses, self.told = found, refuses, []

    def begin(self):
        self.told.append("begin")
        return self.found

    def complete(self, value):
        self.told.append(("complete", value))
        if self.refuses:
            raise self.refuses

    def fail(self, error, *, final):
        self.told.append(("fail", type(error).__name__, final))


def test_what_is_in_the_cache_is_not_executed():
    recorder = Recorder(found=Kept(7))
    played = play(task(lambda: 1), [], recorder)
    assert (played.ended.value, played.names[-1], played.executions, recorder.told) == (
        7,
        "Cached",
        0,
        ["begin"],
    )


def test_only_the_last_failure_is_final():
    recorder = Recorder()
    play(task(retries=1)(lambda: 1), ["raises", "raises"], recorder)
    assert recorder.told == ["begin", ("fail", "ValueError", False), "begin", ("fail", "ValueError", True)]


def test_a_success_after_a_failure_is_completed():
    recorder = Recorder()
    play(task(retries=1)(lambda: 1), ["raises", "returns"], recorder)
    assert recorder.told == ["begin", ("fail", "ValueError", False), "begin", ("complete", 2)]


def test_a_crash_is_final():
    recorder = Recorder()
    play(task(retries=1)(lambda: 1), ["is interrupted"], recorder)
    assert recorder.told == ["begin", ("fail", "KeyboardInterrupt", True)]


def test_a_result_that_cannot_be_stored_fails_the_run_for_good():
    recorder = Recorder(refuses=OSError("disk full"))
    played = play(task(retries=3)(lambda: 1), ["returns"], recorder)
    assert (played.names[-1], played.executions, str(played.ended.error)) == ("Failed", 1, "disk full")
    assert recorder.told[-1] == ("fail", "OSError", True)
