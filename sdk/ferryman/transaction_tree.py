"""Transactions within transactions: what is committed when, and what is taken back in which order.

Each task that is called has a transaction of its own, whose parent is the one around the call.
Standard library only: the runner loads this module.
"""

from __future__ import annotations

import concurrent.futures
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from copy import deepcopy
from enum import StrEnum
from typing import Any, Final, Protocol

from ferryman.awaiting import awaited

Hook = Callable[["Transaction"], Any]


class CommitMode(StrEnum):
    """When a transaction commits."""

    EAGER = "EAGER"
    """At its own end."""
    LAZY = "LAZY"
    """With the outermost one."""
    OFF = "OFF"
    """Never by itself: what is not committed by then is rolled back."""


class IsolationLevel(StrEnum):
    """Who may compute the result of a key while somebody else does."""

    READ_COMMITTED = "READ_COMMITTED"
    """Everybody."""
    SERIALIZABLE = "SERIALIZABLE"
    """Nobody: they wait."""


class TransactionState(StrEnum):
    """Where a transaction is."""

    PENDING = "PENDING"
    ACTIVE = "ACTIVE"
    STAGED = "STAGED"
    COMMITTED = "COMMITTED"
    ROLLED_BACK = "ROLLED_BACK"


class Keeper(Protocol):
    """Where the result of a transaction is kept."""

    def find(self) -> Kept | None:
        """What is there already."""
        ...

    def write(self, value: Any) -> None:
        """Keep the value, for others to find. Raises what keeps it from being stored."""
        ...

    def abandon(self) -> None:
        """There is no value, or not yet: let others compute it. Raises nothing."""
        ...


class Kept:
    """A result that is kept."""

    def __init__(self, value: Any) -> None:
        self.value = value


_MISSING: Final = object()
_current: ContextVar[Transaction | None] = ContextVar("ferryman_transaction", default=None)


