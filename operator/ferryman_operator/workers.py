"""What the Leases of workers were when last looked at: one memory for all the runs of a worker."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from ferryman_operator.reconcile.observed import Key, Renewal, Run

_MOST: Final = 10_000
"""Workers that are remembered; of one that was forgotten the time counts anew."""


class Workers:
    """When each worker's Lease was seen to change, on our clock."""

    def __init__(self) -> None:
        self._known: OrderedDict[Key, tuple[str, Renewal]] = OrderedDict()

    def of(self, run: Run | None) -> Renewal | None:
        """Of the worker that has the run; None if it was never looked at."""
        key = lease_key(run)
        found = None if key is None else self._known.get(key)
        return None if found is None else found[1]

    def note(self, key: Key, lease: Any, now: datetime) -> None:
        """A look at the worker's Lease; None is one that does not exist."""
        spec = (lease or {}).get("spec") or {}
        renewed = f"{spec.get('renewTime')} {spec.get('holderIdentity')}" if lease else ""
        before, renewal = self._known.get(key, ("", None))
        if renewal is None or (renewed and renewed != before):
            renewal = Renewal(now, now)
        self._known[key] = (renewed or before, replace(renewal, looked=now))
        self._known.move_to_end(key)
        if len(self._known) > _MOST:
            self._known.popitem(last=False)


def lease_key(run: Run | None) -> Key | None:
    """Where the Lease of the worker is that has the run."""
    if run is None or run.status.lease is None:
        return None
    return Key(run.key.namespace, run.status.lease.worker)
