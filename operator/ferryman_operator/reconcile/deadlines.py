"""The moments by which something has to have happened."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from ferryman.api import durations
from ferryman.api.hooks import HOOKS_SECONDS
from ferryman.api.taskrun import DEFAULT_TTL
from ferryman_operator.reconcile.case import Case
from ferryman_operator.reconcile.observed import Job, Run

SHORTEST_TTL: Final = timedelta(minutes=1)
"""A client whose watch broke at the wrong moment can still read how its run ended."""

RECORD_GRACE: Final = timedelta(seconds=60)
"""What the Job's own deadline leaves the runner to download, to upload and to report."""


def of_run(case: Case) -> datetime:
    """When the run as a whole has to be over."""
    return case.run.created + durations.parse(case.spec.deadline)


def of_start(case: Case, job: Job) -> datetime:
    """When the pod of this Job has to have started."""
    return job.created + durations.parse(case.spec.start_timeout)


def of_removal(run: Run) -> datetime:
    """When a finished run's time to live is over."""
    ttl = durations.parse(run.spec.ttl_after_finished if run.spec else DEFAULT_TTL)
    return (run.status.finished_at or run.created) + max(ttl, SHORTEST_TTL)


def job_seconds(case: Case, termination_grace: int) -> int:
    """The Job's activeDeadlineSeconds: it stops the pod when neither the runner nor the operator does."""
    allowed = durations.parse(case.spec.start_timeout) + RECORD_GRACE
    if not case.is_over:
        allowed += durations.parse(case.spec.timeout)
    if case.spec.hooks:
        allowed += timedelta(seconds=HOOKS_SECONDS)
    return int(allowed.total_seconds()) + termination_grace + 1


def start_time(case: Case) -> datetime | None:
    """`spec.startAt`; one without a zone is read as UTC."""
    moment = case.spec.start_at
    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment


def earliest(*moments: datetime | None) -> datetime:
    """The first of the moments that are set; there has to be one."""
    return min(moment for moment in moments if moment is not None)
