from __future__ import annotations

from datetime import UTC, datetime, timedelta

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


def drawn(*runs, with_namespace=False, width=200):
    console = Console(width=width, record=True, file=open("/dev/null", "w"))
    console.print(table(map(Row.of, runs), NOON, with_namespace=with_namespace, console_is_terminal=False))
    console.file.close()
    return [line.split() for line in console.export_text().splitlines()]


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


def test_a_narrow_terminal_costs_nothing_but_the_reason():
    run = a_run(
        "a-rather-long-name-of-a-run", phase="AwaitingRetry", reason="AwaitingRetry", message="x" * 99
    )
    _, row, *_ = drawn(run, width=80)
    assert row[:5] == ["a-rather-long-name-of-a-run", "report", "AwaitingRetry", "0/3", "5m"]


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
