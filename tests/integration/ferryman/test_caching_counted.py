"""Shared results in the embedded cluster: how often a function, a hook or a commit was called.

Every call leaves a file on this machine, which only pods of the embedded cluster can do.
"""

from __future__ import annotations

import concurrent.futures
import uuid

import pytest

from builders.attempt import wait_for
from ferryman import task
from ferryman.cache_policies import INPUTS

WAIT = 90


@pytest.fixture(scope="session")
def some_cluster(embedded_cluster):
    return embedded_cluster


@task(cache_policy=INPUTS)
def stamp(name):
    import uuid

    return [name, uuid.uuid4().hex]


@task(cache_policy=INPUTS)
def nothing(folder):
    (folder / uuid.uuid4().hex).touch()


@task(cache_policy=INPUTS)
def refuse(folder):
    (folder / uuid.uuid4().hex).touch()
    raise ValueError("no")


@task(cache_policy=INPUTS)
def slowly(folder, name):
    import time

    (folder / uuid.uuid4().hex).touch()
    time.sleep(1.5)
    return name


@pytest.fixture
def calls(tmp_path):
    """How often a function that touches a file in `calls.folder` was called."""

    class Calls:
        folder = tmp_path

        def __int__(self):
            return len(list(tmp_path.iterdir()))

    return Calls()


def test_none_is_a_hit(in_cluster, calls):
    assert nothing.submit(calls.folder).result(WAIT) is None
    again = nothing.submit(calls.folder)
    assert again.result(WAIT) is None
    assert (again.state.name, int(calls)) == ("Cached", 1)


def test_a_failure_is_not_shared(in_cluster, calls):
    for _ in range(2):
        with pytest.raises(ValueError, match="no"):
            refuse.submit(calls.folder).result(WAIT)
    assert int(calls) == 2


def test_ten_at_once_are_computed_once(in_cluster, calls):
    with concurrent.futures.ThreadPoolExecutor(10) as pool:
        futures = list(pool.map(lambda _: slowly.submit(calls.folder, "x"), range(10)))
    assert [one.result(WAIT) for one in futures] == ["x"] * 10
    assert int(calls) == 1
    assert sorted(one.state.name for one in futures).count("Cached") == 9


def test_a_lone_run_commits_in_its_pod_and_is_shared_only_if_that_goes_well(in_cluster, calls):
    folder = calls.folder

    def note(name):
        return lambda txn: (folder / f"{name}-{uuid.uuid4().hex}").touch()

    def refuse_to_commit(txn):
        raise ValueError("no")

    committed = stamp.with_options(on_commit=[note("commit")], on_rollback=[note("undo")])
    refused = stamp.with_options(on_commit=[refuse_to_commit], on_rollback=[note("undo")])
    first = refused.submit("a")
    first.result(WAIT)
    assert (first.state.name, [one.name[:4] for one in folder.iterdir()]) == ("Completed", ["undo"])
    second = committed.submit("a")
    assert second.result(WAIT) != first.result()
    assert sorted(one.name.split("-")[0] for one in folder.iterdir()) == ["commit", "undo"]


def test_a_cached_run_calls_its_hooks_though_it_had_no_pod(in_cluster, calls):
    folder = calls.folder

    def note(task, task_run, state):
        (folder / f"{state.name}-{uuid.uuid4().hex}").touch()

    stamp.submit("a").result(WAIT)
    again = stamp.with_options(on_completion=[note]).submit("a")
    again.result(WAIT)
    wait_for(lambda: int(calls) == 1, seconds=WAIT)
    assert again.run.attempts == ()
    assert next(folder.iterdir()).name.startswith("Cached-")
