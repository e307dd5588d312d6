"""`@task`: a Python function that can be called here, or submitted to run in a pod."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import update_wrapper
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar, Final, ParamSpec, TypeVar, Unpack, cast, overload

from ferryman import naming, options
from ferryman.attributes import Attributes
from ferryman.binding import Call, bind, signature_of
from ferryman.caching.input_hash import task_input_hash
from ferryman.calls import Calls
from ferryman.context import Context, TaskRun, TaskRunContext
from ferryman.delays import exponential_backoff
from ferryman.kinds import Kind, kind_of
from ferryman.options import TaskKeywords, TaskOptions
from ferryman.tagging import current_tags

if TYPE_CHECKING:
    from ferryman.submission import Definition

__all__ = ["Task", "exponential_backoff", "task", "task_input_hash"]

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)
H = TypeVar("H", bound=Callable[..., Any])

_WEIGHED: Final = ("cache_policy", "cache_key_fn", "persist_result")
"""Options that may contradict each other."""

_OWN: Final = ("name", "description")
"""Options that a function has of its own, where they are not given."""


class Task(Attributes, Calls[P, R_co]):
    """A function and how to run it. Call it to run it here; `submit` and `map` run it in pods.

    Made with `@task`. `with_options` makes another task; only the decorators for hooks, such as
    `@my_task.on_failure`, change a task itself.
    """

    __name__: str

    def __init__(self, fn: Callable[P, R_co], **keywords: Unpack[TaskKeywords]) -> None:
        if isinstance(fn, classmethod | staticmethod):
            kind = type(fn).__name__
            raise TypeError(f"@task goes under @{kind}, not on top of it")
        if not callable(fn):
            raise TypeError(f"'fn' must be callable, not {fn!r}")
        update_wrapper(cast("Any", self), fn)
        self.fn = fn
        self.options = TaskOptions(naming.task_name(fn), inspect.getdoc(fn) or "")
        self._kind = kind_of(fn)
        self._instance: tuple[Any, ...] = ()
        self._signature: inspect.Signature | None = signature_of(fn)
        self._key: str | None = None
        if keywords:
            self.options = self.with_options(**keywords).options

    # ---- variants

    def with_options(self, **keywords: Unpack[TaskKeywords]) -> Task[P, R_co]:
        """The same function with other options: what is omitted is kept, what is given counts, None clears.

        Cleared, `name` and `description` are the function's again.
        """
        own: dict[str, Any] = {
            "name": naming.task_name(self.fn),
            "description": inspect.getdoc(self.fn) or "",
        }
        given: dict[str, Any] = {**keywords}
        restored = {name: own[name] for name in _OWN if name in given and not given[name]}
        made = self._variant(options.evolve(self.options, given | restored))
        if not given.keys().isdisjoint(_WEIGHED):
            _warn_of_contradiction(made.options)
        return made

    def on_completion(self, fn: H) -> H:
        """Decorator: call `fn(task, task_run, state)` once for each run that has completed, after others."""
        return self._add_hook("on_completion", fn)

    def on_failure(self, fn: H) -> H:
        """Decorator: call `fn(task, task_run, state)` once for each run that has failed for good."""
        return self._add_hook("on_failure", fn)

    def on_commit(self, fn: H) -> H:
        """Decorator: call `fn(transaction)` when the result is committed."""
        return self._add_hook("on_commit", fn)

    def on_rollback(self, fn: H) -> H:
        """Decorator: call `fn(transaction)` when what follows the task in its transaction has failed."""
        return self._add_hook("on_rollback", fn)

    def __get__(self, instance: Any, owner: type | None = None) -> Task[..., R_co]:
        """The task as a method: bound to the instance, on a copy."""
        if instance is None:
            return self
        bound = self._variant(self.options)
        bound._instance = (instance,)  # noqa: SLF001 - of this class
        return bound

    # ---- what it is

    @property
    def kind(self) -> Kind:
        """What calling the function gives."""
        return self._kind

    @property
    def isasync(self) -> bool:
        """Whether calling it returns a coroutine or an async generator."""
        return self._kind.is_async

    @property
    def isgenerator(self) -> bool:
        """Whether calling it returns a generator, async or not."""
        return self._kind.is_generator

    @property
    def body(self) -> Callable[..., Any]:
        """What a run calls: the function, and what belongs to it."""
        return self.fn

    @property
    def signature(self) -> inspect.Signature:
        """The function's; of a method with `self`."""
        if self._signature is None:
            self._signature = signature_of(self.fn)
        return self._signature

    @property
    def task_key(self) -> str:
        """Module, qualified name and a hash of the source: the same in every process."""
        if self._key is None:
            self._key = naming.task_key(self.fn)
        return self._key

    def __repr__(self) -> str:
        return f"<Task {self.options.name}>"

    def __getstate__(self) -> dict[str, Any]:
        # The key is made from the source, which a pod does not have; a signature can be had there again.
        return {**self.__dict__, "_signature": None, "_key": self.task_key}

    def bind(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Call:
        """The call with these arguments, and the instance of a method. Raises ParameterBindError."""
        return bind(self.signature, self.options.name, (*self._instance, *args), kwargs)

    def carrying(self, function: Callable[..., Any]) -> Task[P, R_co]:
        """For a code blob: the task with `function`, which wraps its own, and without an instance."""
        made = self._variant(self.options)
        made.__dict__ |= {"fn": function, "__wrapped__": function, "_instance": (), "_key": self.task_key}
        return made

    def _add_hook(self, name: str, fn: H) -> H:
        self.options = options.evolve(self.options, {name: (*getattr(self.options, name), fn)})
        return fn

    is_flow: ClassVar[bool] = False

    opens_transaction: ClassVar[bool] = True
    """Whether what its code calls is committed, or rolled back, with it."""

    def context_of(self, run: TaskRun, parameters: Mapping[str, Any]) -> Context:
        """What `get_run_context()` gives to the function in this run."""
        return TaskRunContext(self, run, parameters)

    def _instance_of_a_method(self) -> tuple[Any, ...]:
        return self._instance

    def _definition(self) -> Definition:
        from ferryman.submission import Definition  # noqa: PLC0415

        tagged = self.with_options(tags=self.tags | current_tags()) if current_tags() else self
        return Definition(tagged, tagged.options, self.task_key)

    def _variant(self, chosen: TaskOptions) -> Task[P, R_co]:
        made = object.__new__(type(self))
        made.__dict__ |= {**self.__dict__, "options": chosen}
        return made


def serve(*tasks: Task[..., Any], limit: int | None = 10) -> None:
    """Be a worker: execute the delayed runs of these tasks until SIGTERM or Ctrl-C, `limit` at a time.

    None is no limit. Several workers share the runs. Raises NotServable, ConfigurationError,
    ClusterError or StoreError.
    """
    # By its name, and now: a worker is made of the runner, which is made of tasks.
    import_module("ferryman.worker").serve(*tasks, limit=limit)


@overload
def task(fn: Callable[P, R], /) -> Task[P, R]: ...
@overload
def task(fn: None = None, /, **keywords: Unpack[TaskKeywords]) -> Callable[[Callable[P, R]], Task[P, R]]: ...
def task(fn: Any = None, /, **keywords: Any) -> Any:
    """Make a function a task: `@task`, or `@task(retries=3, ...)`; `TaskOptions` explains the keywords.

    Raises TypeError and ValueError for options that cannot be, ReservedArgumentError for a
    parameter named `wait_for` or `return_state`.
    """
    if fn is None:
        options.evolve(TaskOptions("task"), keywords)
        return lambda function: task(function, **keywords)
    made: Task[Any, Any] = Task(fn, **cast("TaskKeywords", keywords))
    return made


def _warn_of_contradiction(chosen: TaskOptions) -> None:
    # Deferred: few tasks say anything about caching, and fewer contradict themselves.
    from ferryman.caching import effective  # noqa: PLC0415

    told = effective.of_options(chosen).warning
    if told:
        import logging  # noqa: PLC0415

        logging.getLogger("ferryman").warning("task %s: %s", chosen.name, told)
