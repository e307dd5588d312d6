"""What `map` calls with what: one call per element of the iterable arguments. Pure."""

from __future__ import annotations

import inspect
import io
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from dataclasses import dataclass
from inspect import Parameter
from typing import Any

from ferryman.annotations import allow_failure, quote, unmapped
from ferryman.binding import ANYTHING, Call, bound, call_of
from ferryman.exceptions import MappingLengthMismatch, MappingMissingIterable, ParameterBindError
from ferryman.nesting import is_future
from ferryman.resolution import resolved
from ferryman.states import State


@dataclass(frozen=True)
class _Mapped:
    """An argument that gives each call another value."""

    items: Iterable[Any]
    wrap: Callable[[Any], Any] | None = None

    def __iter__(self) -> Iterator[Any]:
        return iter(self.items) if self.wrap is None else (self.wrap(item) for item in self.items)


@dataclass(frozen=True)
class _Columns:
    """The arguments of a map: `**kwargs` one by one, `*args` as one tuple of rows, as in Prefect."""

    signature: inspect.Signature
    plain: Mapping[str, Any]
    extra: Mapping[str, Any]
    """Of `**kwargs`."""

    @property
    def mapped(self) -> dict[str, _Mapped]:
        """Those that give each call another value."""
        everything = {**self.plain, **self.extra}
        return {name: one for name, one in everything.items() if isinstance(one, _Mapped)}

    def with_lengths(self) -> _Columns:
        """The same, with what has no length read into lists."""
        plain = {name: _with_length(one) for name, one in self.plain.items()}
        return _Columns(self.signature, plain, {name: _with_length(one) for name, one in self.extra.items()})

    def call(self, row: Mapping[str, Any]) -> Call:
        """The call with the row's values for the mapped arguments."""
        arguments: dict[str, Any] = {**self.plain, **{name: row[name] for name in self.plain if name in row}}
        several = _of_kind(self.signature, Parameter.VAR_POSITIONAL)
        if several in arguments:
            arguments[several] = tuple(arguments[several])
        named = _of_kind(self.signature, Parameter.VAR_KEYWORD)
        if self.extra:
            arguments[named] = {name: row.get(name, one) for name, one in self.extra.items()}
        ordered = {name: arguments[name] for name in self.signature.parameters if name in arguments}
        return call_of(inspect.BoundArguments(self.signature, OrderedDict(ordered)))


def calls(
    signature: inspect.Signature, name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> Iterator[Call]:
    """The calls, in the order of the elements.

    Raises ParameterBindError, MappingMissingIterable or MappingLengthMismatch at once, before the
    first call is made; one mapped iterable alone is consumed as the calls are, several that
    have no length are read into lists first, so that unequal ones start nothing.
    """
    if signature is ANYTHING:
        signature = _numbered(len(args))
    columns = _columns(signature, name, bound(signature, name, args, kwargs).arguments)
    if not columns.mapped:
        raise MappingMissingIterable(
            f"{name}.map(): none of the arguments can be mapped over; strings, bytes and unmapped() are not"
        )
    if len(columns.mapped) > 1:
        columns = columns.with_lengths()
        _require_one_length(name, columns.mapped)
    return _calls(columns)


def _calls(columns: _Columns) -> Iterator[Call]:
    iterators = {name: iter(one) for name, one in columns.mapped.items()}
    while True:
        try:
            row = {name: next(iterator) for name, iterator in iterators.items()}
        except StopIteration:
            return
        yield columns.call(row)


def _columns(signature: inspect.Signature, name: str, given: Mapping[str, Any]) -> _Columns:
    plain = dict(given)
    extra = plain.pop(_of_kind(signature, Parameter.VAR_KEYWORD), {})
    rows = plain.get(_of_kind(signature, Parameter.VAR_POSITIONAL), ())
    if not all(isinstance(row, Iterable) and not is_future(row) for row in rows):
        raise ParameterBindError(
            f"{name}.map(): the arguments for *args are the rows, each the arguments of one call; "
            f"not all of them can be iterated over"
        )
    return _Columns(
        signature,
        {key: _classified(one) for key, one in plain.items()},
        {key: _classified(one) for key, one in extra.items()},
    )


def _of_kind(signature: inspect.Signature, kind: Any) -> str:
    return next((name for name, one in signature.parameters.items() if one.kind is kind), "")


def _numbered(count: int) -> inspect.Signature:
    # A builtin that does not tell its parameters is mapped over each of its arguments.
    numbers = [Parameter(f"argument_{place + 1}", Parameter.POSITIONAL_ONLY) for place in range(count)]
    return inspect.Signature([*numbers, Parameter("keywords", Parameter.VAR_KEYWORD)])


def _classified(value: Any) -> Any:
    """`_Mapped`, or the constant that every call gets."""
    if isinstance(value, unmapped):
        return value.value
    if isinstance(value, allow_failure | quote):
        mark = type(value)
        inner = _classified(value.value)
        return _Mapped(inner, mark) if isinstance(inner, _Mapped) else mark(inner)
    if is_future(value) or isinstance(value, State):
        # As such it stands for its elements: the caller waits for it, as in Prefect.
        return _classified(resolved(value))
    if isinstance(value, str | bytes | bytearray | io.IOBase | type) or not hasattr(type(value), "__iter__"):
        return value
    return _Mapped(value)


def _require_one_length(name: str, mapped: Mapping[str, _Mapped]) -> None:
    lengths = {key: len(one.items) for key, one in mapped.items() if isinstance(one.items, Sized)}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{key!r} has {length}" for key, length in lengths.items())
        raise MappingLengthMismatch(f"{name}.map(): the mapped arguments differ in length: {told}")


def _with_length(value: Any) -> Any:
    if not isinstance(value, _Mapped):
        return value
    if isinstance(value.items, _Mapped):
        return _Mapped(_with_length(value.items).items, value.wrap)
    return value if isinstance(value.items, Sized) else _Mapped(list(value.items), value.wrap)
