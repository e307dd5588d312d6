"""The changes of one collection: a bounded log that watches read and old lists are rebuilt from."""

from __future__ import annotations

import asyncio
import json
from bisect import bisect_right
from dataclasses import dataclass
from typing import Any, Literal

from ferryman.dev.apiserver.errors import Gone

Object = dict[str, Any]
EventType = Literal["ADDED", "MODIFIED", "DELETED"]


class Record:
    """One version of an object. `object` is shared and never changed; `body` is its JSON, made once."""

    __slots__ = ("_body", "object", "version")

    def __init__(self, obj: Object, version: int) -> None:
        self.object = obj
        self.version = version
        self._body: bytes | None = None

    @property
    def body(self) -> bytes:
        """The object as JSON."""
        if self._body is None:
            self._body = json.dumps(self.object, separators=(",", ":"), ensure_ascii=False).encode()
        return self._body

    def at_version(self, version: int) -> Record:
        """The same content under another resourceVersion."""
        metadata = self.object["metadata"] | {"resourceVersion": str(version)}
        return Record(self.object | {"metadata": metadata}, version)


@dataclass(frozen=True, slots=True)
class Change:
    """What happened at one version. `before` is None for an addition; `record` may be the last state."""

    type: EventType
    record: Record
    before: Record | None

    @property
    def version(self) -> int:
        """The resourceVersion of the change."""
        return self.record.version


class History:
    """Changes in the order of their versions. Older ones than `limit` are forgotten, as etcd compacts."""

    def __init__(self, limit: int, born: int = 0) -> None:
        self._limit = limit
        self._changes: list[Change] = []
        self._dropped = 0
        # The newest version that is forgotten: watches may start here, but not before.
        self._compacted = born
        self._waiting: set[asyncio.Future[None]] = set()

    @property
    def start(self) -> int:
        """The position of the oldest change that is known."""
        return self._dropped

    @property
    def end(self) -> int:
        """The position after the newest change."""
        return self._dropped + len(self._changes)

    def append(self, change: Change) -> None:
        """Remember a change and wake who waits."""
        self._changes.append(change)
        if len(self._changes) > self._limit:
            self.forget(self._changes[len(self._changes) // 2].version)
        self.wake()

    def forget(self, version: int) -> None:
        """Drop every change up to and including a version: a watch from before it gets 410."""
        cut = bisect_right(self._changes, version, key=lambda change: change.version)
        self._dropped += cut
        self._compacted = max(self._compacted, version)
        del self._changes[:cut]

    def after(self, version: int) -> int:
        """The position of the first change after a version. Raises Gone."""
        if version < self._compacted:
            raise Gone(f"too old resource version: {version} ({self._compacted + 1})")
        return self._dropped + bisect_right(self._changes, version, key=lambda change: change.version)

    def read(self, position: int) -> list[Change]:
        """The changes from a position on. Raises Gone."""
        if position < self._dropped:
            raise Gone(f"too old resource version: the history starts after {self._compacted}")
        return self._changes[position - self._dropped :]

    async def wait(self, seconds: float | None) -> None:
        """Until something is appended, or the time is over."""
        future = asyncio.get_running_loop().create_future()
        self._waiting.add(future)
        try:
            await asyncio.wait({future}, timeout=seconds)
        finally:
            self._waiting.discard(future)
            future.cancel()

    def wake(self) -> None:
        """Let every waiter look again."""
        for future in self._waiting:
            if not future.done():
                future.set_result(None)
