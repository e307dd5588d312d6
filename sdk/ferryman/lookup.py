"""Shared results, as submissions look for them: one GET for a call that has a key, none for others."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from ferryman.api import durations
from ferryman.caching import sharing
from ferryman.caching.entries import Entry
from ferryman.caching.records import Hit
from ferryman.caching.sharing import Flow, Sharing
from ferryman.context import TaskRun, TaskRunContext
from ferryman.nesting import futures_in
from ferryman.submission import Definition
from ferryman.wire.store import Store


class Lookup:
    """How the results of one submit, or one map, are shared."""

    def __init__(self, definition: Definition, store: Store, namespace: str) -> None:
        self._task: Any = definition.task
        self._store = store
        self._namespace = namespace
        self._flow: Flow = sharing.around()
        self._shares = sharing.may_share(self._task, self._flow, os.environ)

    def of(self, parameters: Mapping[str, Any]) -> Sharing | None:
        """How the result of a call with these parameters is shared. Raises InvalidCacheKey."""
        if not self._shares:
            return None
        options = self._task.options
        run = TaskRun("", options.name, options.name, self._task.task_key, tags=options.tags)
        here = TaskRunContext(self._task, run, parameters)
        complete = next(futures_in(dict(parameters)), None) is None
        return sharing.of_call(here, self._flow, os.environ, complete=complete)

    def find(self, how: Sharing | None) -> Hit | None:
        """The result that is there already."""
        if how is None or not how.key or how.refresh:
            return None
        return Entry(self._store, self._namespace, how.key).find()


def tell(manifest: dict[str, Any], how: Sharing | None) -> None:
    """Put it into a TaskRun."""
    if how is None:
        return
    lasts = how.expiration
    fields = {
        "key": how.name,
        "cacheKey": how.key,
        "cacheScope": how.scope,
        "cacheExpiration": None if lasts is None else durations.render(lasts),
        "refreshCache": how.refresh,
    }
    _result(manifest).update({name: value for name, value in fields.items() if value})


def tell_hit(manifest: dict[str, Any], hit: Hit) -> None:
    """Put the result that was found into a TaskRun."""
    _result(manifest)["hit"] = {
        "uid": hit.uid,
        "attempt": hit.attempt,
        "sha256": hit.sha256,
        "size": hit.size,
        "serializer": hit.serializer,
    }


def _result(manifest: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = manifest["spec"].setdefault("result", {})
    return found
