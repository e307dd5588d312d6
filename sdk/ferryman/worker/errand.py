"""One run in the hands of a worker: claim it, have it executed, report. In a thread of its own."""

from __future__ import annotations

import contextlib
import logging
import random
import secrets
import select
import socket
import threading
import time
from dataclasses import dataclass, field
from typing import Final

from ferryman.api import names
from ferryman.api.reasons import Reason
from ferryman.api.runner_contract import Assignment, BlobRef, encode_assignment, encode_upstreams
from ferryman.cluster import Object
from ferryman.exceptions import (
    ClusterError,
    ClusterUnavailable,
    InvalidTaskRun,
    RunNotFound,
    WriteConflict,
)
from ferryman.runner.payload import Download
from ferryman.wire import keys
from ferryman.wire.store import Store
from ferryman.worker import forge, protocol, relay
from ferryman.worker.cluster import WorkerCluster
from ferryman.worker.forge import Forge, ForgeGone, Lines
from ferryman.worker.protocol import Claim

_log: Final = logging.getLogger("ferryman.worker")

_AHEAD_BYTES: Final = 256 * 1024
"""Arguments up to here are fetched before the claim has succeeded; more would be too much for nothing."""

_FIRST_DELAY: Final = 0.2
_LONGEST_DELAY: Final = 5.0


@dataclass(frozen=True)
class Desk:
    """What every errand needs."""

    cluster: WorkerCluster
    store: Store
    forge: Forge
    worker: str
    duration: int
    """Seconds that a lease lasts without a renewal."""
    store_name: str = names.DEFAULT_STORE
    """What the operator calls the store: runs of another one are left to other workers."""
    closed: threading.Event = field(default_factory=threading.Event)
    """Set when reports that cannot be delivered are to be given up."""


