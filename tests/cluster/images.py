"""Container images without a registry: docker archives, which `ctr images import` and `docker load` read."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from cluster import dockerfile, layers

PAUSE = "ferryman.test/pause:1"
RUNNER = "ferryman.test/runner:dev"
OPERATOR = "ferryman.test/operator:dev"

RUNNER_FILE = "sdk/Dockerfile"
OPERATOR_FILE = "operator/Dockerfile"


@dataclass(frozen=True)
class Image:
    """A name, layers from the lowest to the highest, and how a container is started."""

    name: str
    layers: tuple[Path, ...]
    config: dict[str, Any] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """Of all that it is made of."""
        contents = [[layers.sha256(layer) for layer in self.layers], self.config]
        return hashlib.sha256(json.dumps(contents).encode()).hexdigest()[:32]


def pause() -> Image:
    """What holds a pod's namespaces."""
    return Image(PAUSE, (layers.pause(),), {"User": "65532:65532", "Entrypoint": ["/pause"]})


def runner() -> Image:
    """Debian's Python, and what `pip install ferryman` installs."""
    stack = (layers.debian(), layers.dependencies(), layers.project())
    return Image(RUNNER, stack, dockerfile.settings(RUNNER_FILE))


def operator() -> Image:
    """The same Python, what the operator loads, and the project."""
    stack = (layers.debian(), layers.operator_dependencies(), layers.project())
    return Image(OPERATOR, stack, dockerfile.settings(OPERATOR_FILE))


def write(image: Image, out: IO[bytes]) -> None:
    """Write it as a docker archive."""
    digests = [layers.sha256(layer) for layer in image.layers]
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": image.config,
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}" for digest in digests]},
        "history": [{"created_by": layer.name} for layer in image.layers],
    }
    text = json.dumps(config).encode()
    name = f"{hashlib.sha256(text).hexdigest()}.json"
    manifest = [{"Config": name, "RepoTags": [image.name], "Layers": [f"{digest}.tar" for digest in digests]}]
    with tarfile.open(fileobj=out, mode="w|", format=tarfile.PAX_FORMAT) as archive:
        _add(archive, name, text)
        for layer, digest in zip(image.layers, digests, strict=True):
            member = tarfile.TarInfo(f"{digest}.tar")
            member.size = layer.stat().st_size
            with layer.open("rb") as content:
                archive.addfile(member, content)
        _add(archive, "manifest.json", json.dumps(manifest).encode())


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))
