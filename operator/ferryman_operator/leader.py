"""Which replica writes: a Lease, held by one at a time.

Safety never depends on it: names, UIDs and resourceVersions make a late write of the former
leader harmless. It keeps two replicas from doing the same work.

Other holders' times are never compared with our clock: a lease counts as expired when it has not
changed for its duration by our own monotonic clock.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol

from ferryman_operator.clock import Clock
from ferryman_operator.cluster import AlreadyExists, Cluster, ClusterError, Conflict, NotFound, Object

_log: Final = logging.getLogger(__name__)


class Leadership(Protocol):
    """Whether this replica writes."""

    @property
    def leads(self) -> bool:
        """Right now."""
        ...

    async def run(self) -> None:
        """Try to lead, and to go on leading, for ever."""
        ...

    async def release(self) -> None:
        """Let another replica lead at once."""
        ...


class Alone:
    """Leadership without a Lease, for an operator that is the only one."""

    def __init__(self, gained: Callable[[], None]) -> None:
        self._gained = gained

    leads: bool = True

    async def run(self) -> None:
        """Lead."""
        self._gained()
        await asyncio.Event().wait()

    async def release(self) -> None:
        """Nobody waits for it."""


@dataclass(frozen=True, slots=True)
class LeaseTerms:
    """Lengths in seconds: `duration` > `renew_deadline` > `retry_period`."""

    namespace: str
    name: str
    identity: str
    duration: float
    renew_deadline: float
    retry_period: float


class Elector:
    """Holds the Lease, or waits for it. `gained` is called each time it begins to lead."""

    def __init__(self, cluster: Cluster, terms: LeaseTerms, clock: Clock, gained: Callable[[], None]) -> None:
        self._cluster = cluster
        self._terms = terms
        self._clock = clock
        self._gained = gained
        self._seen: tuple[str, str] = ("", "")
        self._seen_at = clock.monotonic()
        self._held: Object | None = None
        self.valid_until = 0.0
        """Until when this replica leads, monotonic, unless it renews."""

    @property
    def leads(self) -> bool:
        """Whether the Lease is ours, for sure."""
        return self._clock.monotonic() < self.valid_until

    async def run(self) -> None:
        """Take the Lease when it is free, renew it while it is ours."""
        while True:
            await self.step()
            await asyncio.sleep(self._terms.retry_period * random.uniform(0.8, 1.2))  # noqa: S311

    async def step(self) -> bool:
        """One try to take or renew it; whether this replica leads after it."""
        until, began = self.valid_until, self._clock.monotonic()
        try:
            async with asyncio.timeout(self._terms.renew_deadline / 2):
                if await self._try():
                    # Counted from before the request: the others count from when they see it.
                    self.valid_until = began + self._terms.renew_deadline
        except (ClusterError, TimeoutError) as error:
            _log.warning("lease %s: %s", self._terms.name, str(error) or "no answer in time")
        self._tell(began < until, until)
        return self.leads

    def _tell(self, led: bool, until: float) -> None:
        # Also where the lease had lapsed while its renewal was on its way: somebody may have seen that.
        if self.leads and self._clock.monotonic() >= until:
            _log.info("leading as %s", self._terms.identity)
            self._gained()
        elif led and not self.leads:
            _log.warning("not leading any more")

    async def release(self) -> None:
        """Empty the holder, so that another replica need not wait for the Lease to expire."""
        self._held = None
        self.valid_until = 0.0
        try:
            async with asyncio.timeout(self._terms.renew_deadline / 2):
                # Read anew: a renewal may just have been cut off.
                lease = await self._cluster.get_lease(self._terms.namespace, self._terms.name)
                if _spec(lease).get("holderIdentity") == self._terms.identity:
                    await self._cluster.replace_lease(self._terms.namespace, self._record(lease, holder=""))
        except (ClusterError, TimeoutError) as error:
            _log.info("lease %s was not released: %s", self._terms.name, error)

    async def _try(self) -> bool:
        if self._held is not None and await self._replace(self._held):
            return True
        # Somebody else wrote it, or the reply to a renewal of ours was lost.
        try:
            lease = await self._cluster.get_lease(self._terms.namespace, self._terms.name)
        except NotFound:
            return await self._create()
        holder = _spec(lease).get("holderIdentity") or ""
        if holder not in ("", self._terms.identity):
            self.valid_until = 0.0
            if not self._is_expired(lease):
                return False
        return await self._replace(lease)

    async def _replace(self, lease: Object) -> bool:
        try:
            self._held = await self._cluster.replace_lease(self._terms.namespace, self._record(lease))
        except (Conflict, NotFound):
            self._held = None
            return False
        return True

    async def _create(self) -> bool:
        try:
            self._held = await self._cluster.create_lease(self._terms.namespace, self._record({}))
        except AlreadyExists:
            return False
        return True

    def _is_expired(self, lease: Object) -> bool:
        spec, now = _spec(lease), self._clock.monotonic()
        seen = (str(spec.get("holderIdentity")), str(lease["metadata"].get("resourceVersion")))
        if seen != self._seen:
            self._seen, self._seen_at = seen, now
        duration = spec.get("leaseDurationSeconds")
        length = float(duration) if isinstance(duration, int) else self._terms.duration
        return now - self._seen_at >= length

    def _record(self, lease: Object, holder: str | None = None) -> Object:
        spec, now = _spec(lease), self._clock.now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        ours = self._terms.identity
        changes = spec.get("holderIdentity") != ours
        record = {
            **spec,
            "holderIdentity": ours if holder is None else holder,
            "leaseDurationSeconds": max(1, round(self._terms.duration)),
            "renewTime": now,
        }
        if changes:
            record["acquireTime"] = now
            record["leaseTransitions"] = int(spec.get("leaseTransitions") or 0) + (1 if spec else 0)
        metadata = {"namespace": self._terms.namespace, "name": self._terms.name}
        if version := (lease.get("metadata") or {}).get("resourceVersion"):
            metadata["resourceVersion"] = version
        return {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": record}


def _spec(lease: Object) -> dict[str, Any]:
    return dict(lease.get("spec") or {})
