"""From what a function returned or raised to how its run has ended. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from types import TracebackType
from typing import Any

from ferryman import states
from ferryman.engine.steps import Ended
from ferryman.states import State


def of_value(value: Any, now: datetime, *, of_flow: bool = False) -> Ended:
    """In the state that the function returned, if it did; else Completed.

    A task's call gives such a state to its caller. A flow's gives what is in it, or raises that.
    """
    state = replace(states.returned(value), timestamp=now)
    if not of_flow or not isinstance(value, State) or not value.is_final():
        return Ended(state, value)
    inside = state.result(raise_on_failure=False)
    return Ended(state, inside) if state.is_completed() else Ended(state, error=inside)


def of_error(error: BaseException, now: datetime) -> Ended:
    """Failed or TimedOut, with the error's traceback cut to what the user wrote."""
    error.__traceback__ = of_the_user(error.__traceback__)
    return Ended(states.failed(error, now), error=error)


def of_the_user(trace: TracebackType | None) -> TracebackType | None:
    """The traceback from the first frame that is not of this package."""
    while trace and trace.tb_next and trace.tb_frame.f_globals.get("__name__", "").startswith("ferryman."):
        trace = trace.tb_next
    return trace
