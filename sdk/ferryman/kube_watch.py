"""TaskRuns as they change: list, watch, and again after every break."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Generator, Iterator
from typing import Any, Final

import urllib3

from ferryman.cluster import Object, WatchEvent
from ferryman.exceptions import ClusterUnavailable
from ferryman.kube_errors import Refusal
from ferryman.kube_retry import Retries

WATCH_SECONDS: Final = 290
"""How long the server keeps a watch open; shorter than the five minutes of many proxies."""

SILENCE_SECONDS: Final = 75.0
"""A bookmark comes every minute: a watch that is silent for longer is dead, and nobody has closed it."""

_log = logging.getLogger("ferryman")


class _Expired(Exception):
    """The resourceVersion is too old to go on from: list anew."""


class RunWatch(Iterator[WatchEvent]):
    """An endless iterator of changes. `close` may be called from any thread and ends it."""

    def __init__(
        self,
        list_all: Callable[[], tuple[list[Object], str]],
        open_watch: Callable[[str], Any],
        retries: Retries,
    ) -> None:
        self._list_all = list_all
        self._open_watch = open_watch
        self._retries = retries
        self._delays = retries.endless()
        self._closed = threading.Event()
        self._response: Any = None
        self._events: Generator[WatchEvent, None, None] = self._changes()

    def __next__(self) -> WatchEvent:
        if self._closed.is_set():
            raise StopIteration
        return next(self._events)

    def close(self) -> None:
        """End the iteration and its connection."""
        self._closed.set()
        response = self._response
        if response is not None:
            _shut(response)
        try:
            self._events.close()
        except ValueError:
            _log.debug("the thread that reads the watch closes its connection")

    def _changes(self) -> Generator[WatchEvent, None, None]:
        known: dict[str, Object] = {}
        while not self._closed.is_set():
            listed = self._listed()
            if listed is None:
                return
            items, version = listed
            yield from _differences(known, items)
            known = {item["metadata"]["name"]: _slim(item) for item in items}
            yield WatchEvent("SYNCED", {})
            try:
                yield from self._follow(version, known)
            except _Expired:
                _log.debug("the watch of TaskRuns has a gap; listing anew")
                self._closed.wait(next(self._delays))

    def _listed(self) -> tuple[list[Object], str] | None:
        """Everything there is, however long that takes; None once it is closed. A refusal is final."""
        while not self._closed.is_set():
            try:
                return self._list_all()
            except ClusterUnavailable as error:
                _log.warning("the watch of TaskRuns waits: %s", error)
                self._closed.wait(next(self._delays))
        return None

    def _follow(self, version: str, known: dict[str, Object]) -> Iterator[WatchEvent]:
        while not self._closed.is_set():
            try:
                self._response = self._open_watch(version)
            except Refusal as refusal:
                self._wait_or_raise(refusal)
                continue
            if self._closed.is_set():
                # close() came while the connection was being made, and saw none to shut.
                self._response.close()
                return
            for event in self._read(self._response):
                version = event["object"]["metadata"]["resourceVersion"]
                self._delays = self._retries.endless()
                if event["type"] != "BOOKMARK":
                    _remember(known, event)
                    yield WatchEvent(event["type"], event["object"])

    def _read(self, response: Any) -> Iterator[dict[str, Any]]:
        try:
            for line in _lines(response):
                event = json.loads(line)
                if event["type"] == "ERROR":
                    raise _Expired
                yield event
        except (urllib3.exceptions.HTTPError, OSError, ValueError, AttributeError) as error:
            # AttributeError: urllib3 reads from a response that close() has taken the socket from.
            if not self._closed.is_set():
                _log.debug("the watch of TaskRuns broke off: %s", error)
                self._closed.wait(next(self._delays))
        finally:
            response.close()

    def _wait_or_raise(self, refusal: Refusal) -> None:
        if refusal.status == 410:
            raise _Expired
        if not refusal.may_pass:
            raise refusal.translated()
        _log.warning("the watch of TaskRuns waits: %s", refusal)
        self._closed.wait(max(refusal.retry_after or 0, next(self._delays)))


def _differences(known: dict[str, Object], items: list[Object]) -> Iterator[WatchEvent]:
    uids = {item["metadata"]["uid"] for item in items}
    for gone in [one for one in known.values() if one["metadata"]["uid"] not in uids]:
        yield WatchEvent("DELETED", gone)
    for item in items:
        before = known.get(item["metadata"]["name"])
        if before is None or before["metadata"]["uid"] != item["metadata"]["uid"]:
            yield WatchEvent("ADDED", item)
        elif before["metadata"]["resourceVersion"] != item["metadata"]["resourceVersion"]:
            yield WatchEvent("MODIFIED", item)


def _remember(known: dict[str, Object], event: dict[str, Any]) -> None:
    name = event["object"]["metadata"]["name"]
    if event["type"] == "DELETED":
        known.pop(name, None)
    else:
        known[name] = _slim(event["object"])


def _slim(found: Object) -> Object:
    # Enough to tell later that it is gone: the whole would be 150 MB for 50,000 runs.
    return {
        "metadata": {key: found["metadata"][key] for key in ("namespace", "name", "uid", "resourceVersion")}
    }


def _lines(response: Any) -> Iterator[bytes]:
    pending = b""
    for chunk in response.stream(None):
        *whole, pending = (pending + chunk).split(b"\n")
        yield from (line for line in whole if line)


def _shut(response: Any) -> None:
    # urllib3 offers shutdown() for exactly this since 2.3: close() would wait for the reader.
    try:
        getattr(response, "shutdown", response.close)()
    except (OSError, ValueError, RuntimeError) as error:
        _log.debug("closing the watch: %s", error)
