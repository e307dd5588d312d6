"""Shared results, as submissions look for them: one GET for a call that has a key, none for others."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ferryman.api import durations
from ferryman.caching import sharing
from ferryman.caching.entries import Entry
from ferryman.caching.sharing import Flow, Sharing
from ferryman.context import TaskRun, TaskRunContext
from ferryman.nesting import futures_in
from ferryman.submission import Definition, SealedCall
from ferryman.wire.store import Store


@dataclass(frozen=True)
class Place:
    """Where the result of a run is to be shared, once that is decided."""

    entry: Entry
    sharing: Sharing


class Lookup:
    """How the results of one submit, or one map, are shared."""

    def __init__(
        self, definition: Definition, store: Store, namespace: str, *, shares_here: bool = False
    ) -> None:
        """`shares_here`: the results are found, but not shared by the runner."""
        self._task: Any = definition.task
        self._store = store
        self._shares_here = shares_here
        self._namespace = namespace
        self._flow: Flow = sharing.around()
        self._shares = sharing.may_share(self._task, self._flow, os.environ)

    def tell_all(
        self, manifests: Sequence[dict[str, Any]], calls: Sequence[SealedCall]
    ) -> list[Sharing | None]:
        """Put into each TaskRun how the result of its call is shared. Raises InvalidCacheKey."""
        found = [self._of(call.parameters) if self._shares else None for call in calls]
        for manifest, how in zip(manifests, found, strict=True):
            _tell(manifest, None if self._shares_here else how)
        return found

    def entry(self, how: Sharing | None) -> Place | None:
        """Where the result of a call would be shared; None if it is not, or its key is not known here."""
        if how is None or not how.key:
            return None
        return Place(Entry(self._store, self._namespace, how.key), how)

    def has_found(self, manifest: dict[str, Any], how: Sharing | None) -> bool:
        """Whether the result is there already, which is then put into the TaskRun."""
        if how is None or not how.key or how.refresh:
            return False
        hit = Entry(self._store, self._namespace, how.key).find()
        if hit is None:
            return False
        # Its fields are those of `spec.result.hit`.
        _result(manifest)["hit"] = asdict(hit)
        return True

    def _of(self, parameters: Mapping[str, Any]) -> Sharing | None:
        options = self._task.options
        run = TaskRun("", options.name, options.name, self._task.task_key, tags=options.tags)
        here = TaskRunContext(self._task, run, parameters)
        complete = next(futures_in(dict(parameters)), None) is None
        return sharing.of_call(here, self._flow, os.environ, complete=complete)


def _tell(manifest: dict[str, Any], how: Sharing | None) -> None:
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


def _result(manifest: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = manifest["spec"].setdefault("result", {})
    return found
