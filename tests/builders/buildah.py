"""buildah, with an image store of its own, and a stand-in for the base that no registry is there to give.

The stand-in has the base's name, Debian's own Python instead of the official one, and pip.
"""

from __future__ import annotations

import json
import os
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cluster import dockerfile, images, layers, packages

ROOT = Path(__file__).resolve().parents[2]
CERTIFICATES = Path("/etc/ssl/certs")
LIMIT_SECONDS = 600


class BuildahFailed(Exception):
    """buildah ended with an error; the message is the end of what it said."""


@dataclass(frozen=True)
class Buildah:
    """`folder` holds its images and its containers."""

    folder: Path

    def __call__(self, *words: str | Path) -> str:
        """What it prints. Raises BuildahFailed."""
        stores = ("--root", str(self.folder / "root"), "--runroot", str(self.folder / "run"))
        done = subprocess.run(
            (packages.program("buildah"), *stores, "--storage-driver", "vfs", *map(str, words)),
            cwd=ROOT,
            check=False,
            capture_output=True,
            text=True,
            timeout=LIMIT_SECONDS,
            stdin=subprocess.DEVNULL,
        )
        if done.returncode:
            raise BuildahFailed("\n".join((done.stdout + done.stderr).splitlines()[-30:]))
        return done.stdout

    def take_base(self) -> None:
        """Load the stand-in under the name that the Dockerfiles ask for."""
        archive = self.folder / "base.tar"
        base = images.Image(
            dockerfile.base(images.RUNNER_FILE),
            (layers.debian(), _pip(self.folder)),
            {"Env": ["PATH=/usr/local/bin:/usr/bin:/bin"]},
        )
        with archive.open("wb") as out:
            images.write(base, out)
        self("pull", "--quiet", f"docker-archive:{archive}")

    def build(self, file: str, name: str) -> Built:
        """The image of one of our Dockerfiles, built as from the root of the repository."""
        trusted = ("--volume", f"{CERTIFICATES}:{CERTIFICATES}:ro") if CERTIFICATES.exists() else ()
        self("bud", "--isolation", "chroot", "--pull-never", *trusted, "--file", file, "--tag", name, ".")
        config = json.loads(self("inspect", "--type", "image", name))["OCIv1"]["config"]
        return Built(self, self("from", "--pull-never", name).strip(), config)


@dataclass(frozen=True)
class Built:
    """An image that was built, with a container of it. `config` is as the image has it."""

    buildah: Buildah
    container: str
    config: dict[str, Any]

    def run(self, *command: str) -> str:
        """What a command prints in it, as the image's user. Raises BuildahFailed."""
        return self.buildah("run", "--isolation", "chroot", self.container, "--", *command)


def _pip(folder: Path) -> Path:
    target, layer = folder / "pip", folder / "pip.tar"
    subprocess.run((*layers.installer(), "--quiet", "--target", target, "pip"), check=True, env=os.environ)
    with tarfile.open(layer, "w") as archive:
        archive.add(target, str(layers.PACKAGES))
    return layer
