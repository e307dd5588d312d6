"""Watches: the changes of a collection, as seen through a selection."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass

from ferryman.dev.apiserver.history import Change, EventType, History, Record
from ferryman.dev.apiserver.resources import Object
from ferryman.dev.apiserver.selectors import Selection


@dataclass(frozen=True, slots=True)
class Listing:
    """Records and the resourceVersion that they are of."""

    records: Sequence[Record]
    version: int


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that a watch tells."""

    type: EventType
    record: Record

    @property
    def object(self) -> Object:
        """The object; shared, never to be changed."""
        return self.record.object


class Watcher:
    """One watch. Not closed in any way: dropping it is enough."""

    def __init__(
        self,
        history: History,
        selection: Selection,
        initial: Sequence[Record],
        since: int,
        current: Callable[[], int],
    ) -> None:
        self._history = history
        self._selection = selection
        self._initial = initial
        self._current = current
        self._position = history.after(since)
        self.version = since
        """Every change up to this resourceVersion has been told."""

    def take(self) -> list[Event]:
        """What there is to tell now; may be empty. Raises Gone where the watch fell too far behind."""
        events = [Event("ADDED", record) for record in self._initial]
        self._initial = ()
        changes = self._history.read(self._position)
        self._position += len(changes)
        self.version = self._current()
        return events + [event for change in changes if (event := self._seen(change))]

    async def batch(self, seconds: float | None = None) -> list[Event]:
        """What there is to tell, waiting for it; empty when the time is over. Raises Gone."""
        events = self.take()
        if not events:
            await self._history.wait(seconds)
            events = self.take()
        return events

    async def events(self) -> AsyncIterator[Event]:
        """One event after the other, for ever. Raises Gone."""
        while True:
            for event in await self.batch():
                yield event

    def _seen(self, change: Change) -> Event | None:
        now = change.type != "DELETED" and self._selection.matches(change.record.object)
        earlier = change.before
        before = earlier is not None and self._selection.matches(earlier.object)
        if now:
            return Event("MODIFIED" if before else "ADDED", change.record)
        if before and earlier is not None:
            # A client must see what it knew, under the version at which it went.
            gone = change.record if change.type == "DELETED" else earlier.at_version(change.version)
            return Event("DELETED", gone)
        return None
