"""The forms besides the object itself: Tables, which kubectl prints, and metadata alone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from ferryman.dev.apiserver.columns import AGE, NAME
from ferryman.dev.apiserver.history import Record
from ferryman.dev.apiserver.requests import Form
from ferryman.dev.apiserver.resources import Column, Object, Resource

_META: str = "meta.k8s.io/v1"


def rendered(resource: Resource, record: Record, form: Form, *, header: bool = True) -> bytes:
    """One object as JSON in the form that the client asked for."""
    if form == "object":
        return record.body
    if form == "metadata":
        return _json(_partial(record.object))
    return _json(table(resource, [record], {"resourceVersion": str(record.version)}, header=header))


def rendered_list(resource: Resource, records: Sequence[Record], metadata: Object, form: Form) -> bytes:
    """A list as JSON in the form that the client asked for."""
    if form == "table":
        return _json(table(resource, records, metadata))
    kind = "PartialObjectMetadataList" if form == "metadata" else f"{resource.kind}List"
    version = _META if form == "metadata" else resource.api_version
    head = _json({"kind": kind, "apiVersion": version, "metadata": metadata})
    bodies = b",".join(rendered(resource, record, form) for record in records)
    return head[:-1] + b',"items":[' + bodies + b"]}"


def table(resource: Resource, records: Sequence[Record], metadata: Object, *, header: bool = True) -> Object:
    """A `Table`; without `header`, as the later events of a watch have it."""
    columns = resource.columns or (NAME, AGE)
    return {
        "kind": "Table",
        "apiVersion": _META,
        "metadata": metadata,
        "columnDefinitions": [_definition(column) for column in columns] if header else None,
        "rows": [_row(columns, record) for record in records],
    }


def _definition(column: Column) -> Object:
    return {
        "name": column.name,
        "type": column.type,
        "format": column.format,
        "description": column.description,
        "priority": column.priority,
    }


def _row(columns: Sequence[Column], record: Record) -> Object:
    return {"cells": [column.cell(record.object) for column in columns], "object": _partial(record.object)}


def _partial(obj: Object) -> Object:
    return {"kind": "PartialObjectMetadata", "apiVersion": _META, "metadata": obj["metadata"]}


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
