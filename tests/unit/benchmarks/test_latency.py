"""How long runs wait for the operator, from the requests that the audit log has."""

from __future__ import annotations

import pytest

from benchmarks import latency
from benchmarks.audit import Request


def request(verb: str, resource: str, name: str, answered: float) -> Request:
    return Request(verb, resource, "load", name, "somebody", 200, answered - 0.25, answered)


HISTORY = [
    request("create", "taskruns", "words-1", 10.0),
    request("create", "jobs", "words-1-1a2b3c4d-1", 11.0),
    request("update", "jobs/status", "words-1-1a2b3c4d-1", 12.0),
    request("patch", "taskruns/status", "words-1", 12.5),
    request("update", "jobs/status", "words-1-1a2b3c4d-1", 14.0),
    request("patch", "taskruns/status", "words-1", 14.5),
]


def test_a_run_waits_from_the_receipt_of_its_create_to_its_job():
    assert latency.submit_to_job(HISTORY) == [1.25]


def test_an_outcome_waits_from_the_last_status_of_the_job_to_that_of_the_run():
    assert latency.decided_to_terminal(HISTORY) == [0.5]


def test_a_percentile_lies_between_the_values():
    assert latency.percentile([0.0, 1.0], 99) == pytest.approx(0.99)
