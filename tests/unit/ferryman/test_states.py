"""States: their names and types, and what `result()` makes of them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ferryman.exceptions import CancelledRun, RunCrashed, TaskFailed, TaskRunTimeoutError, UnfinishedRun
from ferryman.states import Completed, Failed, State, StateType, failed, state

NOW = datetime(2026, 11, 22, tzinfo=UTC)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("Scheduled", StateType.SCHEDULED),
        ("Pending", StateType.PENDING),
        ("Running", StateType.RUNNING),
        ("Retrying", StateType.RUNNING),
        ("AwaitingRetry", StateType.SCHEDULED),
        ("Completed", StateType.COMPLETED),
        ("Cached", StateType.COMPLETED),
        ("Failed", StateType.FAILED),
        ("TimedOut", StateType.FAILED),
        ("UpstreamFailed", StateType.FAILED),
        ("Crashed", StateType.CRASHED),
        ("Cancelling", StateType.CANCELLING),
        ("Cancelled", StateType.CANCELLED),
        ("RolledBack", StateType.COMPLETED),
    ],
)
def test_every_name_has_its_type(name, kind):
    found = state(name)
    assert (found.name, found.type) == (name, kind)


@pytest.mark.parametrize("kind", list(StateType))
def test_exactly_one_question_is_answered_with_yes(kind):
    found = State(kind)
    asked = ["scheduled", "pending", "running", "completed", "failed", "crashed", "cancelled", "cancelling"]
    assert [one for one in asked if getattr(found, f"is_{one}")()] == [kind.lower()]


def test_a_state_without_a_name_is_named_for_its_type():
    assert State(StateType.FAILED).name == "Failed"


def test_a_state_says_its_type_where_the_name_does_not():
    assert (str(state("Cached", "hit")), str(state("Failed"))) == (
        "Cached('hit', type=COMPLETED)",
        "Failed()",
    )


def test_in_a_list_of_states_each_says_its_name_and_its_result():
    assert repr([Completed(5), Failed(ValueError("no"), message="bad"), state("Running")]) == (
        "[Completed(result=5), Failed('bad', result=ValueError('no')), Running()]"
    )


@pytest.mark.parametrize("raising", [True, False])
def test_a_run_that_has_not_ended_has_no_result(raising):
    with pytest.raises(UnfinishedRun, match="Running"):
        state("Running").result(raise_on_failure=raising)


def test_the_data_of_a_completed_run_is_its_result_even_none_and_exceptions():
    error = ValueError()
    assert (Completed().result(), Completed(3).result(), Completed(error).result()) == (None, 3, error)


def test_the_exception_of_a_failed_run_is_raised():
    with pytest.raises(ValueError, match="no"):
        Failed(ValueError("no")).result()


def test_without_raising_the_exception_is_returned():
    error = ValueError("no")
    assert Failed(error).result(raise_on_failure=False) is error


@pytest.mark.parametrize(
    ("name", "kind"), [("Failed", TaskFailed), ("Crashed", RunCrashed), ("Cancelled", CancelledRun)]
)
def test_a_failure_without_an_exception_says_its_message(name, kind):
    with pytest.raises(kind, match="the reason"):
        state(name, "the reason").result()


def test_a_text_as_data_is_the_message():
    with pytest.raises(TaskFailed, match="the text"):
        Failed("the text").result()


def test_of_several_states_the_first_failure_counts():
    with pytest.raises(ValueError, match="second"):
        Failed([Completed(1), Failed(ValueError("second")), Failed(ValueError("third"))]).result()


def test_a_timeout_of_the_task_has_a_state_of_its_own():
    assert failed(TaskRunTimeoutError("late"), NOW).name == "TimedOut"


def test_a_timeout_that_the_function_raised_is_a_failure():
    found = failed(TimeoutError("late"), NOW)
    assert (found.name, found.message) == ("Failed", "Task run encountered an exception TimeoutError: late")


def test_an_exception_that_cannot_be_printed_is_no_obstacle():
    class Silent(Exception):
        def __str__(self):
            raise RuntimeError

    assert "Silent: (unprintable)" in failed(Silent(), NOW).message
