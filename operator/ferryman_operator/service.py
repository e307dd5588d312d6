"""The operator as a whole: its parts, the order in which they start, and the order in which they stop."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import secrets
import signal
from collections.abc import Coroutine
from typing import Any, Final

from ferryman.api import names
from ferryman_operator.apply import Writer
from ferryman_operator.auditor import Auditor, AuditTimes
from ferryman_operator.auth import Connection
from ferryman_operator.cache import Cache
from ferryman_operator.clock import Clock
from ferryman_operator.cluster import ClusterError, Gone, NotFound, Unavailable
from ferryman_operator.controller import Controller
from ferryman_operator.handlers import Watches
from ferryman_operator.intake import Intake, lane_of
from ferryman_operator.kube import KubeCluster
from ferryman_operator.leader import Alone, Elector, Leadership, LeaseTerms
from ferryman_operator.limiter import Limiter
from ferryman_operator.metrics import Metrics
from ferryman_operator.observe import Observer
from ferryman_operator.podwatch import PodWatch
from ferryman_operator.probes import Heartbeat, Probes
from ferryman_operator.reconcile.decide import decide
from ferryman_operator.reconcile.observed import Job
from ferryman_operator.reflector import Reflector
from ferryman_operator.refusals import Refusals
from ferryman_operator.settings import Settings, seconds
from ferryman_operator.successes import Successes
from ferryman_operator.workers import Workers
from ferryman_operator.workqueue import WorkQueue

_log: Final = logging.getLogger(__name__)

_START_RETRY_SECONDS: Final = 1.0

_ALLOCATIONS_PER_COLLECTION: Final = 20_000
"""Python's own 700 are a few requests: hardly any of what they hold is garbage yet."""


class Stopped(Exception):
    """The operator cannot start or go on; the message is the one line that says why."""


