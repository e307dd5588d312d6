"""The stream of pods that succeed: a hint, which spares a list of pods for each run that succeeds.

It begins at now, and again at now where the API server has forgotten the version. What it does not tell
of, or tells of too late, is listed: nothing waits for it, and without the right to watch all goes on.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from ferryman_operator import stream
from ferryman_operator.cluster import Object, PodFeed
from ferryman_operator.successes import Successes


@dataclass(frozen=True, slots=True)
class PodWatch:
    """Into `successes`."""

    pods: PodFeed
    successes: Successes
    namespaces: Sequence[str] = ()

    async def run(self) -> None:
        """Follow them for ever."""
        await stream.follow(_Succeeded(self, namespace) for namespace in self.namespaces or (None,))


class _Succeeded:
    name = "pods (until then those of every run are listed)"

    def __init__(self, watch: PodWatch, namespace: str | None) -> None:
        self._watch = watch
        self._namespace = namespace

    async def begin(self) -> str:
        return await self._watch.pods.version_of_pods(self._namespace)

    def watch(self, version: str) -> AsyncIterator[Object]:
        return self._watch.pods.watch_succeeded_pods(self._namespace, version)

    def hear(self, event: Object) -> None:
        # A pod that begins to match is added; what changes of it later is nothing that a decision reads.
        if event.get("type") == "ADDED":
            self._watch.successes.note(event["object"])
