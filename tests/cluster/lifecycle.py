"""Bringing the cluster up, and taking it down."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from cluster import (
    binaries,
    certificates,
    containerd,
    control_plane,
    etcd,
    fake_node,
    images,
    kubeconfig,
    kubelet,
    leftovers,
    network,
    packages,
    processes,
    store,
)  # fmt: skip
from cluster.kubectl import kubectl
from cluster.paths import BUILD, COMPLETE, IMAGES, KUBECONFIG, RUN, STATE
from cluster.processes import Process

REAL, FAKE = kubelet.NODE, fake_node.NODE

CLIENTS = (
    certificates.CONTROLLER_MANAGER, certificates.SCHEDULER, certificates.KUBELET, certificates.FAKE_NODE,
)  # fmt: skip


def up(nodes: Sequence[str] = (REAL,)) -> None:
    """Bring up a cluster with these nodes, the first of them the default, or complete the one that runs.

    What a killed run left behind is removed first.
    """
    if os.geteuid():
        raise PermissionError("a real cluster needs root: containers, mounts and a bridge are made")
    with _alone():
        began = time.monotonic()
        _get(nodes)
        if not _runs(nodes):
            _remove()
            _prepare()
        # Also where the cluster runs: it may have been brought up from another checkout.
        kubeconfig.write(certificates.ADMINISTRATOR, KUBECONFIG, with_store=True)
        binaries.link()
        for process in parts(nodes):
            processes.start(process)
        store.prepare()
        _furnish(nodes)
        COMPLETE.write_text(json.dumps(list(nodes)))
        print(f"The cluster is up after {time.monotonic() - began:.0f} s: export KUBECONFIG={KUBECONFIG}")


def down() -> None:
    """Take it down, and remove all that it left on the machine but the cache of binaries and layers."""
    with _alone():
        _remove()
        left = leftovers.found()
    if left:
        raise RuntimeError("left behind: " + "; ".join(left))


def get_programs() -> None:
    """Compile what is not compiled yet, and link kubectl and helm into one folder."""
    for binary in binaries.ALL:
        binaries.build(binary)
    print(f"kubectl and helm are in {binaries.link()}")


def save_images() -> None:
    """Write the images of runner and operator as docker archives."""
    packages.install()
    IMAGES.mkdir(parents=True, exist_ok=True)
    for name, image in (("runner", images.runner()), ("operator", images.operator())):
        archive = IMAGES / f"{name}.tar"
        with archive.open("wb") as out:
            images.write(image, out)
        print(f"{archive}: {image.name}")


def parts(nodes: Sequence[str]) -> list[Process]:
    """Every daemon, in the order in which they start."""
    daemons = [store.server(), etcd.etcd(), control_plane.api_server(nodes[0])]
    daemons += [control_plane.controller_manager(), control_plane.scheduler()]
    if REAL in nodes:
        daemons += [containerd.containerd(), kubelet.kubelet()]
    if FAKE in nodes:
        daemons.append(fake_node.fake_node())
    return daemons


def part(name: str) -> Process:
    """One daemon of the cluster that runs, for whoever wants to stop it and start it again."""
    nodes = json.loads(COMPLETE.read_text())
    return next(process for process in parts(nodes) if process.name == name)


def _get(nodes: Sequence[str]) -> None:
    for binary in binaries.ALL:
        binaries.build(binary)
    packages.install()
    if REAL in nodes:
        for image in _images():
            assert image.layers


def _runs(nodes: Sequence[str]) -> bool:
    """Whether there is a whole cluster with the same default node, to which nodes can be added."""
    if not COMPLETE.exists():
        return False
    before = json.loads(COMPLETE.read_text())
    return before[0] == nodes[0] and all(processes.pids(process) for process in parts(before))


def _prepare() -> None:
    for folder in (STATE, RUN, BUILD):
        folder.mkdir(parents=True, exist_ok=True)
    STATE.chmod(0o711)
    network.up()
    certificates.make()
    for client in CLIENTS:
        kubeconfig.write(client)


def _furnish(nodes: Sequence[str]) -> None:
    """What has to be in the cluster: images, ready nodes, and the store's credentials in namespace `default`."""
    if REAL in nodes:
        for image in _images():
            containerd.load(image)
    for node in nodes:
        _wait_for("get", "nodes", node, "--output=name")
        kubectl("wait", "--for=condition=Ready", f"node/{node}", "--timeout=120s")
    _wait_for("get", "serviceaccount", "default", "--output=name")
    kubectl("apply", "--filename=-", stdin=json.dumps(store.secret()))


def _images() -> tuple[images.Image, ...]:
    return images.pause(), images.runner(), images.operator()


def _wait_for(*words: str) -> None:
    deadline = time.monotonic() + 120
    while not kubectl(*words, "--ignore-not-found").strip():
        if time.monotonic() > deadline:
            raise TimeoutError(f"kubectl {' '.join(words)} still finds nothing after two minutes")
        time.sleep(0.2)


def _remove() -> None:
    leftovers.remove()
    shutil.rmtree(BUILD, ignore_errors=True)


@contextmanager
def _alone() -> Iterator[None]:
    """One start or stop at a time on this machine."""
    with Path("/run/lock/ferryman-cluster").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
