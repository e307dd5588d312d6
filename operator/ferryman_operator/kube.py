"""The cluster port over HTTP: the only file that makes requests of its own."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Final
from urllib.parse import urlencode

import aiohttp
from yarl import URL

from ferryman.api import names
from ferryman_operator import replies
from ferryman_operator.auth import Connection
from ferryman_operator.cluster import Object, Page, Unavailable
from ferryman_operator.limiter import Limiter, Priority
from ferryman_operator.reconcile.observed import Key

_PAGE: Final = 500
_RUNS: Final = f"/apis/{names.GROUP}/{names.VERSION}"
_JOBS: Final = "/apis/batch/v1"
_CORE: Final = "/api/v1"
_LEASES: Final = "/apis/coordination.k8s.io/v1"
_EVENTS: Final = "/apis/events.k8s.io/v1"
_METADATA_ONLY: Final = (
    "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json;q=0.9"
)
_WATCH_TIMEOUT: Final = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=70)
"""A bookmark comes every minute: a stream that is silent for longer is dead."""
_OF_WHAT_WAS_ADDED: Final = (b'{"type":"MODIFIED"', b'{"type":"DELETED"')
"""How such events begin, as Kubernetes writes them: to parse one costs what all else about a pod does."""
_TERMINAL: Final = frozenset(("Completed", "Failed", "Crashed", "TimedOut", "Cancelled"))


def open_session(connection: Connection, *, limit: int) -> aiohttp.ClientSession:
    """A session whose requests carry who we are. A token that is replaced needs no new session."""

    async def authorise(
        request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        if (header := connection.authorization()) is not None:
            request.headers["Authorization"] = header
        return await handler(request)

    tls: Any = connection.ssl if connection.ssl is not None else True
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=limit, ssl=tls, keepalive_timeout=75),
        headers={"User-Agent": names.FIELD_MANAGER, "Accept": "application/json"},
        middlewares=(authorise,),
        proxy=connection.proxy,
    )


class KubeCluster:
    """Kubernetes, through its REST API. `told` is called with verb, resource and code of every answer."""

    def __init__(
        self,
        connection: Connection,
        limiter: Limiter,
        told: Callable[[str, str, str], None],
        *,
        connections: int = 64,
        timeout: float = 30.0,
    ) -> None:
        self._connection = connection
        self._limiter = limiter
        self._told = told
        self._timeout = aiohttp.ClientTimeout(total=timeout)
        self._session = open_session(connection, limit=connections)
        # A replica whose connections are all busy must not lose the lead for it.
        self._lease_session = open_session(connection, limit=1)
        # A watch holds its connection for good, and there may be one for each of many namespaces.
        self._watch_session = open_session(connection, limit=0)

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()
        await self._lease_session.close()
        await self._watch_session.close()

    def list_runs(self, namespace: str | None, *, metadata_only: bool = False) -> AsyncIterator[Page]:
        """All TaskRuns, of one namespace or all, in pages."""
        return self._list(_path(_RUNS, namespace, names.PLURAL), names.PLURAL, {}, metadata_only)

    def list_jobs(self, namespace: str | None, *, metadata_only: bool = False) -> AsyncIterator[Page]:
        """All Jobs with MANAGED_LABEL, in pages."""
        selector = {"labelSelector": f"{names.MANAGED_LABEL}=true"}
        return self._list(_path(_JOBS, namespace, "jobs"), "jobs", selector, metadata_only)

    def watch_jobs(self, namespace: str | None, version: str) -> AsyncIterator[Object]:
        """Watch events of Jobs with MANAGED_LABEL."""
        return self._watch(_path(_JOBS, namespace, "jobs"), "jobs", {}, version)

    async def version_of_pods(self, namespace: str | None) -> str:
        """Of a list of any one pod: with a selector the server would search for one that matches."""
        path, one = _path(_CORE, namespace, "pods"), {"limit": "1"}
        page = await self._request("list", "pods", path, Priority.AUDITING, query=one, accept=_METADATA_ONLY)
        return str((page.get("metadata") or {}).get("resourceVersion", ""))

    def watch_succeeded_pods(self, namespace: str | None, version: str) -> AsyncIterator[Object]:
        """Watch events of pods with MANAGED_LABEL that have succeeded."""
        selector = {"fieldSelector": "status.phase=Succeeded"}
        return self._watch(_path(_CORE, namespace, "pods"), "pods", selector, version, _OF_WHAT_WAS_ADDED)

    async def get_run(self, key: Key) -> Object:
        """A live read."""
        path = _path(_RUNS, key.namespace, names.PLURAL, key.name)
        return await self._request("get", names.PLURAL, path, Priority.READING)

    async def get_job(self, namespace: str, name: str) -> Object:
        """A live read."""
        return await self._request("get", "jobs", _path(_JOBS, namespace, "jobs", name), Priority.READING)

    async def list_pods(self, namespace: str, run_uid: str) -> list[Object]:
        """A live read of the pods with RUN_UID_LABEL."""
        selector = {"labelSelector": f"{names.RUN_UID_LABEL}={run_uid}"}
        path = _path(_CORE, namespace, "pods")
        return list(
            (await self._request("list", "pods", path, Priority.READING, query=selector)).get("items") or ()
        )

    async def create_job(self, manifest: Mapping[str, Any]) -> Object:
        """POST."""
        path = _path(_JOBS, manifest["metadata"]["namespace"], "jobs")
        return await self._request("create", "jobs", path, Priority.STARTING, body=manifest)

    async def delete_job(self, namespace: str, name: str, uid: str) -> None:
        """DELETE, with its pods in the background."""
        path = _path(_JOBS, namespace, "jobs", name)
        await self._request("delete", "jobs", path, Priority.ENDING, body=_deletion(uid))

    async def patch_run_status(self, key: Key, patch: Mapping[str, Any]) -> Object:
        """A merge-patch on /status."""
        phase = patch["status"].get("phase")
        priority = Priority.ENDING if phase in _TERMINAL else Priority.RUNNING
        path = _path(_RUNS, key.namespace, names.PLURAL, key.name, "status")
        return await self._request("patch", f"{names.PLURAL}/status", path, priority, body=patch)

    async def delete_run(self, key: Key, uid: str) -> None:
        """DELETE, with its Jobs in the background."""
        path = _path(_RUNS, key.namespace, names.PLURAL, key.name)
        await self._request("delete", names.PLURAL, path, Priority.AUDITING, body=_deletion(uid))

    async def create_event(self, namespace: str, event: Mapping[str, Any]) -> None:
        """POST."""
        await self._request(
            "create", "events", _path(_EVENTS, namespace, "events"), Priority.AUDITING, body=event
        )

    async def get_lease(self, namespace: str, name: str) -> Object:
        """A live read."""
        return await self._request("get", "leases", _path(_LEASES, namespace, "leases", name), None)

    async def get_worker_lease(self, namespace: str, name: str) -> Object:
        """A live read, which waits its turn."""
        path = _path(_LEASES, namespace, "leases", name)
        return await self._request("get", "leases", path, Priority.READING)

    async def create_lease(self, namespace: str, lease: Mapping[str, Any]) -> Object:
        """POST."""
        return await self._request("create", "leases", _path(_LEASES, namespace, "leases"), None, body=lease)

    async def replace_lease(self, namespace: str, lease: Mapping[str, Any]) -> Object:
        """PUT, with the resourceVersion in it."""
        path = _path(_LEASES, namespace, "leases", lease["metadata"]["name"])
        return await self._request("update", "leases", path, None, body=lease)

    async def _list(
        self, path: str, resource: str, selector: Mapping[str, str], metadata_only: bool
    ) -> AsyncIterator[Page]:
        query = {"limit": str(_PAGE), **selector}
        accept = _METADATA_ONLY if metadata_only else "application/json"
        while True:
            page = await self._request("list", resource, path, Priority.AUDITING, query=query, accept=accept)
            meta = page.get("metadata") or {}
            yield Page(tuple(page.get("items") or ()), str(meta.get("resourceVersion", "")))
            if not meta.get("continue"):
                return
            query["continue"] = meta["continue"]

    async def _watch(
        self,
        path: str,
        resource: str,
        selector: Mapping[str, str],
        version: str,
        skipped: tuple[bytes, ...] = (),
    ) -> AsyncIterator[Object]:
        query = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": version,
            "labelSelector": f"{names.MANAGED_LABEL}=true",
            **selector,
        }
        try:
            async with self._watch_session.get(
                URL(self._connection.server + path, encoded=True),
                params=query,
                timeout=_WATCH_TIMEOUT,
                server_hostname=self._connection.server_name,
            ) as response:
                self._told("watch", resource, str(response.status))
                if response.status != 200:
                    raise replies.error("watch", resource, response.status, await response.read(), None)
                async for line in _lines(response.content):
                    if not line.startswith(skipped):
                        yield replies.event_of(line)
        except (aiohttp.ClientError, TimeoutError, asyncio.IncompleteReadError, OSError) as error:
            raise Unavailable(f"watch {resource}: {type(error).__name__}: {error}") from error

    async def _request(
        self,
        verb: str,
        resource: str,
        path: str,
        priority: Priority | None,
        *,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, str] | None = None,
        accept: str = "application/json",
    ) -> Object:
        # The Lease has no turn to wait for either.
        if priority is not None:
            await self._limiter.acquire(priority)
        session = self._session if priority is not None else self._lease_session
        status, headers, content = await self._send(session, verb, resource, path, body, query, accept)
        if status < 300:
            self._limiter.accepted()
            return replies.object_of(content)
        retry_after = replies.seconds(headers.get("Retry-After"))
        if status == 429:
            self._limiter.refused(retry_after)
        raise replies.error(verb, resource, status, content, retry_after)

    async def _send(  # noqa: PLR0917
        self,
        session: aiohttp.ClientSession,
        verb: str,
        resource: str,
        path: str,
        body: Mapping[str, Any] | None,
        query: Mapping[str, str] | None,
        accept: str,
    ) -> tuple[int, Mapping[str, str], bytes]:
        try:
            async with session.request(
                _METHODS[verb],
                URL(self._connection.server + path + _query(verb, query or {}), encoded=True),
                data=None if body is None else json.dumps(body, separators=(",", ":")).encode(),
                headers={"Accept": accept, **({} if body is None else _content_type(verb))},
                timeout=self._timeout,
                server_hostname=self._connection.server_name,
            ) as response:
                content = await response.read()
        except (aiohttp.ClientError, TimeoutError, asyncio.IncompleteReadError, OSError) as error:
            self._told(verb, resource, "error")
            raise Unavailable(f"{verb} {resource}: {type(error).__name__}: {error}") from error
        self._told(verb, resource, str(response.status))
        return response.status, response.headers, content


async def _lines(content: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    # Its own `readline` refuses lines that are longer than its buffer.
    pending = b""
    async for chunk in content.iter_any():
        *whole, pending = (pending + chunk).split(b"\n")
        for line in whole:
            yield line


_METHODS: Final = {
    "get": "GET",
    "list": "GET",
    "create": "POST",
    "update": "PUT",
    "patch": "PATCH",
    "delete": "DELETE",
}


def _query(verb: str, wanted: Mapping[str, str]) -> str:
    manager = {"fieldManager": names.FIELD_MANAGER} if verb in ("create", "update", "patch") else {}
    return f"?{urlencode(query)}" if (query := {**manager, **wanted}) else ""


def _content_type(verb: str) -> dict[str, str]:
    return {"Content-Type": "application/merge-patch+json" if verb == "patch" else "application/json"}


def _path(root: str, namespace: str | None, resource: str, *rest: str) -> str:
    scope = f"/namespaces/{namespace}" if namespace is not None else ""
    return "/".join((f"{root}{scope}/{resource}", *rest))


def _deletion(uid: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "DeleteOptions",
        "propagationPolicy": "Background",
        "preconditions": {"uid": uid},
    }
