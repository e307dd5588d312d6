"""Built-in kinds as typed objects: unknown fields, wrong types and nulls, as a Go server takes them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ferryman.dev.apiserver.builtin_schemas import schema_of
from ferryman.dev.apiserver.errors import BadRequest, FieldError
from ferryman.dev.apiserver.resources import Object, WriteOptions
from ferryman.dev.apiserver.schema import Schema, prune, type_name
from ferryman.dev.apiserver.strategy import PlainStrategy
from ferryman.dev.apiserver.unknown_fields import report_unknown

_JSON_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
}


class TypedStrategy(PlainStrategy):
    """A kind whose fields are known: `model` is its name in the Python client, such as V1Job."""

    def __init__(self, model: str, *, has_status: bool = False, counts_generation: bool = False) -> None:
        super().__init__(has_status=has_status, counts_generation=counts_generation)
        self.schema: Schema = schema_of(model)

    def decode(self, obj: Object, options: WriteOptions) -> list[FieldError]:
        """Drop nulls and unknown fields; refuse wrong types as a decoder does. Raises BadRequest."""
        _drop_nulls(obj)
        report_unknown(prune(self.schema, obj, root=True), obj, options)
        wrong = next(_mismatches(self.schema, obj, ""), None)
        if wrong is not None:
            kind, version = obj.get("kind", ""), str(obj.get("apiVersion", "")).rpartition("/")[2]
            raise BadRequest(f'{kind} in version "{version}" cannot be handled as a {kind}: {wrong}')
        return []


def _drop_nulls(value: Any) -> None:
    if isinstance(value, dict):
        for key in [key for key, item in value.items() if item is None]:
            del value[key]
        for item in value.values():
            _drop_nulls(item)
    elif isinstance(value, list):
        for item in value:
            _drop_nulls(item)


def _mismatches(schema: Schema, value: Any, path: str) -> Iterator[str]:
    wanted = schema.get("type")
    if wanted and not _fits(wanted, value):
        yield f"json: cannot unmarshal {type_name(value)} into Go struct field {path} of type {wanted}"
        return
    if isinstance(value, dict):
        properties, extra = schema.get("properties") or {}, schema.get("additionalProperties")
        for name, item in value.items():
            child = properties.get(name) or (extra if isinstance(extra, dict) else None)
            if child:
                yield from _mismatches(child, item, f"{path}.{name}" if path else name)
    elif isinstance(value, list) and schema.get("items"):
        for item in value:
            yield from _mismatches(schema["items"], item, path)


def _fits(wanted: str, value: Any) -> bool:
    if isinstance(value, bool):
        return wanted == "boolean"
    return isinstance(value, _JSON_TYPES[wanted])
