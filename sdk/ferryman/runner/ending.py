"""How an attempt ended, as a value, and the exit code that says so. Standard library only."""

from __future__ import annotations

from typing import Final, NamedTuple

from ferryman.api.phases import Outcome
from ferryman.api.reasons import MEANING, Budget, Reason
from ferryman.api.runner_contract import ExitCode, ResultRef


class Ending(NamedTuple):
    """The part of a report that says what happened."""

    reason: Reason
    message: str = ""
    exception: str = ""
    result: ResultRef | None = None


class Ended(BaseException):
    """Raised inside the child to end the attempt so."""

    def __init__(self, ending: Ending) -> None:
        super().__init__(ending.reason)
        self.ending = ending


class Terminated(BaseException):
    """SIGTERM: raised in the function, so that its `finally` blocks run."""


_CODES: Final = {
    Reason.COMPLETED: ExitCode.SUCCEEDED,
    Reason.CACHED: ExitCode.SUCCEEDED,
    Reason.RUNNER_KILLED: ExitCode.TERMINATED,
    Reason.TIMEOUT: ExitCode.TIMED_OUT,
    Reason.PROCESS_KILLED: ExitCode.CRASHED,
    Reason.PROCESS_EXITED: ExitCode.CRASHED,
    Reason.OOM_KILLED: ExitCode.CRASHED,
}


def exit_code(reason: Reason) -> ExitCode:
    """What is left in the Job's condition when the report is gone."""
    if reason in _CODES:
        return _CODES[reason]
    meaning = MEANING[reason]
    if meaning.budget is Budget.INFRASTRUCTURE:
        return ExitCode.INFRASTRUCTURE
    may_retry = meaning.outcome is Outcome.FAILED and meaning.budget is Budget.RETRIES
    return ExitCode.USER_FAILURE if may_retry else ExitCode.PERMANENT_FAILURE
