"""What `map` calls with what."""

from __future__ import annotations

import inspect
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferryman.annotations import allow_failure, quote, unmapped
from ferryman.binding import signature_of
from ferryman.exceptions import (
    MappingLengthMismatch,
    MappingMissingIterable,
    ParameterBindError,
    UpstreamTaskError,
)
from ferryman.mapping import calls
from ferryman.states import Completed, Failed


def add(x, y=1, *more, scale=1, **others):
    return (x, y, more, scale, others)


def mapped(*args, function=add, **kwargs):
    return [
        function(*call.args, **call.kwargs)
        for call in calls(inspect.signature(function), "add", args, kwargs)
    ]


LISTS = st.lists(st.integers(), min_size=0, max_size=6)


@given(LISTS, st.data())
def test_it_calls_as_pythons_map_does(first, data):
    second = data.draw(st.lists(st.integers(), min_size=len(first), max_size=len(first)))
    assert mapped(first, second) == list(map(add, first, second))


@given(LISTS, st.integers(), st.text(), st.binary())
def test_what_is_not_iterable_and_strings_go_to_every_call(items, number, text, data):
    assert mapped(items, number, scale=text, other=data) == [
        add(x, number, scale=text, other=data) for x in items
    ]


@given(LISTS, st.one_of(LISTS, st.text(), st.dictionaries(st.text(), st.integers())))
def test_an_unmapped_argument_goes_whole_to_every_call(items, whole):
    assert mapped(items, unmapped(whole)) == [add(x, whole) for x in items]


@given(LISTS)
def test_keywords_and_generators_are_mapped_too(items):
    assert mapped(x=(x for x in items), scale=iter(items)) == [add(x=x, scale=x) for x in items]


@given(st.lists(LISTS, min_size=2, max_size=3))
def test_different_lengths_are_refused_before_the_first_call(columns):
    lengths = {len(column) for column in columns}
    signature = inspect.signature(lambda x, y, z=0: 0)
    if len(lengths) == 1:
        assert len(list(calls(signature, "f", tuple(columns), {}))) == lengths.pop()
    else:
        with pytest.raises(MappingLengthMismatch):
            calls(signature, "f", tuple(columns), {})


def test_the_lengths_are_told_by_the_names_of_the_parameters():
    with pytest.raises(MappingLengthMismatch, match="'x' has 2, 'scale' has 1"):
        mapped([1, 2], scale=[1])


def test_what_is_given_for_several_are_the_rows():
    assert mapped([1, 2], [3, 4], [5, 6, 7], [8]) == [add(1, 3, 5, 6, 7), add(2, 4, 8)]


def test_a_row_that_cannot_be_iterated_over_is_refused_at_once():
    with pytest.raises(ParameterBindError, match="rows"):
        mapped([1, 2], 3, 4)


def test_a_builtin_without_a_signature_is_mapped_over_each_argument():
    made = calls(signature_of(max), "max", ([1, 5], [4, 2]), {})
    assert [max(*call.args) for call in made] == [4, 5]


def test_a_call_names_its_parameters_with_defaults():
    (made,) = calls(inspect.signature(add), "add", ([1],), {"other": 2})
    assert made.parameters == {"x": 1, "y": 1, "more": (), "scale": 1, "others": {"other": 2}}


@pytest.mark.parametrize("value", ["text", b"bytes", 3, None, unmapped([1]), io.StringIO("a\nb")])
def test_there_must_be_something_to_map_over(value):
    with pytest.raises(MappingMissingIterable):
        calls(inspect.signature(add), "add", (value,), {})


def test_one_iterable_is_consumed_as_the_calls_are():
    taken = []

    def endless():
        while True:
            taken.append(len(taken))
            yield taken[-1]

    made = calls(inspect.signature(add), "add", (endless(),), {})
    next(made), next(made)
    assert len(taken) == 2


def test_a_default_is_never_mapped_over():
    def f(x, y=(1, 2, 3)):
        return x, y

    assert mapped([1, 2], function=f) == [(1, (1, 2, 3)), (2, (1, 2, 3))]


def test_a_call_that_does_not_fit_is_refused_at_once():
    with pytest.raises(ParameterBindError, match="missing a required argument"):
        calls(inspect.signature(lambda x, y: 0), "f", ([1],), {})


def test_allow_failure_is_put_around_every_element():
    made = list(calls(inspect.signature(add), "add", (allow_failure([1, 2]), [3, 4]), {}))
    assert [(call.args[0].value, call.args[1]) for call in made] == [(1, 3), (2, 4)]


def test_a_quote_is_put_around_every_element():
    made = list(calls(inspect.signature(add), "add", (quote([1, 2]), [3, 4]), {}))
    assert [(call.args[0].unquote(), call.args[1]) for call in made] == [(1, 3), (2, 4)]


def test_a_completed_state_stands_for_its_elements():
    assert mapped(Completed([1, 2])) == [add(1), add(2)]


def test_a_failed_state_is_refused_at_once():
    with pytest.raises(UpstreamTaskError):
        mapped(Failed(ValueError("no")))


def test_a_dict_is_mapped_over_its_keys():
    assert mapped({"a": 1, "b": 2}) == [add("a"), add("b")]


def test_an_empty_list_makes_no_call():
    assert mapped([]) == []
