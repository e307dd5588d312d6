"""`@flow`: a function that calls and submits tasks, and may itself run in a pod."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, Unpack, overload

from ferryman.context import Context, FlowRun, FlowRunContext, TaskRun
from ferryman.drawing import drawn_by
from ferryman.graphs.picture import Picture
from ferryman.options import TaskKeywords
from ferryman.sketch import Sketch
from ferryman.tasks import Task

if TYPE_CHECKING:
    from ferryman.submission import Definition

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


class Flow(Task[P, R_co]):
    """A task whose code calls other tasks. Everything of a task holds for it, too.

    Called, it runs here: its tasks run here where they are called, and in pods where they are
    submitted. Submitted, it runs in a pod that has the token of its service account; the runs
    that it submits there are its children, which are cancelled with it and deleted with it.
    """

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
def flow(fn: None = None, /, **keywords: Unpack[TaskKeywords]) -> Callable[[Callable[P, R]], Flow[P, R]]: ...
def flow(fn: Any = None, /, **keywords: Any) -> Any:
    """Make a function a flow: `@flow`, or `@flow(name="nightly", ...)`, with the keywords of `@task`."""
    if fn is None:
        return lambda function: Flow(function, **keywords)
    return Flow(fn, **keywords)
