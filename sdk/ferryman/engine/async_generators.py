"""Carries out the life of a run whose task is an async generator function. As `generators` does."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from functools import partial
from typing import Any

from ferryman.engine import asynchronous
from ferryman.engine.life import Invocation, Life
from ferryman.engine.steps import Execute, Script
from ferryman.engine.surroundings import around
from ferryman.engine.timeouts import wait_within


async def items(invocation: Invocation) -> AsyncGenerator[Any, Any]:
    """The function's items. Closed early, the run has completed."""
    script = Script(Life(invocation).steps())
    while (step := script.step) is not None:
        try:
            if isinstance(step, Execute):
                paced = _Paced(step)
                # Delegated by hand: an async generator cannot `yield from` another.
                while await paced.has_next():
                    try:
                        sent = yield paced.item
                    except GeneratorExit:
                        await paced.close()
                    except BaseException as thrown:  # noqa: BLE001 - the consumer threw it in.
                        paced.throw(thrown)
                    else:
                        paced.send(sent)
                reply = None
            else:
                reply = await asynchronous.perform(step)
        except BaseException as error:  # noqa: BLE001 - the life decides, and lets a crash through.
            script.failed(error)
        else:
            script.done(reply)
    script.ended.outcome(return_state=False)


class _Paced:
    """An async generator that is resumed inside of its run, until its time is used up."""

    def __init__(self, step: Execute) -> None:
        self._step = step
        self._left = step.timeout
        self._inner = step.function(*step.call.args, **step.call.kwargs)
        self._proceed: Callable[[], Awaitable[Any]] | None = partial(anext, self._inner)
        self.item: Any = None

    async def has_next(self) -> bool:
        """Whether there is another `item`."""
        if self._proceed is None:
            return False
        try:
            self.item = await self._resume(self._proceed)
        except StopAsyncIteration:
            return False
        return True

    def send(self, value: Any) -> None:
        """What the generator's `yield` gives it."""
        self._proceed = partial(self._inner.asend, value)

    def throw(self, error: BaseException) -> None:
        """What the generator's `yield` raises."""
        self._proceed = partial(self._inner.athrow, error)

    async def close(self) -> None:
        """There is no consumer any more."""
        self._proceed = None
        await self._resume(self._inner.aclose)

    async def _resume(self, proceed: Callable[[], Awaitable[Any]]) -> Any:
        began = time.monotonic()
        with around(self._step):
            item = await wait_within(self._left, proceed(), self._step.timeout)
        if self._left is not None:
            self._left = max(self._left - (time.monotonic() - began), 1e-6)
        return item
