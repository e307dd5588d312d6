"""The pods that a watch told of as succeeded, until they are asked for: what they say is final.

By namespace and Job: whoever may create pods in one namespace says nothing about the Jobs of another.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, Final

from ferryman_operator import projection
from ferryman_operator.reconcile.observed import Pod

_MOST: Final = 4_000
"""Some 6 MB. A replica that does not lead asks for none, and keeps the last ones."""


class Successes:
    """At most one pod for each Job: where there are several, a list has to tell which of them counts."""

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._pods: OrderedDict[tuple[str, str], Pod | None] = OrderedDict()

    def note(self, raw: Any) -> None:
        """A pod that has succeeded."""
        pod = projection.pod(raw)
        if pod is None or not pod.job_uid:
            return
        job = (str(raw["metadata"].get("namespace")), pod.job_uid)
        known = self._pods.get(job, pod)
        self._pods[job] = pod if known is not None and known.uid == pod.uid else None
        if len(self._pods) > self._most:
            self._pods.popitem(last=False)

    def take(self, namespace: str, job_uid: str) -> Pod | None:
        """The pod of a Job, which is forgotten with that; None if it is not known, or not the only one."""
        return self._pods.pop((namespace, job_uid), None)
