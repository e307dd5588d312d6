from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders.jobs import FAIL_ON_RUNNER_CODES, NOON, a_pod, a_stored_job
from ferryman.dev.jobs import pods as job_pods
from ferryman.dev.jobs.sync import Sync, sync


def run_until_quiet(job, pods, now=NOON):
    """Apply what the controller decides until it decides nothing more; pods it stops are gone at once."""
    for _ in range(10):
        plan = sync(job, pods, now)
        if plan.status is not None:
            job = job | {"status": plan.status}
        pods = [pod for pod in pods if pod["metadata"]["name"] not in plan.stop]
        pods = [pod for pod in pods if pod["metadata"]["name"] not in plan.release]
        if plan.status is None and not plan.again and not plan.create:
            return job, pods
        pods += [a_pod("Pending") for _ in range(plan.create)]
    raise AssertionError("it never comes to rest")


def conditions(job):
    return {one["type"]: one for one in job["status"].get("conditions", ())}


def test_a_new_job_gets_one_pod_and_counts_it_as_active():
    plan = sync(a_stored_job(), [], NOON)
    assert plan.create == 1
    assert plan.status == {
        "active": 1,
        "ready": 0,
        "terminating": 0,
        "startTime": "2026-11-22T12:00:00Z",
        "uncountedTerminatedPods": {},
    }


def test_a_ready_pod_is_counted_as_ready():
    assert sync(a_stored_job(), [a_pod()], NOON).status["ready"] == 1


def test_nothing_is_done_twice():
    job = a_stored_job()
    pods = [a_pod()]
    job |= {"status": sync(job, pods, NOON).status}
    assert sync(job, pods, NOON) == Sync()


def test_a_succeeded_pod_completes_the_job_in_two_steps():
    pod = a_pod("Succeeded", exit_code=0)
    first = sync(a_stored_job(), [pod], NOON)
    assert [one["type"] for one in first.status["conditions"]] == ["SuccessCriteriaMet"]
    assert first.release == (pod["metadata"]["name"],)
    job, _ = run_until_quiet(a_stored_job(), [pod])
    assert list(conditions(job)) == ["SuccessCriteriaMet", "Complete"]
    assert (job["status"]["succeeded"], job["status"]["active"]) == (1, 0)
    assert job["status"]["completionTime"] == "2026-11-22T12:00:00Z"


def test_a_failed_pod_is_more_than_a_backoff_limit_of_zero():
    job, _ = run_until_quiet(a_stored_job(), [a_pod("Failed", exit_code=1)])
    assert conditions(job)["Failed"]["reason"] == "BackoffLimitExceeded"
    assert conditions(job)["FailureTarget"]["message"] == "Job has reached the specified backoff limit"
    assert job["status"]["failed"] == 1


def test_a_failure_policy_leaves_the_exit_code_in_the_conditions():
    pod = a_pod("Failed", exit_code=80)
    job, _ = run_until_quiet(a_stored_job(podFailurePolicy=FAIL_ON_RUNNER_CODES), [pod])
    failed = conditions(job)["Failed"]
    want = f"Container runner for pod default/{pod['metadata']['name']} failed with exit code 80 matching FailJob rule at index 2"
    assert (failed["reason"], failed["message"]) == ("PodFailurePolicy", want)


def test_a_failure_policy_knows_disruptions():
    pod = a_pod("Failed", exit_code=143, condition="DisruptionTarget")
    job, _ = run_until_quiet(a_stored_job(podFailurePolicy=FAIL_ON_RUNNER_CODES), [pod])
    want = f"Pod default/{pod['metadata']['name']} has condition DisruptionTarget matching FailJob rule at index 1"
    assert conditions(job)["Failed"]["message"] == want


def test_an_ignored_failure_is_replaced_and_not_counted():
    job = a_stored_job(podFailurePolicy=FAIL_ON_RUNNER_CODES)
    plan = sync(job, [a_pod("Failed", exit_code=7)], NOON)
    assert plan.create == 1
    assert "failed" not in plan.status


def test_an_unmatched_exit_code_counts_against_the_backoff_limit():
    job, _ = run_until_quiet(
        a_stored_job(podFailurePolicy=FAIL_ON_RUNNER_CODES), [a_pod("Failed", exit_code=9)]
    )
    assert conditions(job)["Failed"]["reason"] == "BackoffLimitExceeded"


def test_past_its_deadline_the_job_fails_only_after_its_pod_has_ended():
    job = a_stored_job(activeDeadlineSeconds=60, status={"startTime": "2026-11-22T12:00:00Z"})
    late = NOON + timedelta(seconds=61)
    pod = a_pod()
    plan = sync(job, [pod], late)
    assert plan.stop == (pod["metadata"]["name"],)
    job |= {"status": plan.status}
    stopping = a_pod("Running", deleting=True)
    job |= {"status": sync(job, [stopping], late).status}
    assert list(conditions(job)) == ["FailureTarget"]
    job |= {"status": sync(job, [a_pod("Failed", exit_code=143, deleting=True)], late).status}
    assert conditions(job)["Failed"]["reason"] == "DeadlineExceeded"
    assert job["status"]["failed"] == 1


