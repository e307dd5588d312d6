"""The node of the embedded cluster: this machine. It schedules pods to itself and runs them as processes.

Not there: images (every pod gets this Python), users, networks, CPU limits, probes, init
containers, restarts. There: the environment, logs, termination messages, exit codes, grace
periods, memory limits, node selectors, and a bound on the number of pods that run at once.
"""

from __future__ import annotations

import asyncio
import os
import platform
from collections import deque
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, Final

import ferryman
from ferryman.dev.apiserver import moments
from ferryman.dev.apiserver.objects import Object, Objects, Ref, ref
from ferryman.dev.apiserver.watching import Event
from ferryman.dev.node import logs, pod_status, scheduling
from ferryman.dev.node.launching import PodDirectory
from ferryman.dev.node.worker import DEFAULT_GRACE_SECONDS, PodWorker
from ferryman.dev.processes.reaper import Reaper

NAME: Final = "laptop"
PODS_PER_CORE: Final = 4
_MEMORY_CHECK_SECONDS: Final = 0.2
_LOG_WAIT_SECONDS: Final = 0.05
_POD_TROUBLE: Final = (OSError, ValueError, KeyError, TypeError)
"""A full disk, a quantity that is none, a spec that nobody checked: the pod fails, the node does not."""


class Node:
    """Runs pods. `run` ends only by being cancelled, and leaves no process behind."""

    def __init__(
        self,
        objects: Objects,
        directory: Path,
        reaper: Reaper,
        *,
        max_pods: int | None = None,
        kubeconfig: Path | None = None,
    ) -> None:
        self._objects = objects
        self._directory = directory
        self._reaper = reaper
        self._kubeconfig = kubeconfig
        self._max_pods = max_pods or PODS_PER_CORE * (os.cpu_count() or 1)
        self._workers: dict[str, PodWorker] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._queue: deque[Ref] = deque()
        self._labels = {
            "kubernetes.io/arch": platform.machine(),
            "kubernetes.io/hostname": NAME,
            "kubernetes.io/os": platform.system().lower(),
        }
        self._allocatable = _allocatable(self._max_pods)

    async def run(self) -> None:
        """Announce the node, then follow the pods."""
        self._announce()
        memory = asyncio.create_task(self._watch_memory())
        try:
            async for event in self._objects.watch("pods"):
                try:
                    self._handle(event)
                except _POD_TROUBLE as error:
                    self._give_up(ref("pods", event.object), error)
        finally:
            memory.cancel()
            await self._stop_all()

    async def read_log(self, pod: Object, container: str, options: logs.Options) -> AsyncIterator[bytes]:
        """The lines of a container's log with their line ends; nothing if it has not started."""
        path = self._directory_of(pod).log(container)
        uid = pod["metadata"]["uid"]
        while options.follow and not path.exists() and self._is_expected(ref("pods", pod)):  # noqa: ASYNC110
            await asyncio.sleep(_LOG_WAIT_SECONDS)
        async for line in logs.read(path, options, lambda: uid not in self._workers):
            yield line

    def _handle(self, event: Event) -> None:
        pod, uid = event.object, event.object["metadata"]["uid"]
        if event.type == "DELETED":
            self._forget(pod)
        elif pod_status.is_deleting(pod):
            self._stop(pod)
        elif uid not in self._workers and not pod_status.is_over(pod):
            self._consider(pod)

    def _consider(self, pod: Object) -> None:
        one = ref("pods", pod)
        if one in self._queue:
            return
        if pod["spec"].get("nodeName") not in (None, "", NAME):
            return
        if why := scheduling.refusal(pod, self._labels, self._allocatable):
            self._refuse(one, why)
        elif len(self._workers) < self._max_pods:
            self._start(pod)
        else:
            self._queue.append(one)
            self._refuse(one, scheduling.TOO_MANY_PODS)

    def _give_up(self, one: Ref, error: Exception) -> None:
        text = f"the node cannot run it: {error!r}"
        self._objects.change_status(one, lambda pod: pod_status.failed(pod["status"], "NodeFailure", text))

    def _refuse(self, one: Ref, why: str) -> None:
        pod = self._objects.read(one)
        if pod is not None and why not in str(pod.get("status", {}).get("conditions")):
            self._objects.change_status(one, lambda pod: pod_status.unschedulable(pod, why, moments.now()))

    def _start(self, pod: Object) -> None:
        one = ref("pods", pod)
        self._objects.change(one, lambda pod: pod | {"spec": pod["spec"] | {"nodeName": NAME}})
        bound = self._objects.read(one)
        if bound is None:
            return
        worker = PodWorker(bound, self._objects, self._directory_of(bound), self._reaper)
        self._workers[one.uid] = worker
        self._tasks[one.uid] = asyncio.create_task(self._work(worker), name=f"pod {one.name}")

    async def _work(self, worker: PodWorker) -> None:
        try:
            await worker.run()
        except _POD_TROUBLE as error:
            self._give_up(worker.ref, error)
        finally:
            self._workers.pop(worker.ref.uid)
            self._tasks.pop(worker.ref.uid)
        pod = self._objects.read(worker.ref)
        if pod is not None and pod_status.is_deleting(pod):
            self._objects.delete(worker.ref, grace_seconds=0)
        self._start_queued()

    def _start_queued(self) -> None:
        while self._queue and len(self._workers) < self._max_pods:
            pod = self._objects.read(self._queue.popleft())
            if pod is not None and not pod_status.is_deleting(pod):
                self._start(pod)

    def _stop(self, pod: Object) -> None:
        one = ref("pods", pod)
        if worker := self._workers.get(one.uid):
            worker.stop(pod["metadata"].get("deletionGracePeriodSeconds", DEFAULT_GRACE_SECONDS))
            return
        if not pod_status.is_over(pod):
            # It never ran. Its Job waits for it to fail, as no container of it can any more.
            self._objects.change_status(one, lambda pod: pod_status.ended(pod["status"], moments.now()))
        self._objects.delete(one, grace_seconds=0)

    def _forget(self, pod: Object) -> None:
        if worker := self._workers.get(pod["metadata"]["uid"]):
            worker.kill()
        else:
            self._directory_of(pod).remove()

    def _is_expected(self, one: Ref) -> bool:
        pod = self._objects.read(one)
        return pod is not None and not pod_status.is_over(pod)

    def _directory_of(self, pod: Mapping[str, Any]) -> PodDirectory:
        return PodDirectory(self._directory / pod["metadata"]["uid"], self._kubeconfig)

    async def _watch_memory(self) -> None:
        while True:
            await asyncio.sleep(_MEMORY_CHECK_SECONDS)
            for worker in tuple(self._workers.values()):
                for container in worker.containers:
                    container.check_memory()

    async def _stop_all(self) -> None:
        tasks = tuple(self._tasks.values())
        for worker in tuple(self._workers.values()):
            worker.kill()
        if tasks:
            await asyncio.wait(tasks)

    def _announce(self) -> None:
        node = {"metadata": {"name": NAME, "labels": self._labels}, "spec": {}}
        self._objects.ensure("nodes", node)
        known = self._objects.get("nodes", "", NAME)
        assert known is not None
        self._objects.change_status(ref("nodes", known), lambda _: _node_status(self._allocatable))


def _allocatable(max_pods: int) -> dict[str, str]:
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 1024
    return {"cpu": str(os.cpu_count() or 1), "memory": f"{memory}Ki", "pods": str(max_pods)}


def _node_status(allocatable: Mapping[str, str]) -> Object:
    moment = moments.render(moments.now())
    ready = {
        "type": "Ready",
        "status": "True",
        "reason": "KubeletReady",
        "message": "the embedded cluster runs",
    }
    return {
        "capacity": dict(allocatable),
        "allocatable": dict(allocatable),
        "conditions": [ready | {"lastHeartbeatTime": moment, "lastTransitionTime": moment}],
        "addresses": [{"type": "Hostname", "address": NAME}, {"type": "InternalIP", "address": "127.0.0.1"}],
        "nodeInfo": {
            "kubeletVersion": f"ferryman-{getattr(ferryman, '__version__', 'dev')}",
            "operatingSystem": platform.system().lower(),
            "architecture": platform.machine(),
            "osImage": "ferryman dev",
            "kernelVersion": platform.release(),
            "containerRuntimeVersion": f"process://{platform.python_version()}",
        },
    }
