"""The operator that serves the whole test cluster: a release of the chart with the chart's own rights."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from builders.chart import CHART, ROOT, helm
from builders.releases import CommandFailed, kubectl, run
from builders.stores import SECRET, StoreOfCluster
from cluster import containerd, images, paths

NAME = NAMESPACE = "ferryman"
CRD = ROOT / "manifests" / "crd.yaml"
IMAGE = "FERRYMAN_TEST_IMAGE"
OPERATOR_IMAGE = "FERRYMAN_TEST_OPERATOR_IMAGE"
"""Name the images of runner and operator; unset: what `make cluster` imports."""


@dataclass(frozen=True)
class Installation:
    """The release `ferryman` in namespace `ferryman`, two replicas."""

    store: StoreOfCluster

    @property
    def user(self) -> str:
        """The operator's account as the API server names it."""
        return f"system:serviceaccount:{NAMESPACE}:{NAME}"

    @property
    def selector(self) -> str:
        """Of the operator's pods."""
        return f"app.kubernetes.io/instance={NAME},app.kubernetes.io/component=operator"

    def install(self) -> None:
        """Install it, or change what is installed; nothing happens where that is the same already.

        One process at a time, as the workers of a test run all begin with it.
        """
        with Path("/tmp/ferryman-installation.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            kubectl("apply", "--server-side", "--force-conflicts", "-f", str(CRD))
            kubectl("wait", "--for=condition=Established", "crd/taskruns.ferryman.dev", "--timeout=60s")
            wanted = self.values()
            if not self._has(wanted):
                self.helm("upgrade", "--install", str(CHART), "--create-namespace", *_assignments(wanted))
            # A run of the suites that use an operator of their own may have been killed.
            kubectl("scale", f"deployment/{NAME}", "--replicas=2", "-n", NAMESPACE)
            self.wait()

    def wait(self) -> None:
        """Until every replica is ready."""
        kubectl("rollout", "status", f"deployment/{NAME}", "-n", NAMESPACE, "--timeout=110s")

    def helm(self, verb: str, *arguments: str) -> str:
        return run(helm(), *verb.split(), NAME, *arguments, "--namespace", NAMESPACE)

    def values(self) -> dict[str, Any]:
        """Looks are short, so that tests need not wait for them; all else is the chart's default.

        What pods ask for is little: a machine of two cores takes the pods of all tests that run side by side,
        also those that are still terminating, and no test meets `Insufficient cpu` that did not ask for it.
        """
        repository, _, tag = os.environ.get(OPERATOR_IMAGE, images.OPERATOR).rpartition(":")
        return {
            "stores": {"default": {**self.store.location, "credentialsSecret": SECRET}},
            "pod": {"image": os.environ.get(IMAGE, images.RUNNER), "cpuRequest": "10m"},
            "operator": {
                "resources": {"requests": {"cpu": "10m"}},
                "image": {"repository": repository, "tag": tag},
                "annotations": {"ferryman.test/image": _digest(), "ferryman.test/chart": _digest_of_chart()},
            },
            "settings": {"pendingLook": "2s", "quotaRetry": "3s"},
        }

    def _has(self, values: dict[str, Any]) -> bool:
        try:
            installed = json.loads(self.helm("get values", "-o", "json"))
        except CommandFailed:
            return False
        return installed == values


def _digest() -> str:
    """Of the operator's image that nodes have: another one under the same name has to reach the pods."""
    if OPERATOR_IMAGE in os.environ or not paths.COMPLETE.exists():
        return ""
    return containerd.digest(images.OPERATOR)


def _digest_of_chart() -> str:
    files = sorted(path for path in CHART.rglob("*") if path.is_file())
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in files)).hexdigest()[:32]


def _assignments(values: dict[str, Any]) -> list[str]:
    return ["--skip-crds", *(f"--set-json={name}={json.dumps(value)}" for name, value in values.items())]
