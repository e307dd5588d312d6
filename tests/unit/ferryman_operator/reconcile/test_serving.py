"""What the operator decides about a served run, one observation at a time."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from builders.runs import RETURNED, SHA, T0, WORLD, a_run
from ferryman.api.phases import Phase
from ferryman.api.reasons import Reason
from ferryman.api.runner_contract import Report, ResultRef, encode_report
from ferryman.api.taskrun import Attempt, Lease
from ferryman_operator.reconcile import outcome
from ferryman_operator.reconcile.observed import Renewal
from ferryman_operator.reconcile.plan import Look

DURATION = 15


def a_lease(attempt=1, token="token-a", **fields):
    return Lease(
        **{
            "worker": "worker-1",
            "token": token,
            "attempt": attempt,
            "acquired_at": T0,
            "duration_seconds": DURATION,
            **fields,
        }
    )


def a_served_run():
    return a_run().that(executor="Worker")


def a_running_one(reason=None, **lease):
    """A worker has it, and the ledger has the row."""
    row = Attempt(number=1, job_uid="token-a", worker="worker-1", started_at=T0, reason=reason)
    return a_served_run().with_status(
        phase=Phase.RUNNING, lease=a_lease(**lease), attempts=[row], attempt_count=1, started_at=T0
    )


def seen_renewed(run, seen, looked=None):
    moments = (T0 + timedelta(seconds=one) for one in (seen, seen if looked is None else looked))
    return run._seeing(renewal=Renewal(*moments))


def reason_of(plan):
    return plan.status.conditions[0].reason


def a_report(reason, attempt=1, result=None):
    return encode_report(Report(a_run().uid, attempt, reason, result=result)).decode()


def test_a_new_run_costs_nothing_while_a_worker_may_take_it():
    plan = a_served_run().at(seconds=1).plan
    assert plan.is_quiet
    assert plan.wake_at == T0 + timedelta(seconds=5)


def test_a_run_that_nobody_takes_says_which_command_starts_a_worker():
    plan = a_served_run().at(seconds=6).plan
    assert (reason_of(plan), plan.status.phase) == (Reason.WAITING_FOR_WORKER, Phase.WAITING)
    assert "ferryman serve reports:build" in plan.status.conditions[0].message
    assert plan.create is None


def test_the_command_names_the_store_where_that_is_another_one():
    world = replace(WORLD, stores={"archive": WORLD.stores["default"]})
    plan = a_served_run().with_result(store="archive").in_world(world).at(seconds=6).plan
    assert plan.status.conditions[0].message.endswith("ferryman serve reports:build --store archive")


def test_the_next_attempt_is_offered_at_once_when_it_is_due():
    plan = a_served_run().after_failures(Reason.USER_EXCEPTION).plan
    assert plan.status.offered_attempt == 2


def test_no_attempt_is_offered_before_its_delay_is_over():
    waiting = a_served_run().after_failures(Reason.USER_EXCEPTION, not_before=timedelta(minutes=1))
    assert waiting.plan.is_quiet


def test_a_claim_is_told_only_when_it_lasts():
    claimed = a_served_run().with_status(lease=a_lease())
    assert claimed.at(milliseconds=100).plan.is_quiet
    plan = claimed.at(seconds=1).plan
    assert plan.status.attempts == [Attempt(number=1, job_uid="token-a", worker="worker-1", started_at=T0)]


def test_a_claim_of_a_worker_whose_clock_is_ahead_is_told_at_once():
    ahead = a_served_run().with_status(lease=a_lease(acquired_at=T0 + timedelta(hours=1)))
    assert ahead.plan.status.phase is Phase.RUNNING


def test_a_lease_is_looked_at_before_it_is_judged():
    assert a_running_one().at(hours=1).plan.looks == {Look.LEASE}


def test_a_renewed_lease_is_left_alone():
    plan = seen_renewed(a_running_one(), seen=58, looked=58).at(seconds=60).plan
    assert plan.is_quiet
    assert plan.wake_at == T0 + timedelta(seconds=58 + DURATION / 3)


def test_a_lease_that_was_not_renewed_is_lost():
    plan = seen_renewed(a_running_one(), seen=1, looked=16).at(seconds=17).plan
    (row,) = plan.status.attempts
    assert (row.reason, plan.status.lease, plan.status.infrastructure_retries_used) == ("WorkerLost", None, 1)


def test_a_report_counts_even_if_the_lease_has_run_out():
    report = a_report(Reason.COMPLETED, result=ResultRef(SHA, 12, "json"))
    plan = seen_renewed(a_running_one(report=report), seen=1, looked=60).at(seconds=61).plan
    assert (plan.status.phase, plan.status.result.sha256, plan.status.lease) == (Phase.COMPLETED, SHA, None)


@pytest.mark.parametrize("text", ["", "{}", "nonsense", a_report(Reason.USER_EXCEPTION, attempt=2)])
def test_a_report_that_cannot_be_believed_is_the_infrastructures_failure(text):
    assert outcome.of_report(a_run().uid, 1, text).reason is Reason.INVALID_RUNNER_REPORT


@pytest.mark.parametrize("reason", sorted(outcome.NOT_A_RUNNERS))
def test_what_only_the_operator_can_know_is_not_believed(reason):
    text = a_report(reason)
    assert outcome.of_report(a_run().uid, 1, text).reason is Reason.INVALID_RUNNER_REPORT


def test_a_success_without_a_result_is_not_believed():
    assert RETURNED.result is not None
    found = outcome.of_report(a_run().uid, 1, a_report(Reason.COMPLETED))
    assert found.reason is Reason.INVALID_RUNNER_REPORT


def test_a_cancelled_run_that_nobody_has_ends_at_once():
    plan = a_served_run().that_is_cancelled().plan
    assert plan.status.phase is Phase.CANCELLED


def test_the_worker_of_a_cancelled_run_is_told_to_stop():
    plan = seen_renewed(a_running_one().that_is_cancelled(), seen=1).at(seconds=2).plan
    (row,) = plan.status.attempts
    assert (row.reason, reason_of(plan)) == ("Cancelled", "Cancelling")
    assert plan.status.lease.stop_by == T0 + timedelta(seconds=62)


def stopped(**fields):
    run = a_running_one(reason="DeadlineExceeded", stop_by=T0 + timedelta(seconds=60), **fields)
    return run.that(deadline="1s")


def test_a_stopped_attempt_ends_for_the_reason_it_was_stopped_for():
    plan = stopped(report=a_report(Reason.RUNNER_KILLED)).at(seconds=10).plan
    assert (plan.status.phase, reason_of(plan)) == (Phase.TIMED_OUT, "DeadlineExceeded")


def test_a_worker_that_does_not_stop_is_not_waited_for_for_ever():
    assert seen_renewed(stopped(), seen=58).at(seconds=59).plan.is_quiet
    plan = seen_renewed(stopped(), seen=60).at(seconds=61).plan
    assert (plan.status.phase, plan.status.lease) == (Phase.TIMED_OUT, None)


@pytest.mark.parametrize(
    "run",
    [
        a_served_run().with_status(lease=a_lease(attempt=2)),
        a_served_run().that(start_at=T0).with_status(lease=a_lease()),
    ],
)
def test_a_lease_that_nobody_was_entitled_to_is_taken_away(run):
    plan = run.plan
    assert plan.status.lease is None
    assert plan.status.attempts == []


@pytest.mark.parametrize("lease", [None, a_lease(token="token-b")])
def test_an_attempt_whose_lease_somebody_changed_is_lost(lease):
    plan = a_running_one().with_status(lease=lease).plan
    assert (plan.status.attempts[0].reason, plan.status.lease) == ("WorkerLost", None)
