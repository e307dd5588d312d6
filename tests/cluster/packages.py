"""What comes from Debian: the container runtime, network plugins, and what makes a root filesystem."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from cluster.commands import persistently, run

PLUGINS = Path("/usr/lib/cni")
NEEDED = {
    "containerd": "containerd",
    "ctr": "containerd",
    "runc": "runc",
    "ip": "iproute2",
    "openssl": "openssl",
    "debootstrap": "debootstrap",
    str(PLUGINS / "bridge"): "containernetworking-plugins",
}
"""A program, and the package that has it."""

BUILDERS = {"buildah": "buildah"}
"""What builds our Dockerfiles; the cluster does without."""

SEARCHED = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def install(needed: Mapping[str, str] = NEEDED) -> None:
    """Install what is missing. Nothing is started by it: there may be no systemd to do so."""
    missing = sorted({package for program, package in needed.items() if not find(program)})
    if not missing:
        return
    print(f"installing {' '.join(missing)} from Debian", flush=True)
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    persistently(lambda: run("apt-get", "update", env=env))
    persistently(lambda: run("apt-get", "install", "--yes", "--no-install-recommends", *missing, env=env))


def find(program: str) -> str | None:
    """The path of a program of the system, sbin included."""
    return shutil.which(program, path=SEARCHED)


def program(name: str) -> str:
    """Raises FileNotFoundError if it is not installed."""
    found = find(name)
    if not found:
        raise FileNotFoundError(
            f"{name} is not installed: `apt-get install {(NEEDED | BUILDERS).get(name, name)}`"
        )
    return found
