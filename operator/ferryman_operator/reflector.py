"""The stream of our Jobs into the intake.

Jobs change five times in a run, and kopf's dispatch of an event costs several times what is done with it.
So kopf brings the TaskRuns (see `handlers`), and this the Jobs: all of them, then what becomes of them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass

from ferryman_operator import stream
from ferryman_operator.cluster import JobFeed, Object
from ferryman_operator.intake import Intake


@dataclass(frozen=True, slots=True)
class Reflector:
    """`relisted` hears of every list: what vanished meanwhile is on none, and the auditor finds it."""

    jobs: JobFeed
    intake: Intake
    relisted: Callable[[], None]
    namespaces: Sequence[str] = ()

    async def run(self) -> None:
        """Follow the Jobs for ever."""
        await stream.follow(_Jobs(self, namespace) for namespace in self.namespaces or (None,))


class _Jobs:
    name = "jobs"

    def __init__(self, reflector: Reflector, namespace: str | None) -> None:
        self._reflector = reflector
        self._namespace = namespace

    async def begin(self) -> str:
        version = ""
        async for page in self._reflector.jobs.list_jobs(self._namespace):
            version = version or page.resource_version
            for raw in page.items:
                self._reflector.intake.job_seen(raw)
        self._reflector.relisted()
        return version

    def watch(self, version: str) -> AsyncIterator[Object]:
        return self._reflector.jobs.watch_jobs(self._namespace, version)

    def hear(self, event: Object) -> None:
        match event.get("type"):
            case "ADDED" | "MODIFIED":
                self._reflector.intake.job_seen(event["object"])
            case "DELETED":
                self._reflector.intake.job_gone(event["object"])
