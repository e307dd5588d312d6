"""docs/bad-input.md cites only tests that exist, and every bad manifest is on it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "bad-input.md").read_text()
ROWS = [line for line in PAGE.splitlines() if re.match(r"\| \d+ \|", line)]
CITED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", "\n".join(ROWS))))
CASES = {
    case["id"]
    for path in (ROOT / "tests" / "fixtures" / "invalid").glob("*.yaml")
    for case in yaml.safe_load(path.read_text())
}

BEYOND_THE_SIXTY = {
    "ttl_of_two_years",
    "neither_blob_nor_entrypoint",
    "both_blob_and_entrypoint",
    "entrypoint_without_colon",
    "entrypoint_with_shell",
    "both_argument_blob_and_values",
    "range_of_nothing",
    "values_as_list",
    "start_at_that_is_no_moment",
    "unknown_phase",
    "one_attempt_twice",
}


def test_the_page_has_all_sixty():
    assert [int(line.split("|")[1]) for line in ROWS] == list(range(1, 61))


@pytest.mark.parametrize(("path", "name"), CITED, ids=[f"{Path(path).stem}-{name}" for path, name in CITED])
def test_the_test_that_is_cited_exists(path, name):
    assert re.search(rf"def {name}\(", (ROOT / path).read_text())


@pytest.mark.parametrize("line", ROWS, ids=[line.split("|")[1].strip() for line in ROWS])
def test_every_row_has_a_test(line):
    cited = line.split("|")[4]
    named = set(re.findall(r"`(\w+)`", cited))
    assert named <= CASES
    assert named or "::" in cited


def test_every_bad_manifest_is_on_the_page_or_beyond_it():
    assert {name for name in CASES if f"`{name}`" not in PAGE} == BEYOND_THE_SIXTY
