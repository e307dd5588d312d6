"""Probes and metrics over HTTP: /healthz, /readyz, /metrics."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from aiohttp import web

from ferryman_operator.clock import Clock

Check = Callable[[], str]
"""What is wrong; "" if nothing is."""

_BEAT_SECONDS: Final = 1.0
_MAX_LAG_SECONDS: Final = 10.0


class Heartbeat:
    """How late the event loop is with what it was asked to do in time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.lag = 0.0
        """Seconds, at the last beat."""

    async def run(self) -> None:
        """Beat for ever."""
        while True:
            due = self._clock.monotonic() + _BEAT_SECONDS
            await asyncio.sleep(_BEAT_SECONDS)
            self.lag = max(0.0, self._clock.monotonic() - due)

    def check(self) -> str:
        """What is wrong with the loop."""
        return f"the event loop lags by {self.lag:.0f} s" if self.lag > _MAX_LAG_SECONDS else ""


class Probes:
    """The server; readiness does not depend on leadership, or a rollout would wait for ever."""

    def __init__(self, alive: Check, ready: Check, metrics: Callable[[], bytes]) -> None:
        self._alive = alive
        self._ready = ready
        self._metrics = metrics
        self._runner: web.AppRunner | None = None

    async def start(self, host: str, port: int) -> int:
        """Serve; the port that was taken. Raises OSError."""
        app = web.Application()
        app.router.add_get("/healthz", lambda _: _answer(self._alive()))
        app.router.add_get("/readyz", lambda _: _answer(self._ready()))
        app.router.add_get("/metrics", self._show_metrics)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        self._runner = runner
        await web.TCPSite(runner, host, port).start()
        return int(runner.addresses[0][1])

    async def stop(self) -> None:
        """Stop serving."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _show_metrics(self, _: web.Request) -> web.Response:
        return web.Response(body=self._metrics(), headers={"Content-Type": "text/plain; version=0.0.4"})


async def _answer(problem: str) -> web.Response:
    return web.Response(text=problem or "ok", status=503 if problem else 200)
