"""State in, plan out: the rules of a run's life, one situation at a time."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from builders.runs import (
    CANNOT_BE_SCHEDULED,
    CANNOT_PULL,
    COMPLETE,
    FAILED,
    IS_OUT_OF_REACH,
    IS_RUNNING,
    IS_STOPPING,
    OOM_KILLED,
    OTHER_UID,
    RAISED,
    RETURNED,
    SHA,
    SHARED,
    STOPPED,
    T0,
    WORLD,
    a_run,
    reports,
)
from ferryman.api.phases import Outcome, Phase
from ferryman.api.reasons import Reason
from ferryman.api.taskrun import Function, Result, TaskRunStatus
from ferryman_operator.reconcile.observed import RefusalKind
from ferryman_operator.reconcile.plan import DeleteJob, Look, Plan

U, N = Reason.USER_EXCEPTION, Reason.NODE_LOST
RUN = frozenset({Look.RUN})
PODS = frozenset({Look.PODS})
RUN_AND_PODS = RUN | PODS


def ended_as(plan: Plan) -> tuple[Phase, str]:
    assert plan.status is not None, plan
    return plan.status.phase, plan.status.conditions[0].reason


def message_of(plan: Plan) -> str:
    assert plan.status is not None, plan
    return plan.status.conditions[0].message


class TestANewRun:
    def test_is_read_once_more_before_its_job_is_created(self):
        assert a_run().plan == Plan(looks=frozenset({Look.RUN_ALONE}))

    def test_gets_its_job_and_no_status(self):
        plan = a_run().confirmed().plan
        assert (plan.create.attempt, plan.status) == (1, None)

    def test_that_is_being_deleted_is_left_to_garbage_collection(self):
        assert a_run().being_deleted().plan == Plan()

    def test_that_does_not_fit_the_schema_fails(self):
        plan = a_run().that_is_invalid("spec.task: missing").confirmed().without_pods().plan
        assert ended_as(plan) == (Phase.FAILED, "InvalidSpec")
        assert message_of(plan) == "spec.task: missing"

    def test_whose_rules_contradict_each_other_fails(self):
        plan = a_run().that(function=Function()).confirmed().without_pods().plan
        assert ended_as(plan) == (Phase.FAILED, "InvalidSpec")

    def test_that_depends_on_itself_fails(self):
        run = a_run().called("me").depending_on("me")
        assert ended_as(run.confirmed().without_pods().plan) == (Phase.FAILED, "InvalidSpec")

    def test_whose_store_nobody_knows_fails(self):
        plan = a_run().with_result(store="moon").confirmed().without_pods().plan
        assert ended_as(plan) == (Phase.FAILED, "StoreNotConfigured")
        assert "'moon'" in message_of(plan)

    def test_that_was_cancelled_before_it_began_gets_no_job(self):
        plan = a_run().that_is_cancelled().confirmed().without_pods().plan
        assert ended_as(plan) == (Phase.CANCELLED, "Cancelled")
        assert plan.create is None

    def test_ends_without_a_job_only_after_a_look_at_what_there_is(self):
        assert a_run().that_is_cancelled().plan == Plan(looks=RUN_AND_PODS)
        hidden = a_run().on_attempt(1).that_is_invalid("spec").confirmed()
        assert hidden.whose_pod(IS_RUNNING).plan.delete == (DeleteJob(hidden.jobs[0].name, "job-1"),)

    def test_whose_jobs_name_is_taken_fails(self):
        run = a_run().on_attempt(1).whose_job(owner_uid="somebody")
        assert ended_as(run.plan) == (Phase.FAILED, "JobNameCollision")


class TestASharedResult:
    shared = Result(sha256=SHA, size=12, attempt=3, uid=OTHER_UID, serializer="json", cached=True)

    def test_that_the_submitter_found_ends_the_run_with_one_write_and_no_look(self):
        plan = a_run().whose_submitter_found_a_result().plan
        assert ended_as(plan) == (Phase.COMPLETED, "Cached")
        assert plan == Plan(status=plan.status)

    def test_says_whose_it_is(self):
        assert a_run().whose_submitter_found_a_result().plan.status.result == self.shared

    def test_waits_for_what_the_run_waits_for(self):
        up = a_run().called("up", "uid-up")
        run = a_run().whose_submitter_found_a_result().depending_on("up").next_to(up)
        assert ended_as(run.plan) == (Phase.WAITING, "WaitingForDependencies")

    def test_ends_a_served_run_before_any_worker_has_it(self):
        run = a_run().that(executor="Worker").whose_submitter_found_a_result()
        assert ended_as(run.plan) == (Phase.COMPLETED, "Cached")

    def test_does_not_beat_a_cancellation(self):
        run = a_run().whose_submitter_found_a_result().that_is_cancelled().confirmed().without_pods()
        assert ended_as(run.plan) == (Phase.CANCELLED, "Cancelled")

    def test_does_not_end_an_attempt_that_runs(self):
        run = a_run().whose_submitter_found_a_result().on_attempt(1).running()
        assert run.plan.is_quiet

    def test_does_not_stop_the_retries_of_a_run_that_has_begun(self):
        run = a_run().retrying(1).whose_submitter_found_a_result().after_failures(U)
        assert run.confirmed().without_pods().plan.create.attempt == 2

    def test_that_the_runner_found_completes_the_run(self):
        plan = a_run().on_attempt(1).running().whose_job(COMPLETE).whose_pod(SHARED).plan
        assert ended_as(plan) == (Phase.COMPLETED, "Cached")
        assert plan.status.result == self.shared
        assert plan.status.attempts[0].outcome is Outcome.SUCCEEDED

    def test_that_is_called_the_runs_own_is_not_believed(self):
        told = reports(Reason.COMPLETED, 0, result=SHARED.result)
        plan = a_run().on_attempt(1).running().whose_job(COMPLETE).whose_pod(told).plan
        assert plan.status.attempts[0].reason == "InvalidRunnerReport"


class TestAnAttempt:
    def test_whose_pod_has_not_started_is_left_alone_for_a_while(self):
        plan = a_run().on_attempt(1).plan
        assert plan.is_quiet
        assert plan.wake_at == T0 + timedelta(seconds=10)

    def test_is_looked_at_when_it_does_not_start(self):
        assert a_run().on_attempt(1).at(seconds=11).plan == Plan(looks=PODS)

    def test_that_starts_slowly_and_normally_costs_no_write(self):
        run = a_run().on_attempt(1).whose_pod({"phase": "Pending", "waiting_reason": "ContainerCreating"})
        assert run.at(seconds=11).plan.is_quiet

    def test_whose_image_cannot_be_pulled_says_so(self):
        plan = a_run().on_attempt(1).whose_pod(CANNOT_PULL).at(seconds=11).plan
        assert ended_as(plan) == (Phase.PENDING, "PodPending")
        assert message_of(plan) == "ImagePullBackOff: no such image"

    def test_that_has_no_pod_says_where_to_look(self):
        run = a_run().on_attempt(1).without_pods().at(seconds=11)
        name = run.jobs[0].name
        assert ended_as(run.plan) == (Phase.PENDING, "PodPending")
        assert message_of(run.plan) == f"Job {name} has no pod yet; `kubectl describe job {name}` says why."

    def test_says_so_once(self):
        run = a_run().on_attempt(1).whose_pod(CANNOT_PULL).at(seconds=11)
        assert replace(run, status=run.plan.status).at(seconds=40).plan.is_quiet

    def test_enters_the_ledger_when_its_pod_has_started(self):
        plan = a_run().on_attempt(1).ready().plan
        assert ended_as(plan) == (Phase.RUNNING, "Running")
        row = plan.status.attempts[0]
        assert (row.number, row.job_uid, row.outcome) == (1, "job-1", None)

    def test_that_runs_costs_nothing(self):
        assert a_run().on_attempt(1).running().plan.is_quiet

    def test_whose_job_has_ended_is_told_by_its_pods(self):
        assert a_run().on_attempt(1).running().whose_job(COMPLETE).plan == Plan(looks=PODS)

    def test_whose_job_has_ended_without_a_pod_is_looked_at_twice(self):
        run = a_run().on_attempt(1).running().whose_job(COMPLETE).without_pods()
        assert run.plan == Plan(looks=RUN_AND_PODS)
        assert run.confirmed().plan.status.attempts[0].reason == "InvalidRunnerReport"

    def test_that_has_a_result_completes_the_run(self):
        plan = a_run().on_attempt(1).running().whose_job(COMPLETE).whose_pod(RETURNED).plan
        assert ended_as(plan) == (Phase.COMPLETED, "Completed")
        assert (plan.status.result.attempt, plan.status.result.sha256) == (1, RETURNED.result.sha256)
        assert plan.event is None

    def test_that_ended_before_anybody_saw_it_run_completes_the_run_too(self):
        plan = a_run().on_attempt(1).whose_job(COMPLETE).whose_pod(RETURNED).plan
        assert ended_as(plan) == (Phase.COMPLETED, "Completed")
        assert plan.status.attempts[0].outcome is Outcome.SUCCEEDED

    def test_is_not_over_while_a_pod_of_the_run_lives(self):
        run = a_run().on_attempt(1).running().whose_job(FAILED).whose_pod(RAISED, IS_STOPPING)
        assert run.plan.is_quiet
        assert run.plan.wake_at is not None

    def test_without_a_retry_ends_the_run_with_its_exception(self):
        plan = a_run().on_attempt(1).running().whose_job(FAILED).whose_pod(RAISED).plan
        assert ended_as(plan) == (Phase.FAILED, "UserException")
        assert plan.status.result == Result(sha256="cd" * 32, size=99, attempt=1, serializer="pickle")
        assert (plan.event.type, plan.event.reason) == ("Warning", "UserException")

    def test_that_ran_out_of_memory_crashes_the_run(self):
        plan = a_run().on_attempt(1).running().whose_job(FAILED).whose_pod(OOM_KILLED).plan
        assert ended_as(plan) == (Phase.CRASHED, "OOMKilled")
        assert plan.status.attempts[0].exit_code == 137

    def test_whose_job_nobody_finds_in_the_cache_is_looked_for(self):
        assert a_run().on_attempt(1).running().whose_job_is_gone().plan == Plan(looks=RUN_AND_PODS)

    def test_whose_job_is_gone_is_lost_and_never_created_again(self):
        plan = a_run().on_attempt(1).running().whose_job_is_gone().confirmed().without_pods().plan
        assert plan.create is None
        assert ended_as(plan) == (Phase.AWAITING_RETRY, "AwaitingRetry")
        assert plan.status.attempts[0].reason == "AttemptLost"

    @pytest.mark.parametrize(("overdue", "again"), [(-20, 2), (1, 2), (10, 10), (3600, 60)])
    def test_is_looked_at_less_often_the_longer_its_pod_overstays(self, overdue, again):
        stays = {**IS_STOPPING, "ends_by": T0}
        run = a_run().on_attempt(1).running().whose_pod(stays).whose_job_is_gone().confirmed()
        run = run.at(seconds=overdue)
        assert run.plan.wake_at == run.seen.now + timedelta(seconds=again)

    def test_whose_pod_does_not_end_says_which_one_and_where_and_says_it_once(self):
        stays = {**IS_STOPPING, "ends_by": T0}
        run = a_run().on_attempt(1).running().whose_pod(stays).whose_job_is_gone().confirmed()
        assert run.at(seconds=30).plan.status is None
        told = run.at(seconds=31).plan.status
        assert told.phase is Phase.RUNNING
        assert told.conditions[0].message.startswith(f"Waits for pod {run.seen.pods[0].name} on node ")
        assert replace(run, status=told).at(seconds=90).plan.is_quiet

    def test_whose_pod_is_not_ready_any_more_is_looked_at(self):
        assert a_run().on_attempt(1).running().that_is_silent().plan == Plan(looks=PODS)

    def test_whose_node_does_not_answer_says_which_one_and_what_to_do_and_says_it_once(self):
        run = a_run().on_attempt(1).running().that_is_silent().whose_pod(IS_OUT_OF_REACH)
        assert ended_as(run.plan) == (Phase.RUNNING, "NodeUnreachable")
        assert message_of(run.plan).startswith("Node node-1 does not answer; pod pod-0 may still run there")
        assert "kubectl delete node node-1" in message_of(run.plan)
        assert replace(run, status=run.plan.status).at(hours=1).plan.is_quiet

    def test_whose_node_does_not_answer_goes_on_when_it_does(self):
        silent = a_run().on_attempt(1).running().that_is_silent().whose_pod(IS_OUT_OF_REACH)
        back = replace(silent.ready(), status=silent.plan.status, more={})
        assert ended_as(back.plan) == (Phase.RUNNING, "Running")
        assert message_of(back.plan) == "Attempt 1 runs."

    def test_whose_pod_is_about_to_end_is_waited_for(self):
        run = a_run().on_attempt(1).running().that_is_silent().whose_pod({**IS_STOPPING, "ends_by": T0})
        assert run.plan.is_quiet

    def test_whose_node_did_not_answer_and_whose_pod_is_gone_has_lost_its_node(self):
        silent = a_run().on_attempt(1).running().that_is_silent().whose_pod(IS_OUT_OF_REACH)
        gone = replace(silent, status=silent.plan.status, more={}).whose_job(FAILED)
        plan = gone.confirmed().without_pods().plan
        assert ended_as(plan) == (Phase.AWAITING_RETRY, "AwaitingRetry")
        assert plan.status.attempts[0].reason == "NodeLost"
        assert plan.status.infrastructure_retries_used == 1

    def test_whose_job_is_gone_is_not_lost_while_its_pod_lives(self):
        run = a_run().on_attempt(1).running().whose_pod(IS_STOPPING).whose_job_is_gone().confirmed()
        assert run.plan.is_quiet

    def test_whose_job_was_replaced_by_a_namesake_is_lost_and_the_namesake_deleted(self):
        run = a_run().on_attempt(1).running().whose_job(uid="again")
        assert run.plan.delete == (DeleteJob(run.jobs[0].name, "again"),)


class TestAFailureWithARetry:
    run = (
        a_run().retrying(2, delays=["10s", "60s"]).on_attempt(1).running().whose_job(FAILED).whose_pod(RAISED)
    )

    def test_is_recorded_with_the_time_of_the_next_attempt_in_one_write(self):
        plan = self.run.plan
        assert ended_as(plan) == (Phase.AWAITING_RETRY, "AwaitingRetry")
        due = self.run.seen.now + timedelta(seconds=10)
        assert plan.status.next_attempt_at == plan.status.attempts[0].not_before == plan.wake_at == due

    def test_is_charged_to_its_budget(self):
        assert (self.run.plan.status.retries_used, self.run.plan.status.infrastructure_retries_used) == (1, 0)

    def test_says_what_happened(self):
        assert message_of(self.run.plan) == "Attempt 1 ended with UserException: ValueError: no"

    def test_waits_for_its_time(self):
        waiting = a_run().retrying(1).after_failures(U, not_before=timedelta(seconds=9))
        assert waiting.plan.is_quiet
        assert waiting.plan.wake_at == T0 + timedelta(seconds=9)

    def test_is_followed_by_the_next_job_after_a_look_at_run_and_pods(self):
        waiting = a_run().retrying(1).after_failures(U)
        assert waiting.plan == Plan(looks=RUN_AND_PODS)
        assert waiting.confirmed().without_pods().plan.create.attempt == 2

    def test_is_not_followed_while_a_pod_of_the_run_lives(self):
        assert a_run().retrying(1).after_failures(U).confirmed().whose_pod(IS_STOPPING).plan.is_quiet

    def test_ends_the_run_when_the_last_one_is_spent_and_says_how_many_there_were(self):
        plan = a_run().retrying(2).on_attempt(3).running().whose_job(FAILED).whose_pod(RAISED).plan
        assert ended_as(plan) == (Phase.FAILED, "UserException")
        assert message_of(plan) == "ValueError: no (3 attempts made)"

    def test_keeps_the_last_infrastructure_reason_when_that_budget_is_spent(self):
        run = a_run().on_attempt(4, N).running().whose_job(FAILED)
        plan = run.whose_pod({**STOPPED, "disruption": "PreemptionByScheduler"}).plan
        assert ended_as(plan) == (Phase.CRASHED, "Preempted")
        assert "4 attempts made, all 3 infrastructure retries used" in message_of(plan)

    def test_keeps_the_last_twenty_rows_and_the_budgets_right(self):
        run = a_run().retrying(100).on_attempt(25).running().whose_job(FAILED).whose_pod(RAISED)
        status = run.plan.status
        assert [row.number for row in status.attempts] == list(range(6, 26))
        assert (status.retries_used, status.attempt_count) == (25, 25)


class TestAJobThatTheControllerHasNotBegun:
    waiting = a_run().on_attempt(1).whose_job(begun=False)

    def test_is_not_asked_about_as_it_has_no_pod(self):
        assert self.waiting.at(seconds=11).plan == Plan(wake_at=T0 + timedelta(seconds=22))

    def test_is_news_after_a_minute(self):
        assert self.waiting.at(seconds=61).plan == Plan(looks=PODS)

    def test_is_given_up_when_its_start_takes_too_long(self):
        late = self.waiting.that(start_timeout="20s").at(seconds=21).without_pods()
        assert late.plan.status.attempts[0].reason == "StartTimeout"

    def test_is_asked_about_like_any_other_once_it_is_begun(self):
        assert self.waiting.whose_job(begun=True).at(seconds=11).plan == Plan(looks=PODS)


class TestAStart:
    late = a_run().that(start_timeout="60s").on_attempt(1).at(seconds=61)

    @pytest.mark.parametrize(
        ("pod", "reason"),
        [
            (CANNOT_PULL, "ImagePullFailed"),
            (CANNOT_BE_SCHEDULED, "Unschedulable"),
            ({"phase": "Pending"}, "StartTimeout"),
        ],
    )
    def test_that_takes_too_long_is_written_down_before_anything_is_deleted(self, pod, reason):
        plan = self.late.whose_pod(pod).plan
        row = plan.status.attempts[0]
        assert (row.reason, row.outcome, plan.delete) == (reason, None, ())

    def test_without_any_pod_is_a_start_timeout(self):
        assert self.late.without_pods().plan.status.attempts[0].reason == "StartTimeout"

    def test_whose_pod_has_just_started_is_not_given_up(self):
        assert self.late.whose_pod(IS_RUNNING).plan.is_quiet

    def test_is_stopped_then_drained_then_recorded(self):
        stopping = self.late.running().being_stopped_for(Reason.IMAGE_PULL_FAILED)
        assert stopping.whose_pod(CANNOT_PULL).plan.delete == (DeleteJob(self.late.jobs[0].name, "job-1"),)
        gone = stopping.whose_job_is_gone().confirmed()
        assert gone.whose_pod(IS_STOPPING).plan.is_quiet
        done = gone.without_pods().plan
        assert ended_as(done) == (Phase.AWAITING_RETRY, "AwaitingRetry")
        assert done.status.attempts[0].reason == "ImagePullFailed"


class TestACancelledRun:
    running = a_run().on_attempt(1).running().that_is_cancelled()

    def test_says_that_it_is_being_cancelled_before_its_job_is_deleted(self):
        plan = self.running.plan
        assert ended_as(plan) == (Phase.RUNNING, "Cancelling")
        assert plan.delete == ()

    def test_keeps_the_row_of_an_attempt_that_nobody_saw_run(self):
        plan = a_run().on_attempt(1).that_is_cancelled().plan
        assert plan.status.attempts[0].job_uid == "job-1"

    def test_loses_its_job(self):
        stopping = self.running.being_stopped_for(Reason.CANCELLED)
        assert stopping.plan == Plan(looks=PODS)
        assert stopping.whose_pod(IS_RUNNING).plan.delete == (DeleteJob(self.running.jobs[0].name, "job-1"),)

    def test_is_cancelled_only_when_its_pods_are_over(self):
        gone = self.running.being_stopped_for(Reason.CANCELLED).whose_job_is_gone().confirmed()
        assert gone.whose_pod(IS_STOPPING).plan.status is None
        plan = gone.without_pods().plan
        assert ended_as(plan) == (Phase.CANCELLED, "Cancelled")
        assert plan.status.attempts[0].outcome is Outcome.CANCELLED

    def test_that_has_succeeded_before_stays_a_success(self):
        plan = self.running.being_stopped_for(Reason.CANCELLED).whose_job(COMPLETE).whose_pod(RETURNED).plan
        assert ended_as(plan) == (Phase.COMPLETED, "Completed")

    def test_whose_pod_has_just_returned_waits_for_its_job_to_say_so(self):
        plan = self.running.being_stopped_for(Reason.CANCELLED).whose_pod(RETURNED).plan
        assert plan.is_quiet

    def test_does_not_try_again_what_failed_meanwhile(self):
        run = self.running.retrying(3).whose_job(FAILED).whose_pod(RAISED)
        assert ended_as(run.plan) == (Phase.CANCELLED, "Cancelled")

    def test_does_not_wait_for_its_retry(self):
        run = a_run().retrying(3).after_failures(U, not_before=timedelta(hours=1)).that_is_cancelled()
        assert ended_as(run.confirmed().without_pods().plan) == (Phase.CANCELLED, "Cancelled")


class TestTheDeadline:
    def test_of_a_run_without_a_job_ends_it(self):
        run = a_run().that(deadline="1m").at(minutes=1)
        assert ended_as(run.confirmed().without_pods().plan) == (Phase.TIMED_OUT, "DeadlineExceeded")

    def test_of_a_running_run_stops_it_first(self):
        plan = a_run().that(deadline="1m").on_attempt(1).running().at(minutes=1).plan
        assert (plan.status.phase, plan.status.attempts[0].reason) == (Phase.RUNNING, "DeadlineExceeded")

    def test_beats_a_retry(self):
        run = a_run().that(deadline="1m").after_failures(N, not_before=timedelta(hours=1)).at(minutes=2)
        assert ended_as(run.confirmed().without_pods().plan) == (Phase.TIMED_OUT, "DeadlineExceeded")

    def test_bounds_every_wait(self):
        run = a_run().that(deadline="1m").after_failures(N, not_before=timedelta(hours=1))
        assert run.plan.wake_at == T0 + timedelta(minutes=1)


class TestDependencies:
    live = a_run().called("up", "uid-up")
    done = live.that_has(
        Phase.COMPLETED, Reason.COMPLETED, Result(sha256="ab" * 32, size=1, attempt=1, serializer="json")
    )
    failed = live.that_has(Phase.FAILED, Reason.OOM_KILLED)

    def test_that_live_are_waited_for_by_name(self):
        plan = a_run().depending_on("up").next_to(self.live).plan
        assert ended_as(plan) == (Phase.WAITING, "WaitingForDependencies")
        assert message_of(plan) == "Waits for up."

    def test_are_named_up_to_three(self):
        many = [a_run().called(f"up-{i}", f"uid-{i}") for i in range(5)]
        plan = a_run().depending_on(*[one.name for one in many]).next_to(*many).plan
        assert message_of(plan) == "Waits for up-0, up-1, up-2 and others."

    def test_are_told_once_while_one_of_those_named_lives(self):
        many = [a_run().called(f"up-{i}", f"uid-{i}") for i in range(5)]
        run = a_run().depending_on(*[one.name for one in many]).next_to(*many)
        told = replace(run, status=run.plan.status)
        ended = [one.that_has(Phase.COMPLETED, Reason.COMPLETED) for one in many]
        assert told.next_to(ended[0], ended[1], *many[2:]).plan.is_quiet
        assert message_of(told.next_to(*ended[:3], *many[3:]).plan) == "Waits for up-3, up-4."

    def test_that_completed_let_it_run(self):
        assert a_run().depending_on("up").next_to(self.done).confirmed().plan.create is not None

    def test_that_failed_fail_it(self):
        plan = a_run().depending_on("up").next_to(self.failed).confirmed().without_pods().plan
        assert ended_as(plan) == (Phase.FAILED, "DependencyFailed")
        assert message_of(plan) == "up ended with OOMKilled."

    def test_that_failed_let_it_run_if_it_wants_them_finished(self):
        run = a_run().depending_on("up", condition="Finished").next_to(self.failed)
        assert run.confirmed().plan.create is not None

    def test_that_are_not_in_the_cache_are_looked_for(self):
        assert a_run().depending_on("up").plan == Plan(looks=frozenset({Look.UPSTREAMS}))

    def test_that_do_not_exist_yet_are_waited_for(self):
        plan = a_run().depending_on("up").at(seconds=29).next_to(confirmed=True).plan
        assert ended_as(plan) == (Phase.WAITING, "WaitingForDependencies")
        assert plan.wake_at == T0 + timedelta(seconds=30)

    def test_that_do_not_exist_fail_it(self):
        run = a_run().depending_on("up").at(seconds=30)
        plan = run.next_to(confirmed=True).confirmed().without_pods().plan
        assert ended_as(plan) == (Phase.FAILED, "DependencyNotFound")


class TestAStartTime:
    run = a_run().that(start_at=T0 + timedelta(hours=1))

    def test_that_lies_ahead_is_waited_for(self):
        assert ended_as(self.run.plan) == (Phase.WAITING, "WaitingForStartTime")
        assert self.run.plan.wake_at == T0 + timedelta(hours=1)

    def test_is_told_once(self):
        assert replace(self.run, status=self.run.plan.status).at(seconds=9).plan.is_quiet

    def test_without_a_zone_is_utc(self):
        moment = (T0 + timedelta(hours=1)).replace(tzinfo=None)
        assert a_run().that(start_at=moment).plan.wake_at == T0 + timedelta(hours=1)

    def test_that_has_come_lets_it_run(self):
        assert self.run.at(hours=1).confirmed().plan.create is not None


class TestARefusal:
    @pytest.mark.parametrize(
        ("kind", "reason"),
        [(RefusalKind.QUOTA, "QuotaExceeded"), (RefusalKind.FORBIDDEN, "OperatorForbidden")],
    )
    def test_that_may_pass_is_waited_out_and_spends_nothing(self, kind, reason):
        plan = a_run().refused(kind).plan
        assert ended_as(plan) == (Phase.WAITING, reason)
        assert plan.wake_at == T0 + timedelta(seconds=WORLD.quota_retry_seconds)
        assert plan.status.attempts == []

    def test_that_may_pass_is_told_once(self):
        run = a_run().refused(RefusalKind.QUOTA, "used 4 of 5")
        assert replace(run, status=run.plan.status).refused(RefusalKind.QUOTA, "used 5 of 5").plan.is_quiet

    def test_that_may_pass_is_tried_again(self):
        assert a_run().refused(RefusalKind.QUOTA).at(seconds=31).confirmed().plan.create is not None

    @pytest.mark.parametrize(
        ("kind", "reason"),
        [
            (RefusalKind.INVALID, "InvalidPodTemplate"),
            (RefusalKind.DENIED, "AdmissionDenied"),
            (RefusalKind.EXISTS, "JobNameCollision"),
        ],
    )
    def test_that_is_final_ends_the_run(self, kind, reason):
        plan = a_run().refused(kind, "because").confirmed().without_pods().plan
        assert ended_as(plan) == (Phase.FAILED, reason)
        assert message_of(plan) == "because"

    def test_from_before_the_clock_was_set_back_is_asked_for_again(self):
        run = a_run().refused(RefusalKind.QUOTA, at=T0 + timedelta(hours=1))
        assert run.confirmed().plan.create is not None

    def test_of_a_namespace_that_goes_away_is_left_alone(self):
        plan = a_run().refused(RefusalKind.NAMESPACE_TERMINATING).plan
        assert plan == Plan(wake_at=T0 + timedelta(seconds=WORLD.quota_retry_seconds))

    def test_of_an_earlier_attempt_counts_no_more(self):
        run = a_run().retrying(1).after_failures(U).refused(RefusalKind.INVALID, attempt=1)
        assert run.plan == Plan(looks=RUN_AND_PODS)


class TestAFinishedRun:
    done = a_run().on_attempt(1).running().whose_job(COMPLETE).that_has(Phase.COMPLETED, Reason.COMPLETED)

    def test_is_left_alone(self):
        assert self.done.plan.is_quiet

    def test_is_removed_after_its_time_to_live(self):
        assert self.done.at(hours=24).plan.remove

    def test_is_kept_for_a_minute_at_least(self):
        assert not self.done.that(ttl_after_finished="0s").at(seconds=59).plan.remove
        assert self.done.that(ttl_after_finished="0s").at(seconds=60).plan.remove

    def test_stops_what_still_runs_of_it(self):
        plan = self.done.whose_job(None).plan
        assert plan.delete == (DeleteJob(self.done.jobs[0].name, "job-1"),)
        assert plan.status is None

    def test_is_not_written_for_a_later_cancellation(self):
        assert self.done.that_is_cancelled().plan.is_quiet


class TestALedgerThatSomebodyEdited:
    def fails(self, run):
        assert run.plan == Plan(looks=RUN)
        assert ended_as(run.confirmed().plan) == (Phase.FAILED, "LedgerInconsistent")

    def test_with_a_job_ahead_of_it(self):
        ahead = a_run().on_attempt(3)
        self.fails(replace(ahead, status=TaskRunStatus()))

    def test_with_a_gap(self):
        run = a_run().retrying(9).after_failures(U, U, U)
        self.fails(run.with_status(attempts=[run.status.attempts[0], run.status.attempts[2]]))

    def test_without_its_beginning(self):
        run = a_run().retrying(9).after_failures(U, U, U)
        self.fails(run.with_status(attempts=run.status.attempts[1:]))

    def test_whose_counters_are_lower_than_its_rows(self):
        self.fails(a_run().retrying(9).after_failures(U, U).with_status(retries_used=0))

    def test_that_was_emptied(self):
        self.fails(a_run().retrying(9).after_failures(U, U).with_status(attempts=[]))


class TestTheConditionSucceeded:
    def test_moves_its_transition_time_only_with_its_status(self):
        run = a_run().retrying(1).on_attempt(1).running().whose_job(FAILED).whose_pod(RAISED).at(minutes=5)
        assert run.plan.status.conditions[0].last_transition_time == T0
        last = a_run().on_attempt(1).running().whose_job(FAILED).whose_pod(RAISED).at(minutes=5)
        assert last.plan.status.conditions[0].last_transition_time == T0 + timedelta(minutes=5)

    def test_says_true_exactly_of_a_completed_run(self):
        run = a_run().on_attempt(1).whose_job(COMPLETE)
        assert run.whose_pod(RETURNED).plan.status.conditions[0].status == "True"
        odd = run.whose_pod(reports(Reason.COMPLETED, 0)).plan
        assert odd.status.conditions[0].status == "Unknown"

    def test_keeps_the_conditions_of_others(self):
        assert len(a_run().on_attempt(1).ready().plan.status.conditions) == 1
