"""What each verb does: a request about a resource -> an answer."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from ferryman.dev.apiserver.custom import CustomStrategy
from ferryman.dev.apiserver.deletion import DeleteOptions
from ferryman.dev.apiserver.errors import ApiError, BadRequest, UnsupportedMedia, success
from ferryman.dev.apiserver.history import Record
from ferryman.dev.apiserver.patches import PatchKind
from ferryman.dev.apiserver.requests import (
    Target,
    accepted_form,
    read_body,
    read_object,
    selection,
    write_options,
)
from ferryman.dev.apiserver.resources import Object
from ferryman.dev.apiserver.reviews import is_review, review
from ferryman.dev.apiserver.storage import Storage
from ferryman.dev.apiserver.tables import rendered, rendered_list
from ferryman.dev.apiserver.watch import viewed
from ferryman.dev.apiserver.watching import Listing


@dataclass(slots=True)
class Answer:
    """What goes back: a JSON body, its code, and warnings."""

    body: bytes
    code: int = 200
    warnings: list[str] = field(default_factory=list)


async def read_one(storage: Storage, target: Target, request: web.Request) -> Answer:
    """GET of one object."""
    record = storage.record(target.resource, target.namespace, target.name)
    return _shown(target, request, record)


async def read_many(
    storage: Storage, target: Target, request: web.Request, *, versions_back: int = 0
) -> Answer:
    """LIST, in pages if the client wants; `versions_back` changes ago if a fault rule wants."""
    query = request.query
    at, after, limit = _page(query)
    if versions_back:
        at = storage.version_before(target.resource, versions_back)
    listing = storage.select(target.resource, selection(target, query), at=at)
    records = [record for record in listing.records if after is None or _key(record) > after]
    shown = records[:limit] if limit else records
    metadata: Object = {"resourceVersion": str(listing.version)}
    if len(shown) < len(records):
        metadata |= _next_page(listing, shown[-1], len(records) - len(shown), query)
    views = [viewed(target.resource, record) for record in shown]
    return Answer(
        rendered_list(target.resource, views, metadata, accepted_form(request.headers.get("Accept", "")))
    )


def _page(query: Mapping[str, str]) -> tuple[int | None, tuple[str, str] | None, int]:
    """At which version, after which (namespace, name), how many."""
    try:
        limit = int(query.get("limit") or 0)
        if query.get("continue"):
            token = json.loads(base64.urlsafe_b64decode(query["continue"]))
            return int(token["rv"]), (token["namespace"], token["name"]), limit
        exact = query.get("resourceVersionMatch") == "Exact"
        return int(query["resourceVersion"]) if exact else None, None, limit
    except (ValueError, KeyError, TypeError, binascii.Error):
        raise BadRequest("the continue parameter or the resourceVersion is not valid") from None


def _next_page(listing: Listing, last: Record, remaining: int, query: Mapping[str, str]) -> Object:
    namespace, name = _key(last)
    token = json.dumps({"rv": listing.version, "namespace": namespace, "name": name}).encode()
    found: Object = {"continue": base64.urlsafe_b64encode(token).decode()}
    if not query.get("labelSelector") and not query.get("fieldSelector"):
        found["remainingItemCount"] = remaining
    return found


def _key(record: Record) -> tuple[str, str]:
    metadata = record.object["metadata"]
    return metadata.get("namespace", ""), metadata["name"]


async def create(storage: Storage, target: Target, request: web.Request) -> Answer:
    """POST."""
    if is_review(target.resource):
        # kubectl sends these as protobuf; what is asked does not matter, as the answer is yes.
        body = await read_object(request) if request.content_type.endswith("json") else {}
        return Answer(json.dumps(review(target.resource, body)).encode(), 201)
    body = await read_object(request)
    options = write_options(request.query)
    new = _incoming(target, body)
    made = storage.create(target.resource, new, options)
    return _shown(target, request, _record(made), code=201, warnings=options.warnings)


async def update(storage: Storage, target: Target, request: web.Request) -> Answer:
    """PUT."""
    options = write_options(request.query)
    new = _incoming(target, await read_object(request))
    name = new["metadata"].setdefault("name", target.name)
    if name != target.name:
        text = f"the name of the object ({name}) does not match the name on the URL ({target.name})"
        raise BadRequest(text, target.resource.subject(target.name))
    changed = storage.update(target.resource, new, subresource=target.subresource, options=options)
    return _shown(target, request, _record(changed), warnings=options.warnings)


async def patch(storage: Storage, target: Target, request: web.Request) -> Answer:
    """PATCH: merge, JSON or strategic; server-side apply is not offered."""
    try:
        kind = PatchKind(request.content_type)
    except ValueError:
        supported = ", ".join(PatchKind)
        text = f"the body of the request was in an unknown format - accepted media types include: {supported}"
        raise UnsupportedMedia(text, target.resource.subject(target.name)) from None
    if kind is PatchKind.STRATEGIC and isinstance(target.resource.strategy, CustomStrategy):
        subject = target.resource.subject(target.name)
        raise UnsupportedMedia("strategic merge patches are not for custom resources", subject)
    options = write_options(request.query)
    change = await read_body(request)
    changed = storage.patch(
        target.resource,
        target.namespace,
        target.name,
        change,
        kind=kind,
        subresource=target.subresource,
        options=options,
    )
    return _shown(target, request, _record(changed), warnings=options.warnings)


async def delete(storage: Storage, target: Target, request: web.Request) -> Answer:
    """DELETE of one object."""
    options, warnings = _delete_options(target, await read_body(request), request.query)
    record = storage.record(target.resource, target.namespace, target.name)
    last = storage.delete(target.resource, target.namespace, target.name, options)
    held = _held(storage, target, last)
    if held or target.resource.qualified == "pods":
        return _shown(target, request, _record(last), warnings=warnings)
    details = target.resource.subject(target.name).as_details() | {"uid": record.object["metadata"]["uid"]}
    return Answer(json.dumps(success(details)).encode(), warnings=warnings)


def _held(storage: Storage, target: Target, last: Object) -> bool:
    try:
        current = storage.get(target.resource, target.namespace, target.name)
    except ApiError:
        return False
    return bool(current["metadata"]["uid"] == last["metadata"]["uid"])


async def delete_many(storage: Storage, target: Target, request: web.Request) -> Answer:
    """DELETE of a collection."""
    options, warnings = _delete_options(target, await read_body(request), request.query)
    listing = storage.select(target.resource, selection(target, request.query))
    for record in listing.records:
        namespace, name = _key(record)
        storage.delete(target.resource, namespace, name, options)
    metadata = {"resourceVersion": str(storage.version)}
    views = [viewed(target.resource, record) for record in listing.records]
    return Answer(rendered_list(target.resource, views, metadata, "object"), warnings=warnings)


def _delete_options(target: Target, body: Any, query: Mapping[str, str]) -> tuple[DeleteOptions, list[str]]:
    given: Object = dict(body) if isinstance(body, dict) else {}
    for key in ("propagationPolicy", "gracePeriodSeconds", "orphanDependents", "dryRun"):
        if query.get(key) and given.get(key) is None:
            given[key] = query[key]
    try:
        given["gracePeriodSeconds"] = (
            int(given["gracePeriodSeconds"]) if given.get("gracePeriodSeconds") is not None else None
        )
    except ValueError:
        raise BadRequest("gracePeriodSeconds must be a number") from None
    warnings = []
    chosen = given.get("propagationPolicy") or given.get("orphanDependents") is not None
    if target.resource.default_propagation == "Orphan" and not chosen:
        warnings.append(
            "child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to "
            "remove them or set propagationPolicy=Orphan to suppress this warning"
        )
    return DeleteOptions.parse(given), warnings


def _incoming(target: Target, body: Object) -> Object:
    """The object in its stored form, in the namespace of the URL."""
    obj = target.resource.to_stored(body) if target.resource.to_stored else body
    metadata = obj.setdefault("metadata", {})
    if not isinstance(metadata, dict):
        raise BadRequest("metadata must be an object")
    if target.resource.namespaced and target.namespace:
        given = metadata.setdefault("namespace", target.namespace) or target.namespace
        if given != target.namespace:
            text = "the namespace of the provided object does not match the namespace sent on the request"
            raise BadRequest(text, target.resource.subject(target.name))
        metadata["namespace"] = given
    return obj


def _record(obj: Object) -> Record:
    return Record(obj, int(obj["metadata"].get("resourceVersion") or 0))


def _shown(
    target: Target,
    request: web.Request,
    record: Record,
    *,
    code: int = 200,
    warnings: list[str] | None = None,
) -> Answer:
    form = accepted_form(request.headers.get("Accept", ""))
    return Answer(rendered(target.resource, viewed(target.resource, record), form), code, warnings or [])
