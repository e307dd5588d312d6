"""The operator that is measured: this checkout's, as a process, with all that the chart gives it.

The chart is installed with no replica: its Role, its policy of admission, its service account and its
configuration are the ones that are measured. The process has that account's token and that
configuration. A pod would do the same; a process has its CPU time and its memory in /proc, can be
profiled, and needs no image that has to be made first.
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Self

import yaml

from cluster import binaries, store
from cluster.commands import run
from cluster.kubectl import kubectl
from cluster.paths import KUBECONFIG, ROOT

RELEASE = "ferryman-bench"
ACCOUNT = "system:serviceaccount:ferryman-bench:ferryman-bench"
CHART = ROOT / "charts" / "ferryman"
VALUES = {
    "fullnameOverride": RELEASE,
    "operator": {"replicas": 0},
    "pod": {"image": "ferryman.test/runner:dev"},
    "stores": {
        "default": {
            "bucket": store.BUCKET,
            "endpoint": store.ENDPOINT,
            "region": store.REGION,
            "allowHttp": True,
            "credentialsSecret": store.SECRET,
        }
    },
}
"""What has to be set, and no more: everything else is as the chart has it."""


class ServedAlready(Exception):
    """Another operator serves this cluster's TaskRuns."""


class Operator:
    """The process. `profile` is a file for cProfile, which makes every figure worse."""

    def __init__(self, profile: str = "") -> None:
        self._profile = ("-m", "cProfile", "-o", profile) if profile else ()
        self._scratch = tempfile.TemporaryDirectory()
        self._folder = Path(self._scratch.name)
        self._process: subprocess.Popen[bytes] | None = None
        self._url = ""

    def __enter__(self) -> Self:
        _refuse_company()
        _install(self._folder)
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        _helm("uninstall", RELEASE, "--namespace", RELEASE, "--wait")
        self._scratch.cleanup()

    @property
    def pid(self) -> int:
        assert self._process is not None, "the operator is stopped"
        return self._process.pid

    @property
    def cpu(self) -> float:
        """User and system seconds so far."""
        return cpu_of(self.pid)

    @property
    def megabytes(self) -> float:
        """Resident memory."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024

    @property
    def is_idle(self) -> bool:
        """Whether it has looked at every run that it had to."""
        found = self._metrics()
        return all(
            re.search(rf"^ferryman_queue_{name} 0", found, re.MULTILINE) for name in ("depth", "working")
        )

    def start(self) -> None:
        """Start it, and return when it leads."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self._url = f"http://127.0.0.1:{port}"
        configuration = self._folder / "operator.yaml"
        configuration.write_text(yaml.safe_dump(_configuration(port)))
        kubeconfig = self._folder / "kubeconfig"
        kubeconfig.write_text(json.dumps(_kubeconfig()))
        kubeconfig.chmod(0o600)
        log = self._folder / "log"
        words = (sys.executable, *self._profile, "-m", "ferryman_operator", "--config", str(configuration))
        with log.open("ab") as out:
            self._process = subprocess.Popen(
                words, stdout=out, stderr=out, env={**os.environ, "KUBECONFIG": str(kubeconfig)}
            )
        self._until_it_leads(log)

    def stop(self) -> None:
        """By SIGTERM; it gives its Lease back."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(60)
            self._process = None

    def _until_it_leads(self, log: Path) -> None:
        give_up = time.monotonic() + 90
        while not re.search(r"^ferryman_leader 1", self._metrics(), re.MULTILINE):
            if self._process.poll() is not None or time.monotonic() > give_up:
                raise RuntimeError(f"the operator does not lead:\n{log.read_text()[-3000:]}")
            time.sleep(0.1)

    def _metrics(self) -> str:
        try:
            with urllib.request.urlopen(f"{self._url}/metrics", timeout=2) as reply:
                return reply.read().decode()
        except (OSError, urllib.error.URLError):
            return ""


def cpu_of(pid: int) -> float:
    """User and system seconds of a process and its threads so far, to the nanosecond."""
    # Linux has a clock for each process; this is the number that clock_getcpuclockid(3) gives.
    return time.clock_gettime((~pid << 3) | 2)


def _install(folder: Path) -> None:
    values = folder / "values.yaml"
    values.write_text(yaml.safe_dump(VALUES))
    # helm leaves a CRD alone that is there already, and this one may be older than the checkout.
    kubectl("apply", "--server-side", "--force-conflicts", "--filename", str(ROOT / "manifests" / "crd.yaml"))
    kubectl("wait", "--for=condition=Established", "crd/taskruns.ferryman.dev", "--timeout=60s")
    words = ("--namespace", RELEASE, "--create-namespace", "--values", str(values))
    _helm("upgrade", "--install", RELEASE, str(CHART), *words)


def _configuration(port: int) -> dict:
    found = json.loads(kubectl("get", "configmap", RELEASE, "--namespace", RELEASE, "--output=json"))
    configuration = yaml.safe_load(found["data"]["operator.yaml"])
    # The only difference: many processes share this machine's addresses, and a pod has its own.
    return {**configuration, "http": {"host": "127.0.0.1", "port": port}}


def _kubeconfig() -> dict:
    administrator = yaml.safe_load(KUBECONFIG.read_text())
    token = kubectl("create", "token", RELEASE, "--namespace", RELEASE, "--duration=12h").strip()
    context = {"cluster": "it", "user": "it", "namespace": RELEASE}
    return {
        "clusters": [{"name": "it", "cluster": administrator["clusters"][0]["cluster"]}],
        "users": [{"name": "it", "user": {"token": token}}],
        "contexts": [{"name": "it", "context": context}],
        "current-context": "it",
    }


def _refuse_company() -> None:
    """Raises ServedAlready: two operators would share the work, and the figures be of neither."""
    selector = ("--selector", "app.kubernetes.io/name=ferryman")
    found = json.loads(kubectl("get", "deployments", "--all-namespaces", *selector, "--output=json"))
    others = [one["metadata"] for one in found["items"] if one["spec"].get("replicas")]
    if others:
        named = ", ".join(f"{one['namespace']}/{one['name']}" for one in others)
        raise ServedAlready(
            f"scale down or uninstall the operator that serves this cluster: Deployment {named}"
        )


def _helm(*words: str) -> None:
    run(binaries.path(binaries.HELM), *words, env={**os.environ, "KUBECONFIG": str(KUBECONFIG)})
