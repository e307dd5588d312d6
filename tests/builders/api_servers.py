"""Embedded API servers: a storage alone, a server in this event loop, a server in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml

from builders.crds import widget_crd
from ferryman.api.crd import crd
from ferryman.dev.apiserver.builtin_resources import builtin_registry
from ferryman.dev.apiserver.server import ApiServer
from ferryman.dev.apiserver.storage import Storage

T = TypeVar("T")


def storage_with_widgets(**options: Any) -> Storage:
    """A storage that serves Widgets and has the usual namespaces, without HTTP."""
    storage = Storage(builtin_registry(), **options)
    ApiServer(storage, crds=[widget_crd()])
    return storage


@asynccontextmanager
async def an_api_server(*, crds: Sequence[dict[str, Any]] | None = None) -> AsyncIterator[ApiServer]:
    """A server in this event loop that serves TaskRuns (or `crds`)."""
    server = ApiServer(Storage(builtin_registry()), crds=[crd()] if crds is None else crds)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


@dataclass
class RunningServer:
    """A server in another thread. Reach its insides through `call` only."""

    server: ApiServer
    url: str
    loop: asyncio.AbstractEventLoop

    def call(self, function: Callable[[], T]) -> T:
        """Run something in the server's thread, between two requests."""

        async def run() -> T:
            return function()

        return asyncio.run_coroutine_threadsafe(run(), self.loop).result(timeout=20)

    def write_kubeconfig(self, path: Path) -> Path:
        """A kubeconfig that leads to it."""
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "embedded",
            "clusters": [{"name": "embedded", "cluster": {"server": self.url}}],
            "users": [{"name": "embedded", "user": {}}],
            "contexts": [
                {
                    "name": "embedded",
                    "context": {"cluster": "embedded", "user": "embedded", "namespace": "default"},
                }
            ],
        }
        path.write_text(yaml.safe_dump(config))
        return path


@contextmanager
def running_server(
    *, crds: Sequence[dict[str, Any]] | None = None, prepare: Callable[[ApiServer], object] = id
) -> Iterator[RunningServer]:
    """An API server that serves Widgets (or `crds`); `prepare` gets it before it listens."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    server = ApiServer(Storage(builtin_registry()), crds=[widget_crd()] if crds is None else crds)
    prepare(server)
    url = asyncio.run_coroutine_threadsafe(server.start(), loop).result(timeout=20)
    try:
        yield RunningServer(server, url, loop)
    finally:
        asyncio.run_coroutine_threadsafe(server.stop(), loop).result(timeout=20)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(timeout=20)
        loop.close()
