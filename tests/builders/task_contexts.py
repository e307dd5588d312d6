"""What a cache policy is told of a call, without a task: `a_call(key="m.f-0f", flow_run_id="flow")`."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any


def a_call(
    fn: Any = len, *, key: str = "module.function-00ff", run_id: str = "run", flow_run_id: str | None = None
) -> Any:
    task = SimpleNamespace(task_key=key, fn=fn, name="function")
    return SimpleNamespace(
        task=task, task_run=SimpleNamespace(id=run_id, flow_run_id=flow_run_id), parameters={}
    )
