"""The hook attempt: a Job that calls the hooks of a run that has ended where no runner could.

Each hook is called at most once, because whoever calls takes the claim `runs/<uid>/hooks` first. What is
here sees to it that a Job tries, once, and that the status says what came of it; nobody waits for that.
Of a served run a worker takes them, and writes what came of it; here is only the end of waiting for one.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from ferryman.api import assigning
from ferryman.api.hooks import HOOKS_SECONDS, HooksReport
from ferryman.api.phases import HooksState
from ferryman.api.runner_contract import InvalidReport, decode_report
from ferryman.api.taskrun import Hooks, TaskRunStatus
from ferryman_operator.reconcile import attempts, deadlines, endings, hooks, jobs, starting
from ferryman_operator.reconcile.case import Case
from ferryman_operator.reconcile.observed import Job, Observed, Pod, Run
from ferryman_operator.reconcile.plan import CreateJob, DeleteJob, Look, Plan
from ferryman_operator.reconcile.waiting import FOR_GOOD

NUMBER: Final = 0
"""In the place of an attempt's number."""

WORKERS_PATIENCE: Final = timedelta(seconds=HOOKS_SECONDS + 120)
"""What a worker that took hooks in time has for calling them, for saying so, and for its clock's error."""


def of(seen: Observed, run: Run) -> Plan | None:
    """What to do about the hooks of a run that has ended; None if nothing is any more."""
    if not hooks.are_pending(run.status) or run.status.hooks is None:
        return None
    if run.spec is None:
        return _settle(run, hooks.given_up(f"The TaskRun cannot be read: {run.invalid}"))
    case = Case(seen, run, run.spec)
    if run.spec.executor == "Worker":
        return _left_to_workers(case, run.status.hooks)
    if leftovers := attempts.strays(run, seen.jobs):
        return Plan(delete=endings.deletions(leftovers), wake_at=endings.next_look(seen))
    job = attempts.current_job(run, seen.jobs)
    if run.status.hooks.state is HooksState.WANTED:
        return _adopt(run, job) if job is not None else _start(case)
    return _lost(case, run.status.hooks) if job is None else _follow(case, job)


def _left_to_workers(case: Case, known: Hooks) -> Plan:
    """One of the task takes them by writing `Started`, in time, and then what came of it."""
    if known.state is HooksState.WANTED:
        until = _patience_ends(case)
        why = f"No worker of {case.spec.function.entrypoint} took them within {case.spec.start_timeout}."
    else:
        until = _patience_ends(case) + WORKERS_PATIENCE
        why = f"Worker {known.worker} took them, and has not said what came of it."
    if case.now < until:
        return Plan(wake_at=until)
    return _settle(case.run, hooks.given_up(why, known.job_uid).model_copy(update={"worker": known.worker}))


def _start(case: Case) -> Plan:
    if foreign := next((j for j in case.seen.jobs if j.name == attempts.job_name(case.run)), None):
        text = f"Job {foreign.name} exists and belongs to {foreign.owner_uid or 'nothing'}."
        return _settle(case.run, hooks.given_up(text))
    if waiting := _after_refusal(case):
        return waiting
    if case.spec.result.store not in case.seen.world.stores:
        text = f"The operator's configuration has no store {case.spec.result.store!r}."
        return _settle(case.run, hooks.given_up(text))
    if not (case.seen.current or case.seen.fresh):
        return Plan(looks=frozenset({Look.RUN_ALONE}))
    return Plan(create=CreateJob(NUMBER, jobs.manifest(case)))


def _after_refusal(case: Case) -> Plan | None:
    refused = case.seen.refusal
    if refused is None or refused.attempt != NUMBER:
        return None
    if refused.kind in FOR_GOOD or case.now >= _patience_ends(case):
        return _settle(case.run, hooks.given_up(f"Their Job was refused: {refused.message}"))
    again = refused.at + timedelta(seconds=case.seen.world.quota_retry_seconds)
    # One that lies ahead was given before our clock was set back.
    if not refused.at <= case.now < again:
        return None
    return Plan(wake_at=deadlines.earliest(again, _patience_ends(case)))


def _patience_ends(case: Case) -> datetime:
    return assigning.hooks_begin_by(case.spec, case.status.finished_at or case.run.created)


def _adopt(run: Run, job: Job) -> Plan:
    """Write down that it was created: if it is gone one day, it is not created again."""
    return _settle(run, Hooks(state=HooksState.STARTED, jobUID=job.uid))


def _follow(case: Case, job: Job) -> Plan:
    if job.end is not None:
        return _ended(case, job)
    start_by = deadlines.of_start(case, job)
    if case.now < start_by:
        return Plan(wake_at=start_by)
    if job.ready:
        # Its own deadline ends it.
        return Plan()
    if case.seen.pods is None:
        return Plan(looks=frozenset({Look.PODS}))
    own = [pod for pod in case.seen.pods if pod.job_uid == job.uid]
    if any(pod.is_over or pod.ready or pod.exit for pod in own):
        return Plan(wake_at=endings.next_look(case.seen))
    why = starting.problem(job.name, own)
    text = f"Their pod did not start within {case.spec.start_timeout}: {why.message}"
    return Plan(delete=(DeleteJob(job.name, job.uid),), status=_next(case.run, hooks.given_up(text, job.uid)))


def _ended(case: Case, job: Job) -> Plan:
    if case.seen.pods is None:
        return Plan(looks=frozenset({Look.PODS}))
    report = _report(case, job.uid)
    if report is not None:
        return _settle(case.run, hooks.settled(report, job.uid))
    if job.end is not None and job.end.complete:
        return _settle(case.run, hooks.settled(HooksReport(called=True), job.uid))
    said = f"{job.end.reason}: {job.end.message}" if job.end else "it is gone"
    return _settle(case.run, hooks.given_up(f"Their Job failed before it could say more: {said}", job.uid))


def _lost(case: Case, known: Hooks) -> Plan:
    """The status names a Job, and it is gone: what its pod left may tell."""
    looks = endings.to_be_sure(case.seen)
    if looks is not None:
        return looks
    uid = known.job_uid or ""
    own = [pod for pod in case.seen.pods or () if pod.job_uid == uid]
    if not all(pod.is_over for pod in own):
        return Plan(wake_at=endings.next_look(case.seen))
    report = _report(case, uid)
    if report is not None:
        return _settle(case.run, hooks.settled(report, uid))
    return _settle(case.run, hooks.given_up("Their Job disappeared before it was known how it ended.", uid))


def _report(case: Case, job_uid: str) -> HooksReport | None:
    found = (_read(case.run.uid, pod) for pod in case.seen.pods or () if pod.job_uid == job_uid)
    reports = [one for one in found if one is not None]
    # Kubernetes may start a Job's pod twice; one of them calls.
    return next((one for one in reports if one.called), reports[0] if reports else None)


def _read(uid: str, pod: Pod) -> HooksReport | None:
    try:
        report = decode_report(pod.exit.message if pod.exit else "")
    except InvalidReport:
        return None
    if report.uid != uid:
        return None
    return report.hooks or HooksReport(called=False, message=report.message)


def _settle(run: Run, found: Hooks) -> Plan:
    return Plan(status=_next(run, found))


def _next(run: Run, found: Hooks) -> TaskRunStatus:
    return run.status.model_copy(update={"hooks": found})
