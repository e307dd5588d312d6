"""Carries out the life of a run whose task is a generator function.

The run lasts from the first item to the last. A retry begins anew, and yields its items again. Time
that the consumer takes between items is not the task's.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from functools import partial
from typing import Any

from ferryman.engine import sync
from ferryman.engine.life import Invocation, Life
from ferryman.engine.steps import Execute, Script
from ferryman.engine.surroundings import around
from ferryman.engine.timeouts import call_within


def items(invocation: Invocation) -> Generator[Any, Any, Any]:
    """The function's items; returns what it returned. Closed early, the run has completed."""
    script = Script(Life(invocation).steps())
    while (step := script.step) is not None:
        try:
            reply = (yield from _executed(step)) if isinstance(step, Execute) else sync.perform(step)
        except GeneratorExit:
            # The consumer has had enough, and the function has been closed.
            script.done(None)
        except BaseException as error:  # noqa: BLE001 - the life decides, and lets a crash through.
            script.failed(error)
        else:
            script.done(reply)
    return script.ended.outcome(return_state=False)


def _executed(step: Execute) -> Generator[Any, Any, Any]:
    paced = _Paced(step)
    proceed: Callable[[], Any] = partial(next, paced.inner)
    while True:
        try:
            item = paced.resume(proceed)
        except StopIteration as end:
            return end.value
        try:
            sent = yield item
        except GeneratorExit:
            paced.resume(paced.inner.close)
            raise
        except BaseException as thrown:  # noqa: BLE001 - the consumer threw it in.
            proceed = partial(paced.inner.throw, thrown)
        else:
            proceed = partial(paced.inner.send, sent)


class _Paced:
    """A generator that is resumed inside of its run, until its time is used up."""

    def __init__(self, step: Execute) -> None:
        self._step = step
        self._left = step.timeout
        self.inner = step.function(*step.call.args, **step.call.kwargs)

    def resume(self, proceed: Callable[[], Any]) -> Any:
        """The next item. Raises StopIteration at the end."""
        began = time.monotonic()
        with around(self._step):
            item = call_within(self._left, proceed, self._step.timeout)
        if self._left is not None:
            self._left = max(self._left - (time.monotonic() - began), 1e-6)
        return item
