"""Whatever happens in whatever order, the promises hold; and when it stops happening, the run ends.

Two operators decide from caches that lag, die between requests and stand still before one; Jobs
are deleted by hand, pods started twice, nodes lost. Numbers S1 to S19 are the invariants' names.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from builders import lives
from builders.model_world import ModelWorld, Operator, may_be_tried_again
from builders.runs import T0, a_run
from ferryman.api.phases import Outcome, Phase
from ferryman.api.reasons import Reason

RETRIES, INFRASTRUCTURE = 1, 2

W, P, R, A = Phase.WAITING, Phase.PENDING, Phase.RUNNING, Phase.AWAITING_RETRY
BEFORE_RUNNING = frozenset({W, P, A})
MAY_FOLLOW = {
    W: BEFORE_RUNNING | {R},
    P: BEFORE_RUNNING | {R},
    A: BEFORE_RUNNING | {R},
    R: frozenset({R, A}),
}
IMPOSSIBLE = {Reason.LEDGER_INCONSISTENT.value, Reason.JOB_NAME_COLLISION.value, Reason.INVALID_SPEC.value}

which = st.integers(0, 1)
index = st.integers(0, 5)


class LifeOfARun(RuleBasedStateMachine):
    """Rules are what may happen next; invariants are what must be true after each."""

    @initialize(delay=st.sampled_from(["0s", "30s"]), start_at=st.sampled_from([None, 20]))
    def submit(self, delay, start_at):
        run = a_run().retrying(RETRIES, delays=[delay], infrastructure_retries=INFRASTRUCTURE)
        run = run.that(start_timeout="60s", deadline="15m", timeout="60s")
        if start_at is not None:
            run = run.that(start_at=T0 + timedelta(seconds=start_at))
        self.world = ModelWorld(run)
        self.operators = [Operator(self.world.run), Operator(self.world.run, hears_pods=True)]
        self.checked = 1

    # Operators

    @rule(one=which)
    def events_arrive(self, one):
        self.world.sync(self.operators[one])

    @rule(one=which, job_only=st.booleans())
    def some_events_are_lost(self, one, job_only):
        operator = self.operators[one]
        if job_only:
            operator.jobs = tuple(self.world.jobs.values())
        else:
            operator.run = self.world.run

    @rule(one=which)
    def an_operator_decides(self, one):
        self.world.step(self.operators[one])

    @rule(one=which)
    def an_operator_decides_up_to_date(self, one):
        self.world.sync(self.operators[one])
        self.world.step(self.operators[one])

    @rule(one=which, writes=st.integers(0, 1))
    def an_operator_dies_in_the_middle(self, one, writes):
        self.world.step(self.operators[one], crash_after=writes)
        self.world.sync(self.operators[one])

    @rule(one=which)
    def an_operator_stands_still_before_a_create(self, one):
        self.world.step(self.operators[one], pause_create=True)

    @precondition(lambda self: self.world.late_creates)
    @rule()
    def and_goes_on(self):
        self.world.create_job(self.world.late_creates.pop(0), late=True)

    # Both

    @rule(one=which, times=st.integers(1, 6))
    def things_go_on(self, one, times):
        # Without it a random walk of this length seldom sees a second attempt.
        for _ in range(times):
            self.world.go_on(self.operators[one])
            self.s1_one_call_of_the_function_at_a_time()

    # Kubernetes

    @precondition(lambda self: self.world.jobs_without_pod())
    @rule(i=index)
    def a_job_gets_its_pod(self, i):
        jobs = self.world.jobs_without_pod()
        self.world.start_pod(jobs[i % len(jobs)])

    @precondition(lambda self: any(j.end is None for j in self.world.jobs.values()))
    @rule(i=index)
    def a_job_gets_a_pod_too_many(self, i):
        jobs = [job for job in self.world.jobs.values() if job.end is None]
        self.world.start_pod(jobs[i % len(jobs)])

    @precondition(lambda self: self.world.pods_where(phase="Pending", deleting=False))
    @rule(i=index)
    def a_pod_starts(self, i):
        pods = self.world.pods_where(phase="Pending", deleting=False)
        self.world.run_pod(pods[i % len(pods)])

    @precondition(lambda self: any(one.calls for one in self.world.pods.values()))
    @rule(i=index, how=st.sampled_from(["returns", "raises", "declines", "is evicted", "is killed"]))
    def a_function_ends(self, i, how):
        calls = [one for one in self.world.pods.values() if one.calls]
        one = calls[i % len(calls)]
        match how:
            case "returns":
                self.world.return_from(one)
            case "raises":
                self.world.exit(one, Reason.USER_EXCEPTION, 80)
            case "declines":
                self.world.exit(one, Reason.RETRY_CONDITION_DECLINED, 81)
            case "is evicted":
                self.world.stop(one, 143, disruption="EvictionByEvictionAPI")
            case "is killed":
                self.world.stop(one, 137)

    @precondition(lambda self: self.world.jobs_about_to_end())
    @rule(i=index)
    def a_job_ends(self, i):
        jobs = self.world.jobs_about_to_end()
        self.world.end_job(jobs[i % len(jobs)])

    @precondition(lambda self: self.world.pods_where(deleting=True))
    @rule(i=index)
    def a_deleted_pod_is_gone(self, i):
        pods = self.world.pods_where(deleting=True)
        self.world.remove_pod(pods[i % len(pods)])

    # People and time

    @precondition(lambda self: self.world.jobs)
    @rule(i=index)
    def somebody_deletes_a_job(self, i):
        jobs = list(self.world.jobs.values())
        job = jobs[i % len(jobs)]
        self.world.delete_job(job.name, job.uid)

    @precondition(lambda self: self.world.run is not None)
    @rule()
    def somebody_cancels(self):
        self.world.request_cancel()

    @rule(seconds=st.sampled_from([1, 5, 15, 70, 400]))
    def time_passes(self, seconds):
        self.world.now += timedelta(seconds=seconds)

    # Promises

    @invariant()
    def s1_one_call_of_the_function_at_a_time(self):
        assert sum(one.calls for one in self.world.pods.values()) <= 1

    @invariant()
    def s9_each_attempt_calls_it_at_most_once(self):
        numbers = [one.attempt for one in self.world.executions]
        assert len(numbers) == len(set(numbers))

    @invariant()
    def s2_the_budgets_hold(self):
        assert len(self.world.executions) <= RETRIES + INFRASTRUCTURE + 1
        for status in self.world.versions[self.checked - 1 :]:
            assert len(status.attempts) <= RETRIES + INFRASTRUCTURE + 1
            assert status.retries_used <= RETRIES
            assert status.infrastructure_retries_used <= INFRASTRUCTURE

    @invariant()
    def s7_nothing_begins_after_the_end(self):
        # A create that was on its way when the run ended is bounded by `notAfter` alone.
        ended = self.world.ended_at_execution
        assert ended is None or all(one.late_create for one in self.world.executions[ended:])

    @invariant()
    def s10_no_attempt_begins_before_its_time(self):
        rows = {row.number: row for row in self.world.versions[-1].attempts}
        for one in self.world.executions:
            before = rows.get(one.attempt - 1)
            assert before is None or before.not_before is None or before.not_before <= one.at

    @invariant()
    def statuses_follow_each_other(self):
        """S3, S4, S5, S6, S12, for every version that was written."""
        for old, new in zip(
            self.world.versions[self.checked - 1 :], self.world.versions[self.checked :], strict=False
        ):
            self.s5_an_end_is_final(old)
            self.s4_phases_go_forward(old, new)
            self.s3_the_ledger_only_grows(old, new)
            self.s12_what_cannot_be_helped_is_not_tried_again(old, new)
            self.s6_a_completed_run_has_the_result_that_was_returned(new)
            assert new.conditions[0].reason not in IMPOSSIBLE
        self.checked = len(self.world.versions)

    def s5_an_end_is_final(self, old):
        assert not old.phase.is_terminal

    def s4_phases_go_forward(self, old, new):
        assert new.phase.is_terminal or new.phase in MAY_FOLLOW[old.phase]

    def s3_the_ledger_only_grows(self, old, new):
        assert [row.number for row in new.attempts] == list(range(1, len(new.attempts) + 1))
        for before, after in zip(old.attempts, new.attempts, strict=False):
            assert before.job_uid == after.job_uid
            assert before.outcome is None or before == after

    def s12_what_cannot_be_helped_is_not_tried_again(self, old, new):
        if len(new.attempts) > len(old.attempts) > 0:
            assert may_be_tried_again(old.attempts[-1].reason)

    def s6_a_completed_run_has_the_result_that_was_returned(self, status):
        if status.phase is Phase.COMPLETED:
            assert status.result.sha256 == self.world.returned[status.result.attempt]
            assert status.attempts[-1].outcome is Outcome.SUCCEEDED
            assert status.attempts[-1].number == status.result.attempt

    def teardown(self):
        """Liveness: faults are off, the run ends, and then S19, nothing is written any more."""
        if not hasattr(self, "world"):
            return
        world, operator = self.world, Operator(None)
        world.late_creates.clear()
        in_time = world.now < T0 + timedelta(minutes=5)
        lives.end(world, operator)
        assert not in_time or world.run.status.phase is not Phase.TIMED_OUT
        self.statuses_follow_each_other()
        lives.rest(world, operator, *self.operators)
        world.now += timedelta(hours=25)
        assert world.step(operator).remove


LifeOfARun.TestCase.settings = lives.tries(150, steps=50)
TestLifeOfARun = LifeOfARun.TestCase


def test_without_faults_a_run_costs_three_writes():
    world = ModelWorld(a_run())
    operator = Operator(world.run)
    while not world.run.status.phase.is_terminal:
        world.settle(operator)
    assert (world.run.status.phase, world.writes) == (Phase.COMPLETED, 3)


def test_a_run_of_which_nobody_saw_the_start_costs_two():
    world = ModelWorld(a_run())
    operator = Operator(world.run)
    world.step(operator)
    (job,) = world.jobs.values()
    world.start_pod(job)
    (pod,) = world.pods.values()
    world.run_pod(pod)
    world.return_from(pod)
    world.end_job(replace(job))
    world.sync(operator)
    world.step(operator)
    assert (world.run.status.phase, world.writes) == (Phase.COMPLETED, 2)
