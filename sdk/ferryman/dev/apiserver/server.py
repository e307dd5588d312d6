"""The server: HTTP on a loopback address, in front of a Storage.

server = ApiServer(storage, crds=[crd])
url = await server.start()
server.faults.set([Fault(Action.LOSE_REPLY, verb="create", resource="jobs.batch", count=1)])
server.ledger.writes(agent="ferryman-operator")
await server.stop()
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from typing import Any, Final

from aiohttp import web

from ferryman.dev.apiserver.browsers import refuse_browsers
from ferryman.dev.apiserver.control import Control
from ferryman.dev.apiserver.definitions import CRDS, serve_definitions
from ferryman.dev.apiserver.faults import Faults
from ferryman.dev.apiserver.ledger import Ledger
from ferryman.dev.apiserver.logs import LogReader
from ferryman.dev.apiserver.quota import admit_quota
from ferryman.dev.apiserver.resource_routes import ResourceRoutes
from ferryman.dev.apiserver.static_routes import StaticRoutes
from ferryman.dev.apiserver.storage import Storage
from ferryman.dev.apiserver.watch import OpenWatches

NAMESPACES: Final = ("default", "kube-system", "kube-public")
MAX_BODY: Final = 4 * 1024 * 1024


class ApiServer:
    """A Kubernetes API for one machine: no authentication, no TLS, loopback only."""

    def __init__(
        self, storage: Storage, *, crds: Sequence[Mapping[str, Any]] = (), logs: LogReader | None = None
    ) -> None:
        self.storage = storage
        self.faults = Faults()
        self.ledger = Ledger()
        self.watches = OpenWatches()
        self.url = ""
        self._routes = ResourceRoutes(storage, self.faults, self.ledger, self.watches, logs)
        self._runner: web.AppRunner | None = None
        serve_definitions(storage)
        storage.admission.append(admit_quota)
        self._populate(crds)

    def set_log_reader(self, logs: LogReader) -> None:
        """Who answers `kubectl logs`."""
        self._routes.logs = logs

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> str:
        """Listen; port 0 takes a free one. Returns the URL. Raises ValueError if `host` is not loopback."""
        if host != "localhost" and not ipaddress.ip_address(host).is_loopback:
            raise ValueError(
                f"the embedded API server has no authentication and listens on loopback only, not on {host}"
            )
        application = web.Application(client_max_size=MAX_BODY, middlewares=[refuse_browsers])
        Control(self.storage, self.faults, self.ledger, self.watches).register(application)
        StaticRoutes(self.storage.registry).register(application)
        self._routes.register(application)
        self._runner = web.AppRunner(
            application,
            access_log=None,
            handle_signals=False,
            shutdown_timeout=1.0,
            handler_cancellation=True,
        )
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port)
        await site.start()
        bound = self._runner.addresses[0]
        self.url = f"http://{host}:{bound[1]}"
        return self.url

    async def stop(self) -> None:
        """End the watches and stop listening. The storage stays as it is."""
        self.watches.interrupt(self.storage, ConnectionResetError("the server stops"))
        if self._runner:
            await self._runner.cleanup()
            self._runner = None

    def _populate(self, crds: Sequence[Mapping[str, Any]]) -> None:
        known = {namespace["metadata"]["name"] for namespace in self.storage.list("namespaces")}
        for name in NAMESPACES:
            if name not in known:
                self.storage.create("namespaces", {"metadata": {"name": name}})
        for crd in crds:
            self.storage.create(CRDS, crd)
