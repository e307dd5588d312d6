"""One watch, whatever the number of futures that wait for its runs.

A thread follows `Cluster.watch_runs` and tells every change to the futures of that run. It
begins with the first future and ends some time after the last one is done or forgotten.
"""

from __future__ import annotations

import logging
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Protocol

from ferryman.api import names
from ferryman.cluster import Cluster, WatchEvent
from ferryman.exceptions import ClusterUnavailable, FerrymanError, RunNotFound
from ferryman.patience import Patience
from ferryman.runs import Run, view

LINGER: Final = 20.0
"""Seconds that a watch of the namespace which nobody needs is kept: somebody will probably need it again."""

_log = logging.getLogger("ferryman")


class Listener(Protocol):
    """A future, as the watch sees it."""

    @property
    def run(self) -> Run | None:
        """The run as last told; None while its create is on the way."""
        ...

    def observe(self, run: Run) -> None: ...

    def vanished(self) -> None: ...

    def reject(self, error: BaseException) -> None: ...

    def done(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Scope:
    """What a watch sees: the runs that one client created, the run of one name, or, without either, all."""

    namespace: str
    client: str = ""
    name: str = ""

    def sees(self, run: Run) -> bool:
        """Whether the run, as it is now, is one of them."""
        return self.client in ("", run.client) and self.name in ("", run.name)

    def open(self, cluster: Cluster) -> Iterator[WatchEvent]:
        """The watch."""
        labels = f"{names.CLIENT_LABEL}={self.client}" if self.client else ""
        return cluster.watch_runs(self.namespace, label_selector=labels, name=self.name)


class Watcher:
    """One watch. Thread-safe."""

    def __init__(
        self,
        cluster: Cluster,
        scope: Scope,
        stray: Callable[[Listener, Run], None],
        *,
        linger: float = LINGER,
    ) -> None:
        """`stray(listener, run)` takes over a listener whose run is there, and not in the scope any more."""
        self._cluster = cluster
        self._scope = scope
        self._stray = stray
        self._linger = linger
        self._patience = Patience()
        self._lock = threading.Lock()
        self._listeners: dict[str, list[weakref.ref[Listener]]] = {}
        self._forgotten: deque[str] = deque()
        self._stream: Iterator[WatchEvent] | None = None
        self._thread: threading.Thread | None = None
        self._timer: threading.Timer | None = None
        self._idle_since = 0.0

    @property
    def is_active(self) -> bool:
        """Whether a watch is open or being opened."""
        with self._lock:
            return self._thread is not None

    @property
    def is_wanted(self) -> bool:
        """Whether anybody listens."""
        with self._lock:
            self._sweep()
            return bool(self._listeners)

    def subscribe(self, name: str, listener: Listener) -> bool:
        """Tell `listener` every change of the run from now on, as long as somebody else holds it.

        False if it has subscribed before.
        """
        # A callback of a weak reference may run anywhere, so it takes no lock.
        reference = weakref.ref(listener, lambda _: self._forgotten.append(name))
        with self._lock:
            references = self._listeners.setdefault(name, [])
            if any(one() is listener for one in references):
                return False
            references.append(reference)
            if self._thread is None:
                self._thread = threading.Thread(target=self._follow, name="ferryman-watch", daemon=True)
                self._thread.start()
            return True

    def confirm(self, name: str, listener: Listener) -> None:
        """Read the run anew, and tell `listener` what it is now, or that it is gone."""
        found = self._read(name)
        if found is None:
            listener.vanished()
        else:
            self._found(found, listener)

    def release(self, name: str, listener: Listener) -> None:
        """It is done and needs to hear no more."""
        with self._lock:
            self._keep(name, lambda one: one is not listener)
            self._sweep()
            if self._listeners or self._thread is None:
                return
            self._idle_since = time.monotonic()
            if self._timer is None:
                self._close_in(self._linger)

    def close(self) -> None:
        """End the watch now. Futures that wait are told nothing any more."""
        self._patience.give_up()
        with self._lock:
            self._listeners.clear()
        self._close_if_idle()

    def _follow(self) -> None:
        stream: Iterator[WatchEvent] | None = None
        listed: set[str] = set()
        try:
            stream = self._scope.open(self._cluster)
            if not self._adopt(stream):
                return
            for event in stream:
                self._handle(event, listed)
            self._fail(stream, ClusterUnavailable("the watch of TaskRuns has ended"))
        except Exception as error:  # noqa: BLE001 - whoever waits has to hear of it, whatever it is
            self._fail(stream, error)
        finally:
            _close(stream)

    def _adopt(self, stream: Iterator[WatchEvent]) -> bool:
        """Whether this thread is still wanted: the last future may be done already."""
        with self._lock:
            is_wanted = self._thread is threading.current_thread()
            if is_wanted:
                self._stream = stream
            return is_wanted

    def _handle(self, event: WatchEvent, listed: set[str]) -> None:
        if event.type == "SYNCED":
            self._confirm_missing(listed)
            listed.clear()
            return
        name = event.object["metadata"]["name"]
        listeners = self._of(name)
        if not listeners:
            return
        listed.add(name)
        run = view(event.object)
        if event.type == "DELETED":
            self._gone(run, listeners)
            return
        for listener in listeners:
            listener.observe(run)

    def _gone(self, run: Run, listeners: list[Listener]) -> None:
        # That it lost the label by which this watch selects is told in the same way.
        left = self._read(run.name) if self._scope.client else None
        for listener in listeners:
            if left is not None and left.uid == run.uid:
                self._found(left, listener)
            else:
                _tell_deleted(listener, run)

    def _confirm_missing(self, listed: set[str]) -> None:
        # A run that was known before the list and is not in it: deleted, or newer than the list.
        with self._lock:
            self._sweep()
            missing = [name for name in self._listeners if name not in listed]
        for name in missing:
            for listener in self._of(name):
                if listener.run is not None and not listener.done():
                    self.confirm(name, listener)

    def _found(self, run: Run, listener: Listener) -> None:
        if self._scope.sees(run):
            listener.observe(run)
        else:
            self.release(run.name, listener)
            self._stray(listener, run)

    def _read(self, name: str) -> Run | None:
        read = partial(self._cluster.get_run, self._scope.namespace, name)
        try:
            return view(self._patience.call(read, ClusterUnavailable, f"run {name} cannot be read", _ignored))
        except RunNotFound:
            return None

    def _of(self, name: str) -> list[Listener]:
        with self._lock:
            references = self._listeners.get(name, ())
            return [listener for one in references if (listener := one()) is not None]

    def _fail(self, stream: object, error: BaseException) -> None:
        with self._lock:
            if self._stream is not stream:
                return
            references = [one for several in self._listeners.values() for one in several]
            self._forget()
        if not isinstance(error, FerrymanError):
            _log.error("the watch of namespace %s failed", self._scope.namespace, exc_info=error)
        for reference in references:
            listener = reference()
            if listener is not None:
                listener.reject(error)

    def _close_in(self, seconds: float) -> None:
        self._timer = threading.Timer(seconds, self._close_if_lingered)
        self._timer.daemon = True
        self._timer.start()

    def _close_if_lingered(self) -> None:
        with self._lock:
            self._timer = None
            left = self._idle_since + self._linger - time.monotonic()
            if not self._listeners and left > 0:
                # It was wanted, and idle again, since the timer was set.
                self._close_in(left)
                return
        self._close_if_idle()

    def _close_if_idle(self) -> None:
        with self._lock:
            self._sweep()
            if self._listeners:
                return
            stream = self._stream
            self._forget()
        _close(stream)

    def _forget(self) -> None:
        self._listeners.clear()
        self._stream = None
        self._thread = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _sweep(self) -> None:
        while self._forgotten:
            self._keep(self._forgotten.popleft(), lambda _: True)

    def _keep(self, name: str, wanted: Callable[[Listener], bool]) -> None:
        references = self._listeners.get(name, [])
        kept = [one for one in references if (listener := one()) is not None and wanted(listener)]
        if kept:
            self._listeners[name] = kept
        else:
            self._listeners.pop(name, None)


def _tell_deleted(listener: Listener, run: Run) -> None:
    if listener.run is None or listener.run.uid == run.uid:
        if run.is_over:
            listener.observe(run)
        listener.vanished()


def _ignored(_: str) -> None:
    """Nobody needs to hear that it takes longer."""


def _close(stream: Any) -> None:
    close = getattr(stream, "close", None)
    if close is not None:
        try:
            close()
        except ValueError:
            # A generator that another thread is in: that thread closes it.
            _log.debug("the watch is closed by its own thread")
