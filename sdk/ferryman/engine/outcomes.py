"""From what a function returned or raised to how its run has ended. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from types import TracebackType
from typing import Any

from ferryman import states
from ferryman.engine.steps import Ended
from ferryman.states import State


def of_value(value: Any, now: datetime) -> Ended:
    """A final state that the function returned is the run's own; several are summed up; else Completed."""
    return Ended(replace(_state_of(value), timestamp=now), value)


def of_error(error: BaseException, now: datetime) -> Ended:
    """Failed or TimedOut, with the error's traceback cut to what the user wrote."""
    error.__traceback__ = _of_the_user(error.__traceback__)
    return Ended(states.failed(error, now), error=error)


def _state_of(value: Any) -> State:
    if isinstance(value, State) and value.is_final():
        return value
    if isinstance(value, list | tuple | set | frozenset) and value:
        several = [one for one in value if isinstance(one, State)]
        if len(several) == len(value):
            return _summed_up(several, value)
    return states.state("Completed", data=value)


def _summed_up(several: Sequence[State], value: Any) -> State:
    failures = [one for one in several if not one.is_completed()]
    if not failures:
        return states.state("Completed", f"all {len(several)} states are completed", data=value)
    name = "Cancelled" if any(one.is_cancelled() for one in failures) else "Failed"
    return states.state(name, f"{len(failures)} of {len(several)} states are not completed", data=value)


def _of_the_user(trace: TracebackType | None) -> TracebackType | None:
    while trace and trace.tb_next and trace.tb_frame.f_globals.get("__name__", "").startswith("ferryman."):
        trace = trace.tb_next
    return trace
