"""What kubectl prints of built-in kinds."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from ferryman.dev.apiserver.columns import AGE, NAME, age, span
from ferryman.dev.apiserver.resources import Column, Object


def _status(obj: Object) -> Object:
    status: Object = obj.get("status") or {}
    return status


def _containers(pod: Object) -> Sequence[Object]:
    found: Sequence[Object] = _status(pod).get("containerStatuses") or ()
    return found


def _pod_ready(pod: Object) -> str:
    ready = sum(bool(container.get("ready")) for container in _containers(pod))
    return f"{ready}/{len((pod.get('spec') or {}).get('containers') or ())}"


def _pod_status(pod: Object) -> str:
    shown = str(_status(pod).get("reason") or _status(pod).get("phase") or "Pending")
    for container in reversed(_containers(pod)):
        state = container.get("state") or {}
        waiting, ended = state.get("waiting") or {}, state.get("terminated") or {}
        shown = waiting.get("reason") or ended.get("reason") or shown
    return "Terminating" if pod["metadata"].get("deletionTimestamp") else shown


def _restarts(pod: Object) -> int:
    return sum(int(container.get("restartCount") or 0) for container in _containers(pod))


def _job_status(job: Object) -> str:
    for condition in reversed(_status(job).get("conditions") or ()):
        if condition.get("status") == "True":
            return str(condition["type"])
    return "Running"


def _job_completions(job: Object) -> str:
    return f"{_status(job).get('succeeded') or 0}/{(job.get('spec') or {}).get('completions') or 1}"


def _job_duration(job: Object) -> str:
    started = _status(job).get("startTime")
    if not started:
        return ""
    ended = _status(job).get("completionTime")
    until = datetime.fromisoformat(ended) if ended else datetime.now(UTC)
    return span((until - datetime.fromisoformat(started)).total_seconds())


def _last_seen(event: Object) -> str:
    moments = (event.get("lastTimestamp"), event.get("eventTime"), event["metadata"].get("creationTimestamp"))
    return age(next((moment for moment in moments if moment), None))


def _involved(event: Object) -> str:
    involved = event.get("involvedObject") or event.get("regarding") or {}
    return f"{str(involved.get('kind', '')).lower()}/{involved.get('name', '')}"


def _node_ready(node: Object) -> str:
    for condition in _status(node).get("conditions") or ():
        if condition.get("type") == "Ready":
            return "Ready" if condition.get("status") == "True" else "NotReady"
    return "Unknown"


def _field(*path: str) -> Any:
    def value(obj: Object) -> Any:
        found: Any = obj
        for part in path:
            found = (found or {}).get(part)
        return found

    return value


def _size(obj: Object) -> int:
    return len(obj.get("data") or {})


def _quota(obj: Object) -> str:
    used, hard = _status(obj).get("used") or {}, (obj.get("spec") or {}).get("hard") or {}
    return ", ".join(f"{key}: {used.get(key, '?')}/{limit}" for key, limit in hard.items())


def _text(name: str, cell: Any, priority: int = 0) -> Column:
    return Column(name, cell, priority=priority)


POD: Final = (
    NAME,
    _text("Ready", _pod_ready),
    _text("Status", _pod_status),
    Column("Restarts", _restarts, type="integer"),
    AGE,
    _text("IP", _field("status", "podIP"), 1),
    _text("Node", _field("spec", "nodeName"), 1),
)
JOB: Final = (
    NAME,
    _text("Status", _job_status),
    _text("Completions", _job_completions),
    _text("Duration", _job_duration),
    AGE,
)
EVENT: Final = (
    _text("Last Seen", _last_seen),
    _text("Type", _field("type")),
    _text("Reason", _field("reason")),
    _text("Object", _involved),
    _text("Message", lambda event: event.get("message") or event.get("note")),
    Column("Name", NAME.cell, format="name", priority=1),
)
NAMESPACE: Final = (NAME, _text("Status", _field("status", "phase")), AGE)
NODE: Final = (
    NAME,
    _text("Status", _node_ready),
    _text("Roles", lambda _: "<none>"),
    AGE,
    _text("Version", _field("status", "nodeInfo", "kubeletVersion")),
)
SECRET: Final = (NAME, _text("Type", _field("type")), Column("Data", _size, type="integer"), AGE)
CONFIG_MAP: Final = (NAME, Column("Data", _size, type="integer"), AGE)
LEASE: Final = (NAME, _text("Holder", _field("spec", "holderIdentity")), AGE)
QUOTA: Final = (NAME, _text("Request", _quota), AGE)
DEFINITION: Final = (NAME, _text("Created At", _field("metadata", "creationTimestamp")))
