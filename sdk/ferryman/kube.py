"""The adapter of `ferryman.cluster.Cluster`: the only file of the SDK that imports a Kubernetes client.

The official client brings configuration, authentication and TLS; requests are JSON over its
connection pool, because its models would cost a copy of every object for nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final
from urllib.parse import quote, urlencode

import urllib3
from kubernetes import client as kubernetes_client  # type: ignore[attr-defined,unused-ignore]
from kubernetes import config as _untyped_config

from ferryman import kube_errors, kube_watch
from ferryman.api import names
from ferryman.cluster import Object, WatchEvent
from ferryman.exceptions import ConfigurationError, RunNotFound
from ferryman.kube_errors import Refusal
from ferryman.kube_retry import Retries
from ferryman.settings import EXTENSION, KubeContext
from ferryman.version import VERSION

PAGE: Final = 500
CONNECT_SECONDS: Final = 10.0
READ_SECONDS: Final = 30.0
MAX_CONNECTIONS: Final = 32

# Its functions have no annotations.
kubernetes_config: Any = _untyped_config

MERGE_PATCH: Final = "application/merge-patch+json"
JSON_PATCH: Final = "application/json-patch+json"


def read_context(path: str, wanted: str | None) -> KubeContext:
    """The context of a kubeconfig, the current one if none is wanted. Raises ConfigurationError."""
    try:
        contexts, active = kubernetes_config.list_kube_config_contexts(config_file=path)
    except (kubernetes_config.ConfigException, OSError, ValueError, TypeError) as error:
        raise ConfigurationError(f"the kubeconfig {path} cannot be used: {error}") from None
    found = {one["name"]: one.get("context") or {} for one in contexts}
    name = wanted or (active or {}).get("name", "")
    if name not in found:
        raise ConfigurationError(
            f"the kubeconfig {path} has no context {name!r}; it has {', '.join(sorted(found)) or 'none'}"
        )
    extensions = {one.get("name"): one.get("extension") for one in found[name].get("extensions") or ()}
    return KubeContext(path, name, found[name].get("namespace", ""), extensions.get(EXTENSION) or {})


def from_kubeconfig(path: str, context: str) -> Any:
    """The official client's ApiClient for a context. Raises ConfigurationError."""
    configuration = _configuration()
    try:
        kubernetes_config.load_kube_config(
            config_file=path, context=context, client_configuration=configuration, persist_config=False
        )
    except (kubernetes_config.ConfigException, OSError, ValueError, TypeError) as error:
        raise ConfigurationError(f"context {context!r} of {path} cannot be used: {error}") from None
    return kubernetes_client.ApiClient(configuration)


def from_service_account() -> Any:
    """The ApiClient of a pod with a service-account token. Raises ConfigurationError."""
    configuration = _configuration()
    try:
        kubernetes_config.load_incluster_config(client_configuration=configuration)
    except kubernetes_config.ConfigException as error:
        raise ConfigurationError(f"the pod's service account cannot be used: {error}") from None
    return kubernetes_client.ApiClient(configuration)


