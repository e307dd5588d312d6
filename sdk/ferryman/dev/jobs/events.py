"""The Events that Kubernetes' Job controller writes about a Job."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any, Final

from ferryman.dev.apiserver import moments
from ferryman.dev.apiserver.errors import ApiError
from ferryman.dev.apiserver.objects import Object, Objects

_SERIAL: Final = itertools.count(1)


class JobEvents:
    """Writes Events; the same warning about the same Job is counted, not repeated."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._warned: dict[tuple[str, str], str] = {}

    def tell(self, job: Mapping[str, Any], reason: str, message: str, *, kind: str = "Normal") -> str:
        """Write one. Returns its name; best effort, so it may be that of none."""
        meta = job["metadata"]
        name = f"{meta['name']}.{next(_SERIAL):x}"
        try:
            self._objects.create("events", _event(meta, name, reason, message) | {"type": kind})
        except ApiError:
            # The namespace may be on its way out; no controller stops for an Event.
            return name
        return name

    def warn(self, job: Mapping[str, Any], reason: str, message: str) -> None:
        """Write a warning, or count one that was written before."""
        namespace, key = job["metadata"]["namespace"], (job["metadata"]["uid"], reason)
        known = self._objects.get("events", namespace, self._warned.get(key, ""))
        if known is None or known["message"] != message:
            self._warned[key] = self.tell(job, reason, message, kind="Warning")

    def tell_changes(self, job: Mapping[str, Any], status: Mapping[str, Any]) -> None:
        """What a change of the Job's conditions is worth telling."""
        before = {one["type"] for one in (job.get("status") or {}).get("conditions", ())}
        for condition in status.get("conditions", ()):
            if condition["type"] in before:
                continue
            if condition["type"] == "Complete":
                self.tell(job, "Completed", "Job completed")
            elif condition["type"] == "FailureTarget":
                self.tell(job, condition["reason"], condition["message"], kind="Warning")


def _event(meta: Mapping[str, Any], name: str, reason: str, message: str) -> Object:
    now = moments.now()
    return {
        "metadata": {"name": name, "namespace": meta["namespace"]},
        "involvedObject": {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "name": meta["name"],
            "namespace": meta["namespace"],
            "uid": meta["uid"],
            "resourceVersion": meta["resourceVersion"],
        },
        "reason": reason,
        "message": message,
        "source": {"component": "job-controller"},
        "reportingComponent": "job-controller",
        "firstTimestamp": moments.render(now),
        "lastTimestamp": moments.render(now),
        "count": 1,
    }
