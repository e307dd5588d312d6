"""TaskRuns as JSON, the way the SDK writes them."""

from __future__ import annotations

from typing import Any

SHA = "ab" * 32


def a_manifest(name: str, *, labels: dict[str, str] | None = None, **spec: Any) -> dict[str, Any]:
    """A valid TaskRun of task `add`; keywords replace parts of its spec."""
    return {
        "apiVersion": "ferryman.dev/v1alpha1",
        "kind": "TaskRun",
        "metadata": {"name": name, "namespace": "default", "labels": labels or {}},
        "spec": {"task": {"name": "add"}, "function": {"blob": {"sha256": SHA, "size": 10}}, **spec},
    }
