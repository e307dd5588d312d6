"""Of several runs that may compute a result one does, and none waits for one that has ended."""

from __future__ import annotations

import pytest

from ferryman.caching.records import Hit
from ferryman.caching.shares import Share
from ferryman.caching.sharing import Sharing
from ferryman.wire import codecs, keys
from ferryman.wire.memory import MemoryStore

NAMESPACE = "team"


def uid(number):
    return f"5f0c1a2e-0000-4000-8000-{number:012}"


class Shop:
    """Runs that share the result of one key, in a world where waiting takes no time but is counted."""

    def __init__(self):
        self.store = MemoryStore()
        self.waited = 0.0

    def run(self, number, **how):
        return Share(
            self.store,
            NAMESPACE,
            Sharing("key", **how),
            uid(number),
            attempt=1,
            now=lambda: 1000.0 + self.waited,
            sleep=self._sleep,
        )

    def result(self, share):
        """The stored result of a run."""
        blob = codecs.seal_result(share.uid)
        self.store.put(keys.result(NAMESPACE, share.uid, share.attempt), blob.body)
        return Hit(share.uid, share.attempt, blob.sha256, blob.size, blob.codec)

    def compute(self, share):
        """A run takes nothing, computes the result and shares it."""
        assert share.take() is None
        with share.computing():
            share.keep(self.result(share))

    @property
    def record(self):
        """The key of the record in the store."""
        (found,) = (key for key in self.store.objects if "/cache/" in key and ".lock" not in key)
        return found

    def _sleep(self, seconds):
        self.waited += seconds


@pytest.fixture
def shop():
    return Shop()


def test_what_one_run_computed_the_next_one_takes(shop):
    shop.compute(shop.run(1))
    assert shop.run(2).take().uid == uid(1)


def test_while_one_computes_the_other_waits_as_long_as_it_may(shop):
    first = shop.run(1)
    assert first.take() is None
    with first.computing():
        assert shop.run(2).take(until=1030.0) is None
    assert 25 < shop.waited <= 30


def spoil_the_record(shop):
    shop.store.put(shop.record, b"\x00 no record")


def spoil_the_result(shop):
    shop.store.put(keys.result(NAMESPACE, uid(1), 1), b"no blob")


def let_a_refreshed_record_expire(shop):
    shop.compute(shop.run(3, refresh=True, expiration=1.0))
    shop.waited += 1.0


@pytest.mark.parametrize("accident", [spoil_the_record, spoil_the_result, let_a_refreshed_record_expire])
def test_a_result_that_counts_no_more_is_computed_at_once(shop, accident):
    shop.compute(shop.run(1))
    accident(shop)
    before = shop.waited
    shop.compute(shop.run(2))
    assert shop.waited == before
    assert shop.run(4).take().uid == uid(2)


def test_a_run_that_fails_lets_the_next_one_compute_at_once(shop):
    first = shop.run(1)
    first.take()
    with pytest.raises(ZeroDivisionError), first.computing():
        raise ZeroDivisionError
    shop.compute(shop.run(2))
    assert shop.waited == 0


def test_a_run_that_was_waited_for_is_looked_at_again_before_another_computes(shop):
    first, second = shop.run(1), shop.run(2)
    first.take()

    def finish_meanwhile(key, body, create=shop.store.create):
        if key.endswith(".lock") and not shop.waited:
            shop.waited += 0.1
            with first.computing():
                first.keep(shop.result(first))
        create(key, body)

    shop.store.create = finish_meanwhile
    assert second.take().uid == uid(1)
