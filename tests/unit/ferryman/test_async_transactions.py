"""`async with transaction()`: the same as `with`, and the event loop goes on meanwhile."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from ferryman import task
from ferryman.transactions import (
    Transaction,
    TransactionBlock,
    TransactionState,
    atransaction,
    get_transaction,
    transaction,
)
from ferryman.wire.memory import MemoryStore

pytest_plugins = ["ferryman.testing"]


@pytest.fixture
def journal():
    return []


@pytest.fixture(autouse=True)
def storage(tmp_path, monkeypatch):
    monkeypatch.setenv("FERRYMAN_LOCAL_STORAGE", str(tmp_path))


def noting(journal, name):
    """A coroutine as a task, whose hooks are coroutine functions and note the loop that they are in."""

    async def note(what):
        await asyncio.sleep(0)
        journal.append((what, asyncio.get_running_loop()))

    @task(on_commit=[lambda txn: note(f"commit {name}")], on_rollback=[lambda txn: note(f"undo {name}")])
    async def work():
        await asyncio.sleep(0)

    return work


@pytest.mark.parametrize("opened", [transaction, atransaction])
async def test_what_is_awaited_in_the_block_commits_at_its_end(journal, opened):
    async with opened() as txn:
        await noting(journal, "a")()
        await noting(journal, "b")()
        assert journal == []
    assert txn.state is TransactionState.COMMITTED
    here = asyncio.get_running_loop()
    assert journal == [("commit a", here), ("commit b", here)]


async def test_an_exception_rolls_back_in_reverse_order_and_passes_on(journal):
    with pytest.raises(KeyError):
        async with transaction() as txn:
            await noting(journal, "a")()
            await noting(journal, "b")()
            raise KeyError
    assert txn.is_rolled_back()
    assert [what for what, _ in journal] == ["undo b", "undo a"]


async def test_a_cancelled_block_rolls_back(journal):
    begun = asyncio.Event()

    async def body():
        async with transaction():
            await noting(journal, "a")()
            begun.set()
            await asyncio.sleep(3600)

    running = asyncio.create_task(body())
    await begun.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert [what for what, _ in journal] == ["undo a"]


async def test_blocks_of_several_coroutines_do_not_mix():
    async def body(name, fails):
        async with transaction() as txn:
            txn.set("name", name)
            await asyncio.sleep(0.001)
            assert get_transaction() is txn
            assert get_transaction().get("name") == name
            if fails:
                raise KeyError
        return txn

    first, second, third = await asyncio.gather(
        body("a", False), body("b", True), body("c", False), return_exceptions=True
    )
    assert isinstance(second, KeyError)
    assert first.is_committed() and third.is_committed()
    assert get_transaction() is None


async def test_a_block_within_a_block_commits_with_the_outer_one(journal):
    async with transaction() as outer:
        with transaction() as plain:
            await noting(journal, "a")()
        async with transaction() as inner:
            await noting(journal, "b")()
        assert (plain.parent, inner.parent, journal) == (outer, outer, [])
    assert [what for what, _ in journal] == ["commit a", "commit b"]


async def test_who_waits_for_a_key_does_not_hold_up_who_has_it():
    store, order = MemoryStore(), []

    async def body(name):
        async with transaction(key="day-1", store=store) as txn:
            order.append((name, txn.is_committed()))
            await asyncio.sleep(0.01)
            txn.stage(name)

    await asyncio.wait_for(asyncio.gather(body("a"), body("b")), 30)
    assert order == [("a", False), ("b", True)] or order == [("b", False), ("a", True)]


class SlowKeeper:
    """Of a key that somebody else has for a while."""

    def __init__(self) -> None:
        self.waits, self.is_free, self.is_left = (threading.Event() for _ in range(3))

    def find(self) -> None:
        self.waits.set()
        assert self.is_free.wait(30)

    def write(self, value) -> None: ...

    def abandon(self) -> None:
        self.is_left.set()


async def test_who_gives_up_waiting_for_a_key_does_not_keep_it_from_others():
    keeper = SlowKeeper()
    txn = Transaction(keeper=keeper)

    def begun():
        txn.begin()
        return txn

    entering = asyncio.create_task(TransactionBlock(begun).__aenter__())
    assert await asyncio.to_thread(keeper.waits.wait, 30)
    entering.cancel()
    with pytest.raises(asyncio.CancelledError):
        await entering
    assert not keeper.is_left.is_set()
    keeper.is_free.set()
    assert await asyncio.to_thread(keeper.is_left.wait, 10)


async def test_a_hook_may_open_transactions_of_both_kinds(journal):
    async def nested(txn):
        async with transaction():
            await noting(journal, "a")()
        with transaction():
            await noting(journal, "b")()

    @task(on_commit=[nested])
    async def work(): ...

    async with asyncio.timeout(30), transaction():
        await work()
    assert [what for what, _ in journal] == ["commit a", "commit b"]


async def test_more_blocks_than_threads_end_with_hooks_that_need_a_thread(journal):
    async def slow(txn):
        await asyncio.to_thread(journal.append, "commit")

    @task(on_commit=[slow])
    async def work(): ...

    async def body():
        async with transaction():
            await work()

    async with asyncio.timeout(60):
        await asyncio.gather(*(body() for _ in range(50)))
    assert journal == ["commit"] * 50


async def test_the_loop_goes_on_while_submitted_runs_are_waited_for(ferryman_local, journal, tmp_path):
    go_on = tmp_path / "go-on"

    @task(on_commit=[lambda txn: journal.append("commit")])
    def waits():
        until = time.monotonic() + 30
        while not go_on.exists():
            assert time.monotonic() < until
            time.sleep(0.005)

    async def release():
        await asyncio.sleep(0.01)
        go_on.touch()

    releasing = asyncio.create_task(release())
    async with transaction() as txn:
        waits.submit()
    await releasing
    assert txn.is_committed()
    assert journal == ["commit"]


def test_a_function_may_be_decorated_with_it(journal):
    @transaction()
    def body():
        journal.append(get_transaction())

    body()
    body()
    assert [txn.state for txn in journal] == [TransactionState.COMMITTED] * 2
    assert journal[0] is not journal[1]
