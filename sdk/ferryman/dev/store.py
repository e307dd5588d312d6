"""The store of the embedded cluster: moto's S3 server as a child process, with one bucket."""

from __future__ import annotations

import os
import re
import sys
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ferryman.api.runner_contract import StoreLocation
from ferryman.dev.processes.child import Child, Command
from ferryman.dev.processes.reaper import Reaper

BUCKET: Final = "ferryman"
# Not a secret: moto accepts any, and listens on the loopback interface only.
ACCESS_KEY_ID: Final = "ferryman-dev"
SECRET_ACCESS_KEY: Final = "ferryman-dev"  # noqa: S105
SECRET_NAME: Final = "ferryman-store"  # noqa: S105

_LISTENING: Final = re.compile(r"Running on (http://127\.0\.0\.1:\d+)")


@dataclass(frozen=True)
class Store:
    """The running server and where it is."""

    child: Child
    location: StoreLocation

    @property
    def credentials(self) -> dict[str, str]:
        """The variables that every S3 client knows."""
        return {"AWS_ACCESS_KEY_ID": ACCESS_KEY_ID, "AWS_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY}


def start(directory: Path, reaper: Reaper) -> Child:
    """Start the server; `finish` waits for it."""
    arguments = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]
    return Child(Command("S3 server", arguments, dict(os.environ), directory / "store.log"), reaper)


def finish(child: Child) -> Store:
    """The store, once it is up and has its bucket. Raises ChildFailed."""
    endpoint = child.await_ready(lambda: _endpoint(child.read_log()))
    request = urllib.request.Request(f"{endpoint}/{BUCKET}", method="PUT")  # noqa: S310  # Our own server.
    urllib.request.urlopen(request).close()  # noqa: S310
    return Store(child, StoreLocation(bucket=BUCKET, endpoint=endpoint))


def _endpoint(log: str) -> str | None:
    found = _LISTENING.search(log)
    return found[1] if found else None
