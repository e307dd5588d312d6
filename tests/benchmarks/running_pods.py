"""The fake node's place, taken for a while by one whose pods run until their run says so.

The fake node's own pods succeed at once, so that a run is never seen to run. Here it is, and costs all
the writes that it costs on a node with containers.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime

from benchmarks.client import Client, Object, Refused
from cluster import fake_node, lifecycle, processes
from ferryman.api import names
from ferryman.api.reasons import Reason
from ferryman.api.runner_contract import Report, ResultRef, encode_report

SEEN_WITHIN_SECONDS = 60.0
"""How long a pod runs at most until its run is seen to run."""

Seen = defaultdict[str, threading.Event]
"""By a run's UID: it is known to run."""

HEARTBEAT_SECONDS = 10.0
"""A node of which nothing was heard for 40 seconds is taken for lost."""


@contextmanager
def instead_of_the_fake_node(client: Client, namespace: str) -> Iterator[None]:
    """Meanwhile pods of the namespace are carried through by this process, and nobody else's are."""
    fake = lifecycle.part("fake-node")
    processes.stop(fake)
    over, seen = threading.Event(), defaultdict(threading.Event)
    with ThreadPoolExecutor(64) as pool:
        pool.submit(_beat, client, over)
        pool.submit(_follow_runs, client, namespace, seen, over)
        pool.submit(_serve, client, namespace, pool, seen, over)
        try:
            yield
        finally:
            over.set()
            processes.start(fake)


def report_of(pod: Object) -> str:
    """What the runner of a pod would have left behind, had its function returned."""
    labels = pod["metadata"]["labels"]
    result = ResultRef("ab" * 32, 1024, "json")
    run, attempt = labels[names.RUN_UID_LABEL], int(labels[names.ATTEMPT_LABEL])
    return encode_report(Report(run, attempt, Reason.COMPLETED, result=result)).decode()


def _beat(client: Client, over: threading.Event) -> None:
    while not over.wait(HEARTBEAT_SECONDS):
        now = _now()
        ready = {"type": "Ready", "status": "True", "reason": "FakeNode"}
        conditions = [{**ready, "lastHeartbeatTime": now, "lastTransitionTime": now}]
        client.patch_status("Node", "", fake_node.NODE, {"conditions": conditions})


def _follow_runs(client: Client, where: str, seen: Seen, over: threading.Event) -> None:
    for run in client.watch("TaskRun", where, until=over):
        if run.get("status", {}).get("phase") == "Running":
            seen[run["metadata"]["uid"]].set()


def _serve(client: Client, where: str, pool: ThreadPoolExecutor, seen: Seen, over: threading.Event) -> None:
    taken: set[str] = set()
    for pod in client.watch("Pod", where, until=over):
        uid = pod["metadata"]["uid"]
        if pod["spec"].get("nodeName") and uid not in taken:
            taken.add(uid)
            # Made here, before the run can be seen to run: no two threads make it.
            is_seen = seen[pod["metadata"]["labels"][names.RUN_UID_LABEL]]
            pool.submit(_carry_through, client, pod, is_seen)


def _carry_through(client: Client, pod: Object, is_seen: threading.Event) -> None:
    where, name = pod["metadata"]["namespace"], pod["metadata"]["name"]
    containers, began = pod["spec"]["containers"], _now()
    running = {"running": {"startedAt": began}}
    try:
        client.patch_status("Pod", where, name, _status("Running", containers, running, began))
        is_seen.wait(SEEN_WITHIN_SECONDS)
        ended = {"exitCode": 0, "reason": "Completed", "startedAt": began, "finishedAt": _now()}
        over = {"terminated": {**ended, "message": report_of(pod)}}
        client.patch_status("Pod", where, name, _status("Succeeded", containers, over, began))
    except Refused as error:
        print(f"{where}/{name}: {error}")


def _status(phase: str, containers: list[Object], state: Object, began: str) -> Object:
    ready = "True" if phase == "Running" else "False"
    condition = {"type": "Ready", "status": ready, "lastTransitionTime": _now()}
    statuses = [
        {
            "name": one["name"],
            "image": one["image"],
            "imageID": "",
            "restartCount": 0,
            "ready": phase == "Running",
            "state": state,
        }
        for one in containers
    ]
    return {"phase": phase, "startTime": began, "conditions": [condition], "containerStatuses": statuses}


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
