"""The worker's cluster port, over the SDK's connection."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from ferryman import kube_watch
from ferryman.api.phases import TERMINAL, HooksState
from ferryman.cluster import Object, WatchEvent
from ferryman.exceptions import InvalidTaskRun
from ferryman.kube import KubeCluster, Request, runs_path
from ferryman.kube_retry import Retries

_LIVE: Final = ",".join(f"status.phase!={phase}" for phase in sorted(TERMINAL))
_HOOKS_WAIT: Final = f"status.hooks.state={HooksState.WANTED}"
_LEASES: Final = "/apis/coordination.k8s.io/v1"


class KubeWorkerCluster(KubeCluster):
    """TaskRuns and Leases of one namespace. Thread-safe."""

    def __init__(self, api_client: Any, namespace: str, *, retries: Retries | None = None) -> None:
        super().__init__(api_client, retries=retries)
        self._namespace = namespace
        self._once_only = KubeCluster(api_client, retries=Retries(most=0))

    def watch_runs(self, labels: str) -> Iterator[WatchEvent]:  # type: ignore[override]
        return self._watch_selected(labels, _LIVE)

    def watch_hooks(self, labels: str) -> Iterator[WatchEvent]:
        return self._watch_selected(labels, _HOOKS_WAIT)

    def get_run(self, name: str) -> Object:  # type: ignore[override]
        return super().get_run(self._namespace, name)

    def patch_status(self, name: str, patch: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> Object:
        path = f"{runs_path(self._namespace, name)}/status"
        return self._json(Request("PATCH", path, f"patch the status of TaskRun {name}", body=patch))

    def create_lease(self, lease: Mapping[str, Any]) -> None:
        self._json(Request("POST", self._lease(), "create a Lease", body=lease))

    def renew_lease(self, name: str, patch: Mapping[str, Any], *, within: float) -> None:
        path, action = self._lease(name), f"renew Lease {name}"
        self._once_only._json(Request("PATCH", path, action, body=patch, read_seconds=within))  # noqa: SLF001

    def delete_lease(self, name: str) -> None:
        self._json(Request("DELETE", self._lease(name), f"delete Lease {name}"))

    def _watch_selected(self, labels: str, fields: str) -> Iterator[WatchEvent]:
        path = runs_path(self._namespace)

        def listed() -> tuple[list[Object], str]:
            nonlocal fields
            try:
                return self._list(path, "list TaskRuns", labels, fields=fields)
            except InvalidTaskRun:
                # Kubernetes before 1.31, or an older CRD, cannot select by these fields: then all come along.
                if not fields:
                    raise
                fields = ""
                return self._list(path, "list TaskRuns", labels)

        return kube_watch.RunWatch(
            listed,
            lambda version: self._open_watch(self._namespace, version, labels, fields),
            self._retries,
        )

    def _lease(self, name: str = "") -> str:
        where = f"{_LEASES}/namespaces/{quote(self._namespace)}/leases"
        return f"{where}/{quote(name)}" if name else where
