"""When commit and rollback hooks are called, row by row; and what is kept of a transaction."""

from __future__ import annotations

import asyncio

import pytest

from ferryman import task
from ferryman.cache_policies import INPUTS
from ferryman.transactions import CommitMode, get_transaction, transaction
from ferryman.wire.memory import MemoryStore


class Journal(list):
    """What happened, in order. Makes tasks whose hooks write into it."""

    def task(self, name, *, fails=False, calls=(), **options):
        def body():
            self.append(name)
            for one in calls:
                one()
            if fails:
                raise ValueError(name)
            return name

        return task(
            name=name,
            on_commit=[
                lambda txn: self.append(f"commit {name}"),
                lambda txn: self.append(f"commit {name} 2"),
            ],
            on_rollback=[lambda txn: self.append(f"undo {name}"), lambda txn: self.append(f"undo {name} 2")],
            on_completion=[lambda *_: self.append(f"completed {name}")],
            **options,
        )(body)

    @property
    def hooks(self):
        return [one for one in self if one.startswith(("commit", "undo"))]


@pytest.fixture
def journal():
    return Journal()


@pytest.fixture(autouse=True)
def storage(tmp_path, monkeypatch):
    monkeypatch.setenv("FERRYMAN_LOCAL_STORAGE", str(tmp_path))


# The table


def test_a_lone_task_commits_before_it_is_told_to_have_completed(journal):
    journal.task("a")()
    assert journal == ["a", "commit a", "commit a 2", "completed a"]


def test_a_task_that_fails_itself_has_neither(journal):
    with pytest.raises(ValueError):
        journal.task("a", fails=True)()
    assert journal.hooks == []


def test_siblings_are_undone_in_reverse_when_a_later_one_fails(journal):
    with pytest.raises(ValueError), transaction():
        journal.task("a")()
        journal.task("b")()
        journal.task("c", fails=True)()
    assert journal.hooks == ["undo b 2", "undo b", "undo a 2", "undo a"]


def test_an_exception_in_the_block_undoes_all_in_reverse(journal):
    with pytest.raises(KeyError), transaction():
        journal.task("a")()
        journal.task("b")()
        raise KeyError
    assert journal.hooks == ["undo b 2", "undo b", "undo a 2", "undo a"]


def test_a_nested_transaction_that_has_ended_is_undone_with_the_outer_one(journal):
    with pytest.raises(KeyError), transaction():
        with transaction():
            journal.task("inner")()
        raise KeyError
    assert journal.hooks == ["undo inner 2", "undo inner"]


def test_an_eager_parent_keeps_what_was_committed(journal):
    with pytest.raises(ValueError), transaction(commit_mode=CommitMode.EAGER):
        journal.task("a")()
        journal.task("b", fails=True)()
    assert journal.hooks == ["commit a", "commit a 2"]


def test_a_parent_that_does_not_commit_undoes_what_succeeded(journal):
    with transaction(commit_mode="OFF"):
        journal.task("a")()
    assert journal.hooks == ["undo a 2", "undo a"]


def test_a_parent_that_does_not_commit_may_be_committed_by_hand(journal):
    with transaction(commit_mode="OFF") as txn:
        journal.task("a")()
        txn.children[0].commit()
        txn.commit()
    assert journal.hooks == ["commit a", "commit a 2"]


def test_a_cached_task_has_neither(journal):
    shared = journal.task("a", result_storage_key="a")
    shared()
    del journal[:]
    shared()
    assert journal == ["completed a"]


def test_a_parent_commits_in_order_and_the_children_first(journal):
    with transaction() as txn:
        txn.on_commit_hooks.append(lambda _: journal.append("commit block"))
        journal.task("a")()
        journal.task("b")()
    assert journal.hooks == ["commit a", "commit a 2", "commit b", "commit b 2", "commit block"]


# How far a failure goes


def test_a_retry_that_succeeds_undoes_nothing(journal):
    tries = []

    @task(retries=1)
    def flaky():
        tries.append(1)
        if len(tries) == 1:
            raise ValueError

    with transaction():
        journal.task("a")()
        flaky()
    assert journal.hooks == ["commit a", "commit a 2"]


def test_a_failure_that_is_caught_undoes_what_came_before_at_once(journal):
    with transaction():
        journal.task("a")()
        journal.task("b", fails=True)(return_state=True)
        journal.append("after")
        journal.task("c")()
    assert journal[2:] == ["b", "undo a 2", "undo a", "after", "c", "completed c"]


