"""The status of a pod, step by step, as a kubelet writes it: values in, values out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ferryman.dev.apiserver import moments

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Exit:
    """How a container ended. `code` is 128 + n after signal n."""

    code: int
    reason: str
    message: str
    started: datetime
    finished: datetime


def phase(pod: Mapping[str, Any]) -> str:
    return str(pod.get("status", {}).get("phase", "Pending"))


def is_over(pod: Mapping[str, Any]) -> bool:
    """Whether none of its containers runs or ever will."""
    return phase(pod) in ("Succeeded", "Failed")


def is_deleting(pod: Mapping[str, Any]) -> bool:
    return bool(pod["metadata"].get("deletionTimestamp"))


def is_ready(pod: Mapping[str, Any]) -> bool:
    conditions = pod.get("status", {}).get("conditions", ())
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def unschedulable(pod: Mapping[str, Any], message: str, now: datetime) -> Object:
    """No node takes it, for the reason in `message`."""
    condition = _condition("PodScheduled", "False", now) | {"reason": "Unschedulable", "message": message}
    return {**pod.get("status", {}), "phase": "Pending", "conditions": [condition]}


def scheduled(pod: Mapping[str, Any], now: datetime) -> Object:
    """A node has it; its containers are being created."""
    names = ("PodScheduled", "Initialized")
    conditions = [_condition(name, "True", now) for name in names]
    conditions += [
        _condition(name, "False", now, "ContainersNotReady") for name in ("ContainersReady", "Ready")
    ]
    return {
        "phase": "Pending",
        "conditions": conditions,
        "hostIP": "127.0.0.1",
        "startTime": moments.render(now),
        "qosClass": "BestEffort",
        "containerStatuses": [_waiting(one, "ContainerCreating", "") for one in pod["spec"]["containers"]],
    }


def waiting(pod: Mapping[str, Any], status: Object, container: str, why: tuple[str, str]) -> Object:
    """One container cannot start: `why` is a reason (such as ImagePullBackOff) and a message."""
    spec = next(one for one in pod["spec"]["containers"] if one["name"] == container)
    return _with_container(status, _waiting(spec, *why))


def running(status: Object, container: Object, container_id: str, now: datetime) -> Object:
    """One container runs; the pod is Running, and ready once all of them do."""
    entry = _entry(container, {"running": {"startedAt": moments.render(now)}}, container_id)
    after = _with_container(status, entry | {"ready": True, "started": True})
    after |= {"phase": "Running", "podIP": "127.0.0.1", "podIPs": [{"ip": "127.0.0.1"}]}
    if all(one["ready"] for one in after["containerStatuses"]):
        after["conditions"] = _ready_as(after["conditions"], "True", now)
    return after


def terminated(status: Object, container: Object, container_id: str, ended: Exit) -> Object:
    """One container has ended."""
    how = {
        "exitCode": ended.code,
        "reason": ended.reason,
        "startedAt": moments.render(ended.started),
        "finishedAt": moments.render(ended.finished),
        "containerID": container_id,
    }
    how |= {"message": ended.message} if ended.message else {}
    entry = _entry(container, {"terminated": how}, container_id) | {"started": False}
    return _with_container(status, entry)


def ended(status: Object, now: datetime) -> Object:
    """Every container has ended: Succeeded if all did with exit code 0, else Failed."""
    codes = [_exit_code(one) for one in status.get("containerStatuses", ())]
    succeeded = bool(codes) and all(code == 0 for code in codes)
    reason = "PodCompleted" if succeeded else "PodFailed"
    return {
        **status,
        "phase": "Succeeded" if succeeded else "Failed",
        "conditions": _ready_as(status.get("conditions", []), "False", now, reason),
    }


def failed(status: Object, reason: str, message: str) -> Object:
    """The pod as a whole failed, for a reason that is no container's."""
    return {**status, "phase": "Failed", "reason": reason, "message": message}


def _exit_code(entry: Mapping[str, Any]) -> int | None:
    code = entry["state"].get("terminated", {}).get("exitCode")
    return None if code is None else int(code)


def _ready_as(conditions: list[Object], value: str, now: datetime, reason: str = "") -> list[Object]:
    names = ("ContainersReady", "Ready")
    others = [one for one in conditions if one["type"] not in names]
    return others + [_condition(name, value, now, reason) for name in names]


def _condition(kind: str, value: str, now: datetime, reason: str = "") -> Object:
    found = {"type": kind, "status": value, "lastProbeTime": None, "lastTransitionTime": moments.render(now)}
    return found | ({"reason": reason} if reason else {})


def _waiting(container: Mapping[str, Any], reason: str, message: str) -> Object:
    return _entry(container, {"waiting": {"reason": reason} | ({"message": message} if message else {})}, "")


def _entry(container: Mapping[str, Any], state: Object, container_id: str) -> Object:
    return {
        "name": container["name"],
        "image": container.get("image", ""),
        "imageID": "",
        "containerID": container_id,
        "ready": False,
        "started": False,
        "restartCount": 0,
        "lastState": {},
        "state": state,
    }


def _with_container(status: Object, entry: Object) -> Object:
    known = status.get("containerStatuses", [])
    replaced = [entry if one["name"] == entry["name"] else one for one in known]
    return {**status, "containerStatuses": replaced}
