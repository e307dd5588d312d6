"""The results of `make bench`: their schema, their budgets, and the table that people read."""

from __future__ import annotations

import io
import json
from pathlib import Path

import jsonschema
import pytest
from rich.console import Console

from benchmarks import report, results, samples
from benchmarks.machine import Machine
from benchmarks.results import QUICK, Result

NAMES = [
    "throughput_ratio_qps20",
    "throughput_ratio_qps200",
    "writes_per_run",
    "events_per_run",
    "operator_cpu_s_per_1000",
    "operator_rss_mb",
    "etcd_bytes_per_run",
    "runner_cpu_ms",
    "runner_store_requests",
    "import_cpu_ms",
    "map_1000_seconds",
    "map_rate_ratio",
]
FIELDS = {
    "name": {"enum": list(results.BUDGETS)},
    "value": {"type": "number"},
    "unit": {"type": "string", "minLength": 1},
    "baseline": {"type": ["number", "null"]},
    "ratio": {"type": ["number", "null"]},
    "budget": {"type": "number"},
    "holds": {"type": "boolean"},
    "samples": {"type": "array", "items": {"type": "number"}, "minItems": 1},
}
SCHEMA = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": FIELDS,
        "required": list(FIELDS),
        "additionalProperties": False,
    },
}


def made_up() -> list[Result]:
    """A result of every name; the figures are nobody's."""
    return [
        results.result(name, samples.of([budget.bound * 1.5, budget.bound * 2]), baseline=1234.5)
        for name, budget in results.BUDGETS.items()
    ]


def machine(busy: float = 0.0) -> Machine:
    return Machine(cores=2, processor="Some Processor @ 2.5GHz", python="3.11.2", busy=busy)


def printed(found: list[Result], busy: float = 0.0) -> str:
    text = io.StringIO()
    report.show(found, machine(busy), Console(width=100, color_system=None, file=text))
    return text.getvalue()


def test_the_quick_figures_are_those_that_were_agreed_on():
    assert list(QUICK) == NAMES


def test_the_file_has_the_schema_that_was_agreed_on(tmp_path: Path):
    results.write(made_up(), tmp_path / "bench" / "results.json")
    jsonschema.validate(json.loads((tmp_path / "bench" / "results.json").read_text()), SCHEMA)


def test_what_is_written_can_be_read(tmp_path: Path):
    results.write(made_up(), tmp_path / "results.json")
    assert results.read(tmp_path / "results.json") == made_up()


def test_a_figure_without_a_budget_is_refused():
    with pytest.raises(KeyError, match="of_my_own"):
        results.result("of_my_own", samples.of([1.0]))


@pytest.mark.parametrize("name", NAMES)
def test_a_figure_at_its_budget_holds(name: str):
    assert results.result(name, samples.of([QUICK[name].bound])).holds


@pytest.mark.parametrize("name", NAMES)
def test_a_figure_on_the_wrong_side_of_its_budget_does_not_hold(name: str):
    budget = QUICK[name]
    wrong = budget.bound * (0.9 if budget.at_least else 1.1)
    assert not results.result(name, samples.of([wrong])).holds


def test_the_ratio_is_that_of_value_and_baseline():
    assert results.result("runner_cpu_ms", samples.of([90.0]), baseline=30.0).ratio == 3.0


def test_the_table_fits_into_a_hundred_columns_with_every_name():
    text = printed(made_up())
    assert all(name in text for name in results.BUDGETS)
    assert "…" not in text


def test_the_table_says_in_words_what_holds():
    rows = {line.split()[0]: line for line in printed(made_up()).splitlines() if line.split()}
    assert "yes" in rows["throughput_ratio_qps20"]
    assert "NO" in rows["runner_cpu_ms"]


def test_a_machine_that_others_use_is_told():
    assert "Others used 40% of the machine" in printed(made_up(), busy=0.4)


def test_figures_whose_samples_disagree_are_told():
    noisy = [results.result("import_cpu_ms", samples.of([20.0, 40.0]))]
    assert "Noisy, as samples lie more than 25% of the median apart: import_cpu_ms." in printed(noisy)
