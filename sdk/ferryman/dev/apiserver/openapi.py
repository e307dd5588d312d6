"""OpenAPI documents: enough for `kubectl explain`, client-side checks and strict field validation."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any, Final

from ferryman.dev.apiserver.errors import NotFound
from ferryman.dev.apiserver.resources import Object, Registry, Resource

_INFO: Final = {"title": "Kubernetes", "version": "v1.32.0"}
_META: Final = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
_META_SCHEMA: Final[Object] = {
    "description": "The name, labels and owners of an object.",
    "type": "object",
    "properties": {
        **{
            key: {"type": "string"} for key in ("name", "generateName", "namespace", "uid", "resourceVersion")
        },
        **{
            key: {"type": "string", "format": "date-time"}
            for key in ("creationTimestamp", "deletionTimestamp")
        },
        **{
            key: {"type": "integer", "format": "int64"}
            for key in ("generation", "deletionGracePeriodSeconds")
        },
        **{
            key: {"type": "object", "additionalProperties": {"type": "string"}}
            for key in ("labels", "annotations")
        },
        "finalizers": {"type": "array", "items": {"type": "string"}},
        "ownerReferences": {"type": "array", "items": {"type": "object"}},
        "managedFields": {"type": "array", "items": {"type": "object"}},
    },
}


def index(registry: Registry) -> Object:
    """`/openapi/v3`."""
    paths = {}
    for group, version in sorted({(resource.group, resource.version) for resource in registry}):
        path = f"apis/{group}/{version}" if group else f"api/{version}"
        mark = hashlib.sha256(json.dumps(document(registry, group, version)).encode()).hexdigest()
        paths[path] = {"serverRelativeURL": f"/openapi/v3/{path}?hash={mark[:32].upper()}"}
    return {"paths": paths}


def document(registry: Registry, group: str, version: str) -> Object:
    """`/openapi/v3/apis/GROUP/VERSION`. Raises NotFound."""
    found = [each for each in registry if (each.group, each.version) == (group, version)]
    if not found:
        raise NotFound("the server could not find the requested resource")
    return {
        "openapi": "3.0.0",
        "info": _INFO,
        "paths": _all_paths(found),
        "components": {"schemas": _schemas(found, "#/components/schemas/")},
    }


def swagger(registry: Registry) -> Object:
    """`/openapi/v2`."""
    return {
        "swagger": "2.0",
        "info": _INFO,
        "paths": _all_paths(registry),
        "definitions": _schemas(registry, "#/definitions/"),
    }


def _schemas(resources: Iterable[Resource], references: str) -> Object:
    return {_name(one): _schema(one, references) for one in resources} | {_META: _META_SCHEMA}


def _all_paths(resources: Iterable[Resource]) -> Object:
    return {path: item for one in resources for path, item in _paths(one).items()}


def _name(resource: Resource) -> str:
    group = (
        ".".join(reversed(resource.group.split(".")))
        if "." in resource.group
        else f"io.k8s.api.{resource.group or 'core'}"
    )
    return f"{group}.{resource.version}.{resource.kind}"


def _kind(resource: Resource) -> Object:
    return {"group": resource.group, "version": resource.version, "kind": resource.kind}


def _schema(resource: Resource, prefix: str) -> Object:
    given = resource.schema or {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    properties = {
        **_without_rules(given.get("properties") or {}),
        "apiVersion": {"type": "string", "description": "The version of the resource."},
        "kind": {"type": "string", "description": "The kind of the resource."},
        "metadata": {"allOf": [{"$ref": prefix + _META}], "description": "Name, labels, owners."},
    }
    return {
        **_without_rules(given),
        "properties": properties,
        "x-kubernetes-group-version-kind": [_kind(resource)],
    }


def _without_rules(value: Any) -> Any:
    """A schema without what OpenAPI does not know and clients do not need."""
    if isinstance(value, dict):
        return {key: _without_rules(item) for key, item in value.items() if key != "x-kubernetes-validations"}
    return [_without_rules(item) for item in value] if isinstance(value, list) else value


def _paths(resource: Resource) -> Object:
    base = f"/apis/{resource.group}/{resource.version}" if resource.group else f"/api/{resource.version}"
    collection = (
        f"{base}/namespaces/{{namespace}}/{resource.plural}"
        if resource.namespaced
        else f"{base}/{resource.plural}"
    )
    return {
        collection: {"get": _operation(resource, "list"), "post": _operation(resource, "post")},
        f"{collection}/{{name}}": {
            "get": _operation(resource, "get"),
            "put": _operation(resource, "put"),
            "patch": _operation(resource, "patch"),
            "delete": _operation(resource, "delete"),
        },
    }


def _operation(resource: Resource, action: str) -> Object:
    writes = action in {"post", "put", "patch"}
    names = ("dryRun", "fieldManager", "fieldValidation") if writes else ()
    return {
        "x-kubernetes-action": action,
        "x-kubernetes-group-version-kind": _kind(resource),
        "parameters": [
            {"name": name, "in": "query", "schema": {"type": "string", "uniqueItems": True}} for name in names
        ],
        "responses": {"200": {"description": "OK"}},
    }
