"""The paths that no Kubernetes has: fault rules, the ledger of writes, and cutting watches."""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web

from ferryman.dev.apiserver.errors import ApiError, BadRequest, Gone
from ferryman.dev.apiserver.faults import Fault, Faults
from ferryman.dev.apiserver.ledger import Ledger
from ferryman.dev.apiserver.storage import Storage
from ferryman.dev.apiserver.watch import OpenWatches


class Control:
    """GET, PUT, DELETE `/faults`; GET, DELETE `/ledger`; POST `/watches/cut`; DELETE `/history`."""

    def __init__(self, storage: Storage, faults: Faults, ledger: Ledger, watches: OpenWatches) -> None:
        self._storage = storage
        self._faults = faults
        self._ledger = ledger
        self._watches = watches

    def register(self, application: web.Application) -> None:
        """Add the routes."""
        application.router.add_get("/faults", self._show)
        application.router.add_put("/faults", self._set)
        application.router.add_delete("/faults", self._clear)
        application.router.add_get("/ledger", self._writes)
        application.router.add_delete("/ledger", self._forget_writes)
        application.router.add_post("/watches/cut", self._cut)
        application.router.add_delete("/history", self._compact)

    async def _show(self, _: web.Request) -> web.Response:
        return web.json_response(self._faults.as_json())

    async def _set(self, request: web.Request) -> web.Response:
        try:
            body = _read(await request.text())
            self._faults.set(
                [Fault.parse(rule) for rule in body.get("rules") or ()], seed=body.get("seed", 0)
            )
        except ApiError as error:
            return web.json_response(error.as_status(), status=error.code)
        return web.json_response(self._faults.as_json())

    async def _clear(self, _: web.Request) -> web.Response:
        self._faults.clear()
        return web.json_response([])

    async def _writes(self, _: web.Request) -> web.Response:
        return web.json_response(self._ledger.as_json())

    async def _forget_writes(self, _: web.Request) -> web.Response:
        self._ledger.clear()
        return web.json_response([])

    async def _cut(self, request: web.Request) -> web.Response:
        """`?resource=jobs.batch` (default: all); `&expire=true` ends them with a 410 event instead."""
        expire = request.query.get("expire") in {"true", "1"}
        how: ApiError | ConnectionError = (
            Gone("too old resource version") if expire else ConnectionResetError()
        )
        return web.json_response(
            {"cut": self._watches.interrupt(self._storage, how, request.query.get("resource", ""))}
        )

    async def _compact(self, request: web.Request) -> web.Response:
        """Forget the history of `?resource=` (default: all): watches from older versions get 410."""
        self._storage.forget_history(request.query.get("resource") or None)
        return web.json_response({})


def _read(text: str) -> dict[str, Any]:
    try:
        body = json.loads(text)
    except ValueError as error:
        raise BadRequest(f"the body cannot be read: {error}") from None
    if not isinstance(body, dict):
        raise BadRequest('expected {"rules": [...], "seed": 0}')
    return body