class Errand:
    """One attempt. `stop` may be called by any thread, at any time, more than once."""

    is_of_hooks = False

    def __init__(self, desk: Desk, run: Object, claim: Claim, number: int) -> None:
        self._desk = desk
        self._run = run
        self.claim = claim
        self._number = number
        self._lock = threading.Lock()
        self._version = ""
        self._arguments: Download | None = None
        self._begun = False
        self._stopping = False
        self.is_settled = False
        """Whether the claim was reported, or is known to be nobody's business any more."""
        self.latest: Object | None = None
        """The run as last seen, for the agent."""

    def is_news(self, run: Object) -> bool:
        """Whether the object is from after our claim: one from before shows no lease of ours either."""
        return bool(self._version) and protocol.is_later(run, self._version)

    def stop(self) -> None:
        """End the function; that it was stopped is reported."""
        with self._lock:
            was_stopping, self._stopping = self._stopping, True
            if not self._begun or was_stopping:
                return
        try:
            self._desk.forge.end(self._number)
        except ForgeGone as error:
            _log.warning("%s", error)

    def go(self) -> None:
        """Claim, execute, report. Raises nothing but bugs."""
        # On its way while the claim is: it is wanted in nearly every case.
        self._arguments = self._fetch_ahead()
        try:
            claimed = self._claim()
        except (WriteConflict, RunNotFound, InvalidTaskRun) as error:
            _log.debug("%s is another's: %s", self.claim.name, error)
            return
        self._version = claimed["metadata"]["resourceVersion"]
        self._tell(self._carry_out(claimed))

    def give_back(self) -> None:
        """Report that nobody executes it."""
        self._tell(self._returned("the worker does not know of it any more"))

    def _fetch_ahead(self) -> Download | None:
        blob = (self._run["spec"].get("parameters") or {}).get("blob")
        if blob is None or blob["size"] > _AHEAD_BYTES:
            return None
        reference = BlobRef(blob["sha256"], blob["size"], blob.get("offset", 0), blob.get("object", ""))
        key = keys.arguments(self._run["metadata"]["namespace"], reference.object_sha256)
        return Download(self._desk.store, key, reference)

    def _claim(self) -> Object:
        desk, claim = self._desk, self.claim
        patch = protocol.claim_patch(self._run, claim, desk.worker, desk.duration, time.time())
        try:
            return desk.cluster.patch_status(claim.name, patch)
        except ClusterUnavailable:
            # It may have been done. Where that shows as a conflict, at another try, the agent finds out.
            found = desk.cluster.get_run(claim.name)
            if protocol.standing(found, claim) is protocol.Standing.LOST:
                raise WriteConflict(f"{claim.name} was claimed by another worker") from None
            return found

    def _carry_out(self, run: Object) -> bytes:
        try:
            order = self._order(run)
        except (ValueError, ClusterError) as error:
            return self._returned(str(error))
        with self._lock:
            if self._stopping:
                return self._returned("it was stopped before it began")
            try:
                lines = self._desk.forge.begin(self._number)
            except ForgeGone as error:
                return self._returned(str(error))
            self._begun = True
        with contextlib.closing(lines):
            try:
                relay.send(lines.calls, order)
            except OSError:
                _log.debug("the supervisor of %s ended early", self.claim.name)
            found = _converse(lines, Ahead(self._desk.store, self._arguments))
        return found or self._returned("its supervisor was killed")

    def _order(self, run: Object) -> dict[str, object]:
        desk, claim = self._desk, self.claim
        return {
            "assignment": encode_assignment(self._assignment(run)),
            "environment": forge.environment_of(desk.worker, claim.token, self._upstreams(run)),
        }

    def _upstreams(self, run: Object) -> dict[str, str]:
        named = run["spec"].get("dependsOn") or ()
        found = (self._desk.cluster.get_run(one["name"]) for one in named)
        return encode_upstreams(tuple(protocol.upstream(one) for one in found))

    def _assignment(self, run: Object) -> Assignment:
        return protocol.assignment(run, self.claim, self._desk.worker)

    def _report_patch(self, report: bytes) -> list[Object]:
        return protocol.report_patch(self.claim, report)

    def _returned(self, why: str) -> bytes:
        return protocol.report(self.claim, Reason.RUNNER_KILLED, f"worker {self._desk.worker}: {why}")

    def _tell(self, report: bytes) -> None:
        """Report, for as long as it takes or until it is refused."""
        patch = self._report_patch(report)
        delay = _FIRST_DELAY
        while True:
            try:
                self._desk.cluster.patch_status(self.claim.name, patch)
            except ClusterUnavailable as error:
                _log.warning("%s cannot be reported: %s", self.claim.name, error)
            except ClusterError as error:
                # 422 where the lease is not ours any more, 404 where the run is gone.
                _log.info("the report of %s is refused: %s", self.claim.name, error)
                self.is_settled = True
                return
            else:
                self.is_settled = True
                return
            if self._desk.closed.wait(delay * random.uniform(0.5, 1.5)):  # noqa: S311 - jitter, no secret
                return
            delay = min(delay * 2, _LONGEST_DELAY)


class Ahead:
    """A store of whose objects one is being fetched already. It is given once."""

    def __init__(self, store: Store, download: Download | None) -> None:
        self._store = store
        self._download = download
        self.put, self.create = store.put, store.create

    def get(self, key: str, *, offset: int = 0, size: int | None = None, limit: int | None = None) -> bytes:
        found = self._download
        if found is None or not found.is_of(key, offset, size):
            return self._store.get(key, offset=offset, size=size, limit=limit)
        self._download = None
        return found.result()


def token() -> str:
    """What tells a claim from every other."""
    return secrets.token_hex(12)


def _converse(lines: Lines, store: Store) -> bytes:
    """Serve the children's requests until their supervisor has reported; the report, b"" if there is none."""
    talking = {one.fileno(): one for one in (lines.calls, lines.later)}
    poll = select.poll()
    for descriptor in (*talking, lines.report.fileno()):
        poll.register(descriptor, select.POLLIN)
    found = b""
    while True:
        ready = [descriptor for descriptor, _ in poll.poll()]
        # The children first: what they ask for is on the way, what is reported stays.
        for descriptor in ready:
            if descriptor in talking and not _serve(talking[descriptor], store):
                poll.unregister(descriptor)
        if lines.report.fileno() in ready:
            chunk = lines.report.read(65536)
            if not chunk:
                return found
            found += chunk


def _serve(calls: socket.socket, store: Store) -> bool:
    try:
        request = relay.receive(calls)
        if request is None:
            return False
        relay.answer(calls, request, store)
    except OSError:
        return False
    return True
