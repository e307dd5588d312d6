"""How an attempt ended: one row for each thing that can be left of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders.runs import (
    COMPLETE,
    FAILED,
    OOM_KILLED,
    OUT_OF_TIME,
    RAISED,
    RETURNED,
    STOPPED,
    T0,
    UID,
    a_run,
    exited,
    reports,
)
from ferryman.api.reasons import MEANING, Budget, Reason
from ferryman.api.runner_contract import ResultRef
from ferryman_operator.reconcile import outcome
from ferryman_operator.reconcile.observed import JobEnd, Pod


def ending(end, *pods, was_running=True):
    run = a_run().on_attempt(1).whose_job(end).whose_pod(*pods)
    return outcome.of_job(UID, run.jobs[-1], run.seen.pods, was_running=was_running)


def failed_with(message: str) -> JobEnd:
    return JobEnd(False, "PodFailurePolicy", message, T0)


DISRUPTED_AND_STOPPED = {**STOPPED, "disruption": "PreemptionByScheduler"}
KILLED_AND_SAID_SO = reports(Reason.RUNNER_KILLED, 143)
RAISED_AND_PREEMPTED = {**RAISED.of(1), "disruption": "PreemptionByScheduler"}

CASES = {
    "a complete Job and a report with a digest is a success": (COMPLETE, [RETURNED], Reason.COMPLETED),
    "a result from the cache is a success": (
        COMPLETE,
        [reports(Reason.CACHED, 0, result=RETURNED.result)],
        Reason.CACHED,
    ),
    "a complete Job without a report is not": (COMPLETE, [exited(0)], Reason.INVALID_RUNNER_REPORT),
    "a complete Job whose pod is gone is not": (COMPLETE, [], Reason.INVALID_RUNNER_REPORT),
    "a complete Job with a report without a result is not": (
        COMPLETE,
        [reports(Reason.COMPLETED, 0)],
        Reason.INVALID_RUNNER_REPORT,
    ),
    "a complete Job with the report of another attempt is not": (
        COMPLETE,
        [reports(Reason.COMPLETED, 0, result=RETURNED.result, attempt=2)],
        Reason.INVALID_RUNNER_REPORT,
    ),
    "a complete Job with the report of another run is not": (
        COMPLETE,
        [reports(Reason.COMPLETED, 0, result=RETURNED.result, uid="other")],
        Reason.INVALID_RUNNER_REPORT,
    ),
    "a complete Job whose report tells a failure is not": (COMPLETE, [RAISED], Reason.INVALID_RUNNER_REPORT),
    "a failed Job whose report tells a success is not": (
        FAILED,
        [reports(Reason.COMPLETED, 80, result=RETURNED.result)],
        Reason.USER_EXCEPTION,
    ),
    "the runner's word on a failure counts": (FAILED, [RAISED], Reason.USER_EXCEPTION),
    "the runner's word counts before the disruption that followed": (
        FAILED,
        [RAISED_AND_PREEMPTED],
        Reason.USER_EXCEPTION,
    ),
    "who stopped a stopped runner is known to its pod": (
        FAILED,
        [{**KILLED_AND_SAID_SO.of(1), "disruption": "DeletionByTaintManager"}],
        Reason.NODE_LOST,
    ),
    "a stopped runner that nobody else tells of was killed": (
        FAILED,
        [KILLED_AND_SAID_SO],
        Reason.RUNNER_KILLED,
    ),
    "the runner cannot say that the run was cancelled": (
        FAILED,
        [reports(Reason.CANCELLED, 81)],
        Reason.INVALID_PAYLOAD,
    ),
    "the runner cannot say that the run waits": (
        FAILED,
        [reports(Reason.QUOTA_EXCEEDED, 84)],
        Reason.INVALID_RUNNER_REPORT,
    ),
    "preempted": (FAILED, [DISRUPTED_AND_STOPPED], Reason.PREEMPTED),
    "evicted by the API": (FAILED, [{**STOPPED, "disruption": "EvictionByEvictionAPI"}], Reason.EVICTED),
    "evicted by the kubelet": (FAILED, [{**STOPPED, "disruption": "TerminationByKubelet"}], Reason.EVICTED),
    "its node was garbage collected": (
        FAILED,
        [{"phase": "Failed", "disruption": "DeletionByPodGC"}],
        Reason.NODE_LOST,
    ),
    "a disruption of a kind that is new": (FAILED, [{**STOPPED, "disruption": "Novel"}], Reason.EVICTED),
    "evicted for its ephemeral storage": (
        FAILED,
        [{"phase": "Failed", "status_reason": "Evicted"}],
        Reason.EVICTED,
    ),
    "its node shut down": (FAILED, [{"phase": "Failed", "status_reason": "NodeLost"}], Reason.NODE_LOST),
    "out of memory": (FAILED, [OOM_KILLED], Reason.OOM_KILLED),
    "killed by SIGKILL": (FAILED, [exited(137)], Reason.RUNNER_KILLED),
    "stopped by SIGTERM": (FAILED, [STOPPED], Reason.RUNNER_KILLED),
    "an exit code speaks where the report is garbage": (
        FAILED,
        [exited(80, message="Traceback ...")],
        Reason.USER_EXCEPTION,
    ),
    "no such command in the image": (FAILED, [exited(127)], Reason.INVALID_RUNNER_REPORT),
    "the pod is gone, the exit code is in the condition": (
        failed_with("Container runner for pod d/p failed with exit code 82 matching FailJob rule at index 1"),
        [],
        Reason.TIMEOUT,
    ),
    "the pod is gone, a disruption is in the condition": (
        failed_with("Pod d/p has condition DisruptionTarget matching FailJob rule at index 0"),
        [],
        Reason.ATTEMPT_LOST,
    ),
    "the pod is gone, nothing is known": (
        JobEnd(False, "BackoffLimitExceeded", "Job has reached the specified backoff limit", T0),
        [],
        Reason.ATTEMPT_LOST,
    ),
    "the Job's deadline stopped what ran": (OUT_OF_TIME, [], Reason.TIMEOUT),
    "the Job's deadline stopped the runner, which said that it was stopped": (
        OUT_OF_TIME,
        [KILLED_AND_SAID_SO],
        Reason.TIMEOUT,
    ),
    "of two pods the one that has the result counts": (
        COMPLETE,
        [reports(Reason.CLAIM_LOST, 84), RETURNED],
        Reason.COMPLETED,
    ),
    "of two pods the one that had the claim counts": (
        FAILED,
        [RAISED, reports(Reason.CLAIM_LOST, 84)],
        Reason.USER_EXCEPTION,
    ),
}


@pytest.mark.parametrize(("end", "pods", "want"), CASES.values(), ids=CASES)
def test_reason(end, pods, want):
    assert ending(end, *pods).reason is want


def test_the_jobs_deadline_is_a_start_timeout_where_nothing_ever_ran():
    assert ending(OUT_OF_TIME, was_running=False).reason is Reason.START_TIMEOUT


def test_another_jobs_pod_says_nothing():
    run = a_run().on_attempt(1).whose_job(COMPLETE).whose_pod({**RETURNED.of(1), "job_uid": "another"})
    assert not outcome.of_job(UID, run.jobs[-1], run.seen.pods, was_running=True).is_success


def test_a_lost_job_is_lost_even_if_its_pod_has_a_result():
    pods = a_run().on_attempt(1).whose_pod(RETURNED).seen.pods
    assert outcome.of_lost_job(UID, 1, "job-1", pods).reason is not Reason.COMPLETED


def test_the_pod_of_a_lost_job_can_still_tell_what_the_function_raised():
    pods = a_run().on_attempt(1).whose_pod(RAISED).seen.pods
    assert outcome.of_lost_job(UID, 1, "job-1", pods).reason is Reason.USER_EXCEPTION


def test_a_failure_keeps_where_its_exception_is():
    assert ending(FAILED, RAISED).result == RAISED.result


def test_a_report_that_is_not_believed_leaves_no_result():
    told = reports(Reason.COMPLETED, 137, result=ResultRef("ab" * 32, 1, "json"))
    assert ending(FAILED, told).result is None


def test_a_permanent_failure_without_report_is_not_tried_again():
    assert MEANING[ending(FAILED, exited(81)).reason].budget is Budget.NONE


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=8,
)
report_like = st.fixed_dictionaries(
    {"version": st.sampled_from([1, 1, 1, 2, None]), "uid": st.just(UID) | json_values},
    optional={
        name: json_values
        | st.sampled_from([*Reason, 1, {"sha256": "ab" * 32, "size": 1, "serializer": "json"}])
        for name in ("attempt", "reason", "message", "exception", "result", "started", "finished", "timings")
    },
)


@given(
    message=st.text() | report_like.map(lambda value: __import__("json").dumps(value)),
    code=st.integers(-1, 300),
    complete=st.booleans(),
    text=st.text(),
)
def test_whatever_a_pod_leaves_behind_is_some_ending_and_a_success_needs_a_digest(
    message, code, complete, text
):
    end = JobEnd(complete, text, text, T0)
    found = ending(end, {**exited(code, text, message), "disruption": text, "status_reason": text})
    assert MEANING[found.reason].phase.is_terminal
    assert not found.is_success or (complete and code == 0 and len(found.result.sha256) == 64)


@given(st.floats())
def test_any_number_of_seconds_is_a_moment_or_none(seconds):
    assert outcome.moment(seconds) is None or outcome.moment(seconds).tzinfo is not None


def test_pods_without_an_exit_are_not_asked():
    pod = Pod("p", "u", "job-1", "n", "Failed")
    assert outcome.of_lost_job(UID, 1, "job-1", [pod]).reason is Reason.ATTEMPT_LOST
