"""What is looked for in the arguments of a call, and found at any depth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferryman.annotations import allow_failure, quote, unmapped
from ferryman.exceptions import UpstreamTaskError
from ferryman.nesting import is_settled
from ferryman.resolution import resolved, settled
from ferryman.states import Completed, Failed


class Pair(NamedTuple):
    left: object
    right: object


@dataclass(frozen=True)
class Order:
    item: object
    count: int = 1


plain = st.recursive(
    st.none() | st.integers() | st.text(max_size=3) | st.binary(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.builds(Pair, inner, inner)
        | st.builds(Order, inner)
        | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(plain)
def test_what_holds_nothing_to_resolve_is_returned_as_it_is(value):
    assert is_settled(value)
    assert resolved(value) is value
    assert settled(value) is value


@given(plain, st.sampled_from([Completed(5), unmapped(5), quote(5), allow_failure(Completed(5))]))
def test_at_any_depth_it_is_found_and_the_rest_is_kept(value, special):
    nested = {"a": [value, Pair(special, value)], "b": Order((special,))}
    assert not is_settled(nested)
    assert resolved(nested) == {"a": [value, Pair(5, value)], "b": Order((5,))}


@pytest.mark.parametrize("kind", [list, tuple, set, frozenset])
def test_a_collection_keeps_its_kind(kind):
    assert resolved(kind([Completed(5)])) == kind([5])


def test_keys_of_a_dict_are_resolved_too():
    assert resolved({"k": 1, "other": Completed("v")}) == {"k": 1, "other": "v"}


def test_a_failure_is_passed_where_it_is_allowed():
    error = ValueError("no")
    assert resolved([allow_failure({"x": Failed(error)})]) == [{"x": error}]


def test_a_failure_is_raised_with_its_cause_where_it_is_not():
    error = ValueError("no")
    with pytest.raises(UpstreamTaskError) as raised:
        resolved([Failed(error)])
    assert raised.value.__cause__ is error


def test_what_is_going_to_be_sent_keeps_its_marks_for_futures():
    quoted = quote([Completed(1)])
    assert settled([quoted, unmapped(Completed(2))]) == [quoted, 2]


def test_a_loop_ends():
    loop: list = [Completed(1)]
    loop.append(loop)
    assert resolved(loop)[0] == 1
