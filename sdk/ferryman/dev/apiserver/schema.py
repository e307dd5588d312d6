"""Structural schemas: defaults, pruning of unknown fields, and validation with Kubernetes' wording."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import cache
from typing import Any, Final

from ferryman.dev.apiserver.errors import FieldError

Schema = dict[str, Any]
PRESERVE: Final = "x-kubernetes-preserve-unknown-fields"
INT_OR_STRING: Final = "x-kubernetes-int-or-string"
_ROOT_FIELDS: Final = frozenset({"apiVersion", "kind", "metadata"})
_MISSING: Final = object()


def with_defaults(schema: Schema, value: Any) -> Any:
    """The value with the schema's defaults; changed in place where it can be."""
    if isinstance(value, dict):
        for name, child in (schema.get("properties") or {}).items():
            if "default" in child and (
                name not in value or (value[name] is None and not child.get("nullable"))
            ):
                value[name] = json.loads(json.dumps(child["default"]))
            if value.get(name, _MISSING) is not _MISSING:
                value[name] = with_defaults(child, value[name])
        extra = schema.get("additionalProperties")
        if isinstance(extra, dict):
            for name in value:
                value[name] = with_defaults(extra, value[name])
    elif isinstance(value, list) and isinstance(schema.get("items"), dict):
        value[:] = [with_defaults(schema["items"], item) for item in value]
    return value


def prune(schema: Schema, value: Any, path: str = "", *, root: bool = False) -> list[str]:
    """Drop, in place, what the schema does not know. Returns the paths of what was dropped."""
    if isinstance(value, list):
        items = schema.get("items") or {}
        return [found for i, item in enumerate(value) for found in prune(items, item, f"{path}[{i}]")]
    if not isinstance(value, dict):
        return []
    dropped: list[str] = []
    for name in list(value):
        child = _child(schema, name)
        if root and name in _ROOT_FIELDS:
            continue
        where = _within(path, name)
        if child is not None:
            dropped += prune(
                child, value[name], where, root=bool(child.get("x-kubernetes-embedded-resource"))
            )
        elif not schema.get(PRESERVE):
            del value[name]
            dropped.append(where)
    return dropped


