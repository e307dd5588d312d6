"""The table that people read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from benchmarks.machine import BUSY, Machine
from benchmarks.results import BUDGETS, Result
from benchmarks.samples import NOISY, Samples

BASELINES = {
    "throughput_ratio_qps20": "bare Jobs/s",
    "throughput_ratio_qps200": "bare Jobs/s",
    "runner_cpu_ms": "interpreter",
    "import_cpu_ms": "interpreter",
    "map_1000_seconds": "bare loop",
    "map_rate_ratio": "bare runs/s",
}
"""What the column `baseline` is of each figure that has one."""


HEADINGS = ("figure", "value", "baseline", "ratio", "budget", "holds", "spread")


def table(results: Iterable[Result]) -> Table:
    """A row for each result; 100 columns are enough for it."""
    made = Table(title="make bench", title_justify="left", title_style="bold", header_style="bold", box=None)
    for heading in HEADINGS:
        made.add_column(
            heading, justify="left" if heading in ("figure", "holds") else "right", no_wrap=True, min_width=6
        )
    for one in results:
        made.add_row(*_row(one))
    return made


def notes(results: Sequence[Result], machine: Machine) -> list[str]:
    """What a reader has to know to believe the table or not."""
    said = [str(machine)]
    if machine.busy > BUSY:
        said.append(f"Others used {machine.busy:.0%} of the machine: believe the ratios, not the seconds.")
    noisy = [one.name for one in results if Samples(one.samples).is_noisy]
    if noisy:
        said.append(f"Noisy, as samples lie more than {NOISY:.0%} of the median apart: {', '.join(noisy)}.")
    missed = [one.name for one in results if not one.holds]
    said.append(f"Missed: {', '.join(missed)}." if missed else "Every budget holds.")
    return said


def show(results: Sequence[Result], machine: Machine, console: Console) -> None:
    console.print(table(results))
    console.print()
    for line in notes(results, machine):
        console.print(line, highlight=False)


def _row(one: Result) -> tuple[str | Text, ...]:
    holds = Text("✓ yes", style="green") if one.holds else Text("✗ NO", style="bold red")
    spread = f"{Samples(one.samples).spread:.0%}" if len(one.samples) > 1 else ""
    value = f"{_number(one.value)} {'' if one.unit == 'ratio' else one.unit}".strip()
    baseline = (
        "" if one.baseline is None else f"{_number(one.baseline)} {BASELINES.get(one.name, '')}".strip()
    )
    ratio = "" if one.ratio is None else f"{one.ratio:.2f}"
    return (
        one.name, value, baseline, ratio, str(BUDGETS[one.name]), holds, spread,
    )  # fmt: skip


def _number(value: float) -> str:
    """With three digits that mean something."""
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"
