"""Before its first run a client makes sure that an attempt cannot run twice on this store."""

from __future__ import annotations

import threading

import pytest

from ferryman import task
from ferryman.api.runner_contract import StoreLocation
from ferryman.client import Client
from ferryman.exceptions import StoreNotConditional
from ferryman.settings import Setting, Settings, StoreSettings
from ferryman.testing import InMemoryCluster, InMemoryStore
from ferryman.wire.conditional import probe_key


class Ignorant(InMemoryStore):
    """Takes `If-None-Match: *` and ignores it."""

    def create(self, key, body):
        self.requests["create"] += 1
        self.put(key, body)


@task
def double(x):
    return 2 * x


def client_of(store, *, allow_unconditional=False):
    chosen = StoreSettings(StoreLocation("b"), allow_unconditional=allow_unconditional)
    settings = Settings(Setting("default", "test"), Setting("c", "test"), Setting(chosen, "test"))
    return Client(InMemoryCluster(), store, namespace="default", settings=settings)


@pytest.mark.parametrize(
    "send", [lambda: double.submit(1), lambda: double.map([1, 2])], ids=["submit", "map"]
)
def test_a_store_that_ignores_conditions_gets_no_run_and_the_error_names_the_setting(send):
    store = Ignorant()
    with client_of(store) as client:
        with pytest.raises(StoreNotConditional, match="FERRYMAN_STORE_ALLOW_UNCONDITIONAL=1"):
            send()
        assert client.list_runs() == []
    assert set(store.objects) == {probe_key("default")}


def test_it_is_asked_again_until_it_is_found_to_honour_them():
    with client_of(Ignorant()) as client:
        for _ in range(2):
            with pytest.raises(StoreNotConditional):
                double.submit(1)
        assert client.list_runs() == []


def test_who_allows_it_is_not_stopped():
    store = Ignorant()
    with client_of(store, allow_unconditional=True):
        assert double.submit(1).task_run_id
    assert store.requests["create"] == 0


def test_a_sound_store_is_asked_once_however_many_threads_submit():
    store = InMemoryStore()
    with client_of(store):
        threads = [threading.Thread(target=double.submit, args=(n,)) for n in range(8)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
        double.map(range(3))
    assert store.requests["create"] == 2


def test_a_store_that_was_found_sound_before_costs_another_client_one_request():
    store = InMemoryStore()
    with client_of(store):
        double.submit(1)
    asked = store.requests["create"]
    with client_of(store):
        double.submit(2)
    assert store.requests["create"] - asked == 1