def test_a_job_asks_to_be_woken_at_its_deadline():
    job = a_stored_job(activeDeadlineSeconds=60)
    assert sync(job, [], NOON).wake_at == NOON + timedelta(seconds=60)


def test_a_pod_that_is_being_deleted_is_replaced_only_once_it_has_ended():
    job = a_stored_job(backoffLimit=1)
    assert sync(job, [a_pod(deleting=True)], NOON).create == 0
    assert sync(job, [a_pod("Failed", exit_code=143, deleting=True)], NOON).create == 1


def test_a_suspended_job_stops_its_pods_and_forgets_when_it_started():
    job = a_stored_job(suspend=True, status={"startTime": "2026-11-22T11:00:00Z", "active": 1})
    pod = a_pod()
    plan = sync(job, [pod], NOON)
    assert plan.stop == (pod["metadata"]["name"],)
    assert plan.create == 0
    assert "startTime" not in plan.status
    assert plan.status["conditions"][0]["reason"] == "JobSuspended"


def test_a_resumed_job_starts_anew():
    job = a_stored_job(suspend=True)
    job |= {"status": sync(job, [], NOON).status}
    resumed = a_stored_job() | {"status": job["status"]}
    plan = sync(resumed, [], NOON)
    assert plan.create == 1
    assert [(one["type"], one["status"]) for one in plan.status["conditions"]] == [("Suspended", "False")]


def test_a_finished_job_is_removed_after_its_time_to_live():
    job, _ = run_until_quiet(a_stored_job(ttlSecondsAfterFinished=30), [a_pod("Succeeded", exit_code=0)])
    assert not sync(job, [], NOON + timedelta(seconds=29)).remove
    assert sync(job, [], NOON + timedelta(seconds=30)).remove


def test_a_finished_job_makes_no_pods():
    job, _ = run_until_quiet(a_stored_job(), [a_pod("Succeeded", exit_code=0)])
    assert sync(job, [], NOON) == Sync()


def test_a_job_that_is_being_deleted_lets_its_pods_go():
    job = a_stored_job()
    job["metadata"]["deletionTimestamp"] = "2026-11-22T12:00:00Z"
    pod = a_pod()
    assert sync(job, [pod], NOON) == Sync(release=(pod["metadata"]["name"],))


def test_a_pod_has_the_labels_and_the_owner_that_kubernetes_gives_it():
    job = a_stored_job()
    job["metadata"]["name"] = "x" * 63
    job["spec"]["template"]["metadata"] = {"labels": {"ferryman.dev/attempt": "1"}}
    pod = job_pods.pod_of(job, "abcde")
    assert pod["metadata"]["name"] == "x" * 58 + "-abcde"
    assert pod["metadata"]["labels"] == {
        "ferryman.dev/attempt": "1",
        "batch.kubernetes.io/controller-uid": "job-uid",
        "batch.kubernetes.io/job-name": "x" * 63,
        "controller-uid": "job-uid",
        "job-name": "x" * 63,
    }
    assert job_pods.owner_uid(pod) == "job-uid"


ENDINGS = st.sampled_from([("Succeeded", 0), ("Failed", 1), ("Failed", 80), ("Failed", 7)])


@given(endings=st.lists(ENDINGS, min_size=1, max_size=6), limit=st.integers(0, 3))
def test_however_its_pods_end_a_job_has_one_pod_at_a_time_and_one_end(endings, limit):
    job, pods = a_stored_job(backoffLimit=limit, podFailurePolicy=FAIL_ON_RUNNER_CODES), []
    for phase, code in endings:
        job, pods = run_until_quiet(job, pods)
        assert len(pods) <= 1
        pods = [a_pod(phase, exit_code=code) for _ in pods]
    job, pods = run_until_quiet(job, pods)
    ends = {"Complete", "Failed"} & set(conditions(job))
    assert len(ends) <= 1
    assert bool(ends) == (not pods)
    assert job["status"].get("failed", 0) <= limit + 1


@pytest.mark.parametrize("code", [0])
def test_exit_code_zero_is_no_failure_to_any_rule(code):
    rules = {"rules": [{"action": "FailJob", "onExitCodes": {"operator": "NotIn", "values": [80]}}]}
    job, _ = run_until_quiet(a_stored_job(podFailurePolicy=rules), [a_pod("Failed", exit_code=code)])
    assert conditions(job)["Failed"]["reason"] == "BackoffLimitExceeded"
