"""Equal values have one digest, in every process; values of other types or contents have others."""

from __future__ import annotations

import array
import collections
import copy
import dataclasses
import datetime as dt
import decimal
import enum
import os
import pickle
import subprocess
import sys
import threading
import uuid
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferryman.caching.hashing import Unhashable, hash_objects, try_hash


class Point(NamedTuple):
    x: int
    y: int


@dataclasses.dataclass
class Order:
    number: int
    lines: list[str]


class Colour(enum.Enum):
    RED = 1


class Node:
    def __init__(self):
        self.itself = self


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary()
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(st.text(max_size=4) | st.integers(), inner, max_size=4)
        | st.sets(st.text(max_size=4) | st.integers(), max_size=4)
    ),
    max_leaves=20,
)


def shape(value):
    """The value with the types of all its parts: equal exactly where digests should be."""
    if isinstance(value, dict):
        return ("dict", frozenset((shape(k), shape(v)) for k, v in value.items()))
    if isinstance(value, set):
        return ("set", frozenset(map(shape, value)))
    if isinstance(value, list | tuple):
        return (type(value).__name__, tuple(map(shape, value)))
    return (type(value).__name__, repr(value))


@given(values, values)
def test_digests_are_equal_exactly_where_values_and_types_are(one, other):
    assert (hash_objects(one) == hash_objects(other)) is (shape(one) == shape(other))


@given(values)
def test_a_copy_through_a_pickle_has_the_same_digest(value):
    assert hash_objects(pickle.loads(pickle.dumps(value))) == hash_objects(value)


@given(st.dictionaries(st.text(max_size=5), scalars, min_size=2, max_size=6), st.randoms())
def test_the_order_of_a_dictionary_does_not_count(value, random):
    items = list(value.items())
    random.shuffle(items)
    assert hash_objects(dict(items)) == hash_objects(value)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ((1, 2), [1, 2]),
        (1, 1.0),
        (1, True),
        (1, "1"),
        ("1", b"1"),
        (0.0, -0.0),
        ([1, [2]], [[1], 2]),
        (["ab", "c"], ["a", "bc"]),
        ("a" * 42, "a" * 43),
        (Point(1, 2), (1, 2)),
        ({1}, frozenset({1})),
        ({"a": 1}, [("a", 1)]),
        (decimal.Decimal("1.0"), decimal.Decimal("1.00")),
        (Order(1, ["a"]), Order(1, ["b"])),
    ],
    ids=repr,
)
def test_what_differs_has_another_digest(one, other):
    assert hash_objects(one) != hash_objects(other)


@pytest.mark.parametrize(
    "value",
    [
        Point(1, 2),
        Order(1, ["a", "a"]),
        Colour.RED,
        dt.datetime(2026, 11, 22, tzinfo=dt.UTC),
        decimal.Decimal("1.5"),
        uuid.UUID(int=7),
        range(5),
        collections.OrderedDict(a=1),
        complex(1, 2),
        Order,
        len,
        float("nan"),
    ],
    ids=repr,
)
def test_a_deep_copy_has_the_same_digest(value):
    assert hash_objects(copy.deepcopy(value)) == hash_objects(value)


def test_a_number_may_be_longer_than_python_prints():
    assert hash_objects(10**5000) != hash_objects(10**5000 + 1)


def test_an_array_is_hashed_by_what_it_holds():
    assert hash_objects(array.array("i", [1, 2])) == hash_objects(array.array("i", [1, 2]))
    assert hash_objects(array.array("i", [1, 2])) != hash_objects(array.array("d", [1, 2]))


def test_a_part_that_occurs_twice_counts_as_two_equal_parts():
    part = ["a"]
    assert hash_objects([part, part]) == hash_objects([["a"], ["a"]])


def test_a_function_that_is_defined_in_place_is_hashed_by_its_code():
    def adding(n):
        return lambda x: x + n

    assert hash_objects(adding(1)) == hash_objects(adding(1))
    assert hash_objects(adding(1)) != hash_objects(adding(2))


def test_a_value_that_contains_itself_has_a_digest():
    assert hash_objects(Node())


def test_a_generator_is_not_consumed_and_has_no_digest():
    generator = (n for n in [1, 2])
    assert try_hash(generator) is None
    assert list(generator) == [1, 2]


def test_an_iterator_over_a_list_is_not_consumed():
    iterator = iter([1, 2])
    hash_objects(iterator)
    assert list(iterator) == [1, 2]


@pytest.mark.parametrize("what", [threading.Lock, lambda: open(os.devnull)])
def test_what_no_other_process_could_have_has_no_digest(what):
    thing = what()
    try:
        with pytest.raises(Unhashable):
            hash_objects({"deep": [thing]})
    finally:
        getattr(thing, "close", lambda: None)()


def test_another_process_with_another_hash_seed_finds_the_same_digest():
    text = "{'names': {'a', 'b', 'c'}, 'rows': [(1, 2.5), {'x': None}], 'when': dt.date(2026, 1, 2)}"
    code = f"import datetime as dt; from ferryman.caching.hashing import hash_objects; print(hash_objects({text}))"
    found = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert found == {hash_objects(eval(text))}
