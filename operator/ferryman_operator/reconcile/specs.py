"""Rules of a spec that need no cluster to be checked."""

from __future__ import annotations

import json

from ferryman.api.taskrun import MAX_VALUES_BYTES, TaskRunSpec


def problems(name: str, spec: TaskRunSpec) -> list[str]:
    """What is wrong with the spec of the run `name`; empty if nothing is."""
    return [
        text for text in (_function(spec), _parameters(spec), _values(spec), _dependency(name, spec)) if text
    ]


def _function(spec: TaskRunSpec) -> str:
    given = (spec.function.blob is not None) + (spec.function.entrypoint is not None)
    return "" if given == 1 else "spec.function has to have exactly one of blob and entrypoint"


def _parameters(spec: TaskRunSpec) -> str:
    both = spec.parameters.blob is not None and spec.parameters.values is not None
    return "spec.parameters has to have at most one of blob and values" if both else ""


def _values(spec: TaskRunSpec) -> str:
    try:
        size = len(json.dumps(spec.parameters.values, allow_nan=False).encode())
    except ValueError as error:
        return f"spec.parameters.values is not JSON: {error}"
    return (
        ""
        if size <= MAX_VALUES_BYTES
        else f"spec.parameters.values is {size} bytes, more than {MAX_VALUES_BYTES}"
    )


def _dependency(name: str, spec: TaskRunSpec) -> str:
    return "spec.dependsOn names the run itself" if any(one.name == name for one in spec.depends_on) else ""
