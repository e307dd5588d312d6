"""How fast `map` submits, beside a bare loop that creates the same TaskRuns with the same client.

Meanwhile the operator is stopped: on a machine with two cores its work would be a part of the figure.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from benchmarks.testbed import Testbed
from ferryman import kube, task
from ferryman.batches import CONNECTIONS
from ferryman.client import Client
from ferryman.connection import Connection, open_connection
from ferryman.kube import KubeCluster

Manifest = dict[str, Any]


@dataclass(frozen=True)
class Submitted:
    """So many runs were created, from the call to the answer of the last."""

    seconds: float
    manifests: Sequence[Manifest]


class Recorder:
    """The cluster, and what was created in it."""

    def __init__(self, cluster: KubeCluster) -> None:
        self._cluster = cluster
        self.manifests: list[Manifest] = []

    def create_run(self, manifest: Manifest) -> Any:
        self.manifests.append(manifest)
        return self._cluster.create_run(manifest)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cluster, name)


@task(retries=2)
def count_words(text: str, language: str) -> int:
    return len(text.split())


def by_map(bed: Testbed, count: int) -> Submitted:
    """With a client that has sent nothing yet: the upload of the function is in it."""
    where = bed.new_namespace()
    found = _connection(bed, where)
    recorder = Recorder(found.cluster)
    texts = [f"text number {number}" for number in range(count)]
    with Client(recorder, found.store, namespace=where, settings=found.settings):
        return Submitted(
            _seconds(bed, where, count, lambda: count_words.map(texts, language="en")), recorder.manifests
        )


def by_a_bare_loop(bed: Testbed, manifests: Sequence[Manifest]) -> Submitted:
    """The same manifests in another namespace, over as many connections."""
    where = bed.new_namespace()
    moved = [{**one, "metadata": {**one["metadata"], "namespace": where}} for one in manifests]
    context = kube.read_context(str(bed.kubeconfig), None)
    cluster = KubeCluster(kube.from_kubeconfig(str(bed.kubeconfig), context.name))

    def create() -> None:
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            list(pool.map(cluster.create_run, moved))

    return Submitted(_seconds(bed, where, len(moved), create), moved)


def _seconds(bed: Testbed, where: str, count: int, work: Callable[[], object]) -> float:
    mark, began = bed.audit.mark(), time.time()
    work()
    created = [
        one.answered
        for one in bed.audit.since(mark)
        if (one.verb, one.resource, one.namespace) == ("create", "taskruns", where) and one.succeeded
    ]
    if len(created) != count:
        raise ValueError(f"{count} runs of {where}: the audit log has {len(created)} creations")
    return max(created) - began


def _connection(bed: Testbed, where: str) -> Connection:
    return open_connection({"KUBECONFIG": str(bed.kubeconfig)}, context=None, namespace=where)
