"""What `make bench QUICK=1` measures, in the order of the least disturbance."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks import cold_start, running_pods, samples, stored, submission, testbed, throughput
from benchmarks.client import Object
from benchmarks.operator_process import Operator
from benchmarks.results import Result, result
from benchmarks.samples import Samples
from benchmarks.testbed import Testbed
from benchmarks.throughput import Burst

STARTS = 9
"""Of a runner and of each statement. The first of them, which finds cold caches, is not counted."""

ALLOWED = 300.0
"""Seconds that all of it may take, once there is a cluster."""


@dataclass(frozen=True)
class Load:
    """How throughput is measured: so many objects, in so many pairs if there is time."""

    qps: int
    count: int
    pairs: int
    until: float
    """Part of the time allowed, after which no other pair is begun."""

    @property
    def name(self) -> str:
        return f"throughput_ratio_qps{self.qps}"


SLOW = Load(qps=20, count=100, pairs=1, until=0.3)
FAST = Load(qps=200, count=300, pairs=4, until=0.65)


def measure(bed: Testbed, operator: Operator) -> Iterator[Result]:
    """Every figure of results.QUICK."""
    began = time.monotonic()
    yield from starts()
    template = throughput.pod_template(bed)
    yield of_pairs(SLOW, throughput_pairs(bed, operator, template, SLOW, began))
    pairs = throughput_pairs(bed, operator, template, FAST, began)
    yield of_pairs(FAST, pairs)
    for what, one in zip(("bare Jobs", "TaskRuns"), pairs[-1], strict=True):
        print(f"  CPU seconds per 1,000 {what}: {throughput.account(one)}", flush=True)
    yield from costs(bed, operator, [ours for _, ours in pairs])
    # On a machine with two cores its work would be a part of the next figures.
    operator.stop()
    yield from submissions(bed, count=1000, pairs=3)


def starts() -> Iterator[Result]:
    """CPU of imports and runners, in turns, and the runner's requests to the store."""
    log = testbed.store_log()
    bare, imported, runners = [], [], []
    with cold_start.laboratory() as lab:
        for _ in range(STARTS):
            bare.append(cold_start.of_a_statement("pass") * 1000)
            imported.append(cold_start.of_a_statement("import ferryman") * 1000)
            runners.append(cold_start.of_a_runner(lab, log))
    nothing = statistics.median(bare[1:])
    yield result("import_cpu_ms", samples.of(imported[1:]), baseline=nothing)
    yield result("runner_cpu_ms", samples.of([1000 * one.cpu for one in runners[1:]]), baseline=nothing)
    yield result("runner_store_requests", samples.of([one.requests.total() for one in runners[1:]]))


def throughput_pairs(
    bed: Testbed, operator: Operator, template: Object, load: Load, began: float
) -> list[tuple[Burst, Burst]]:
    """Bare Jobs and TaskRuns, in turns."""

    def bare() -> Burst:
        throughput.settle(bed)
        return throughput.of_bare_jobs(bed, operator, template, load.count)

    def ours() -> Burst:
        throughput.settle(bed)
        return throughput.of_runs(bed, operator, load.count)

    def has_time() -> bool:
        return time.monotonic() - began < load.until * ALLOWED

    with testbed.controller_manager_at(load.qps):
        # The controllers list and watch before they work, and this waits until they do.
        throughput.of_runs(bed, operator, 5)
        return samples.in_alternation(bare, ours, load.pairs, has_time=has_time)


def of_pairs(load: Load, pairs: list[tuple[Burst, Burst]]) -> Result:
    """The ratio of their rates."""
    ratios = samples.ratios([ours.rate for _, ours in pairs], [bare.rate for bare, _ in pairs])
    bare = statistics.median(bare.rate for bare, _ in pairs)
    return result(load.name, ratios, baseline=bare, ratio=ratios.median)


def costs(bed: Testbed, operator: Operator, bursts: list[Burst]) -> Iterator[Result]:
    """What runs whose pods are seen to run cost the operator, the API server and etcd."""
    found = [_burst_of_running_pods(bed, operator, 100) for _ in range(2)]
    yield result("writes_per_run", samples.of([one.writes / one.count for one in found]))
    yield result("events_per_run", samples.of([one.events / one.count for one in found]))
    cpu = samples.of([one.cpu_per_1000["operator"] for one in bursts])
    yield result("operator_cpu_s_per_1000", cpu)
    yield result("operator_rss_mb", samples.of([operator.megabytes]))
    yield result("etcd_bytes_per_run", stored.bytes_per_run(found[-1].namespace))


def _burst_of_running_pods(bed: Testbed, operator: Operator, count: int) -> Burst:
    where = bed.new_namespace()
    with running_pods.instead_of_the_fake_node(bed.client, where):
        return throughput.of_runs(bed, operator, count, where)


def submissions(bed: Testbed, *, count: int, pairs: int) -> Iterator[Result]:
    """A map and a bare loop, in turns; the loop creates what the map has created."""
    mapped, looped = [], []
    for _ in range(pairs):
        ours = submission.by_map(bed, count)
        mapped.append(ours.seconds)
        looped.append(submission.by_a_bare_loop(bed, ours.manifests).seconds)
    bare = statistics.median(looped)
    yield result("map_1000_seconds", samples.of(mapped), baseline=bare)
    rates: Samples = samples.ratios(looped, mapped)
    yield result("map_rate_ratio", rates, baseline=count / bare, ratio=rates.median)
