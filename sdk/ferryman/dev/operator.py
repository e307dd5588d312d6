"""The operator of the embedded cluster: the real one, as a process of its own."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from ferryman.dev.child import Child, Command
from ferryman.dev.reaper import Reaper
from ferryman.dev.store import SECRET_NAME, Store

NAMESPACE: Final = "ferryman"
LEASE: Final = "ferryman-operator"
IMAGE: Final = f"this-machine/python:{platform.python_version()}"

Object = Mapping[str, Any]


def settings(store: Store, changes: Object) -> dict[str, Any]:
    """The operator's configuration; `changes` replace its top-level fields."""
    location = store.location
    described = {
        "bucket": location.bucket,
        "prefix": location.prefix,
        "endpoint": location.endpoint,
        "region": location.region,
        "credentialsSecret": SECRET_NAME,
    }
    return {
        "stores": {"default": described},
        "pod": {"image": IMAGE, "terminationGraceSeconds": 10},
        "pendingLook": "2s",
        "lease": {"namespace": NAMESPACE, "name": LEASE},
        "http": {"host": "127.0.0.1", "port": 0},
        "log": {"level": "INFO", "format": "text"},
        **changes,
    }


def start(config: Object, kubeconfig: Path, directory: Path, reaper: Reaper) -> Child:
    """Start it with this configuration. Returns at once."""
    path = directory / "operator.json"
    path.write_text(json.dumps(config, indent=2))
    environment = {**os.environ, "KUBECONFIG": str(kubeconfig), "FERRYMAN_OPERATOR_CONFIG": str(path)}
    arguments = [sys.executable, "-m", "ferryman_operator"]
    return Child(Command("operator", arguments, environment, directory / "operator.log"), reaper)
