"""Checks JSON against a structural schema as the API server does, for those parts that have no model.

Knows the keywords that `ferryman.api.pod_schema` uses; defaults and pruning are the API server's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from ferryman.api.pod_schema import Schema

_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "boolean": (bool,),
}


def problems(value: Any, schema: Schema, at: str) -> Iterator[str]:
    """What of `value` does not fit, each naming its field (a path that starts with `at`) and the limit."""
    expected = (int, str) if schema.get("x-kubernetes-int-or-string") else _TYPES[schema["type"]]
    if not isinstance(value, expected) or (isinstance(value, bool) and bool not in expected):
        wanted = " or ".join(kind.__name__ for kind in expected)
        yield f"{at}: must be of type {wanted}, not {type(value).__name__}"
    elif isinstance(value, dict):
        yield from _of_object(value, schema, at)
    elif isinstance(value, list):
        yield from _of_list(value, schema, at)
    elif isinstance(value, str):
        yield from _of_text(value, schema, at)
    elif isinstance(value, int):
        yield from _of_number(value, schema, at)


def _of_object(value: dict[str, Any], schema: Schema, at: str) -> Iterator[str]:
    if len(value) > schema.get("maxProperties", len(value)):
        yield f"{at}: must have at most {schema['maxProperties']} fields, not {len(value)}"
        return
    for name in schema.get("required", ()):
        if value.get(name) is None:
            yield f"{at}.{name}: is required"
    fields = schema.get("properties", {})
    for name, child in value.items():
        part = fields.get(name) or schema.get("additionalProperties")
        if part is None and not schema.get("x-kubernetes-preserve-unknown-fields"):
            yield f"{at}.{name}: there is no such field; known are {', '.join(fields)}"
        elif part is not None and child is not None:
            yield from problems(child, part, f"{at}.{name}")


def _of_list(value: list[Any], schema: Schema, at: str) -> Iterator[str]:
    if len(value) > schema.get("maxItems", len(value)):
        yield f"{at}: must have at most {schema['maxItems']} items, not {len(value)}"
        return
    for index, child in enumerate(value):
        yield from problems(child, schema["items"], f"{at}[{index}]")


def _of_text(value: str, schema: Schema, at: str) -> Iterator[str]:
    if len(value) > schema.get("maxLength", len(value)):
        yield f"{at}: must have at most {schema['maxLength']} characters, not {len(value)}"
    elif len(value) < schema.get("minLength", 0):
        yield f"{at}: must have at least {schema['minLength']} characters"
    elif "enum" in schema and value not in schema["enum"]:
        yield f"{at}: must be one of {', '.join(map(repr, schema['enum']))}, not {value!r}"
    elif "pattern" in schema and not re.fullmatch(schema["pattern"].removesuffix("$"), value):
        yield f"{at}: must match {schema['pattern']}, which {value!r} does not"


def _of_number(value: int, schema: Schema, at: str) -> Iterator[str]:
    if value < schema.get("minimum", value):
        yield f"{at}: must be at least {schema['minimum']}, not {value}"
    if value > schema.get("maximum", value):
        yield f"{at}: must be at most {schema['maximum']}, not {value}"
