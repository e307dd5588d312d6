"""The options of a task as its attributes, under Prefect's names: `my_task.timeout_seconds`."""

from __future__ import annotations

from typing import Any, Generic, TypeVar, overload

from ferryman.delays import Delays
from ferryman.options import TaskOptions

T = TypeVar("T")


class Option(Generic[T]):
    """An attribute that is the option of its own name, or of another."""

    def __init__(self, name: str = "") -> None:
        self._name = name

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = self._name or name

    @overload
    def __get__(self, task: None, owner: type) -> Option[T]: ...
    @overload
    def __get__(self, task: Attributes, owner: type) -> T: ...
    def __get__(self, task: Attributes | None, owner: type) -> Option[T] | T:
        if task is None:
            return self
        found: T = getattr(task.options, self._name)
        return found

    def __set__(self, task: Attributes, value: object) -> None:
        raise AttributeError(f"{self._name} is changed with `with_options`, which makes another task")


class Attributes:
    """What has been said about a task; `TaskOptions` explains each."""

    options: TaskOptions

    name = Option[str]()
    description = Option[str]()
    tags = Option[frozenset[str]]()
    version = Option[str]()
    cache_policy = Option[Any]()
    cache_key_fn = Option[Any]()
    cache_expiration = Option[Any]()
    task_run_name = Option[Any]()
    retries = Option[int]()
    retry_delay_seconds = Option[Delays]()
    retry_jitter_factor = Option[float | None]()
    retry_condition_fn = Option[Any]()
    persist_result = Option[bool | None]()
    result_storage = Option[Any]()
    result_storage_key = Option[str | None]()
    result_serializer = Option[Any]()
    cache_result_in_memory = Option[bool]()
    timeout_seconds = Option[Any]()
    log_prints = Option[bool | None]()
    refresh_cache = Option[bool | None]()
    viz_return_value = Option[Any]()
    on_completion_hooks = Option[tuple[Any, ...]]("on_completion")
    on_failure_hooks = Option[tuple[Any, ...]]("on_failure")
    on_commit_hooks = Option[tuple[Any, ...]]("on_commit")
    on_rollback_hooks = Option[tuple[Any, ...]]("on_rollback")
