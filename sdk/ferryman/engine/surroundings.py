"""What is around a function while it runs: its context, its transaction, where its prints go."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from ferryman import context
from ferryman.engine import prints
from ferryman.engine.steps import Ask, Block, Execute


@contextmanager
def around(step: Execute | Ask | Block) -> Iterator[None]:
    """Enter the run. A generator's is entered anew for each of its items: its consumer is not in it."""
    with ExitStack() as stack:
        stack.enter_context(context.entered(step.here))
        if isinstance(step, Execute) and step.boundary is not None:
            stack.enter_context(step.boundary.around())
        if prints.are_logged():
            stack.enter_context(prints.forwarded())
        yield
