"""An attempt that is stopped: its row says why, its Job is deleted, its pods end, it is recorded.

The reason is written before anything is deleted, so that an operator that dies between the two
does not leave a Job that is gone and nobody knows why.
"""

from __future__ import annotations

from ferryman.api.phases import Phase
from ferryman.api.reasons import MEANING, Reason
from ferryman.api.taskrun import Attempt
from ferryman_operator.reconcile import endings, status
from ferryman_operator.reconcile.case import Case
from ferryman_operator.reconcile.observed import Job
from ferryman_operator.reconcile.outcome import Ending
from ferryman_operator.reconcile.plan import Look, Plan

SHOWN_AS = {Reason.CANCELLED: Reason.CANCELLING}


def begin(case: Case, row: Attempt, reason: Reason, message: str) -> Plan:
    """Write down why the attempt is to be stopped; `carry_out` does it at the next decision."""
    marked = row.model_copy(update={"reason": reason.value, "message": status.line(message)})
    shown = SHOWN_AS.get(reason, reason)
    return Plan(status=status.stopping(case.run, marked, shown, message, case.now), wake_at=case.now)


def carry_out(case: Case) -> Plan | None:
    """An attempt whose row has a reason is being stopped for it."""
    row = case.row
    if row is None or row.reason is None:
        return None
    if case.job is not None:
        return _delete(case, case.job)
    looks = endings.to_be_sure(case.seen)
    if looks is not None:
        return looks
    if waiting := endings.await_pods(case.seen, case.run):
        return waiting
    return endings.conclude(case, row, Ending(reason_of(row), row.message or ""))


def reason_of(row: Attempt) -> Reason:
    """The reason in the row. What is none of ours, somebody else wrote: the attempt counts as lost."""
    reason = next((one for one in Reason if one == row.reason), Reason.ATTEMPT_LOST)
    failed = MEANING[reason].phase.is_terminal and MEANING[reason].phase is not Phase.COMPLETED
    return reason if failed else Reason.ATTEMPT_LOST


def _delete(case: Case, job: Job) -> Plan:
    """Delete it, unless its pods have just ended by themselves: then the Job is about to say how."""
    if case.seen.pods is None and not job.deleting:
        return Plan(looks=frozenset({Look.PODS}))
    pods = [pod for pod in case.seen.pods or () if pod.job_uid == job.uid]
    if pods and all(pod.is_over for pod in pods):
        return Plan(wake_at=endings.next_look(case.seen))
    return Plan(delete=endings.deletions((job,)), wake_at=endings.next_look(case.seen))
