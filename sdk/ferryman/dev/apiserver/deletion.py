"""How something is deleted: preconditions, propagation, finalizers, grace."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from ferryman.dev.apiserver import moments
from ferryman.dev.apiserver.errors import Conflict, Subject
from ferryman.dev.apiserver.resources import Object, Propagation, Resource

FOREGROUND: Final = "foregroundDeletion"
ORPHAN: Final = "orphan"
POD_GRACE_SECONDS: Final = 30


@dataclass(frozen=True, slots=True)
class DeleteOptions:
    """None means: as the resource has it by default."""

    uid: str | None = None
    resource_version: str | None = None
    propagation: Propagation | None = None
    grace_seconds: int | None = None
    dry_run: bool = False

    @classmethod
    def parse(cls, body: Mapping[str, Any]) -> DeleteOptions:
        """From a `DeleteOptions` object."""
        wanted = body.get("preconditions") or {}
        propagation = body.get("propagationPolicy")
        if propagation is None and body.get("orphanDependents") is not None:
            propagation = "Orphan" if body["orphanDependents"] else "Background"
        grace = body.get("gracePeriodSeconds")
        return cls(
            wanted.get("uid"), wanted.get("resourceVersion"), propagation, grace, bool(body.get("dryRun"))
        )

    def check(self, resource: Resource, obj: Object) -> None:
        """Raises Conflict if the object is not the one that is meant."""
        metadata = obj["metadata"]
        pairs = (
            ("UID", self.uid, metadata["uid"]),
            ("ResourceVersion", self.resource_version, metadata["resourceVersion"]),
        )
        for what, wanted, actual in pairs:
            if wanted and wanted != actual:
                raise _unmet(
                    resource.subject(metadata["name"]),
                    f"{what} in precondition: {wanted}, {what} in object meta: {actual}",
                )


def _unmet(subject: Subject, text: str) -> Conflict:
    told = (
        f'Operation cannot be fulfilled on {subject.resource} "{subject.name}": Precondition failed: {text}'
    )
    return Conflict(told, subject)


def mark_deleted(resource: Resource, obj: Object, options: DeleteOptions, now: datetime) -> None:
    """Write into an object that it is to go: when, and what holds it until then.

    Grace never grows: a second delete may only shorten what the first one gave.
    """
    metadata = obj["metadata"]
    finalizers = _finalizers(resource, metadata, options)
    metadata.pop("finalizers", None)
    if finalizers:
        metadata["finalizers"] = finalizers
    grace = _grace(resource, obj, options)
    known = metadata.get("deletionGracePeriodSeconds") if metadata.get("deletionTimestamp") else None
    if known is not None and known <= grace:
        return
    if "generation" in metadata and known is None:
        metadata["generation"] += 1
    metadata["deletionTimestamp"] = moments.render(now + timedelta(seconds=grace))
    metadata["deletionGracePeriodSeconds"] = grace


def is_held(resource: Resource, obj: Object) -> bool:
    """Whether an object that is being deleted has to stay for now."""
    metadata = obj["metadata"]
    if resource.plural == "namespaces" and (obj.get("spec") or {}).get("finalizers"):
        return True
    return bool(metadata.get("finalizers") or metadata.get("deletionGracePeriodSeconds"))


def _finalizers(resource: Resource, metadata: Object, options: DeleteOptions) -> list[str]:
    own = [name for name in metadata.get("finalizers") or () if name not in {FOREGROUND, ORPHAN}]
    held = [name for name in metadata.get("finalizers") or () if name in {FOREGROUND, ORPHAN}]
    if options.propagation is None and held:
        return own + held
    wanted = {"Foreground": [FOREGROUND], "Orphan": [ORPHAN]}
    return own + wanted.get(options.propagation or resource.default_propagation, [])


def _grace(resource: Resource, obj: Object, options: DeleteOptions) -> int:
    """Seconds that the node has to stop a pod; 0 for all else, and for a pod that does not run."""
    runs = resource.qualified == "pods" and (obj.get("spec") or {}).get("nodeName")
    if not runs or (obj.get("status") or {}).get("phase") in {"Succeeded", "Failed"}:
        return 0
    if options.grace_seconds is not None:
        return max(0, options.grace_seconds)
    seconds: int = obj["spec"].get("terminationGracePeriodSeconds", POD_GRACE_SECONDS)
    return seconds
