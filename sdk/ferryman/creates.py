"""Creating TaskRuns: once, also where the reply is lost or the API server restarts meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from ferryman.cluster import Cluster, Object
from ferryman.exceptions import ClusterUnavailable, RunAlreadyExists
from ferryman.futures import TaskFuture
from ferryman.patience import Patience
from ferryman.runs import Run, view

PATIENCE_SECONDS: Final = 600.0
"""How long an API server that has answered before may be away while a run is to be created."""


class Creates:
    """Creates the TaskRuns of futures in one cluster. Thread-safe."""

    def __init__(self, cluster: Cluster, follow: Callable[[TaskFuture[Any], Run], None]) -> None:
        """`follow(future, run)` tells the future what becomes of its run."""
        self._cluster = cluster
        self._follow = follow
        self._patience = Patience(PATIENCE_SECONDS)
        self._has_created = False

    def create(self, future: TaskFuture[Any], manifest: Mapping[str, Any], token: str) -> None:
        """Create the TaskRun, which `token` is written in. Raises ClusterError."""
        create = partial(self._create, manifest, token)
        try:
            run = create()
        except ClusterUnavailable:
            if not self._has_created:
                raise
            # It is the right API server and has answered before: it restarts, say.
            what = f"run {future.name} cannot be created"
            run = self._patience.call(create, ClusterUnavailable, what, future.delayed)
        self._has_created = True
        self._follow(future, run)

    def _create(self, manifest: Mapping[str, Any], token: str) -> Run:
        try:
            return view(self._cluster.create_run(manifest))
        except RunAlreadyExists:
            # Ours, if the reply of an earlier try of this very create was lost.
            meta: Object = manifest["metadata"]
            found = view(self._cluster.get_run(meta["namespace"], meta["name"]))
            if found.submission != token:
                raise
            return found
