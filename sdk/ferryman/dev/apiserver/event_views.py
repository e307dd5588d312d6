"""Events: one store, two shapes. events.k8s.io renames the fields of core events."""

from __future__ import annotations

from typing import Final

from ferryman.dev.apiserver.resources import Object

# events.k8s.io -> core
_RENAMED: Final = {
    "regarding": "involvedObject",
    "note": "message",
    "reportingController": "reportingComponent",
    "deprecatedSource": "source",
    "deprecatedFirstTimestamp": "firstTimestamp",
    "deprecatedLastTimestamp": "lastTimestamp",
    "deprecatedCount": "count",
}


def from_new(obj: Object) -> Object:
    """An events.k8s.io Event as a core one."""
    return {_RENAMED.get(key, key): value for key, value in obj.items()} | {
        "apiVersion": "v1",
        "kind": "Event",
    }


def to_new(obj: Object) -> Object:
    """A core Event as an events.k8s.io one."""
    back = {core: new for new, core in _RENAMED.items()}
    named = {back.get(key, key): value for key, value in obj.items()}
    return named | {"apiVersion": "events.k8s.io/v1", "kind": "Event"}
