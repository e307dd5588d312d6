"""Why a run left no value, as an exception: one table from reasons to classes. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from ferryman import exceptions
from ferryman.api.phases import Phase
from ferryman.api.reasons import MEANING, Budget, Reason

OWN_EXCEPTION: Final = frozenset({Reason.USER_EXCEPTION, Reason.RETRY_CONDITION_DECLINED})
"""The function raised: the caller gets that very exception, if its blob can be had."""

_CLASSES: Final[Mapping[str, type[exceptions.RunFailed]]] = {
    Reason.USER_EXCEPTION: exceptions.TaskFailed,
    Reason.RETRY_CONDITION_DECLINED: exceptions.TaskFailed,
    Reason.OOM_KILLED: exceptions.OutOfMemory,
    Reason.PROCESS_EXITED: exceptions.RunCrashed,
    Reason.DEADLINE_EXCEEDED: exceptions.DeadlineExceeded,
    Reason.DEPENDENCY_FAILED: exceptions.UpstreamTaskError,
    Reason.DEPENDENCY_NOT_FOUND: exceptions.UpstreamTaskError,
    Reason.CANCELLED: exceptions.CancelledRun,
}

_PLAIN: Final[Mapping[str, type[exceptions.FerrymanError]]] = {
    Reason.TIMEOUT: exceptions.TaskRunTimeoutError,
    Reason.PYTHON_VERSION_MISMATCH: exceptions.VersionMismatch,
}
"""Classes that are no RunFailed, because code that catches them is not about runs."""

_PHASES: Final[Mapping[Phase, type[exceptions.RunFailed]]] = {
    Phase.CANCELLED: exceptions.CancelledRun,
    Phase.CRASHED: exceptions.RunCrashed,
    Phase.TIMED_OUT: exceptions.DeadlineExceeded,
}


class Ended(Protocol):
    """What is read of a run that has ended."""

    @property
    def name(self) -> str: ...
    @property
    def phase(self) -> Phase: ...
    @property
    def reason(self) -> str: ...
    @property
    def message(self) -> str: ...
    @property
    def attempts(self) -> Sequence[object]: ...


def failure_of(run: Ended) -> exceptions.FerrymanError:
    """The exception for a run that ended without a value. Its message says what, where and what to do."""
    text = _message(run)
    plain = _PLAIN.get(run.reason)
    if plain is not None:
        return plain(text)
    return _class_of(run)(text, run=run.name, reason=run.reason, attempts=run.attempts)


def _class_of(run: Ended) -> type[exceptions.RunFailed]:
    found = _CLASSES.get(run.reason)
    if found is not None:
        return found
    if run.reason in MEANING and MEANING[Reason(run.reason)].budget is Budget.INFRASTRUCTURE:
        return exceptions.AttemptsExhausted
    return _PHASES.get(run.phase, exceptions.RunRefused)


def _message(run: Ended) -> str:
    said = run.message or run.reason or run.phase.value
    if run.reason in MEANING:
        meaning = MEANING[Reason(run.reason)]
        happened = said if run.message else meaning.happened
        return f"run {run.name}: {happened} [{run.reason}] {meaning.remedy}"
    return f"run {run.name}: {said}" + (f" [{run.reason}]" if run.reason and run.message else "")
