"""Transactions: what several tasks have done is committed together, or rolled back.

with transaction() as txn:
    txn.set("table", "orders")
    extract()
    load()          # if it fails for good, extract's on_rollback hooks are called

In a coroutine, `async with transaction()` does the same without holding up the event loop.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, ContextDecorator
from functools import partial
from types import TracebackType
from typing import Any, Self

from ferryman.awaiting import in_thread
from ferryman.transaction_tree import (
    Block,
    CommitMode,
    IsolationLevel,
    Transaction,
    TransactionState,
    get_transaction,
)

__all__ = [
    "CommitMode",
    "IsolationLevel",
    "Transaction",
    "TransactionBlock",
    "TransactionState",
    "atransaction",
    "get_transaction",
    "transaction",
]


class TransactionBlock(ContextDecorator):
    """What `transaction()` gives: `with` and `async with` begin the transaction and end it."""

    def __init__(self, begun: Callable[[], Transaction]) -> None:
        """`begun()` gives the transaction, which has begun. It may wait."""
        self._begun = begun
        self._txn: Transaction
        self._entered: AbstractContextManager[Transaction]

    def __enter__(self) -> Transaction:
        return self._enter(self._begun())

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _end(self._leave(), is_well=error is None)

    async def __aenter__(self) -> Transaction:
        # Deferred: asyncio costs a third of a cold start.
        import asyncio  # noqa: PLC0415

        beginning = asyncio.ensure_future(in_thread(self._begun))
        try:
            return self._enter(await asyncio.shield(beginning))
        except asyncio.CancelledError:
            # It begins all the same, and nobody would let go of the key that it then has.
            beginning.add_done_callback(_undo)
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        import asyncio  # noqa: PLC0415

        # Whoever is cancelled meanwhile goes on, and so does what has to be done here.
        await asyncio.shield(in_thread(partial(_end, self._leave(), is_well=error is None)))

    def _enter(self, txn: Transaction) -> Transaction:
        self._txn, self._entered = txn, txn.entered()
        return self._entered.__enter__()

    def _leave(self) -> Transaction:
        self._entered.__exit__(None, None, None)
        return self._txn

    def _recreate_cm(self) -> Self:
        # For the function that it decorates: each call is a transaction of its own.
        return type(self)(self._begun)


def _end(txn: Transaction, *, is_well: bool) -> None:
    txn.settle()
    if is_well:
        txn.close()
    else:
        txn.fail(final=True)


def _undo(beginning: Any) -> None:
    if not beginning.cancelled() and beginning.exception() is None:
        beginning.result().rollback()


def transaction(  # noqa: PLR0917 - Prefect's order.
    key: str | None = None,
    store: Any = None,
    commit_mode: CommitMode | str | None = None,
    isolation_level: IsolationLevel | str | None = None,
    overwrite: bool = False,
    write_on_commit: bool = True,
) -> TransactionBlock:
    """A transaction around the block: tasks called in it, and runs submitted in it, are part of it.

    `key`: what was staged under it by an earlier transaction makes this one committed from the start,
    so ask `is_committed()`; unless `overwrite`. `store`: where that is kept, instead of the default
    place. `commit_mode`: when it commits; its parent's, or LAZY. `isolation_level`: SERIALIZABLE lets
    others with the key wait, which is the default. `write_on_commit`: keep what was staged.

    An exception in the block rolls back and passes on. Submitted runs are waited for at the
    end; if one has failed, the transaction is rolled back, and the run's future says why.

    With `async with` the event loop goes on meanwhile: hooks that are coroutine functions are awaited
    in it, others are called in a thread. What is cancelled while it ends is ended in the background.
    """
    level = IsolationLevel(isolation_level or IsolationLevel.SERIALIZABLE)

    def begun() -> Transaction:
        keeper = None
        if key is not None:
            # Deferred: most transactions have no key.
            from ferryman.keeping import keeper_of_key  # noqa: PLC0415

            exclusive = level is IsolationLevel.SERIALIZABLE
            keeper = keeper_of_key(key, store, exclusive=exclusive, overwrite=overwrite)
        txn = Block(
            key=key,
            parent=get_transaction(),
            commit_mode=commit_mode,
            keeper=keeper,
            write_on_commit=write_on_commit,
        )
        txn.begin()
        return txn

    return TransactionBlock(begun)


atransaction = transaction
"""Prefect's name of it in coroutines."""
