"""The loop: observe, decide, look closer where that is asked for, apply, until there is nothing to do."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from ferryman_operator.apply import Writer
from ferryman_operator.clock import Clock
from ferryman_operator.cluster import ClusterError, Unavailable
from ferryman_operator.metrics import Metrics
from ferryman_operator.observe import Observer
from ferryman_operator.reconcile.observed import Key, Observed, Run
from ferryman_operator.reconcile.plan import Look, Plan
from ferryman_operator.refusals import Refusals
from ferryman_operator.workqueue import Lane, WorkQueue

_log: Final = logging.getLogger(__name__)

_MAX_STEPS: Final = 24
"""Looks and writes in one go; a run that needs more takes its turn again."""

_SLOW_RETRY_SECONDS: Final = 60.0
"""After an exception of ours: a bug that meets one object must not become a busy loop."""


class Result(StrEnum):
    """How one reconciliation went: a label of the metrics."""

    QUIET = "quiet"
    GONE = "gone"
    UNAVAILABLE = "unavailable"
    REFUSED = "refused"
    UNSETTLED = "unsettled"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Controller:
    """Works the queue, `concurrency` runs at a time."""

    observer: Observer
    writer: Writer
    queue: WorkQueue
    refusals: Refusals
    clock: Clock
    metrics: Metrics
    decide: Callable[[Observed], Plan]
    concurrency: int = 64
    in_flight: set[asyncio.Task[None]] = field(default_factory=set)

    async def run(self, is_open: Callable[[], bool], opened: asyncio.Event) -> None:
        """Work for ever, while the gate is open. Cancel it to stop; work in flight goes on to its end."""
        slots = asyncio.Semaphore(self.concurrency)
        while True:
            await slots.acquire()
            key = await self.queue.next()
            opened.clear()
            while not is_open():
                await opened.wait()
                opened.clear()
            task = asyncio.create_task(self._work(key, slots), name=f"reconcile {key}")
            self.in_flight.add(task)
            task.add_done_callback(self.in_flight.discard)

    async def drain(self, seconds: float) -> None:
        """Wait for the work in flight, at most this long."""
        if self.in_flight:
            await asyncio.wait(set(self.in_flight), timeout=seconds)

    async def _work(self, key: Key, slots: asyncio.Semaphore) -> None:
        try:
            await self.process(key)
        finally:
            slots.release()

    async def process(self, key: Key) -> Result:
        """Reconcile a key that was taken from the queue, and set when it is looked at next. Never raises."""
        started = self.clock.monotonic()
        try:
            result = await self._reconcile(key)
        except Unavailable as error:
            result = Result.UNAVAILABLE
            delay = self.queue.back_off(key, error.retry_after or 0.0)
            _log.info("%s: again in %.1f s: %s", key, delay, error)
        except ClusterError as error:
            result = Result.REFUSED
            self.queue.back_off(key, error.retry_after or _SLOW_RETRY_SECONDS / 2)
            _log.warning("%s: %s", key, error)
        except Exception:  # noqa: BLE001 - one bad object never stops the others.
            result = Result.ERROR
            self.queue.back_off(key, _SLOW_RETRY_SECONDS)
            _log.exception("%s: cannot be reconciled", key)
        finally:
            self.queue.done(key)
        self.metrics.reconciled(result, self.clock.monotonic() - started)
        return result

    async def _reconcile(self, key: Key) -> Result:
        observed = self.observer.cached(key)
        for _ in range(_MAX_STEPS):
            plan = self._decide(observed)
            if plan.looks:
                observed = await self.observer.look(key, observed, plan.looks)
                continue
            if observed.run is None:
                self.refusals.forget(key)
                return self._settle(key, None, Result.GONE)
            if plan.is_quiet:
                return self._settle(key, plan.wake_at, Result.QUIET)
            then = await self._carry_out(key, observed, observed.run, plan)
            if then is None:
                return self._settle(key, plan.wake_at, Result.QUIET)
            observed = then
        # A status that conflicts each time, say: its requests are not to be all that is asked for.
        self.queue.back_off(key)
        return Result.UNSETTLED

    async def _carry_out(self, key: Key, observed: Observed, run: Run, plan: Plan) -> Observed | None:
        """What to decide from next; None if nothing has changed that a decision reads."""
        if plan.status is not None and run.status.phase.is_terminal and not observed.fresh:
            # The cache holds less of a finished run than there is.
            return await self.observer.look(key, observed, frozenset({Look.RUN}))
        applied = await self.writer.apply(run, plan)
        if applied.stale:
            self.metrics.conflicts.inc()
            return await self.observer.look(key, self.observer.cached(key), frozenset({Look.RUN}))
        if not applied.wrote:
            return None
        self._note(key, run, plan)
        return self.observer.cached(key)

    def _decide(self, observed: Observed) -> Plan:
        if observed.run is None:
            return Plan()
        return self.decide(observed)

    def _note(self, key: Key, run: Run, plan: Plan) -> None:
        if plan.status is None or plan.status.phase is run.status.phase:
            return
        self.metrics.entered(plan.status.phase)
        _log.info("%s: %s", key, plan.status.phase, extra={"run": str(key), "phase": plan.status.phase.value})
        if plan.status.phase.is_terminal:
            for waiting in self.refusals.lift(key.namespace):
                self.queue.add(waiting, Lane.STARTING)

    def _settle(self, key: Key, wake_at: datetime | None, result: Result) -> Result:
        self.queue.succeed(key)
        delay = None if wake_at is None else max(0.0, (wake_at - self.clock.now()).total_seconds())
        self.queue.schedule(key, None if delay is None else self.clock.monotonic() + delay)
        return result
