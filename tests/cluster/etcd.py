"""etcd, without fsync: what it holds is thrown away with the cluster."""

from __future__ import annotations

from cluster import binaries
from cluster.paths import STATE
from cluster.processes import Process, answers

URL = "http://127.0.0.1:22379"
PEERS = "http://127.0.0.1:22380"


def etcd() -> Process:
    command = (
        str(binaries.path(binaries.ETCD)),
        f"--data-dir={STATE / 'etcd'}",
        "--unsafe-no-fsync",
        f"--listen-client-urls={URL}",
        f"--advertise-client-urls={URL}",
        f"--listen-peer-urls={PEERS}",
        f"--initial-advertise-peer-urls={PEERS}",
        f"--initial-cluster=default={PEERS}",
        "--log-level=warn",
    )
    return Process("etcd", command, lambda: answers(f"{URL}/health"))
