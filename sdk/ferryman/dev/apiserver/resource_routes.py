"""Everything under /api and /apis that is about objects: faults, then the verb, then the ledger."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from aiohttp import web

from ferryman.dev.apiserver import verbs
from ferryman.dev.apiserver.errors import ApiError, Gone, Injected, NotFound
from ferryman.dev.apiserver.faults import Action, Fault, Faults
from ferryman.dev.apiserver.ledger import Ledger
from ferryman.dev.apiserver.logs import LogReader, LogRequest
from ferryman.dev.apiserver.requests import WRITE_VERBS, Target, named_in_body, parse_target
from ferryman.dev.apiserver.storage import Storage
from ferryman.dev.apiserver.verbs import Answer
from ferryman.dev.apiserver.watch import OpenWatch, OpenWatches, WatchStream

_Verb = Callable[[Storage, Target, web.Request], Awaitable[Answer]]
_VERBS: Final[dict[str, _Verb]] = {
    "get": verbs.read_one,
    "create": verbs.create,
    "update": verbs.update,
    "patch": verbs.patch,
    "delete": verbs.delete,
    "deletecollection": verbs.delete_many,
}


class ResourceRoutes:
    """The handler of all resources. `logs` answers for pods' logs."""

    def __init__(
        self, storage: Storage, faults: Faults, ledger: Ledger, watches: OpenWatches, logs: LogReader | None
    ) -> None:
        self._storage = storage
        self._faults = faults
        self._ledger = ledger
        self._watches = watches
        self.logs = logs

    def register(self, application: web.Application) -> None:
        """Add the routes."""
        for prefix in ("/api", "/apis"):
            application.router.add_route("*", prefix + "/{path:.*}", self._handle)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        try:
            target = parse_target(self._storage.registry, request.method, request.path, request.query)
        except ApiError as error:
            return _refusal(error)
        name = target.name or (await named_in_body(request) if target.verb == "create" else "")
        firing = self._faults.firing(target, name, request.headers.get("User-Agent", ""))
        if target.verb == "watch":
            return await self._watch(target, request, firing)
        try:
            answer = await self._answer(target, request, firing)
        except ApiError as error:
            refusal = _refusal(error)
            self._note(target, name, request, refusal.status)
            return refusal
        if isinstance(answer, web.StreamResponse):
            return answer
        self._note(target, name, request, answer.code)
        if any(fault.action is Action.LOSE_REPLY for fault in firing):
            _cut(request)
        return _response(answer)

    async def _answer(
        self, target: Target, request: web.Request, firing: Sequence[Fault]
    ) -> Answer | web.StreamResponse:
        await _hinder(target, request, firing)
        if target.subresource == "log":
            return await self._log(target, request)
        if target.verb == "list":
            back = max(
                (fault.versions_back for fault in firing if fault.action is Action.STALE_LIST), default=0
            )
            return await verbs.read_many(self._storage, target, request, versions_back=back)
        return await _VERBS[target.verb](self._storage, target, request)

    def _note(self, target: Target, name: str, request: web.Request, code: int) -> None:
        if target.verb not in WRITE_VERBS:
            return
        self._ledger.record(
            verb=target.verb,
            resource=f"{target.resource.qualified}/{target.subresource}".rstrip("/"),
            namespace=target.namespace or "",
            name=name,
            agent=request.headers.get("User-Agent", ""),
            manager=request.query.get("fieldManager", ""),
            code=code,
        )

    async def _watch(
        self, target: Target, request: web.Request, firing: Sequence[Fault]
    ) -> web.StreamResponse:
        watch = OpenWatch(target.resource)
        try:
            await _hinder(target, request, firing)
            stream = WatchStream(self._storage, target, request, watch)
        except ApiError as error:
            return _refusal(error)
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        response.enable_chunked_encoding()
        await response.prepare(request)
        _arm(watch, firing)
        self._watches.watches.add(watch)
        try:
            await stream.run(response)
        except (ConnectionError, asyncio.IncompleteReadError):
            _cut(request)
        finally:
            self._watches.watches.discard(watch)
        return response

    async def _log(self, target: Target, request: web.Request) -> web.StreamResponse:
        pod = self._storage.get(target.resource, target.namespace, target.name)
        if self.logs is None:
            raise NotFound(
                "this server has no node that could tell logs", target.resource.subject(target.name)
            )
        pieces = aiter(self.logs(pod, LogRequest.parse(request.query)))
        first = await anext(pieces, b"")
        response = web.StreamResponse(headers={"Content-Type": "text/plain"})
        response.enable_chunked_encoding()
        await response.prepare(request)
        await response.write(first)
        async for piece in pieces:
            await response.write(piece)
        return response


async def _hinder(target: Target, request: web.Request, firing: Sequence[Fault]) -> None:
    """What comes before the work: delay, refusal, a broken connection."""
    for fault in firing:
        if fault.delay and fault.action is not Action.LAG_WATCH:
            await asyncio.sleep(fault.delay)
        if fault.action is Action.RESET:
            _cut(request)
            raise Injected(fault.message, status=503)
        if fault.action is Action.ERROR:
            subject = target.resource.subject(target.name)
            raise Injected(fault.message, subject, retry_after=fault.retry_after, status=fault.status)


def _arm(watch: OpenWatch, firing: Sequence[Fault]) -> None:
    for fault in firing:
        if fault.action is Action.DROP_WATCH:
            watch.events_left = fault.after_events
        if fault.action is Action.LAG_WATCH:
            watch.lag = fault.delay
        if fault.action is Action.EXPIRE_WATCH:
            watch.interruption = Gone("too old resource version: expired by a fault rule")


def _cut(request: web.Request) -> None:
    """Break the connection without an answer."""
    if request.transport is not None:
        request.transport.abort()


def _refusal(error: ApiError) -> web.Response:
    status = error.as_status()
    headers = {"Retry-After": str(error.retry_after)} if error.retry_after is not None else {}
    return web.json_response(status, status=status["code"], headers=headers)


def _response(answer: Answer) -> web.Response:
    response = web.Response(body=answer.body, status=answer.code, content_type="application/json")
    for warning in dict.fromkeys(answer.warnings):
        response.headers.add("Warning", f"299 - {json.dumps(warning)}")
    return response
