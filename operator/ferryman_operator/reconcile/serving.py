"""A served run: workers claim and execute its attempts, the operator offers them and decides what follows.

A worker writes `status.lease` and nothing else; every write of ours carries the resourceVersion, so
that a claim or a report that came meanwhile makes it fail.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from ferryman.api import names
from ferryman.api.reasons import Reason
from ferryman.api.taskrun import Attempt, Lease
from ferryman_operator.reconcile import deadlines, endings, outcome, status, stopping
from ferryman_operator.reconcile.case import Case
from ferryman_operator.reconcile.outcome import Ending
from ferryman_operator.reconcile.plan import Look, Plan

TELL_AFTER: Final = timedelta(milliseconds=500)
"""What is done by then is never told as running: one write less for each short run."""

PATIENCE: Final = timedelta(seconds=5)
"""How long a run that any worker may take waits before its status says what is missing."""

STOP_GRACE: Final = timedelta(seconds=60)
"""How long a worker that renews its lease has to stop an attempt and to report."""

LOOKS_PER_DURATION: Final = 3
"""How often in a lease's duration the operator looks whether it was renewed."""


def reported(case: Case) -> Plan | None:
    """The worker says how the attempt ended: the run ends or goes on."""
    lease = _lease(case)
    if lease is None or lease.report is None:
        return None
    row = case.row or _row_of(case, lease)
    ending = outcome.of_report(case.run.uid, lease.attempt, lease.report)
    if row.reason is not None and not ending.is_success:
        ending = Ending(stopping.reason_of(row), row.message or "", ending.result, hooks=ending.hooks)
    return endings.conclude(case, row, ending)


def lost(case: Case) -> Plan | None:
    """The ledger names a lease that is not there: somebody took it out of the status."""
    row, lease = case.row, case.status.lease
    if row is None or (lease is not None and _is_of(lease, row)):
        return None
    return _ended_by_itself(case, row, "Its lease is gone from the status.")


def misplaced(case: Case) -> Plan | None:
    """A lease of an attempt that is not due, or was never to be had: it counts for nothing."""
    lease = case.status.lease
    if lease is None or (case.row is None and _is_entitled(case, lease)) or _is_open(case, lease):
        return None
    return Plan(status=status.without_lease(case.run), wake_at=case.now)


def started(case: Case) -> Plan | None:
    """It is claimed: after a moment the status says so, and the ledger has the attempt."""
    lease = _lease(case)
    if lease is None or case.row is not None:
        return None
    since = case.now - lease.acquired_at
    if timedelta(0) <= since < TELL_AFTER:
        # Of another clock: one that is ahead of ours is not waited for.
        return Plan(wake_at=min(lease.acquired_at + TELL_AFTER, _end(case)))
    return Plan(status=status.running(case.run, _row_of(case, lease), case.now), wake_at=case.now)


def expired(case: Case) -> Plan | None:
    """The worker has not renewed its lease for as long as that lasts."""
    lease, row, renewal = _lease(case), case.row, case.seen.renewal
    if lease is None or row is None:
        return None
    if renewal is None or case.now >= _next_look(lease, renewal.looked):
        return Plan(looks=frozenset({Look.LEASE}))
    if case.now < renewal.seen + timedelta(seconds=lease.duration_seconds):
        return None
    return _ended_by_itself(case, row, f"Worker {lease.worker} has not renewed its lease.")


def ignored(case: Case) -> Plan | None:
    """The worker lives and has not stopped the attempt in time. No other one follows, so it ends here."""
    lease, row = _lease(case), case.row
    if lease is None or row is None or row.reason is None:
        return None
    if lease.stop_by is not None and case.now < lease.stop_by:
        return None
    return endings.conclude(case, row, Ending(stopping.reason_of(row), row.message or ""))


def stop(case: Case, reason: Reason, message: str) -> Plan | None:
    """End the run for `reason`: its worker is told to stop it, once, or it ends now where none has it."""
    lease = _lease(case)
    if lease is None:
        return endings.at_once(case.seen, case.run, reason, message)
    row = case.row or _row_of(case, lease)
    if row.reason is not None:
        return None
    marked = row.model_copy(update={"reason": reason.value, "message": status.line(message)})
    bounded = lease.model_copy(update={"stop_by": case.now + STOP_GRACE})
    told = status.stopping(case.run, marked, stopping.SHOWN_AS.get(reason, reason), message, case.now)
    return Plan(status=told.model_copy(update={"lease": bounded}), wake_at=case.now)


def held(case: Case) -> Plan | None:
    """A worker has it: look now and then whether that lives."""
    lease, renewal = _lease(case), case.seen.renewal
    if lease is None:
        return None
    since = renewal.looked if renewal else case.now
    stop_by = lease.stop_by if lease.stop_by and lease.stop_by > case.now else None
    return Plan(wake_at=deadlines.earliest(_next_look(lease, since), _end(case), stop_by))


def offer(case: Case) -> Plan:
    """Let workers claim the attempt that is due, and say which command starts one."""
    if case.status.offered_attempt == case.due:
        return Plan(wake_at=deadlines.of_run(case))
    grace = case.run.created + PATIENCE
    if _needs_no_offer(case) and case.now < grace:
        return Plan(wake_at=deadlines.earliest(grace, deadlines.of_run(case)))
    text = f"Waits for a worker. This starts one: {_command(case)}"
    return Plan(status=status.offered(case.run, case.due, text, case.now), wake_at=deadlines.of_run(case))


def _command(case: Case) -> str:
    store = case.spec.result.store
    named = f" --store {store}" if store != names.DEFAULT_STORE else ""
    return f"ferryman serve {case.spec.function.entrypoint}{named}"


def _ended_by_itself(case: Case, row: Attempt, message: str) -> Plan:
    """Lost; or, if it was to be stopped anyway, stopped."""
    if row.reason is not None:
        return endings.conclude(case, row, Ending(stopping.reason_of(row), row.message or ""))
    return endings.conclude(case, row, Ending(Reason.WORKER_LOST, message))


def _lease(case: Case) -> Lease | None:
    """The lease of the attempt that is due, if it counts."""
    lease = case.status.lease
    if lease is None or (case.row is None and not _is_entitled(case, lease)):
        return None
    return lease if case.row is None or _is_of(lease, case.row) else None


def _is_open(case: Case, lease: Lease) -> bool:
    return case.row is not None and _is_of(lease, case.row)


def _is_of(lease: Lease, row: Attempt) -> bool:
    return (lease.attempt, lease.token) == (row.number, row.job_uid)


def _is_entitled(case: Case, lease: Lease) -> bool:
    return lease.attempt == case.due and (case.status.offered_attempt == case.due or _needs_no_offer(case))


def _needs_no_offer(case: Case) -> bool:
    spec = case.spec
    return case.due == 1 and not spec.depends_on and spec.start_at is None and spec.result.hit is None


def _row_of(case: Case, lease: Lease) -> Attempt:
    since = min(max(lease.acquired_at, case.run.created), case.now)
    return Attempt(number=lease.attempt, jobUID=lease.token, worker=lease.worker, started_at=since)


def _next_look(lease: Lease, since: datetime) -> datetime:
    return since + timedelta(seconds=lease.duration_seconds / LOOKS_PER_DURATION)


def _end(case: Case) -> datetime:
    # One that is over has been acted upon, and is not waited for.
    end = deadlines.of_run(case)
    return end if end > case.now else case.now + STOP_GRACE
