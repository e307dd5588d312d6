"""A history that breaks one promise is told by one sentence; a good one by none."""

from __future__ import annotations

from dataclasses import replace

import pytest

from history.invariants import violations
from history.record import Blob, Claim, History, Job, Promise, Row, Run, Version

OPERATOR = "system:serviceaccount:ferryman:ferryman"
DIGEST = "a" * 64


def a_version(revision: int, phase: str, *ledger: Row, **changes) -> Version:
    base = changes.pop("base", None)
    return Version(revision, changes.pop("writer", OPERATOR), phase, base, phase, ledger=ledger, **changes)


def a_completed_run(**changes) -> Run:
    """It went straight through."""
    run = Run(
        name="report",
        uid="u",
        executions_allowed=4,
        revisions=frozenset({1, 12, 13}),
        versions=(
            a_version(12, "Running", Row(1, "j1")),
            a_version(13, "Completed", Row(1, "j1", "Succeeded")),
        ),
        promise=Promise(1, DIGEST, 7),
        jobs=(Job(1, "j1", "report-1", 11),),
        claims=(Claim(1, "j1"),),
        blobs=(Blob(1, DIGEST, 7),),
        events=1,
    )
    return replace(run, **changes)


def a_retried_run(**changes) -> Run:
    """Its first attempt failed."""
    first, second = Row(1, "j1", "Failed"), Row(2, "j2", "Succeeded")
    run = a_completed_run(
        versions=(
            a_version(12, "Running", Row(1, "j1")),
            a_version(13, "AwaitingRetry", first),
            a_version(15, "Running", first, Row(2, "j2")),
            a_version(16, "Completed", first, second),
        ),
        revisions=frozenset({1, 12, 13, 15, 16}),
        promise=Promise(2, DIGEST, 7),
        jobs=(Job(1, "j1", "report-1", 11), Job(2, "j2", "report-2", 14)),
        claims=(Claim(1, "j1"), Claim(2, "j2")),
        blobs=(Blob(1, "b" * 64, 3), Blob(2, DIGEST, 7)),
    )
    return replace(run, **changes)


def told(run: Run, **changes) -> list[str]:
    return violations(History(OPERATOR, (run,), **changes))


@pytest.mark.parametrize("run", [a_completed_run(), a_retried_run(), Run("unborn", "u", 4)])
def test_a_good_history_has_no_violations(run):
    assert told(run) == []


def test_a_claim_of_an_unknown_run():
    key = "ns/runs/other/1/claim"
    assert told(a_completed_run(), unknown_claims=(key,)) == [
        f"{key} claims an attempt of a run that nobody created"
    ]


def test_a_status_that_somebody_else_wrote():
    versions = (*a_completed_run().versions[:1], a_version(13, "Completed", writer="mallory"))
    assert told(a_completed_run(versions=versions)) == [
        f"report: mallory wrote its status, which only {OPERATOR} may"
    ]


def test_a_worker_may_say_that_it_has_an_attempt():
    running, done = a_completed_run().versions
    leased = replace(running, revision=12, writer="worker")
    run = a_completed_run(versions=(replace(running, revision=11), leased, done), jobs=())
    assert told(replace(run, claims=(), revisions=frozenset({1, 11, 12, 13}))) == []


def test_hooks_may_cost_writes_after_the_end():
    *_, done = a_completed_run().versions
    hooked = replace(done, revision=14, hooks='{"called": 1}')
    assert told(a_completed_run(versions=(*a_completed_run().versions, hooked))) == []


def test_a_gap_in_the_numbers():
    jobs = (Job(1, "j1", "report-1", 11), Job(3, "j3", "report-3", 14))
    versions = (
        a_version(12, "Running", Row(1, "j1")),
        a_version(13, "AwaitingRetry", Row(1, "j1", "Failed")),
    )
    assert "report: attempts [2] are missing before attempt 3" in told(
        a_completed_run(jobs=jobs, versions=versions)
    )


def test_two_jobs_for_one_attempt():
    jobs = (Job(1, "j1", "report-1", 11), Job(1, "j9", "report-1", 14))
    assert "report: 2 Jobs were created for attempt 1" in told(a_completed_run(jobs=jobs))


def test_a_ledger_with_another_job():
    jobs = (Job(1, "j9", "report-1", 11),)
    assert "report: the ledger has Job j1 for attempt 1, which is j9" in told(a_completed_run(jobs=jobs))


