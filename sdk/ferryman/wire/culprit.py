"""Which part of a value it is that cannot be pickled.

Only asked after pickling has failed, so it may be slow; it is bounded all the same.
Standard library only.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

MAX_DEPTH: Final = 12
MAX_CHILDREN: Final = 1000
"""Of one container: the culprit is looked for among the first of them."""


@dataclass(frozen=True, slots=True)
class Culprit:
    """The innermost value found. `keys` lead to it from the outside; `steps` are the same for people."""

    keys: tuple[Any, ...]
    steps: tuple[str, ...]
    value: Any

    def render(self, describe: Callable[[Sequence[Any]], tuple[str, int]]) -> str:
        """`argument 'config', at ['db'][0] (lock)`; `describe` is as in `pickling.dump`."""
        head, used = describe(self.keys)
        rest = "".join(self.steps[used:]).strip(". ")
        return (
            f"{head}, at {rest} ({type(self.value).__name__})"
            if rest
            else f"{head} ({type(self.value).__name__})"
        )


def find(value: Any, can_pickle: Callable[[Any], bool]) -> Culprit:
    """Descend into the first part that cannot be pickled by itself, as long as there is one."""
    found = Culprit((), (), value)
    for _ in range(MAX_DEPTH):
        for key, step, child in _children(found.value):
            if not can_pickle(child):
                found = Culprit((*found.keys, key), (*found.steps, step), child)
                break
        else:
            return found
    return found


def largest(function: Callable[..., Any], size_of: Callable[[Any], int]) -> tuple[str, int]:
    """The largest of what a function brings along, in words ("the variable 'table'"), and its size in bytes.

    "" and 0 where it brings nothing along.
    """
    inner = inspect.unwrap(function)
    parts = _parts_of_function(inner) if isinstance(inner, types.FunctionType) else ()
    sizes = [(step.strip(), size_of(child)) for _, step, child in parts]
    return max(sizes, key=lambda one: one[1], default=("", 0))


def _children(value: Any) -> Iterator[tuple[Any, str, Any]]:
    for number, child in enumerate(_parts(value)):
        if number == MAX_CHILDREN:
            return
        yield child


def _parts(value: Any) -> Iterator[tuple[Any, str, Any]]:
    if isinstance(value, dict):
        yield from ((key, f"[{_short(key)}]", item) for key, item in value.items())
    elif isinstance(value, (list, tuple)):
        yield from ((i, f"[{i}]", item) for i, item in enumerate(value))
    elif isinstance(value, (set, frozenset)):
        yield from ((None, " in the set", item) for item in value)
    elif isinstance(value, types.FunctionType):
        yield from _parts_of_function(value)
    elif isinstance(value, types.MethodType):
        yield "__self__", ".__self__", value.__self__
    elif not isinstance(value, (type, types.ModuleType)):
        attributes = getattr(value, "__dict__", None)
        if isinstance(attributes, dict):
            yield from ((name, f".{name}", item) for name, item in attributes.items())


def _parts_of_function(function: types.FunctionType) -> Iterator[tuple[Any, str, Any]]:
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=False):
        try:
            yield name, f" the variable {name!r}", cell.cell_contents
        except ValueError:  # An empty cell: the variable is not bound yet.
            continue
    for name in function.__code__.co_names:
        if name in function.__globals__:
            yield name, f" the global {name!r}", function.__globals__[name]
    for number, default in enumerate(function.__defaults__ or ()):
        yield number, f" the default {number + 1}", default


def _short(key: Any) -> str:
    text = repr(key)
    return text if len(text) <= 60 else text[:57] + "..."
