"""kubectl as the administrator."""

from __future__ import annotations

import subprocess
from pathlib import Path

from cluster import binaries
from cluster.commands import CommandFailed
from cluster.paths import BUILD, KUBECONFIG

LINK = BUILD / "bin" / "kubectl"


def kubectl(*words: str, stdin: str = "", kubeconfig: Path = KUBECONFIG) -> str:
    """Its output. Raises CommandFailed."""
    command = (str(binaries.path(binaries.KUBERNETES)), "kubectl", f"--kubeconfig={kubeconfig}", *words)
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CommandFailed(f"kubectl {' '.join(words)}: {done.stderr.strip()}")
    return done.stdout


def link() -> None:
    """Put a `kubectl` beside the kubeconfig, for machines that have none."""
    LINK.parent.mkdir(parents=True, exist_ok=True)
    LINK.unlink(missing_ok=True)
    LINK.symlink_to(binaries.path(binaries.KUBERNETES))
