"""The schemas of built-in kinds, expanded from builtin_types.json (tools/builtin_types.py writes it)."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Final

from ferryman.dev.apiserver.schema import PRESERVE, Schema

QUANTITY_FIELDS: Final = frozenset(
    {"limits", "requests", "hard", "used", "capacity", "allocatable", "overhead", "allocatedResources"}
)
_SCALARS: Final[dict[str, Schema]] = {
    "str": {"type": "string"},
    "int": {"type": "integer"},
    "bool": {"type": "boolean"},
    "float": {"type": "number"},
    "bytes": {"type": "string", "format": "byte"},
    "datetime": {"type": "string", "format": "date-time"},
    "object": {PRESERVE: True},
}
_ANY_METADATA: Final[Schema] = {"type": "object", PRESERVE: True}


@cache
def _types() -> dict[str, dict[str, str]]:
    loaded: dict[str, dict[str, str]] = json.loads(Path(__file__).with_name("builtin_types.json").read_text())
    return loaded


@cache
def schema_of(model: str) -> Schema:
    """The schema of a model such as V1Job. Shared: never change it."""
    fields = _types()[model]
    properties = {name: _field(name, kind.rstrip("!")) for name, kind in fields.items()}
    required = sorted(name for name, kind in fields.items() if kind.endswith("!"))
    return {"type": "object", "properties": properties, "required": required}


def _field(name: str, kind: str) -> Schema:
    if name in QUANTITY_FIELDS and kind == "Dict[str, str]":
        # A quantity may be written as a number.
        return {"type": "object", "additionalProperties": {PRESERVE: True}}
    if name in {"sizeLimit", "divisor"}:
        return {PRESERVE: True}
    return _type(kind)


def _type(kind: str) -> Schema:
    if kind in _SCALARS:
        return _SCALARS[kind]
    if kind.startswith("List["):
        return {"type": "array", "items": _type(kind[5:-1])}
    if kind.startswith("Dict[str, "):
        return {"type": "object", "additionalProperties": _type(kind[10:-1])}
    return _ANY_METADATA if kind == "V1ObjectMeta" else schema_of(kind)
