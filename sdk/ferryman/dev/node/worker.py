"""The life of one pod on the node, from its containers' start to the last status."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from ferryman.dev.apiserver import moments
from ferryman.dev.apiserver.objects import Object, Objects, Ref, ref
from ferryman.dev.node import container, launching, pod_status
from ferryman.dev.node.container import Container, StartError
from ferryman.dev.node.environment import ConfigError
from ferryman.dev.node.launching import PodDirectory
from ferryman.dev.node.pod_status import Exit
from ferryman.dev.processes.reaper import Reaper

DEFAULT_GRACE_SECONDS: Final = 30
_CONFIG_RETRY_SECONDS: Final = 1.0


class PodWorker:
    """Runs one pod. `run` returns when it has ended; `stop` ends it early, with grace."""

    def __init__(self, pod: Object, objects: Objects, directory: PodDirectory, reaper: Reaper) -> None:
        self._pod = pod
        self._objects = objects
        self._directory = directory
        self._reaper = reaper
        self._stopping = asyncio.Event()
        self._grace = float(DEFAULT_GRACE_SECONDS)
        self.containers: list[Container] = []

    @property
    def ref(self) -> Ref:
        return ref("pods", self._pod)

    def stop(self, grace_seconds: float) -> None:
        """End it: SIGTERM, and SIGKILL after the grace period."""
        self._grace = grace_seconds
        self._stopping.set()

    def kill(self) -> None:
        """End it now, without a last status."""
        self.stop(0)
        for one in self.containers:
            one.kill()

    async def run(self) -> None:
        """From scheduled to Succeeded or Failed."""
        self._set(lambda pod: pod_status.scheduled(pod, moments.now()))
        try:
            if launches := await self._prepared():
                await self._run_containers(launches)
        finally:
            self.kill()
            await asyncio.to_thread(self._directory.clear)
        self._set(lambda pod: pod_status.ended(pod["status"], moments.now()))

    async def _prepared(self) -> list[tuple[Object, container.Launch]]:
        """What to start, once it can be; nothing if the pod is to stop before that."""
        if missing := launching.missing_image(self._pod):
            await self._back_off_image(*missing)
            return []
        while not self._stopping.is_set():
            self._directory.make(self._pod)
            try:
                launching.materialise(self._pod, self._directory, self._lookup)
                return [(one, self._launch(one)) for one in self._pod["spec"]["containers"]]
            except ConfigError as error:
                self._wait_for(
                    self._pod["spec"]["containers"][0]["name"], "CreateContainerConfigError", str(error)
                )
            await self._until_stopped(_CONFIG_RETRY_SECONDS)
        return []

    async def _run_containers(self, launches: list[tuple[Object, container.Launch]]) -> None:
        exits = [asyncio.create_task(self._run_container(spec, launch)) for spec, launch in launches]
        stopper = asyncio.create_task(self._stop_containers())
        overtime = asyncio.create_task(self._watch_deadline())
        try:
            await asyncio.gather(*exits)
        finally:
            for task in (stopper, overtime):
                task.cancel()
            await asyncio.wait([stopper, overtime])

    async def _run_container(self, spec: Object, launch: container.Launch) -> None:
        try:
            started = await container.start(launch, self._reaper)
        except StartError as error:
            self._record(spec, "", container.never_started(error))
            return
        self.containers.append(started)
        identity = f"process://{started.pid}"
        self._set(lambda pod: pod_status.running(pod["status"], spec, identity, started.started))
        self._record(spec, identity, await started.wait())

    async def _stop_containers(self) -> None:
        await self._stopping.wait()
        for one in self.containers:
            one.terminate()
        await asyncio.sleep(self._grace)
        for one in self.containers:
            one.kill()

    async def _watch_deadline(self) -> None:
        seconds = self._pod["spec"].get("activeDeadlineSeconds")
        if seconds is None:
            return
        await asyncio.sleep(seconds)
        message = "Pod was active on the node longer than the specified deadline"
        self._set(lambda pod: pod["status"] | {"reason": "DeadlineExceeded", "message": message})
        self.stop(self._pod["spec"].get("terminationGracePeriodSeconds", DEFAULT_GRACE_SECONDS))

    async def _back_off_image(self, name: str, image: str) -> None:
        self._wait_for(name, "ErrImagePull", f'failed to pull and unpack image "{image}": no such host')
        await self._until_stopped(_CONFIG_RETRY_SECONDS)
        self._wait_for(name, "ImagePullBackOff", f'Back-off pulling image "{image}"')
        await self._stopping.wait()

    async def _until_stopped(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return

    def _wait_for(self, name: str, reason: str, message: str) -> None:
        self._set(lambda pod: pod_status.waiting(pod, pod["status"], name, (reason, message)))

    def _record(self, spec: Object, identity: str, ended: Exit) -> None:
        self._set(lambda pod: pod_status.terminated(pod["status"], spec, identity, ended))

    def _launch(self, spec: Object) -> container.Launch:
        return launching.launch(self._pod, spec, self._directory, self._lookup)

    def _lookup(self, kind: str, name: str) -> Object | None:
        resource = {"Secret": "secrets", "ConfigMap": "configmaps"}[kind]
        return self._objects.get(resource, self._pod["metadata"]["namespace"], name)

    def _set(self, change: Callable[[Object], Object]) -> None:
        self._objects.change_status(self.ref, change)
