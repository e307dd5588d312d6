"""kubectl as the administrator."""

from __future__ import annotations

import subprocess
from pathlib import Path

from cluster import binaries
from cluster.commands import CommandFailed
from cluster.paths import KUBECONFIG


def kubectl(*words: str, stdin: str = "", kubeconfig: Path = KUBECONFIG) -> str:
    """Its output. Raises CommandFailed."""
    command = (str(binaries.path(binaries.KUBERNETES)), "kubectl", f"--kubeconfig={kubeconfig}", *words)
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CommandFailed(f"kubectl {' '.join(words)}: {done.stderr.strip()}")
    return done.stdout
