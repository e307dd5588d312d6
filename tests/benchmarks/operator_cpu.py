"""What the operator costs: CPU seconds and requests per 1,000 runs that succeed, and its memory.

    python tests/benchmarks/operator_cpu.py [N]

The operator is the real one, in a process of its own. The API server and the Job controller are the
embedded ones, in this process; the node only writes what a kubelet would. Each pod runs for a second,
so that a run has all three writes. With PROFILE=FILE in the environment the operator runs under
cProfile, which writes FILE and makes every figure worse.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

from ferryman.api import crd, names
from ferryman.api.reasons import Reason
from ferryman.api.runner_contract import Report, ResultRef, encode_report
from ferryman.dev.apiserver import moments
from ferryman.dev.apiserver.builtin_resources import builtin_registry
from ferryman.dev.apiserver.objects import Object, Objects, ref
from ferryman.dev.apiserver.server import ApiServer
from ferryman.dev.apiserver.storage import Storage
from ferryman.dev.jobs.controller import JobController
from ferryman.dev.node import pod_status

RUNS = f"{names.PLURAL}.{names.GROUP}"
IN_FLIGHT = 100
"""Runs that exist and have not ended: a window, so that the load is as fast as the machine and no faster."""
POD_SECONDS = 1.0


class Node:
    """Writes the status of pods as if it ran them."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._pods: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        async for event in self._objects.watch("pods"):
            if event.type == "ADDED":
                task = asyncio.create_task(self._carry_through(event.object))
                self._pods.add(task)
                task.add_done_callback(self._pods.discard)

    async def _carry_through(self, pod: Object) -> None:
        one, container, began = ref("pods", pod), pod["spec"]["containers"][0], moments.now()
        self._objects.change(one, lambda pod: pod | {"spec": pod["spec"] | {"nodeName": "node"}})
        self._objects.change_status(one, lambda pod: pod_status.scheduled(pod, began))
        self._objects.change_status(
            one, lambda pod: pod_status.running(pod["status"], container, "id", began)
        )
        await asyncio.sleep(POD_SECONDS)
        ended = pod_status.Exit(0, "Completed", report_of(pod), began, moments.now())
        self._objects.change_status(
            one, lambda pod: pod_status.terminated(pod["status"], container, "id", ended)
        )
        self._objects.change_status(one, lambda pod: pod_status.ended(pod["status"], moments.now()))


def report_of(pod: Object) -> str:
    labels = pod["metadata"]["labels"]
    uid, attempt = labels[names.RUN_UID_LABEL], int(labels[names.ATTEMPT_LABEL])
    result = ResultRef("ab" * 32, 1024, "json")
    return encode_report(Report(uid, attempt, Reason.COMPLETED, result=result)).decode()


class Load:
    """Submits runs and counts those that ended."""

    def __init__(self, storage: Storage, count: int) -> None:
        self._storage = storage
        self._count = count
        self._window = asyncio.Semaphore(IN_FLIGHT)
        self._ended: set[str] = set()
        self._all_ended = asyncio.Event()

    async def run(self) -> None:
        counting = asyncio.create_task(self._follow())
        for number in range(self._count):
            await self._window.acquire()
            self._storage.create(RUNS, run(number))
            await asyncio.sleep(0)
        await self._all_ended.wait()
        counting.cancel()

    async def _follow(self) -> None:
        async for event in self._storage.watch(RUNS):
            name, phase = event.object["metadata"]["name"], event.object["status"]["phase"]
            if phase in ("Pending", "Running") or name in self._ended:
                continue
            if phase != "Completed":
                raise SystemExit(f"{name} is {phase}: {event.object['status']}")
            self._ended.add(name)
            self._window.release()
            if len(self._ended) == self._count:
                self._all_ended.set()


def run(number: int) -> Object:
    """A run of a map: all of its code, some of shared arguments."""
    return {
        "apiVersion": names.API_VERSION,
        "kind": names.KIND,
        "metadata": {
            "name": f"count-words-{number:06}",
            "namespace": "default",
            "labels": {names.TASK_LABEL: "count-words"},
            "annotations": {names.SUBMISSION_ANNOTATION: f"{number:032x}"},
        },
        "spec": {
            "task": {"name": "count-words", "key": "report:count_words"},
            "function": {"blob": {"sha256": "cd" * 32, "size": 2048}},
            "parameters": {
                "blob": {"sha256": f"{number:064x}", "size": 99, "offset": 99 * number, "object": "ef" * 32}
            },
            "retry": {"retries": 2, "delays": ["10s"], "infrastructureRetries": 3},
        },
    }


