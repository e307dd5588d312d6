"""An embedded API server that serves TaskRuns, and a Job that a test plays by hand."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import AsyncIterator
from typing import Any

from ferryman.api import names
from ferryman.api.crd import crd
from ferryman.api.reasons import Reason
from ferryman.api.runner_contract import Report, ResultRef, encode_report
from ferryman.dev.apiserver.builtin_resources import builtin_registry
from ferryman.dev.apiserver.server import ApiServer
from ferryman.dev.apiserver.storage import Storage


@contextlib.asynccontextmanager
async def an_api_server(*, with_crd: bool = True) -> AsyncIterator[ApiServer]:
    server = ApiServer(Storage(builtin_registry()), crds=[crd()] if with_crd else [])
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


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
    stored = copy.deepcopy(dict(storage.get(resource, meta["namespace"], meta["name"])))
    storage.update(resource, stored | {"status": status}, subresource="status")
