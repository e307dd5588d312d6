"""A map of many calls: taken as they come, in shared objects, with a bounded number on their way."""

from __future__ import annotations

import threading

import pytest

from ferryman import as_completed, batches, task
from ferryman.client import Client
from ferryman.exceptions import SerializationError
from ferryman.testing import InMemoryCluster, InMemoryStore


@task
def double(x: int) -> int:
    return 2 * x


@task
def even(x: int) -> int:
    if x % 2:
        raise ValueError(x)
    return x


class Consumed:
    """An input that is made as it is taken, and counts."""

    def __init__(self, length: int, make=lambda number: number) -> None:
        self.taken = 0
        self._length = length
        self._make = make

    def __iter__(self):
        for number in range(self._length):
            self.taken += 1
            yield self._make(number)


class Watching(InMemoryCluster):
    """An API server that notes how much of the input had been taken when it created each run."""

    def __init__(self, given: Consumed) -> None:
        super().__init__()
        self._given = given
        self.ahead: list[int] = []

    def create_run(self, manifest):
        self.ahead.append(self._given.taken - len(self.ahead))
        return super().create_run(manifest)


class Arguments(InMemoryStore):
    """Remembers how large each object of arguments was."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[int] = []

    def put(self, key, body):
        if "/args/" in key:
            self.sizes.append(len(body))
        super().put(key, body)


@pytest.fixture(scope="module", autouse=True)
def patience():
    """A batch is full by what is in it, however slow the machine is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batches, "BATCH_SECONDS", float("inf"))
        yield


one_map = pytest.mark.xdist_group("map of 1000")
"""Made once, and not in each of the processes that share the tests."""


@pytest.fixture(scope="module")
def thousand():
    """A map of 1,000 that has ended, and the store it used."""
    from ferryman.testing import local_client

    with local_client() as client:
        futures = double.map(Consumed(1000))
        futures.result(120)
        yield client, futures


@one_map
def test_a_map_of_1000_gives_the_results_in_order(thousand):
    assert thousand[1].result() == [2 * number for number in range(1000)]


@one_map
def test_a_map_of_1000_has_one_object_of_arguments(thousand):
    client, futures = thousand
    runs = [client.cluster.get_run("default", future.name) for future in futures]
    assert len({run["spec"]["parameters"]["blob"]["object"] for run in runs}) == 1


@one_map
def test_a_map_of_1000_as_completed_gives_each_once(thousand):
    assert {future.name for future in as_completed(thousand[1])} == {future.name for future in thousand[1]}


def test_a_failure_stands_where_its_value_would(ferryman_local):
    values = even.map(range(4)).result(30, return_exceptions=True)
    assert [type(value) for value in values] == [int, ValueError, int, ValueError]


def test_without_return_exceptions_the_first_failure_in_order_is_raised(ferryman_local):
    with pytest.raises(ValueError, match="1"):
        even.map(range(4)).result(30)


def test_as_completed_gives_failures_too(ferryman_local):
    ended = [future.exception() for future in as_completed(even.map(range(4)), timeout=30)]
    assert sum(error is not None for error in ended) == 2


def test_the_input_is_consumed_as_runs_are_created(monkeypatch):
    monkeypatch.setattr(batches, "BATCH_CALLS", 50)
    monkeypatch.setattr(batches, "IN_FLIGHT", 20)
    given = Consumed(400)
    cluster = Watching(given)
    with Client(cluster, InMemoryStore(), namespace="default"):
        double.map(given)
    # A batch that is being collected, one that is being sent, and what is under way.
    assert max(cluster.ahead) <= 2 * 50 + 20 + batches.CONNECTIONS


def test_large_arguments_are_sent_before_all_of_them_are_read(monkeypatch):
    monkeypatch.setattr(batches, "BATCH_BYTES", 100_000)
    store = Arguments()
    with Client(InMemoryCluster(), store, namespace="default"):
        task(len).map(Consumed(20, lambda number: bytes([number]) * 50_000))
    assert (len(store.sizes), max(store.sizes) < 200_000) == (10, True)


def test_calls_that_come_slowly_do_not_wait_for_a_full_batch(monkeypatch):
    monkeypatch.setattr(batches, "BATCH_SECONDS", 0.0)
    store = Arguments()
    with Client(InMemoryCluster(), store, namespace="default"):
        double.map(Consumed(3))
    assert len(store.sizes) == 3


def test_an_input_that_raises_before_anything_is_sent_creates_nothing():
    def broken():
        yield from range(3)
        raise OSError("the disk is gone")

    cluster = InMemoryCluster()
    with Client(cluster, InMemoryStore(), namespace="default"), pytest.raises(OSError, match="disk"):
        double.map(broken())
    assert cluster.list_runs("default") == []


def test_an_element_that_cannot_be_pickled_is_told_by_its_place():
    refused = pytest.raises(SerializationError, match=r"argument 1, at \['lock'\] \(lock\)")
    with Client(InMemoryCluster(), InMemoryStore(), namespace="default"), refused as caught:
        task(len).map([{}, {}, {"lock": threading.Lock()}])
    assert any("element 2 of the map" in note for note in caught.value.__notes__)
