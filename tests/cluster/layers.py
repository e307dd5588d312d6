"""The layers of images: tars of a root filesystem's parts, made once and kept in the user's cache."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from cluster import binaries, packages
from cluster.commands import persistently, run
from cluster.paths import CACHE, ROOT

SUITE = "bookworm"
MIRROR = "http://deb.debian.org/debian"
PYTHON = "3.11"
"""What that suite has; code pickled by another minor version is refused by the runner."""

PACKAGES = Path("usr/local/lib/python3.11/dist-packages")
_USELESS = ("var/cache/apt", "var/lib/apt/lists", "usr/share/doc", "usr/share/locale", "usr/share/man", "dev")
_FOLDERS = {
    "ferryman": ROOT / "sdk" / "ferryman",
    "ferryman_operator": ROOT / "operator" / "ferryman_operator",
}


def pause() -> Path:
    """Nothing but the program."""

    def fill(root: Path) -> None:
        shutil.copy2(binaries.build(binaries.PAUSE), root / "pause")

    return _layer("pause", binaries.path(binaries.PAUSE).name.removeprefix("pause-"), fill)


def debian() -> Path:
    """Debian with its Python."""

    def fill(root: Path) -> None:
        persistently(lambda: _debootstrap(root))
        for useless in _USELESS:
            shutil.rmtree(root / useless, ignore_errors=True)
        (root / "dev").mkdir()
        (root / "usr/local/bin/python").symlink_to("/usr/bin/python3")

    return _layer("debian", f"{SUITE}-1", fill)


def _debootstrap(root: Path) -> None:
    # From nothing, also the second time: it does not go on where it failed.
    shutil.rmtree(root)
    root.mkdir(mode=0o755)
    run(
        packages.program("debootstrap"), "--variant=minbase", "--include=python3,ca-certificates",
        SUITE, root, MIRROR, env={**os.environ, "PATH": packages.SEARCHED},
    )  # fmt: skip


def dependencies() -> Path:
    """What ferryman needs, in the versions that the project is tested with."""
    return _installed("dependencies", _pyproject()["project"]["dependencies"])


def operator_dependencies() -> Path:
    """What the operator loads of them, and what it needs beside them: no client of the store, no cloudpickle."""
    return _installed("operator-dependencies", _pyproject()["dependency-groups"]["operator-image"])


def project() -> Path:
    """The project's own packages, from the working tree."""
    files = {
        PACKAGES / name / file.relative_to(folder): file
        for name, folder in _FOLDERS.items()
        for file in sorted(folder.rglob("*"))
        if file.is_file() and "__pycache__" not in file.parts
    }

    def fill(root: Path) -> None:
        for place, file in files.items():
            (root / place).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, root / place)
        _compile(root / PACKAGES)

    contents = (f"{place}={hashlib.sha256(file.read_bytes()).hexdigest()}" for place, file in files.items())
    return _layer("project", _digest([*contents, "compiled"]), fill, keep=8)


def sha256(layer: Path) -> str:
    """The digest of a layer, kept beside it: a layer never changes."""
    note = layer.with_suffix(".sha256")
    if not note.exists():
        with layer.open("rb") as content:
            note.write_text(hashlib.file_digest(content, "sha256").hexdigest())
    return note.read_text()


def _pyproject() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def _installed(kind: str, wanted: list[str]) -> Path:
    constraints = ROOT / "tools" / "constraints.txt"

    def fill(root: Path) -> None:
        target = root / PACKAGES
        target.mkdir(parents=True)
        persistently(
            lambda: run(*installer(), "--constraint", constraints, "--target", target, "--upgrade", *wanted)
        )
        _compile(target)

    return _layer(kind, _digest([*wanted, constraints.read_text(), "compiled"]), fill, keep=2)


def installer() -> tuple[str, ...]:
    """The start of a command that installs wheels for the image's Python, whichever Python this is."""
    wheels = ("--only-binary", ":all:", "--python-version", PYTHON)
    uv = shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent))
    if uv:
        return (uv, "pip", "install", "--python-platform", "x86_64-manylinux_2_28", *wheels)
    if not importlib.util.find_spec("pip"):
        raise FileNotFoundError(
            f"the images' layers need uv or pip: neither uv is on the PATH nor pip in {sys.prefix}"
        )
    tags = ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64")
    platforms = [word for tag in tags for word in ("--platform", tag)]
    return (sys.executable, "-m", "pip", "install", "--disable-pip-version-check", *platforms, *wheels)


def _compile(folder: Path) -> None:
    """A container cannot write byte code, and would compile everything at each start."""
    asks = "import sys; sys.exit(sys.version_info[:2] != (3, 11))"
    for python in (sys.executable, "/usr/bin/python3"):
        if Path(python).exists() and not subprocess.run((python, "-c", asks), check=False).returncode:
            # By no means by time stamps: those of a layer are all zero.
            run(
                python, "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", "-s", folder, folder
            )  # fmt: skip
            return
    print(f"no Python {PYTHON} here to compile byte code with: containers will start slowly", flush=True)


def _layer(kind: str, key: str, fill: Callable[[Path], None], *, keep: int = 1) -> Path:
    """The tar of a folder that `fill` fills, made once per key. A killed run leaves no half of one."""
    target = CACHE / "layers" / f"{kind}-{key}.tar"
    if target.exists():
        target.touch()
        return target
    print(f"making image layer {target.name}", flush=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix="making-") as scratch:
        root, made = Path(scratch) / "root", Path(scratch) / "layer.tar"
        root.mkdir(mode=0o755)
        fill(root)
        with tarfile.open(made, "w", format=tarfile.PAX_FORMAT) as archive:
            for entry in sorted(root.iterdir()):
                archive.add(entry, entry.name, filter=_reproducible)
        made.rename(target)
    for old in sorted(target.parent.glob(f"{kind}-*.tar"), key=lambda path: path.stat().st_mtime)[:-keep]:
        old.unlink()
        old.with_suffix(".sha256").unlink(missing_ok=True)
    return target


def _reproducible(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.mtime = 0
    return member


def _digest(texts: Iterable[str]) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:12]
