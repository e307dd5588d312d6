"""Carries out the life of a run whose task is a function."""

from __future__ import annotations

import inspect
import time
from functools import partial
from typing import Any

from ferryman.awaiting import awaited
from ferryman.engine.life import Life
from ferryman.engine.steps import Ended, Execute, Script, Sleep, Step
from ferryman.engine.surroundings import around
from ferryman.engine.timeouts import call_within


def run(life: Life) -> Ended:
    """Until the run has ended. Raises what crashed it."""
    script = Script(life.steps())
    while (step := script.step) is not None:
        try:
            reply = perform(step)
        except BaseException as error:  # noqa: BLE001 - the life decides, and lets a crash through.
            script.failed(error)
        else:
            script.done(reply)
    return script.ended


def perform(step: Step) -> Any:
    """Do what the step says; what it gives."""
    if isinstance(step, Sleep):
        return time.sleep(step.seconds)
    with around(step):
        if isinstance(step, Execute):
            return call_within(step.timeout, partial(_call, step))
        return awaited(step.function())


def _call(step: Execute) -> Any:
    value = step.function(*step.call.args, **step.call.kwargs)
    return list(value) if inspect.isgenerator(value) else value
