"""Lists compared with what the watches told.

A watch that starts anew never tells what was deleted in between, and a watch can die without a
word. So: at the start everything is listed before the queue opens, and later, again and again,
the versions. What is gone is taken out; a watch that lags behind a list for too long is dead.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from ferryman_operator import projection
from ferryman_operator.cache import Cache
from ferryman_operator.cluster import Cluster, ClusterError, NotFound, Object, Page
from ferryman_operator.finished import Finished
from ferryman_operator.intake import Intake
from ferryman_operator.metrics import Metrics
from ferryman_operator.reconcile.observed import Job, Run

_log: Final = logging.getLogger(__name__)


class DeadWatch(Exception):
    """A watch has not told of a change for too long; the process has to start anew."""


@dataclass(frozen=True, slots=True)
class AuditTimes:
    """Seconds: to the first audit, between audits, and how far a watch may lag behind."""

    first: float
    every: float
    grace: float


@dataclass(slots=True)
class _Listed:
    """Versions by UID; `version` is the list's own."""

    versions: dict[str, int] = field(default_factory=dict)
    version: int = -1


class Auditor:
    """Repairs the cache from lists."""

    def __init__(
        self, cache: Cache, cluster: Cluster, intake: Intake, metrics: Metrics, namespaces: Sequence[str] = ()
    ) -> None:
        self._cache = cache
        self._cluster = cluster
        self._intake = intake
        self._metrics = metrics
        self._namespaces: tuple[str | None, ...] = tuple(namespaces) or (None,)
        self._asked = asyncio.Event()

    def relisted(self) -> None:
        """A watch has started anew: audit soon."""
        self._asked.set()

    async def fill(self) -> None:
        """Read everything into the cache: Jobs first, so that a run is first looked at with its Jobs."""
        for namespace in self._namespaces:
            async for page in self._cluster.list_jobs(namespace):
                for raw in page.items:
                    self._intake.job_seen(raw)
            async for page in self._cluster.list_runs(namespace):
                for raw in page.items:
                    self._intake.run_seen(raw)

    async def run(self, times: AuditTimes) -> None:
        """Audit for ever. Raises DeadWatch."""
        await asyncio.sleep(times.first)
        while True:
            self._asked.clear()
            try:
                lagging = await self.audit()
            except ClusterError as error:
                _log.warning("audit: %s", error)
            else:
                if lagging:
                    await asyncio.sleep(times.grace)
                    self._check_told(lagging)
            await self._pause(times.every)

    async def audit(self) -> dict[str, int]:
        """Take out what is gone; gives what the watches have yet to tell: versions by UID."""
        runs = await self._listed(self._cluster.list_runs)
        for run in self._cache.runs():
            if _is_missing(run.uid, run.resource_version, runs):
                await self._confirm_run(run)
        jobs = await self._listed(self._cluster.list_jobs)
        for job in self._cache.jobs():
            if _is_missing(job.uid, job.resource_version, jobs):
                await self._confirm_job(job)
        return {
            **self._behind(runs, {r.uid: r.resource_version for r in self._cache.runs()}),
            **self._behind(jobs, {j.uid: j.resource_version for j in self._cache.jobs()}),
        }

    def _behind(self, listed: _Listed, known: dict[str, str]) -> dict[str, int]:
        return {
            uid: version
            for uid, version in listed.versions.items()
            if version > projection.version(known.get(uid, "")) and not self._cache.is_deleted(uid)
        }

    def _check_told(self, lagging: dict[str, int]) -> None:
        known = {run.uid: run.resource_version for run in self._cache.runs()}
        known.update((job.uid, job.resource_version) for job in self._cache.jobs())
        untold = [
            uid
            for uid, version in lagging.items()
            if projection.version(known.get(uid, "")) < version and not self._cache.is_deleted(uid)
        ]
        if untold:
            raise DeadWatch(f"{len(untold)} changes were listed but never told, e.g. of {untold[0]}")

    async def _listed(self, read: Callable[..., AsyncIterator[Page]]) -> _Listed:
        listed = _Listed()
        for namespace in self._namespaces:
            async for page in read(namespace, metadata_only=True):
                # The first page's: what was created after it may be on no page.
                if listed.version < 0:
                    listed.version = projection.version(page.resource_version)
                for raw in page.items:
                    meta = raw["metadata"]
                    listed.versions[meta["uid"]] = projection.version(meta["resourceVersion"])
        return listed

    async def _confirm_run(self, run: Run | Finished) -> None:
        async def read() -> Object:
            return await self._cluster.get_run(run.key)

        await self._confirm("run", read, run, self._intake.run_seen)

    async def _confirm_job(self, job: Job) -> None:
        async def read() -> Object:
            return await self._cluster.get_job(job.namespace, job.name)

        await self._confirm("job", read, job, self._intake.job_seen)

    async def _confirm(
        self,
        kind: str,
        read: Callable[[], Awaitable[Object]],
        known: Run | Finished | Job,
        seen: Callable[[Object], None],
    ) -> None:
        try:
            raw = await read()
        except NotFound:
            raw = {}
        if (raw.get("metadata") or {}).get("uid") == known.uid:
            seen(raw)
            return
        _log.warning("audit: the %s with UID %s is gone, and no watch has told", kind, known.uid)
        self._metrics.repairs.labels(kind).inc()
        if isinstance(known, Job):
            self._intake.job_lost(known)
        else:
            self._intake.run_lost(known.key, known.uid)
        if raw:
            seen(raw)

    async def _pause(self, delay: float) -> None:
        try:
            async with asyncio.timeout(delay):
                await self._asked.wait()
        except TimeoutError:
            return
        # More relists follow the first: other kinds, other namespaces.
        await asyncio.sleep(min(delay, 10.0))


def _is_missing(uid: str, version: str, listed: _Listed) -> bool:
    return uid not in listed.versions and projection.version(version) <= listed.version
