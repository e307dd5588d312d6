"""The ledger: `status.attempts`, which attempt is due, and what contradicts it.

The current Job of a run that has ended is the one that calls its hooks.
"""

from __future__ import annotations

from collections.abc import Sequence

from ferryman.api import names
from ferryman.api.taskrun import MAX_ATTEMPTS_KEPT, Attempt, TaskRunStatus
from ferryman_operator.reconcile.observed import Job, Run


def due(status: TaskRunStatus) -> int:
    """The number of the attempt that runs or, where none does, of the one that comes next."""
    if not status.attempts:
        return 1
    last = status.attempts[-1]
    return last.number if last.outcome is None else last.number + 1


def open_row(status: TaskRunStatus) -> Attempt | None:
    """The row of the attempt that runs. One that has a reason already is being stopped for it."""
    last = status.attempts[-1] if status.attempts else None
    return last if last is not None and last.outcome is None else None


def job_name(run: Run) -> str:
    """The name of the Job of the current attempt, or of the hooks: what `Look.RUN` reads after the run."""
    if run.status.phase.is_terminal:
        return names.hooks_job_name(run.key.name, run.uid)
    return names.job_name(run.key.name, run.uid, due(run.status))


def current_job(run: Run, jobs: Sequence[Job]) -> Job | None:
    """The current Job: ours, of its name, and the one that the status names, if it names one."""
    known, name = _known_uid(run.status), job_name(run)
    for job in jobs:
        if job.name == name and job.owner_uid == run.uid and known in (None, job.uid):
            return job
    return None


def ended_job(run: Run, jobs: Sequence[Job]) -> Job | None:
    """The Job of the current attempt, if it has ended, and whatever other Jobs the run has, too."""
    over = all(job.end is not None for job in jobs)
    return current_job(run, jobs) if over and not run.status.phase.is_terminal else None


def _known_uid(status: TaskRunStatus) -> str | None:
    if status.phase.is_terminal:
        return status.hooks.job_uid if status.hooks else None
    row = open_row(status)
    return row.job_uid if row else None


def strays(run: Run, jobs: Sequence[Job]) -> tuple[Job, ...]:
    """Jobs of ours that may run something and must not: of an attempt that is over, or in a namesake's place.

    They come from a create that was on its way when somebody deleted the attempt's first Job.
    """
    current = current_job(run, jobs)
    return tuple(
        job
        for job in jobs
        if job.owner_uid == run.uid and job is not current and job.end is None and not job.deleting
    )


def with_row(status: TaskRunStatus, row: Attempt) -> list[Attempt]:
    """The ledger with this row in it, as the last one; the oldest rows go where there are too many."""
    earlier = [one for one in status.attempts if one.number != row.number]
    return [*earlier, row][-MAX_ATTEMPTS_KEPT:]


def contradiction(run: Run, jobs: Sequence[Job]) -> str:
    """What shows that somebody else wrote the ledger; "" where it holds together."""
    numbers = [row.number for row in run.status.attempts]
    if numbers and numbers != list(range(numbers[0], numbers[0] + len(numbers))):
        return f"the attempts are numbered {numbers}"
    if numbers and numbers[0] != 1 and len(numbers) < MAX_ATTEMPTS_KEPT:
        return f"the attempts before number {numbers[0]} are missing"
    if any(row.outcome is None for row in run.status.attempts[:-1]):
        return "an attempt that is not the last one has not ended"
    return _of_the_counters(run.status) or _of_the_jobs(run, jobs)


def _of_the_counters(status: TaskRunStatus) -> str:
    # Every failed attempt that was followed by another one is charged to exactly one budget.
    charged = status.retries_used + status.infrastructure_retries_used
    if due(status) == charged + 1:
        return ""
    return f"attempt {due(status)} is due, but {charged} earlier ones were charged to the budgets"


def _of_the_jobs(run: Run, jobs: Sequence[Job]) -> str:
    for job in jobs:
        if job.owner_uid == run.uid and job.attempt > due(run.status):
            return f"Job {job.name} exists, but attempt {due(run.status)} is due"
    return ""
