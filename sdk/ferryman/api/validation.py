"""The CRD's rules as a function: for the client before it submits, and for objects that an older CRD let in.

The models check fields (`taskrun.parse`), `pod_schema` checks the Kubernetes shapes in `spec.pod`,
`rules` checks what lies between fields. All three say what the API server says. The size of
`parameters.values` is checked here alone: CEL cannot measure it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from ferryman.api import structural
from ferryman.api.pod_schema import POD_PARTS
from ferryman.api.rules import RULES, Path, Rule
from ferryman.api.taskrun import MAX_VALUES_BYTES, TaskRunSpec


def problems(spec: TaskRunSpec, *, name: str) -> tuple[str, ...]:
    """What the API server would refuse in a TaskRun of this name, each as `<path>: <message>`; () if nothing.

    Pure. `spec` comes from `taskrun.parse`, so its fields fit their own bounds already.
    """
    written = spec.model_dump(mode="json", by_alias=True, exclude_none=True)
    misshapen = tuple(_misshapen(written.get("pod", {})))
    if misshapen:
        # The rules read these shapes, so they can only be asked about sound ones.
        return misshapen
    run = {"metadata": {"name": name}, "spec": written}
    return (*_too_large(written), *_named_twice(written), *broken_rules(run))


def broken_rules(run: dict[str, Any]) -> tuple[str, ...]:
    """What of a TaskRun, as JSON of sound shape, breaks the rules between fields."""
    return tuple(f"{at}: {rule.message}" for rule in RULES for at in _broken(rule, run))


def describe(error: ValidationError) -> tuple[str, ...]:
    """What `taskrun.parse` refused, each as `<path>: <message>`, without the values themselves."""
    return tuple(f"{_dotted(one['loc'])}: {_said(one)}" for one in error.errors(include_input=False))


def _said(fault: ErrorDetails) -> str:
    """The message of the rule that states the pattern which is not met; else pydantic's."""
    at = tuple("*" if isinstance(step, int) else step for step in fault["loc"])
    mismatch = fault["type"] == "string_pattern_mismatch"
    return next((rule.message for rule in RULES if mismatch and rule.pattern and rule.at == at), fault["msg"])


def _misshapen(pod: dict[str, Any]) -> Iterator[str]:
    for name, schema in POD_PARTS.items():
        if name in pod:
            yield from structural.problems(pod[name], schema, f"spec.pod.{name}")


def _too_large(spec: dict[str, Any]) -> Iterator[str]:
    values = spec.get("parameters", {}).get("values")
    size = len(json.dumps(values, separators=(",", ":"), ensure_ascii=False).encode()) if values else 0
    if size > MAX_VALUES_BYTES:
        yield (
            f"spec.parameters.values: must be at most {MAX_VALUES_BYTES} bytes as JSON, not {size}; "
            "submit with the SDK, which puts arguments into the store"
        )


def _named_twice(spec: dict[str, Any]) -> Iterator[str]:
    """What the CRD's `x-kubernetes-list-type: map` refuses; in CEL it would cost too much."""
    seen: set[str] = set()
    for index, dependency in enumerate(spec.get("dependsOn", ())):
        if dependency["name"] in seen:
            yield f"spec.dependsOn[{index}]: Duplicate value: {dependency['name']}; remove one of them"
        seen.add(dependency["name"])


def _broken(rule: Rule, run: dict[str, Any]) -> Iterator[str]:
    holds = rule.holds
    if holds is None:
        return
    for at, value in _values(run, rule.at, ""):
        if not holds(value):
            yield (at + rule.field).removeprefix(".")


def _values(value: Any, path: Path, at: str) -> Iterator[tuple[str, Any]]:
    """Every value at `path`, with where it is."""
    if not path:
        yield at, value
    elif path[0] == "*":
        for index, child in enumerate(value):
            yield from _values(child, path[1:], f"{at}[{index}]")
    elif path[0] in value:
        yield from _values(value[path[0]], path[1:], f"{at}.{path[0]}")


def _dotted(location: tuple[int | str, ...]) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in location).removeprefix(
        "."
    )
