"""A stream of Kubernetes objects that is followed for ever, whatever happens to the connection.

Watch from a version, go on from the last version seen, begin anew where the API server has forgotten it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable
from typing import Final, Protocol

from ferryman_operator.cluster import ClusterError, Gone, Object

_log: Final = logging.getLogger(__name__)

_FIRST_DELAY: Final = 0.5
_LONGEST_DELAY: Final = 30.0


class Source(Protocol):
    """What is followed: the objects of one kind, in one namespace or in all."""

    name: str
    """For the log."""

    async def begin(self) -> str:
        """The version to watch from. Raises ClusterError."""
        ...

    def watch(self, version: str) -> AsyncIterator[Object]:
        """Events since `version`, until the server ends them. Raises Gone, ClusterError."""
        ...

    def hear(self, event: Object) -> None:
        """Take an event in."""
        ...


async def follow(sources: Iterable[Source]) -> None:
    """Follow all of them for ever."""
    async with asyncio.TaskGroup() as streams:
        for source in sources:
            streams.create_task(_Stream(source).run())


class _Stream:
    def __init__(self, source: Source) -> None:
        self._source = source
        self._version = ""
        self._delay = _FIRST_DELAY
        self._trouble = ""

    async def run(self) -> None:
        while True:
            try:
                self._version = self._version or await self._source.begin()
                await self._watch()
            except Gone:
                self._version = ""
            except ClusterError as error:
                self._tell(str(error))
            # Also after an orderly end: a proxy that cuts every stream at once must not make a busy loop.
            await asyncio.sleep(self._delay)
            self._delay = min(_LONGEST_DELAY, self._delay * 2)

    async def _watch(self) -> None:
        async for event in self._source.watch(self._version):
            self._delay, self._trouble = _FIRST_DELAY, ""
            self._version = _version_in(event) or self._version
            self._source.hear(event)

    def _tell(self, trouble: str) -> None:
        # Once: a right that is missing is missing for days.
        if trouble != self._trouble:
            _log.warning("%s: cannot be followed, and is tried again: %s", self._source.name, trouble)
        self._trouble = trouble


def _version_in(event: Object) -> str:
    return str((event["object"].get("metadata") or {}).get("resourceVersion", ""))
