"""Transactions: what several tasks have done is committed together, or rolled back.

with transaction() as txn:
    txn.set("table", "orders")
    extract()
    load()          # if it fails for good, extract's on_rollback hooks are called
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

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
    "TransactionState",
    "get_transaction",
    "transaction",
]


@contextmanager
def transaction(  # noqa: PLR0917 - Prefect's order.
    key: str | None = None,
    store: Any = None,
    commit_mode: CommitMode | str | None = None,
    isolation_level: IsolationLevel | str | None = None,
    overwrite: bool = False,
    write_on_commit: bool = True,
) -> Iterator[Transaction]:
    """A transaction around the block: tasks called in it, and runs submitted in it, are part of it.

    `key`: what was staged under it by an earlier transaction makes this one committed from the start,
    so ask `is_committed()`; unless `overwrite`. `store`: where that is kept, instead of the default
    place. `commit_mode`: when it commits; its parent's, or LAZY. `isolation_level`: SERIALIZABLE lets
    others with the key wait, which is the default. `write_on_commit`: keep what was staged.

    An exception in the block rolls back and passes on. Submitted runs are waited for at the
    end; if one has failed, the transaction is rolled back, and the run's future says why.
    """
    level = IsolationLevel(isolation_level or IsolationLevel.SERIALIZABLE)
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
    try:
        with txn.entered():
            yield txn
    except BaseException:
        txn.settle()
        txn.fail(final=True)
        raise
    txn.settle()
    txn.close()
