"""`make e2e`: the end-to-end suite on a real Kubernetes, in the order in which tests may disturb each other.

Without FERRYMAN_TEST_KUBECONFIG it brings up the cluster of `make cluster`, which stays.
Arguments go to pytest.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

ROOT = Path(__file__).resolve().parents[1]
VARIABLE = "FERRYMAN_TEST_KUBECONFIG"
BIN = ROOT / "build" / "cluster" / "bin"

NOTHING_SELECTED = 5
"""pytest's exit code where -k, or a path, leaves a stage without a test."""

CACHING = "tests/integration/ferryman/test_caching.py"
SERVING = "tests/integration/ferryman/test_serving.py"
ON_BOTH = (
    f"{CACHING}::test_the_second_call_of_the_same_is_cached_and_has_no_job",
    f"{CACHING}::test_a_map_computes_what_is_not_shared_yet",
    f"{CACHING}::test_with_futures_among_the_arguments_the_runner_makes_the_key",
    f"{CACHING}::test_what_the_runner_shared_is_found_at_submit",
    f"{CACHING}::test_a_storage_key_is_the_key_and_the_name_of_the_result",
    "tests/integration/ferryman/test_examples.py",
    "tests/integration/ferryman/test_flows.py",
    "tests/integration/ferryman/test_log_streams.py",
    "tests/integration/ferryman/test_main_module.py",
    f"{SERVING}::test_a_warm_worker_executes_what_is_delayed",
    f"{SERVING}::test_a_killed_workers_run_goes_to_another",
    f"{SERVING}::test_hooks_of_a_run_whose_worker_was_killed_are_called_once_by_another",
    f"{SERVING}::test_hooks_of_a_cancelled_run_are_called_whether_it_had_begun_or_not",
    f"{SERVING}::test_a_cancelled_run_is_stopped_by_its_worker",
    f"{SERVING}::test_without_a_worker_the_run_says_how_to_start_one",
    f"{SERVING}::test_a_hundred_runs_survive_the_death_of_a_worker_and_of_the_operator",
    f"{SERVING}::test_a_served_task_shares_its_results",
    "tests/integration/ferryman/test_submit.py",
    "tests/integration/ferryman_operator/test_operator_is_killed.py",
)
"""Suites that run unchanged on the embedded cluster, where `make test` has them, and on a real one."""


@dataclass(frozen=True)
class Stage:
    """A run of pytest."""

    name: str
    arguments: tuple[str, ...]


STAGES = (
    # More workers than cores: most of a test's time is waiting for containers.
    Stage("side by side", ("tests/e2e", "-m", "not disturbing", "-n", "4", "--dist", "loadgroup")),
    Stage("on both clusters", ON_BOTH),
    Stage("one by one", ("tests/e2e", "-m", "disturbing")),
)


@dataclass(frozen=True)
class Outcome:
    """How many tests there were and what became of them."""

    stage: str
    counts: dict[str, int]
    seconds: float
    well: bool


def main() -> int:
    """Zero if every test of every stage passed."""
    environ = dict(os.environ)
    if VARIABLE not in environ:
        subprocess.run((sys.executable, "-m", "cluster", "up"), env=_with_tests(environ), check=True)
        environ[VARIABLE] = str(ROOT / "build" / "cluster" / "kubeconfig")
    environ["PATH"] = f"{environ['PATH']}:{BIN}"
    outcomes = [_run(stage, sys.argv[1:], environ) for stage in STAGES]
    print(*_table(outcomes), sep="\n")
    return 0 if all(outcome.well for outcome in outcomes) else 1


def _run(stage: Stage, more: list[str], environ: dict[str, str]) -> Outcome:
    print(f"--- {stage.name}: pytest {' '.join(stage.arguments)}", flush=True)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        told = Path(folder, "junit.xml")
        command = (
            sys.executable,
            "-m",
            "pytest",
            "--durations=5",
            f"--junitxml={told}",
            *stage.arguments,
            *more,
        )
        code = subprocess.run(command, cwd=ROOT, env=environ, check=False).returncode
        counts = _counts(told)
    return Outcome(stage.name, counts, time.monotonic() - began, code in (0, NOTHING_SELECTED))


def _counts(told: Path) -> dict[str, int]:
    if not told.exists():
        return {}
    (suite,) = ET.parse(told).getroot().iter("testsuite")  # noqa: S314 - pytest wrote it.
    counts = {word: int(suite.get(word, 0)) for word in ("tests", "failures", "errors", "skipped")}
    return {**counts, "passed": 2 * counts["tests"] - sum(counts.values())}


def _table(outcomes: list[Outcome]) -> list[str]:
    rows = [
        (one.stage, one.counts.get("passed", 0), _others(one.counts), f"{one.seconds:.0f} s")
        for one in outcomes
    ]
    total = sum(one.counts.get("passed", 0) for one in outcomes)
    rows.append(("in all", total, "", f"{sum(one.seconds for one in outcomes):.0f} s"))
    return ["", *("{:18} {:4} passed  {:28} {:>7}".format(*row) for row in rows)]


def _others(counts: dict[str, int]) -> str:
    return ", ".join(
        f"{counts[word]} {word}" for word in ("failures", "errors", "skipped") if counts.get(word)
    )


def _with_tests(environ: dict[str, str]) -> dict[str, str]:
    return {**environ, "PYTHONPATH": str(ROOT / "tests")}


if __name__ == "__main__":
    sys.exit(main())