def test_an_attempt_that_began_before_the_last_one_was_recorded():
    jobs = (Job(1, "j1", "report-1", 10), Job(2, "j2", "report-2", 11))
    assert told(a_retried_run(jobs=jobs)) == [
        "report: the Job of attempt 2 (revision 11) came before the status that ended attempt 1 (revision 13)"
    ]


def test_an_attempt_after_one_that_never_ended():
    versions = (a_version(12, "Running", Row(1, "j1")),)
    assert told(a_retried_run(versions=versions)) == [
        "report: attempt 2 has a Job, and attempt 1 never ended"
    ]


def test_the_order_is_not_judged_where_a_write_is_missing_from_the_record():
    run = a_retried_run()
    ended = replace(run.versions[-1], base=999)
    jobs = (run.jobs[0], replace(run.jobs[1], revision=14))
    assert told(replace(run, jobs=jobs, versions=(run.versions[0], ended))) == []


def test_an_attempt_that_was_claimed_twice():
    assert told(a_completed_run(claims=(Claim(1, "j1"), Claim(1, "j1")))) == [
        "report: attempt 1 was claimed 2 times"
    ]


@pytest.mark.parametrize("stranger", ["j9", ""])
def test_a_claim_by_a_stranger(stranger):
    assert told(a_completed_run(claims=(Claim(1, stranger),))) == [
        f"report: attempt 1 was claimed by Job {stranger}, not by one of its own"
    ]


def test_an_earlier_attempts_pod_does_not_claim_a_later_one():
    assert told(a_retried_run(claims=(Claim(1, "j1"), Claim(2, "j1")))) == [
        "report: attempt 2 was claimed by Job j1, not by one of its own"
    ]


def test_a_later_attempt_may_claim_what_an_earlier_one_left():
    assert told(a_retried_run(claims=(Claim(1, "j2"), Claim(2, "j2")))) == []


def test_more_executions_than_the_budgets_allow():
    assert told(a_retried_run(executions_allowed=1)) == [
        "report: it was started 2 times, of 1 that its budgets allow"
    ]


def test_an_attempt_that_a_later_one_claimed_was_not_executed():
    assert told(a_retried_run(claims=(Claim(1, "j2"), Claim(2, "j2")), executions_allowed=1)) == []


def test_a_terminal_phase_that_changed():
    versions = (*a_completed_run().versions, a_version(14, "Failed", Row(1, "j1", "Succeeded")))
    assert "report: it was Completed and became Failed" in told(a_completed_run(versions=versions))


@pytest.mark.parametrize(
    ("before", "after"), [("Running", "Waiting"), ("Running", "Pending"), ("Pending", "Waiting")]
)
def test_a_step_that_nothing_may_cause(before, after):
    versions = (a_version(12, before, base=1), a_version(13, after, base=12))
    assert told(a_completed_run(versions=versions)) == [f"report: it went from {before} to {after}"]


def test_a_completed_run_without_a_result():
    assert told(a_completed_run(promise=None)) == ["report: it is Completed and has no result"]


def test_a_result_that_is_not_in_the_store():
    assert told(a_completed_run(blobs=())) == ["report: the result of attempt 1 is not in the store"]


@pytest.mark.parametrize("blob", [Blob(1, "b" * 64, 7), Blob(1, DIGEST, 8)])
def test_a_result_that_is_not_the_one_promised(blob):
    (sentence,) = told(a_completed_run(blobs=(blob,)))
    assert sentence == (
        f"report: its status promises 7 bytes with SHA-256 {DIGEST}, "
        f"and the store has {blob.size} with {blob.sha256}"
    )


def test_a_fourth_write():
    running, done = a_completed_run().versions
    again = replace(running, revision=14, message="so far")
    assert told(a_completed_run(versions=(running, again, replace(done, revision=15)))) == [
        "report: it succeeded at once and cost 4 writes instead of 3"
    ]


def test_a_write_that_says_what_was_said():
    first, *others = a_retried_run().versions
    versions = (first, replace(first, revision=12), *others)
    assert told(a_retried_run(versions=versions)) == ["report: revision 12 of its status says what 12 said"]


def test_a_second_event():
    assert told(a_completed_run(events=2)) == ["report: the operator wrote 2 Events about it"]


def test_a_pod_that_outlives_its_run():
    assert told(a_completed_run(alive=("pod report-1-x",))) == [
        "report: it is Completed, and there still are pod report-1-x"
    ]


def test_a_pod_of_a_run_that_goes_on_may_live():
    running = a_completed_run().versions[:1]
    assert told(a_completed_run(versions=running, promise=None, alive=("pod report-1-x",))) == []
