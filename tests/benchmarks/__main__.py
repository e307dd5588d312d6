"""`python -m benchmarks [--quick]`: measure, print the table, write the results as JSON."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console

from benchmarks import latency, machine, quick, report, results, scale, testbed
from benchmarks.operator_process import Operator
from benchmarks.results import Result
from benchmarks.testbed import Testbed
from cluster.paths import ROOT

RESULTS = ROOT / "build" / "bench" / "results.json"


def main() -> None:
    arguments = _parser().parse_args()
    testbed.bring_up()
    found, began = machine.look(), time.monotonic()
    with testbed.opened() as bed, Operator(arguments.profile) as operator:
        measured = list(_told(quick.measure(bed, operator)))
        if not arguments.quick:
            measured += _told(_beyond(bed, operator, arguments))
    measured.sort(key=_place)
    results.write(measured, arguments.results)
    report.show(measured, found, Console(width=100))
    print(f"Measured in {time.monotonic() - began:.0f} s; {arguments.results} has every sample.")


def _beyond(bed: Testbed, operator: Operator, arguments: argparse.Namespace) -> Iterator[Result]:
    # The maps left thousands of runs that nobody has served yet.
    bed.clear()
    operator.start()
    yield from latency.measure(bed, arguments.rate, arguments.paced)
    yield from scale.measure(bed, operator, live=arguments.live, finished=arguments.finished)


def _told(measured: Iterator[Result]) -> Iterator[Result]:
    """Each result, and a line about it as soon as it is there."""
    for one in measured:
        print(f"{one.name}: {one.value:.4g} {one.unit}", flush=True)
        yield one


def _place(one: Result) -> int:
    return list(results.BUDGETS).index(one.name)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="at most five minutes")
    parser.add_argument(
        "--rate", type=float, default=15.0, help="runs a second for latencies: half of the full load"
    )
    parser.add_argument("--paced", type=int, default=600, help="how many of them")
    parser.add_argument("--live", type=int, default=10_000, help="runs that live when the operator restarts")
    parser.add_argument(
        "--finished", type=int, default=50_000, help="runs that are over when memory is measured"
    )
    parser.add_argument("--results", type=Path, default=RESULTS, help="where the JSON goes")
    parser.add_argument("--profile", default="", metavar="FILE", help="run the operator under cProfile")
    return parser


if __name__ == "__main__":
    main()
