"""What surrounds an attempt in this process: the cache's lookup before it, the transaction around it."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from ferryman.context import TaskRunContext


@dataclass(frozen=True)
class Found:
    """A result that an earlier run has left: the function need not be called."""

    value: Any


class Boundary(Protocol):
    """One attempt's way in and out. Every method but `around` may return an awaitable."""

    def begin(self) -> Any:
        """`Found`, or None: call the function. May take long, because another run computes the same."""
        ...

    def around(self) -> AbstractContextManager[None]:
        """Entered while the function runs: what it calls belongs to its transaction."""
        ...

    def complete(self, value: Any) -> Any:
        """The function has returned `value`. What this raises is how the run has failed, for good."""
        ...

    def fail(self, error: BaseException, *, final: bool) -> Any:
        """The attempt has failed; with `final` no other follows, and what was done is rolled back."""
        ...


class BoundaryOf(Protocol):
    """Who knows the boundary of an attempt."""

    def __call__(self, here: TaskRunContext, *, caches: bool) -> Boundary | None: ...


def boundary_of(here: TaskRunContext, *, caches: bool) -> Boundary | None:
    """The boundary of an attempt, None where nothing is kept. Without `caches` it has no result to find."""
    del here, caches
    return None
