"""Who calls the hooks, by how the attempt ended. Standard library only: the supervisor loads this module."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from ferryman.api.phases import Phase
from ferryman.api.reasons import MEANING, Budget, Reason
from ferryman.api.runner_contract import Assignment, Mode, RunEnding
from ferryman.runner.watch import Seen

DEATHS: Final = frozenset(
    {
        Reason.TIMEOUT,
        Reason.PROCESS_KILLED,
        Reason.PROCESS_EXITED,
        Reason.OOM_KILLED,
        Reason.INVALID_RUNNER_REPORT,
    }
)
"""The process of the function is gone, and the pod lives."""


def is_last(assignment: Assignment, reason: Reason) -> bool:
    """Whether the run ends with an attempt that ended so: no retry follows."""
    match MEANING[reason].budget:
        case Budget.RETRIES:
            return not assignment.retries_left
        case Budget.INFRASTRUCTURE:
            return not assignment.infrastructure_retries_left
        case Budget.NONE:
            return True


def of(assignment: Assignment, seen: Seen) -> Assignment | None:
    """The work of a new process that calls the hooks, where the one that ran the function died.

    None where none are to be called, somebody stops the pod, or the process died before it called
    the function: the same would happen again.
    """
    ending = seen.ending
    if assignment.mode is not Mode.ATTEMPT or seen.terminated or seen.started is None:
        return None
    if ending.reason not in DEATHS or not is_last(assignment, ending.reason):
        return None
    kind = "Completion" if MEANING[ending.reason].phase is Phase.COMPLETED else "Failure"
    if kind not in assignment.hooks:
        return None
    # The attempt did start in time.
    return replace(
        assignment, mode=Mode.HOOKS, ending=RunEnding(ending.reason, ending.message), not_after=None
    )
