"""The stream of our Jobs into the intake.

Jobs change five times in a run, and kopf's dispatch of an event costs several times what is done with it.
So kopf brings the TaskRuns (see `handlers`), and this the Jobs: list, watch from the list's version,
go on from the last version seen, list anew where the API server has forgotten it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from ferryman_operator.cluster import ClusterError, Gone, JobFeed, Object
from ferryman_operator.intake import Intake

_log: Final = logging.getLogger(__name__)

_FIRST_DELAY: Final = 0.5
_LONGEST_DELAY: Final = 30.0


@dataclass(frozen=True, slots=True)
class Reflector:
    """`relisted` hears of every list: what vanished meanwhile is on none, and the auditor finds it."""

    jobs: JobFeed
    intake: Intake
    relisted: Callable[[], None]
    namespaces: Sequence[str] = ()

    async def run(self) -> None:
        """Follow the Jobs for ever, whatever happens to the connection."""
        async with asyncio.TaskGroup() as streams:
            for namespace in self.namespaces or (None,):
                streams.create_task(_Stream(self, namespace).run())


class _Stream:
    """The Jobs of one namespace, or of all."""

    def __init__(self, reflector: Reflector, namespace: str | None) -> None:
        self._reflector = reflector
        self._namespace = namespace
        self._version = ""
        self._delay = _FIRST_DELAY

    async def run(self) -> None:
        while True:
            try:
                if not self._version:
                    await self._list()
                await self._watch()
            except Gone:
                self._version = ""
            except ClusterError as error:
                _log.info("jobs: again in %.1f s: %s", self._delay, error)
            # Also after an orderly end: a proxy that cuts every stream at once must not make a busy loop.
            await asyncio.sleep(self._delay)
            self._delay = min(_LONGEST_DELAY, self._delay * 2)

    async def _list(self) -> None:
        version = ""
        async for page in self._reflector.jobs.list_jobs(self._namespace):
            version = version or page.resource_version
            for raw in page.items:
                self._reflector.intake.job_seen(raw)
        self._version = version
        self._reflector.relisted()

    async def _watch(self) -> None:
        async for event in self._reflector.jobs.watch_jobs(self._namespace, self._version):
            self._delay = _FIRST_DELAY
            self._version = _version_in(event) or self._version
            match event.get("type"):
                case "ADDED" | "MODIFIED":
                    self._reflector.intake.job_seen(event["object"])
                case "DELETED":
                    self._reflector.intake.job_gone(event["object"])


def _version_in(event: Object) -> str:
    return str((event["object"].get("metadata") or {}).get("resourceVersion", ""))
