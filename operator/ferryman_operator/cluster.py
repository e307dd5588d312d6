"""The cluster port: every request that the operator makes of Kubernetes. It is the operator's RBAC.

`REQUIRED_RULES` is what the chart's Role grants. The adapter is `ferryman_operator.kube`;
the twin is `tests/simulation/cluster_twin.py`; one suite runs over both.

Objects are JSON as Kubernetes sends it. Methods raise the errors below, and nothing else.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from ferryman.api import names
from ferryman.api.rights import RoleRule
from ferryman_operator.reconcile.observed import Key, RefusalKind

Object = dict[str, Any]


class ClusterError(Exception):
    """The API server did not do what it was asked to. `retry_after` is seconds, if it said so."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class NotFound(ClusterError):
    """404: it does not exist (any more)."""


class Gone(ClusterError):
    """410: the API server has forgotten the version to go on from. List anew."""


class Conflict(ClusterError):
    """409 on a write: the object has changed since it was read, or has another UID."""


class AlreadyExists(ClusterError):
    """409 on a create."""


class Refused(ClusterError):
    """The object cannot be created; `kind` says why, and the same request would be refused again for now."""

    def __init__(self, message: str, *, kind: RefusalKind, retry_after: float | None = None) -> None:
        super().__init__(message, retry_after=retry_after)
        self.kind = kind


class Unavailable(ClusterError):
    """429, 5xx, a timeout, a broken connection: it may or may not have been done; try again later."""


@dataclass(frozen=True, slots=True)
class Page:
    """Some of a list. `resource_version` is the list's."""

    items: Sequence[Object]
    resource_version: str


class Cluster(Protocol):
    """Kubernetes, as the operator uses it."""

    def list_runs(self, namespace: str | None, *, metadata_only: bool = False) -> AsyncIterator[Page]:
        """All TaskRuns, of one namespace or all, in pages; `metadata_only` promises no more than metadata."""
        ...

    def list_jobs(self, namespace: str | None, *, metadata_only: bool = False) -> AsyncIterator[Page]:
        """All Jobs with MANAGED_LABEL, in pages."""
        ...

    async def get_run(self, key: Key) -> Object:
        """A live read. Raises NotFound."""
        ...

    async def get_job(self, namespace: str, name: str) -> Object:
        """A live read. Raises NotFound."""
        ...

    async def list_pods(self, namespace: str, run_uid: str) -> list[Object]:
        """The pods with RUN_UID_LABEL: a live read."""
        ...

    async def create_job(self, manifest: Mapping[str, Any]) -> Object:
        """Raises AlreadyExists or Refused."""
        ...

    async def delete_job(self, namespace: str, name: str, uid: str) -> None:
        """With its pods, in the background. Raises NotFound, or Conflict if it has another UID."""
        ...

    async def patch_run_status(self, key: Key, patch: Mapping[str, Any]) -> Object:
        """A merge-patch with metadata.resourceVersion and metadata.uid. Raises Conflict, NotFound."""
        ...

    async def delete_run(self, key: Key, uid: str) -> None:
        """Raises NotFound, or Conflict if it has another UID."""
        ...

    async def create_event(self, namespace: str, event: Mapping[str, Any]) -> None:
        """Best effort: the caller ignores its errors."""
        ...

    async def get_lease(self, namespace: str, name: str) -> Object:
        """Raises NotFound."""
        ...

    async def get_worker_lease(self, namespace: str, name: str) -> Object:
        """The Lease that a worker renews, in the namespace of its runs. Raises NotFound."""
        ...

    async def create_lease(self, namespace: str, lease: Mapping[str, Any]) -> Object:
        """Raises AlreadyExists."""
        ...

    async def replace_lease(self, namespace: str, lease: Mapping[str, Any]) -> Object:
        """With the resourceVersion in it. Raises Conflict."""
        ...


class JobFeed(Protocol):
    """The Jobs with MANAGED_LABEL, and what becomes of them."""

    def list_jobs(self, namespace: str | None, *, metadata_only: bool = False) -> AsyncIterator[Page]:
        """All of them, in pages."""
        ...

    def watch_jobs(self, namespace: str | None, version: str) -> AsyncIterator[Object]:
        """Watch events since `version`, until the server ends them. Raises Gone, Unavailable."""
        ...


class PodFeed(Protocol):
    """The pods with MANAGED_LABEL that succeed, from some moment on."""

    async def version_of_pods(self, namespace: str | None) -> str:
        """The resourceVersion of the pods as they are now, to watch from."""
        ...

    def watch_succeeded_pods(self, namespace: str | None, version: str) -> AsyncIterator[Object]:
        """Watch events since `version`: pods that succeed are ADDED, later events may be left out.

        Raises Gone, ClusterError.
        """
        ...


REQUIRED_RULES: Final = (
    RoleRule(names.GROUP, "taskruns", ("get", "list", "watch", "delete")),
    RoleRule(names.GROUP, "taskruns/status", ("patch",)),
    RoleRule("batch", "jobs", ("get", "list", "watch", "create", "delete")),
    RoleRule("", "pods", ("list", "watch")),
    RoleRule("events.k8s.io", "events", ("create",)),
    RoleRule("coordination.k8s.io", "leases", ("get", "create", "update")),
)
"""What the methods above, and kopf's watch, need. Nothing else is granted."""
