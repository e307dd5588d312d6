"""A small client of the API server: the same for TaskRuns and for bare Jobs, and cheap, as it shares the machine."""

from __future__ import annotations

import base64
import json
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import urllib3
import yaml

Object = dict[str, Any]

CONNECTIONS = 8
"""At a time; as many as the SDK's."""

PATIENCE = 900.0
"""Seconds after which what was waited for is taken not to come."""

PATHS = {
    "Namespace": "/api/v1/namespaces",
    "Node": "/api/v1/nodes",
    "Pod": "/api/v1/namespaces/{}/pods",
    "ServiceAccount": "/api/v1/namespaces/{}/serviceaccounts",
    "Job": "/apis/batch/v1/namespaces/{}/jobs",
    "TaskRun": "/apis/ferryman.dev/v1alpha1/namespaces/{}/taskruns",
}


class Refused(Exception):
    """The API server's answer was an error; the message has it."""


class Client:
    """As the administrator of a kubeconfig with client certificates."""

    def __init__(self, kubeconfig: Path) -> None:
        content = yaml.safe_load(kubeconfig.read_text())
        self._server = content["clusters"][0]["cluster"]["server"]
        self._folder = tempfile.TemporaryDirectory()
        files = {
            "ca": content["clusters"][0]["cluster"]["certificate-authority-data"],
            "cert": content["users"][0]["user"]["client-certificate-data"],
            "key": content["users"][0]["user"]["client-key-data"],
        }
        for name, data in files.items():
            (Path(self._folder.name) / name).write_bytes(base64.b64decode(data))
        folder = self._folder.name
        self._pool = urllib3.PoolManager(
            maxsize=CONNECTIONS, ca_certs=f"{folder}/ca", cert_file=f"{folder}/cert", key_file=f"{folder}/key"
        )

    def create(self, body: Object) -> Object:
        """Raises Refused."""
        return self._ask("POST", _path(body["kind"], body["metadata"].get("namespace", "")), body)

    def create_all(self, bodies: Iterable[Object]) -> None:
        """Several at a time. Raises Refused."""
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            list(pool.map(self.create, bodies))

    def exists(self, kind: str, where: str, name: str) -> bool:
        reply = self._pool.request("GET", f"{self._server}{_path(kind, where)}/{name}")
        return reply.status == 200

    def items(self, kind: str, where: str) -> list[Object]:
        return self._ask("GET", _path(kind, where))["items"]

    def patch_status(self, kind: str, where: str, name: str, status: Object) -> None:
        """Merge into the status."""
        self._ask("PATCH", f"{_path(kind, where)}/{name}/status", {"status": status})

    def delete_namespace(self, name: str) -> None:
        """Without waiting for its end."""
        self._pool.request("DELETE", f"{self._server}{PATHS['Namespace']}/{name}")

    def until_all(self, kind: str, where: str, count: int, has_ended: Callable[[Object], bool]) -> None:
        """Return when that many objects of the namespace have ended, which is watched and not asked for."""
        ended: set[str] = set()
        for one in self.watch(kind, where):
            if has_ended(one):
                ended.add(one["metadata"]["name"])
                if len(ended) == count:
                    return

    def watch(self, kind: str, where: str, until: threading.Event | None = None) -> Iterator[Object]:
        """Each object that is there, and each again when it changes, until `until` is set or so.

        Raises TimeoutError if that takes too long.
        """
        give_up = time.monotonic() + PATIENCE
        version, items = self._list(kind, where)
        yield from items
        while time.monotonic() < give_up:
            if until is not None and until.is_set():
                return
            query = f"?watch=1&allowWatchBookmarks=true&timeoutSeconds=5&resourceVersion={version}"
            url = f"{self._server}{_path(kind, where)}{query}"
            reply = self._pool.request("GET", url, preload_content=False)
            try:
                for event in _events(reply):
                    version = event["object"]["metadata"]["resourceVersion"]
                    if event["type"] in ("ADDED", "MODIFIED"):
                        yield event["object"]
            finally:
                reply.close()
        raise TimeoutError(f"what was waited for in {kind}s of {where} has not happened")

    def _list(self, kind: str, where: str) -> tuple[str, list[Object]]:
        found = self._ask("GET", _path(kind, where))
        return found["metadata"]["resourceVersion"], found["items"]

    def _ask(self, method: str, path: str, body: Object | None = None) -> Object:
        headers = {
            "content-type": "application/merge-patch+json" if method == "PATCH" else "application/json"
        }
        data = None if body is None else json.dumps(body).encode()
        reply = self._pool.request(method, self._server + path, body=data, headers=headers)
        if reply.status >= 300:
            raise Refused(f"{method} {path}: {reply.status} {reply.data.decode(errors='replace')[:1000]}")
        return json.loads(reply.data)


def _path(kind: str, where: str) -> str:
    return PATHS[kind].format(where)


def _events(reply: urllib3.BaseHTTPResponse) -> Iterator[Object]:
    rest = b""
    for piece in reply.stream(65536):
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            event = json.loads(line)
            if event["type"] == "ERROR":
                raise Refused(f"a watch ended: {event['object']}")
            yield event
