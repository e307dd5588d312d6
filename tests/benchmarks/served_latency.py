"""How long a delayed call takes on a warm worker: `python tests/benchmarks/served_latency.py [--calls 200]`.

From `delay()` to the value, one call after the other, on an embedded cluster with one worker. The budget is a
median of 100 ms on two idle cores. It also says between which marks the time passes: those that a watch
sees, and the phases of the runner's report.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import threading
import time
from collections import defaultdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

import ferryman
from builders.workers import Worker
from ferryman.api.runner_contract import decode_report
from ferryman.connection import open_cluster
from ferryman.dev.cluster import EmbeddedCluster, Options

BUDGET_MS = 100
MARKS = ("created", "claimed", "reported", "ended", "delivered")


class Trace:
    """When each run reached each mark, as a watch of the benchmark's own tells it."""

    def __init__(self):
        self.at = defaultdict(dict)
        self.phases = defaultdict(list)
        _, cluster = open_cluster(os.environ)
        threading.Thread(target=self._follow, args=(cluster,), daemon=True).start()

    def _follow(self, cluster):
        for event in cluster.watch_runs("default"):
            if event.type != "SYNCED":
                self._see(event.object)

    def _see(self, found):
        status, moments = found.get("status") or {}, self.at[found["metadata"]["name"]]
        lease = status.get("lease") or {}
        if lease:
            moments.setdefault("claimed", time.perf_counter())
        if "report" in lease and "reported" not in moments:
            moments["reported"] = time.perf_counter()
            for phase, seconds in decode_report(lease["report"]).timings.items():
                self.phases[phase].append(seconds * 1000)
        if status.get("phase") == "Completed":
            moments.setdefault("ended", time.perf_counter())


def measure(calls: int, warm_up: int) -> int:
    directory = Path(tempfile.mkdtemp(prefix="ferryman-served-"))
    with EmbeddedCluster(Options()) as cluster:
        os.environ.update(cluster.environ)
        with Worker(directory), ferryman.connect():
            sys.path.insert(0, str(directory))
            import served

            for n in range(warm_up):
                served.double.delay(n).result(60)
            trace = Trace()
            took = [one_call(served.double, n, trace) for n in range(calls)]
    return tell(took, trace)


def one_call(task, n: int, trace: Trace) -> dict[str, float]:
    began = time.perf_counter()
    future = task.delay(n)
    created = time.perf_counter()
    assert future.result(60) == 2 * n
    moments = {**trace.at[future.name], "created": created, "delivered": time.perf_counter()}
    found, last = {}, began
    for mark in MARKS:
        # A worker may have claimed a run before its creator has the answer.
        moment = max(moments.get(mark, last), last)
        found[mark], last = (moment - last) * 1000, moment
    return {**found, "total": (last - began) * 1000}


def tell(took: list[dict[str, float]], trace: Trace) -> int:
    def line(name: str, values: list[float]) -> None:
        at_99 = statistics.quantiles(values, n=100)[98]
        print(f"{name:>12}  p50 {statistics.median(values):7.1f} ms   p99 {at_99:7.1f} ms")

    for mark in MARKS:
        line(f"..{mark}", [one[mark] for one in took])
    line("total", [one["total"] for one in took])
    print("in the worker's child:")
    for phase, values in trace.phases.items():
        line(phase, values)
    median = statistics.median(one["total"] for one in took)
    print(f"budget: a median of {BUDGET_MS} ms; load average {os.getloadavg()[0]:.1f}")
    return 0 if median <= BUDGET_MS else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--warm-up", type=int, default=10)
    chosen = parser.parse_args()
    sys.exit(measure(chosen.calls, chosen.warm_up))
