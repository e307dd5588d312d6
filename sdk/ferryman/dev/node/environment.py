"""The environment of a container: the pod's variables, looked up, over a minimal base.

Nothing of the environment of `ferryman dev` reaches a pod but what `base` lists, as nothing of a
laptop's reaches a pod on a cluster: PYTHONPATH least of all.
"""

from __future__ import annotations

import base64
import os
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ferryman.api.runner_contract import Env

Object = Mapping[str, Any]
Lookup = Callable[[str, str], Object | None]
"""(kind, name) -> the Secret or ConfigMap of the pod's namespace, if there is one."""

_REFERENCE = re.compile(r"\$\$|\$\(([A-Za-z_.-][A-Za-z0-9_.-]*)\)")
_SUBSCRIPT = re.compile(r"metadata\.(labels|annotations)\['([^']+)'\]")


class ConfigError(Exception):
    """The pod refers to what does not exist: CreateContainerConfigError."""


def base(scratch: Path, temporary: Path) -> dict[str, str]:
    """The variables that every container has: PATH with this Python first, HOME, LANG, TMPDIR."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    return {"PATH": path, "HOME": str(scratch), "LANG": "C.UTF-8", "TMPDIR": str(temporary)}


def variables_of(pod: Object, container: Object, lookup: Lookup) -> dict[str, str]:
    """The variables that the pod itself gives to `container`. Raises ConfigError."""
    found: dict[str, str] = {}
    for source in container.get("envFrom") or ():
        found.update(_all_of(source, lookup))
    for entry in container.get("env") or ():
        if "valueFrom" not in entry:
            found[entry["name"]] = _expand(entry.get("value", ""), found)
            continue
        value = _value_from(pod, entry["valueFrom"], lookup)
        if value is not None:
            found[entry["name"]] = value
    return found


def relocate(variables: Mapping[str, str], mounts: Mapping[str, Path]) -> dict[str, str]:
    """`variables` with paths below a volume's mount point turned into where it lies on this machine."""
    return {name: _relocated(value, mounts) for name, value in variables.items()}


def with_report(variables: Mapping[str, str], report: Path) -> dict[str, str]:
    """`variables` and the path of the termination message, which on a cluster is always the same."""
    return {**variables, str(Env.TERMINATION_LOG): str(report)}


def _relocated(value: str, mounts: Mapping[str, Path]) -> str:
    for mount, path in mounts.items():
        if value == mount or value.startswith(f"{mount}/"):
            return f"{path}{value[len(mount) :]}"
    return value


def _all_of(source: Object, lookup: Lookup) -> dict[str, str]:
    prefix = source.get("prefix", "")
    for field, kind in (("secretRef", "Secret"), ("configMapRef", "ConfigMap")):
        if field in source:
            held = _data(kind, source[field], lookup)
            return {f"{prefix}{name}": value for name, value in (held or {}).items()}
    return {}


def _value_from(pod: Object, source: Object, lookup: Lookup) -> str | None:
    if "fieldRef" in source:
        return field_value(pod, source["fieldRef"]["fieldPath"])
    for field, kind in (("secretKeyRef", "Secret"), ("configMapKeyRef", "ConfigMap")):
        if field in source:
            return _key_of(kind, source[field], lookup)
    # resourceFieldRef: what a container may use is not divided on a laptop.
    return ""


def field_value(pod: Object, path: str) -> str:
    """The field of `pod` that the downward API knows by this path. Raises ConfigError."""
    if found := _SUBSCRIPT.fullmatch(path):
        return str(pod["metadata"].get(found[1], {}).get(found[2], ""))
    known = {
        "metadata.name": pod["metadata"]["name"],
        "metadata.namespace": pod["metadata"]["namespace"],
        "metadata.uid": pod["metadata"]["uid"],
        "spec.nodeName": pod["spec"].get("nodeName", ""),
        "spec.serviceAccountName": pod["spec"].get("serviceAccountName", "default"),
        "status.hostIP": "127.0.0.1",
        "status.podIP": "127.0.0.1",
    }
    if path not in known:
        raise ConfigError(f"unsupported fieldPath: {path}")
    return str(known[path])


def _key_of(kind: str, reference: Object, lookup: Lookup) -> str | None:
    held = _data(kind, reference, lookup)
    if held is None:
        return None
    if reference["key"] in held:
        return held[reference["key"]]
    if reference.get("optional"):
        return None
    raise ConfigError(f"couldn't find key {reference['key']} in {kind} {reference.get('name', '')}")


def _data(kind: str, reference: Object, lookup: Lookup) -> dict[str, str] | None:
    name = reference.get("name", "")
    found = lookup(kind, name)
    if found is not None:
        return data_of(found)
    if reference.get("optional"):
        return None
    raise ConfigError(f'{kind.lower()} "{name}" not found')


def data_of(held: Object) -> dict[str, str]:
    """The values of a Secret or ConfigMap as text."""
    if held["kind"] == "ConfigMap":
        return dict(held.get("data") or {})
    encoded = {name: base64.b64decode(value).decode() for name, value in (held.get("data") or {}).items()}
    return {**encoded, **(held.get("stringData") or {})}


def _expand(text: str, known: Mapping[str, str]) -> str:
    """`text` with $(NAME) replaced, as Kubernetes does: what is not known stays, $$ is a dollar sign."""
    return _REFERENCE.sub(lambda m: "$" if m[0] == "$$" else known.get(m[1], m[0]), text)
