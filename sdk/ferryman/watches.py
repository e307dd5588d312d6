"""The watches of one client: that of the runs it created, and those of runs that others did."""

from __future__ import annotations

import threading
from typing import Final

from ferryman import watching
from ferryman.cluster import Cluster
from ferryman.runs import Run
from ferryman.watching import Listener, Scope, Watcher

SINGLE: Final = 8
"""How many runs of others are watched one by one; each takes a connection. For more, one watch sees all."""

LINGER: Final = 600.0
"""Seconds that the watch of the client's own runs is kept when all have ended. It costs next to nothing
then, while a new one lists what the client has submitted in a day."""


class Watches:
    """Brings every change of a run to its futures, by a watch that sees it. Thread-safe."""

    def __init__(self, cluster: Cluster, client: str) -> None:
        """`client`: the id that is the label of the runs that it creates."""
        self._cluster = cluster
        self._client = client
        self._lock = threading.Lock()
        self._watchers: dict[Scope, Watcher] = {}
        self._held: dict[int, Listener] = {}

    def expect(self, namespace: str, name: str, listener: Listener) -> None:
        """A run of this name is about to be created, with the client's label."""
        with self._lock:
            self._watcher(Scope(namespace, client=self._client)).subscribe(name, listener)

    def follow(self, listener: Listener, run: Run) -> None:
        """Tell `listener` what becomes of its run, which the API server has returned as `run`."""
        listener.observe(run)
        if run.is_over or listener.done():
            return
        with self._lock:
            self._drop_idle()
            own, scope = Scope(run.namespace, client=self._client), self._scope(run)
            watcher = self._watcher(scope)
            is_new = watcher.subscribe(run.name, listener)
            if scope != own and own in self._watchers:
                # It was expected to have the label, and something has taken that away.
                self._watchers[own].release(run.name, listener)
        if is_new:
            # A watch that was open already has told what came between `run` and now, and not to us.
            watcher.confirm(run.name, listener)

    def hold(self, listener: Listener) -> None:
        """Keep it alive until it is released: nobody else might."""
        with self._lock:
            if not listener.done():
                self._held[id(listener)] = listener

    def release(self, namespace: str, name: str, listener: Listener) -> None:
        """It is done and needs to hear no more."""
        with self._lock:
            self._held.pop(id(listener), None)
            for scope, watcher in self._watchers.items():
                if scope.namespace == namespace:
                    watcher.release(name, listener)
            if Scope(namespace, name=name) in self._watchers:
                self._drop_idle()

    def close(self) -> None:
        """End all of them now. Futures that wait are told nothing any more."""
        with self._lock:
            watchers = list(self._watchers.values())
            self._watchers.clear()
            self._held.clear()
        for watcher in watchers:
            watcher.close()

    def _watcher(self, scope: Scope) -> Watcher:
        if scope not in self._watchers:
            linger = LINGER if scope.client else watching.LINGER
            self._watchers[scope] = Watcher(self._cluster, scope, self.follow, linger=linger)
        return self._watchers[scope]

    def _scope(self, run: Run) -> Scope:
        """That of a watch which sees it: decided by its label, and nothing else."""
        own = Scope(run.namespace, client=self._client)
        if own.sees(run):
            return own
        alone, everything = Scope(run.namespace, name=run.name), Scope(run.namespace)
        singles = [scope for scope in self._watchers if scope.name]
        has_room = alone in self._watchers or len(singles) < SINGLE
        return alone if has_room and everything not in self._watchers else everything

    def _drop_idle(self) -> None:
        for scope, watcher in list(self._watchers.items()):
            # Others linger, for the next run. The next run of others has another name.
            if not watcher.is_active or (scope.name and not watcher.is_wanted):
                self._watchers.pop(scope).close()
