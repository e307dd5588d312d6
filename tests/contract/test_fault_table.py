"""The table of faults in docs/testing.md cites only tests that exist, and every test of a fault is in it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
_, _, TABLE = (ROOT / "docs" / "testing.md").read_text().partition("## Faults, and what becomes of a run")
ROWS = [line for line in TABLE.partition("\n## ")[0].splitlines() if line.startswith("|")][2:]
CITED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", "\n".join(ROWS))))
OF_FAULTS = ("test_deletions.py", "test_limits.py", "test_pods_that_do_not_start.py", "test_quotas.py")


@pytest.mark.parametrize(("path", "name"), CITED, ids=[name for _, name in CITED])
def test_the_test_that_is_cited_exists(path, name):
    assert re.search(rf"def {name}\(", (ROOT / path).read_text())


def test_every_row_says_what_was_observed_and_cites_its_test():
    short = [row for row in ROWS if len(cells := row.strip("| ").split(" | ")) != 3 or "::" not in cells[2]]
    assert ROWS
    assert short == []


def test_every_test_of_a_fault_is_in_the_table():
    folder = ROOT / "tests" / "e2e"
    files = [
        *(folder / "ferryman" / name for name in OF_FAULTS),
        *sorted((folder / "faults").glob("test_*.py")),
    ]
    tests = {
        (str(path.relative_to(ROOT)), name)
        for path in files
        for name in re.findall(r"^def (test_\w+)\(", path.read_text(), re.MULTILINE)
    }
    assert sorted(tests - set(CITED)) == []
