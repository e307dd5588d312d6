"""The ways to call a task: here, or in pods."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Coroutine, Iterable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, Generic, Literal, ParamSpec, TypeVar, cast, overload

from ferryman import drawing
from ferryman.annotations import unmapped
from ferryman.binding import Call, by_name
from ferryman.context import TaskRun
from ferryman.exceptions import VisualizationError
from ferryman.kinds import Kind
from ferryman.options import TaskOptions
from ferryman.tagging import current_tags

if TYPE_CHECKING:
    import inspect

    from ferryman.client import Client
    from ferryman.engine.life import RunnableTask
    from ferryman.futures import TaskFuture
    from ferryman.gathering import Futures, TaskFutureList
    from ferryman.states import State
    from ferryman.submission import Definition

P = ParamSpec("P")
R_co = TypeVar("R_co", covariant=True)
T = TypeVar("T")


class Calls(ABC, Generic[P, R_co]):
    """What `ferryman.Task` can do with a call. `return_state` and `wait_for` are keywords of its own."""

    options: TaskOptions

    @abstractmethod
    def bind(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Call: ...

    @property
    @abstractmethod
    def signature(self) -> inspect.Signature: ...

    @property
    @abstractmethod
    def kind(self) -> Kind: ...

    @property
    @abstractmethod
    def task_key(self) -> str: ...

    @abstractmethod
    def _instance_of_a_method(self) -> tuple[Any, ...]: ...

    @abstractmethod
    def _definition(self) -> Definition: ...

    # ---- here

    @overload
    def __call__(
        self: Calls[P, Coroutine[Any, Any, T]],
        *args: Any,
        return_state: Literal[True],
        wait_for: Any = None,
        **kwargs: Any,
    ) -> Coroutine[Any, Any, State]: ...
    @overload
    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co: ...
    @overload
    def __call__(
        self, *args: Any, return_state: Literal[True], wait_for: Any = None, **kwargs: Any
    ) -> State: ...
    @overload
    def __call__(self, *args: Any, wait_for: Any, **kwargs: Any) -> R_co: ...
    @overload
    def __call__(self, a: Futures, /, *args: Any, **kwargs: Any) -> R_co: ...
    @overload
    def __call__(self, a: Any, b: Futures, /, *args: Any, **kwargs: Any) -> R_co: ...
    def __call__(self, *args: Any, return_state: Any = False, wait_for: Any = None, **kwargs: Any) -> Any:
        """Run the function here and now, with its retries, timeout, hooks and caching.

        A future among the arguments or in `wait_for` is waited for. Returns what the function
        returns, or raises what it raises in its last attempt; with `return_state` returns the
        final `State`. Of a coroutine function it returns a coroutine, of a generator function a
        generator. Raises ParameterBindError for a call that does not fit, UpstreamTaskError
        where an upstream has not completed.
        """
        call = self.bind(args, kwargs)
        if (sketch := drawing.current()) is not None:
            waits = (call.parameters, wait_for)
            drawn = sketch.call(self.options.name, waits, self.options.viz_return_value)
            return _awaitable(drawn) if self.kind.is_async else drawn
        # Deferred: a pod, which calls the function itself, does without it.
        from ferryman.engine.calling import called  # noqa: PLC0415
        from ferryman.engine.life import Invocation  # noqa: PLC0415

        invocation = Invocation(cast("RunnableTask", self), call, wait_for, caches=not self.kind.is_generator)
        return called(invocation, return_state=return_state)

    # ---- in pods

    # The two do not overlap: no function of a task has a parameter named return_state.
    @overload
    def submit(  # type: ignore[overload-overlap]
        self: Calls[P, Coroutine[Any, Any, T]], *args: P.args, **kwargs: P.kwargs
    ) -> TaskFuture[T]: ...
    @overload
    def submit(self, *args: P.args, **kwargs: P.kwargs) -> TaskFuture[R_co]: ...
    @overload
    def submit(
        self, *args: Any, return_state: Literal[True], wait_for: Any = None, **kwargs: Any
    ) -> State: ...
    @overload
    def submit(
        self: Calls[P, Coroutine[Any, Any, T]], *args: Any, wait_for: Any, **kwargs: Any
    ) -> TaskFuture[T]: ...
    @overload
    def submit(
        self: Calls[P, Coroutine[Any, Any, T]], a: Futures, /, *args: Any, **kwargs: Any
    ) -> TaskFuture[T]: ...
    @overload
    def submit(self, *args: Any, wait_for: Any, **kwargs: Any) -> TaskFuture[R_co]: ...
    @overload
    def submit(self, a: Futures, /, *args: Any, **kwargs: Any) -> TaskFuture[R_co]: ...
    @overload
    def submit(self, a: Any, b: Futures, /, *args: Any, **kwargs: Any) -> TaskFuture[R_co]: ...
    @overload
    def submit(self, a: Any, b: Any, c: Futures, /, *args: Any, **kwargs: Any) -> TaskFuture[R_co]: ...
    def submit(self, *args: Any, return_state: Any = False, wait_for: Any = None, **kwargs: Any) -> Any:
        """Run the function in a pod; returns at once, with the future of the run.

        Futures among the arguments, at any depth, are waited for in the cluster, and their
        values put in their place. `wait_for`: a future or a collection of them that have to
        complete first. With `return_state` waits, and returns the final `State`. Raises
        ParameterBindError, SerializationError, ConfigurationError, InvalidTaskRun, StoreError
        or ClusterError; nothing runs then.
        """
        call = self.bind(args, kwargs)
        if (drawn := self._drawn(call, wait_for)) is not None:
            return drawn
        future = _client().submit(self._definition(), call, wait_for=wait_for)
        return future.final_state() if return_state else future

    @overload
    def map(
        self,
        *args: Any,
        return_state: Literal[True],
        wait_for: Any = None,
        deferred: bool = False,
        **kwargs: Any,
    ) -> list[State]: ...
    @overload
    def map(
        self: Calls[P, Coroutine[Any, Any, T]],
        *args: Any,
        wait_for: Any = None,
        deferred: bool = False,
        **kwargs: Any,
    ) -> TaskFutureList[T]: ...
    @overload
    def map(
        self, *args: Any, wait_for: Any = None, deferred: bool = False, **kwargs: Any
    ) -> TaskFutureList[R_co]: ...
    def map(
        self,
        *args: Any,
        return_state: Any = False,
        wait_for: Any = None,
        deferred: bool = False,
        **kwargs: Any,
    ) -> Any:
        """One run for each element of the iterable arguments, taken together as `zip` does.

        Strings, bytes, files, `unmapped(...)` and what is not iterable go to every run; so do
        defaults. A future stands for its elements and is waited for here. With `return_state`
        waits for all, and returns the list of their final states; `deferred`: for workers that
        serve the task, as `delay` does, instead of a pod each. Raises
        MappingMissingIterable, MappingLengthMismatch, and what `submit` does, before anything
        runs.
        """
        if (sketch := drawing.current()) is not None:
            columns = (*args, *kwargs.values())
            return sketch.map(self.options.name, columns, wait_for, self.options.viz_return_value)
        # Deferred, as the rest of what submits.
        from ferryman import mapping  # noqa: PLC0415

        instance = tuple(unmapped(one) for one in self._instance_of_a_method())
        calls = mapping.calls(self.signature, self.options.name, (*instance, *args), kwargs)
        futures = _client().map(self._definition(), calls, wait_for=wait_for, served=deferred)
        return [future.final_state() for future in futures] if return_state else futures

    def create_run(self, parameters: Mapping[str, Any] | None = None, *, wait_for: Any = None) -> TaskRun:
        """Create a run from its arguments by name, and return who it is: nothing here waits for it.

        For another process, or for nobody: `ferryman.get_run(run.name)` has its future. The task
        of a method has its instance already. Raises what `submit` does.
        """
        instance = self._instance_of_a_method()
        args, kwargs = by_name(self.signature, parameters or {}, skip=len(instance))
        if drawing.current() is not None:
            raise VisualizationError("create_run() gives no value, so there is nothing to draw; use submit()")
        future = _client().submit(self._definition(), self.bind(args, kwargs), wait_for=wait_for)
        return TaskRun(
            id=future.task_run_id,
            name=future.name,
            task_name=self.options.name,
            task_key=self.task_key,
            run_count=0,
            tags=self.options.tags | current_tags(),
            namespace=future.namespace,
        )

    # ---- by workers

    @overload
    def delay(self: Calls[P, Coroutine[Any, Any, T]], *args: P.args, **kwargs: P.kwargs) -> TaskFuture[T]: ...
    @overload
    def delay(self, *args: P.args, **kwargs: P.kwargs) -> TaskFuture[R_co]: ...
    def delay(self, *args: Any, **kwargs: Any) -> TaskFuture[Any]:
        """Leave the call to a worker that serves the task; returns at once, with the future of the run.

        Every argument is the function's. Nobody needs to serve it yet: the run waits. Raises
        NotServable for a task that workers cannot find by its name, and what `submit` does.
        """
        return self.apply_async(args, kwargs)

    @overload
    def apply_async(
        self: Calls[P, Coroutine[Any, Any, T]],
        args: Iterable[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        wait_for: Any = None,
        dependencies: Mapping[str, Any] | None = None,
    ) -> TaskFuture[T]: ...
    @overload
    def apply_async(
        self,
        args: Iterable[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        wait_for: Any = None,
        dependencies: Mapping[str, Any] | None = None,
    ) -> TaskFuture[R_co]: ...
    def apply_async(
        self,
        args: Iterable[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        wait_for: Any = None,
        dependencies: Mapping[str, Any] | None = None,
    ) -> TaskFuture[Any]:
        """As `delay`, with `wait_for` as in `submit`; the futures in `dependencies` are waited for, too."""
        call = self.bind(tuple(args or ()), kwargs or {})
        waits = [wait_for, dependencies or {}]
        if (drawn := self._drawn(call, waits)) is not None:
            return cast("TaskFuture[Any]", drawn)
        return _client().submit(self._definition(), call, wait_for=waits, served=True)

    def serve(self) -> None:
        """Execute what is delayed, in this process, until SIGTERM or Ctrl-C. As `ferryman.serve(task)`."""
        # By its name, and now: a worker is made of the runner, which is made of tasks.
        import_module("ferryman.worker").serve(self)

    def _drawn(self, call: Call, waits: Any) -> Any:
        """What stands for the future where calls are drawn and not made; else None."""
        sketch = drawing.current()
        if sketch is None:
            return None
        return sketch.submit(self.options.name, (call.parameters, waits), self.options.viz_return_value)


def _client() -> Client:
    # Deferred: a module with tasks is imported more often than it submits.
    from ferryman import client  # noqa: PLC0415

    return client.current()


async def _awaitable(value: Any) -> Any:
    return value
