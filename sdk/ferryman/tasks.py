"""`@task`: a Python function that can be called here, or submitted to run in a pod."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine, Mapping
from functools import update_wrapper
from typing import TYPE_CHECKING, Any, Final, Generic, ParamSpec, TypeVar, Unpack, cast, overload

from ferryman import drawing, mapping, naming, options
from ferryman.annotations import unmapped
from ferryman.binding import Call, bind, signature_of
from ferryman.options import TaskKeywords, TaskOptions

if TYPE_CHECKING:
    from ferryman.client import Client
    from ferryman.futures import TaskFuture, TaskFutureList
    from ferryman.submission import Definition

    Future = TaskFuture[Any] | TaskFutureList[Any]
    """What the type of `submit` takes in place of any positional argument, or in a list.

    `future.as_argument()` goes anywhere, nested or by keyword, and keeps the type of the value.
    """

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)
T = TypeVar("T")

H = TypeVar("H", bound=Callable[..., Any])

_OWN: Final = ("name", "description")
"""Options that a function has of its own, where they are not given."""


class Task(Generic[P, R_co]):
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
            raise TypeError("'fn' must be callable")
        update_wrapper(cast("Any", self), fn)
        self.fn = fn
        self.options = TaskOptions(naming.task_name(fn), inspect.getdoc(fn) or "")
        self._instance: tuple[Any, ...] = ()
        self._signature: inspect.Signature | None = signature_of(fn)
        self._key: str | None = None
        if keywords:
            self.options = self.with_options(**keywords).options

    # ---- calls

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co:
        """Call the function here and now. A future among the arguments is waited for.

        Raises ParameterBindError for a call that does not fit.
        """
        # Deferred: a pod, which calls the function itself, does without it.
        from ferryman.resolution import resolved  # noqa: PLC0415

        call = self.bind(args, kwargs)
        if (sketch := drawing.current()) is not None:
            drawn = sketch.call(self.name, call.parameters, self.options.viz_return_value)
            return cast("R_co", _awaitable(drawn) if self.isasync else drawn)
        return self.fn(*resolved(call.args), **resolved(dict(call.kwargs)))

    @overload
    def submit(self: Task[P, Coroutine[Any, Any, T]], *args: P.args, **kwargs: P.kwargs) -> TaskFuture[T]: ...
    @overload
    def submit(
        self: Task[P, Coroutine[Any, Any, T]], *args: Any, wait_for: Any, **kwargs: Any
    ) -> TaskFuture[T]: ...
    @overload
    def submit(
        self: Task[P, Coroutine[Any, Any, T]],
        a: Future | list[TaskFuture[Any]],
        /,
        *args: Any,
        **kwargs: Any,
    ) -> TaskFuture[T]: ...
    @overload
    def submit(self, *args: P.args, **kwargs: P.kwargs) -> TaskFuture[R_co]: ...
    @overload
    def submit(self, *args: Any, wait_for: Any, **kwargs: Any) -> TaskFuture[R_co]: ...
    @overload
    def submit(self, a: Future | list[TaskFuture[Any]], /, *args: Any, **kwargs: Any) -> TaskFuture[R_co]: ...
    @overload
    def submit(
        self, a: Any, b: Future | list[TaskFuture[Any]], /, *args: Any, **kwargs: Any
    ) -> TaskFuture[R_co]: ...
    @overload
    def submit(
        self, a: Any, b: Any, c: Future | list[TaskFuture[Any]], /, *args: Any, **kwargs: Any
    ) -> TaskFuture[R_co]: ...
    def submit(self, *args: Any, wait_for: Any = None, **kwargs: Any) -> TaskFuture[Any]:
        """Run the function in a pod; returns at once, with the future of the run.

        Futures among the arguments, at any depth, are waited for in the cluster, and their
        values put in their place. `wait_for`: a future or a collection of them that have to
        complete first. Raises ParameterBindError, SerializationError, ConfigurationError,
        InvalidTaskRun, StoreError or ClusterError; nothing runs then.
        """
        call = self.bind(args, kwargs)
        if (sketch := drawing.current()) is not None:
            waits = (call.parameters, wait_for)
            return cast("TaskFuture[Any]", sketch.submit(self.name, waits, self.options.viz_return_value))
        return self._client().submit(self._definition(), call, wait_for=wait_for)

    @overload
    def map(
        self: Task[P, Coroutine[Any, Any, T]], *args: Any, wait_for: Any = None, **kwargs: Any
    ) -> TaskFutureList[T]: ...
    @overload
    def map(self, *args: Any, wait_for: Any = None, **kwargs: Any) -> TaskFutureList[R_co]: ...
    def map(self, *args: Any, wait_for: Any = None, **kwargs: Any) -> TaskFutureList[Any]:
        """One run for each element of the iterable arguments, taken together as `zip` does.

        Strings, bytes, `unmapped(...)` and what is not iterable go to every run. Raises
        MappingMissingIterable, MappingLengthMismatch, and what `submit` does, before anything runs.
        """
        if (sketch := drawing.current()) is not None:
            columns = (*args, *kwargs.values())
            drawn = sketch.map(self.name, columns, wait_for, self.options.viz_return_value)
            return cast("TaskFutureList[Any]", drawn)
        signature = self._known_signature()
        calls = mapping.calls(signature, self.options.name, (*self._as_constants(), *args), kwargs)
        return self._client().map(self._definition(), calls, wait_for=wait_for)

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
        return self._variant(options.evolve(self.options, given | restored))

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
    def name(self) -> str:
        return self.options.name

    @property
    def description(self) -> str:
        return self.options.description

    @property
    def tags(self) -> frozenset[str]:
        return self.options.tags

    @property
    def version(self) -> str:
        return self.options.version

    @property
    def retries(self) -> int:
        return self.options.retries

    @property
    def isasync(self) -> bool:
        """Whether calling it returns a coroutine or an async generator."""
        return inspect.iscoroutinefunction(self.fn) or inspect.isasyncgenfunction(self.fn)

    @property
    def isgenerator(self) -> bool:
        """Whether calling it returns a generator, async or not."""
        return inspect.isgeneratorfunction(self.fn) or inspect.isasyncgenfunction(self.fn)

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
        return bind(self._known_signature(), self.options.name, (*self._instance, *args), kwargs)

    def carrying(self, function: Callable[..., Any]) -> Task[P, R_co]:
        """For a code blob: the task with `function`, which wraps its own, and without an instance."""
        made = self._variant(self.options)
        made.__dict__ |= {"fn": function, "__wrapped__": function, "_instance": (), "_key": self.task_key}
        return made

    def _add_hook(self, name: str, fn: H) -> H:
        self.options = options.evolve(self.options, {name: (*getattr(self.options, name), fn)})
        return fn

    def _as_constants(self) -> tuple[Any, ...]:
        return tuple(unmapped(one) for one in self._instance)

    def _known_signature(self) -> inspect.Signature:
        if self._signature is None:
            self._signature = signature_of(self.fn)
        return self._signature

    def _client(self) -> Client:
        # Deferred, as in _definition: a module with tasks is imported more often than it submits.
        from ferryman import client  # noqa: PLC0415

        return client.current()

    def _definition(self) -> Definition:
        from ferryman.submission import Definition  # noqa: PLC0415

        return Definition(self, self.options, self.task_key)

    def _variant(self, chosen: TaskOptions) -> Task[P, R_co]:
        made = object.__new__(type(self))
        made.__dict__ |= {**self.__dict__, "options": chosen}
        return made


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


async def _awaitable(value: T) -> T:
    return value
