"""An attempt from the creation of its Job to its end, as long as nobody stops it."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from ferryman.api.reasons import Reason
from ferryman.api.taskrun import Attempt
from ferryman_operator.reconcile import (
    attempts,
    deadlines,
    endings,
    jobs,
    outcome,
    starting,
    status,
    stopping,
)
from ferryman_operator.reconcile.case import Case
from ferryman_operator.reconcile.observed import Job
from ferryman_operator.reconcile.plan import CreateJob, Look, Plan

LONGEST_BETWEEN_LOOKS: Final = timedelta(minutes=5)

LONGEST_BACKLOG: Final = timedelta(minutes=1)
"""For so long it is no news that the Job controller has not come to a Job: a map makes many at once."""

BETWEEN_LOOKS_AT_A_NODE: Final = timedelta(minutes=1)
"""Its return, or that its pod is given up, is an event of the Job; this is for one that is lost."""


def ended(case: Case) -> Plan | None:
    """The Job has ended: its pods say how, and the run ends or goes on."""
    job = case.job
    if job is None or job.end is None:
        return None
    if case.seen.pods is None:
        return Plan(looks=frozenset({Look.PODS}))
    if not case.seen.fresh and all(pod.job_uid != job.uid for pod in case.seen.pods):
        # Its pods may have been listed before it had any, and it ended while the list was on its way.
        return endings.to_be_sure(case.seen)
    if waiting := endings.await_pods(case.seen, case.run):
        return waiting
    ending = outcome.of_job(
        case.run.uid,
        job,
        case.seen.pods,
        was_running=case.row is not None,
        was_unreachable=status.reason(case.status) == Reason.NODE_UNREACHABLE,
    )
    return endings.conclude(case, case.row or row_of(job), ending)


def lost(case: Case) -> Plan | None:
    """The ledger names a Job, and it is gone: the attempt is lost, never created again."""
    row = case.row
    if row is None or case.job is not None:
        return None
    looks = endings.to_be_sure(case.seen)
    if looks is not None:
        return looks
    if waiting := endings.await_pods(case.seen, case.run):
        return waiting
    ending = outcome.of_lost_job(case.run.uid, row.number, row.job_uid, case.seen.pods or ())
    return endings.conclude(case, row, ending)


def started(case: Case) -> Plan | None:
    """The pod has started: from now on the ledger has the attempt."""
    job = case.job
    if job is None or job.ready < 1 or case.row is not None:
        return None
    row = row_of(job).model_copy(update={"started_at": case.now})
    return Plan(status=status.running(case.run, row, case.now), wake_at=deadlines.of_run(case))


def running(case: Case) -> Plan | None:
    """It runs. The runner keeps its timeout, the Job's own deadline is behind it: wait."""
    if case.job is None or case.row is None:
        return None
    if case.job.silent:
        return _silent(case, case.job)
    if status.reason(case.status) == Reason.NODE_UNREACHABLE:
        return Plan(status=status.running(case.run, case.row, case.now), wake_at=deadlines.of_run(case))
    return Plan(wake_at=deadlines.of_run(case))


def _silent(case: Case, job: Job) -> Plan:
    """Its pod is not ready any more: it ends, or its node does not answer. Wait, and say for what."""
    if case.seen.pods is None:
        return Plan(looks=frozenset({Look.PODS}))
    lost = next((p for p in case.seen.pods if p.job_uid == job.uid and p.unreachable and not p.is_over), None)
    if lost is None:
        waiting = endings.await_pods(case.seen, case.run)
        return waiting or Plan(wake_at=endings.next_look(case.seen))
    text = (
        f"Node {lost.node} does not answer; pod {lost.name} may still run there, and is waited for. "
        f"If the node is gone for good: kubectl delete node {lost.node}"
    )
    told = status.unreachable(case.run, text, case.now)
    return Plan(
        status=told, wake_at=deadlines.earliest(case.now + BETWEEN_LOOKS_AT_A_NODE, deadlines.of_run(case))
    )


def pending(case: Case) -> Plan | None:
    """The Job exists, its pod has not started: now and then look why, and not for ever."""
    job = case.job
    if job is None:
        return None
    look_after = job.created + timedelta(seconds=case.seen.world.pending_look_seconds)
    if case.now < min(look_after, deadlines.of_start(case, job)):
        return Plan(
            wake_at=deadlines.earliest(look_after, deadlines.of_start(case, job), deadlines.of_run(case))
        )
    if not job.begun and case.now < min(job.created + LONGEST_BACKLOG, deadlines.of_start(case, job)):
        # There is no pod to be found, and hundreds of runs may wait like this one.
        next_look = case.now + _between_looks(case, job)
        return Plan(
            wake_at=deadlines.earliest(next_look, deadlines.of_start(case, job), deadlines.of_run(case))
        )
    if case.seen.pods is None:
        return Plan(looks=frozenset({Look.PODS}))
    return _not_started(case, job)


def _not_started(case: Case, job: Job) -> Plan:
    own = [pod for pod in case.seen.pods or () if pod.job_uid == job.uid]
    next_look = case.now + _between_looks(case, job)
    if any(pod.is_over or pod.ready or pod.exit for pod in own):
        return Plan(wake_at=next_look)
    why = starting.problem(job.name, own)
    if case.now >= deadlines.of_start(case, job):
        return stopping.begin(case, row_of(job), why.reason, why.message)
    wake_at = deadlines.earliest(next_look, deadlines.of_start(case, job), deadlines.of_run(case))
    if not why.worth_telling or status.message(case.status) == status.line(why.message):
        return Plan(wake_at=wake_at)
    return Plan(status=status.pod_pending(case.run, why.message, case.now), wake_at=wake_at)


def _between_looks(case: Case, job: Job) -> timedelta:
    # A full cluster has thousands of pending Jobs: the longer one waits, the less often it is looked at.
    shortest = timedelta(seconds=case.seen.world.pending_look_seconds)
    return min(max(case.now - job.created, shortest), max(LONGEST_BETWEEN_LOOKS, shortest))


def create(case: Case) -> Plan:
    """Create the Job of the attempt that is due, from what the API server says now and not from a cache.

    A Job that is not in the ledger and does not exist may be created, even if it may have
    been before: by an operator that died, and then somebody deleted it. Its number is the same,
    and the store's claim lets one pod of that number, ever, call the function.
    """
    if case.due > 1 and (looks := endings.to_be_sure(case.seen)):
        return looks
    if not (case.seen.fresh or case.seen.current):
        return Plan(looks=frozenset({Look.RUN_ALONE}))
    if waiting := endings.await_pods(case.seen, case.run):
        return waiting
    return Plan(create=CreateJob(case.due, jobs.manifest(case)), wake_at=deadlines.of_run(case))


def row_of(job: Job) -> Attempt:
    """The ledger's row for the attempt of this Job."""
    return Attempt(number=job.attempt, job_name=job.name, jobUID=job.uid)


def stray(case: Case) -> Plan | None:
    """Jobs of ours that may run and are not the current attempt's."""
    found = attempts.strays(case.run, case.seen.jobs)
    if not found:
        return None
    return Plan(delete=endings.deletions(found), wake_at=endings.next_look(case.seen))


def collision(case: Case) -> Plan | None:
    """The Job of the attempt's name belongs to something else."""
    name = attempts.job_name(case.run)
    for job in case.seen.jobs:
        if job.name == name and job.owner_uid != case.run.uid:
            text = f"Job {name} exists and belongs to {job.owner_uid or 'nothing'}."
            return endings.at_once(case.seen, case.run, Reason.JOB_NAME_COLLISION, text)
    return None
