"""The cluster port of the SDK: every request that a client makes of Kubernetes.

The adapter is `ferryman.kube`, the twin `ferryman.testing.InMemoryCluster`; one suite runs over both.
Objects are TaskRuns as JSON. Every method raises ferryman.exceptions.ClusterError or one of its
subclasses, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class WatchEvent:
    """A change of a TaskRun; SYNCED follows the objects that existed when the watch began."""

    type: Literal["ADDED", "MODIFIED", "DELETED", "SYNCED"]
    object: Object


class Cluster(Protocol):
    """Kubernetes, as the SDK and the command line use it. Thread-safe."""

    def create_run(self, manifest: Mapping[str, Any]) -> Object:
        """Raises RunAlreadyExists, InvalidTaskRun, PermissionDenied, ClusterUnavailable."""
        ...

    def get_run(self, namespace: str, name: str) -> Object:
        """Raises RunNotFound."""
        ...

    def list_runs(self, namespace: str | None, *, label_selector: str = "") -> Sequence[Object]:
        """The TaskRuns of a namespace, or of all."""
        ...

    def watch_runs(self, namespace: str, *, label_selector: str = "", name: str = "") -> Iterator[WatchEvent]:
        """Every TaskRun of the namespace, then SYNCED, then every change, for ever.

        With a selector or a name: those that have the labels, or that name; one that loses the labels
        is told as DELETED, in its state before. Reconnects by itself; after a gap (410) it lists anew,
        tells a run that has vanished as DELETED and says SYNCED again. Closing the iterator closes the
        connection.
        """
        ...

    def request_cancel(self, namespace: str, name: str) -> Object:
        """Set `spec.cancelRequested`. Raises RunNotFound."""
        ...

    def delete_run(self, namespace: str, name: str) -> None:
        """Raises RunNotFound."""
        ...

    def read_log(self, namespace: str, pod: str, *, follow: bool = False) -> Iterator[str]:
        """The lines of the runner's log, without line ends. Raises RunNotFound if the pod is gone."""
        ...

    def list_pods(self, namespace: str, label_selector: str) -> Sequence[Object]:
        """Pods, for logs and for saying why a run waits."""
        ...


class Inspector(Protocol):
    """Questions about the cluster itself rather than about runs: what `ferryman doctor` needs besides."""

    def ask(self, method: str, path: str, body: Any = None) -> Object:
        """The answer to one request of the API. Raises ClusterError and its subclasses."""
        ...
