"""Jobs and pods that read like sentences, and a Job that a test plays by hand."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from typing import Any

from ferryman.api import names
from ferryman.api.reasons import Reason
from ferryman.api.runner_contract import Report, ResultRef, encode_report
from ferryman.dev.apiserver.storage import Storage, copy_of
from ferryman.dev.jobs.pods import TRACKING_FINALIZER, identity_labels

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
_SERIAL = itertools.count(1)

FAIL_ON_RUNNER_CODES = {
    "rules": [
        {"action": "Ignore", "onExitCodes": {"containerName": "runner", "operator": "In", "values": [7]}},
        {"action": "FailJob", "onPodConditions": [{"type": "DisruptionTarget"}]},
        {
            "action": "FailJob",
            "onExitCodes": {"containerName": "runner", "operator": "In", "values": [80, 81]},
        },
    ]
}


def a_job(
    *command: str, name: str = "letter", container: dict | None = None, pod: dict | None = None, **spec
) -> dict:
    runner = {"name": "runner", "image": "any", "command": list(command or ("true",)), **(container or {})}
    template = {"spec": {"restartPolicy": "Never", "containers": [runner], **(pod or {})}}
    meta = {"name": name, "namespace": "default"}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": meta,
        "spec": {
            "backoffLimit": 0,
            "completions": 1,
            "parallelism": 1,
            "podReplacementPolicy": "Failed",
            "template": template,
            **spec,
        },
    }


def a_stored_job(*, status: dict | None = None, **spec) -> dict:
    job = a_job(**spec)
    job["metadata"] |= {"uid": "job-uid", "resourceVersion": "1"}
    return job | {"status": status or {}}


def a_pod(
    phase: str = "Running", *, exit_code: int | None = None, deleting=False, counted=False, condition=""
) -> dict:
    meta = {"name": f"letter-{next(_SERIAL)}", "namespace": "default", "uid": f"pod-{next(_SERIAL)}"}
    meta |= {} if counted else {"finalizers": [TRACKING_FINALIZER]}
    meta |= {"deletionTimestamp": "2026-11-22T12:00:00Z"} if deleting else {}
    meta["labels"] = identity_labels({"metadata": {"name": "letter", "uid": "job-uid"}})
    state = {"running": {}} if exit_code is None else {"terminated": {"exitCode": exit_code}}
    ready = "True" if phase == "Running" else "False"
    conditions = [{"type": "Ready", "status": ready}]
    conditions += [{"type": condition, "status": "True"}] if condition else []
    status = {
        "phase": phase,
        "conditions": conditions,
        "containerStatuses": [{"name": "runner", "state": state}],
    }
    return {"metadata": meta, "spec": {"containers": [{"name": "runner"}]}, "status": status}


def a_plain_pod(*command: str, name: str = "pod", container: dict | None = None, **spec) -> dict:
    runner = {"name": "runner", "image": "any", "command": list(command), **(container or {})}
    spec = {"restartPolicy": "Never", "terminationGracePeriodSeconds": 5, "containers": [runner], **spec}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "default"},
        "spec": spec,
    }


def start_pod(storage: Storage, job: dict[str, Any]) -> None:
    """The Job's pod runs."""
    meta = job["metadata"]
    owner = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "name": meta["name"],
        "uid": meta["uid"],
        "controller": True,
    }
    labels = job["spec"]["template"]["metadata"]["labels"]
    pod = {"name": meta["name"], "namespace": meta["namespace"], "labels": labels, "ownerReferences": [owner]}
    spec = {"containers": [{"name": names.RUNNER_CONTAINER, "image": "runner:1"}]}
    storage.create("pods", {"apiVersion": "v1", "kind": "Pod", "metadata": pod, "spec": spec})
    _set_status(storage, "jobs.batch", meta, {"active": 1, "ready": 1})


def complete_pod(storage: Storage, job: dict[str, Any]) -> None:
    """The Job's pod ends with a result."""
    meta, labels = job["metadata"], job["metadata"]["labels"]
    uid, attempt = labels[names.RUN_UID_LABEL], int(labels[names.ATTEMPT_LABEL])
    report = encode_report(
        Report(uid, attempt, Reason.COMPLETED, result=ResultRef("ab" * 32, 7, "json"))
    ).decode()
    terminated = {"exitCode": 0, "reason": "Completed", "message": report}
    container = {"name": names.RUNNER_CONTAINER, "ready": False, "state": {"terminated": terminated}}
    _set_status(storage, "pods", meta, {"phase": "Succeeded", "containerStatuses": [container]})
    moment = "2026-11-22T12:00:00Z"
    end = {"type": "Complete", "status": "True", "reason": "CompletionsReached", "lastTransitionTime": moment}
    _set_status(storage, "jobs.batch", meta, {"succeeded": 1, "conditions": [end]})


def _set_status(storage: Storage, resource: str, meta: dict[str, Any], status: dict[str, Any]) -> None:
    stored = copy_of(storage.get(resource, meta["namespace"], meta["name"]))
    storage.update(resource, stored | {"status": status}, subresource="status")
