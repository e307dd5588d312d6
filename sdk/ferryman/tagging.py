"""`with tags(...)`: tags for every run that starts within the block."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

_current: Final[ContextVar[frozenset[str]]] = ContextVar("ferryman_tags", default=frozenset())


@contextmanager
def tags(*names: str) -> Iterator[frozenset[str]]:
    """Add tags to the runs that are called or submitted within the block; nested blocks add up.

    Gives the tags that hold in the block. Raises TypeError for what is no text.
    """
    wrong = next((name for name in names if not isinstance(name, str)), None)
    if wrong is not None:
        raise TypeError(f"a tag must be a string, not {wrong!r}")
    together = _current.get() | frozenset(names)
    before = _current.set(together)
    try:
        yield together
    finally:
        _current.reset(before)


def current_tags() -> frozenset[str]:
    """The tags of the blocks around this code."""
    return _current.get()
