"""`@flow`: a function that calls and submits tasks, and may itself run in a pod."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Final, ParamSpec, TypeVar, Unpack, cast, overload

from ferryman import options, resolution
from ferryman.caching.policies import NO_CACHE
from ferryman.context import Context, FlowRun, FlowRunContext, TaskRun
from ferryman.drawing import drawn_by
from ferryman.graphs.picture import Picture
from ferryman.kinds import Kind
from ferryman.options import TaskKeywords, TaskOptions
from ferryman.sketch import Sketch
from ferryman.tagging import tags
from ferryman.tasks import Task

if TYPE_CHECKING:
    from ferryman.submission import Definition

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)

_UNSAID: Final[TaskKeywords] = {"cache_policy": NO_CACHE}
"""What a flow does not need to say: it is run for what it does, so its own result is not shared."""


class FlowKeywords(TaskKeywords, total=False):
    """The keywords of `@flow` and `Flow.with_options`: those of `@task`, and Prefect's name of one."""

    flow_run_name: str | Callable[..., str] | None


class Flow(Task[P, R_co]):
    """A task whose code calls other tasks. Everything of a task holds for it, too.

    Called, it runs here: its tasks run here where they are called, and in pods where they are
    submitted. Submitted, it runs in a pod that has the token of its service account; the runs
    that it submits there are its children, which are cancelled with it and deleted with it.
    The futures that a flow returns, alone or in collections, are waited for, and their values
    are returned in their place; if one has failed, the flow fails with its exception.
    """

    is_flow: ClassVar[bool] = True
    opens_transaction: ClassVar[bool] = False

    def __init__(self, fn: Callable[P, R_co], **keywords: Unpack[FlowKeywords]) -> None:
        super().__init__(fn, **cast("TaskKeywords", {**_UNSAID, **_as_of_a_task(keywords)}))

    def with_options(self, **keywords: Unpack[FlowKeywords]) -> Flow[P, R_co]:
        """The same function with other options, as of a task. `flow_run_name` is its `task_run_name`."""
        made = super().with_options(**_as_of_a_task(keywords))
        return cast("Flow[P, R_co]", made)

    @property
    def body(self) -> Callable[..., Any]:
        """The function, with the flow's tags around it, and waiting for the futures that it returns."""
        return {Kind.FUNCTION: self._called, Kind.COROUTINE: self._awaited}.get(self.kind, self.fn)

    def _called(self, *args: Any, **kwargs: Any) -> Any:
        with tags(*self.tags):
            value = self.fn(*args, **kwargs)
        return resolution.outcome_of(value)

    async def _awaited(self, *args: Any, **kwargs: Any) -> Any:
        with tags(*self.tags):
            value = await cast("Any", self.fn(*args, **kwargs))
        return await asyncio.to_thread(resolution.outcome_of, value)

    def visualize(self, *args: P.args, **kwargs: P.kwargs) -> Picture:
        """Draw which tasks the flow calls with these arguments, and which of them wait for which.

        The flow's own code runs, its tasks do not: each gives back a placeholder, which may be
        passed to other tasks, or its `viz_return_value`. A notebook shows the picture, `print`
        writes it as text, `save("flow.svg")` makes a file of it. Raises VisualizationError where
        the flow looks into a placeholder, and whatever the flow raises.
        """
        call = self.bind(args, kwargs)
        sketch = Sketch()
        with drawn_by(sketch):
            returned: Any = self.fn(*call.args, **call.kwargs)
            if inspect.iscoroutine(returned):
                asyncio.run(returned)
        return Picture(sketch.graph(self.name))

    def context_of(self, run: TaskRun, parameters: Mapping[str, Any]) -> Context:
        """What `get_run_context()` gives to the flow's code, outside of its tasks."""
        here = FlowRun(
            id=run.id,
            name=run.name,
            flow_name=run.task_name,
            run_count=run.run_count,
            tags=run.tags,
            start_time=run.start_time,
            namespace=run.namespace,
        )
        return FlowRunContext(self, here, parameters)

    def __repr__(self) -> str:
        return f"<Flow {self.name}>"

    def _definition(self) -> Definition:
        definition = super()._definition()
        pod = definition.options.pod.evolve(api_access=True)
        return replace(definition, options=replace(definition.options, pod=pod))


@overload
def flow(fn: Callable[P, R], /) -> Flow[P, R]: ...
@overload
def flow(fn: None = None, /, **keywords: Unpack[FlowKeywords]) -> Callable[[Callable[P, R]], Flow[P, R]]: ...
def flow(fn: Any = None, /, **keywords: Any) -> Any:
    """Make a function a flow: `@flow`, or `@flow(name="nightly", ...)`, with the keywords of `@task`.

    `flow_run_name` is another name of `task_run_name`. Raises TypeError and ValueError for options
    that cannot be.
    """
    if fn is None:
        options.evolve(TaskOptions("flow"), _as_of_a_task(keywords))
        return lambda function: Flow(function, **keywords)
    return Flow(fn, **keywords)


def _as_of_a_task(keywords: Mapping[str, Any]) -> TaskKeywords:
    given = dict(keywords)
    unknown = sorted(set(given) - TaskKeywords.__annotations__.keys() - FlowKeywords.__annotations__.keys())
    if unknown:
        raise TypeError(options.unknown_options("flow", unknown))
    if "flow_run_name" in given:
        if "task_run_name" in given:
            raise TypeError("flow_run_name and task_run_name are two names of one option: give one of them")
        given["task_run_name"] = given.pop("flow_run_name")
    return cast("TaskKeywords", given)
