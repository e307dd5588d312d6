"""Submitted runs in a transaction, and shared results of submitted runs, on the cluster in memory."""

from __future__ import annotations

import pytest

from ferryman import task
from ferryman.cache_policies import INPUTS
from ferryman.transactions import transaction

pytest_plugins = ["ferryman.testing"]
WAIT = 30


def journalled(journal, name, **options):
    """A task whose hooks write into a journal of this process."""

    def body(fails):
        if fails:
            raise ValueError(name)
        return name

    return task(
        name=name,
        on_commit=[lambda txn: journal.append(f"commit {name}")],
        on_rollback=[lambda txn: journal.append(f"undo {name}")],
        **options,
    )(body)


@pytest.fixture
def journal():
    return []


def test_hooks_of_submitted_runs_are_called_where_the_transaction_is(ferryman_local, journal):
    with transaction():
        journalled(journal, "a").submit(False)
        journalled(journal, "b").submit(False)
        assert journal == []
    assert sorted(journal) == ["commit a", "commit b"]


def test_a_failed_run_undoes_the_others_and_their_state_says_so(ferryman_local, journal):
    with transaction() as txn:
        good = journalled(journal, "a").submit(False)
        bad = journalled(journal, "b").submit(True)
    assert txn.is_rolled_back()
    assert journal == ["undo a"]
    assert (good.state.name, good.state.is_completed()) == ("RolledBack", True)
    assert bad.state.name == "Failed"
    with pytest.raises(ValueError):
        bad.result(WAIT)


def test_an_exception_in_the_block_undoes_the_runs_once_they_are_done(ferryman_local, journal):
    with pytest.raises(KeyError), transaction():
        journalled(journal, "a").submit(False)
        raise KeyError
    assert journal == ["undo a"]


def test_a_map_is_a_part_of_the_transaction(ferryman_local, journal):
    with transaction():
        journalled(journal, "a").map([False, True, False])
    assert journal == ["undo a", "undo a"]


@task(cache_policy=INPUTS)
def stamp(x):
    import uuid

    return uuid.uuid4().hex


def test_the_second_call_of_the_same_is_cached(ferryman_local):
    first = stamp.submit(1)
    value = first.result(WAIT)
    second = stamp.submit(1)
    assert second.result(WAIT) == value
    assert (first.state.name, second.state.name) == ("Completed", "Cached")


def test_a_call_here_finds_what_a_run_has_left_and_the_other_way_round(ferryman_local):
    assert stamp(1) == stamp.submit(1).result(WAIT)
    assert stamp.submit(2).result(WAIT) == stamp(2)


def test_a_result_is_shared_once_its_transaction_has_committed(ferryman_local):
    with transaction():
        first = stamp.submit(1).result(WAIT)
        assert stamp.submit(1).result(WAIT) != first
    assert stamp.submit(1).result(WAIT) == first


def test_a_result_that_was_rolled_back_is_not_shared(ferryman_local):
    with pytest.raises(KeyError), transaction():
        first = stamp.submit(1).result(WAIT)
        raise KeyError
    assert stamp.submit(1).result(WAIT) != first


@pytest.mark.parametrize(("in_memory", "gets"), [(True, 2), (False, 3)])
def test_a_hit_asks_the_store_two_or_three_times_and_writes_nothing(ferryman_local, in_memory, gets):
    kept = stamp.with_options(cache_result_in_memory=in_memory)
    kept.submit(1).result(WAIT)
    requests = ferryman_local.store.requests
    before = requests.copy()
    kept.submit(1).result(WAIT)
    # The record and the first bytes of the result at submit; the result itself unless it is here still.
    assert dict(requests - before) == {"get": gets}


def test_a_task_that_shares_nothing_makes_no_request_for_it(ferryman_local):
    plain = stamp.with_options(cache_policy=None)
    plain.submit(1).result(WAIT)
    before = ferryman_local.store.requests.copy()
    plain.submit(1).result(WAIT)
    # Arguments there and in the pod, the code in the pod, the result there and here.
    assert dict(ferryman_local.store.requests - before) == {"put": 2, "get": 3}
