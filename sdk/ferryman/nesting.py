"""Futures and marks in nested collections. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields as dataclass_fields
from dataclasses import is_dataclass
from typing import Any, Final

from ferryman.annotations import allow_failure, quote, unmapped
from ferryman.states import State

_ATOMS: Final = frozenset({int, float, str, bytes, bool, type(None)})
_RESOLVED: Final = (allow_failure, unmapped, quote, State)


def is_future(value: object) -> bool:
    """Whether it is a TaskFuture (told by an attribute, so that this module needs not import it)."""
    return getattr(type(value), "is_run_handle", False) is True


def is_settled(value: Any) -> bool:
    """Whether there is no future, state or mark in a nesting of collections: nothing to resolve.

    Looks at each element once, so that a long list of numbers costs little.
    """
    found, seen = [value], set()
    while found:
        one = found.pop()
        if isinstance(one, _RESOLVED) or is_future(one):
            return False
        if id(one) not in seen:
            seen.add(id(one))
            found.extend(part for part in inside(one) if type(part) not in _ATOMS)
    return True


def futures_in(value: Any) -> Iterator[Any]:
    """Every future in a nesting of collections, dataclasses and marks."""
    return (one for one, _ in walk(value, allowed=False) if is_future(one))


def walk(value: Any, *, allowed: bool, seen: frozenset[int] = frozenset()) -> Iterator[tuple[Any, bool]]:
    """Every leaf in a nesting of collections, and whether it is under `allow_failure`."""
    if isinstance(value, quote):
        return
    if isinstance(value, State):
        # The state of a run in the cluster stands for its future; any other is a value.
        value = value.source if is_future(value.source) else None
    if isinstance(value, allow_failure):
        yield from walk(value.value, allowed=True, seen=seen)
    elif isinstance(value, unmapped):
        yield from walk(value.value, allowed=allowed, seen=seen)
    elif is_future(value):
        yield value, allowed
    elif id(value) not in seen:
        for inner in inside(value):
            yield from walk(inner, allowed=allowed, seen=seen | {id(value)})


def inside(value: Any) -> Iterator[Any]:
    """The elements of a collection, keys and values of a dict, fields of a dataclass; else nothing."""
    if isinstance(value, list | tuple | set | frozenset):
        yield from value
    elif isinstance(value, dict):
        yield from value.keys()
        yield from value.values()
    elif is_dataclass(value) and not isinstance(value, type):
        yield from (getattr(value, field.name, None) for field in dataclass_fields(value))
