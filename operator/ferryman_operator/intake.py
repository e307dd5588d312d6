"""The one way in: what watches, lists and the auditor saw goes into the cache, and keys into the queue."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ferryman_operator import projection
from ferryman_operator.cache import Cache
from ferryman_operator.reconcile.observed import Job, Key, Run
from ferryman_operator.workqueue import Lane, WorkQueue


class Intake:
    """Neither raises nor waits, so that a bad object never stops a stream."""

    def __init__(self, cache: Cache, queue: WorkQueue, ended: Callable[[Job], None] | None = None) -> None:
        self._cache = cache
        self._queue = queue
        self._ended = ended or (lambda _: None)

    def run_seen(self, raw: Any) -> None:
        """A version of a TaskRun."""
        if (run := self.run_read(raw)) is not None:
            self._queue.add(run.key, lane_of(run, self._cache.jobs_of(run.uid)))

    def run_read(self, raw: Any) -> Run | None:
        """A version of a TaskRun, for somebody who decides anew by himself; None if it is no news."""
        key = _key_in(raw)
        if _is_echo(raw, None if key is None else self._cache.version_of_run(key)):
            return None
        known = None if key is None else self._cache.run(key)
        run = projection.run(raw, known=known)
        if run is None or not self._cache.put_run(run):
            return None
        if known is None or _matters_to_others(known, run):
            self.wake_dependants(run.key)
        return run

    def run_gone(self, raw: Any) -> None:
        """A TaskRun that does not exist any more."""
        if (run := projection.run(raw)) is not None:
            self.run_lost(run.key, run.uid)

    def run_lost(self, key: Key, uid: str) -> None:
        """The same, of one that was known."""
        if self._cache.drop_run(key, uid):
            self._queue.add(key, Lane.ENDING)
            self.wake_dependants(key)

    def job_seen(self, raw: Any) -> None:
        """A version of a Job."""
        if (job := self.job_read(raw)) is not None:
            self._job_changed(job, Lane.RUNNING if job.end is None else Lane.ENDING)

    def job_read(self, raw: Any) -> Job | None:
        """A version of a Job, for somebody who decides anew by himself; None if it is no news."""
        key = _key_in(raw)
        known = None if key is None else self._cache.job(key.namespace, key.name)
        if _is_echo(raw, None if known is None else known.resource_version):
            return None
        job = projection.job(raw)
        if job is None or not self._cache.put_job(job):
            return None
        if job.end is not None and known is not None and known.end is None:
            self._ended(job)
        # Most changes of a Job are of what no decision reads.
        return (
            None
            if known is not None and job == replace(known, resource_version=job.resource_version)
            else job
        )

    def job_gone(self, raw: Any) -> None:
        """A Job that does not exist any more."""
        if (job := projection.job(raw)) is not None:
            self.job_lost(job)

    def job_lost(self, job: Job) -> None:
        """The same, of one that was known."""
        if self._cache.drop_job(job.namespace, job.name, job.uid):
            self._job_changed(job, Lane.ENDING)

    def wake_dependants(self, key: Key) -> None:
        """Look at the runs that wait for this one, and at its children: it may be their turn."""
        for waiting in self._cache.dependants_of(key):
            self._queue.add(waiting)

    def _job_changed(self, job: Job, lane: Lane) -> None:
        key = self._cache.key_of(job.owner_uid)
        # A Job that is seen before its run: the run's own event comes and looks at its Jobs.
        if key is not None:
            self._queue.add(key, lane)


def lane_of(run: Run, jobs: tuple[Job, ...]) -> Lane:
    """How urgent it is to look at a run."""
    if _is_cancelled(run) and not run.status.phase.is_terminal:
        return Lane.ENDING
    if run.status.lease is not None and run.status.lease.report is not None:
        return Lane.ENDING
    if any(job.end is not None for job in jobs) and not run.status.phase.is_terminal:
        return Lane.ENDING
    return Lane.RUNNING if jobs else Lane.STARTING


def _matters_to_others(before: Run, after: Run) -> bool:
    return before.status.phase is not after.status.phase or _is_cancelled(before) is not _is_cancelled(after)


def _is_cancelled(run: Run) -> bool:
    return run.spec is not None and run.spec.cancel_requested


def _key_in(raw: Any) -> Key | None:
    try:
        return Key(raw["metadata"]["namespace"], raw["metadata"]["name"])
    except (KeyError, TypeError):
        return None


def _is_echo(raw: Any, known: str | None) -> bool:
    # Half of the events are echoes of our own writes: their version tells, before any parsing.
    if known is None:
        return False
    seen = projection.version(str(raw["metadata"].get("resourceVersion", "")))
    return 0 <= seen <= projection.version(known)
