"""Label and field selectors: text -> a predicate over objects."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ferryman.dev.apiserver.errors import BadRequest

Object = dict[str, Any]
Predicate = Callable[[Object], bool]

_SET: Final = re.compile(r"^(?P<key>\S+)\s+(?P<op>in|notin)\s*\((?P<values>[^()]*)\)$")
_EQUAL: Final = re.compile(r"^(?P<key>[^=!<>\s]+)\s*(?P<op>==|=|!=|>|<)\s*(?P<value>[^=!<>]*)$")
_KEY: Final = re.compile(r"^(?P<negated>!?)\s*(?P<key>[A-Za-z0-9][A-Za-z0-9._/-]*)$")
_PARTS: Final = re.compile(r",(?![^(]*\))")


@dataclass(frozen=True, slots=True)
class Requirement:
    """One condition on one key. `operator` is one of in, notin, exists, !, gt, lt."""

    key: str
    operator: str
    values: frozenset[str] = frozenset()

    def matches(self, value: str | None) -> bool:
        """Whether a label of this value (None: it is absent) fulfils it."""
        match self.operator:
            case "in":
                return value is not None and value in self.values
            case "notin":
                return value is None or value not in self.values
            case "exists":
                return value is not None
            case "!":
                return value is None
            case _:
                return _compare(self.operator, value, next(iter(self.values)))


def _compare(operator: str, value: str | None, bound: str) -> bool:
    try:
        number, limit = int(value or ""), int(bound)
    except ValueError:
        return False
    return number > limit if operator == "gt" else number < limit


def parse_labels(text: str) -> tuple[Requirement, ...]:
    """The requirements of a label selector. Raises BadRequest."""
    parts = [part.strip() for part in _PARTS.split(text)] if text.strip() else []
    return tuple(_requirement(part) for part in parts if part)


def _requirement(part: str) -> Requirement:
    if match := _SET.match(part):
        values = frozenset(value.strip() for value in match["values"].split(","))
        return Requirement(match["key"], match["op"], values)
    if match := _EQUAL.match(part):
        operator = {"=": "in", "==": "in", "!=": "notin", ">": "gt", "<": "lt"}[match["op"]]
        return Requirement(match["key"], operator, frozenset({match["value"].strip()}))
    if match := _KEY.match(part):
        return Requirement(match["key"], "!" if match["negated"] else "exists")
    raise BadRequest(f"unable to parse requirement: {part!r} is not a label selector")


def parse_fields(text: str, selectable: Sequence[str]) -> tuple[Requirement, ...]:
    """The requirements of a field selector; paths besides `selectable` are refused. Raises BadRequest."""
    found = tuple(_requirement(part.strip()) for part in text.split(",") if part.strip())
    allowed = {"metadata.name", "metadata.namespace", *selectable}
    for requirement in found:
        if requirement.key not in allowed or requirement.operator not in {"in", "notin"}:
            raise BadRequest(
                f'Unable to find "{text}" that match label selector "", field selector "{text}": '
                f"field label not supported: {requirement.key}"
            )
    return found


def field_value(obj: Object, path: str) -> str:
    """The value at a dotted path as a field selector compares it; "" where there is none."""
    value: Any = obj
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


@dataclass(frozen=True, slots=True)
class Selection:
    """Which objects of a collection are meant; None or empty means all."""

    namespace: str | None = None
    labels: tuple[Requirement, ...] = ()
    fields: tuple[Requirement, ...] = ()

    @classmethod
    def of(cls, namespace: str | None, labels: str = "") -> Selection:
        """From a namespace and a label selector."""
        return cls(namespace, parse_labels(labels))

    def matches(self, obj: Object) -> bool:
        """Whether the object is one of them."""
        metadata = obj["metadata"]
        if self.namespace and metadata.get("namespace") != self.namespace:
            return False
        if self.labels:
            labels = metadata.get("labels") or {}
            if not all(wanted.matches(labels.get(wanted.key)) for wanted in self.labels):
                return False
        return all(wanted.matches(field_value(obj, wanted.key)) for wanted in self.fields)
