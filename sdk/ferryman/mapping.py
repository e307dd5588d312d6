"""What `map` calls with what: one call per element of the iterable arguments. Pure."""

from __future__ import annotations

import inspect
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from dataclasses import dataclass
from typing import Any

from ferryman.annotations import allow_failure, unmapped
from ferryman.binding import Call, bind
from ferryman.exceptions import MappingLengthMismatch, MappingMissingIterable
from ferryman.nesting import is_future


@dataclass(frozen=True)
class _Mapped:
    """An argument that gives each call another value."""

    items: Iterable[Any]
    wrap: Callable[[Any], Any] | None = None

    def __iter__(self) -> Iterator[Any]:
        return iter(self.items) if self.wrap is None else (self.wrap(item) for item in self.items)


def calls(
    signature: inspect.Signature, name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> Iterator[Call]:
    """The calls, in the order of the elements.

    Raises ParameterBindError, MappingMissingIterable or MappingLengthMismatch at once, before the
    first call is made; one mapped iterable alone is consumed as the calls are, several that
    have no length are read into lists first, so that unequal ones start nothing.
    """
    bind(signature, name, args, kwargs)
    positional = [_classified(value) for value in args]
    named = {key: _classified(value) for key, value in kwargs.items()}
    labels = [f"argument {place + 1}" for place in range(len(positional))] + [repr(key) for key in named]
    everything = [*positional, *named.values()]
    mapped = {label: one for label, one in zip(labels, everything, strict=True) if isinstance(one, _Mapped)}
    if not mapped:
        raise MappingMissingIterable(
            f"{name}.map(): none of the arguments can be mapped over; strings, bytes and unmapped() are not"
        )
    if len(mapped) > 1:
        positional, named = _measured(name, labels, positional, named)
    return _calls(signature, name, positional, named)


def _calls(
    signature: inspect.Signature, name: str, positional: list[Any], named: dict[str, Any]
) -> Iterator[Call]:
    columns = [*positional, *named.values()]
    iterators = {place: iter(one) for place, one in enumerate(columns) if isinstance(one, _Mapped)}
    width = len(positional)
    while True:
        row = list(columns)
        try:
            for place, iterator in iterators.items():
                row[place] = next(iterator)
        except StopIteration:
            return
        yield bind(signature, name, tuple(row[:width]), dict(zip(named, row[width:], strict=True)))


def _classified(value: Any) -> Any:
    """`_Mapped`, or the constant that every call gets."""
    if isinstance(value, unmapped):
        return value.value
    if isinstance(value, allow_failure):
        inner = _classified(value.value)
        return _Mapped(inner, allow_failure) if isinstance(inner, _Mapped) else allow_failure(inner)
    if is_future(value):
        # A future as such stands for its elements: the caller waits for it, as in Prefect.
        return _classified(value.result())
    if isinstance(value, str | bytes | bytearray | io.IOBase | type) or not hasattr(type(value), "__iter__"):
        return value
    return _Mapped(value)


def _measured(
    name: str, labels: list[str], positional: list[Any], named: dict[str, Any]
) -> tuple[list[Any], dict[str, Any]]:
    everything = [_with_length(one) for one in (*positional, *named.values())]
    lengths = {
        label: len(one.items)
        for label, one in zip(labels, everything, strict=True)
        if isinstance(one, _Mapped) and isinstance(one.items, Sized)
    }
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{label} has {length}" for label, length in lengths.items())
        raise MappingLengthMismatch(f"{name}.map(): the mapped arguments differ in length: {told}")
    width = len(positional)
    return everything[:width], dict(zip(named, everything[width:], strict=True))


def _with_length(value: Any) -> Any:
    if not isinstance(value, _Mapped):
        return value
    if isinstance(value.items, _Mapped):
        return _Mapped(_with_length(value.items).items, value.wrap)
    return value if isinstance(value.items, Sized) else _Mapped(list(value.items), value.wrap)
