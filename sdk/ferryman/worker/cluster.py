"""The cluster port of a worker: every request that it makes of Kubernetes. It is the worker's RBAC.

Objects are JSON. Methods raise ferryman.exceptions.ClusterError or one of its subclasses, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Protocol

from ferryman.api import names
from ferryman.api.rights import RoleRule
from ferryman.cluster import Object, WatchEvent


class WorkerCluster(Protocol):
    """Kubernetes, as a worker uses it, in one namespace. Thread-safe."""

    def watch_runs(self, labels: str) -> Iterator[WatchEvent]:
        """The runs with these labels that have not ended, told as by `ferryman.cluster.Cluster.watch_runs`.

        One that ends is told as DELETED.
        """
        ...

    def watch_hooks(self, labels: str) -> Iterator[WatchEvent]:
        """The runs with these labels that have ended and whose hooks wait to be called, told the same way.

        One whose hooks are taken is told as DELETED.
        """
        ...

    def get_run(self, name: str) -> Object:
        """Raises RunNotFound."""
        ...

    def patch_status(self, name: str, patch: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> Object:
        """A merge-patch, or as a list a JSON patch, of the status.

        Raises WriteConflict, InvalidTaskRun (a test of the JSON patch failed) and RunNotFound.
        """
        ...

    def create_lease(self, lease: Mapping[str, Any]) -> None:
        """Raises RunAlreadyExists if there is one of the name."""
        ...

    def renew_lease(self, name: str, patch: Mapping[str, Any], *, within: float) -> None:
        """A merge-patch; one try, of at most `within` seconds. Raises RunNotFound if it is gone."""
        ...

    def delete_lease(self, name: str) -> None:
        """Raises RunNotFound."""
        ...


REQUIRED_RULES: Final = (
    RoleRule(names.GROUP, names.PLURAL, ("get", "list", "watch")),
    RoleRule(names.GROUP, f"{names.PLURAL}/status", ("patch",)),
    RoleRule("coordination.k8s.io", "leases", ("create", "patch", "delete")),
)
"""What the methods above need. Nothing else is granted."""
