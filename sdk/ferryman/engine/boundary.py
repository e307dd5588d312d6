"""What surrounds an attempt in this process: the cache's lookup before it, the transaction around it."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, Protocol

from ferryman.caching import sharing
from ferryman.context import TaskRunContext
from ferryman.transaction_tree import Kept, Transaction, get_transaction

if TYPE_CHECKING:
    from ferryman.keeping import ResultKeeper


class Boundary(Protocol):
    """One attempt's way in and out. Every method but `around` may return an awaitable."""

    def begin(self) -> Any:
        """A `Kept`: the function need not be called. None: call it.

        May take long, because another run computes the same.
        """
        ...

    def around(self) -> AbstractContextManager[Any]:
        """Entered while the function runs: what it calls belongs to its transaction."""
        ...

    def complete(self, value: Any) -> Any:
        """The function has returned `value`. What this raises is how the run has failed, for good."""
        ...

    def fail(self, error: BaseException, *, final: bool) -> Any:
        """The attempt has failed; with `final` no other follows, and what was done is rolled back."""
        ...


class BoundaryOf(Protocol):
    """Who knows the boundary of an attempt."""

    def __call__(self, here: TaskRunContext, *, caches: bool) -> Boundary | None: ...


class TaskBoundary:
    """An attempt with a transaction of its own, within the one that it is called in."""

    def __init__(self, here: TaskRunContext, *, caches: bool) -> None:
        self._here = here
        self._caches = caches
        self._keeper: ResultKeeper | None = None
        self._transaction = Transaction(parent=get_transaction())

    def begin(self) -> Kept | None:
        if self._caches and sharing.may_share(self._here.task, sharing.around(), os.environ):
            # Deferred: few tasks share their results, and stores need more than they do.
            from ferryman.keeping import keeper_of_task  # noqa: PLC0415

            self._keeper = keeper_of_task(self._here)
            self._transaction = Transaction(parent=self._transaction.parent, keeper=self._keeper)
        return self._transaction.begin()

    def around(self) -> AbstractContextManager[Any]:
        # What a flow calls is committed by itself, or with the transaction around the flow.
        return self._transaction.entered() if self._here.task.opens_transaction else nullcontext()

    def complete(self, value: Any) -> None:
        if self._keeper is not None:
            self._keeper.store(value)
        options = self._here.task.options
        self._transaction.stage(value, options.on_rollback, options.on_commit)
        self._transaction.close()

    def fail(self, error: BaseException, *, final: bool) -> None:
        del error
        self._transaction.fail(final=final)


def boundary_of(here: TaskRunContext, *, caches: bool) -> Boundary:
    """The boundary of an attempt. Without `caches` it has no result to find."""
    return TaskBoundary(here, caches=caches)