class Transaction:
    """What has been done since it began, and how to confirm it or to take it back."""

    def __init__(
        self,
        *,
        key: str | None = None,
        parent: Transaction | None = None,
        commit_mode: CommitMode | str | None = None,
        keeper: Keeper | None = None,
        write_on_commit: bool = True,
    ) -> None:
        self.key = key
        self.parent = parent
        self.commit_mode: CommitMode = _mode(commit_mode, parent)
        self.write_on_commit = write_on_commit
        self.state = TransactionState.PENDING
        self.children: list[Transaction] = []
        self.on_commit_hooks: list[Hook] = []
        self.on_rollback_hooks: list[Hook] = []
        self.told_of_rollback: Callable[[], None] = lambda: None
        self._keeper = keeper
        self._value: Any = None
        self._found: Kept | None = None
        self._values: dict[str, Any] = {}
        self._awaited: dict[concurrent.futures.Future[Any], Transaction] = {}

    # ---- for whoever is in it

    def set(self, name: str, value: Any) -> None:
        """Remember a copy of the value, for hooks and for transactions within this one."""
        self._values[name] = deepcopy(value)

    def get(self, name: str, default: Any = _MISSING) -> Any:
        """A copy of what was set here, or in a transaction around this one.

        Raises ValueError for a name that was never set, if there is no default.
        """
        if name in self._values:
            return deepcopy(self._values[name])
        if self.parent is not None:
            return self.parent.get(name, default)
        if default is _MISSING:
            raise ValueError(f"the transaction has no value {name!r}")
        return default

    def stage(
        self, value: Any, on_rollback_hooks: Iterable[Hook] = (), on_commit_hooks: Iterable[Hook] = ()
    ) -> None:
        """The work is done: `value` is what is kept when the transaction commits, if it has a key."""
        if self.is_committed():
            return
        self._value = value
        self.on_commit_hooks += on_commit_hooks
        self.on_rollback_hooks += on_rollback_hooks
        self.state = TransactionState.STAGED

    def read(self) -> Any:
        """What was kept under the key when the transaction began, if it was committed then; else None."""
        return self._found.value if self._found is not None else None

    def is_pending(self) -> bool:
        return self.state is TransactionState.PENDING

    def is_active(self) -> bool:
        return self.state is TransactionState.ACTIVE

    def is_staged(self) -> bool:
        return self.state is TransactionState.STAGED

    def is_committed(self) -> bool:
        """Committed, or found committed when it began: the work need not be done."""
        return self.state is TransactionState.COMMITTED

    def is_rolled_back(self) -> bool:
        return self.state is TransactionState.ROLLED_BACK

    def commit(self) -> bool:
        """Commit what is in it, in order, call the hooks, keep the value; whether that went well.

        A hook that raises is logged; what follows is skipped, and the transaction rolls back.
        """
        if self.state in (TransactionState.ROLLED_BACK, TransactionState.COMMITTED):
            return False
        try:
            for child in self.children:
                child.commit()
            for hook in self.on_commit_hooks:
                awaited(hook(self))
            self._write()
        except Exception:  # noqa: BLE001 - whatever a hook or the store raises.
            _complain("a commit failed; the transaction is rolled back")
            self.rollback()
            return False
        self.state = TransactionState.COMMITTED
        return True

    def rollback(self) -> bool:
        """Call the rollback hooks of all that is in it, the last one first; whether there was anything to do.

        A hook that raises is logged; the transaction's remaining hooks are skipped, others are not.
        """
        if self.state in (TransactionState.ROLLED_BACK, TransactionState.COMMITTED):
            return False
        self.state = TransactionState.ROLLED_BACK
        try:
            for hook in reversed(self.on_rollback_hooks):
                awaited(hook(self))
        except Exception:  # noqa: BLE001 - whatever a hook raises.
            _complain("a rollback hook failed")
        self._abandon()
        for child in reversed(self.children):
            child.rollback()
        self.told_of_rollback()
        return True

    # ---- for whoever opens it

    def begin(self) -> Kept | None:
        """Start; what is kept under its key already, which makes it committed."""
        self.state = TransactionState.ACTIVE
        self._found = self._keeper.find() if self._keeper is not None else None
        if self._found is not None:
            self.state = TransactionState.COMMITTED
        return self._found

    @contextmanager
    def entered(self) -> Iterator[Transaction]:
        """`get_transaction()` gives it within the block."""
        token = _current.set(self)
        try:
            yield self
        finally:
            _current.reset(token)

    def close(self) -> None:
        """It ends well: commit, or leave that to the parent."""
        if self.commit_mode is CommitMode.EAGER:
            self.commit()
        parent = self.parent
        if parent is None or parent.is_committed():
            self._end_alone()
        elif self.is_rolled_back():
            parent.rollback()
        else:
            # Others need not wait until the parent commits, and the same call here could not.
            self._abandon()
            if not parent.is_rolled_back():
                parent.children.append(self)

    def fail(self, *, final: bool) -> None:
        """It ends badly: roll back what is in it, and if nothing follows what came before it, too."""
        self.rollback()
        if final and self.parent is not None:
            self.parent.rollback()

    def await_run(self, future: concurrent.futures.Future[Any], child: Transaction) -> None:
        """A submitted run belongs to it: its end is waited for, and `child` is then a part of ours."""
        child.state = TransactionState.STAGED
        self._awaited[future] = child

    def settle(self) -> None:
        """Wait for the submitted runs, which count in their order. If one has failed, all is rolled back."""
        failed = False
        concurrent.futures.wait(self._awaited)
        for future in self._awaited:
            if future.cancelled() or future.exception() is not None:
                failed = True
            else:
                self.children.append(self._awaited[future])
        if failed:
            self.rollback()

    def _end_alone(self) -> None:
        if self.commit_mode is CommitMode.OFF:
            self.rollback()
        else:
            self.commit()

    def _write(self) -> None:
        if self._keeper is not None and self.write_on_commit:
            self._keeper.write(self._value)
        else:
            self._abandon()

    def _abandon(self) -> None:
        if self._keeper is not None:
            self._keeper.abandon()


class Block(Transaction):
    """A transaction that `with transaction()` opened: submitted runs belong to it, too."""


def get_transaction() -> Transaction | None:
    """The innermost transaction that this code is in; None outside of one.

    In a task it is the task's own, whose `get` also finds what was set in those around it.
    """
    return _current.get()


def joined() -> Block | None:
    """The transaction that a run which is submitted now belongs to."""
    found = _current.get()
    return found if isinstance(found, Block) and not found.is_rolled_back() else None


def _mode(said: CommitMode | str | None, parent: Transaction | None) -> CommitMode:
    if said is not None:
        return CommitMode(said)
    return parent.commit_mode if parent is not None else CommitMode.LAZY


def _complain(text: str) -> None:
    # Deferred: a pod whose hooks do what they should does without it.
    import logging  # noqa: PLC0415

    logging.getLogger("ferryman").error(text, exc_info=True)  # noqa: LOG014 - called by handlers
