"""Ferryman runs Python functions as Kubernetes Jobs.

    from ferryman import task

    @task(retries=3)
    def add(x: int, y: int) -> int:
        return x + y

    add(1, 2)                     # here
    add.submit(1, 2).result()     # in a pod
    add.map(range(10), 1)         # in ten pods

Names are loaded when they are first used, so that a module with tasks is quick to import.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from ferryman.version import VERSION

if TYPE_CHECKING:
    from ferryman.annotations import allow_failure, quote, unmapped
    from ferryman.caching.input_hash import task_input_hash
    from ferryman.client import Client, connect, get_run, list_runs
    from ferryman.context import (
        FlowRunContext,
        RunContext,
        TaskRun,
        TaskRunContext,
        current_run,
        get_run_context,
    )
    from ferryman.delays import exponential_backoff
    from ferryman.exceptions import FerrymanError
    from ferryman.flows import Flow, flow
    from ferryman.futures import TaskFuture
    from ferryman.gathering import TaskFutureList, as_completed, wait
    from ferryman.pods import Pod
    from ferryman.run_logger import get_run_logger
    from ferryman.runs import Run
    from ferryman.states import State
    from ferryman.tagging import tags
    from ferryman.tasks import Task, serve, task
    from ferryman.transactions import get_transaction, transaction

__version__ = VERSION

_HOMES: Final = {
    "Client": "client",
    "FerrymanError": "exceptions",
    "Flow": "flows",
    "FlowRunContext": "context",
    "Pod": "pods",
    "Run": "runs",
    "RunContext": "context",
    "State": "states",
    "Task": "tasks",
    "TaskFuture": "futures",
    "TaskFutureList": "gathering",
    "TaskRun": "context",
    "TaskRunContext": "context",
    "allow_failure": "annotations",
    "as_completed": "gathering",
    "connect": "client",
    "current_run": "context",
    "exponential_backoff": "delays",
    "flow": "flows",
    "get_run": "client",
    "get_run_context": "context",
    "get_run_logger": "run_logger",
    "get_transaction": "transactions",
    "list_runs": "client",
    "quote": "annotations",
    "tags": "tagging",
    "serve": "tasks",
    "task": "tasks",
    "task_input_hash": "caching.input_hash",
    "transaction": "transactions",
    "unmapped": "annotations",
    "wait": "gathering",
}

__all__ = [
    "Client",
    "FerrymanError",
    "Flow",
    "FlowRunContext",
    "Pod",
    "Run",
    "RunContext",
    "State",
    "Task",
    "TaskFuture",
    "TaskFutureList",
    "TaskRun",
    "TaskRunContext",
    "__version__",
    "allow_failure",
    "as_completed",
    "connect",
    "current_run",
    "exponential_backoff",
    "flow",
    "get_run",
    "get_run_context",
    "get_run_logger",
    "get_transaction",
    "list_runs",
    "quote",
    "serve",
    "tags",
    "task",
    "task_input_hash",
    "transaction",
    "unmapped",
    "wait",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'ferryman' has no attribute {name!r}")
    value = getattr(import_module(f"ferryman.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
