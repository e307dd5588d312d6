"""Any order of claims, deaths, pauses, late news and repeated reports leaves a served run as it should be."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from builders import lives
from builders.runs import T0, a_run
from builders.served_world import Operator, ServedWorld
from ferryman.api.phases import Outcome, Phase
from ferryman.api.reasons import Reason

RETRIES, INFRASTRUCTURE = 1, 2

which = st.integers(0, 1)
index = st.integers(0, 5)


class LifeOfAServedRun(RuleBasedStateMachine):
    """Rules are what may happen next; invariants are what must be true after each."""

    @initialize(
        delay=st.sampled_from(["0s", "30s"]),
        start_at=st.sampled_from([None, 20]),
        where=st.sampled_from(["new", "begun", "begun", "its hooks are taken"]),
    )
    def submit(self, delay, start_at, where):
        run = a_run().retrying(RETRIES, delays=[delay], infrastructure_retries=INFRASTRUCTURE)
        run = run.that(executor="Worker", deadline="15m", hooks=["Completion", "Failure"])
        if start_at is not None:
            run = run.that(start_at=T0 + timedelta(seconds=start_at))
        self.world = ServedWorld(run)
        self.world.hire()
        self.world.hire()
        self.operators = [Operator(self.world.run), Operator(self.world.run)]
        self.checked = 1
        worker = self.world.workers[0]
        # Where most of what can go wrong begins; a random walk of this length seldom gets there alone.
        if where == "begun" and start_at is None:
            self.world.see(worker)
            assert self.world.claim(worker)
            self.world.begin(worker)
        if where == "its hooks are taken":
            self.world.cancel()
            self.world.settle(self.operators[0])
            assert self.world.take_hooks(worker) or worker.hooks

    def acting(self, condition):
        return [one for one in self.world.workers if one.acts and condition(one)]

    # Operators

    @rule(one=which)
    def events_arrive(self, one):
        self.world.sync(self.operators[one])

    @rule(one=which)
    def an_operator_decides(self, one):
        self.world.step(self.operators[one])

    @rule(one=which)
    def an_operator_is_restarted(self, one):
        self.operators[one] = Operator(self.world.run)

    # Workers

    @precondition(lambda self: self.acting(lambda one: True))
    @rule(i=index)
    def news_arrive(self, i):
        workers = self.acting(lambda one: True)
        self.world.see(workers[i % len(workers)])

    @precondition(lambda self: self.acting(lambda one: one.errand is None))
    @rule(i=index)
    def a_worker_claims(self, i):
        workers = self.acting(lambda one: one.errand is None)
        self.world.claim(workers[i % len(workers)])

    @precondition(lambda self: self.acting(lambda one: one.errand and not one.errand.begun))
    @rule(i=index)
    def a_function_is_called(self, i):
        workers = self.acting(lambda one: one.errand and not one.errand.begun)
        self.world.begin(workers[i % len(workers)])

    @precondition(lambda self: any(one.errand and one.errand.calls for one in self.world.workers))
    @rule(
        reason=st.sampled_from(
            [Reason.COMPLETED, Reason.USER_EXCEPTION, Reason.RETRY_CONDITION_DECLINED, Reason.PROCESS_KILLED]
        )
    )
    def a_function_ends(self, reason):
        for worker in self.world.workers:
            if worker.errand and worker.errand.calls:
                self.world.end(worker, reason)

    @precondition(lambda self: self.acting(lambda one: one.errand and one.errand.report))
    @rule(i=index, again=st.booleans())
    def a_worker_reports(self, i, again):
        workers = self.acting(lambda one: one.errand and one.errand.report)
        self.world.report(workers[i % len(workers)], again=again)

    @precondition(lambda self: self.world.run.status.hooks and self.acting(lambda one: one.hooks is None))
    @rule(i=index)
    def a_worker_takes_the_hooks(self, i):
        workers = self.acting(lambda one: one.hooks is None)
        self.world.take_hooks(workers[i % len(workers)])

    @precondition(lambda self: self.acting(lambda one: one.hooks is not None))
    @rule(i=index)
    def a_worker_calls_them_or_tells(self, i):
        workers = self.acting(lambda one: one.hooks is not None)
        worker = workers[i % len(workers)]
        self.world.report_hooks(worker) if worker.hooks.begun else self.world.call_hooks(worker)

    @precondition(lambda self: self.acting(lambda one: True))
    @rule(i=index)
    def a_worker_renews(self, i):
        workers = self.acting(lambda one: True)
        self.world.renew(workers[i % len(workers)])

    @precondition(lambda self: self.acting(lambda one: True))
    @rule(i=index)
    def a_worker_dies(self, i):
        workers = self.acting(lambda one: True)
        self.world.die(workers[i % len(workers)])

    @precondition(lambda self: self.world.workers)
    @rule(i=index)
    def a_worker_is_paused_or_goes_on(self, i):
        worker = self.world.workers[i % len(self.world.workers)]
        worker.is_paused = not worker.is_paused

    @precondition(lambda self: self.world.calls)
    @rule(one=which, times=st.integers(1, 40), how=st.sampled_from(["paused", "cut off", "dead"]))
    def a_worker_is_away_while_a_function_runs(self, one, times, how):
        (worker,) = (one for one in self.world.workers if one.errand and one.errand.calls)
        worker.is_paused = True
        self.go_on(one, times)
        worker.is_paused = how == "paused"
        if how == "dead" and worker.errand is None:
            worker.is_dead = True

    @precondition(lambda self: len(self.world.workers) < 6)
    @rule()
    def a_worker_starts(self):
        self.world.hire()

    # Both, people and time

    @rule(one=which, times=st.sampled_from([1, 2, 4, 30]))
    def things_go_on(self, one, times):
        self.go_on(one, times)

    def go_on(self, one, times):
        for _ in range(times):
            self.world.settle(self.operators[one])
            self.one_call_of_the_function_at_a_time()

    @rule()
    def somebody_cancels(self):
        self.world.cancel()

    @rule(seconds=st.sampled_from([1, 4, 14, 40]))
    def time_passes(self, seconds):
        # In steps: children are killed at the fence, not some time after it.
        for _ in range(seconds):
            self.world.pass_time(1)

    # Promises

    @invariant()
    def each_attempt_calls_the_function_at_most_once(self):
        assert len(self.world.executions) == len(set(self.world.executions))

    @invariant()
    def one_call_of_the_function_at_a_time(self):
        assert self.world.calls <= 1

    @invariant()
    def the_budgets_hold(self):
        assert len(self.world.executions) <= RETRIES + INFRASTRUCTURE + 1

    @invariant()
    def an_end_is_final_and_the_ledger_only_grows(self):
        versions = self.world.versions
        for old, new in zip(versions[self.checked - 1 :], versions[self.checked :], strict=False):
            self.only_hooks_go_on_after_the_end(old, new)
            assert [row.number for row in new.attempts] == list(range(1, len(new.attempts) + 1))
            for before, after in zip(old.attempts, new.attempts, strict=False):
                assert before.job_uid == after.job_uid
                assert before.outcome is None or before == after
            self.completed_means_that_it_returned(new)
            assert not new.phase.is_terminal or new.lease is None
        self.checked = len(versions)

    @invariant()
    def hooks_are_called_at_most_once(self):
        assert self.world.hook_calls <= 1

    def only_hooks_go_on_after_the_end(self, old, new):
        if old.phase.is_terminal:
            assert old.model_copy(update={"hooks": None}) == new.model_copy(update={"hooks": None})
            assert old.hooks is not None
            assert not old.hooks.state.is_settled

    def completed_means_that_it_returned(self, status):
        if status.phase is Phase.COMPLETED:
            assert status.result.attempt in self.world.returned
            assert status.attempts[-1].outcome is Outcome.SUCCEEDED
        reasons = {row.reason for row in status.attempts}
        assert reasons.isdisjoint({Reason.LEDGER_INCONSISTENT, Reason.INVALID_RUNNER_REPORT})

    def teardown(self):
        """Liveness: with a worker that lives the run ends, and then nothing is written any more."""
        if not hasattr(self, "world"):
            return
        world, operator = self.world, Operator(self.world.run)
        for worker in world.workers:
            worker.is_paused = False
        world.hire()
        lives.end(world, operator)
        self.an_end_is_final_and_the_ledger_only_grows()
        lives.rest(world, operator, *self.operators)


LifeOfAServedRun.TestCase.settings = lives.tries(100, steps=40)
TestLifeOfAServedRun = LifeOfAServedRun.TestCase


def test_a_short_run_costs_one_claim_one_report_and_one_write_of_the_operator():
    world = ServedWorld(a_run().that(executor="Worker"))
    worker, operator = world.hire(), Operator(world.run)
    world.see(worker)
    assert world.claim(worker)
    world.sync(operator)
    assert world.step(operator).is_quiet
    world.begin(worker)
    world.end(worker, Reason.COMPLETED)
    world.report(worker)
    world.sync(operator)
    world.step(operator)
    assert (world.run.status.phase, world.writes) == (Phase.COMPLETED, 3)
    assert [(row.worker, row.reason) for row in world.run.status.attempts] == [(worker.name, "Completed")]
