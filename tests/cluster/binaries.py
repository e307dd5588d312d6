"""The programs that are compiled from Go modules, kept in the user's cache and built once per version."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from cluster.commands import persistently, run
from cluster.paths import BUILD, CACHE, SOURCES


@dataclass(frozen=True)
class Binary:
    """A program: the folder of its go.mod, its package, and the module that gives it its version."""

    name: str
    package: str
    module: str = ""


KUBERNETES = Binary("kubernetes", ".", "k8s.io/kubernetes")
ETCD = Binary("etcd", "go.etcd.io/etcd/server/v3", "go.etcd.io/etcd/server/v3")
OBJECT_STORE = Binary(
    "versitygw", "github.com/versity/versitygw/cmd/versitygw", "github.com/versity/versitygw"
)
PAUSE = Binary("pause", ".")

HELM = Binary("helm", "helm.sh/helm/v3/cmd/helm", "helm.sh/helm/v3")

ALL = (KUBERNETES, ETCD, OBJECT_STORE, PAUSE, HELM)


def path(binary: Binary) -> Path:
    """Where it is, or will be: the name has its version and a digest of all that it is made of."""
    digest = hashlib.sha256()
    for source in sorted((SOURCES / binary.name).iterdir()):
        digest.update(source.name.encode() + b"\0" + source.read_bytes() + b"\0")
    return CACHE / "bin" / "-".join(filter(None, (binary.name, version(binary), digest.hexdigest()[:10])))


def version(binary: Binary) -> str:
    """The version of its module in go.mod: `v1.36.3`."""
    if not binary.module:
        return ""
    found = re.search(rf"^\s*(?:require )?{re.escape(binary.module)} (v\S+)", _go_mod(binary), re.MULTILINE)
    if not found:
        raise ValueError(f"{binary.name}/go.mod does not require {binary.module}")
    return found[1]


def build(binary: Binary) -> Path:
    """The program, compiled if it is not there yet."""
    target = path(binary)
    if target.exists():
        return target
    print(f"compiling {target.name} (once per version)", flush=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        made = Path(scratch) / binary.name
        # Again is cheap: what was downloaded and compiled before is in Go's own caches.
        persistently(lambda: _compile(binary, made))
        made.rename(target)
    return target


def link() -> Path:
    """Put `kubectl` and `helm` beside the kubeconfig, for machines that have none. Returns their folder."""
    folder = BUILD / "bin"
    folder.mkdir(parents=True, exist_ok=True)
    for name, binary in (("kubectl", KUBERNETES), ("helm", HELM)):
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to(path(binary))
    return folder


def _compile(binary: Binary, made: Path) -> None:
    # `nice` and two compilers at a time: the machine has other work.
    run(
        "nice", "-n", "19", _go(), "build", "-p", "2", "-mod=readonly", "-trimpath", "-buildvcs=false",
        "-ldflags", _flags(binary), "-o", made, binary.package,
        cwd=SOURCES / binary.name, env={**os.environ, "CGO_ENABLED": "0"},
    )  # fmt: skip


def _flags(binary: Binary) -> str:
    flags = ["-s", "-w"]
    if binary is KUBERNETES:
        # Without them it calls itself v0.0.0, and kubectl complains.
        major, minor, _ = version(binary).removeprefix("v").split(".", 2)
        stamps = {"gitVersion": version(binary), "gitMajor": major, "gitMinor": minor}
        flags += [f"-X=k8s.io/component-base/version.{name}={value}" for name, value in stamps.items()]
    if binary is HELM:
        flags.append(f"-X=helm.sh/helm/v3/internal/version.version={version(binary)}")
    return " ".join(flags)


def _go_mod(binary: Binary) -> str:
    return (SOURCES / binary.name / "go.mod").read_text()


def _go() -> str:
    found = shutil.which("go") or shutil.which("/usr/local/go/bin/go")
    if not found:
        raise FileNotFoundError("the Go toolchain is needed to compile Kubernetes: put `go` on the PATH")
    return found
