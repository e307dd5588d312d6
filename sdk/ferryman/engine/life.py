"""The life of a run in this process: what happens, and in which order.

It does nothing itself. It yields what is to be done and is told what came of it, so that functions,
coroutines and generators share one order of events; `sync` and its neighbours carry it out.

    Pending -> Running -> Completed | Cached | Failed | TimedOut | Crashed
                 |  ^
                 v  | Retrying
            AwaitingRetry
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from typing import Any, Protocol

from ferryman import conditions, context, delays, hooks, naming, options, states
from ferryman.api import jitter
from ferryman.binding import Call
from ferryman.context import Context, TaskRun, TaskRunContext
from ferryman.engine import outcomes
from ferryman.engine.boundary import Boundary, BoundaryOf, boundary_of
from ferryman.engine.steps import Ask, Block, Ended, Execute, Sleep, Step, Steps
from ferryman.exceptions import UpstreamTaskError
from ferryman.kinds import Kind
from ferryman.nesting import futures_in, is_settled
from ferryman.options import TaskOptions
from ferryman.resolution import resolved
from ferryman.states import State
from ferryman.tagging import current_tags
from ferryman.transaction_tree import Kept

_log = logging.getLogger("ferryman.task_runs")


class RunnableTask(Protocol):
    """A `ferryman.Task`, as far as running it is concerned."""

    @property
    def body(self) -> Callable[..., Any]:
        """What a run calls."""
        ...

    @property
    def is_flow(self) -> bool: ...

    @property
    def options(self) -> TaskOptions: ...

    @property
    def kind(self) -> Kind: ...

    @property
    def task_key(self) -> str: ...

    def context_of(self, run: TaskRun, parameters: Mapping[str, Any]) -> Context:
        """What `get_run_context()` gives to the function in this run."""
        ...


@dataclass(frozen=True)
class Invocation:
    """A call of a task in this process. `wait_for`: what has to complete first."""

    task: RunnableTask
    call: Call
    wait_for: Any = None
    caches: bool = True
    """Whether its result can be kept: a generator's cannot."""


