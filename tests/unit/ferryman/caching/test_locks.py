"""Of many that want to compute a key's result one does; a holder that is gone is replaced by one."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from ferryman.caching.locks import LEASE_SECONDS, Lock
from ferryman.wire.memory import MemoryStore

PATH = "team/cache/00ff"


class Clock:
    def __init__(self):
        self.seconds = 1000.0

    def __call__(self):
        return self.seconds


class Race:
    """Contenders for one key."""

    def __init__(self):
        self.store = MemoryStore()
        self.clock = Clock()

    def contender(self, uid, attempt=1):
        return Lock(self.store, PATH, uid=uid, attempt=attempt, now=self.clock)

    @property
    def holder(self):
        return json.loads(self.store.objects[f"{PATH}.lock"])["uid"]


@pytest.fixture
def race():
    return Race()


def test_the_first_one_has_it_and_the_second_one_not(race):
    assert race.contender("a").acquire()
    assert not race.contender("b").acquire()


def test_a_free_lock_costs_one_request(race):
    race.contender("a").acquire()
    assert dict(race.store.requests) == {"create": 1}


def test_acquiring_twice_is_no_loss(race):
    lock = race.contender("a")
    assert lock.acquire()
    assert lock.acquire()


def test_a_lock_is_over_with_its_lease(race):
    race.contender("a").acquire()
    race.clock.seconds += LEASE_SECONDS
    assert race.contender("b").acquire()
    assert race.holder == "b"


def test_a_lock_that_is_renewed_is_not_over(race):
    lock = race.contender("a")
    lock.acquire()
    race.clock.seconds += LEASE_SECONDS - 1
    assert lock.renew()
    race.clock.seconds += LEASE_SECONDS - 1
    assert not race.contender("b").acquire()


def test_a_lock_that_was_lost_is_not_renewed(race):
    lock = race.contender("a")
    lock.acquire()
    race.clock.seconds += LEASE_SECONDS
    race.contender("b").acquire()
    assert not lock.renew()
    assert race.holder == "b"


def test_a_lock_that_was_released_is_free(race):
    lock = race.contender("a")
    lock.acquire()
    lock.release()
    assert race.contender("b").acquire()


def test_a_lock_that_was_lost_is_not_released(race):
    lock = race.contender("a")
    lock.acquire()
    race.clock.seconds += LEASE_SECONDS
    race.contender("b").acquire()
    lock.release()
    assert not race.contender("c").acquire()


def test_the_next_attempt_of_the_same_run_takes_it_over(race):
    race.contender("a", attempt=1).acquire()
    assert race.contender("a", attempt=2).acquire()


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[]", b'{"token": "../x", "uid": "a", "attempt": 1, "until": 1e12}']
)
def test_a_lock_that_cannot_be_read_is_over(race, body):
    race.store.put(f"{PATH}.lock", body)
    assert race.contender("b").acquire()
    assert race.holder == "b"


def test_a_takeover_that_stopped_half_way_holds_until_its_lease_is_over(race):
    first = race.contender("a")
    first.acquire()
    race.clock.seconds += LEASE_SECONDS
    stopped = race.contender("b")
    race.store.create(f"{PATH}.lock.{first.token}", stopped._body())
    assert not race.contender("c").acquire()
    race.clock.seconds += LEASE_SECONDS
    assert race.contender("c").acquire()


def test_one_of_many_takes_a_lock_that_is_over(race):
    race.contender("a").acquire()
    race.clock.seconds += LEASE_SECONDS
    start = threading.Barrier(8)

    def contend(number):
        start.wait()
        return race.contender(f"b{number}").acquire()

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(contend, range(8))) == 1


def test_a_lock_is_renewed_while_the_block_runs(race):
    lock = race.contender("a")
    lock.acquire()
    race.clock.seconds += 30
    renewed = threading.Event()
    put = race.store.put

    def told(key, body):
        put(key, body)
        renewed.set()

    race.store.put = told
    with lock.renewed(every=0.01):
        assert renewed.wait(10)
    assert json.loads(race.store.objects[f"{PATH}.lock"])["until"] == 1030 + LEASE_SECONDS
    assert not [one for one in threading.enumerate() if one.name == "ferryman-cache-lock"]
