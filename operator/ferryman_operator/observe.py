"""Everything that a decision about one run reads: from the cache and, where it asks for it, live."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from ferryman_operator import projection
from ferryman_operator.cache import Cache
from ferryman_operator.clock import Clock
from ferryman_operator.cluster import Cluster, NotFound
from ferryman_operator.intake import Intake
from ferryman_operator.reconcile import attempts, hooks, outcome
from ferryman_operator.reconcile.observed import Job, Key, Observed, Pod, Run, World
from ferryman_operator.reconcile.plan import Look
from ferryman_operator.refusals import Refusals
from ferryman_operator.successes import Successes
from ferryman_operator.workers import Workers, lease_key


@dataclass(frozen=True, slots=True)
class Observer:
    """Reads; what it reads live goes into the cache too."""

    cache: Cache
    cluster: Cluster
    intake: Intake
    refusals: Refusals
    workers: Workers
    successes: Successes
    world: World
    clock: Clock

    def cached(self, key: Key) -> Observed:
        """What the cache has of a run."""
        run = self.cache.run(key)
        return Observed(
            now=self.clock.now(),
            world=self.world,
            run=run,
            jobs=self._jobs(run),
            upstreams=self._upstreams(run),
            refusal=self.refusals.of(run) if run else None,
            awaited=bool(self.cache.dependants_of(key)),
            parent=self._parent(run),
            renewal=self.workers.of(run),
        )

    async def look(self, key: Key, before: Observed, looks: frozenset[Look]) -> Observed:
        """`before`, with what the looks find; earlier looks are kept. Raises ClusterError."""
        after = before
        if looks & {Look.RUN, Look.RUN_ALONE}:
            after = replace(after, run=await self._live_run(key, before.run), current=True)
        run = after.run
        if run is None:
            return replace(after, now=self.clock.now(), jobs=())
        if Look.RUN in looks:
            await self._look_at_job(run)
            after = replace(after, fresh=True)
        if Look.PODS in looks:
            told = () if after.fresh else self._success(run)
            after = replace(after, pods=told or await self._pods(run))
        if Look.LEASE in looks:
            await self._look_at_lease(run)
        if Look.UPSTREAMS in looks:
            await self._look_at_upstreams(run)
            after = replace(after, upstreams_confirmed=True)
        return replace(
            after,
            now=self.clock.now(),
            jobs=self._jobs(run),
            upstreams=self._upstreams(run),
            refusal=self.refusals.of(run),
            awaited=bool(self.cache.dependants_of(key)),
            parent=self._parent(run),
            renewal=self.workers.of(run),
        )

    async def _live_run(self, key: Key, before: Run | None) -> Run | None:
        try:
            raw = await self.cluster.get_run(key)
        except NotFound:
            self._forget(key)
            return None
        self.intake.run_read(raw)
        # Not from the cache, which holds less of a finished run than there is.
        known = before if before is not None and not before.status.phase.is_terminal else None
        return projection.run(raw, known=known)

    async def _look_at_job(self, run: Run) -> None:
        if run.status.phase.is_terminal and not hooks.are_pending(run.status):
            return
        namespace, name = run.key.namespace, attempts.job_name(run)
        try:
            raw = await self.cluster.get_job(namespace, name)
        except NotFound:
            if (known := self.cache.job(namespace, name)) is not None:
                self.cache.drop_job(namespace, name, known.uid)
            return
        self.intake.job_read(raw)

    async def _look_at_lease(self, run: Run) -> None:
        key = lease_key(run)
        if key is None:
            return
        try:
            found = await self.cluster.get_worker_lease(key.namespace, key.name)
        except NotFound:
            found = None
        self.workers.note(key, found, self.clock.now())

    async def _look_at_upstreams(self, run: Run) -> None:
        for key in _upstream_keys(run):
            if self.cache.run(key) is None:
                try:
                    self.intake.run_seen(await self.cluster.get_run(key))
                except NotFound:
                    continue

    async def _pods(self, run: Run) -> tuple[Pod, ...]:
        found = await self.cluster.list_pods(run.key.namespace, run.uid)
        return tuple(pod for raw in found if (pod := projection.pod(raw)) is not None)

    def _success(self, run: Run) -> tuple[Pod, ...]:
        """The pod of the current Job, where no list could lead to another end; () if there is none."""
        job = attempts.ended_job(run, self._jobs(run))
        pod = self.successes.take(job.namespace, job.uid) if job else None
        return (pod,) if job and pod and outcome.is_success(run.uid, job, pod) else ()

    def _jobs(self, run: Run | None) -> tuple[Job, ...]:
        if run is None:
            return ()
        owned = self.cache.jobs_of(run.uid)
        named = self.cache.job(run.key.namespace, attempts.job_name(run))
        return owned if named is None or named.owner_uid == run.uid else (*owned, named)

    def _upstreams(self, run: Run | None) -> Mapping[str, Run]:
        keys = _upstream_keys(run) if run else ()
        return MappingProxyType({k.name: found for k in keys if (found := self.cache.run(k)) is not None})

    def _parent(self, run: Run | None) -> Run | None:
        said = run.spec.parent if run and run.spec else None
        found = self.cache.run(Key(run.key.namespace, said.name)) if run and said else None
        return found if found is not None and said is not None and found.uid == said.uid else None

    def _forget(self, key: Key) -> None:
        known = self.cache.run(key)
        if known is not None and self.cache.drop_run(key, known.uid):
            self.refusals.forget(key)
            self.intake.wake_dependants(key)


def _upstream_keys(run: Run) -> tuple[Key, ...]:
    return tuple(Key(run.key.namespace, d.name) for d in run.spec.depends_on) if run.spec else ()