def _configuration() -> Any:
    configuration = kubernetes_client.Configuration()
    configuration.connection_pool_maxsize = MAX_CONNECTIONS
    return configuration


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked of the API server. `action` names it in errors; no `read_seconds` is no limit."""

    method: str
    path: str
    action: str
    query: Mapping[str, str] | None = None
    body: Any = None
    read_seconds: float | None = READ_SECONDS

    @property
    def target(self) -> str:
        """The path with the query."""
        return self.path + (f"?{urlencode(self.query)}" if self.query else "")


class KubeCluster:
    """TaskRuns in a Kubernetes cluster. Thread-safe.

    Requests that may be repeated are, on 429, 5xx and broken connections, with jitter and as
    Retry-After says. A create may be repeated, too: it is recognised by its annotation.
    """

    def __init__(self, api_client: Any, *, retries: Retries | None = None) -> None:
        self._api = api_client
        self._retries = retries or Retries()

    @property
    def api_client(self) -> Any:
        """The official client's."""
        return self._api

    # ---- ferryman.cluster.Cluster

    def create_run(self, manifest: Mapping[str, Any]) -> Object:
        meta = manifest["metadata"]
        path, action = runs_path(meta["namespace"]), f"create TaskRun {meta['name']}"
        return self._json(Request("POST", path, action, body=manifest))

    def get_run(self, namespace: str, name: str) -> Object:
        return self._json(Request("GET", runs_path(namespace, name), f"get TaskRun {name}"))

    def list_runs(self, namespace: str | None, *, label_selector: str = "") -> Sequence[Object]:
        return self._list(runs_path(namespace), "list TaskRuns", label_selector)[0]

    def watch_runs(self, namespace: str, *, label_selector: str = "", name: str = "") -> Iterator[WatchEvent]:
        fields = f"metadata.name={name}" if name else ""
        return kube_watch.RunWatch(
            lambda: self._list(runs_path(namespace), "list TaskRuns", label_selector, fields=fields),
            lambda version: self._open_watch(namespace, version, label_selector, fields),
            self._retries,
        )

    def request_cancel(self, namespace: str, name: str) -> Object:
        patch = {"spec": {"cancelRequested": True}}
        return self._json(Request("PATCH", runs_path(namespace, name), f"cancel TaskRun {name}", body=patch))

    def delete_run(self, namespace: str, name: str) -> None:
        self._json(Request("DELETE", runs_path(namespace, name), f"delete TaskRun {name}"))

    def read_log(self, namespace: str, pod: str, *, follow: bool = False) -> Iterator[str]:
        query = {"container": names.RUNNER_CONTAINER, "follow": "true" if follow else "false"}
        path = f"/api/v1/namespaces/{quote(namespace)}/pods/{quote(pod)}/log"
        # Nobody knows how long a function is silent, so that a followed log has no read timeout.
        request = Request("GET", path, f"read the log of pod {pod}", query=query, read_seconds=None)
        return _lines(self._send(request))

    def list_pods(self, namespace: str, label_selector: str) -> Sequence[Object]:
        return self._list(f"/api/v1/namespaces/{quote(namespace)}/pods", "list pods", label_selector)[0]

    # ---- ferryman.cluster.Inspector

    def ask(self, method: str, path: str, body: Any = None) -> Object:
        return self._json(Request(method, path, f"{method} {path}", body=body))

    # ---- requests

    def _list(self, path: str, action: str, selector: str, *, fields: str = "") -> tuple[list[Object], str]:
        query = {"limit": str(PAGE)} | _selection(selector, fields)
        items: list[Object] = []
        while True:
            page = self._json(Request("GET", path, action, query=query))
            items += page.get("items") or ()
            token = page.get("metadata", {}).get("continue")
            if not token:
                return items, page["metadata"].get("resourceVersion", "")
            query["continue"] = token

    def _open_watch(self, namespace: str, version: str, selector: str = "", fields: str = "") -> Any:
        query = {
            "watch": "true",
            "resourceVersion": version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(kube_watch.WATCH_SECONDS),
            **_selection(selector, fields),
        }
        silence = kube_watch.SILENCE_SECONDS
        return self._once(
            Request("GET", runs_path(namespace), "watch TaskRuns", query=query, read_seconds=silence)
        )

    def _json(self, request: Request) -> Object:
        response = self._send(request)
        try:
            found: Object = json.loads(response.data)
        except (ValueError, urllib3.exceptions.HTTPError) as error:
            raise kube_errors.unreachable(request.action, self._api.configuration.host, error) from None
        return found

    def _send(self, request: Request) -> Any:
        """The response, after the retries. Raises the errors of `ferryman.cluster`."""
        try:
            return self._retries.call(partial(self._once, request))
        except Refusal as refusal:
            raise refusal.translated() from None

    def _once(self, request: Request) -> Any:
        """One try. Raises Refusal unless it succeeds."""
        host, body = self._api.configuration.host, request.body
        try:
            response = self._api.rest_client.pool_manager.request(
                request.method,
                host + request.target,
                headers=self._headers(request.method, body),
                body=None if body is None else json.dumps(body, separators=(",", ":")),
                preload_content=False,
                retries=False,
                timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=request.read_seconds),
            )
            if response.status < 400:
                return response
            text = response.data
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise Refusal.unreachable(request.action, host, error) from None
        retry_after = response.headers.get("Retry-After")
        raise Refusal.answered(request.action, response.status, retry_after, text)

    def _headers(self, method: str, body: Any) -> dict[str, str]:
        found = {"Accept": "application/json", "User-Agent": f"ferryman/{VERSION}"}
        if method in ("POST", "PATCH"):
            found["Content-Type"] = "application/json" if method == "POST" else _patch_type(body)
        # Asked for every request: the client refreshes a token that expires.
        for setting in self._api.configuration.auth_settings().values():
            if setting["in"] == "header" and setting["value"]:
                found[setting["key"]] = setting["value"]
        return found


def runs_path(namespace: str | None, name: str | None = None) -> str:
    """Where the TaskRuns of a namespace, or of all, are; or the one of a name."""
    where = f"/namespaces/{quote(namespace)}" if namespace else ""
    return f"/apis/{names.API_VERSION}{where}/{names.PLURAL}" + (f"/{quote(name)}" if name else "")


def _selection(labels: str, fields: str) -> dict[str, str]:
    wanted = {"labelSelector": labels, "fieldSelector": fields}
    return {name: selector for name, selector in wanted.items() if selector}


def _patch_type(body: Any) -> str:
    # A merge patch of an object is an object, a JSON patch is a list of operations.
    return JSON_PATCH if isinstance(body, list) else MERGE_PATCH


def _lines(response: Any) -> Iterator[str]:
    try:
        pending = b""
        for chunk in response.stream(None):
            *whole, pending = (pending + chunk).split(b"\n")
            for line in whole:
                yield line.decode(errors="replace")
        if pending:
            yield pending.decode(errors="replace")
    except urllib3.exceptions.HTTPError as error:
        raise RunNotFound(f"the log broke off: {error}") from None
    finally:
        response.close()
