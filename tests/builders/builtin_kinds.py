"""The shapes of Kubernetes' built-in kinds, from the models of the installed client."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from kubernetes.client import models

_SCALARS = {"str": str, "int": int, "bool": bool, "float": (int, float), "datetime": str, "bytes": str}
_LIST = re.compile(r"[Ll]ist\[(.+)\]")
_DICT = re.compile(r"[Dd]ict[\[(]str, (.+?)[\])]")


def model_of(manifest: dict[str, Any]) -> str | None:
    """The model of a manifest's kind; None for kinds that are not built in."""
    group, _, version = manifest["apiVersion"].rpartition("/")
    prefix = group.split(".")[0].capitalize() if group == "events.k8s.io" else ""
    name = f"{prefix}{version.capitalize()}{manifest['kind']}"
    built_in = "." not in group or group.endswith(".k8s.io")
    return name if built_in and hasattr(models, name) else None


def faults(manifest: dict[str, Any]) -> list[str]:
    """Unknown fields, missing ones, wrong types; each with its path."""
    model = model_of(manifest)
    assert model is not None, manifest["kind"]
    return list(_faults(manifest, model, manifest["kind"]))


def _faults(value: Any, kind: str, path: str) -> Iterator[str]:
    if value is None or kind == "object":
        return
    if found := _LIST.fullmatch(kind):
        yield from _of_list(value, found[1], path)
    elif found := _DICT.fullmatch(kind):
        yield from _of_map(value, found[1], path)
    elif kind in _SCALARS:
        if not isinstance(value, _SCALARS[kind]) or (isinstance(value, bool) and kind != "bool"):
            yield f"{path}: {value!r} is not a {kind}"
    else:
        yield from _of_model(value, kind, path)


def _of_list(value: Any, kind: str, path: str) -> Iterator[str]:
    if not isinstance(value, list):
        yield f"{path}: {value!r} is not a list"
        return
    for index, item in enumerate(value):
        yield from _faults(item, kind, f"{path}[{index}]")


def _of_map(value: Any, kind: str, path: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{path}: {value!r} is not a map"
        return
    for key, item in value.items():
        yield from _faults(item, kind, f"{path}.{key}")


def _of_model(value: Any, kind: str, path: str) -> Iterator[str]:
    model = getattr(models, kind)
    if not isinstance(value, dict):
        yield f"{path}: {value!r} is not a {kind}"
        return
    known = {model.attribute_map[name]: declared for name, declared in model.openapi_types.items()}
    for field, item in value.items():
        if field not in known:
            yield f"{path}.{field}: unknown"
        else:
            yield from _faults(item, known[field], f"{path}.{field}")
    # The client's names of fields that are keywords of Python have an underscore somewhere.
    required = {n.strip("_") for n, field in model.model_fields.items() if field.is_required()}
    for name, field in model.attribute_map.items():
        if name.strip("_") in required and value.get(field) is None:
            yield f"{path}.{field}: missing"
