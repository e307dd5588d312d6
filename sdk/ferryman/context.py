"""The run that this code is part of. Standard library only."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from ferryman.exceptions import MissingContextError


@dataclass(frozen=True, slots=True)
class RunContext:
    """Where a function finds itself: which run, which attempt of it (from 1), of which task."""

    namespace: str
    name: str
    """The TaskRun's name."""
    uid: str
    attempt: int
    task: str


# One for the process, not a ContextVar: threads that the function starts are part of the run.
_current: RunContext | None = None


def current_run() -> RunContext:
    """The run of the function that is being executed. Raises MissingContextError outside of one."""
    if _current is None:
        raise MissingContextError("there is no task run here: this code was not called by a runner")
    return _current


@contextmanager
def entered(run: RunContext) -> Iterator[RunContext]:
    """Make `run` the current one within the block. For runners and tests."""
    global _current  # noqa: PLW0603 - see above.
    before, _current = _current, run
    try:
        yield run
    finally:
        _current = before
