"""What a burst of runs is made of, from the requests that the audit log has of it."""

from __future__ import annotations

import pytest

from benchmarks import throughput
from benchmarks.audit import Request
from benchmarks.operator_process import ACCOUNT

ADMIN = "admin"


def request(verb: str, resource: str, at: float, *, user: str = ACCOUNT, name: str = "a", code: int = 200):
    return Request(verb, resource, "load", name, user, code, at, at + 0.5)


def a_run() -> list[Request]:
    return [
        request("create", "taskruns", 10.0, user=ADMIN),
        request("get", "taskruns", 10.5),
        request("create", "jobs", 11.0),
        request("create", "pods", 11.5, user="system:serviceaccount:kube-system:job-controller"),
        request("patch", "taskruns/status", 12.0),
        request("patch", "taskruns/status", 14.0),
    ]


def test_it_lasts_from_the_first_submission_to_the_last_end():
    assert throughput.burst(a_run(), "taskruns", 1, cpu={}).seconds == 4.5


def test_the_operators_writes_are_counted_and_nobody_elses():
    assert throughput.burst(a_run(), "taskruns", 1, cpu={}).writes == 3


def test_a_write_that_was_refused_was_a_write():
    requests = [*a_run(), request("patch", "taskruns/status", 15.0, code=409)]
    assert throughput.burst(requests, "taskruns", 1, cpu={}).writes == 4


def test_events_are_counted_by_themselves():
    requests = [*a_run(), request("create", "events", 15.0)]
    found = throughput.burst(requests, "taskruns", 1, cpu={})
    assert (found.writes, found.events) == (3, 1)


def test_a_run_that_the_log_does_not_end_is_an_error():
    with pytest.raises(ValueError, match="2 taskruns: the audit log has 1 creations, 1 ends"):
        throughput.burst(a_run(), "taskruns", 2, cpu={})


def test_the_rate_is_what_ended_per_second():
    assert throughput.burst(a_run(), "taskruns", 1, cpu={}).rate == pytest.approx(1 / 4.5)


def test_a_run_that_failed_is_no_sample():
    run = {"metadata": {"name": "a"}, "status": {"phase": "Crashed"}}
    with pytest.raises(throughput.NotCompleted, match="a is Crashed"):
        throughput.run_has_completed(run)


def test_cpu_is_told_per_thousand():
    found = throughput.burst(a_run(), "taskruns", 1, cpu={"operator": 0.006})
    assert found.cpu_per_1000 == {"operator": 6.0}


def test_where_the_cpu_went_is_told_from_the_most_to_the_least():
    cpu = {"etcd": 0.002, "operator": 0.006, "object-store": 0.0}
    assert throughput.account(throughput.burst(a_run(), "taskruns", 1, cpu)) == "operator 6.0, etcd 2.0"
