"""Where a run is, as Prefect's users know it: `future.state`. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from ferryman.api.phases import Phase
from ferryman.api.reasons import MEANING, Reason
from ferryman.runs import Run


class StateType(StrEnum):
    """What kind of state it is; `State.name` is finer."""

    SCHEDULED = "SCHEDULED"
    PENDING = "PENDING"
    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    CRASHED = "CRASHED"
    CANCELLING = "CANCELLING"


@dataclass(frozen=True)
class State:
    """Where a run is and why. `timestamp` is when it got there, if that is known.

    `reason` is a `ferryman.api.reasons.Reason`, "" before the operator has said anything.
    """

    type: StateType
    name: str
    message: str = ""
    reason: str = ""
    timestamp: datetime | None = None
    data: Any = None
    """The exception, in the state that a `retry_condition_fn` is given; a future has it in `exception()`."""

    def result(self, *, raise_on_failure: bool = True) -> Any:
        """`data`: raised if it is an exception, unless `raise_on_failure` is False."""
        if isinstance(self.data, BaseException) and raise_on_failure:
            raise self.data
        return self.data

    def is_scheduled(self) -> bool:
        return self.type is StateType.SCHEDULED

    def is_pending(self) -> bool:
        return self.type is StateType.PENDING

    def is_running(self) -> bool:
        return self.type is StateType.RUNNING

    def is_completed(self) -> bool:
        return self.type is StateType.COMPLETED

    def is_failed(self) -> bool:
        return self.type is StateType.FAILED

    def is_crashed(self) -> bool:
        return self.type is StateType.CRASHED

    def is_cancelled(self) -> bool:
        return self.type is StateType.CANCELLED

    def is_cancelling(self) -> bool:
        return self.type is StateType.CANCELLING

    def is_final(self) -> bool:
        """Whether it stays so forever."""
        return self.type in _FINAL

    def __str__(self) -> str:
        parts = [repr(self.message)] if self.message else []
        if self.type.value.capitalize() != self.name:
            parts.append(f"type={self.type.value}")
        return f"{self.name}({', '.join(parts)})"


_FINAL: Final = frozenset({StateType.COMPLETED, StateType.FAILED, StateType.CANCELLED, StateType.CRASHED})

_TYPES: Final[Mapping[Phase, tuple[StateType, str]]] = {
    Phase.WAITING: (StateType.PENDING, "Waiting"),
    Phase.PENDING: (StateType.PENDING, "Pending"),
    Phase.RUNNING: (StateType.RUNNING, "Running"),
    Phase.AWAITING_RETRY: (StateType.SCHEDULED, "AwaitingRetry"),
    Phase.COMPLETED: (StateType.COMPLETED, "Completed"),
    Phase.FAILED: (StateType.FAILED, "Failed"),
    Phase.CRASHED: (StateType.CRASHED, "Crashed"),
    Phase.TIMED_OUT: (StateType.FAILED, "TimedOut"),
    Phase.CANCELLED: (StateType.CANCELLED, "Cancelled"),
}

_REASONS: Final[Mapping[str, tuple[StateType, str]]] = {
    Reason.WAITING_FOR_START_TIME: (StateType.SCHEDULED, "Scheduled"),
    Reason.CANCELLING: (StateType.CANCELLING, "Cancelling"),
    Reason.CACHED: (StateType.COMPLETED, "Cached"),
    Reason.DEPENDENCY_FAILED: (StateType.FAILED, "UpstreamFailed"),
}


def state_of(run: Run) -> State:
    """The state that the run's status says."""
    kind, name = _REASONS.get(run.reason) or _TYPES[run.phase]
    if run.phase is Phase.RUNNING and kind is StateType.RUNNING and len(run.attempts) > 1:
        name = "Retrying"
    if run.cancel_requested and kind not in _FINAL:
        kind, name = StateType.CANCELLING, "Cancelling"
    return State(kind, name, run.message or _meaning(run.reason), run.reason, run.changed_at)


def _meaning(reason: str) -> str:
    known: Any = MEANING.get(reason)  # type: ignore[call-overload]
    return "" if known is None else str(known.happened)
