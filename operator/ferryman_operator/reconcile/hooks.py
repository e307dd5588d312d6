"""Whether the hooks of a run that ends are still to be called, and what its status says of them."""

from __future__ import annotations

from typing import Final

from ferryman.api.checked import clean
from ferryman.api.hooks import HooksReport
from ferryman.api.phases import HooksState, Phase
from ferryman.api.reasons import MEANING, Reason
from ferryman.api.taskrun import Hooks, TaskRunSpec, TaskRunStatus

MAX_LINE: Final = 1024

BEFORE_THE_FUNCTION: Final = frozenset(
    {
        Reason.INVALID_SPEC,
        Reason.INVALID_POD_TEMPLATE,
        Reason.ADMISSION_DENIED,
        Reason.JOB_NAME_COLLISION,
        Reason.STORE_NOT_CONFIGURED,
        Reason.LEDGER_INCONSISTENT,
        Reason.PAYLOAD_NOT_FOUND,
        Reason.PAYLOAD_DIGEST_MISMATCH,
        Reason.INVALID_PAYLOAD,
        Reason.MODULE_NOT_FOUND,
        Reason.PYTHON_VERSION_MISMATCH,
        Reason.STORE_NOT_CONDITIONAL,
        Reason.STORE_DENIED,
        Reason.DEPENDENCY_FAILED,
        Reason.DEPENDENCY_NOT_FOUND,
    }
)
"""Nothing was called, or the hooks cannot be loaded either: such a run has no hooks to be called."""


def at_the_end(spec: TaskRunSpec | None, reason: Reason, report: HooksReport | None) -> Hooks | None:
    """`status.hooks` of a run that ends so. `report`: what the last runner says, None if nothing."""
    if report is not None:
        return settled(report)
    if spec is None or kind_of(reason) not in spec.hooks:
        return None
    if reason in BEFORE_THE_FUNCTION:
        return given_up(
            f"The run could not be carried out ({reason}), so there is nothing to call hooks for."
        )
    return Hooks(state=HooksState.WANTED)


def settled(report: HooksReport, job_uid: str | None = None) -> Hooks:
    """What a runner says of the hooks."""
    state = HooksState.CALLED if report.called else HooksState.NOT_CALLED
    return Hooks(state=state, jobUID=job_uid, message=clean(report.message, MAX_LINE) or None)


def given_up(why: str, job_uid: str | None = None) -> Hooks:
    """They will not be called."""
    return Hooks(state=HooksState.NOT_CALLED, jobUID=job_uid, message=clean(why, MAX_LINE))


def kind_of(reason: Reason) -> str:
    """Which of a task's hooks are for a run that ends so, as `spec.hooks` names them."""
    return "Completion" if MEANING[reason].phase is Phase.COMPLETED else "Failure"


def are_pending(status: TaskRunStatus) -> bool:
    """Whether the run has ended and something is still to be done about its hooks."""
    return status.phase.is_terminal and status.hooks is not None and not status.hooks.state.is_settled
