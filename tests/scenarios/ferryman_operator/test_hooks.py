"""The hooks of a run that has ended: who calls them, and what the status says of it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from builders.runs import (
    CANNOT_PULL,
    COMPLETE,
    FAILED,
    IS_RUNNING,
    OOM_KILLED,
    RETURNED,
    STOPPED,
    T0,
    a_run,
    exited,
    reports,
)
from ferryman.api import names
from ferryman.api.hooks import HOOKS_SECONDS, HooksReport
from ferryman.api.phases import HooksState, Phase
from ferryman.api.reasons import Reason
from ferryman.api.runner_contract import Env, Mode, Report, ResultRef, decode_assignment, encode_report
from ferryman.api.taskrun import Hooks, Result
from ferryman_operator.reconcile.observed import RefusalKind
from ferryman_operator.reconcile.plan import DeleteJob, Look, Plan

SHA = "ab" * 32
CALLED = HooksReport(called=True)
NOW = frozenset({Look.RUN_ALONE})


def with_hooks(*kinds: str):
    return a_run().that(hooks=list(kinds or ["Completion", "Failure"]))


def on_its_last_attempt(*kinds: str):
    return with_hooks(*kinds).retrying(0, infrastructure_retries=0).on_attempt(1).running()


def hooks_of(plan: Plan) -> Hooks | None:
    assert plan.status is not None, plan
    return plan.status.hooks


def state_of(plan: Plan) -> str | None:
    found = hooks_of(plan)
    return found and found.state.value


def hook_pod(report: HooksReport | None, code: int = 0, **fields):
    left = Report(a_run().uid, 1, Reason.COMPLETED, "said", hooks=report)
    return exited(code, message=encode_report(left).decode()) | fields


class TestARunThatEnds:
    def test_without_hooks_says_nothing_of_them(self):
        ended = a_run().retrying(0, infrastructure_retries=0).on_attempt(1).running()
        assert hooks_of(ended.whose_job(FAILED).whose_pod(OOM_KILLED).plan) is None

    @pytest.mark.parametrize("pod", [OOM_KILLED, STOPPED, reports(Reason.TIMEOUT, 82)])
    def test_without_a_word_of_them_wants_them_called(self, pod):
        assert state_of(on_its_last_attempt().whose_job(FAILED).whose_pod(pod).plan) == "Wanted"

    def test_for_which_its_task_has_no_hooks_says_nothing_of_them(self):
        assert (
            hooks_of(on_its_last_attempt("Completion").whose_job(FAILED).whose_pod(OOM_KILLED).plan) is None
        )
        assert hooks_of(on_its_last_attempt("Failure").whose_job(COMPLETE).whose_pod(RETURNED).plan) is None

    def test_whose_runner_called_them_says_so(self):
        pod = reports(Reason.USER_EXCEPTION, hooks=HooksReport(called=True, message="tell raised KeyError"))
        found = hooks_of(on_its_last_attempt().whose_job(FAILED).whose_pod(pod).plan)
        assert (found.state, found.message) == (HooksState.CALLED, "tell raised KeyError")

    def test_whose_runner_says_that_there_is_nothing_to_call_says_so(self):
        pod = reports(Reason.PROCESS_EXITED, 83, hooks=HooksReport(called=False, message="sys.exit"))
        assert state_of(on_its_last_attempt().whose_job(FAILED).whose_pod(pod).plan) == "NotCalled"

    def test_and_was_cancelled_while_its_runner_called_them_is_not_told_twice(self):
        run = on_its_last_attempt().that_is_cancelled().whose_job(FAILED)
        plan = run.whose_pod(reports(Reason.USER_EXCEPTION, hooks=CALLED)).plan
        assert (plan.status.phase, state_of(plan)) == (Phase.CANCELLED, "Called")

    def test_by_a_retry_does_not_end(self):
        run = with_hooks().retrying(1).on_attempt(1).running().whose_job(FAILED)
        assert hooks_of(run.whose_pod(OOM_KILLED).plan) is None

    def test_before_it_began_wants_them_called(self):
        assert state_of(with_hooks().that_is_cancelled().confirmed().without_pods().plan) == "Wanted"

    def test_because_it_could_not_be_carried_out_has_none_to_call(self):
        plan = with_hooks().with_result(store="moon").confirmed().without_pods().plan
        assert state_of(plan) == "NotCalled"
        assert "StoreNotConfigured" in hooks_of(plan).message

    def test_because_an_upstream_failed_has_none_to_call(self):
        upstream = a_run().called("first").that_has(Phase.FAILED, Reason.USER_EXCEPTION)
        plan = with_hooks().depending_on("first").next_to(upstream).confirmed().without_pods().plan
        assert state_of(plan) == "NotCalled"


class TestTheJob:
    def ended(self, reason: Reason = Reason.OOM_KILLED, phase: Phase = Phase.CRASHED):
        return with_hooks().on_attempt(1).running().that_has(phase, reason).wanting_hooks()

    def test_is_created_from_what_the_api_server_says_now(self):
        assert self.ended().whose_job(FAILED).plan.looks == NOW

    def test_is_named_after_the_run(self):
        create = self.ended().whose_job(FAILED).confirmed().plan.create
        meta = create.manifest["metadata"]
        assert meta["name"] == names.hooks_job_name("report", a_run().uid)
        assert meta["labels"][names.ATTEMPT_LABEL] == "hooks"

    def test_tells_its_runner_how_the_run_ended(self):
        result = Result(sha256=SHA, size=9, attempt=1, serializer="failure")
        run = self.ended().with_status(result=result, attempt_count=1).whose_job(FAILED).confirmed()
        told = assignment_of(run.plan)
        assert (told.mode, told.attempt, told.arguments, told.values) == (Mode.HOOKS, 1, None, None)
        assert told.ending.reason is Reason.OOM_KILLED
        assert told.ending.result == ResultRef(SHA, 9, "failure", a_run().uid, 1)

    def test_asks_for_no_device(self):
        resources = {"limits": {"memory": "1Gi", "nvidia.com/gpu": "1"}}
        run = self.ended().with_pod(resources=resources).whose_job(FAILED).confirmed()
        assert container_of(run.plan)["resources"] == {"limits": {"memory": "1Gi"}}

    def test_is_stopped_some_time_after_it_has_to_start(self):
        seconds = (
            self.ended().whose_job(FAILED).confirmed().plan.create.manifest["spec"]["activeDeadlineSeconds"]
        )
        assert seconds == 15 * 60 + HOOKS_SECONDS + 60 + 30 + 1

    def test_comes_after_what_still_runs_of_the_run_is_stopped(self):
        plan = self.ended().plan
        assert plan.delete == (DeleteJob("report-5f0c1a2e-1", "job-1"),)

    def test_that_exists_is_written_down(self):
        found = hooks_of(self.ended().whose_job(FAILED).with_hooks_job().plan)
        assert (found.state, found.job_uid) == (HooksState.STARTED, "hooks")

    def test_of_somebody_else_is_in_the_way_for_good(self):
        plan = self.ended().whose_job(FAILED).with_hooks_job(owner_uid="other").plan
        assert state_of(plan) == "NotCalled"

    def test_that_was_refused_for_good_is_not_tried_again(self):
        plan = self.ended().whose_job(FAILED).refused(RefusalKind.DENIED, "no such", attempt=0).plan
        assert (state_of(plan), hooks_of(plan).message) == ("NotCalled", "Their Job was refused: no such")

    def test_that_a_quota_forbids_waits_and_not_for_ever(self):
        refused = self.ended().whose_job(FAILED).refused(RefusalKind.QUOTA, "full", attempt=0, at=T0)
        assert refused.at(seconds=1).plan == Plan(wake_at=T0 + timedelta(seconds=30))
        assert refused.at(seconds=31).confirmed().plan.create is not None
        assert state_of(refused.at(minutes=15).plan) == "NotCalled"


class TestAHookAttempt:
    def started(self, **fields):
        ended = with_hooks().on_attempt(1).running().that_has(Phase.CRASHED, Reason.OOM_KILLED)
        return ended.whose_job(FAILED).with_hooks_job(**fields).wanting_hooks(HooksState.STARTED, "hooks")

    def test_is_waited_for_as_long_as_it_may_start(self):
        assert self.started().at(minutes=1).plan == Plan(wake_at=T0 + timedelta(minutes=15))

    def test_that_runs_is_left_to_its_deadline(self):
        assert self.started(ready=1).at(minutes=16).plan == Plan()

    def test_that_does_not_start_is_given_up(self):
        plan = self.started().whose_pod(CANNOT_PULL).at(minutes=16).plan
        assert plan.delete == (DeleteJob(names.hooks_job_name("report", a_run().uid), "hooks"),)
        assert "no such image" in hooks_of(plan).message

    def test_whose_pod_has_just_ended_is_not_given_up(self):
        plan = self.started().whose_pod(hook_pod(CALLED)).at(minutes=16).plan
        assert (plan.delete, plan.status) == ((), None)

    def test_that_called_them_says_so(self):
        run = self.started(end=COMPLETE).whose_pod(hook_pod(HooksReport(called=True, message="a raised")))
        assert (state_of(run.plan), hooks_of(run.plan).message) == ("Called", "a raised")

    def test_whose_pod_is_gone_says_by_its_job_whether_it_called_them(self):
        assert state_of(self.started(end=COMPLETE).without_pods().plan) == "Called"
        assert state_of(self.started(end=FAILED).without_pods().plan) == "NotCalled"

    def test_that_could_not_call_them_says_why(self):
        run = self.started(end=FAILED).whose_pod(hook_pod(None, code=84))
        assert (state_of(run.plan), hooks_of(run.plan).message) == ("NotCalled", "said")

    def test_whose_job_is_gone_is_not_created_again(self):
        gone = self.started().whose_job_is_gone()
        assert gone.plan.looks == {Look.RUN, Look.PODS}
        assert state_of(gone.confirmed().without_pods().plan) == "NotCalled"
        assert state_of(gone.confirmed().whose_hooks_pod(hook_pod(CALLED)).plan) == "Called"

    def test_whose_job_is_gone_and_whose_pod_runs_is_waited_for(self):
        plan = self.started().whose_job_is_gone().confirmed().whose_hooks_pod(IS_RUNNING).plan
        assert (plan.status, plan.create) == (None, None)
        assert plan.wake_at is not None

    def test_outlives_the_time_to_live(self):
        assert not self.started(ready=1).at(days=30).plan.remove

    def test_that_is_done_lets_the_run_expire(self):
        done = self.started(end=COMPLETE).wanting_hooks(HooksState.CALLED, "hooks")
        assert done.at(days=30).plan.remove


class TestAServedRun:
    def ended(self, state: HooksState = HooksState.WANTED, worker: str | None = None):
        run = with_hooks().that(executor="Worker").on_attempt(1).running()
        return run.that_has(Phase.CRASHED, Reason.WORKER_LOST).wanting_hooks(state, "token-a", worker)

    def test_that_ends_without_a_word_of_its_hooks_wants_them_called(self):
        cancelled = with_hooks().that(executor="Worker").that_is_cancelled().plan
        assert (cancelled.status.phase, state_of(cancelled)) == (Phase.CANCELLED, "Wanted")

    def test_leaves_them_to_a_worker_and_never_to_a_job(self):
        assert self.ended().confirmed().plan == Plan(wake_at=T0 + timedelta(minutes=15))

    def test_that_no_worker_took_in_time_says_so(self):
        plan = self.ended().at(minutes=15).plan
        assert state_of(plan) == "NotCalled"
        assert hooks_of(plan).message == "No worker of reports:build took them within 15m."

    def test_whose_worker_has_them_waits_for_it_for_as_long_as_hooks_may_take(self):
        plan = self.ended(HooksState.STARTED, "worker-1").at(minutes=16).plan
        assert plan == Plan(wake_at=T0 + timedelta(minutes=15, seconds=HOOKS_SECONDS + 120))

    def test_whose_worker_does_not_say_what_came_of_them_says_that(self):
        plan = self.ended(HooksState.STARTED, "worker-1").at(minutes=22).plan
        found = hooks_of(plan)
        assert (found.state.value, found.worker, found.job_uid) == ("NotCalled", "worker-1", "token-a")
        assert found.message == "Worker worker-1 took them, and has not said what came of it."

    def test_is_kept_while_its_hooks_wait_and_expires_when_they_are_called(self):
        assert not self.ended().that(ttl_after_finished="1m").at(minutes=14).plan.remove
        called = self.ended(HooksState.CALLED, "worker-1").that(ttl_after_finished="1m")
        assert called.at(minutes=14).plan.remove


def container_of(plan: Plan):
    return plan.create.manifest["spec"]["template"]["spec"]["containers"][0]


def assignment_of(plan: Plan):
    env = {one["name"]: one.get("value") for one in container_of(plan)["env"]}
    return decode_assignment(env[Env.ASSIGNMENT].replace("$$(", "$("))
