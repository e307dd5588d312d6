"""Asking a task's `retry_condition_fn` whether to try again."""

from __future__ import annotations

from typing import Any

from ferryman.context import TaskRunContext
from ferryman.states import State


def asked(context: TaskRunContext, state: State) -> Any:
    """What `retry_condition_fn(task, task_run, state)` returns, an awaitable if it is async.

    True without one. Raises what it raises.
    """
    condition = context.task.options.retry_condition_fn
    return True if condition is None else condition(context.task, context.task_run, state)
