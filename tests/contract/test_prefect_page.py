"""The page for people who come from Prefect has every option and method, and knows what is not there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import ferryman
from ferryman import Flow, Task, cache_policies
from ferryman.flows import FlowKeywords
from ferryman.options import TaskKeywords
from ferryman.states import _NAMED as STATES

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "prefect.md").read_text()
VERDICTS = {"same", "better", "different", "no", ""}
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.splitlines()
    if line.startswith("| ") and not line.startswith("| feature ")
]
SAID = {word for code in re.findall(r"`([^`]+)`", PAGE) for word in re.findall(r"\w+", code)}


def public(kind: type) -> set[str]:
    return {name for name in dir(kind) if not name.startswith("_")}


def test_every_option_is_on_the_page():
    assert {*TaskKeywords.__annotations__, *FlowKeywords.__annotations__} - SAID == set()


def test_every_method_and_attribute_is_on_the_page():
    # What a flow adds and Prefect's users do not look for.
    own = {"is_flow"}
    assert (public(Task) | public(Flow)) - own - SAID == set()


def test_every_state_is_on_the_page():
    assert set(STATES) - SAID == set()


def test_every_cache_policy_is_on_the_page():
    assert {name for name in cache_policies.__all__ if name.isupper()} - SAID == set()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_every_row_has_a_verdict_and_what_is_not_the_same_a_reason(row):
    assert len(row) == 3
    assert row[1] in VERDICTS
    assert row[2] or row[1] in ("same", "no")


def test_what_the_page_calls_absent_is_absent():
    absent = {word for row in ROWS if row[1] == "no" for word in re.findall(r"`([a-z_]+)`", row[0])}
    assert {"asset_deps", "on_running"} <= absent
    assert absent & {*TaskKeywords.__annotations__, *public(Task), *ferryman.__all__} == set()
