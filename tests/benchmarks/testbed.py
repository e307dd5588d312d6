"""The cluster that is measured on: the one that runs, or one that is brought up."""

from __future__ import annotations

import itertools
import json
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import manifests
from benchmarks.audit import AuditLog
from benchmarks.client import Client
from cluster import control_plane, lifecycle, processes, store
from cluster.paths import AUDIT_LOG, COMPLETE, KUBECONFIG
from cluster.processes import Process

USUAL_QPS = 200
"""Of the controller manager, as `make cluster` starts it."""


@dataclass(frozen=True)
class Testbed:
    """A cluster with the fake node, and what is read beside it."""

    client: Client
    audit: AuditLog
    kubeconfig: Path
    prefix: str = field(default_factory=lambda: f"bench-{secrets.token_hex(3)}")
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    made: list[str] = field(default_factory=list)

    def new_namespace(self, node: str = lifecycle.FAKE) -> str:
        """One whose pods go to that node, when pods can be created in it."""
        name = f"{self.prefix}-{next(self.numbers)}"
        self.client.create(manifests.namespace(name, node))
        self.made.append(name)
        _until(lambda: self.client.exists("ServiceAccount", name, "default"))
        return name

    def clean(self) -> None:
        """Delete what was made. Not between measurements: the deletion of a thousand Jobs is a load too."""
        for name in self.made:
            self.client.delete_namespace(name)
        self.made.clear()

    def clear(self) -> None:
        """Delete what was made, and wait until it is gone."""
        names = tuple(self.made)
        self.clean()
        _until(lambda: not any(self.client.exists("Namespace", "", name) for name in names), seconds=900)


def bring_up() -> None:
    """A cluster, or add the fake node to the one that runs, if need be."""
    nodes = _nodes()
    if not nodes:
        lifecycle.up((lifecycle.REAL, lifecycle.FAKE))
    elif lifecycle.FAKE not in nodes:
        lifecycle.up((*nodes, lifecycle.FAKE))
    else:
        lifecycle.up(tuple(nodes))


@contextmanager
def opened() -> Iterator[Testbed]:
    """The cluster that runs. In the end what was made there is deleted.

    Its API server is started anew for that time: for the end-to-end suite the audit log keeps bodies, which is
    a third of what a run costs more than a bare Job, and which nobody asks of a cluster that does work.
    """
    default = json.loads(COMPLETE.read_text())[0]
    _restart(control_plane.api_server(default, bodies=False))
    bed = Testbed(Client(KUBECONFIG), AuditLog(AUDIT_LOG), KUBECONFIG)
    try:
        yield bed
    finally:
        bed.clean()
        _restart(control_plane.api_server(default))


@contextmanager
def controller_manager_at(qps: int) -> Iterator[None]:
    """Meanwhile the controller manager asks at most so often a second."""
    _restart(control_plane.controller_manager(qps=qps))
    try:
        yield
    finally:
        _restart(control_plane.controller_manager(qps=USUAL_QPS))


def store_log() -> Path:
    """The access log of the cluster's store, which is started anew if it keeps none."""
    server = store.server()
    path = argument(server, "access-log")
    if not path:
        _restart(server)
        path = argument(server, "access-log")
    return Path(path)


def argument(process: Process, name: str) -> str:
    """The value of a flag with which a daemon was started, maybe from another checkout; empty if there is none."""
    for pid in processes.pids(process):
        for word in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0"):
            flag, _, value = word.decode().partition("=")
            if flag == f"--{name}":
                return value
    return ""


def _nodes() -> list[str]:
    if not COMPLETE.exists():
        return []
    nodes = json.loads(COMPLETE.read_text())
    return nodes if all(processes.pids(one) for one in lifecycle.parts(nodes)) else []


def _restart(process: Process) -> None:
    processes.stop(process)
    processes.start(process)


def _until(condition: Callable[[], bool], *, seconds: float = 120) -> None:
    give_up = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > give_up:
            raise TimeoutError(f"what was waited for has not happened in {seconds:.0f} seconds")
        time.sleep(0.05)
