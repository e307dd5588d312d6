"""What a request asks for: verb, resource, namespace, name, subresource, and the forms the client accepts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import yaml
from aiohttp import web

from ferryman.dev.apiserver import protobuf
from ferryman.dev.apiserver.errors import ApiError, BadRequest, MethodNotAllowed, NotFound, UnsupportedMedia
from ferryman.dev.apiserver.resources import Object, Registry, Resource, WriteOptions
from ferryman.dev.apiserver.selectors import Selection, parse_fields, parse_labels

Form = Literal["object", "table", "metadata"]

WRITE_VERBS: Final = frozenset({"create", "update", "patch", "delete", "deletecollection"})
_COLLECTION_VERBS: Final = {"GET": "list", "POST": "create", "DELETE": "deletecollection"}
_OBJECT_VERBS: Final = {"GET": "get", "PUT": "update", "PATCH": "patch", "DELETE": "delete", "POST": "create"}


@dataclass(frozen=True, slots=True)
class Target:
    """What a request is about."""

    verb: str
    resource: Resource
    namespace: str | None
    name: str
    subresource: str


def parse_target(registry: Registry, method: str, path: str, query: Mapping[str, str]) -> Target:
    """The target of a path under /api or /apis. Raises NotFound, MethodNotAllowed."""
    group, version, rest = _split(path)
    namespace: str | None = None
    if rest[0] == "namespaces" and len(rest) >= 3 and not _is_namespace_subresource(group, rest):
        namespace, rest = rest[1], rest[2:]
    resource = registry.find(group, version, rest[0])
    name = rest[1] if len(rest) > 1 else ""
    subresource = "/".join(rest[2:])
    if subresource and subresource not in resource.subresources:
        raise NotFound("the server could not find the requested resource")
    verb = (_OBJECT_VERBS if name else _COLLECTION_VERBS).get(method, "")
    if verb == "list" and query.get("watch") in {"true", "1"}:
        verb = "watch"
    if verb not in resource.verbs or (name and verb == "create" and not subresource):
        raise MethodNotAllowed(
            "the server does not allow this method on the requested resource", resource.subject(name)
        )
    return Target(verb, resource, namespace, name, subresource)


def _split(path: str) -> tuple[str, str, list[str]]:
    parts = [part for part in path.split("/") if part]
    head = 2 if parts[0] == "api" else 3
    if len(parts) <= head:
        raise NotFound("the server could not find the requested resource")
    group = "" if parts[0] == "api" else parts[1]
    return group, parts[head - 1], parts[head:]


def _is_namespace_subresource(group: str, rest: list[str]) -> bool:
    return group == "" and len(rest) == 3 and rest[2] in {"status", "finalize"}


def selection(target: Target, query: Mapping[str, str]) -> Selection:
    """The objects that a list or watch is to show. Raises BadRequest."""
    fields = parse_fields(query.get("fieldSelector", ""), target.resource.selectable)
    return Selection(target.namespace, parse_labels(query.get("labelSelector", "")), fields)


def write_options(query: Mapping[str, str]) -> WriteOptions:
    """From `dryRun` and `fieldValidation`. Raises BadRequest."""
    validation = query.get("fieldValidation") or "Warn"
    if validation not in {"Strict", "Warn", "Ignore"}:
        raise BadRequest(f'fieldValidation: Unsupported value: "{validation}"')
    return WriteOptions(dry_run=bool(query.get("dryRun")), field_validation=validation)  # type: ignore[arg-type]


def accepted_form(accept: str) -> Form:
    """The first form in an Accept header that the server has."""
    for part in accept.split(","):
        words = {word.strip().lower() for word in part.split(";")}
        if not words & {"application/json", "application/*", "*/*"}:
            continue
        if "as=table" in words and "v=v1" in words:
            return "table"
        if words & {"as=partialobjectmetadata", "as=partialobjectmetadatalist"}:
            return "metadata"
        return "object"
    return "object"


async def read_body(request: web.Request) -> Any:
    """The body as JSON (or YAML); None if it is empty. Raises BadRequest, UnsupportedMedia."""
    raw = await request.read()
    if not raw:
        return None
    kind = request.content_type
    if kind == protobuf.MEDIA_TYPE:
        return protobuf.decode(raw)
    try:
        if kind.endswith("yaml"):
            return yaml.safe_load(raw)
        if kind.endswith("json") or kind == "application/octet-stream":
            return json.loads(raw)
    except (ValueError, yaml.YAMLError) as error:
        raise BadRequest(f"the body cannot be read: {error}") from None
    text = "the body of the request was in an unknown format - accepted media types include: application/json"
    raise UnsupportedMedia(f"{text}; got {kind}")


async def named_in_body(request: web.Request) -> str:
    """The name of the object that a create brings; "" if it has none, or cannot be read."""
    try:
        body = await read_object(request)
    except ApiError:
        return ""
    metadata = body.get("metadata")
    return str(metadata.get("name") or "") if isinstance(metadata, dict) else ""


async def read_object(request: web.Request) -> Object:
    """The body as an object. Raises BadRequest."""
    body = await read_body(request)
    if not isinstance(body, dict):
        raise BadRequest("the body of the request must be an object")
    return body
