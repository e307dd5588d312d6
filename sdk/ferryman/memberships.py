"""Submitted runs in a transaction: their hooks are called, and their results shared, where that is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ferryman.caching.records import Hit
from ferryman.futures import TaskFuture
from ferryman.lookup import Place
from ferryman.options import TaskOptions
from ferryman.submission import Definition
from ferryman.transaction_tree import Block, Kept, Transaction


class Membership:
    """What the runs of one submit, or one map, have to do with the transaction around it."""

    def __init__(self, options: TaskOptions, block: Block | None) -> None:
        self._options = options
        self._block = block

    @property
    def is_on(self) -> bool:
        """Whether there is such a transaction."""
        return self._block is not None

    def travelling(self, definition: Definition) -> Definition:
        """The task as it goes into the pod: without the hooks that are called here."""
        if self._block is None or not (self._options.on_commit or self._options.on_rollback):
            return definition
        task: Any = definition.task
        return replace(definition, task=task.with_options(on_commit=None, on_rollback=None))

    def add(self, future: TaskFuture[Any], place: Place | None) -> None:
        """The run, which has been created, is a part of the transaction."""
        if self._block is None:
            return
        keeper = None if place is None else _RecordKeeper(future, place)
        child = Transaction(parent=self._block, keeper=keeper)
        child.stage(None, self._options.on_rollback, self._options.on_commit)
        child.told_of_rollback = future.rolled_back
        self._block.await_run(future, child)


class _RecordKeeper:
    """Shares the result that a run has left."""

    def __init__(self, future: TaskFuture[Any], place: Place) -> None:
        self._future = future
        self._place = place

    def find(self) -> Kept | None:
        return None

    def write(self, value: Any) -> None:
        del value
        run, entry, how = self._future.run, self._place.entry, self._place.sharing
        if run is None or run.result is None:
            return
        ref = run.result
        hit = Hit(ref.uid or run.uid, ref.attempt, ref.sha256, ref.size, ref.serializer)
        entry.write(how.record(hit, entry.now()), replace=how.refresh)

    def abandon(self) -> None:
        return
