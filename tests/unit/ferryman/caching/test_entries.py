"""What is under a key counts only if it is whole, in time, and its result is still there."""

from __future__ import annotations

import pytest

from ferryman.caching.entries import Entry
from ferryman.caching.records import Hit, Record
from ferryman.exceptions import StoreUnavailable
from ferryman.wire import codecs, keys
from ferryman.wire.memory import MemoryStore

UID = "5f0c1a2e-0000-4000-8000-000000000001"


class Shelf:
    """A store with one result in it, and the entry of a key."""

    def __init__(self):
        self.store = MemoryStore()
        self.seconds = 1000.0
        self.entry = Entry(self.store, "team", "a/key of mine", now=lambda: self.seconds)
        self.hit = self.result(1)

    def result(self, value, attempt=1):
        blob = codecs.seal_result(value)
        self.store.put(keys.result("team", UID, attempt), blob.body)
        return Hit(UID, attempt, blob.sha256, blob.size, blob.codec)

    def share(self, hit=None, *, expires=None, replace=False):
        self.entry.write(Record(hit or self.hit, created=1000.0, expires=expires), replace=replace)


@pytest.fixture
def shelf():
    return Shelf()


def test_what_was_written_is_found(shelf):
    shelf.share()
    assert shelf.entry.find() == shelf.hit


def test_where_nothing_was_written_nothing_is_found(shelf):
    assert shelf.entry.find() is None


def test_the_key_itself_is_no_part_of_where_the_record_is(shelf):
    shelf.share()
    assert len(shelf.entry.path) == len("team/cache/") + 64


def test_a_record_that_has_expired_is_a_miss(shelf):
    shelf.share(expires=1060.0)
    shelf.seconds = 1059.0
    assert shelf.entry.find() is not None
    shelf.seconds = 1060.0
    assert shelf.entry.find() is None


@pytest.mark.parametrize("body", [b"", b"nonsense", b"{}", b"\x00" * 100_000])
def test_a_record_that_cannot_be_read_is_a_miss_and_is_overwritten(shelf, body):
    shelf.store.put(shelf.entry.path, body)
    assert shelf.entry.find() is None
    shelf.share()
    assert shelf.entry.find() == shelf.hit


def test_a_record_whose_result_is_gone_is_a_miss(shelf):
    shelf.share(Hit(UID, 7, shelf.hit.sha256, shelf.hit.size, "json"))
    assert shelf.entry.find() is None


def test_a_record_whose_result_is_no_blob_is_a_miss(shelf):
    shelf.share()
    shelf.store.put(keys.result("team", UID, 1), b"something else")
    assert shelf.entry.find() is None


def test_the_first_of_two_records_stays(shelf):
    shelf.share()
    shelf.share(shelf.result(2, attempt=2))
    assert shelf.entry.find() == shelf.hit


def test_a_record_that_has_expired_is_overwritten(shelf):
    shelf.share(expires=1001.0)
    shelf.seconds = 2000.0
    second = shelf.result(2, attempt=2)
    shelf.share(second)
    assert shelf.entry.find() == second


def test_a_refreshed_result_overwrites_one_that_counts(shelf):
    shelf.share()
    second = shelf.result(2, attempt=2)
    shelf.share(second, replace=True)
    assert shelf.entry.find() == second


def test_a_store_that_does_not_answer_is_a_miss(shelf, caplog):
    class Down(MemoryStore):
        def get(self, key, **_):
            raise StoreUnavailable(f"cannot get {key}: no answer")

    entry = Entry(Down(), "team", "key")
    assert entry.find() is None
    assert "counts as missing" in caplog.text


def test_a_record_that_cannot_be_written_is_told_and_not_raised(shelf, caplog):
    class Down(MemoryStore):
        def create(self, key, body):
            raise StoreUnavailable(f"cannot create {key}: no answer")

    entry = Entry(Down(), "team", "key")
    entry.write(Record(shelf.hit, created=1.0), replace=False)
    assert "not shared" in caplog.text
