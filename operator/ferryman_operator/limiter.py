"""How fast to ask: a token bucket with priorities, that slows down when the API server says so.

On 429 the rate is halved and nothing is sent before Retry-After; with every success after it the
rate grows back by a little (additive increase, multiplicative decrease).
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Callable
from enum import IntEnum
from typing import Final

_SLOWEST: Final = 0.05
"""Of the configured rate."""

_GROWTH: Final = 0.01
"""Of the configured rate, per success."""


class Priority(IntEnum):
    """Who goes first when not all can; the lowest number does."""

    ENDING = 0
    """Terminal statuses and cancels: a client waits, and capacity is held."""
    READING = 1
    STARTING = 2
    RUNNING = 3
    AUDITING = 4


class Limiter:
    """At most `qps` requests a second on average, `burst` at once."""

    def __init__(self, qps: float, burst: int, monotonic: Callable[[], float]) -> None:
        self._qps = qps
        self._burst = float(burst)
        self._rate = qps
        self._tokens = float(burst)
        self._monotonic = monotonic
        self._filled = monotonic()
        self._paused_until = 0.0
        self._waiting: list[tuple[Priority, int, asyncio.Future[None]]] = []
        self._order = itertools.count()
        self._timer: asyncio.TimerHandle | None = None

    @property
    def rate(self) -> float:
        """Requests a second, as of now."""
        return self._rate

    async def acquire(self, priority: Priority) -> None:
        """Wait for this request's turn."""
        if not self._waiting and self._take():
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (priority, next(self._order), turn))
        self._arm()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._tokens += 1
            raise

    def refused(self, retry_after: float | None) -> None:
        """The API server said 429."""
        self._refill()
        self._rate = max(self._qps * _SLOWEST, self._rate / 2)
        self._tokens = min(self._tokens, 0.0)
        self._paused_until = max(self._paused_until, self._monotonic() + (retry_after or 1.0))

    def accepted(self) -> None:
        """The API server did what it was asked to."""
        if self._rate < self._qps:
            self._refill()
            self._rate = min(self._qps, self._rate + self._qps * _GROWTH)

    def delay(self) -> float:
        """How long until the next token, seconds."""
        self._refill()
        pause = max(0.0, self._paused_until - self._monotonic())
        return max(pause, max(0.0, 1.0 - self._tokens) / self._rate)

    def _take(self) -> bool:
        if self.delay() > 1e-9:
            return False
        self._tokens -= 1.0
        return True

    def _refill(self) -> None:
        now = self._monotonic()
        self._tokens = min(self._burst, self._tokens + (now - self._filled) * self._rate)
        self._filled = now

    def _arm(self) -> None:
        if self._timer is None and self._waiting:
            self._timer = asyncio.get_running_loop().call_later(self.delay(), self._serve)

    def _serve(self) -> None:
        self._timer = None
        while self._waiting:
            if self._waiting[0][2].done():
                heapq.heappop(self._waiting)
            elif self._take():
                heapq.heappop(self._waiting)[2].set_result(None)
            else:
                break
        self._arm()