def _within(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _child(schema: Schema, name: str) -> Schema | None:
    properties = schema.get("properties") or {}
    if name in properties:
        found: Schema = properties[name]
        return found
    extra = schema.get("additionalProperties")
    if isinstance(extra, dict):
        return extra
    return {PRESERVE: True} if extra is True else None


def validate(schema: Schema, value: Any, path: str = "", old: Any = _MISSING) -> list[FieldError]:
    """The faults of a value. What equals `old` at the same place is passed over, as Kubernetes ratchets."""
    if value is old or value == old:
        return []
    if value is None and schema.get("nullable"):
        return []
    if value is None or not _has_type(schema, value):
        return [_type_error(schema, path, value)]
    faults = [*_check_value(schema, value, path), *_check_combinations(schema, value, path)]
    if isinstance(value, dict):
        faults += _check_object(schema, value, path, old if isinstance(old, dict) else {})
    elif isinstance(value, list):
        faults += _check_list(schema, value, path)
    return faults


def _has_type(schema: Schema, value: Any) -> bool:  # noqa: PLR0911 - a table of types
    if schema.get(INT_OR_STRING):
        return isinstance(value, str | int) and not isinstance(value, bool)
    match schema.get("type"):
        case "object":
            return isinstance(value, dict)
        case "array":
            return isinstance(value, list)
        case "string":
            return isinstance(value, str)
        case "boolean":
            return isinstance(value, bool)
        case "integer":
            whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
            return whole and not isinstance(value, bool)
        case "number":
            return isinstance(value, int | float) and not isinstance(value, bool)
    return True


def type_name(value: Any) -> str:
    """The JSON name of a value's type."""
    names = {dict: "object", list: "array", str: "string", bool: "boolean", int: "integer", float: "number"}
    return names.get(type(value), "null")


def shown(value: Any) -> str:
    """A value as error messages show it."""
    if isinstance(value, dict | list):
        return f'"{type_name(value)}"'
    return json.dumps(value, ensure_ascii=False)


def _type_error(schema: Schema, path: str, value: Any) -> FieldError:
    wanted = "integer or string" if schema.get(INT_OR_STRING) else schema.get("type", "object")
    actual = type_name(value)
    text = f'Invalid value: "{actual}": {path} in body must be of type {wanted}: "{actual}"'
    return FieldError(path, text, "FieldValueTypeInvalid")


def _fault(path: str, value: Any, text: str) -> FieldError:
    return FieldError(path, f"Invalid value: {shown(value)}: {path} in body {text}")


def _check_value(schema: Schema, value: Any, path: str) -> Iterator[FieldError]:
    if "enum" in schema and value not in schema["enum"]:
        listed = ", ".join(shown(item) for item in schema["enum"])
        text = f"Unsupported value: {shown(value)}: supported values: {listed}"
        yield FieldError(path, text, "FieldValueNotSupported")
    if isinstance(value, str):
        yield from _check_text(schema, value, path)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield from _check_number(schema, value, path)


def _check_text(schema: Schema, value: str, path: str) -> Iterator[FieldError]:
    longest = schema.get("maxLength")
    if longest is not None and len(value) > longest:
        yield FieldError(path, f"Too long: may not be more than {longest} bytes", "FieldValueTooLong")
    if len(value) < schema.get("minLength", 0):
        yield _fault(path, value, f"should be at least {schema['minLength']} chars long")
    if "pattern" in schema and not _pattern(schema["pattern"]).search(value):
        yield _fault(path, value, f"should match '{schema['pattern']}'")
    check = _FORMATS.get(schema.get("format", ""))
    if check and not check(value):
        yield _fault(path, value, f"must be of type {schema['format']}: {shown(value)}")


@cache
def _pattern(pattern: str) -> re.Pattern[str]:
    # Go's `$` means the end of the text; Python's also matches before a last newline.
    end = pattern.endswith("$") and not pattern.endswith("\\$")
    return re.compile(pattern[:-1] + r"\Z" if end else pattern)


def _is_moment(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None and "T" in text.upper()
    except ValueError:
        return False


_FORMATS: Final[dict[str, Callable[[str], bool]]] = {"date-time": _is_moment}


def _check_number(schema: Schema, value: float, path: str) -> Iterator[FieldError]:
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and (value <= low if schema.get("exclusiveMinimum") else value < low):
        bound = "greater than" if schema.get("exclusiveMinimum") else "greater than or equal to"
        yield _fault(path, value, f"should be {bound} {low}")
    if high is not None and (value >= high if schema.get("exclusiveMaximum") else value > high):
        bound = "less than" if schema.get("exclusiveMaximum") else "less than or equal to"
        yield _fault(path, value, f"should be {bound} {high}")
    if "multipleOf" in schema and value % schema["multipleOf"]:
        yield _fault(path, value, f"should be a multiple of {schema['multipleOf']}")
    bits = {"int32": 31, "int64": 63}.get(schema.get("format", ""))
    if bits and not -(2**bits) <= value < 2**bits:
        yield _fault(path, value, f"must be of type {schema['format']}: {shown(value)}")


def _check_combinations(schema: Schema, value: Any, path: str) -> Iterator[FieldError]:
    for option in schema.get("allOf") or ():
        yield from validate(option, value, path)
    if schema.get(INT_OR_STRING):
        return
    quoted = path or "<nil>"
    if "anyOf" in schema and all(validate(option, value, path) for option in schema["anyOf"]):
        text = f'Invalid value: "": "{quoted}" must validate at least one schema (anyOf)'
        yield FieldError(path, text)
    if "oneOf" in schema:
        fitting = sum(not validate(option, value, path) for option in schema["oneOf"])
        if fitting != 1:
            found = "Found none valid" if not fitting else f"Found {fitting} valid alternatives"
            yield FieldError(
                path, f'Invalid value: "": "{quoted}" must validate one and only one schema (oneOf). {found}'
            )
    if "not" in schema and not validate(schema["not"], value, path):
        yield FieldError(path, f'Invalid value: "": "{quoted}" must not validate the schema (not)')


def _check_object(
    schema: Schema, value: dict[str, Any], path: str, old: dict[str, Any]
) -> Iterator[FieldError]:
    for name in schema.get("required") or ():
        if name not in value:
            yield FieldError(_within(path, name), "Required value", "FieldValueRequired")
    if len(value) > schema.get("maxProperties", len(value)):
        yield _too_many(path, len(value), schema["maxProperties"])
    if len(value) < schema.get("minProperties", 0):
        yield _fault(path, value, f"should have at least {schema['minProperties']} properties")
    properties, extra = schema.get("properties") or {}, schema.get("additionalProperties")
    for name, child in value.items():
        known = properties.get(name, extra)
        if isinstance(known, dict):
            yield from validate(known, child, _within(path, name), old.get(name, _MISSING))


def _too_many(path: str, count: int, limit: int) -> FieldError:
    return FieldError(path, f"Too many: {count}: must have at most {limit} items", "FieldValueTooMany")


def _check_list(schema: Schema, value: list[Any], path: str) -> Iterator[FieldError]:
    if len(value) > schema.get("maxItems", len(value)):
        yield _too_many(path, len(value), schema["maxItems"])
    if len(value) < schema.get("minItems", 0):
        yield _fault(path, value, f"should have at least {schema['minItems']} items")
    if isinstance(schema.get("items"), dict):
        for index, item in enumerate(value):
            yield from validate(schema["items"], item, f"{path}[{index}]")
    yield from _check_duplicates(schema, value, path)


def list_keys(schema: Schema) -> tuple[str, ...]:
    """The fields that tell the items of a listType map apart; empty for other lists."""
    is_map = schema.get("x-kubernetes-list-type") == "map"
    return tuple(schema.get("x-kubernetes-list-map-keys") or ()) if is_map else ()


def _check_duplicates(schema: Schema, value: list[Any], path: str) -> Iterator[FieldError]:
    keys = list_keys(schema)
    if not keys and schema.get("x-kubernetes-list-type") != "set" and not schema.get("uniqueItems"):
        return
    seen: set[str] = set()
    for index, item in enumerate(value):
        identity = {key: item.get(key) for key in keys} if keys and isinstance(item, dict) else item
        text = json.dumps(identity, sort_keys=True)
        if text in seen:
            shown_as = ", ".join(f'"{key}":{json.dumps(item.get(key))}' for key in keys) if keys else ""
            told = f"map[string]interface {{}}{{{shown_as}}}" if keys else shown(item)
            yield FieldError(f"{path}[{index}]", f"Duplicate value: {told}", "FieldValueDuplicate")
        seen.add(text)
