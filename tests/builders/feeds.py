"""A feed of the operator whose watches play what a test has written."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable


class Playback:
    """Each watch plays the next of `streams`: events and errors. The one after them hangs."""

    def __init__(self, *streams):
        self._streams = list(streams)
        self.asked = []
        """In order: the versions that were watched from, and what else the feed notes."""
        self._drained = asyncio.Event()

    async def watch(self, namespace, version):
        self.asked.append(version)
        if not self._streams:
            self._drained.set()
            await asyncio.Event().wait()
        for one in self._streams.pop(0):
            if isinstance(one, Exception):
                raise one
            kind, raw = one
            yield {"type": kind, "object": raw}

    async def played_to(self, following: Awaitable[None]) -> None:
        """Have `following` hear all of the streams, and end it."""
        task = asyncio.ensure_future(following)
        async with asyncio.timeout(30):
            await self._drained.wait()
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
