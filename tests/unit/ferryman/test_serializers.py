"""Results come back as they went, by whichever serializer, and a blob that lies about itself is refused."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferryman import task
from ferryman.exceptions import InvalidBlob, SerializationError, UntrustedResult
from ferryman.serializers import CompressedSerializer, JSONSerializer, PickleSerializer, Serializer
from ferryman.wire import codecs, envelope
from ferryman.wire.envelope import Kind


class Reversing:
    """A serializer of a user's own."""

    def dumps(self, obj):
        return json.dumps(obj).encode()[::-1]

    def loads(self, blob):
        return json.loads(blob[::-1])


class Failing(Reversing):
    def dumps(self, obj):
        raise ValueError("no")


class Talking(Reversing):
    def dumps(self, obj):
        return "text"


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(), lambda x: st.lists(x, max_size=3)
)
serializers = st.sampled_from(["json", "pickle", "compressed/json", "compressed/pickle", Reversing()])


@given(values, serializers)
def test_a_result_comes_back(value, serializer):
    blob = codecs.seal_result(value, serializer)
    assert codecs.open_result(blob.body, trust_pickle=True) == value


def test_a_blob_says_how_it_is_written():
    assert codecs.seal_result(1, "compressed/json").codec == "compressed/json"
    assert codecs.seal_result(1, Reversing()).codec == "custom"


def test_a_compressed_result_is_smaller():
    plain, compressed = (codecs.seal_result("a" * 100_000, name).size for name in ("json", "compressed/json"))
    assert compressed < plain / 10


def test_large_buffers_come_back_from_a_compressed_pickle():
    value = bytearray(b"abc" * 100_000)
    blob = codecs.seal_result([value, value], "compressed/pickle")
    assert codecs.open_result(blob.body, trust_pickle=True) == [value, value]


def test_compressed_json_is_read_without_trust():
    assert codecs.open_result(codecs.seal_result([1], "compressed/json").body, trust_pickle=False) == [1]


@pytest.mark.parametrize("serializer", ["pickle", "compressed/pickle", Reversing()])
def test_what_would_unpickle_needs_trust(serializer):
    with pytest.raises(UntrustedResult):
        codecs.open_result(codecs.seal_result([1], serializer).body, trust_pickle=False)


@pytest.mark.parametrize("serializer", [Failing(), Talking()])
def test_a_serializer_that_fails_is_named(serializer):
    with pytest.raises(SerializationError, match=type(serializer).__name__):
        codecs.seal_result(1, serializer)


@pytest.mark.parametrize(
    "meta", [{}, {"inflated": 5}, {"inflated": []}, {"inflated": [10**12]}, {"inflated": [3]}]
)
def test_a_blob_that_lies_about_its_size_is_refused(meta):
    body = envelope.unseal(codecs.seal_result([1, 2, 3], "compressed/json").body)[1][0]
    blob = envelope.seal(Kind.RESULT, "compressed/json", [body], meta)
    with pytest.raises(InvalidBlob):
        codecs.open_result(blob, trust_pickle=True)


def test_bytes_that_are_not_compressed_are_refused():
    blob = envelope.seal(Kind.RESULT, "compressed/json", [b"[1]"], {"inflated": [3]})
    with pytest.raises(InvalidBlob):
        codecs.open_result(blob, trust_pickle=True)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (JSONSerializer(), "json"),
        (PickleSerializer(), "pickle"),
        (CompressedSerializer(), "compressed/pickle"),
        (CompressedSerializer(JSONSerializer()), "compressed/json"),
        (CompressedSerializer(serializer="json"), "compressed/json"),
        ("compressed/json", "compressed/json"),
    ],
)
def test_our_own_serializers_are_kept_by_name(given, kept):
    assert task(result_serializer=given)(lambda: 1).options.result_serializer == kept


def test_a_serializer_of_ones_own_is_kept_as_it_is():
    own = Reversing()
    assert isinstance(own, Serializer)
    assert task(result_serializer=own)(lambda: 1).options.result_serializer is own


@pytest.mark.parametrize("given", ["yaml", object(), CompressedSerializer("yaml")])
def test_what_is_no_serializer_is_refused(given):
    with pytest.raises(ValueError, match="result_serializer"):
        task(result_serializer=given)(lambda: 1)
