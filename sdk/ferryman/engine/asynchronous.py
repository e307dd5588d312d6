"""Carries out the life of a run whose task is a coroutine function."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any

from ferryman.engine.life import Invocation, Life
from ferryman.engine.steps import Ask, Block, Ended, Execute, Script, Step
from ferryman.engine.surroundings import around
from ferryman.engine.timeouts import wait_within


async def run(life: Life) -> Ended:
    """Until the run has ended. Raises what crashed it."""
    script = Script(life.steps())
    while (step := script.step) is not None:
        try:
            reply = await perform(step)
        except BaseException as error:  # noqa: BLE001 - the life decides, and lets a crash through.
            script.failed(error)
        else:
            script.done(reply)
    return script.ended


async def perform(step: Step) -> Any:
    """Do what the step says; what it gives."""
    if isinstance(step, Execute):
        with around(step):
            return await wait_within(step.timeout, step.function(*step.call.args, **step.call.kwargs))
    if isinstance(step, Ask | Block):
        with around(step):
            blocks = isinstance(step, Block)
            value = await asyncio.to_thread(step.function) if blocks else step.function()
            return await value if inspect.isawaitable(value) else value
    return await asyncio.sleep(step.seconds)


async def outcome(invocation: Invocation, *, return_state: bool) -> Any:
    """What a call of the task gives, when it is awaited."""
    return (await run(Life(invocation))).outcome(return_state=return_state)
