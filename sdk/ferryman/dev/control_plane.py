"""The parts of an embedded cluster that share one event loop: API server, controllers, node."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from datetime import timedelta
from pathlib import Path
from typing import Any

from ferryman.api import crd
from ferryman.dev import store
from ferryman.dev.apiserver import moments
from ferryman.dev.apiserver.builtin_resources import builtin_registry
from ferryman.dev.apiserver.errors import ApiError
from ferryman.dev.apiserver.gc import GarbageCollector
from ferryman.dev.apiserver.logs import LogRequest
from ferryman.dev.apiserver.objects import Object, Objects
from ferryman.dev.apiserver.server import ApiServer
from ferryman.dev.apiserver.storage import Storage
from ferryman.dev.jobs.controller import JobController
from ferryman.dev.node import logs
from ferryman.dev.node.node import Node
from ferryman.dev.operator import NAMESPACE
from ferryman.dev.processes.reaper import Reaper


class ControlPlane:
    """An API server with everything behind it. Its methods belong to one event loop."""

    def __init__(
        self,
        directory: Path,
        reaper: Reaper,
        *,
        max_pods: int | None = None,
        kubeconfig: Path | None = None,
    ) -> None:
        self.storage = Storage(builtin_registry())
        self.objects = Objects(self.storage)
        self.server = ApiServer(self.storage, crds=[crd.crd()], logs=self._read_log)
        self.node = Node(self.objects, directory, reaper, max_pods=max_pods, kubeconfig=kubeconfig)
        self._collector = GarbageCollector(self.storage)
        self._jobs = JobController(self.objects)
        self._tasks: list[asyncio.Task[Any]] = []

    async def start(self, credentials: dict[str, str]) -> str:
        """Start everything. Returns the URL of the API server."""
        self.objects.ensure("namespaces", {"metadata": {"name": NAMESPACE}})
        url = await self.server.start()
        self._spawn(self.node.run(), self._jobs.run(), self._collector.run(), self._furnish(credentials))
        return url

    async def stop(self) -> None:
        """Stop everything; no process of a pod is left afterwards."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.server.stop()

    def failure(self) -> BaseException | None:
        """Why a part of it has died, if one has."""
        done = [task for task in self._tasks if task.done() and not task.cancelled()]
        return next((error for task in done if (error := task.exception()) is not None), None)

    def _spawn(self, *parts: Coroutine[Any, Any, None]) -> None:
        self._tasks += [asyncio.create_task(part) for part in parts]

    async def _furnish(self, credentials: dict[str, str]) -> None:
        """Give every namespace a service account and the credentials of the store: runs work in all."""
        async for event in self.objects.watch("namespaces"):
            namespace = event.object["metadata"]
            if event.type == "DELETED" or namespace.get("deletionTimestamp"):
                continue
            where = {"namespace": namespace["name"]}
            secret = {"metadata": where | {"name": store.SECRET_NAME}, "stringData": credentials}
            try:
                self.objects.ensure("secrets", secret)
                self.objects.ensure("serviceaccounts", {"metadata": where | {"name": "default"}})
            except ApiError:
                # It went between the event and now.
                continue

    async def _read_log(self, pod: Object, request: LogRequest) -> AsyncIterator[bytes]:
        container = request.container or pod["spec"]["containers"][0]["name"]
        since = (
            None
            if request.since_seconds is None
            else moments.now() - timedelta(seconds=request.since_seconds)
        )
        options = logs.Options(
            request.follow, request.timestamps, request.tail_lines, request.limit_bytes, since
        )
        async for line in self.node.read_log(pod, container, options):
            yield line
