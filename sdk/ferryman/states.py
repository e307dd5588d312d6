"""Where a run is, as Prefect's users know it: `future.state`, and what hooks and conditions get. Pure.

Standard library only: the runner loads this module.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Protocol

from ferryman.api.phases import Phase
from ferryman.api.reasons import MEANING, Reason
from ferryman.exceptions import (
    CancelledRun,
    FerrymanError,
    RunCrashed,
    TaskFailed,
    TaskRunTimeoutError,
    UnfinishedRun,
)
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


class ResultSource(Protocol):
    """Who has the outcome of a run whose state does not hold it: its future."""

    def result(self, timeout: float | None = None, raise_on_failure: bool = True) -> Any: ...


@dataclass(frozen=True, repr=False)
class State:
    """Where a run is and why. `timestamp` is when it got there, if that is known.

    `reason` is a `ferryman.api.reasons.Reason`, "" before the operator has said anything and
    for a run in this process. `data` is what the function returned, or the exception.
    """

    type: StateType
    name: str = ""
    message: str = ""
    reason: str = ""
    timestamp: datetime | None = None
    data: Any = None
    source: ResultSource | None = field(default=None, compare=False)
    """Where the outcome is, if not in `data`."""

    def __post_init__(self) -> None:
        if not self.name:
            object.__setattr__(self, "name", self.type.value.capitalize())

    def result(self, raise_on_failure: bool = True) -> Any:
        """What the function returned. Raises what it raised, or returns it without `raise_on_failure`.

        Raises UnfinishedRun where the run has not ended. A failed state without an exception
        raises TaskFailed, RunCrashed or CancelledRun with the state's message.
        """
        if not self.is_final():
            raise UnfinishedRun(f"the run has not ended, it is {self}")
        if self.source is not None:
            return self.source.result(None, raise_on_failure)
        if self.is_completed():
            return self.data
        error = self._error()
        if raise_on_failure:
            raise error
        return error

    def _error(self) -> BaseException:
        if isinstance(self.data, BaseException):
            return self.data
        inner = [one for one in _states(self.data) if not one.is_completed()]
        if inner:
            return inner[0]._error()  # noqa: SLF001 - of this class
        text = self.data if isinstance(self.data, str) else self.message
        return _WRAPPERS[self.type](text or f"the run is {self.name}")

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
        return f"{self.name}({', '.join(self._told())})"

    def __repr__(self) -> str:
        """The same, and the result of a run that has ended, where it is at hand."""
        result = [f"result={self.data!r}"] if self.is_final() and self.source is None else []
        return f"{self.name}({', '.join([*self._told(), *result])})"

    def _told(self) -> list[str]:
        parts = [repr(self.message)] if self.message else []
        if self.type.value.capitalize() != self.name:
            parts.append(f"type={self.type.value}")
        return parts


_FINAL: Final = frozenset({StateType.COMPLETED, StateType.FAILED, StateType.CANCELLED, StateType.CRASHED})

_WRAPPERS: Final[Mapping[StateType, type[FerrymanError]]] = {
    StateType.FAILED: TaskFailed,
    StateType.CRASHED: RunCrashed,
    StateType.CANCELLED: CancelledRun,
}

# ---- states by their names, for those who execute runs and for functions that return one

_NAMED: Final[Mapping[str, StateType]] = {
    "Scheduled": StateType.SCHEDULED,
    "Pending": StateType.PENDING,
    "Running": StateType.RUNNING,
    "Retrying": StateType.RUNNING,
    "AwaitingRetry": StateType.SCHEDULED,
    "Completed": StateType.COMPLETED,
    "Cached": StateType.COMPLETED,
    "RolledBack": StateType.COMPLETED,
    "Failed": StateType.FAILED,
    "TimedOut": StateType.FAILED,
    "UpstreamFailed": StateType.FAILED,
    "Crashed": StateType.CRASHED,
    "Cancelling": StateType.CANCELLING,
    "Cancelled": StateType.CANCELLED,
}


def state(
    name: str, message: str = "", *, data: Any = None, reason: str = "", timestamp: datetime | None = None
) -> State:
    """The state of this name. Raises KeyError for a name that is none."""
    return State(_NAMED[name], name, message, reason, timestamp, data)


def Completed(data: Any = None, message: str = "", name: str = "Completed") -> State:  # noqa: N802
    """What a function returns to end its run so, with a message or under a name of its own."""
    return State(StateType.COMPLETED, name, message, data=data)


def Failed(data: Any = None, message: str = "", name: str = "Failed") -> State:  # noqa: N802
    """What a function returns to fail without raising; `data` may be an exception."""
    return State(StateType.FAILED, name, message, data=data)


def Cancelled(data: Any = None, message: str = "", name: str = "Cancelled") -> State:  # noqa: N802
    """What a function returns to end its run as cancelled."""
    return State(StateType.CANCELLED, name, message, data=data)


def returned(value: Any) -> State:
    """The state of a run whose function returned `value`.

    A final state is the run's own, a collection of states is summed up: Completed if all are,
    else Cancelled or Failed. Whatever else it is, the run has completed.
    """
    if isinstance(value, State) and value.is_final():
        return value
    several = _states(value) if isinstance(value, list | tuple | set | frozenset) else []
    if not several or len(several) < len(value):
        return state("Completed", data=value)
    failures = [one for one in several if not one.is_completed()]
    if not failures:
        return state("Completed", f"all {len(several)} states are completed", data=value)
    name = "Cancelled" if any(one.is_cancelled() for one in failures) else "Failed"
    return state(name, f"{len(failures)} of {len(several)} states are not completed", data=value)


def failed(error: BaseException, timestamp: datetime) -> State:
    """The state of an attempt that raised, as retry conditions and hooks get it."""
    if isinstance(error, TaskRunTimeoutError):
        return state("TimedOut", _text(error), data=error, timestamp=timestamp)
    told = f"Task run encountered an exception {type(error).__name__}: {_text(error)}"
    return state("Failed", told, data=error, timestamp=timestamp)


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - whatever a user's __str__ raises.
        return "(unprintable)"


def _states(value: Any) -> Sequence[State]:
    if isinstance(value, State):
        return [value]
    if isinstance(value, list | tuple | set | frozenset):
        return [one for one in value if isinstance(one, State)]
    return []


# ---- from what the operator says

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


def state_of(run: Run, source: ResultSource | None = None) -> State:
    """The state that the run's status says; `source` has its outcome."""
    kind, name = _REASONS.get(run.reason) or _TYPES[run.phase]
    if run.phase is Phase.RUNNING and kind is StateType.RUNNING and len(run.attempts) > 1:
        name = "Retrying"
    if run.cancel_requested and kind not in _FINAL:
        kind, name = StateType.CANCELLING, "Cancelling"
    message = run.message or _meaning(run.reason)
    return State(kind, name, message, run.reason, run.changed_at, source=source)


def _meaning(reason: str) -> str:
    known: Any = MEANING.get(reason)  # type: ignore[call-overload]
    return "" if known is None else str(known.happened)
