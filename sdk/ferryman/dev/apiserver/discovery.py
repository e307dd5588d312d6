"""Discovery: /api, /apis, /apis/GROUP, /apis/GROUP/VERSION, /version."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ferryman.dev.apiserver.errors import NotFound
from ferryman.dev.apiserver.resources import Object, Registry, Resource

VERSION: Final[Object] = {
    "major": "1",
    "minor": "32",
    "gitVersion": "v1.32.0+ferryman",
    "gitCommit": "0000000000000000000000000000000000000000",
    "gitTreeState": "clean",
    "buildDate": "1970-01-01T00:00:00Z",
    "goVersion": "none",
    "compiler": "none",
    "platform": "linux/amd64",
}
"""What `/version` says: clients choose what they send by it."""


def core_versions() -> Object:
    """`/api`."""
    return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}


def groups(registry: Registry) -> Object:
    """`/apis`."""
    return {
        "kind": "APIGroupList",
        "apiVersion": "v1",
        "groups": [_group(name, registry) for name in _names(registry)],
    }


def group(name: str, registry: Registry) -> Object:
    """`/apis/GROUP`. Raises NotFound."""
    if name not in _names(registry):
        raise NotFound("the server could not find the requested resource")
    return {"kind": "APIGroup", "apiVersion": "v1", **_group(name, registry)}


def _names(registry: Registry) -> Sequence[str]:
    return sorted({resource.group for resource in registry if resource.group})


def _group(name: str, registry: Registry) -> Object:
    versions = dict.fromkeys(resource.version for resource in registry if resource.group == name)
    listed = [{"groupVersion": f"{name}/{version}", "version": version} for version in versions]
    return {"name": name, "versions": listed, "preferredVersion": listed[0]}


def resources(group_name: str, version: str, registry: Registry) -> Object:
    """`/api/v1` and `/apis/GROUP/VERSION`. Raises NotFound."""
    found = [each for each in registry if (each.group, each.version) == (group_name, version)]
    if not found:
        raise NotFound("the server could not find the requested resource")
    listed = [entry for resource in found for entry in _entries(resource)]
    name = f"{group_name}/{version}" if group_name else version
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": name, "resources": listed}


def _entries(resource: Resource) -> list[Object]:
    entry: Object = {
        "name": resource.plural,
        "singularName": resource.singular or resource.kind.lower(),
        "namespaced": resource.namespaced,
        "kind": resource.kind,
        "verbs": list(resource.verbs),
    }
    if resource.short_names:
        entry["shortNames"] = list(resource.short_names)
    if resource.categories:
        entry["categories"] = list(resource.categories)
    return [entry, *(_subresource(resource, name) for name in resource.subresources)]


def _subresource(resource: Resource, name: str) -> Object:
    verbs = ["get"] if name == "log" else ["get", "patch", "update"]
    return {
        "name": f"{resource.plural}/{name}",
        "singularName": "",
        "namespaced": resource.namespaced,
        "kind": resource.kind,
        "verbs": verbs,
    }
