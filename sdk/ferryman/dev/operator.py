"""The operator of the embedded cluster: the real one, as a process of its own."""

from __future__ import annotations

import json
import os
import platform
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from ferryman.dev.processes.child import Child, Command
from ferryman.dev.processes.reaper import Reaper
from ferryman.dev.store import SECRET_NAME, Store

NAMESPACE: Final = "ferryman"
LEASE: Final = "ferryman-operator"
IMAGE: Final = f"this-machine/python:{platform.python_version()}"

Object = Mapping[str, Any]


def configure(store: Store, changes: Object, directory: Path) -> None:
    """Write the operator's configuration; `changes` replace its top-level fields."""
    _config_in(directory).write_text(json.dumps({**_settings(store), **changes}, indent=2))


def start(kubeconfig: Path, directory: Path, reaper: Reaper) -> Child:
    """Start it. Returns at once."""
    environment = {
        **os.environ,
        "KUBECONFIG": str(kubeconfig),
        "FERRYMAN_OPERATOR_CONFIG": str(_config_in(directory)),
    }
    arguments = [sys.executable, "-m", "ferryman_operator"]
    return Child(Command("operator", arguments, environment, directory / "operator.log"), reaper)


def command_line(kubeconfig: Path, directory: Path) -> str:
    """What to type into a shell to start it by hand."""
    # The kubeconfig is a part of it: in a new shell KUBECONFIG may lead to a cluster that matters.
    command = [sys.executable, "-m", "ferryman_operator", "--config", str(_config_in(directory))]
    return f"KUBECONFIG={shlex.quote(str(kubeconfig))} {shlex.join(command)}"


def _config_in(directory: Path) -> Path:
    return directory / "operator.json"


def _settings(store: Store) -> dict[str, Any]:
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
    }
