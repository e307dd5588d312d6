"""Which hooks of a task are called when its run has ended. Pure."""

from __future__ import annotations

from typing import Any

from ferryman.options import Hook
from ferryman.states import State


def of(task: Any, state: State) -> tuple[Hook, ...]:
    """`on_completion` for a run that has completed, `on_failure` for one that has failed, in order.

    One that crashed, was cancelled, or never started because of an upstream has none.
    """
    if state.is_completed():
        return task.options.on_completion  # type: ignore[no-any-return]
    if state.is_failed() and state.name != "UpstreamFailed":
        return task.options.on_failure  # type: ignore[no-any-return]
    return ()
