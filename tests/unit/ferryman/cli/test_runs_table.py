from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from rich.console import Console

from ferryman.cli import lengths
from ferryman.cli.runs_table import Row, reason, table

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def a_run(
    name="report-1", phase="Completed", reason="Completed", message="", minutes_old=5, spec=None, **status
):
    created = (NOON - timedelta(minutes=minutes_old)).strftime("%Y-%m-%dT%H:%M:%SZ")
    condition = {"type": "Succeeded", "status": "Unknown", "reason": reason, "message": message}
    return {
        "metadata": {"name": name, "namespace": "default", "creationTimestamp": created},
        "spec": {"task": {"name": "report"}, "retry": {"retries": 2}, **(spec or {})},
        "status": {"phase": phase, "conditions": [condition], **status},
    }


def lines(*runs, with_namespace=False, width=None):
    with Path(os.devnull).open("w") as nowhere:
        console = Console(width=width or 1000, record=True, file=nowhere)
        console.print(table(map(Row.of, runs), NOON, with_namespace=with_namespace, width=width))
    return [line.rstrip() for line in console.export_text().splitlines()]


def drawn(*runs, with_namespace=False):
    return [line.split() for line in lines(*runs, with_namespace=with_namespace)]


def test_a_finished_run_shows_how_long_it_took():
    run = a_run(
        startedAt="2026-11-22T11:56:00Z",
        finishedAt="2026-11-22T11:57:30Z",
        attempts=[{"number": 1, "jobName": "j"}],
    )
    header, row = drawn(run)
    assert header == ["NAME", "TASK", "PHASE", "ATTEMPTS", "AGE", "DURATION", "REASON"]
    assert row == ["report-1", "report", "Completed", "1/3", "5m", "1m30s"]


def test_a_run_that_has_not_started_has_no_duration():
    _, row = drawn(a_run(phase="Pending", reason=""))
    assert row == ["report-1", "report", "Pending", "0/3", "5m", "-"]


def test_a_failure_says_why_in_one_line():
    _, row = drawn(a_run(phase="Failed", reason="UserException", message="ValueError:\nno such day"))
    assert row[-5:] == ["UserException:", "ValueError:", "no", "such", "day"]


def test_the_newest_run_comes_first():
    _, first, second = drawn(a_run("old", minutes_old=9), a_run("new", minutes_old=1), with_namespace=True)
    assert (first[:2], second[:2]) == (["default", "new"], ["default", "old"])


def test_a_run_that_is_being_cancelled_says_so():
    _, row = drawn(a_run(phase="Running", reason="Running", spec={"cancelRequested": True}))
    assert row[2] == "Cancelling"


FAILED = a_run("a-rather-long-name-of-a-run", phase="Failed", reason="UserException", message="no-day-" * 9)


@pytest.mark.parametrize(
    ("width", "header", "row"),
    [
        (
            120,
            ["NAME", "TASK", "PHASE", "ATTEMPTS", "AGE", "DURATION", "REASON"],
            "a-rather-long-name-of-a-run  report  Failed       0/3   5m         -  UserException: no-day-no-day-no-day-no-day-no-day…",
        ),
        (
            80,
            ["NAME", "PHASE", "ATTEMPTS", "AGE", "REASON"],
            "a-rather-long-name-of-a-run  Failed       0/3   5m  UserException: no-day-no-da…",
        ),
        (60, ["NAME", "PHASE", "REASON"], "a-rather-long-name-of-a-run  Failed  UserException: no-day-…"),
        (44, ["NAME", "PHASE", "REASON"], "a-rather-long-name-of-a-run  Failed  UserEx…"),
        (40, ["NAME", "PHASE"], "a-rather-long-name-of-a-run  Failed"),
    ],
)
def test_a_narrow_terminal_leaves_columns_out_and_then_cuts_the_reason(width, header, row):
    top, line = lines(FAILED, width=width)
    assert top.split() == header
    assert line == row


def test_a_name_is_never_cut():
    _, *rows = lines(FAILED, width=24)
    assert "".join(row.split()[0] for row in rows) == "a-rather-long-name-of-a-run"


def test_a_pipe_gets_a_line_for_each_run_however_long():
    run = a_run(
        "x" * 63,
        phase="Failed",
        reason="UserException",
        message="y " * 60,
        spec={"task": {"name": "z" * 200}},
    )
    assert len(lines(run)) == 2


def test_brackets_in_a_message_are_no_markup():
    _, row = lines(a_run(phase="Failed", reason="UserException", message="[/etc/x] [red]gone"))
    assert row.endswith("UserException: [/etc/x] [red]gone")


def test_a_long_message_is_cut():
    row = Row.of(a_run(phase="Failed", reason="UserException", message="x" * 500))
    assert len(reason(row.run)) < 150


@pytest.mark.parametrize(
    ("seconds", "want"),
    [
        (0.04, "0.0s"),
        (9.94, "9.9s"),
        (42, "42s"),
        (190, "3m10s"),
        (18000, "5h"),
        (93600, "1d2h"),
        (-3, "0.0s"),
    ],
)
def test_lengths_are_for_people(seconds, want):
    assert lengths.render(timedelta(seconds=seconds)) == want
