"""Blobs: what goes in comes out, and nothing else is taken for one."""

import contextlib
import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferryman.exceptions import DigestMismatch, InvalidBlob, UnsupportedFormat
from ferryman.version import VERSION
from ferryman.wire import envelope
from ferryman.wire.envelope import Kind

parts = st.lists(st.binary(max_size=200), max_size=5)
meta = st.dictionaries(st.text(max_size=10), st.integers() | st.text(max_size=10), max_size=3)
A_BLOB = envelope.seal(Kind.RESULT, "json", [b"one", b"", b"x" * 40], {"a": 1})


@given(kind=st.sampled_from(Kind), codec=st.text(max_size=10), parts=parts, meta=meta)
def test_unseal_gives_back_what_was_sealed(kind, codec, parts, meta):
    header, found = envelope.unseal(envelope.seal(kind, codec, parts, meta))
    assert (header.kind, header.codec, header.meta, [bytes(p) for p in found]) == (kind, codec, meta, parts)


@given(parts=parts)
def test_every_part_begins_at_a_multiple_of_the_alignment(parts):
    blob = envelope.seal(Kind.CODE, "pickle", parts)
    position = len(blob) - sum(len(p) + -len(p) % envelope.ALIGNMENT for p in parts)
    assert (position % envelope.ALIGNMENT, len(blob) % envelope.ALIGNMENT) == (0, 0)


def test_parts_may_be_views_of_wider_items():
    view = memoryview(bytearray(16)).cast("q")
    assert envelope.unseal(envelope.seal(Kind.RESULT, "pickle", [view]))[0].sizes == (16,)


def test_the_header_says_who_wrote_it():
    header = envelope.peek(A_BLOB)
    assert (header.format, header.ferryman) == (1, VERSION)
    assert header.python.count(".") == 2


def test_the_same_content_is_the_same_blob():
    assert envelope.seal(Kind.RESULT, "json", [b"1"]) == envelope.seal(Kind.RESULT, "json", [b"1"])


@given(end=st.integers(0, len(A_BLOB) - 1))
def test_a_truncated_blob_is_invalid(end):
    with pytest.raises(InvalidBlob):
        envelope.unseal(A_BLOB[:end])


@given(extra=st.binary(min_size=1, max_size=20))
def test_a_blob_with_bytes_left_over_is_invalid(extra):
    with pytest.raises(InvalidBlob):
        envelope.unseal(A_BLOB + extra)


@given(junk=st.binary(max_size=300))
def test_random_bytes_are_invalid(junk):
    with pytest.raises(InvalidBlob):
        envelope.unseal(junk)


@given(position=st.integers(0, len(A_BLOB) - 1), value=st.integers(0, 255))
def test_a_changed_byte_never_raises_anything_else(position, value):
    changed = bytearray(A_BLOB)
    changed[position] = value
    with contextlib.suppress(InvalidBlob):
        envelope.unseal(changed)


def test_a_newer_format_is_unsupported():
    newer = A_BLOB[:8] + (2).to_bytes(2, "big") + A_BLOB[10:]
    with pytest.raises(UnsupportedFormat, match="format 2, this one reads 1"):
        envelope.peek(newer)


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "poem"},
        {"sizes": [-1]},
        {"sizes": [1.5]},
        {"sizes": [True]},
        {"sizes": "abc"},
        {"sizes": [10**30]},
        {"codec": 3},
        {"meta": []},
        {"python": None},
    ],
    ids=str,
)
def test_a_header_with_a_wrong_field_is_invalid(change):
    fields = {"kind": "result", "codec": "json", "python": "3.11.1", "cloudpickle": "", "ferryman": "1"}
    with pytest.raises(InvalidBlob):
        envelope.unseal(with_header(json.dumps(fields | {"sizes": [], "meta": {}} | change).encode()))


@pytest.mark.parametrize(
    "text", [b"", b"[]", b"null", b"{", b"\xff", b"[" * 100_000], ids=lambda t: repr(t[:9])
)
def test_a_header_that_is_no_object_is_invalid(text):
    with pytest.raises(InvalidBlob):
        envelope.peek(with_header(text))


def test_a_header_longer_than_the_limit_is_not_read():
    with pytest.raises(InvalidBlob, match="within its header"):
        envelope.peek(struct.pack(">8sHI", envelope.MAGIC, 1, 2**32 - 1))


def test_verify_accepts_what_was_promised():
    envelope.verify(A_BLOB, envelope.digest(A_BLOB), len(A_BLOB))


@pytest.mark.parametrize("other", [A_BLOB[:-1], A_BLOB + b"\0", b"", A_BLOB[:-1] + b"\1"], ids=len)
def test_verify_refuses_anything_else(other):
    with pytest.raises(DigestMismatch, match="not decoded"):
        envelope.verify(other, envelope.digest(A_BLOB), len(A_BLOB))


def with_header(text):
    return struct.pack(">8sHI", envelope.MAGIC, 1, len(text)) + text
