"""How fast `map` submits: its rate against a bare loop that creates the same TaskRuns over the same client.

    python tests/benchmarks/map_rate.py [N] [ROUNDS]

The API server is the embedded one, in a process of its own; the store is in memory. Both sides use
the same client and number of connections, take turns with a new server each time, and are told as wall
time and as CPU seconds of this process.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ferryman import kube, task
from ferryman.api.runner_contract import StoreLocation
from ferryman.client import CONNECTIONS, Client
from ferryman.dev import kubeconfig
from ferryman.kube import KubeCluster
from ferryman.wire.memory import MemoryStore

SERVER = """
import asyncio
from ferryman.api import crd
from ferryman.dev.apiserver.builtin_resources import builtin_registry
from ferryman.dev.apiserver.server import ApiServer
from ferryman.dev.apiserver.storage import Storage

async def serve():
    print(await ApiServer(Storage(builtin_registry()), crds=[crd.crd()]).start(), flush=True)
    await asyncio.Event().wait()

asyncio.run(serve())
"""


@dataclass(frozen=True)
class Spent:
    wall: float
    cpu: float


class Recorder:
    """The cluster, and what was created in it."""

    def __init__(self, cluster: KubeCluster) -> None:
        self._cluster = cluster
        self.manifests: list[Any] = []

    def create_run(self, manifest: Any) -> Any:
        self.manifests.append(manifest)
        return self._cluster.create_run(manifest)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cluster, name)


@task(retries=2)
def count_words(text: str, language: str) -> int:
    return len(text.split())


@contextmanager
def api_server() -> Iterator[str]:
    with subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


@contextmanager
def connected() -> Iterator[KubeCluster]:
    with api_server() as url, tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "kubeconfig"
        kubeconfig.write(path, url, StoreLocation("payloads"))
        yield KubeCluster(kube.from_kubeconfig(str(path), kube.read_context(str(path), None).name))


def spent(work: Callable[[], object]) -> Spent:
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return Spent(time.perf_counter() - wall, time.process_time() - cpu)


def bare_loop(cluster: KubeCluster, manifests: list[Any]) -> None:
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        list(pool.map(cluster.create_run, manifests))


def measure_map(count: int) -> tuple[Spent, list[Any]]:
    """What it took, and what it created."""
    texts = [f"text number {number}" for number in range(count)]
    with connected() as cluster:
        recorder = Recorder(cluster)
        with Client(recorder, MemoryStore(), namespace="default") as client:
            ours = spent(lambda: count_words.map(texts, language="en"))
            client.close()
        return ours, recorder.manifests


def measure(count: int, rounds: int) -> None:
    mapped, bare = [], []
    for _ in range(rounds):
        ours, manifests = measure_map(count)
        mapped.append(ours)
        with connected() as cluster:
            bare.append(spent(lambda cluster=cluster, made=manifests: bare_loop(cluster, made)))
    for name, figures in (("map", mapped), ("bare loop", bare)):
        wall, cpu = (statistics.median(getattr(one, what) for one in figures) for what in ("wall", "cpu"))
        print(f"{name:10} {count} runs: {wall:5.2f} s, CPU {cpu:5.2f} s")
    ratios = [theirs.wall / ours.wall for ours, theirs in zip(mapped, bare, strict=True)]
    print(f"rate of map / rate of the bare loop: {statistics.median(ratios):.2f}")


if __name__ == "__main__":
    numbers = [int(one) for one in sys.argv[1:]]
    measure(*(numbers + [1000, 3][len(numbers) :]))
