"""How a run ends, or goes on, once it is known how its attempt did. Nothing of it runs any more by then."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from ferryman.api.phases import Phase
from ferryman.api.reasons import MEANING, Reason
from ferryman.api.taskrun import Attempt, Result
from ferryman_operator.reconcile import attempts, retries, status
from ferryman_operator.reconcile.case import Case
from ferryman_operator.reconcile.observed import Job, Observed, Run
from ferryman_operator.reconcile.outcome import Ending
from ferryman_operator.reconcile.plan import DeleteJob, Event, Look, Plan
from ferryman_operator.reconcile.status import Verdict

DRAIN_POLL: Final = timedelta(seconds=2)
"""How often pods that have to end are looked at: nobody watches pods that run."""

LONGEST_DRAIN_POLL: Final = timedelta(minutes=1)

DRAIN_PATIENCE: Final = timedelta(seconds=30)
"""How far a pod may outstay its grace before the status tells of it."""


def conclude(case: Case, row: Attempt, ending: Ending) -> Plan:
    """Record how the current attempt ended, and in the same write what follows from it."""
    closed = _closed(case, row, ending)
    last = Verdict(ending.reason, ending.message, closed, _result(case, ending), ending.hooks)
    if ending.is_success:
        return _last(case.run, last, case.now)
    if case.spec.cancel_requested:
        cancelled = Verdict(Reason.CANCELLED, MEANING[Reason.CANCELLED].happened, closed, hooks=ending.hooks)
        return _last(case.run, cancelled, case.now)
    retry = retries.after(case, ending.reason)
    if retry is None:
        spent = retries.exhausted(case.status, row.number, ending.reason)
        return _last(case.run, replace(last, message=ending.message + spent), case.now)
    at = case.now + retry.delay
    return Plan(status=status.awaiting_retry(case.run, closed, at, case.now, retry.counters), wake_at=at)


def without_attempt(seen: Observed, run: Run, reason: Reason, message: str) -> Plan:
    """End a run of which no attempt runs, after making sure of that."""
    looks = to_be_sure(seen)
    if looks is not None:
        return looks
    live = tuple(job for job in seen.jobs if job.owner_uid == run.uid and job.end is None)
    if live:
        return Plan(delete=deletions(live), wake_at=next_look(seen))
    return await_pods(seen, run) or at_once(seen, run, reason, message)


def at_once(seen: Observed, run: Run, reason: Reason, message: str) -> Plan:
    """End a run, whatever runs."""
    return _last(run, Verdict(reason, message), seen.now)


def with_result(case: Case, reason: Reason, message: str, result: Result) -> Plan:
    """End a run that never had an attempt, and has its result."""
    return _last(case.run, Verdict(reason, message, result=result), case.now)


def to_be_sure(seen: Observed) -> Plan | None:
    """The looks that show whether anything of the run lives, as long as they have not been made."""
    if not seen.fresh:
        # The pods again, even if they are known: a Job that is gone now may have made one since.
        return Plan(looks=frozenset({Look.RUN, Look.PODS}))
    return None if seen.pods is not None else Plan(looks=frozenset({Look.PODS}))


def await_pods(seen: Observed, run: Run) -> Plan | None:
    """Wait for pods of the run that are not over, saying so once it takes too long; None if all are.

    An unreachable node's pod is not over: it may still run. Only that pod's end, or somebody who
    knows that the node is gone, can tell that the function does not.
    """
    if all(pod.is_over for pod in seen.pods or ()):
        return None
    late = seen.now - DRAIN_PATIENCE
    stuck = next((p for p in seen.pods or () if p.ends_by and p.ends_by < late and not p.is_over), None)
    if stuck is None:
        return Plan(wake_at=next_look(seen))
    text = (
        f"Waits for pod {stuck.name} on node {stuck.node or '(none)'}, which should have ended. Does the "
        f"node answer? If it is gone for good: kubectl delete pod {stuck.name} --force"
    )
    return Plan(status=status.held(run, text, seen.now), wake_at=next_look(seen))


def next_look(seen: Observed) -> datetime:
    """When to look at the pods again: soon, and less and less often where one stays past its grace.

    A node that is gone may hold a thousand of them for an hour.
    """
    overdue = (seen.now - pod.ends_by for pod in seen.pods or () if pod.ends_by and not pod.is_over)
    return seen.now + min(max((DRAIN_POLL, *overdue)), LONGEST_DRAIN_POLL)


def deletions(jobs: tuple[Job, ...]) -> tuple[DeleteJob, ...]:
    """Deletions of those that are not being deleted already."""
    return tuple(DeleteJob(job.name, job.uid) for job in jobs if not job.deleting)


def _last(run: Run, last: Verdict, now: datetime) -> Plan:
    failed = MEANING[last.reason].phase in (Phase.FAILED, Phase.CRASHED, Phase.TIMED_OUT)
    event = Event("Warning", last.reason.value, status.line(last.message)) if failed else None
    return Plan(status=status.finished(run, last, now), event=event)


def _closed(case: Case, row: Attempt, ending: Ending) -> Attempt:
    pod = ending.pod
    started = _within(case, ending.started) or row.started_at
    finished = _within(case, ending.finished) or case.now
    return row.model_copy(
        update={
            "pod_name": pod.name if pod else row.pod_name,
            "node_name": (pod.node or None) if pod else row.node_name,
            "started_at": started,
            "finished_at": max(finished, started) if started else finished,
            "outcome": MEANING[ending.reason].outcome,
            "reason": ending.reason.value,
            "message": status.line(ending.message),
            "exit_code": ending.exit_code,
        }
    )


def _within(case: Case, moment: datetime | None) -> datetime | None:
    # Clocks of nodes differ from ours, and a report may say anything.
    return None if moment is None else min(max(moment, case.run.created), case.now)


def _result(case: Case, ending: Ending) -> Result | None:
    if ending.result is None:
        return None
    return Result(
        sha256=ending.result.sha256,
        size=ending.result.size,
        attempt=ending.result.attempt or attempts.due(case.status),
        uid=ending.result.uid or None,
        key=case.spec.result.key if ending.is_success else None,
        serializer=ending.result.serializer,
        cached=ending.reason is Reason.CACHED,
    )
