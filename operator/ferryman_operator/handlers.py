"""The watch of TaskRuns, by kopf: the only file that imports it.

kopf connects, lists, watches, reconnects and resumes. Its handlers only copy what they see into the
intake: no state in annotations, no finalizers, no writes. The settings below were measured; the
reasons are in docs/decisions.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import kopf
from kopf._core.engines.peering import Identity
from kopf._core.reactor.inventory import ResourceMemories, ResourceMemory

from ferryman.api import names
from ferryman_operator.auth import Connection
from ferryman_operator.intake import Intake
from ferryman_operator.kube import open_session

_RUNS: Final = (names.GROUP, names.VERSION, names.PLURAL)


@dataclass(frozen=True, slots=True)
class Watches:
    """Streams of TaskRuns into the intake. `relisted` hears of every list."""

    connection: Connection
    intake: Intake
    relisted: Callable[[], None]
    namespaces: Sequence[str] = ()

    async def run(self, stop: asyncio.Event, spawned: Callable[[], None]) -> None:
        """Watch until `stop` is set. `spawned` is called when kopf has set its signal handlers."""
        others = asyncio.all_tasks()
        tasks = await kopf.spawn_tasks(
            registry=self._registry(),
            settings=_settings(),
            memories=_NoMemories(),
            # Only peering, which is off, would use it. Unset, kopf asks for the name of the user, and fails
            # in a container whose user has none.
            identity=Identity("ferryman-operator"),
            standalone=True,
            clusterwide=not self.namespaces,
            namespaces=list(self.namespaces),
            stop_flag=stop,
        )
        spawned()
        await kopf.run_tasks(tasks, ignored=others)

    def _registry(self) -> kopf.OperatorRegistry:
        registry = kopf.OperatorRegistry()
        kopf.on.login(registry=registry)(self._login)
        # The work is done where kopf asks whether the handler applies, and the answer is no: that
        # spares what kopf does around each call of a handler, a fifth of its time per event.
        kopf.on.event(*_RUNS, registry=registry, when=self._see)(_never)
        return registry

    async def _login(self, **_: Any) -> kopf.AiohttpSession:
        # A new session each time: kopf remembers those that were refused and closes them.
        return kopf.AiohttpSession(
            aiohttp_session=open_session(self.connection, limit=0), server=self.connection.server
        )

    def _see(self, event: Any, **_: Any) -> bool:
        if event["type"] is None:
            self.relisted()
        if event["type"] == "DELETED":
            self.intake.run_gone(event["object"])
        else:
            self.intake.run_seen(event["object"])
        return False


async def _never(**_: Any) -> None:
    """Not called: see `Watches._registry`."""


class _NoMemories(ResourceMemories):
    # kopf would keep a kilobyte for every object it has ever seen, and for those that vanished
    # unseen it would keep it for good. Event handlers need none of it.

    async def recall(self, *_: Any, noticed_by_listing: bool = False, **__: Any) -> ResourceMemory:
        return ResourceMemory(noticed_by_listing=noticed_by_listing)

    async def forget(self, *_: Any, **__: Any) -> None:
        pass


class _NoDiffs(kopf.DiffBaseStorage):
    # The difference to the last handled state is computed for every event, even if nobody asks for it.

    def build(self, **_: Any) -> kopf.BodyEssence:
        return kopf.BodyEssence()

    def fetch(self, **_: Any) -> kopf.BodyEssence:
        return kopf.BodyEssence()

    def store(self, **_: Any) -> None:
        pass


class _NoProgress(kopf.ProgressStorage):
    def fetch(self, **_: Any) -> None:
        return None

    def store(self, **_: Any) -> None:
        pass

    def purge(self, **_: Any) -> None:
        pass

    def touch(self, **_: Any) -> None:
        pass

    def clear(self, *, essence: kopf.BodyEssence) -> kopf.BodyEssence:
        return essence


class _ForEver:
    """Delays between tries, without an end: a list or a watch never gives up."""

    def __iter__(self) -> Iterator[float]:
        delay = 0.5
        while True:
            yield delay
            delay = min(30.0, delay * 2)


def _settings() -> kopf.OperatorSettings:
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    settings.posting.loggers = False
    settings.queueing.idle_timeout = 0.1
    settings.queueing.exit_timeout = 2.0
    settings.queueing.error_delays = (1, 2, 5, 10)
    settings.watching.chunk_size = 500
    settings.watching.inactivity_timeout = 70
    settings.watching.reconnect_backoff = 1.0
    settings.networking.request_timeout = 60
    settings.networking.connect_timeout = 10
    settings.networking.error_backoffs = _ForEver()
    settings.networking.enforce_retry_after = False
    settings.persistence.diffbase_storage = _NoDiffs()
    settings.persistence.progress_storage = _NoProgress()
    settings.persistence.finalizer = f"{names.GROUP}/never-used"
    settings.persistence.consistency_timeout = 0
    settings.scanning.disabled = True
    settings.process.ultimate_exiting_timeout = 60
    return settings
