"""What calling a function gives: a value, or what is waited for or iterated over. Standard library only."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from enum import Enum, auto
from typing import Any


class Kind(Enum):
    """Of a function."""

    FUNCTION = auto()
    COROUTINE = auto()
    GENERATOR = auto()
    ASYNC_GENERATOR = auto()

    @property
    def is_async(self) -> bool:
        """Whether an event loop is needed."""
        return self in (Kind.COROUTINE, Kind.ASYNC_GENERATOR)

    @property
    def is_generator(self) -> bool:
        """Whether it yields items."""
        return self in (Kind.GENERATOR, Kind.ASYNC_GENERATOR)


def kind_of(function: Callable[..., Any]) -> Kind:
    """The kind of a function, a partial, or an object with `__call__`."""
    for one in (function, type(function).__call__):
        if inspect.iscoroutinefunction(one):
            return Kind.COROUTINE
        if inspect.isasyncgenfunction(one):
            return Kind.ASYNC_GENERATOR
        if inspect.isgeneratorfunction(one):
            return Kind.GENERATOR
    return Kind.FUNCTION