class Service:
    """One replica."""

    def __init__(self, settings: Settings, connection: Connection, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._stop = asyncio.Event()
        self._watches_stop = asyncio.Event()
        self._opened = asyncio.Event()
        self._filled = False
        self._watching = False
        self.metrics = Metrics()
        self._queue = WorkQueue(clock.monotonic)
        self._cache = Cache()
        self._intake = Intake(self._cache, self._queue, self._tell_lag)
        self._successes = Successes()
        self._cluster = _cluster(settings, connection, clock, self.metrics)
        self._leader = self._leadership(connection)
        self._controller = self._build_controller()
        self._auditor = Auditor(self._cache, self._cluster, self._intake, self.metrics, settings.namespaces)
        self._watches = Watches(connection, self._intake, self._auditor.relisted, settings.namespaces)
        self._reflector = Reflector(self._cluster, self._intake, self._auditor.relisted, settings.namespaces)
        self._pods = PodWatch(self._cluster, self._successes, settings.namespaces)
        self._heartbeat = Heartbeat(clock)
        self._probes = Probes(self._alive, self._ready, self.metrics.render)
        self._add_gauges()

    async def run(self) -> None:
        """Work until SIGTERM or SIGINT. Raises Stopped if it cannot."""
        self._take_signals()
        http = self._settings.http
        try:
            port = await self._probes.start(http.host, http.port)
        except OSError as error:
            await self._cluster.close()
            raise Stopped(f"http: cannot listen on {http.host}:{http.port}: {error.strerror}") from None
        _log.info("probes and metrics on %s:%d", http.host, port)
        try:
            await self._work()
        finally:
            await self._probes.stop()
            await self._cluster.close()

    async def _work(self) -> None:
        filling = asyncio.create_task(self._fill())
        await _first(filling, asyncio.create_task(self._stop.wait()))
        if not filling.done():
            return
        filling.result()
        audit = self._settings.audit
        times = AuditTimes(seconds(audit.first), seconds(audit.every), seconds(audit.grace))
        controller = _spawn(self._controller.run(lambda: self._leader.leads, self._opened), "controller")
        leader = _spawn(self._leader.run(), "leader")
        others = [
            _spawn(self._auditor.run(times), "auditor"),
            _spawn(self._heartbeat.run(), "heartbeat"),
            _spawn(self._reflector.run(), "jobs"),
            _spawn(self._pods.run(), "pods"),
        ]
        watches = _spawn(self._watches.run(self._watches_stop, self._take_signals), "watches")
        self._watching = True
        stopping = _spawn(self._stop.wait(), "signals")
        ended = await _first(controller, leader, *others, watches, stopping)
        await self._shut_down(controller, leader, watches)
        for task in (controller, leader, *others, stopping):
            await _cancelled(task)
        if ended is not stopping:
            raise Stopped(f"{ended.get_name()} ended: {_why(ended)}")

    async def _shut_down(self, *tasks: asyncio.Task[Any]) -> None:
        controller, leader, watches = tasks
        _log.info("stopping")
        # From here on `may_create` says no, so nothing new is begun; what was begun is finished.
        self._stop.set()
        controller.cancel()
        await self._controller.drain(seconds(self._settings.shutdown_grace))
        await _cancelled(leader)
        await self._leader.release()
        self._watches_stop.set()
        await asyncio.wait([watches], timeout=8)
        await _cancelled(watches)

    async def _fill(self) -> None:
        """Everything that exists, into the cache. The queue opens after it."""
        give_up = self._clock.monotonic() + seconds(self._settings.start_timeout)
        while True:
            try:
                await self._auditor.fill()
                break
            except NotFound:
                raise Stopped(
                    f"the API server does not serve {names.PLURAL}.{names.GROUP}/{names.VERSION}:"
                    " apply manifests/crd.yaml first"
                ) from None
            except (Unavailable, Gone) as error:
                if self._clock.monotonic() >= give_up:
                    raise Stopped(f"the API server does not answer: {error}") from None
                _log.warning("waiting for the API server: %s", error)
                await asyncio.sleep(_START_RETRY_SECONDS)
            except ClusterError as error:
                raise Stopped(f"the API server refuses: {error}") from None
        self._filled = True
        # What is there now stays: the collector need not look at it again, nor so often at what comes.
        gc.freeze()
        gc.set_threshold(_ALLOCATIONS_PER_COLLECTION)
        _log.info("found %d runs and %d jobs", *self._cache.sizes)

    def _build_controller(self) -> Controller:
        settings, clock = self._settings, self._clock
        refusals = Refusals(clock.monotonic, seconds(settings.quota_retry))
        observer = Observer(
            cache=self._cache,
            cluster=self._cluster,
            intake=self._intake,
            refusals=refusals,
            workers=Workers(),
            successes=self._successes,
            world=settings.world,
            clock=clock,
        )
        writer = Writer(
            cluster=self._cluster,
            cache=self._cache,
            intake=self._intake,
            refusals=refusals,
            clock=clock,
            may_write=lambda: self._leader.leads,
            may_create=lambda: not self._stop.is_set(),
        )
        return Controller(
            observer, writer, self._queue, refusals, clock, self.metrics, decide, settings.concurrency
        )

    def _leadership(self, connection: Connection) -> Leadership:
        lease = self._settings.lease
        if not lease.enabled:
            return Alone(self._gained)
        terms = LeaseTerms(
            namespace=lease.namespace or connection.namespace,
            name=lease.name,
            identity=f"{os.uname().nodename}-{secrets.token_hex(4)}",
            duration=seconds(lease.duration),
            renew_deadline=seconds(lease.renew_deadline),
            retry_period=seconds(lease.retry_period),
        )
        return Elector(self._cluster, terms, self._clock, self._gained)

    def _gained(self) -> None:
        for run in self._cache.live_runs():
            self._queue.add(run.key, lane_of(run, self._cache.jobs_of(run.uid)))
        self._opened.set()

    def _take_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)

    def _alive(self) -> str:
        return self._heartbeat.check()

    def _ready(self) -> str:
        if self._filled and self._watching:
            return ""
        return "listing" if not self._filled else "starting to watch"

    def _tell_lag(self, job: Job) -> None:
        assert job.end is not None
        self.metrics.lag.observe(max(0.0, (self._clock.now() - job.end.at).total_seconds()))

    def _add_gauges(self) -> None:
        tell, queue = self.metrics.gauge, self._queue
        tell("ferryman_queue_depth", "Runs that wait to be looked at.", lambda: float(queue.depth))
        tell("ferryman_queue_working", "Runs that are being looked at.", lambda: float(queue.working))
        tell("ferryman_queue_oldest_seconds", "How long the first of them waits.", lambda: queue.oldest_age)
        tell("ferryman_leader", "1 if this replica leads.", lambda: float(self._leader.leads))
        tell("ferryman_loop_lag_seconds", "How late the event loop is.", lambda: self._heartbeat.lag)
        tell("ferryman_cached_jobs", "Jobs that are known.", lambda: float(self._cache.sizes[1]))
        self.metrics.gauges("ferryman_runs", "Runs that are known, by phase.", "phase", self._cache.phases)


def _cluster(settings: Settings, connection: Connection, clock: Clock, metrics: Metrics) -> KubeCluster:
    api = settings.api
    return KubeCluster(
        connection,
        Limiter(api.qps, api.burst, clock.monotonic),
        metrics.requested,
        connections=api.connections,
        timeout=seconds(api.timeout),
    )


def _spawn(work: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
    return asyncio.create_task(work, name=name)


async def _first(*tasks: asyncio.Task[Any]) -> asyncio.Task[Any]:
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    # The order of `tasks` decides where several ended at once.
    return next(task for task in tasks if task in done)


async def _cancelled(task: asyncio.Task[Any]) -> None:
    task.cancel()
    await asyncio.wait([task])


def _why(task: asyncio.Task[Any]) -> str:
    if task.cancelled():
        return "cancelled"
    error = task.exception()
    return f"{type(error).__name__}: {error}" if error else "without a reason"