class Life:
    """One run. `states` are those that it has been in."""

    def __init__(
        self,
        invocation: Invocation,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        boundary_of: BoundaryOf = boundary_of,
    ) -> None:
        self._invocation = invocation
        self._task = invocation.task
        self._options = invocation.task.options
        self._call = invocation.call
        self._now = now
        self._boundary_of = boundary_of
        self._run = _new_run(invocation.task)
        self._here: Context = self._context(0)
        self.states: list[State] = []

    def steps(self) -> Steps:
        """Everything there is to do, in order. What is no `Exception` ends it as Crashed and passes."""
        self._enter(self._state("Pending"))
        try:
            ended = yield from self._until_it_has_ended()
        except BaseException as crash:
            self._enter(self._state("Crashed", f"the run was ended by {type(crash).__name__}", crash))
            crash.__traceback__ = outcomes.of_the_user(crash.__traceback__)
            raise
        self._enter(ended.state)
        yield from self._hooks(ended.state)
        return ended

    def _until_it_has_ended(self) -> Steps:
        try:
            yield from self._resolve()
        except UpstreamTaskError as error:
            return Ended(self._state("UpstreamFailed", str(error), error), error=error)
        try:
            with context.entered(self._context(0)):
                name = naming.rendered(self._options.task_run_name, self._call.parameters)
        except Exception as error:  # noqa: BLE001 - whatever the user's template or function raises.
            return outcomes.of_error(error, self._now())
        self._run = replace(self._run, name=name or self._run.name)
        for number in count(1):
            self._here = self._context(number)
            self._enter(self._state("Running" if number == 1 else "Retrying"))
            ended, delay = yield from self._attempt(number)
            if delay is None:
                break
            yield from self._wait(number, ended.state, delay)
        return ended

    def _resolve(self) -> Generator[Step, Any, None]:
        call, waits = self._call, self._invocation.wait_for
        if is_settled((call.args, dict(call.kwargs), waits)):
            return
        given = (call.args, dict(call.kwargs), dict(call.parameters), waits)
        work = partial(resolved, given)
        waiting = next(futures_in(given), None) is not None
        args, kwargs, parameters, _ = (yield Block(self._here, work)) if waiting else work()
        self._call = Call(args, kwargs, parameters)

    # ---- attempts

    def _attempt(self, number: int) -> Generator[Step, Any, tuple[Ended, float | None]]:
        """How the attempt ended, and how many seconds to wait for the next; None if there is none."""
        boundary = self._boundary_of(
            TaskRunContext(self._task, self._run, self._call.parameters), caches=self._invocation.caches
        )
        try:
            ended = yield from self._executed(boundary)
            delay = yield from self._delay(number, ended)
        except GeneratorExit:
            raise
        except BaseException as crash:
            yield from self._fail(boundary, crash, final=True)
            raise
        if not ended.state.is_completed():
            error = ended.state.result(raise_on_failure=False)
            yield from self._fail(boundary, error, final=delay is None)
        return ended, delay

    def _executed(self, boundary: Boundary | None) -> Steps:
        here, call = self._here, self._call
        timeout = options.in_seconds(self._options.timeout_seconds)
        try:
            kept = (yield Block(here, boundary.begin)) if boundary is not None else None
            if isinstance(kept, Kept):
                return Ended(self._state("Cached", data=kept.value), kept.value)
            value = yield Execute(here, self._task.body, call, timeout, boundary)
        except Exception as error:  # noqa: BLE001 - the function's own failure, of whatever class.
            return outcomes.of_error(error, self._now())
        ended = outcomes.of_value(value, self._now(), of_flow=self._task.is_flow)
        if boundary is not None and ended.state.is_completed():
            try:
                yield Ask(here, partial(boundary.complete, ended.value))
            except Exception as error:  # noqa: BLE001 - whatever kept the result from being stored.
                return replace(outcomes.of_error(error, self._now()), may_retry=False)
        return ended

    def _delay(self, number: int, ended: Ended) -> Generator[Step, Any, float | None]:
        if not ended.state.is_failed() or not ended.may_retry or number > self._options.retries:
            return None
        try:
            wanted = yield Ask(self._here, partial(conditions.asked, self._task, self._run, ended.state))
        except Exception:  # noqa: BLE001 - whatever the user's condition raises.
            _log.exception("run %s: its retry condition raised; it is not tried again", self._run.name)
            return None
        if not wanted:
            return None
        mean = timedelta(seconds=delays.before_retry(self._options.delays, number))
        factor = self._options.retry_jitter_factor or 0.0
        return jitter.spread(mean, factor, uid=self._run.id, attempt=number + 1).total_seconds()

    def _wait(self, number: int, state: State, delay: float) -> Generator[Step, Any, None]:
        told = f"attempt {number} of {self._options.retries + 1}: {state.message}; the next follows"
        told += f" in {delay:.3g} s" if delay else " at once"
        _log.warning("run %s: %s", self._run.name, told)
        if delay:
            self._enter(self._state("AwaitingRetry", told))
            yield Sleep(delay)

    def _fail(
        self, boundary: Boundary | None, error: BaseException, *, final: bool
    ) -> Generator[Step, Any, None]:
        if boundary is not None:
            yield Ask(self._here, partial(boundary.fail, error, final=final))

    # ---- around them

    def _hooks(self, state: State) -> Generator[Step, Any, None]:
        for hook in hooks.of(self._task, state):
            try:
                yield Ask(self._here, partial(hook, self._task, self._run, state))
            except Exception:  # noqa: BLE001 - whatever a hook raises.
                _log.exception("run %s: a hook raised", self._run.name)

    def _context(self, number: int) -> Context:
        self._run = replace(self._run, run_count=number, start_time=self._now() if number else None)
        return self._task.context_of(self._run, self._call.parameters)

    def _state(self, name: str, message: str = "", data: Any = None) -> State:
        return states.state(name, message, data=data, timestamp=self._now())

    def _enter(self, state: State) -> None:
        self.states.append(state)
        _log.debug("run %s: %s", self._run.name, state)


def _new_run(task: RunnableTask) -> TaskRun:
    flow, name, id_ = context.flow_run_id(), task.options.name, str(uuid.uuid4())
    return TaskRun(
        id=id_,
        # A flow calls one task several times.
        name=name if flow is None else f"{name}-{id_[:3]}",
        task_name=task.options.name,
        task_key=task.task_key,
        tags=task.options.tags | current_tags(),
        flow_run_id=flow,
    )
