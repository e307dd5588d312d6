"""What `make bench` says: figures with their budgets, as a table's rows and as build/bench/results.json."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from benchmarks.samples import Samples


@dataclass(frozen=True)
class Budget:
    """The bound of a figure, in its unit."""

    bound: float
    unit: str
    at_least: bool = False

    def allows(self, value: float) -> bool:
        return value >= self.bound if self.at_least else value <= self.bound

    def __str__(self) -> str:
        return f"{'≥' if self.at_least else '≤'} {self.bound:g}"


QUICK: Final = MappingProxyType({
    "throughput_ratio_qps20": Budget(0.99, "ratio", at_least=True),
    "throughput_ratio_qps200": Budget(0.85, "ratio", at_least=True),
    "writes_per_run": Budget(3, "writes"),
    "events_per_run": Budget(1, "Events"),
    "operator_cpu_s_per_1000": Budget(8, "s"),
    "operator_rss_mb": Budget(250, "MB"),
    "etcd_bytes_per_run": Budget(4096, "bytes"),
    "runner_cpu_ms": Budget(150, "ms"),
    "runner_store_requests": Budget(4, "requests"),
    "import_cpu_ms": Budget(120, "ms"),
    "map_1000_seconds": Budget(3, "s"),
    "map_rate_ratio": Budget(0.8, "ratio", at_least=True),
})  # fmt: skip
"""What `make bench QUICK=1` measures, in the order of the table."""

LONG: Final = MappingProxyType({
    "submit_to_job_p50_ms": Budget(50, "ms"),
    "submit_to_job_p99_ms": Budget(500, "ms"),
    "decided_to_terminal_p50_ms": Budget(100, "ms"),
    "decided_to_terminal_p99_ms": Budget(500, "ms"),
    "restart_10000_live_seconds": Budget(10, "s"),
    "rss_60000_runs_mb": Budget(250, "MB"),
})  # fmt: skip
"""What `make bench` measures beyond that."""

BUDGETS: Final[Mapping[str, Budget]] = MappingProxyType({**QUICK, **LONG})


@dataclass(frozen=True)
class Result:
    """One figure. `value` is the median of `samples`, in `unit`."""

    name: str
    value: float
    unit: str
    baseline: float | None
    """What it is compared with, docs/benchmarks.md says of each what that is; None where nothing is."""
    ratio: float | None
    budget: float
    holds: bool
    samples: tuple[float, ...]


def result(
    name: str, measured: Samples, *, baseline: float | None = None, ratio: float | None = None
) -> Result:
    """The result of this name; without a `ratio` it is that of value and baseline.

    Raises KeyError for a name without a budget.
    """
    budget, value = BUDGETS[name], measured.median
    if ratio is None and baseline:
        ratio = value / baseline
    return Result(
        name, value, budget.unit, baseline, ratio, budget.bound, budget.allows(value), measured.values
    )


def write(results: Iterable[Result], path: Path) -> None:
    """As JSON: a list of objects with the fields of a Result."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [dataclasses.asdict(one) for one in results]
    path.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


def read(path: Path) -> list[Result]:
    rows = json.loads(path.read_text(encoding="utf-8"))
    return [Result(**{**row, "samples": tuple(row["samples"])}) for row in rows]
