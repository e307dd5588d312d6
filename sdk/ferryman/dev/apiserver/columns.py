"""Printer columns: JSONPath -> a cell, and ages as kubectl shows them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from ferryman.dev.apiserver.resources import Column, Object

_STEP: Final = re.compile(
    r"\.(?P<name>(?:[^.\[\]\\]|\\.)+)"
    r"|\[(?P<index>-?\d+)\]"
    r"|\['(?P<quoted>[^']*)'\]"
    r"|\[(?P<all>\*)\]"
    r"|\[\?\(@\.(?P<key>[\w.-]+)\s*==\s*[\"'](?P<value>[^\"']*)[\"']\)\]"
)


def json_path(path: str) -> Callable[[Object], list[Any]]:
    """A function that gives the values at a JSONPath of the kind that CRDs use. Raises ValueError."""
    steps = []
    position = 0
    text = path if path.startswith((".", "[")) else f".{path}"
    while position < len(text):
        match = _STEP.match(text, position)
        if match is None:
            raise ValueError(f"{path!r} is not a JSONPath that printer columns may have")
        steps.append(match.groupdict())
        position = match.end()
    return lambda obj: _follow(obj, steps)


def _follow(obj: Any, steps: Sequence[dict[str, str | None]]) -> list[Any]:
    nodes = [obj]
    for step in steps:
        nodes = [found for node in nodes for found in _step(node, step)]
    return [node for node in nodes if node is not None]


def _step(node: Any, step: dict[str, str | None]) -> list[Any]:
    name = step["name"] if step["quoted"] is None else step["quoted"]
    if name is not None:
        return [node[key]] if isinstance(node, dict) and (key := name.replace("\\", "")) in node else []
    if not isinstance(node, list):
        return list(node.values()) if step["all"] and isinstance(node, dict) else []
    if step["all"]:
        return list(node)
    if step["index"] is not None:
        index = int(step["index"])
        return [node[index]] if -len(node) <= index < len(node) else []
    return [
        item for item in node if isinstance(item, dict) and str(item.get(str(step["key"]))) == step["value"]
    ]


def age(text: str | None, now: datetime | None = None) -> str:
    """How long ago: `5s`, `3m20s`, `4h`, `12d`."""
    if not text:
        return "<unknown>"
    try:
        then = datetime.fromisoformat(text)
    except ValueError:
        return "<invalid>"
    return span(((now or datetime.now(UTC)) - then).total_seconds())


def span(length: float) -> str:  # noqa: PLR0911 - a table of ranges
    """A length in seconds, with two units where the first one is small, as kubectl has it."""
    seconds = int(length)
    if seconds < 0:
        return "<invalid>" if seconds < -1 else "0s"
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if seconds < 120:
        return f"{seconds}s"
    if minutes < 10:
        return f"{minutes}m{seconds % 60}s" if seconds % 60 else f"{minutes}m"
    if hours < 3:
        return f"{minutes}m"
    if hours < 8:
        return f"{hours}h{minutes % 60}m" if minutes % 60 else f"{hours}h"
    if hours < 48:
        return f"{hours}h"
    if days < 8:
        return f"{days}d{hours % 24}h" if hours % 24 else f"{days}d"
    return f"{days}d" if days < 730 else f"{days // 365}y"


NAME: Final = Column(
    "Name", lambda obj: obj["metadata"]["name"], format="name", description="The name of the object."
)
AGE: Final = Column(
    "Age", lambda obj: age(obj["metadata"].get("creationTimestamp")), description="Since its creation."
)


def printer_columns(declared: Sequence[Object] | None) -> tuple[Column, ...]:
    """The columns of a custom resource; Name comes first, and Age alone where nothing is declared."""
    if not declared:
        return (NAME, AGE)
    return (NAME, *(_declared(item) for item in declared))


def _declared(item: Object) -> Column:
    values, kind = json_path(item["jsonPath"]), item["type"]

    def cell(obj: Object) -> Any:
        found = values(obj)
        if not found:
            return None
        if kind == "date":
            return age(str(found[0]))
        if kind == "string":
            return ",".join(_text(value) for value in found)
        return found[0]

    return Column(
        name=item["name"],
        cell=cell,
        type="string" if kind == "date" else kind,
        format=item.get("format", ""),
        description=item.get("description", ""),
        priority=item.get("priority", 0),
    )


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
