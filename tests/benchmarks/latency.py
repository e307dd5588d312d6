"""How long a run waits for the operator, while the cluster has half of the load that it can take."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from benchmarks import audit, manifests, results, samples, throughput
from benchmarks.audit import Request
from benchmarks.client import CONNECTIONS
from benchmarks.results import Result
from benchmarks.testbed import Testbed


def measure(bed: Testbed, rate: float, count: int) -> Iterator[Result]:
    """Submit so many runs at that rate per second; their waits."""
    requests = _paced(bed, rate, count)
    for name, seconds in (
        ("submit_to_job", submit_to_job(requests)),
        ("decided_to_terminal", decided_to_terminal(requests)),
    ):
        for percent in (50, 99):
            value = percentile(seconds, percent) * 1000
            yield results.result(f"{name}_p{percent}_ms", samples.of([value]))


def submit_to_job(requests: Sequence[Request]) -> list[float]:
    """Seconds from the receipt of each run's create to the answer to that of its Job."""
    submitted = audit.created(requests, "taskruns")
    return [
        one.answered - submitted[run_of(one.name)]
        for one in requests
        if (one.verb, one.resource) == ("create", "jobs") and one.succeeded
    ]


def decided_to_terminal(requests: Sequence[Request]) -> list[float]:
    """Seconds from the answer to the last status of each run's Job to the answer to its own."""
    decided, ended = audit.finished(requests, "jobs"), audit.finished(requests, "taskruns")
    return [ended[run_of(job)] - at for job, at in decided.items()]


def run_of(job: str) -> str:
    """The run of a Job by their names: `words` of `words-1a2b3c4d-1`."""
    return job.rsplit("-", 2)[0]


def percentile(values: Iterable[float], percent: int) -> float:
    """The value below which that part of them lies; there must be two."""
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def _paced(bed: Testbed, rate: float, count: int) -> list[Request]:
    where = bed.new_namespace()
    mark, began = bed.audit.mark(), time.monotonic()
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        for number in range(count):
            time.sleep(max(0.0, began + number / rate - time.monotonic()))
            pool.submit(bed.client.create, manifests.taskrun(where, number))
    bed.client.until_all("TaskRun", where, count, throughput.run_has_completed)
    return [one for one in bed.audit.since(mark) if one.namespace == where]
