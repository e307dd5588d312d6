"""The calls of a flow that is followed and not run: what `flow.visualize()` draws.

A call becomes a node, and what it gives back stands for the value that the task would have returned.
"""

from __future__ import annotations

import concurrent.futures
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar, Final, NoReturn

from ferryman.annotations import allow_failure, unmapped
from ferryman.exceptions import VisualizationError
from ferryman.gathering import TaskFutureList
from ferryman.graphs.graph import Graph, Node
from ferryman.nesting import inside
from ferryman.states import Completed, State

_UNKNOWN: Final = 1
"""The number of runs of a map over a value that nobody has: it is drawn as one."""


class Drawn:
    """What a task would have returned. It can be passed to other tasks, and to nothing else."""

    def __init__(self, task: str) -> None:
        self._task = task

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)
        self._refuse()

    def __iter__(self) -> Iterator[Any]:
        self._refuse()

    def __getitem__(self, key: Any) -> Any:
        self._refuse()

    def __bool__(self) -> bool:
        return self._refuse()

    def __repr__(self) -> str:
        return f"<what {self._task} returns>"

    def _refuse(self) -> NoReturn:
        raise VisualizationError(
            f"visualize() does not run {self._task}, and so does not know what it returns; "
            f"@task(viz_return_value=...) says what to go on with"
        )


class DrawnFuture(concurrent.futures.Future[Any]):
    """The future of a drawn call: done, with what stands for its value."""

    is_run_handle: ClassVar[bool] = True

    def __init__(self, node: str, value: Any) -> None:
        super().__init__()
        self.node = node
        self.set_result(value)

    def result(self, timeout: float | None = None, raise_on_failure: bool = True) -> Any:  # noqa: ARG002
        """What stands for the value."""
        return super().result(0)

    def wait(self, timeout: float | None = None) -> None:
        """Nothing runs, so there is nothing to wait for."""

    @property
    def state(self) -> State:
        """Completed: a drawing follows what happens when nothing fails."""
        return Completed(super().result(0))

    def as_argument(self) -> Any:
        """The future itself."""
        return self


class DrawnFutures(TaskFutureList[Any]):
    """The futures of a drawn map."""

    def _wait_all(self, timeout: float | None, *, stream_logs: bool) -> bool:  # noqa: ARG002
        # Nothing runs, so there is nothing to wait for, nor to show.
        return True


class Sketch:
    """The calls that a flow has made so far."""

    def __init__(self) -> None:
        self._nodes: list[Node] = []
        # The values are kept, so that no other object gets the id of one.
        self._made: dict[int, tuple[str, Any]] = {}

    def call(self, task: str, arguments: Any, returns: Any) -> Any:
        """A call of a task: what stands for its value, which is `returns` unless that is None."""
        return self._add(task, arguments, returns)[1]

    def submit(self, task: str, arguments: Any, returns: Any) -> DrawnFuture:
        """The same, as a future."""
        return DrawnFuture(*self._add(task, arguments, returns))

    def map(self, task: str, columns: Iterable[Any], waits: Any, returns: Any) -> TaskFutureList[Any]:
        """A map, as one node: a future for each element of the mapped columns."""
        columns = list(columns)
        count = _number_of_runs(columns)
        node, value = self._add(task, (columns, waits), returns, count)
        futures = DrawnFutures()
        futures.extend(DrawnFuture(node, value) for _ in range(count))  # type: ignore[misc]
        return futures

    def graph(self, name: str) -> Graph:
        """What has been drawn."""
        return Graph(name, tuple(self._nodes))

    def _add(self, task: str, arguments: Any, returns: Any, count: int = 1) -> tuple[str, Any]:
        number = sum(node.label.rpartition("-")[0] == task for node in self._nodes)
        label = f"{task}-{number}"
        node = Node(label, label, count, tuple(dict.fromkeys(self._origins(arguments))))
        self._nodes.append(node)
        value = Drawn(task) if returns is None else returns
        self._made[id(value)] = (label, value)
        return label, value

    def _origins(self, arguments: Any) -> Iterator[str]:
        if id(arguments) in self._made:
            yield self._made[id(arguments)][0]
        elif isinstance(arguments, DrawnFuture):
            yield arguments.node
        elif isinstance(arguments, unmapped | allow_failure):
            yield from self._origins(arguments.value)
        else:
            for one in inside(arguments):
                yield from self._origins(one)


def _number_of_runs(columns: Iterable[Any]) -> int:
    lengths = (
        len(one)
        for one in columns
        if isinstance(one, list | tuple | range | set | frozenset | Mapping) and not isinstance(one, unmapped)
    )
    return next(lengths, _UNKNOWN)
