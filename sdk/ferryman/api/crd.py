"""The CustomResourceDefinition, made from the models in `ferryman.api.taskrun` and the rules in `.rules`.

A structural schema: every field has a type, nothing is `$ref` or `anyOf`, and everything that can
grow has a bound, so that the API server can bound the cost of the CEL rules. How large
`parameters.values` is in bytes CEL cannot measure, as its fields have no schema: its number of
fields is bounded here, its bytes by `ferryman.api.validation`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final

from pydantic.json_schema import GenerateJsonSchema

from ferryman.api import names, pod_schema
from ferryman.api.pod_schema import Schema
from ferryman.api.rules import RULES, Path
from ferryman.api.taskrun import MAX_VALUES, TaskRun

_KEPT: Final = (
    "description",
    "default",
    "enum",
    "format",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minItems",
    "minLength",
    "minProperties",
    "minimum",
    "pattern",
    "type",
)
_LIST_KEYS: Final = {"dependsOn": "name", "conditions": "type", "attempts": "number"}
_COLUMNS: Final = (
    ("Task", "string", ".spec.task.name", "What it runs."),
    ("Phase", "string", ".status.phase", "Where it is."),
    ("Attempts", "integer", ".status.attemptCount", "Executions so far."),
    ("Age", "date", ".metadata.creationTimestamp", "Since it was created."),
    ("Duration", "string", ".status.duration", "From the first start to the end; empty until then."),
    ("Reason", "string", '.status.conditions[?(@.type=="Succeeded")].reason', "Why it is there."),
)
_SELECTABLE: Final = (".status.phase", ".spec.task.name", ".status.hooks.state")


def crd() -> dict[str, Any]:
    """The CustomResourceDefinition as JSON; equal at every call."""
    plural = {"plural": names.PLURAL, "singular": names.SINGULAR, "shortNames": [names.SHORT_NAME]}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{names.PLURAL}.{names.GROUP}",
            "labels": {"app.kubernetes.io/name": "ferryman", "app.kubernetes.io/part-of": "ferryman"},
        },
        "spec": {
            "group": names.GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": names.KIND,
                "listKind": f"{names.KIND}List",
                **plural,
                "categories": [names.CATEGORY],
            },
            "versions": [_version()],
        },
    }


def _version() -> dict[str, Any]:
    columns = [{"name": n, "type": t, "jsonPath": p, "description": d} for n, t, p, d in _COLUMNS]
    return {
        "name": names.VERSION,
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": schema()},
        "subresources": {"status": {}},
        "additionalPrinterColumns": columns,
        "selectableFields": [{"jsonPath": path} for path in _SELECTABLE],
    }


def schema(*, patterns: bool = False) -> Schema:
    """The structural schema of a TaskRun, with its rules; `patterns` keeps those that rules state too."""
    generated = TaskRun.model_json_schema(by_alias=True, schema_generator=GenerateJsonSchema)
    root = _structural(generated, generated.get("$defs", {}))
    fields = root["properties"]
    fields |= {"apiVersion": {"type": "string"}, "kind": {"type": "string"}, "metadata": {"type": "object"}}
    root["required"] = ["spec"]
    _complete_spec(fields["spec"]["properties"])
    _complete_status(fields["status"])
    for rule in RULES:
        place = _place(root, rule.at)
        place.setdefault("x-kubernetes-validations", []).append(rule.as_schema())
        if rule.pattern and not patterns:
            del place["pattern"]
    return root


def _complete_spec(fields: Schema) -> None:
    for name in ("retry", "result"):
        # An empty object, into which the API server then puts the defaults of its fields.
        fields[name]["default"] = {}
    # `kubectl apply` replaces lists as a whole, so a default in one would look like a change every time.
    del fields["dependsOn"]["items"]["properties"]["condition"]["default"]
    values = fields["parameters"]["properties"]["values"]
    fields["parameters"]["properties"]["values"] = pod_schema.anything(values["description"], MAX_VALUES)
    pod = fields["pod"]["properties"]
    # Through JSON, so that the rules are added to a copy that shares nothing, not even within itself.
    for name, part in json.loads(json.dumps(pod_schema.POD_PARTS)).items():
        pod[name] = {**part, "description": pod[name]["description"]}


def _complete_status(status: Schema) -> None:
    """A new run shows a phase without a write of ours; nothing else of a status is made up."""
    _drop_defaults(status)
    status["properties"]["phase"]["default"] = "Pending"
    status["default"] = {"phase": "Pending"}
    status["required"] = ["phase"]
    conditions = status["properties"]["conditions"]["items"]
    conditions["required"] = ["type", *conditions["required"]]


def _drop_defaults(node: Schema) -> None:
    node.pop("default", None)
    for child in _children(node):
        _drop_defaults(child)


def _structural(node: Schema, definitions: Schema) -> Schema:
    """`node` of pydantic's JSON Schema as Kubernetes allows it."""
    node = _resolved(node, definitions)
    made: Schema = {key: node[key] for key in _KEPT if key in node}
    if "const" in node:
        made["enum"] = [node["const"]]
    if made.get("default") in (None, "", [], {}) or isinstance(made.get("default"), dict):
        made.pop("default", None)
    if made.get("type") == "integer":
        made["format"] = "int64"
    if "properties" in node:
        made["properties"] = {k: _structural(v, definitions) for k, v in node["properties"].items()}
        _mark_lists(made["properties"])
        if "required" in node:
            made["required"] = node["required"]
    elif isinstance(node.get("additionalProperties"), dict):
        made["additionalProperties"] = _structural(node["additionalProperties"], definitions)
    if "items" in node:
        made["items"] = _structural(node["items"], definitions)
    return made


def _resolved(node: Schema, definitions: Schema) -> Schema:
    """`node` without references and without `anyOf: [X, null]`: absent and null are one to us."""
    options = [one for one in node.get("anyOf", ()) if one.get("type") != "null"]
    if options:
        node = {**_resolved(options[0], definitions), **{k: v for k, v in node.items() if k != "anyOf"}}
    if "$ref" in node:
        target = _resolved(definitions[node["$ref"].rsplit("/", 1)[-1]], definitions)
        node = {**target, **{k: v for k, v in node.items() if k != "$ref"}}
    return node


def _mark_lists(fields: Schema) -> None:
    for name, key in _LIST_KEYS.items():
        if name in fields:
            fields[name]["x-kubernetes-list-type"] = "map"
            fields[name]["x-kubernetes-list-map-keys"] = [key]


def _place(node: Schema, path: Path) -> Schema:
    for step in path:
        node = node["items"] if step == "*" else node["properties"][step]
    return node


def _children(node: Schema) -> Iterable[Schema]:
    yield from node.get("properties", {}).values()
    for key in ("items", "additionalProperties"):
        if key in node:
            yield node[key]
