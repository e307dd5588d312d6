"""Watch requests: a stream of JSON lines, with bookmarks, an end, and 410 as an event."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from aiohttp import web

from ferryman.dev.apiserver.errors import ApiError, Gone
from ferryman.dev.apiserver.history import Record
from ferryman.dev.apiserver.requests import Form, Target, accepted_form, selection
from ferryman.dev.apiserver.resources import Object, Resource
from ferryman.dev.apiserver.selectors import Selection
from ferryman.dev.apiserver.storage import Storage
from ferryman.dev.apiserver.tables import rendered
from ferryman.dev.apiserver.watching import Event, Watcher

BOOKMARK_SECONDS: Final = 15.0
_INITIAL_END: Final = {"k8s.io/initial-events-end": "true"}


@dataclass(eq=False, slots=True)
class OpenWatch:
    """A watch connection that a test may cut: `interruption` is raised in it at its next step."""

    resource: Resource
    interruption: ApiError | ConnectionError | None = None
    events_left: int | None = None
    """After so many events the connection breaks; None: it does not."""
    lag: float = 0.0
    """Seconds by which events come late."""


@dataclass(slots=True)
class OpenWatches:
    """All of them."""

    watches: set[OpenWatch] = field(default_factory=set)

    def interrupt(self, storage: Storage, how: ApiError | ConnectionError, resource: str = "") -> int:
        """Cut the watches of a resource, or all. Returns how many."""
        chosen = [watch for watch in self.watches if not resource or watch.resource.qualified == resource]
        for watch in chosen:
            watch.interruption = how
            storage.wake(watch.resource)
        return len(chosen)


class WatchStream:
    """One watch request."""

    def __init__(self, storage: Storage, target: Target, request: web.Request, watch: OpenWatch) -> None:
        query = request.query
        self._watch = watch
        self._resource = target.resource
        self._form: Form = accepted_form(request.headers.get("Accept", ""))
        self._bookmarks = query.get("allowWatchBookmarks") in {"true", "1"}
        self._initial_end = query.get("sendInitialEvents") in {"true", "1"}
        self._end = time.monotonic() + float(query.get("timeoutSeconds") or random.uniform(1800, 3600))  # noqa: S311
        self._header = True
        chosen = selection(target, query)
        self._open: Callable[[], Watcher] = partial(_open, storage, target.resource, chosen, query)

    async def run(self, response: web.StreamResponse) -> None:
        """Until the time is over or the client goes. Raises ConnectionError where a test cut it."""
        try:
            if isinstance(self._watch.interruption, ApiError):
                raise self._watch.interruption
            watcher = self._open()
            await self._write(response, self._lines(watcher.take()))
            if self._initial_end:
                await self._write(response, [self._bookmark(watcher, _INITIAL_END)])
            while (left := self._end - time.monotonic()) > 0:
                await self._step(response, watcher, min(left, BOOKMARK_SECONDS))
            if self._bookmarks:
                await self._write(response, [self._bookmark(watcher)])
        except ApiError as error:
            await response.write(_line("ERROR", json.dumps(error.as_status()).encode()))

    async def _step(self, response: web.StreamResponse, watcher: Watcher, seconds: float) -> None:
        began = time.monotonic()
        events = await watcher.batch(seconds)
        if events and self._watch.lag:
            await asyncio.sleep(self._watch.lag)
        if self._watch.interruption:
            raise self._watch.interruption
        if events:
            await self._write(response, self._lines(events))
        elif self._bookmarks and time.monotonic() - began >= BOOKMARK_SECONDS:
            await self._write(response, [self._bookmark(watcher)])

    async def _write(self, response: web.StreamResponse, lines: Iterable[bytes]) -> None:
        batch = list(lines)
        left = self._watch.events_left
        if batch:
            await response.write(b"".join(batch[:left]))
        if left is not None:
            self._watch.events_left = left - len(batch)
            if len(batch) >= left:
                raise ConnectionResetError("a fault rule cut this watch")

    def _lines(self, events: Iterable[Event]) -> Iterator[bytes]:
        for event in events:
            record = viewed(self._resource, event.record)
            yield _line(event.type, rendered(self._resource, record, self._form, header=self._header))
            self._header = False

    def _bookmark(self, watcher: Watcher, annotations: Mapping[str, str] | None = None) -> bytes:
        metadata: Object = {"resourceVersion": str(watcher.version), "creationTimestamp": None}
        if annotations:
            metadata["annotations"] = dict(annotations)
        kind = {"kind": self._resource.kind, "apiVersion": self._resource.api_version}
        if self._form == "table":
            kind = {"kind": "Table", "apiVersion": "meta.k8s.io/v1"}
            rows = [
                {
                    "cells": [],
                    "object": {
                        "kind": "PartialObjectMetadata",
                        "apiVersion": "meta.k8s.io/v1",
                        "metadata": metadata,
                    },
                }
            ]
            body: Object = {**kind, "metadata": metadata, "columnDefinitions": [], "rows": rows}
        else:
            body = {**kind, "metadata": metadata}
        return _line("BOOKMARK", json.dumps(body).encode())


def _open(storage: Storage, resource: Resource, chosen: Selection, query: Mapping[str, str]) -> Watcher:
    return storage.open_watch(resource, chosen, since=_since(query))


def viewed(resource: Resource, record: Record) -> Record:
    """The record as this resource shows it."""
    if resource.from_stored is None:
        return record
    return Record(resource.from_stored(record.object), record.version)


def _since(query: Mapping[str, str]) -> int | None:
    text = query.get("resourceVersion", "")
    if text in {"", "0"} or query.get("sendInitialEvents") in {"true", "1"}:
        return None
    try:
        return int(text)
    except ValueError:
        raise Gone(f"invalid resource version: {text!r}") from None


def _line(kind: str, body: bytes) -> bytes:
    return b'{"type":"' + kind.encode() + b'","object":' + body + b"}\n"
