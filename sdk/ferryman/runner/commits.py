"""The transaction of an attempt: its task's commit and rollback hooks, and those of tasks called in it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from ferryman.api.reasons import Reason
from ferryman.runner.ending import Ending
from ferryman.transaction_tree import Transaction

if TYPE_CHECKING:
    from ferryman.tasks import Task


class Commit:
    """Executes an attempt within its transaction. `is_committed` says how that ended."""

    def __init__(self, task: Task[..., Any]) -> None:
        self._options = task.options
        # What a flow calls is committed by itself.
        self._opens = task.opens_transaction
        self._transaction = Transaction()

    @property
    def is_committed(self) -> bool:
        """Whether the result counts; a commit hook may have refused it, though the run has completed."""
        return self._transaction.is_committed()

    def around(self, compute: Callable[[], Ending]) -> Ending:
        """How `compute` ended. Its result is stored by then; what is committed is what was done beside."""
        txn = self._transaction
        txn.begin()
        try:
            with txn.entered() if self._opens else nullcontext():
                ended = compute()
        except BaseException:
            txn.fail(final=True)
            raise
        if ended.reason is Reason.COMPLETED:
            txn.stage(None, self._options.on_rollback, self._options.on_commit)
            txn.close()
        else:
            txn.fail(final=True)
        return ended
