"""The worker's Lease, renewed for all its runs, and the fence: until when a run may go on unrenewed."""

from __future__ import annotations

import logging
import mmap
import struct
import threading
import time
from collections.abc import Callable
from typing import Final

from ferryman.exceptions import ClusterError, RunAlreadyExists, RunNotFound
from ferryman.worker import protocol
from ferryman.worker.cluster import WorkerCluster

_log: Final = logging.getLogger("ferryman.worker")

_MOMENT: Final = struct.Struct("=d")


class Fence:
    """A moment of time.monotonic() in memory that forks share: past it, nothing of this worker may run."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, _MOMENT.size)

    def __call__(self) -> float:
        """The moment; 0 before the Lease was first had."""
        moment: float = _MOMENT.unpack_from(self._memory)[0]
        return moment

    def move(self, moment: float) -> None:
        """It is this moment from now on."""
        _MOMENT.pack_into(self._memory, 0, moment)


class Heartbeat:
    """Renews the Lease three times in its duration, in a thread of its own."""

    def __init__(
        self,
        cluster: WorkerCluster,
        fence: Fence,
        *,
        worker: str,
        namespace: str,
        duration: int,
    ) -> None:
        self._cluster = cluster
        self._fence = fence
        self._worker = worker
        self._namespace = namespace
        self._duration = duration
        self.renewed: Callable[[], None] = lambda: None
        """Called after every renewal."""
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="ferryman-heartbeat", daemon=True)

    def start(self) -> None:
        """Make the Lease, then keep it. Raises ClusterError."""
        self._make()
        self._thread.start()

    def stop(self) -> None:
        """Keep it no more, and delete it: nothing runs any more."""
        self._stopped.set()
        self._thread.join()
        try:
            self._cluster.delete_lease(self._worker)
        except ClusterError as error:
            _log.info("the Lease %s is left behind: %s", self._worker, error)

    @property
    def holds(self) -> bool:
        """Whether runs may be started: the fence is not near."""
        return time.monotonic() + self._duration / 3 < self._fence()

    def _beat(self) -> None:
        while not self._stopped.wait(self._duration / 3):
            try:
                self._renew()
                self.renewed()
            except ClusterError as error:
                left = self._fence() - time.monotonic()
                _log.warning(
                    "the Lease %s could not be renewed; %.1f s are left: %s", self._worker, left, error
                )

    def _renew(self) -> None:
        began = time.monotonic()
        try:
            patch = protocol.renewal(time.time())
            self._cluster.renew_lease(self._worker, patch, within=self._duration / 3)
        except RunNotFound:
            self._make()
            return
        self._fence.move(began + self._duration * protocol.FENCE)

    def _make(self) -> None:
        began = time.monotonic()
        found = protocol.lease(self._worker, self._namespace, self._duration, time.time())
        try:
            self._cluster.create_lease(found)
        except RunAlreadyExists:
            # Of this very create, whose reply was lost: the name is random.
            _log.info("the Lease %s was there already", self._worker)
        self._fence.move(began + self._duration * protocol.FENCE)
