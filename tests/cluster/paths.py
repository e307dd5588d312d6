"""Where things are on this machine. There is one such cluster per machine: its addresses are the machine's."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
SOURCES: Final = Path(__file__).resolve().parent

# Mounts and sockets stay out of the checkout: it may be deleted, and a socket's path has 108 characters at most.
STATE: Final = Path("/var/lib/ferryman-cluster")
RUN: Final = Path("/run/ferryman-cluster")
CACHE: Final = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ferryman" / "cluster"

BUILD: Final = ROOT / "build" / "cluster"
KUBECONFIG: Final = BUILD / "kubeconfig"
IMAGES: Final = ROOT / "build" / "images"
LOGS: Final = BUILD / "logs"
AUDIT_LOG: Final = LOGS / "audit.log"
STORE_LOG: Final = LOGS / "object-store-access.log"
"""A line for each request to the store."""
COMPLETE: Final = STATE / "complete"
"""There exactly when a start came to its end."""
