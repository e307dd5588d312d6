"""Parts of the test cluster that stop and start again, in the middle of a test."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from builders.installations import NAMESPACE, Installation
from builders.releases import CommandFailed, kubectl
from cluster import kubelet, lifecycle, paths, processes

PATIENCE_SECONDS = 180
NODE = kubelet.NODE


def are_possible() -> bool:
    """Whether the cluster is that of `make cluster`, on this machine."""
    return paths.COMPLETE.exists() and any(part == "kube-apiserver" for _, part in processes.marked())


@contextmanager
def stopped(part: str, *, kill: bool = False) -> Iterator[None]:
    """Without this part of the cluster until the end of the block."""
    daemon = lifecycle.part(part)
    processes.stop(daemon, kill=kill)
    try:
        yield
    finally:
        processes.start(daemon)


@contextmanager
def paused(part: str) -> Iterator[None]:
    """With a part that neither answers nor closes its connections until the end of the block."""
    (pid,) = processes.pids(lifecycle.part(part))
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@contextmanager
def node_lost() -> Iterator[None]:
    """Without the node and all that ran on it, until the end of the block."""
    processes.stop(lifecycle.part("kubelet"), kill=True)
    kubelet.end_containers()
    processes.stop(lifecycle.part("containerd"), kill=True)
    try:
        yield
    finally:
        processes.start(lifecycle.part("containerd"))
        processes.start(lifecycle.part("kubelet"))


def make_whole(installation: Installation) -> None:
    """Start what is stopped, and wait until the node and the operator are ready."""
    for part in lifecycle.parts(json.loads(paths.COMPLETE.read_text())):
        for pid in processes.pids(part):
            os.kill(pid, signal.SIGCONT)
        processes.start(part)
    eventually("the node", lambda: kubectl("wait", f"node/{NODE}", "--for=condition=Ready", "--timeout=10s"))
    eventually("the operator", installation.wait)


def eventually(what: str, command: object) -> None:
    """Until a command of kubectl succeeds: the API server may just have come up."""
    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            command()  # type: ignore[operator]
        except CommandFailed as error:
            assert time.monotonic() < end, f"{what} does not come back: {error}"
            time.sleep(0.5)
        else:
            return


@dataclass(frozen=True)
class OperatorPods:
    """The replicas of the release, as processes of this machine."""

    installation: Installation

    def pids(self) -> list[int]:
        """Of `python -m ferryman_operator` in containers."""
        return sorted(pid for pid in kubelet.container_pids() if _is_operator(pid))

    def kill(self) -> int:
        """SIGKILL all that there are; how many those were."""
        found = self.pids()
        for pid in found:
            # It may have ended since.
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return len(found)

    def leader(self) -> str:
        """The name of the pod that leads; "" if none does."""
        lease = json.loads(kubectl("get", "lease", "ferryman-operator", "-n", NAMESPACE, "-o", "json"))
        # The identity is the pod's name and a random suffix.
        return lease["spec"].get("holderIdentity", "").rpartition("-")[0]


def _is_operator(pid: int) -> bool:
    try:
        return b"ferryman_operator" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
