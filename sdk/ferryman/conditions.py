"""Asking a task's `retry_condition_fn` whether to try again."""

from __future__ import annotations

from typing import Any

from ferryman.context import TaskRun
from ferryman.states import State


def asked(task: Any, run: TaskRun, state: State) -> Any:
    """What `retry_condition_fn(task, task_run, state)` returns, an awaitable if it is async.

    True without one. Raises what it raises.
    """
    condition = task.options.retry_condition_fn
    return True if condition is None else condition(task, run, state)
