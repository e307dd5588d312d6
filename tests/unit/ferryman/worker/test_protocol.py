"""Which runs a worker may claim, what it writes, and what it is told."""

from __future__ import annotations

import json

import pytest

from builders.served_runs import ENTRYPOINT, SHA, a_served_run
from ferryman.api.reasons import Reason
from ferryman.api.runner_contract import EarlierAttempt, decode_report
from ferryman.worker import protocol
from ferryman.worker.protocol import Claim, Standing

CLAIM = Claim("letter", "uid-of-letter", 1, "token-a")


def may_claim(run, store="default"):
    return protocol.attempt_to_claim(run.json, {ENTRYPOINT}, store)


def test_a_new_run_is_free_to_claim():
    assert may_claim(a_served_run()) == 1


@pytest.mark.parametrize(
    "run",
    [
        a_served_run().that(executor="Job"),
        a_served_run().that(function={"entrypoint": "mail:other"}),
        a_served_run().that(dependsOn=[{"name": "first"}]),
        a_served_run().that(startAt="2026-11-22T12:00:00Z"),
        a_served_run().that(cancelRequested=True),
        a_served_run().that(result={"store": "another"}),
        a_served_run().that(result={"hit": {"sha256": SHA}}),
        a_served_run().with_status(phase="Completed"),
        a_served_run().with_metadata(deletionTimestamp="2026-11-22T12:00:00Z"),
        a_served_run().claimed_by("another", "token-b"),
        a_served_run().after_failures(1),
        a_served_run().after_failures(1).offered(1),
    ],
)
def test_what_is_not_free_to_claim(run):
    assert may_claim(run) is None


@pytest.mark.parametrize(
    "run", [a_served_run().that(dependsOn=[{"name": "first"}]), a_served_run().that(startAt="2026-11-22")]
)
def test_what_waits_is_free_once_it_is_offered(run):
    assert may_claim(run.offered(1)) == 1


def test_a_run_is_for_the_workers_of_its_store():
    run = a_served_run().that(result={"store": "archive"})
    assert (may_claim(run), may_claim(run, "archive")) == (None, 1)
    assert may_claim(a_served_run(), "archive") is None


def test_a_later_attempt_is_free_once_it_is_offered():
    assert may_claim(a_served_run().after_failures(2).offered(3)) == 3


def test_a_claim_carries_the_version_that_was_seen():
    patch = protocol.claim_patch(a_served_run(version="41").json, CLAIM, "worker-1", 15, 0.0)
    assert patch["metadata"] == {"uid": "uid-of-letter", "resourceVersion": "41"}
    assert patch["status"]["lease"]["token"] == "token-a"


def test_a_report_is_refused_for_another_claim():
    operations = protocol.report_patch(CLAIM, b"{}")
    assert [one["op"] for one in operations] == ["test", "test", "add"]
    assert operations[1] == {"op": "test", "path": "/status/lease/token", "value": "token-a"}


def marked(run, token):
    return run.with_status(attempts=[{"number": 1, "jobUID": token, "reason": "DeadlineExceeded"}])


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        (a_served_run().claimed_by("worker-1", "token-a"), Standing.HELD),
        (a_served_run().claimed_by("worker-1", "token-a").that(cancelRequested=True), Standing.STOP),
        (marked(a_served_run().claimed_by("worker-1", "token-a"), "token-a"), Standing.STOP),
        (a_served_run().claimed_by("worker-2", "token-b"), Standing.LOST),
        (a_served_run(), Standing.LOST),
        (a_served_run().claimed_by("worker-1", "token-a").with_status(phase="Cancelled"), Standing.LOST),
        (a_served_run().claimed_by("worker-1", "token-a").with_metadata(uid="another"), Standing.LOST),
    ],
)
def test_what_a_run_says_to_the_worker_that_has_it(run, expected):
    assert protocol.standing(run.json, CLAIM) is expected


def test_an_assignment_knows_the_ledger_and_what_may_follow():
    run = a_served_run().after_failures(2).offered(3).that(timeout="90s")
    found = protocol.assignment(run.json, Claim("letter", "uid-of-letter", 3, "token-c"), "worker-1")
    assert (found.attempt, found.entrypoint, found.timeout, found.retries_left) == (3, ENTRYPOINT, 90, True)
    assert found.earlier == (EarlierAttempt(1, "token-1"), EarlierAttempt(2, "token-2"))


def test_fields_of_a_newer_version_are_no_reason_to_refuse_a_run():
    run = a_served_run().that(invented="later").with_status(invented="later")
    assert protocol.assignment(run.json, CLAIM, "worker-1").task == "send"


def test_a_run_that_cannot_be_read_is_a_value_error():
    with pytest.raises(ValueError, match="cannot read the run"):
        protocol.assignment(a_served_run().that(timeout="soon").json, CLAIM, "worker-1")


def test_an_upstream_is_told_with_its_digest():
    status = {
        "phase": "Completed",
        "result": {"sha256": SHA, "size": 3, "attempt": 2, "serializer": "json"},
    }
    found = protocol.upstream(a_served_run("first").with_status(**status).json)
    assert (found.name, found.attempt, found.sha256, found.completed) == ("first", 2, SHA, True)


def test_a_report_of_a_worker_is_a_runners():
    report = decode_report(protocol.report(CLAIM, Reason.RUNNER_KILLED, "why").decode())
    assert (report.uid, report.attempt, report.reason) == ("uid-of-letter", 1, Reason.RUNNER_KILLED)


def test_a_selector_names_each_task_once():
    selector = protocol.selector(["mail:send", "mail:sort"])
    assert selector == "ferryman.dev/served in (mail.send,mail.sort)"


def test_a_lease_is_json_with_times_that_kubernetes_takes():
    lease = json.loads(json.dumps(protocol.lease("worker-1", "default", 15, 0.5)))
    assert lease["spec"]["renewTime"] == "1970-01-01T00:00:00.500000Z"
    assert lease["spec"]["holderIdentity"] == "worker-1"
