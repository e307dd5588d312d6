"""Whether calls of tasks are drawn here instead of made. Standard library only: every call asks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol


class Drawing(Protocol):
    """What takes up the calls of tasks. `returns` stands for the task's value, unless it is None."""

    def call(self, task: str, arguments: Any, returns: Any) -> Any: ...

    def submit(self, task: str, arguments: Any, returns: Any) -> Any: ...

    def map(self, task: str, columns: Iterable[Any], waits: Any, returns: Any) -> Any: ...


_current: ContextVar[Drawing | None] = ContextVar("ferryman_drawing", default=None)


def current() -> Drawing | None:
    """The drawing that is being made here, if one is."""
    return _current.get()


@contextmanager
def drawn_by(drawing: Drawing) -> Iterator[None]:
    """Within the block, calls of tasks are drawn and not made."""
    before = _current.set(drawing)
    try:
        yield
    finally:
        _current.reset(before)
