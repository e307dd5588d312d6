from __future__ import annotations

import pytest

from builders.jobs import FAIL_ON_RUNNER_CODES, a_job
from builders.small_cluster import SmallCluster, conditions_of, python

SLEEP = "import time; print('up', flush=True); time.sleep(600)"


@pytest.fixture
async def cluster(tmp_path):
    async with SmallCluster(tmp_path) as cluster:
        yield cluster


async def running(cluster, job="letter"):
    await cluster.until(("jobs.batch", job), lambda found: found["status"].get("ready") == 1)
    (pod,) = cluster.pods_of(job)
    return pod["metadata"]["name"]


async def test_a_job_completes_and_says_so_in_events(cluster):
    cluster.objects.create("jobs.batch", a_job("true"))
    job = await cluster.until_condition("letter", "Complete")
    assert job["status"]["succeeded"] == 1
    reasons = [event["reason"] for event in cluster.objects.list("events", "default")]
    assert sorted(reasons) == ["Completed", "SuccessfulCreate"]
    (pod,) = cluster.pods_of("letter")
    assert not pod["metadata"].get("finalizers")


async def test_the_exit_code_of_a_failed_pod_is_in_the_jobs_condition(cluster):
    job = a_job(*python("raise SystemExit(81)"), podFailurePolicy=FAIL_ON_RUNNER_CODES)
    cluster.objects.create("jobs.batch", job)
    failed = conditions_of(await cluster.until_condition("letter", "Failed"))["Failed"]
    assert failed["reason"] == "PodFailurePolicy"
    assert "exit code 81 matching FailJob rule at index 2" in failed["message"]


async def test_a_pod_that_somebody_deletes_fails_its_job(cluster):
    cluster.objects.create("jobs.batch", a_job(*python(SLEEP)))
    cluster.delete("pods", await running(cluster), grace_seconds=1)
    job = await cluster.until_condition("letter", "Failed")
    assert conditions_of(job)["Failed"]["reason"] == "BackoffLimitExceeded"
    await cluster.until(("jobs.batch", "letter"), lambda _: cluster.pods_of("letter") == [])


async def test_a_deadline_stops_the_pod(cluster):
    cluster.objects.create("jobs.batch", a_job(*python(SLEEP), activeDeadlineSeconds=1))
    job = await cluster.until_condition("letter", "Failed")
    assert conditions_of(job)["Failed"]["reason"] == "DeadlineExceeded"
    assert (job["status"]["active"], job["status"]["terminating"]) == (0, 0)


async def test_a_pending_pod_that_is_stopped_ends_too(cluster):
    pod = {"nodeSelector": {"gpu": "yes"}}
    cluster.objects.create("jobs.batch", a_job("true", pod=pod, activeDeadlineSeconds=1))
    job = await cluster.until_condition("letter", "Failed")
    assert conditions_of(job)["Failed"]["reason"] == "DeadlineExceeded"


async def test_a_suspended_job_runs_once_it_is_resumed(cluster):
    job = cluster.objects.create("jobs.batch", a_job("true", suspend=True))
    await cluster.until_condition("letter", "Suspended")
    assert cluster.pods_of("letter") == []
    from ferryman.dev.apiserver.objects import ref

    cluster.objects.change(
        ref("jobs.batch", job), lambda job: job | {"spec": job["spec"] | {"suspend": False}}
    )
    await cluster.until_condition("letter", "Complete")


async def test_a_finished_job_goes_after_its_time_to_live(cluster):
    cluster.objects.create("jobs.batch", a_job("true", ttlSecondsAfterFinished=0))
    await cluster.until(("jobs.batch", "letter"), lambda job: job is None)


async def test_a_job_whose_pod_is_refused_was_begun_all_the_same(cluster):
    cluster.objects.create("jobs.batch", a_job("true", pod={"serviceAccountName": "clerk"}))
    await cluster.until(("jobs.batch", "letter"), lambda job: "startTime" in job.get("status", {}))
    assert cluster.objects.get("jobs.batch", "default", "letter")["status"]["active"] == 0


async def test_a_missing_service_account_is_told_once_and_waited_for(cluster):
    job = a_job("true", pod={"serviceAccountName": "clerk"})
    cluster.objects.create("jobs.batch", job)
    await cluster.until(("jobs.batch", "letter"), lambda _: bool(cluster.objects.list("events", "default")))
    (event,) = cluster.objects.list("events", "default")
    assert event["reason"] == "FailedCreate"
    assert event["message"].endswith('service account default/clerk: serviceaccount "clerk" not found')
    cluster.objects.create("serviceaccounts", {"metadata": {"name": "clerk"}})
    await cluster.until_condition("letter", "Complete")
