"""The node without containers: each pod that is bound to it succeeds at once. For load and for benchmarks."""

from __future__ import annotations

from cluster import binaries, certificates
from cluster.kubectl import kubectl
from cluster.processes import Process

NODE = "fake"


def fake_node() -> Process:
    command = (
        str(binaries.path(binaries.KUBERNETES)),
        "fake-node",
        f"--kubeconfig={certificates.FOLDER / 'fake-node.kubeconfig'}",
        f"--name={NODE}",
    )
    # It ends where a controller changes the Node between its creation and its first status.
    return Process("fake-node", command, is_ready, may_end=3)


def is_ready() -> bool:
    """Whether the Node says that it is ready."""
    status = '{.status.conditions[?(@.type=="Ready")].status}'
    return kubectl("get", "nodes", NODE, "--ignore-not-found", f"--output=jsonpath={status}") == "True"
