"""Container images without a registry: docker archives, made of layers that are kept in the user's cache."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import sys
import tarfile
import tempfile
import tomllib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from cluster import binaries, packages
from cluster.commands import CommandFailed, run
from cluster.paths import CACHE, ROOT

PAUSE = "ferryman.test/pause:1"
RUNNER = "ferryman.test/runner:dev"
OPERATOR = "ferryman.test/operator:dev"

SUITE = "bookworm"
MIRROR = "http://deb.debian.org/debian"
PYTHON = "3.11"
USER = 65532
_PACKAGES = Path("usr/local/lib/python3.11/dist-packages")


@dataclass(frozen=True)
class Image:
    """A name, layers from the lowest to the highest, and how a container is started."""

    name: str
    layers: tuple[Path, ...]
    config: dict[str, Any] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """Of all that it is made of."""
        layers = [_sha256(layer) for layer in self.layers]
        return hashlib.sha256(json.dumps([layers, self.config]).encode()).hexdigest()[:32]


def pause() -> Image:
    def fill(root: Path) -> None:
        shutil.copy2(binaries.build(binaries.PAUSE), root / "pause")

    layer = _layer("pause", binaries.path(binaries.PAUSE).name, fill)
    return Image(PAUSE, (layer,), {"Entrypoint": ["/pause"], "User": str(USER)})


def runner() -> Image:
    """Debian's Python and what `pip install ferryman` installs."""
    return _python(RUNNER, ("ferryman",), ())


def operator() -> Image:
    """The same with `ferryman[operator]`."""
    return _python(
        OPERATOR, ("ferryman", "ferryman_operator"), ("operator",), ["python", "-m", "ferryman_operator"]
    )


def write(image: Image, out: IO[bytes]) -> None:
    """Write it as a docker archive, which `ctr images import` and `docker load` read."""
    digests = [_sha256(layer) for layer in image.layers]
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


def _python(
    name: str, sources: tuple[str, ...], extras: tuple[str, ...], entrypoint: list[str] | None = None
) -> Image:
    environment = ["PATH=/usr/local/bin:/usr/bin:/bin", "PYTHONUNBUFFERED=1", "HOME=/tmp"]
    config: dict[str, Any] = {"User": f"{USER}:{USER}", "Env": environment, "WorkingDir": "/"}
    if entrypoint:
        config["Entrypoint"] = entrypoint
    return Image(name, (_debian(), _dependencies(extras), _project(sources)), config)


def _debian() -> Path:
    def fill(root: Path) -> None:
        run(
            packages.program("debootstrap"), "--variant=minbase", "--include=python3-minimal,python3,ca-certificates",
            SUITE, root, MIRROR, env={**os.environ, "PATH": packages.SEARCHED},
        )  # fmt: skip
        for useless in (
            "var/cache/apt",
            "var/lib/apt/lists",
            "usr/share/doc",
            "usr/share/locale",
            "usr/share/man",
            "dev",
        ):
            shutil.rmtree(root / useless, ignore_errors=True)
        (root / "dev").mkdir(exist_ok=True)
        (root / "usr/local/bin/python").symlink_to("/usr/bin/python3")

    return _layer("debian", f"{SUITE}-1", fill)


def _dependencies(extras: tuple[str, ...]) -> Path:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [
        *project["dependencies"],
        *(one for extra in extras for one in project["optional-dependencies"][extra]),
    ]
    constraints = ROOT / "tools" / "constraints.txt"

    def fill(root: Path) -> None:
        target = root / _PACKAGES
        target.mkdir(parents=True)
        _install(wanted, constraints, target)

    return _layer("dependencies", _digest_of([*wanted, constraints.read_text()]), fill)


def _install(wanted: Iterable[str], constraints: Path, target: Path) -> None:
    """Install wheels for the image's Python, whichever Python this is."""
    uv = shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent))
    common = (
        "--only-binary",
        ":all:",
        "--python-version",
        PYTHON,
        "--constraint",
        str(constraints),
        "--target",
        str(target),
    )
    if uv:
        run(uv, "pip", "install", "--python-platform", "x86_64-manylinux_2_28", *common, *wanted)
        return
    for python in (sys.executable, "/usr/bin/python3"):
        try:
            run(python, "-m", "pip", "--version")
        except (CommandFailed, FileNotFoundError):
            continue
        platforms = (
            word
            for tag in ("2_28", "2_17", "2014")
            for word in ("--platform", f"manylinux{'_' if '_' in tag else ''}{tag}_x86_64")
        )
        run(python, "-m", "pip", "install", "--disable-pip-version-check", *platforms, *common, *wanted)
        return
    raise FileNotFoundError("neither uv nor pip is there to install the image's packages")


def _project(sources: tuple[str, ...]) -> Path:
    folders = {
        "ferryman": ROOT / "sdk" / "ferryman",
        "ferryman_operator": ROOT / "operator" / "ferryman_operator",
    }
    files = {
        _PACKAGES / name / file.relative_to(folders[name]): file
        for name in sources
        for file in sorted(folders[name].rglob("*"))
        if file.is_file() and "__pycache__" not in file.parts
    }

    def fill(root: Path) -> None:
        for place, file in files.items():
            (root / place).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, root / place)

    contents = (f"{place}\0{hashlib.sha256(file.read_bytes()).hexdigest()}" for place, file in files.items())
    # Old ones are of no use: the source changes with every edit.
    return _layer("project", _digest_of(contents), fill, keep=8)


def _layer(kind: str, key: str, fill: Callable[[Path], None], *, keep: int | None = None) -> Path:
    """The tar of a folder that `fill` fills, made once per key. A killed run leaves no half of one."""
    target = CACHE / "layers" / f"{kind}-{key}.tar"
    if target.exists():
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
    if keep:
        for old in sorted(target.parent.glob(f"{kind}-*.tar"), key=lambda p: p.stat().st_mtime)[:-keep]:
            old.unlink(missing_ok=True)
    return target


def _reproducible(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.mtime = 0
    return member


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))


def _digest_of(texts: Iterable[str]) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:12]


def _sha256(file: Path) -> str:
    """The digest of a layer, kept beside it: a layer never changes."""
    note = file.with_suffix(".sha256")
    if not note.exists():
        with file.open("rb") as content:
            note.write_text(hashlib.file_digest(content, "sha256").hexdigest())
    return note.read_text()
