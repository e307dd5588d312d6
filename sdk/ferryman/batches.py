"""The runs of a map: their arguments in shared objects, a bounded number of them on its way."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final

from ferryman import submission
from ferryman.binding import Call
from ferryman.caching.sharing import Sharing
from ferryman.exceptions import FerrymanError
from ferryman.futures import TaskFuture
from ferryman.gathering import TaskFutureList
from ferryman.orders import Order
from ferryman.submission import Identity, SealedCall

CONNECTIONS: Final = 16
"""How many TaskRuns are created at the same time."""

IN_FLIGHT: Final = 256
"""How many TaskRuns wait to be created before the map takes no further calls."""

BATCH_CALLS: Final = 1000
BATCH_BYTES: Final = 64 * 1024**2
BATCH_SECONDS: Final = 5.0
"""A map's arguments go into objects of at most so many calls and about so many bytes; calls that come
slowly are collected for about so long."""


@dataclass
class _Batch:
    """Calls of a map whose arguments go into one object."""

    began: float
    calls: list[SealedCall] = field(default_factory=list)
    identities: list[Identity] = field(default_factory=list)
    size: int = 0

    def add(self, call: SealedCall, identity: Identity) -> None:
        self.calls.append(call)
        self.identities.append(identity)
        self.size += call.arguments.size if call.arguments is not None else 0

    def is_full(self, now: float) -> bool:
        is_large = len(self.calls) >= BATCH_CALLS or self.size >= BATCH_BYTES
        return is_large or now - self.began >= BATCH_SECONDS


class Batches:
    """A map on its way."""

    def __init__(self, order: Order, clock: Callable[[], float] = time.monotonic) -> None:
        self._order = order
        self._clock = clock
        self._is_first = True
        self._room = threading.BoundedSemaphore(IN_FLIGHT)
        self._futures: TaskFutureList[Any] = TaskFutureList()

    def send_all(self, calls: Iterable[Call]) -> TaskFutureList[Any]:
        """Create a run for every call, in order, consuming the calls as it goes.

        A run whose create fails has its error in its future. What else is raised has stopped the map.
        """
        with ThreadPoolExecutor(CONNECTIONS, thread_name_prefix="ferryman-create") as pool:
            try:
                self._collect(calls, pool)
            except BaseException as error:
                pool.shutdown(wait=True, cancel_futures=True)
                self._futures.give_up(error)
                raise
        return self._futures

    def _collect(self, calls: Iterable[Call], pool: ThreadPoolExecutor) -> None:
        batch: _Batch | None = None
        for number, call in enumerate(calls):
            batch = batch or _Batch(self._clock())
            batch.add(self._sealed(number, call), self._order.identity())
            if batch.is_full(self._clock()):
                self._send(batch, pool)
                batch = None
        if batch is not None:
            self._send(batch, pool)

    def _sealed(self, number: int, call: Call) -> SealedCall:
        try:
            return self._order.seal(call)
        except FerrymanError as error:
            error.add_note(f"This is about element {number} of the map, counted from 0.")
            raise

    def _send(self, batch: _Batch, pool: ThreadPoolExecutor) -> None:
        """Upload the batch's arguments, start creating its runs."""
        order = self._order
        bundle = submission.bundle(batch.calls)
        rows = zip(batch.identities, batch.calls, bundle.blobs, strict=True)
        manifests = [order.manifest(who, call, blob) for who, call, blob in rows]
        shared = order.lookup.tell_all(manifests, batch.calls)
        if self._is_first:
            submission.validate(manifests[0])
            order.outlet.uploads.check(order.namespace)
            order.upload_code()
            self._is_first = False
        order.upload_arguments(bundle)
        for manifest, who, sharing in zip(manifests, batch.identities, shared, strict=True):
            future = order.future(manifest, sharing)
            self._futures.append(future)
            self._room.acquire()
            pool.submit(self._create, future, manifest, who.token, sharing)

    def _create(
        self, future: TaskFuture[Any], manifest: dict[str, Any], token: str, sharing: Sharing | None
    ) -> None:
        try:
            found = self._order.lookup.has_found(manifest, sharing)
            self._order.outlet.creates.create(future, manifest, token)
            if not found:
                self._order.join(future, sharing)
        except BaseException as error:  # noqa: BLE001 - it is the future's to tell
            future.not_created(error)
        finally:
            self._room.release()
