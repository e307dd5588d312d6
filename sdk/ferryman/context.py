"""The run that this code is part of, in a pod or here. Standard library only.

A run's context is a ContextVar, so that runs in several threads or coroutines do not mix. Threads
start without one: in a pod they are part of the pod's run; elsewhere of the run in this process,
as long as there is only one that it can be.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from ferryman.exceptions import MissingContextError


@dataclass(frozen=True, slots=True)
class RunContext:
    """Where a function finds itself: which run, which attempt of it (from 1), of which task.

    From `current_run()`. `uid` is the same in all attempts of a run, and of no other run: a good
    idempotency key.
    """

    namespace: str
    """Of the TaskRun; "" for a call in this process."""
    name: str
    """The TaskRun's name; of a call in this process the name of its run."""
    uid: str
    attempt: int
    task: str


@dataclass(frozen=True, slots=True)
class TaskRun:
    """A run of a task as its hooks, conditions and code see it; the names are Prefect's.

    From `get_run_context().task_run`, and from `Task.create_run`. Times are in UTC.
    """

    id: str
    """The TaskRun's UID; of a call in this process a random UUID."""
    name: str
    """The TaskRun's name; of a call in this process what `task_run_name` says, or the task's name."""
    task_name: str
    task_key: str
    run_count: int = 1
    """The attempt's number, from 1."""
    tags: frozenset[str] = frozenset()
    start_time: datetime | None = None
    """When this attempt began."""
    flow_run_id: str | None = None
    """Of the flow run that it was called or submitted in; None in hooks that the operator has called."""
    namespace: str = ""
    """Of the TaskRun; "" for a call in this process."""


@dataclass(frozen=True, slots=True)
class FlowRun:
    """A run of a flow, as its tasks see it."""

    id: str
    name: str
    flow_name: str
    run_count: int = 1
    tags: frozenset[str] = frozenset()
    start_time: datetime | None = None
    namespace: str = ""


@dataclass(frozen=True, slots=True)
class TaskRunContext:
    """Inside a task: the `ferryman.Task`, its run, and the arguments by name, defaults included.

    From `get_run_context()`. Futures among the arguments have been replaced by their values.
    """

    task: Any
    task_run: TaskRun
    parameters: Mapping[str, Any]

    @classmethod
    def get(cls) -> TaskRunContext | None:
        """That of the innermost task around this code, or None."""
        return next((one for one in contexts() if isinstance(one, cls)), None)

    @property
    def run(self) -> RunContext:
        """The same for `current_run()`."""
        run = self.task_run
        return RunContext(run.namespace, run.name, run.id, run.run_count, run.task_name)


@dataclass(frozen=True, slots=True)
class FlowRunContext:
    """Inside a flow, and not inside one of its tasks: the `ferryman.Flow`, its run, and its arguments.

    From `get_run_context()`; the arguments are by name, defaults included.
    """

    flow: Any
    flow_run: FlowRun
    parameters: Mapping[str, Any]

    @classmethod
    def get(cls) -> FlowRunContext | None:
        """That of the innermost flow around this code, also within its tasks in this process, or None."""
        return next((one for one in contexts() if isinstance(one, cls)), None)

    @property
    def run(self) -> RunContext:
        """The same for `current_run()`."""
        run = self.flow_run
        return RunContext(run.namespace, run.name, run.id, run.run_count, run.flow_name)


Context = RunContext | TaskRunContext | FlowRunContext


@dataclass(frozen=True, eq=False)
class _Entry:
    """A context that is entered, in the one around it."""

    context: Context
    outer: _Entry | None


_own: ContextVar[_Entry | None] = ContextVar("ferryman_run", default=None)
_open: Final[dict[_Entry, bool]] = {}
"""Those of all threads, in the order in which they were entered, and whether they are everywhere."""
_lock: Final = threading.Lock()


@contextmanager
def entered(context: Context, *, everywhere: bool = False) -> Iterator[None]:
    """Make `context` the innermost one within the block. For those who execute runs, and for tests.

    With `everywhere` it is also that of threads which have none of their own.
    """
    entry = _Entry(context, _own.get() or _everywhere())
    before = _own.set(entry)
    with _lock:
        _open[entry] = everywhere
    try:
        yield
    finally:
        with _lock:
            del _open[entry]
        _own.reset(before)


def contexts() -> Iterator[Context]:
    """The contexts around this code, innermost first."""
    entry = _innermost()
    while entry is not None:
        yield entry.context
        entry = entry.outer


def current_run() -> RunContext:
    """The run of the function that is being executed, in a pod or here: its name, UID and attempt.

    Threads that the function starts have it, too. Raises MissingContextError outside of a run.
    """
    for context in contexts():
        if isinstance(context, RunContext):
            return context
        return context.run
    raise MissingContextError("there is no task run here: this code was not called as a task")


def pod_run() -> RunContext | None:
    """The run that this pod is for, also within tasks that are called in it; None outside of a pod."""
    runs = (one if isinstance(one, RunContext) else one.run for one in contexts())
    return next((run for run in runs if run.namespace), None)


def get_run_context() -> TaskRunContext | FlowRunContext:
    """The context of the task, or else of the flow, that this code is in: what it is, its run, its arguments.

    Of a task in a flow it is the task's. Raises MissingContextError outside of a run.
    """
    for context in contexts():
        if not isinstance(context, RunContext):
            return context
    raise MissingContextError("there is no run of a task or a flow here")


def flow_run_id() -> str | None:
    """The ID of the flow run that this code is in, also within its tasks, and theirs in pods."""
    for context in contexts():
        if isinstance(context, FlowRunContext):
            return context.flow_run.id
        if isinstance(context, TaskRunContext) and context.task_run.flow_run_id is not None:
            return context.task_run.flow_run_id
    return None


def _innermost() -> _Entry | None:
    return _own.get() or _everywhere() or _only_one()


def _everywhere() -> _Entry | None:
    with _lock:
        return next((entry for entry, everywhere in reversed(_open.items()) if everywhere), None)


def _only_one() -> _Entry | None:
    with _lock:
        around = {entry.outer for entry in _open}
        leaves = [entry for entry in _open if entry not in around]
    return leaves[0] if len(leaves) == 1 else None
