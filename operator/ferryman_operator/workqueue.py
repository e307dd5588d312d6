"""Which run to look at next: a keyed queue with lanes, fairness, one timer per key and backoff.

A key is in work at most once at a time; a key added meanwhile is taken again afterwards. The
urgent lane goes first; within a lane namespaces take turns, so a namespace with ten thousand
runs does not hold up one with a single run.
"""

from __future__ import annotations

import asyncio
import heapq
from collections import OrderedDict, deque
from collections.abc import Callable
from enum import IntEnum
from typing import Final

from ferryman_operator.reconcile.observed import Key

_BACKOFF_FIRST: Final = 0.5
_BACKOFF_CAP: Final = 30.0


class Lane(IntEnum):
    """How urgent a key is; the lowest number first."""

    ENDING = 0
    """A Job has ended, or somebody cancelled: a client waits, and capacity is held."""
    RUNNING = 1
    STARTING = 2
    """A Job is to be created."""


class WorkQueue:
    """Not thread-safe; `take` and `done` are for the one dispatcher."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._lanes: tuple[OrderedDict[str, deque[Key]], ...] = tuple(OrderedDict() for _ in Lane)
        self._queued: dict[Key, tuple[Lane, float]] = {}
        self._working: dict[Key, Lane | None] = {}
        self._due: dict[Key, float] = {}
        self._timers: list[tuple[float, Key]] = []
        self._failures: dict[Key, int] = {}
        self._changed = asyncio.Event()

    def add(self, key: Key, lane: Lane = Lane.RUNNING) -> None:
        """Have the key looked at soon; a key that is already queued only ever becomes more urgent."""
        if key in self._working:
            again = self._working[key]
            self._working[key] = lane if again is None else min(again, lane)
            return
        known = self._queued.get(key)
        if known is not None and known[0] <= lane:
            return
        # The entry in the less urgent lane stays behind and is skipped when its turn comes.
        self._queued[key] = (lane, known[1] if known else self._monotonic())
        self._lanes[lane].setdefault(key.namespace, deque()).append(key)
        self._changed.set()

    def schedule(self, key: Key, due: float | None) -> None:
        """Set the key's one timer to this monotonic time, or clear it."""
        if due is None:
            self._due.pop(key, None)
            return
        if self._due.get(key) != due:
            self._due[key] = due
            heapq.heappush(self._timers, (due, key))
            self._changed.set()

    def back_off(self, key: Key, at_least: float = 0.0) -> float:
        """Look at the key again after a delay that doubles with each failure in a row: 0.5 to 30 seconds."""
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        delay = max(at_least, min(_BACKOFF_CAP, _BACKOFF_FIRST * 2.0 ** min(failures, 10)))
        self.schedule(key, self._monotonic() + delay)
        return delay

    def succeed(self, key: Key) -> None:
        """End the row of failures of the key."""
        self._failures.pop(key, None)

    def take(self) -> Key | None:
        """The next key to work on, if there is one; `done` must follow."""
        self._fire_timers()
        for lane in Lane:
            if (key := self._take_from(lane)) is not None:
                del self._queued[key]
                self._working[key] = None
                return key
        return None

    def done(self, key: Key) -> None:
        """The work on a key is over; if it was added meanwhile it is queued again."""
        again = self._working.pop(key)
        if again is not None:
            self.add(key, again)

    async def next(self) -> Key:
        """The next key to work on, as soon as there is one."""
        while (key := self.take()) is None:
            self._changed.clear()
            await self._wait_for_change()
        return key

    @property
    def depth(self) -> int:
        """How many keys wait."""
        return len(self._queued)

    @property
    def working(self) -> int:
        """How many keys are being worked on."""
        return len(self._working)

    @property
    def oldest_age(self) -> float:
        """How long the key that waits longest has waited, seconds."""
        return self._monotonic() - min(
            (since for _, since in self._queued.values()), default=self._monotonic()
        )

    @property
    def next_due(self) -> float | None:
        """When the next timer fires, monotonic."""
        while self._timers and self._due.get(self._timers[0][1]) != self._timers[0][0]:
            heapq.heappop(self._timers)
        return self._timers[0][0] if self._timers else None

    def _fire_timers(self) -> None:
        now = self._monotonic()
        while (due := self.next_due) is not None and due <= now:
            _, key = heapq.heappop(self._timers)
            del self._due[key]
            self.add(key)

    def _take_from(self, lane: Lane) -> Key | None:
        namespaces = self._lanes[lane]
        while namespaces:
            namespace, keys = namespaces.popitem(last=False)
            key = keys.popleft()
            if keys:
                namespaces[namespace] = keys
            if key in self._queued and self._queued[key][0] is lane:
                return key
        return None

    async def _wait_for_change(self) -> None:
        due = self.next_due
        if due is None:
            await self._changed.wait()
            return
        timer = asyncio.get_running_loop().call_later(max(0.0, due - self._monotonic()), self._changed.set)
        try:
            await self._changed.wait()
        finally:
            timer.cancel()
