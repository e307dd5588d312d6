"""CEL rules of a schema (`x-kubernetes-validations`): compiled once, evaluated where something changed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

import cel

from ferryman.dev.apiserver.cel_library import FUNCTIONS
from ferryman.dev.apiserver.errors import FieldError
from ferryman.dev.apiserver.schema import Schema, list_keys, type_name

_ABSENT: Final = object()


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. `transition` rules speak of oldSelf and hold only where there is one."""

    source: str
    message: str
    message_expression: str
    reason: str
    field_path: str
    transition: bool


@dataclass(slots=True)
class RuleTree:
    """The rules of a schema node and of what lies beneath it; empty branches are left out."""

    rules: tuple[Rule, ...] = ()
    properties: dict[str, RuleTree] = field(default_factory=dict)
    extra: RuleTree | None = None
    items: RuleTree | None = None
    keys: tuple[str, ...] = ()


@cache
def _compiled(source: str) -> cel.Program:
    return cel.compile(source)


def compile_rules(schema: Schema) -> RuleTree | None:
    """The rules of a schema; None if there are none. Raises ValueError for a rule that is no CEL."""
    tree = RuleTree(tuple(_rule(item) for item in schema.get("x-kubernetes-validations") or ()))
    tree.keys = list_keys(schema)
    for name, child in (schema.get("properties") or {}).items():
        if found := compile_rules(child):
            tree.properties[name] = found
    extra, items = schema.get("additionalProperties"), schema.get("items")
    tree.extra = compile_rules(extra) if isinstance(extra, dict) else None
    tree.items = compile_rules(items) if isinstance(items, dict) else None
    return tree if tree.rules or tree.properties or tree.extra or tree.items else None


def _rule(item: dict[str, Any]) -> Rule:
    source = item["rule"]
    transition = "oldSelf" in _compiled(source).variables()
    if item.get("messageExpression"):
        _compiled(item["messageExpression"])
    return Rule(
        source=source,
        message=item.get("message", ""),
        message_expression=item.get("messageExpression", ""),
        reason=item.get("reason", "FieldValueInvalid"),
        field_path=item.get("fieldPath", ""),
        transition=transition and not item.get("optionalOldSelf"),
    )


def check_rules(tree: RuleTree, value: Any, old: Any = _ABSENT, path: str = "") -> Iterator[FieldError]:
    """The rules that a value breaks. What equals its old self is not looked at again."""
    if value is None or value == old:
        return
    rules = [rule for rule in tree.rules if not rule.transition or old is not _ABSENT]
    if rules:
        # One context for all rules of a node: to convert the value is what costs.
        context = _context(value, old)
        for rule in rules:
            yield from _check_rule(rule, value, context, path)
    if isinstance(value, dict):
        before = old if isinstance(old, dict) else {}
        for name, item in value.items():
            child = tree.properties.get(name) or tree.extra
            if child:
                where = f"{path}.{name}" if path else name
                yield from check_rules(child, item, before.get(name, _ABSENT), where)
    elif isinstance(value, list) and tree.items:
        yield from _check_items(tree, tree.items, value, old, path)


def _check_items(
    tree: RuleTree, child: RuleTree, value: list[Any], old: Any, path: str
) -> Iterator[FieldError]:
    before = {}
    if tree.keys and isinstance(old, list):
        before = {_identity(item, tree.keys): item for item in old}
    for index, item in enumerate(value):
        known = before.get(_identity(item, tree.keys), _ABSENT) if before else _ABSENT
        yield from check_rules(child, item, known, f"{path}[{index}]")


def _identity(item: Any, keys: tuple[str, ...]) -> str:
    return json.dumps([item.get(key) if isinstance(item, dict) else None for key in keys])


def _context(value: Any, old: Any) -> cel.Context:
    variables = {"self": value} if old is _ABSENT else {"self": value, "oldSelf": old}
    return cel.Context(variables, FUNCTIONS)


def _check_rule(rule: Rule, value: Any, context: cel.Context, path: str) -> Iterator[FieldError]:
    try:
        holds = _compiled(rule.source).execute(context)
    except Exception as error:  # noqa: BLE001 - the library raises what the expression did wrong
        yield FieldError(path, f'Invalid value: "{type_name(value)}": {error} evaluating rule: {rule.source}')
        return
    if holds is not True:
        where = f"{path}{rule.field_path}".lstrip(".")
        yield FieldError(where, _worded(rule, value, _message(rule, context)), rule.reason)


def _message(rule: Rule, context: cel.Context) -> str:
    if rule.message_expression:
        try:
            text = _compiled(rule.message_expression).execute(context)
            if isinstance(text, str) and text.strip():
                return text
        except Exception:  # noqa: BLE001, S110 - as in Kubernetes, `message` is what remains then
            pass
    return rule.message or f"failed rule: {rule.source}"


def _worded(rule: Rule, value: Any, message: str) -> str:
    match rule.reason:
        case "FieldValueForbidden":
            return f"Forbidden: {message}"
        case "FieldValueRequired":
            return f"Required value: {message}"
        case "FieldValueDuplicate":
            return f'Duplicate value: "{type_name(value)}"'
    return f'Invalid value: "{type_name(value)}": {message}'