def test_a_task_in_a_task_is_committed_with_it(journal):
    inner = journal.task("inner")
    journal.task("outer", calls=[inner])()
    assert journal.hooks == ["commit inner", "commit inner 2", "commit outer", "commit outer 2"]


def test_a_task_in_a_task_that_fails_is_undone_and_done_again_by_its_retry(journal):
    inner, tries = journal.task("inner"), []

    @task(retries=1)
    def outer():
        inner()
        tries.append(1)
        if len(tries) == 1:
            raise ValueError

    outer()
    assert journal.hooks == ["undo inner 2", "undo inner", "commit inner", "commit inner 2"]


def test_a_commit_hook_that_raises_turns_the_commit_into_a_rollback(journal):
    def fail(txn):
        raise ValueError("no")

    failing = journal.task("a").with_options(on_commit=[fail, lambda txn: journal.append("commit a 2")])
    assert failing() == "a"
    assert journal.hooks == ["undo a 2", "undo a"]


def test_a_rollback_hook_that_raises_stops_its_own_transaction_alone(journal):
    def fail(txn):
        raise ValueError("no")

    with pytest.raises(KeyError), transaction():
        journal.task("a")()
        journal.task("b").with_options(on_rollback=[lambda txn: journal.append("undo b"), fail])()
        raise KeyError
    assert journal.hooks == ["undo a 2", "undo a"]


def test_hooks_may_be_async(journal):
    async def commit(txn):
        await asyncio.sleep(0)
        journal.append("commit async")

    journal.task("a").with_options(on_commit=[commit])()
    assert journal.hooks == ["commit async"]


async def test_an_async_task_belongs_to_its_transaction(journal):
    @task(on_rollback=[lambda txn: journal.append("undo a")])
    async def a():
        await asyncio.sleep(0)

    with pytest.raises(KeyError), transaction():
        await a()
        raise KeyError
    assert journal == ["undo a"]


# Values


def test_hooks_read_what_was_set_in_the_task_and_around_it():
    seen = []

    @task(on_commit=[lambda txn: seen.append((txn.get("table"), txn.get("rows")))])
    def load():
        get_transaction().set("rows", 3)

    with transaction() as txn:
        txn.set("table", "orders")
        load()
    assert seen == [("orders", 3)]


def test_values_are_copies():
    rows = [1]
    with transaction() as txn:
        txn.set("rows", rows)
        rows.append(2)
        txn.get("rows").append(3)
        assert txn.get("rows") == [1]


def test_a_name_that_was_never_set_needs_a_default():
    with transaction() as txn:
        assert txn.get("x", None) is None
        with pytest.raises(ValueError, match="'x'"):
            txn.get("x")


def test_outside_of_a_transaction_there_is_none():
    assert get_transaction() is None


# What is kept


def test_what_was_staged_under_a_key_makes_the_next_one_committed():
    store = MemoryStore()
    with transaction(key="day-1", store=store) as txn:
        assert not txn.is_committed()
        txn.stage([1, 2])
    with transaction(key="day-1", store=store) as txn:
        assert txn.is_committed()
        assert txn.read() == [1, 2]
    with transaction(key="day-1", store=store, overwrite=True) as txn:
        assert not txn.is_committed()


def test_what_was_rolled_back_is_not_kept():
    store = MemoryStore()
    with pytest.raises(KeyError), transaction(key="day-1", store=store) as txn:
        txn.stage(1)
        raise KeyError
    with transaction(key="day-1", store=store) as txn:
        assert not txn.is_committed()


def test_what_is_not_to_be_written_is_not_kept():
    store = MemoryStore()
    with transaction(key="day-1", store=store, write_on_commit=False) as txn:
        txn.stage(1)
    with transaction(key="day-1", store=store) as txn:
        assert not txn.is_committed()


def test_a_result_is_shared_only_when_the_transaction_commits():
    calls = []

    @task(cache_policy=INPUTS)
    def compute(x):
        calls.append(x)
        return x

    with pytest.raises(KeyError), transaction():
        compute(1)
        raise KeyError
    compute(1)
    compute(1)
    assert calls == [1, 1]


def test_a_result_that_cannot_be_stored_fails_the_task():
    @task(cache_policy=INPUTS, result_serializer="json")
    def compute(x):
        return object()

    state = compute(1, return_state=True)
    assert state.is_failed()
    assert compute.with_options(result_serializer="auto")(2)
