"""From a pod to what to start: directories, variables, limits."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ferryman.dev.apiserver.quantities import parse_quantity
from ferryman.dev.node import environment
from ferryman.dev.node.container import Launch
from ferryman.dev.node.environment import ConfigError, Lookup

MISSING_IMAGES: Final = "missing.invalid/"
"""Images of this registry cannot be pulled; every other image is this machine's Python."""

Object = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PodDirectory:
    """Where the files of one pod lie. Only logs and reports outlive the pod's end."""

    root: Path
    access: Path | None = None
    """A kubeconfig: what a mounted token is on a cluster."""

    def log(self, container: str) -> Path:
        return self.root / f"{container}.log"

    def report(self, container: str) -> Path:
        return self.root / f"{container}.termination-log"

    def scratch(self, container: str) -> Path:
        return self.root / "scratch" / container

    @property
    def volumes(self) -> Path:
        return self.root / "scratch" / ".volumes"

    @property
    def temporary(self) -> Path:
        return self.root / "scratch" / ".tmp"

    def make(self, pod: Object) -> None:
        """Create what the containers need."""
        for container in pod["spec"]["containers"]:
            self.scratch(container["name"]).mkdir(parents=True, exist_ok=True)
        self.temporary.mkdir(exist_ok=True)
        for volume in pod["spec"].get("volumes") or ():
            (self.volumes / volume["name"]).mkdir(parents=True, exist_ok=True)

    def clear(self) -> None:
        """Remove what the containers wrote."""
        shutil.rmtree(self.root / "scratch", ignore_errors=True)

    def remove(self) -> None:
        shutil.rmtree(self.root, ignore_errors=True)


def launch(pod: Object, container: Object, directory: PodDirectory, lookup: Lookup) -> Launch:
    """How to start `container`. Raises ConfigError."""
    name = container["name"]
    command = [*(container.get("command") or ()), *(container.get("args") or ())]
    if not container.get("command"):
        raise ConfigError(
            f'container "{name}" has no command, and the embedded cluster has no images to take one from'
        )
    report = directory.report(name)
    base = environment.base(directory.scratch(name), directory.temporary)
    given = environment.variables_of(pod, container, lookup)
    mounts = {
        one["mountPath"]: directory.volumes / one["name"] for one in container.get("volumeMounts") or ()
    }
    variables = {**base, **environment.relocate(given, mounts), **_access(pod, directory)}
    return Launch(
        command=command,
        environment=environment.with_report(variables, report),
        directory=directory.scratch(name),
        log=directory.log(name),
        report=report,
        memory_limit=_memory_limit(container),
        fallback_to_logs=container.get("terminationMessagePolicy") == "FallbackToLogsOnError",
    )


def _access(pod: Object, directory: PodDirectory) -> dict[str, str]:
    mounted = pod["spec"].get("automountServiceAccountToken") and directory.access
    return {"KUBECONFIG": str(directory.access)} if mounted else {}


def materialise(pod: Object, directory: PodDirectory, lookup: Lookup) -> None:
    """Write the files of the Secret and ConfigMap volumes. Raises ConfigError."""
    for volume in pod["spec"].get("volumes") or ():
        for field, kind, key in (("secret", "Secret", "secretName"), ("configMap", "ConfigMap", "name")):
            if field in volume:
                _write_volume(volume[field], kind, key, directory.volumes / volume["name"], lookup)


def _write_volume(source: Object, kind: str, key: str, path: Path, lookup: Lookup) -> None:
    held = lookup(kind, source[key])
    if held is None:
        if source.get("optional"):
            return
        raise ConfigError(f'{kind.lower()} "{source[key]}" not found')
    data = environment.data_of(held)
    for item in source.get("items") or [{"key": name, "path": name} for name in data]:
        target = (path / item["path"]).resolve()
        if item["key"] in data and target.is_relative_to(path.resolve()):
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(data[item["key"]])


def missing_image(pod: Object) -> tuple[str, str] | None:
    """A container and its image, if that image cannot be pulled."""
    for container in pod["spec"]["containers"]:
        if container.get("image", "").startswith(MISSING_IMAGES):
            return container["name"], container["image"]
    return None


def _memory_limit(container: Object) -> int | None:
    limit = ((container.get("resources") or {}).get("limits") or {}).get("memory")
    return None if limit is None else int(parse_quantity(limit))
