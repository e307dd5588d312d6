"""The operator with thousands of runs: how soon a new process is at work, and what it needs of memory.

The runs are made by hand, with the controller manager and the operator out of the way as long as that
takes: live ones have a Job with a ready pod to its name, finished ones a final status.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from benchmarks import manifests, results, samples
from benchmarks.client import CONNECTIONS, Object
from benchmarks.operator_process import Operator
from benchmarks.results import Result
from benchmarks.testbed import Testbed
from cluster import control_plane, processes

RESTARTS = 3


def measure(bed: Testbed, operator: Operator, *, live: int, finished: int) -> Iterator[Result]:
    """Restarts with `live` runs, and the memory with as many and `finished` ones that are over."""
    manager = control_plane.controller_manager()
    # Namespaces need it, and it would take pods away from the Jobs that claim to have them.
    places = bed.new_namespace(), bed.new_namespace()
    processes.stop(manager)
    try:
        _make_live(bed, places[0], live)
        restarts = []
        for _ in range(RESTARTS):
            operator.stop()
            restarts.append(_seconds_to_steady(operator))
        yield results.result("restart_10000_live_seconds", samples.of(restarts))
        operator.stop()
        _make_finished(bed, places[1], finished)
        _seconds_to_steady(operator)
        yield results.result("rss_60000_runs_mb", samples.of([operator.megabytes]))
    finally:
        processes.start(manager)


def _seconds_to_steady(operator: Operator) -> float:
    """From the start of the process to the moment when it leads and has nothing left to do."""
    began = time.monotonic()
    operator.start()
    while not operator.is_idle:
        time.sleep(0.1)
    return time.monotonic() - began


def _make_live(bed: Testbed, where: str, count: int) -> None:
    bed.client.create_all(manifests.taskrun(where, number) for number in range(count))
    seen: set[str] = set()
    status = {"active": 1, "ready": 1, "startTime": _now()}
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        for job in bed.client.watch("Job", where):
            if (name := job["metadata"]["name"]) not in seen:
                seen.add(name)
                pool.submit(bed.client.patch_status, "Job", where, name, status)
            if len(seen) == count:
                break
    bed.client.until_all("TaskRun", where, count, lambda run: _phase(run) == "Running")


def _make_finished(bed: Testbed, where: str, count: int) -> None:
    """With the status that the operator would have written."""
    succeeded = {"type": "Succeeded", "status": "True", "reason": "Completed", "message": "It returned."}
    now = _now()
    status = {
        "phase": "Completed",
        "conditions": [{**succeeded, "lastTransitionTime": now}],
        "startedAt": now,
        "finishedAt": now,
        "result": {"sha256": "ab" * 32, "size": 4, "attempt": 1, "serializer": "json"},
    }

    def make(number: int) -> None:
        run = manifests.taskrun(where, number)
        bed.client.create(run)
        bed.client.patch_status("TaskRun", where, run["metadata"]["name"], status)

    with ThreadPoolExecutor(CONNECTIONS) as pool:
        list(pool.map(make, range(count)))


def _phase(run: Object) -> str:
    return run.get("status", {}).get("phase", "")


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
