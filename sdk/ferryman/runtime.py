"""What code can read of the run that it is in, under Prefect's names: `task_run.parameters`, `flow_run.id`.

Outside of a run, and for a flow run of another process, what is not known is None or empty.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Final

from ferryman.context import FlowRun, FlowRunContext, TaskRun, TaskRunContext, flow_run_id

__all__ = ["flow_run", "task_run"]


class RunReader(ABC):
    """What task runs and flow runs have in common."""

    @abstractmethod
    def _here(self) -> tuple[TaskRun | FlowRun, Mapping[str, Any]] | None:
        """The run and its parameters; None outside of one."""

    @property
    def name(self) -> str | None:
        """Of the run; in a function that makes this name the task's."""
        here = self._here()
        return here[0].name if here else None

    @property
    def parameters(self) -> Mapping[str, Any]:
        """The arguments by name, defaults included."""
        here = self._here()
        return dict(here[1]) if here else {}

    @property
    def tags(self) -> list[str]:
        """Of the run."""
        here = self._here()
        return sorted(here[0].tags) if here else []

    @property
    def run_count(self) -> int:
        """The attempt's number, from 1; 0 outside of one."""
        here = self._here()
        return here[0].run_count if here else 0


class TaskRunReader(RunReader):
    """The innermost task run."""

    def _here(self) -> tuple[TaskRun, Mapping[str, Any]] | None:
        here = TaskRunContext.get()
        return (here.task_run, here.parameters) if here else None

    @property
    def id(self) -> str | None:
        """The TaskRun's UID; of a call in this process a random UUID."""
        here = self._here()
        return here[0].id if here else None

    @property
    def task_name(self) -> str | None:
        """Of the task."""
        here = self._here()
        return here[0].task_name if here else None


class FlowRunReader(RunReader):
    """The flow run around this code, also within the flow's tasks."""

    def _here(self) -> tuple[FlowRun, Mapping[str, Any]] | None:
        here = FlowRunContext.get()
        return (here.flow_run, here.parameters) if here else None

    @property
    def id(self) -> str | None:
        """The same in all processes of the flow run."""
        return flow_run_id()

    @property
    def flow_name(self) -> str | None:
        """Of the flow."""
        here = self._here()
        return here[0].flow_name if here else None


task_run: Final = TaskRunReader()
flow_run: Final = FlowRunReader()
