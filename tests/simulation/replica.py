"""An operator without kopf and without real time, on a cluster twin; and the loop that lets time pass."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from ferryman.api.runner_contract import StoreLocation
from ferryman_operator.apply import Writer
from ferryman_operator.auditor import Auditor
from ferryman_operator.cache import Cache
from ferryman_operator.cluster import Cluster
from ferryman_operator.controller import Controller
from ferryman_operator.intake import Intake
from ferryman_operator.metrics import Metrics
from ferryman_operator.observe import Observer
from ferryman_operator.reconcile.decide import decide
from ferryman_operator.reconcile.observed import Observed, PodDefaults, StoreConfig, World
from ferryman_operator.reconcile.plan import Plan
from ferryman_operator.refusals import Refusals
from ferryman_operator.successes import Successes
from ferryman_operator.workers import Workers
from ferryman_operator.workqueue import WorkQueue
from simulation.cluster_twin import ClusterTwin, Told, succeeded_pods

WORLD = World(stores={"default": StoreConfig(StoreLocation("payloads"))}, pod=PodDefaults("runner:1"))

Distort = Callable[[list[Told]], list[Told]]


class Replica:
    """Reads the twin's news from a place of its own; `distort` may drop and double them."""

    def __init__(
        self,
        twin: ClusterTwin,
        *,
        distort: Distort = list,
        decide: Callable[[Observed], Plan] = decide,
        world: World = WORLD,
    ) -> None:
        clock = twin.clock
        self.twin = twin
        self.leads = True
        self._read = len(twin.told)
        self._distort = distort
        self.metrics = Metrics()
        self.queue = WorkQueue(clock.monotonic)
        self.cache = Cache()
        self.intake = Intake(self.cache, self.queue)
        cluster: Cluster = twin
        refusals = Refusals(clock.monotonic, world.quota_retry_seconds)
        self.successes = Successes()
        observer = Observer(
            self.cache, cluster, self.intake, refusals, Workers(), self.successes, world, clock
        )
        writer = Writer(cluster, self.cache, self.intake, refusals, clock, lambda: self.leads, lambda: True)
        self.controller = Controller(observer, writer, self.queue, refusals, clock, self.metrics, decide)
        self.auditor = Auditor(self.cache, cluster, self.intake, self.metrics)

    async def start(self) -> Replica:
        self._read = len(self.twin.told)
        await self.auditor.fill()
        return self

    def hear(self) -> bool:
        """Take in what is new; whether anything was."""
        news, self._read = self.twin.told[self._read :], len(self.twin.told)
        for told in self._distort(news):
            if told.kind == "taskruns":
                (self.intake.run_gone if told.type == "DELETED" else self.intake.run_seen)(told.object)
            elif told.kind == "jobs":
                (self.intake.job_gone if told.type == "DELETED" else self.intake.job_seen)(told.object)
            elif succeeded_pods([told]):
                self.successes.note(told.object)
        return bool(news)

    async def work(self) -> bool:
        """Process what is queued; whether anything was."""
        worked = False
        while (key := self.queue.take()) is not None:
            await self.controller.process(key)
            worked = True
        return worked


async def live(
    twin: ClusterTwin,
    replicas: Sequence[Replica],
    *,
    seconds: float = 3600.0,
    audit_every: float | None = None,
) -> None:
    """Let time pass until nothing is left to do, or `seconds` are over."""
    end = twin.clock.monotonic() + seconds
    next_audit = twin.clock.monotonic() + audit_every if audit_every else None
    for _ in range(100_000):
        heard = [replica.hear() for replica in replicas]
        worked = await asyncio.gather(*(replica.work() for replica in replicas))
        if any(heard) or any(worked) or twin.play_due():
            continue
        dues = [
            d for d in (twin.next_due, next_audit, *(r.queue.next_due for r in replicas)) if d is not None
        ]
        if not dues or min(dues) > end:
            return
        twin.clock.advance(min(dues) - twin.clock.monotonic())
        if next_audit is not None and twin.clock.monotonic() >= next_audit:
            next_audit += audit_every or 0.0
            for replica in replicas:
                await replica.auditor.audit()
    raise AssertionError("the simulation does not come to rest")
