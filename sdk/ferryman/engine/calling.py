"""From a call to its run: by the kind of the task's function."""

from __future__ import annotations

from typing import Any

from ferryman.engine import generators, sync
from ferryman.engine.life import Invocation, Life
from ferryman.kinds import Kind


def called(invocation: Invocation, *, return_state: bool) -> Any:
    """What calling the task gives: a value or state, a coroutine for one, or a generator.

    Raises what the function raised, and ValueError where the state of a generator is asked for.
    """
    kind = invocation.task.kind
    if kind.is_generator and return_state:
        raise ValueError("a generator task has no state to return: it ends when its consumer ends")
    if kind is Kind.FUNCTION:
        return sync.run(Life(invocation)).outcome(return_state=return_state)
    if kind is Kind.GENERATOR:
        return generators.items(invocation)
    # Deferred: asyncio costs 30 ms, and few tasks are async.
    from ferryman.engine import async_generators, asynchronous  # noqa: PLC0415

    if kind is Kind.ASYNC_GENERATOR:
        return async_generators.items(invocation)
    return asynchronous.outcome(invocation, return_state=return_state)
