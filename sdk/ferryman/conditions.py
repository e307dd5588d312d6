"""A task's `retry_condition_fn` in the form that the runner calls. It travels in the code blob."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ferryman.states import State, StateType


@dataclass(frozen=True)
class TaskInfo:
    """What a retry condition is told of its task."""

    name: str


@dataclass(frozen=True)
class RetryCondition:
    """Asks `retry_condition_fn(task, task_run, state)` about an exception. Any callable, also async."""

    condition: Callable[..., Any]
    task: str

    def __call__(self, exception: BaseException) -> bool:
        """Whether to try again. What the condition raises passes through."""
        state = State(
            StateType.FAILED,
            "Failed",
            f"Task run encountered unexpected exception: {type(exception).__name__}: {exception}",
            data=exception,
        )
        answer = self.condition(TaskInfo(self.task), None, state)
        return bool(_awaited(answer) if inspect.isawaitable(answer) else answer)


def _awaited(answer: Any) -> Any:
    # Deferred: asyncio costs a cold start 30 ms, and few conditions are async.
    import asyncio  # noqa: PLC0415

    async def wait() -> Any:
        return await answer

    return asyncio.run(wait())
