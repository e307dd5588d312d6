"""Finding the function, calling it, and asking it whether to try again."""

from __future__ import annotations

import importlib
import inspect
import traceback
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ferryman import conditions, states
from ferryman.api.runner_contract import Assignment
from ferryman.awaiting import awaited
from ferryman.context import TaskRun, TaskRunContext
from ferryman.exceptions import InvalidBlob, ParameterBindError
from ferryman.runner import output
from ferryman.wire import formats

if TYPE_CHECKING:
    from ferryman.binding import Call
    from ferryman.tasks import Task

Function = Callable[..., Any]


served: dict[str, Any] = {}
"""Tasks by their entrypoints, of a worker's process: they are there already."""


def load_entrypoint(path: str) -> Any:
    """What is at `module:attribute.attribute`: a task, or a function.

    Raises InvalidBlob, and what importing the module raises (ModuleNotFoundError, say).
    """
    if path in served:
        return served[path]
    module, _, attributes = path.partition(":")
    if not module or not attributes:
        raise InvalidBlob(f"the entrypoint {path!r} is not of the form module:function")
    found: Any = importlib.import_module(module)
    for name in attributes.split("."):
        if not hasattr(found, name):
            raise InvalidBlob(f"the entrypoint {path!r} does not exist: there is no {name!r}")
        found = getattr(found, name)
    return found


def as_task(found: Any) -> Task[..., Any]:
    """The task itself, or one made of a function. Raises InvalidBlob for what cannot be called."""
    # Deferred: loading it is under way together with the downloads otherwise.
    from ferryman.tasks import Task  # noqa: PLC0415

    if isinstance(found, Task):
        return found
    if not callable(found):
        raise InvalidBlob(f"{type(found).__name__} cannot be called")
    return Task(found)


def bound(task: Task[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> Call:
    """The call with these arguments. Raises InvalidBlob if the function cannot be called with them."""
    try:
        return task.bind(tuple(args), kwargs)
    except ParameterBindError as error:
        raise InvalidBlob(f"the function cannot be called so: {error}") from None


def task_run(
    task: Task[..., Any], assignment: Assignment, began: datetime, *, flow_run_id: str | None = None
) -> TaskRun:
    """The run as its code and its hooks see it."""
    return TaskRun(
        id=assignment.uid,
        name=assignment.run,
        task_name=assignment.task,
        task_key=task.task_key,
        run_count=assignment.attempt,
        tags=task.tags,
        start_time=began,
        flow_run_id=flow_run_id,
        namespace=assignment.namespace,
    )


def call(function: Function, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """What the function returns. Coroutines are run, generators become lists. Raises what it raises.

    A final `State` that it returns counts as its own outcome: its data is the value, or it is raised.
    """
    value = _called(function, args, kwargs)
    state = states.returned(value)
    if not state.is_completed():
        raise state.result(raise_on_failure=False)
    return state.result() if state is value else value


def _called(function: Function, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    value = function(*args, **kwargs)
    if inspect.isgenerator(value):
        return list(value)
    if inspect.iscoroutine(value):
        return _run(value)
    if inspect.isasyncgen(value):
        return _run(_collected(value))
    return value


def may_share(task: Task[..., Any], assignment: Assignment) -> bool:
    """Whether the result may be shared: its submitter says so, or without one the task."""
    if assignment.code is not None:
        return bool(assignment.cache_key or assignment.cache_scope)
    # Deferred: what was submitted with its code says so itself.
    from ferryman.caching import effective  # noqa: PLC0415

    return bool(assignment.cache_key) or effective.of_options(task.options).persist_result is True


def serializer(task: Task[..., Any], wanted: str) -> Any:
    """The name of the serializer, or the task's own."""
    own = task.options.result_serializer
    return wanted if isinstance(own, str) or wanted != formats.CUSTOM else own


def has_hooks(task: Task[..., Any]) -> bool:
    """Whether anything is to be called when a run of the task has ended."""
    return bool(task.options.on_completion or task.options.on_failure)


def wants_retry(context: TaskRunContext, exc: BaseException) -> bool:
    """The retry condition's answer, yes without one. One that raises is logged and means no."""
    try:
        return bool(
            awaited(conditions.asked(context.task, context.task_run, states.failed(exc, datetime.now(UTC))))
        )
    except Exception:  # noqa: BLE001 - whatever the user's condition raises.
        output.complain(f"the retry condition raised; the run is not tried again:\n{traceback.format_exc()}")
        return False


def _run(coroutine: Any) -> Any:
    import asyncio  # noqa: PLC0415 - it costs a third of a cold start, and few functions need it.

    return asyncio.run(coroutine)


async def _collected(generator: Any) -> list[Any]:
    return [item async for item in generator]
