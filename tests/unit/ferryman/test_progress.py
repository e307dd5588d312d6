"""The live table tells how many runs are where, and why one waits."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from rich.console import Console

from ferryman.progress import Progress
from ferryman.runs import Run
from ferryman.states import State, StateType

COMPLETED = State(StateType.COMPLETED, "Completed")
FAILED = State(StateType.FAILED, "Failed", "ValueError: no")
PENDING = State(StateType.PENDING, "Pending", "0/3 nodes are available")


@dataclass
class ARun:
    state: State
    name: str = "load"
    run: Run | None = None

    def done(self) -> bool:
        return self.state.is_final()


def drawn(*states: State, width: int = 110) -> str:
    console = Console(width=width, force_terminal=False)
    with console.capture() as captured:
        console.print(Progress([ARun(state) for state in states]))
    return captured.get()


@pytest.mark.parametrize("part", ["load", "1/2", "1 Completed", "1 Pending", "0/3 nodes are available"])
def test_a_task_is_a_row_with_its_numbers_and_why_one_of_its_runs_waits(part):
    assert part in drawn(COMPLETED, PENDING)


@pytest.mark.parametrize(("width", "has_bar"), [(120, True), (80, True), (60, False)])
def test_a_narrow_terminal_has_the_words_whole_and_no_bar(width, has_bar):
    table = drawn(COMPLETED, PENDING, width=width)
    assert "1 Completed  1 Pending" in table
    assert ("━" in table) is has_bar
    assert "…" not in table


def test_a_single_run_says_how_it_ended():
    assert "Failed  ValueError: no" in drawn(FAILED)
