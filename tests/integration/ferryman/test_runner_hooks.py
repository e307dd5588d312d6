"""Who calls the hooks of a run in the pod, and with what: real runner processes, a real store."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time

import pytest

from builders.attempt import NAMESPACE, RunnerLab, terminate
from ferryman import get_run_context, task
from ferryman.api.reasons import Reason
from ferryman.api.runner_contract import Mode, RunEnding
from ferryman.wire import keys

pytestmark = pytest.mark.timeout(90)

BOTH = ("Completion", "Failure")


def tell(task, task_run, state):
    outcome = state.result(raise_on_failure=False)
    print(f"hook {task.name} {task_run.run_count} {state.name} {state.reason} {outcome!r}", flush=True)


def raise_it(task, task_run, state):
    raise RuntimeError("no hook")


async def tell_later(task, task_run, state):
    await asyncio.sleep(0)
    tell(task, task_run, state)


def exit_at_once(task, task_run, state):
    os._exit(3)


def hang(task, task_run, state):
    time.sleep(300)


def with_hooks(function, *hooks, **options):
    return task(on_completion=list(hooks or [tell]), on_failure=list(hooks or [tell]), **options)(function)


def seal(runner_lab, chosen, *args):
    return runner_lab.seal(chosen, *args, by_value=[sys.modules[__name__]])


def told(outcome):
    return [line for line in outcome.output.splitlines() if line.startswith("hook ")]


@pytest.fixture
def runner_lab(object_store, bucket, tmp_path):
    return RunnerLab(object_store, bucket, tmp_path)


@pytest.fixture
def run(runner_lab: RunnerLab):
    def carry_out(chosen, *args, **fields):
        blobs = seal(runner_lab, chosen, *args)
        return runner_lab.run_assignment(
            runner_lab.assignment(**{**blobs, "hooks": BOTH, **fields}), impatient=True
        )

    return carry_out


def add(x, y):
    return x + y


def refuse():
    raise ValueError("no")


def test_completion_hooks_get_the_value_after_it_is_stored(run, runner_lab):
    outcome = run(with_hooks(add), 1, 2)
    assert told(outcome) == ["hook add 1 Completed Completed 3"]
    assert outcome.report.hooks.called
    assert runner_lab.value(outcome) == 3


def test_failure_hooks_get_the_exception_where_no_retry_follows(run):
    outcome = run(with_hooks(refuse))
    assert told(outcome) == ["hook refuse 1 Failed UserException ValueError('no')"]
    assert outcome.report.reason is Reason.USER_EXCEPTION


def test_where_a_retry_follows_no_hook_is_called(run):
    outcome = run(with_hooks(refuse), retries_left=True)
    assert (told(outcome), outcome.report.hooks) == ([], None)


def test_where_the_condition_declines_the_retry_they_are_called(run):
    outcome = run(with_hooks(refuse, retry_condition_fn=lambda *_: False), retries_left=True)
    assert len(told(outcome)) == 1


def test_a_hook_that_raises_is_logged_and_the_next_one_is_called(run):
    outcome = run(with_hooks(add, raise_it, tell), 1, 2)
    assert len(told(outcome)) == 1
    assert "RuntimeError: no hook" in outcome.errors
    assert outcome.report.reason is Reason.COMPLETED
    assert outcome.report.hooks.message == "raise_it raised RuntimeError: no hook"


def test_async_hooks_are_awaited(run):
    assert len(told(run(with_hooks(add, tell_later), 1, 2))) == 1


def test_a_hook_that_ends_its_process_changes_nothing_of_the_outcome(run):
    outcome = run(with_hooks(add, exit_at_once, tell), 1, 2)
    assert (outcome.report.reason, outcome.exit_code) == (Reason.COMPLETED, 0)
    assert (told(outcome), outcome.report.hooks.called) == ([], True)
    assert "did not come to an end" in outcome.report.hooks.message


def test_a_hook_that_hangs_is_killed_and_changes_nothing_of_the_outcome(run):
    outcome = run(with_hooks(add, tell, hang), 1, 2)
    assert outcome.report.reason is Reason.COMPLETED
    assert "did not come to an end" in outcome.report.hooks.message


def test_hooks_do_not_count_into_the_timeout(run):
    def slow(task, task_run, state):
        time.sleep(0.6)
        tell(task, task_run, state)

    outcome = run(with_hooks(add, slow), 1, 2, timeout=0.5)
    assert (outcome.report.reason, len(told(outcome))) == (Reason.COMPLETED, 1)


def test_hooks_are_inside_the_context_of_the_run(run):
    def look(task, task_run, state):
        print("hook", get_run_context().parameters, get_run_context().task_run == task_run)

    assert told(run(with_hooks(add, look), 1, 2)) == ["hook {'x': 1, 'y': 2} True"]


def test_hooks_see_the_same_start_of_the_attempt_as_the_function(run):
    def began():
        return get_run_context().task_run.start_time.isoformat()

    def look(task, task_run, state):
        print("hook", task_run.start_time.isoformat() == state.result())

    assert told(run(with_hooks(began, look))) == ["hook True"]


def test_after_sys_exit_none_is_called(run):
    def leave():
        sys.exit("bye")

    outcome = run(with_hooks(leave))
    assert (told(outcome), outcome.report.reason) == ([], Reason.PROCESS_EXITED)
    assert not outcome.report.hooks.called


def hang_in_c():
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    time.sleep(300)


def leave_at_once():
    os._exit(7)


def fall_over():
    os.kill(os.getpid(), signal.SIGSEGV)


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (hang_in_c, "TimedOut Timeout TaskRunTimeoutError"),
        (leave_at_once, "Crashed ProcessExited RunCrashed"),
        (fall_over, "Crashed ProcessKilled AttemptsExhausted"),
    ],
)
def test_where_the_process_of_the_function_died_a_new_one_calls_them(run, function, said):
    outcome = run(with_hooks(function), timeout=1.0)
    assert len(told(outcome)) == 1
    assert said in told(outcome)[0]
    assert outcome.report.hooks.called


def test_where_a_retry_follows_a_death_no_hook_is_called(run):
    outcome = run(with_hooks(fall_over), infrastructure_retries_left=True)
    assert (told(outcome), outcome.report.hooks) == ([], None)


def test_hooks_that_were_claimed_before_are_not_called_again(runner_lab):
    blobs = seal(runner_lab, with_hooks(add), 1, 2)
    first = runner_lab.assignment(**blobs, hooks=BOTH)
    runner_lab.store.create(keys.hooks(NAMESPACE, first.uid), b'{"token": "other", "pod_name": "pod-0"}')
    outcome = runner_lab.run_assignment(first)
    assert (told(outcome), outcome.report.hooks.called) == ([], True)
    assert "pod-0 had them before" in outcome.report.hooks.message


class TestTheHookAttempt:
    def after(self, runner_lab, chosen, ending, *args, **fields):
        blobs = seal(runner_lab, chosen, *args)
        here = runner_lab.assignment(**blobs, hooks=BOTH, mode=Mode.HOOKS, ending=ending, **fields)
        return runner_lab.run_assignment(here)

    def test_calls_them_with_the_state_that_the_operator_gives(self, runner_lab):
        ending = RunEnding(Reason.OOM_KILLED, "too much")
        outcome = self.after(runner_lab, with_hooks(add), ending, 1, 2)
        assert told(outcome)[0].startswith("hook add 1 Crashed OOMKilled OutOfMemory('run a-run: too much")
        assert (outcome.exit_code, outcome.report.hooks.called) == (0, True)

    def test_gives_cancelled_runs_a_cancelled_state(self, runner_lab):
        outcome = self.after(runner_lab, with_hooks(add), RunEnding(Reason.CANCELLED), 1, 2)
        assert told(outcome)[0].startswith("hook add 1 Cancelled Cancelled CancelledRun")

    def test_never_calls_the_function(self, runner_lab):
        outcome = self.after(runner_lab, with_hooks(refuse), RunEnding(Reason.NODE_LOST))
        assert outcome.report.reason is Reason.COMPLETED
        assert len(told(outcome)) == 1

    def test_fetches_the_outcome_that_was_stored_before(self, runner_lab):
        blobs = seal(runner_lab, task(add), 20, 22)
        before = runner_lab.run_assignment(runner_lab.assignment(**blobs))
        result = before.report.result
        where = type(result)(result.sha256, result.size, result.serializer, before.report.uid, 1)
        outcome = self.after(runner_lab, with_hooks(add), RunEnding(Reason.CACHED, result=where), 1, 2)
        assert told(outcome) == ["hook add 1 Cached Cached 42"]

    def test_that_comes_too_late_calls_none(self, runner_lab):
        ending = RunEnding(Reason.OOM_KILLED)
        outcome = self.after(runner_lab, with_hooks(add), ending, 1, 2, not_after=time.time() - 1)
        assert (told(outcome), outcome.report.hooks) == ([], None)
        assert outcome.exit_code != 0


def test_a_pod_that_is_stopped_while_hooks_hang_still_reports_the_outcome(runner_lab):
    def note(task, task_run, state):
        print("hook begins", flush=True)
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        time.sleep(300)

    here = runner_lab.assignment(**seal(runner_lab, with_hooks(add, note), 1, 2), hooks=BOTH)
    process = runner_lab.start(here, impatient=True, hooks=60.0)
    assert process.stdout.readline() == "hook begins\n"
    terminate(process)
    outcome = runner_lab.finish(process)
    assert (outcome.report.reason, outcome.exit_code) == (Reason.COMPLETED, 0)
    assert runner_lab.value(outcome) == 3
