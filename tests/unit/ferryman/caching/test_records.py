"""A record comes back as it was written; whatever else lies there is refused, never believed."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferryman.caching import records
from ferryman.caching.records import Hit, Record
from ferryman.exceptions import InvalidBlob

UID = "5f0c1a2e-0000-4000-8000-000000000001"
RECORD = Record(Hit(UID, 1, "ab" * 32, 12, "json"), created=1000.0, expires=2000.0, material=("Inputs",))


def changed(**fields):
    return json.dumps({**json.loads(records.encode(RECORD)), **fields}).encode()


def with_hit(**fields):
    return changed(hit={**json.loads(records.encode(RECORD))["hit"], **fields})


def test_a_record_comes_back():
    assert records.decode(records.encode(RECORD)) == RECORD


def test_a_record_counts_until_it_expires():
    assert RECORD.is_valid(1999.9)
    assert not RECORD.is_valid(2000.0)


def test_a_record_without_expiration_counts_for_ever():
    assert Record(RECORD.hit, created=0.0).is_valid(1e11)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b"\xff\xfe",
        b"[" * 100_000,
        changed(version=2),
        changed(hit=None),
        changed(created="now"),
        changed(expires=float("nan")),
        with_hit(uid="../../code/abc"),
        with_hit(uid=UID.upper()),
        with_hit(attempt=0),
        with_hit(attempt=True),
        with_hit(attempt=10**9),
        with_hit(sha256="ab"),
        with_hit(size=-1),
        with_hit(size="12"),
        with_hit(serializer="../x y"),
        records.encode(RECORD)[:-5],
    ],
)
def test_what_is_no_record_is_refused(body):
    with pytest.raises(InvalidBlob):
        records.decode(body)


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_else(body):
    with pytest.raises(InvalidBlob):
        records.decode(body)
