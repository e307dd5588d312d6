"""The node that runs containers: a kubelet on containerd."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from pathlib import Path

from cluster import binaries, certificates, containerd, control_plane, network
from cluster.paths import STATE
from cluster.processes import Process, answers

NODE = "real"
FOLDER = STATE / "kubelet"
CONFIGURATION = STATE / "kubelet.json"
POD_LOGS = STATE / "pod-logs"

HEALTH_PORT = 20248

CGROUP = "ferryman-cluster"
"""The parent of every container's cgroup, in each hierarchy: so they are found when all else is lost."""
CGROUPS = Path("/sys/fs/cgroup")


def kubelet() -> Process:
    CONFIGURATION.write_text(json.dumps(_configuration()))
    _make_cgroups()
    command = (
        str(binaries.path(binaries.KUBERNETES)),
        "kubelet",
        f"--config={CONFIGURATION}",
        f"--kubeconfig={certificates.FOLDER / 'kubelet.kubeconfig'}",
        f"--root-dir={FOLDER}",
        f"--hostname-override={NODE}",
        f"--node-ip={network.HOST}",
        f"--node-labels={control_plane.NODE_SELECTOR}={NODE}",
    )
    return Process("kubelet", command, lambda: answers(f"http://127.0.0.1:{HEALTH_PORT}/healthz"))


def cgroups() -> list[Path]:
    """The cluster's cgroup in every hierarchy that the machine has mounted."""
    if (CGROUPS / "cgroup.controllers").exists():
        return [CGROUPS / CGROUP]
    return [hierarchy / CGROUP for hierarchy in CGROUPS.iterdir() if (hierarchy / "cgroup.procs").exists()]


def end_containers() -> None:
    """SIGKILL to every process in a container: they are known by their cgroup, as they do not inherit the mark."""
    for _ in range(50):
        pids = container_pids()
        if not pids:
            return
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.1)


def container_pids() -> set[int]:
    """Every process in a container."""
    # os.walk, as cgroups go while one looks.
    folders = [Path(folder) for cgroup in cgroups() for folder, _, _ in os.walk(cgroup)]
    return {pid for folder in folders for pid in pids_in(folder / "cgroup.procs")}


def pids_in(file: Path) -> list[int]:
    """The processes of a cgroup that can be signalled from here.

    One that is outside our PID namespace reads 0, and to kill 0 is to kill ourselves.
    """
    try:
        return [int(pid) for pid in file.read_text().split() if pid != "0"]
    except OSError:
        return []


def _make_cgroups() -> None:
    for cgroup in cgroups():
        cgroup.mkdir(exist_ok=True)
        # Version 1: a new cpuset is empty, and nothing can run in it.
        for name in ("cpuset.cpus", "cpuset.mems"):
            if (cgroup / name).exists() and not (cgroup / name).read_text().strip():
                (cgroup / name).write_text((cgroup.parent / name).read_text())


def _configuration() -> dict[str, object]:
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": network.HOST,
        "healthzBindAddress": "127.0.0.1",
        "healthzPort": HEALTH_PORT,
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(certificates.AUTHORITY.file)},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": str(certificates.KUBELET_SERVER.file),
        "tlsPrivateKeyFile": str(certificates.KUBELET_SERVER.key),
        "containerRuntimeEndpoint": f"unix://{containerd.SOCKET}",
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{CGROUP}",
        "failCgroupV1": False,
        "failSwapOn": False,
        "localStorageCapacityIsolation": False,
        "makeIPTablesUtilChains": False,
        "podLogsDir": str(POD_LOGS),
        "volumePluginDir": str(FOLDER / "volume-plugins"),
        # No image can be pulled again, so none is ever collected.
        "imageGCHighThresholdPercent": 100,
        "imageGCLowThresholdPercent": 99,
        "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
        "registryPullQPS": 0,
        # Tests kill the operator again and again.
        "crashLoopBackOff": {"maxContainerRestartPeriod": "3s"},
    }
