"""Several futures at once: what is said of runs that nobody has taken up."""

from __future__ import annotations

import logging

import pytest

from ferryman import futures, gathering
from ferryman.api.phases import Phase
from ferryman.futures import TaskFuture
from ferryman.gathering import TaskFutureList
from ferryman.runs import Run


def a_future(name: str, reason: str) -> TaskFuture[int]:
    future: TaskFuture[int] = TaskFuture(None, "default", name, trust_pickle=False)
    future.observe(Run("default", name, f"uid-{name}", "1", "task", Phase.PENDING, reason))
    return future


@pytest.fixture
def said(caplog):
    def said(*reasons: str) -> list[str]:
        futures = TaskFutureList(a_future(f"run-{n}", reason) for n, reason in enumerate(reasons))
        with caplog.at_level(logging.WARNING, logger="ferryman"):
            futures._tell_silence()
        return [record.getMessage() for record in caplog.records]

    return said


def test_runs_of_which_none_was_taken_up_are_told_of_once(said):
    (told,) = said("", "")
    assert "run run-0: no operator has taken it up" in told


def test_the_last_runs_of_a_large_map_may_be_looked_at_late(said):
    assert said("JobCreated", "") == []


def test_prefects_users_find_them_where_they_look_for_them():
    assert (futures.as_completed, futures.wait) == (gathering.as_completed, gathering.wait)
    with pytest.raises(ImportError, match="PrefectFuture"):
        from ferryman.futures import PrefectFuture  # noqa: F401, PLC0415
