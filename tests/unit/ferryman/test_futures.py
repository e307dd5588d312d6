"""What a future knows of its run."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ferryman.api.phases import Phase
from ferryman.futures import TaskFuture
from ferryman.runs import Run


class NoCourier:
    """An access by which nothing ever arrives."""

    def deliver(self, future: TaskFuture[int], run: Run) -> None:
        pass


def a_run(phase: Phase, version: str) -> Run:
    return Run("default", "add-1", "uid-1", version, "add", phase)


@pytest.fixture
def future() -> TaskFuture[int]:
    return TaskFuture(NoCourier(), "default", "add-1", trust_pickle=False)


def test_a_late_reply_to_the_create_does_not_take_back_what_the_watch_has_told(future):
    future.observe(a_run(Phase.COMPLETED, "12"))
    future.observe(a_run(Phase.PENDING, "9"))
    assert future.state.name == "Completed"


def test_what_is_newer_counts(future):
    future.observe(a_run(Phase.PENDING, "9"))
    future.observe(a_run(Phase.RUNNING, "10"))
    assert future.state.name == "Running"


def test_versions_that_are_no_numbers_are_taken_in_the_order_in_which_they_come(future):
    future.observe(a_run(Phase.RUNNING, "b"))
    future.observe(a_run(Phase.COMPLETED, "a"))
    assert future.state.name == "Completed"


def test_a_run_in_a_list_says_its_name_and_where_it_is():
    failed = replace(a_run(Phase.FAILED, "1"), reason="UserException")
    assert (
        repr([a_run(Phase.RUNNING, "1"), failed]) == "[<Run add-1 Running>, <Run add-1 Failed UserException>]"
    )