class Operator:
    """The operator's process."""

    def __init__(self, folder: Path, url: str) -> None:
        self._folder = folder
        self._metrics = ""
        configure(folder, url)

    async def __aenter__(self) -> Self:
        profile = ("-m", "cProfile", "-o", os.environ["PROFILE"]) if "PROFILE" in os.environ else ()
        self._process = await asyncio.create_subprocess_exec(
            *(
                sys.executable,
                *profile,
                "-m",
                "ferryman_operator",
                "--config",
                str(self._folder / "config.json"),
            ),
            env={**os.environ, "KUBECONFIG": str(self._folder / "kubeconfig")},
            stderr=(self._folder / "log").open("wb"),
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        with suppress(ProcessLookupError):
            self._process.terminate()
        await self._process.wait()

    async def until_ready(self) -> None:
        log = self._folder / "log"
        while "found 0 runs" not in log.read_text():
            if self._process.returncode is not None:
                raise SystemExit(log.read_text())
            await asyncio.sleep(0.1)
        port = re.search(r"probes and metrics on \S+:(\d+)", log.read_text())[1]
        self._metrics = f"http://127.0.0.1:{port}/metrics"
        await asyncio.sleep(2)

    @property
    def cpu(self) -> float:
        """User and system seconds so far."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    @property
    def megabytes(self) -> float:
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024

    async def requests(self) -> dict[str, int]:
        """Answers so far, by verb, resource and code."""
        text = await asyncio.to_thread(lambda: urllib.request.urlopen(self._metrics).read().decode())
        found = re.findall(
            r'ferryman_api_requests_total\{code="(\w+)",resource="([\w/]+)",verb="(\w+)"\} (\S+)', text
        )
        return {f"{verb} {resource} {code}": int(float(n)) for code, resource, verb, n in found}


def configure(folder: Path, url: str) -> None:
    kubeconfig = {
        "current-context": "x",
        "contexts": [{"name": "x", "context": {"cluster": "x"}}],
        "clusters": [{"name": "x", "cluster": {"server": url}}],
    }
    config = {
        "stores": {"default": {"bucket": "payloads", "endpoint": "https://store.example"}},
        "pod": {"image": "runner:1"},
        "http": {"host": "127.0.0.1", "port": 0},
        "api": {"qps": 2000, "burst": 2000},
    }
    (folder / "kubeconfig").write_text(json.dumps(kubeconfig))
    (folder / "config.json").write_text(json.dumps(config))


@contextmanager
def controllers(objects: Objects) -> Iterator[None]:
    tasks = [asyncio.create_task(one.run()) for one in (JobController(objects), Node(objects))]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()


async def measure(count: int) -> None:
    server = ApiServer(Storage(builtin_registry()), crds=[crd.crd()])
    await server.start()
    with tempfile.TemporaryDirectory() as folder, controllers(Objects(server.storage)):
        async with Operator(Path(folder), server.url) as operator:
            await operator.until_ready()
            cpu, asked, began = operator.cpu, await operator.requests(), time.monotonic()
            await Load(server.storage, count).run()
            spent, wall = operator.cpu - cpu, time.monotonic() - began
            tell(count, spent, wall, operator.megabytes, asked, await operator.requests())
    await server.stop()


def tell(
    count: int, cpu: float, wall: float, megabytes: float, before: Mapping[str, int], after: Mapping[str, int]
) -> None:
    print(f"operator CPU per 1,000 runs  {cpu / count * 1000:6.2f} s   ({count} runs in {wall:.1f} s)")
    print(f"operator memory              {megabytes:6.0f} MB")
    print("requests per run")
    for what, number in sorted(after.items()):
        if (made := number - before.get(what, 0)) > 0:
            print(f"  {made / count:6.2f}  {what}")


if __name__ == "__main__":
    asyncio.run(measure(int(sys.argv[1]) if len(sys.argv) > 1 else 500))
