"""What code can read of the run that it is in, under Prefect's names: `task_run.parameters`, `flow_run.id`.

Outside of a run, and for a flow run of another process, what is not known is None or empty.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ferryman.context import FlowRunContext, TaskRunContext, flow_run_id

__all__ = ["flow_run", "task_run"]


class TaskRunReader:
    """The innermost task run."""

    @property
    def id(self) -> str | None:
        """The TaskRun's UID; of a call in this process a random UUID."""
        here = TaskRunContext.get()
        return here.task_run.id if here else None

    @property
    def name(self) -> str | None:
        """Of the run; in a function that makes this name the task's."""
        here = TaskRunContext.get()
        return here.task_run.name if here else None

    @property
    def task_name(self) -> str | None:
        """Of the task."""
        here = TaskRunContext.get()
        return here.task_run.task_name if here else None

    @property
    def parameters(self) -> Mapping[str, Any]:
        """The arguments by name, defaults included."""
        here = TaskRunContext.get()
        return dict(here.parameters) if here else {}

    @property
    def tags(self) -> list[str]:
        """Of the run."""
        here = TaskRunContext.get()
        return sorted(here.task_run.tags) if here else []

    @property
    def run_count(self) -> int:
        """The attempt's number, from 1; 0 outside of one."""
        here = TaskRunContext.get()
        return here.task_run.run_count if here else 0


class FlowRunReader:
    """The flow run around this code, also within the flow's tasks."""

    @property
    def id(self) -> str | None:
        """The same in all processes of the flow run."""
        return flow_run_id()

    @property
    def name(self) -> str | None:
        """Of the run."""
        here = FlowRunContext.get()
        return here.flow_run.name if here else None

    @property
    def flow_name(self) -> str | None:
        """Of the flow."""
        here = FlowRunContext.get()
        return here.flow_run.flow_name if here else None

    @property
    def parameters(self) -> Mapping[str, Any]:
        """The flow's arguments by name, defaults included."""
        here = FlowRunContext.get()
        return dict(here.parameters) if here else {}

    @property
    def tags(self) -> list[str]:
        """Of the run."""
        here = FlowRunContext.get()
        return sorted(here.flow_run.tags) if here else []

    @property
    def run_count(self) -> int:
        """The attempt's number, from 1; 0 outside of one."""
        here = FlowRunContext.get()
        return here.flow_run.run_count if here else 0


task_run: Final = TaskRunReader()
flow_run: Final = FlowRunReader()
