"""The operator of this checkout as a process of this machine, beside the release and with its rights."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from builders.installations import NAME, NAMESPACE, Installation
from builders.releases import kubectl

PATIENCE_SECONDS = 60


@contextmanager
def beside(installation: Installation, folder: Path, *, lease: bool = True) -> Iterator[Path]:
    """One more replica; without `lease` it works from the first moment, whoever leads. Gives its log."""
    settings, log = folder / "operator.json", folder / "operator.log"
    settings.write_text(json.dumps(_settings(installation, lease=lease)))
    environ = {**os.environ, "KUBECONFIG": str(_kubeconfig(folder))}
    with log.open("ab") as out:
        process = subprocess.Popen(
            (sys.executable, "-m", "ferryman_operator", "--config", str(settings)),
            env=environ,
            stdout=out,
            stderr=out,
        )
    try:
        end = time.monotonic() + PATIENCE_SECONDS
        while b"jobs" not in log.read_bytes():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < end, f"the operator does not start: {log.read_text()}"
            time.sleep(0.1)
        yield log
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def _settings(installation: Installation, *, lease: bool) -> dict[str, Any]:
    values = installation.values()
    return {
        "stores": values["stores"],
        "pod": values["pod"],
        **values["settings"],
        "lease": {"enabled": lease, "namespace": NAMESPACE},
        "http": {"host": "127.0.0.1", "port": 0},
    }


def _kubeconfig(folder: Path) -> Path:
    """That of the operator's account."""
    config = yaml.safe_load(kubectl("config", "view", "--raw", "--minify", "--flatten"))
    config["users"][0]["user"] = {"token": kubectl("create", "token", NAME, "-n", NAMESPACE).strip()}
    path = folder / "operator.kubeconfig"
    path.write_text(yaml.safe_dump(config))
    return path
