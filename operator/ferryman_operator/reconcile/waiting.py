"""What a run waits for before its next Job is created, besides other runs."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from ferryman.api.phases import Phase
from ferryman.api.reasons import Reason
from ferryman.api.taskrun import TaskRunStatus
from ferryman_operator.reconcile import deadlines, endings, status
from ferryman_operator.reconcile.case import Case
from ferryman_operator.reconcile.observed import Refusal, RefusalKind
from ferryman_operator.reconcile.plan import Plan

FOR_GOOD: Final = {
    RefusalKind.EXISTS: Reason.JOB_NAME_COLLISION,
    RefusalKind.INVALID: Reason.INVALID_POD_TEMPLATE,
    RefusalKind.DENIED: Reason.ADMISSION_DENIED,
}
FOR_NOW: Final = {
    RefusalKind.QUOTA: Reason.QUOTA_EXCEEDED,
    RefusalKind.FORBIDDEN: Reason.OPERATOR_FORBIDDEN,
}


def start_time(case: Case) -> Plan | None:
    """`spec.startAt` lies ahead."""
    moment = deadlines.start_time(case)
    if moment is None or case.now >= moment:
        return None
    text = f"Starts at {moment.isoformat()}."
    waiting = status.waiting(case.run, Reason.WAITING_FOR_START_TIME, text, case.now)
    wake_at = deadlines.earliest(moment, deadlines.of_run(case))
    return Plan(status=_unless_told(case, Reason.WAITING_FOR_START_TIME, waiting), wake_at=wake_at)


def backoff(case: Case) -> Plan | None:
    """The last attempt failed, and the delay before the next one is not over."""
    last = case.status.attempts[-1] if case.status.attempts else None
    if last is None or last.not_before is None or case.now >= last.not_before:
        return None
    return Plan(wake_at=deadlines.earliest(last.not_before, deadlines.of_run(case)))


def refusal(case: Case) -> Plan | None:
    """The API server refused the Job of this attempt: for good, or try again later. No attempt is spent."""
    refused = case.seen.refusal
    if refused is None or refused.attempt != case.due:
        return None
    if refused.kind in FOR_GOOD:
        return endings.without_attempt(case.seen, case.run, FOR_GOOD[refused.kind], refused.message)
    return _try_later(case, refused)


def _try_later(case: Case, refused: Refusal) -> Plan | None:
    at = refused.at + timedelta(seconds=case.seen.world.quota_retry_seconds)
    # One that lies ahead was given before our clock was set back.
    if not refused.at <= case.now < at:
        return None
    wake_at = deadlines.earliest(at, deadlines.of_run(case))
    if refused.kind is RefusalKind.NAMESPACE_TERMINATING:
        # The run goes with its namespace, so nothing is told; but it may only have seemed so.
        return Plan(wake_at=wake_at)
    reason = FOR_NOW[refused.kind]
    waiting = status.waiting(case.run, reason, refused.message, case.now)
    return Plan(status=_unless_told(case, reason, waiting), wake_at=wake_at)


def _unless_told(case: Case, reason: Reason, waiting: TaskRunStatus) -> TaskRunStatus | None:
    # A quota's message counts what is used; that it changes is nothing new.
    told = case.status.phase is Phase.WAITING and status.reason(case.status) == reason
    return None if told else waiting
