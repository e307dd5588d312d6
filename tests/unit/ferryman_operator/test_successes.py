"""The pods that a watch told of: one for each Job, so many, and each until it is asked for."""

from __future__ import annotations

from ferryman.api import names
from ferryman_operator.successes import Successes


def a_pod(job="job-1", *, uid="pod-1", namespace="default"):
    owner = {"kind": "Job", "uid": job, "controller": True}
    meta = {"name": uid, "uid": uid, "namespace": namespace, "ownerReferences": [owner]}
    container = {"name": names.RUNNER_CONTAINER, "state": {"terminated": {"exitCode": 0, "message": "told"}}}
    return {"metadata": meta, "status": {"phase": "Succeeded", "containerStatuses": [container]}}


def after(*told, most=10):
    successes = Successes(most)
    for raw in told:
        successes.note(raw)
    return successes


def test_the_pod_of_a_job_is_kept_with_its_exit():
    assert after(a_pod()).take("default", "job-1").exit.message == "told"


def test_what_is_taken_is_forgotten():
    successes = after(a_pod())
    successes.take("default", "job-1")
    assert successes.take("default", "job-1") is None


def test_a_pod_that_is_told_twice_is_one():
    assert after(a_pod(), a_pod()).take("default", "job-1").uid == "pod-1"


def test_several_pods_of_a_job_are_left_to_a_list():
    several = after(a_pod(), a_pod(uid="pod-2"), a_pod())
    assert several.take("default", "job-1") is None


def test_a_pod_says_nothing_about_a_job_of_another_namespace():
    assert after(a_pod(namespace="elsewhere")).take("default", "job-1") is None


def test_the_oldest_go_where_there_are_too_many():
    full = after(*(a_pod(f"job-{n}") for n in range(4)), most=3)
    assert [full.take("default", f"job-{n}") is not None for n in range(4)] == [False, True, True, True]


def test_what_is_no_pod_of_a_job_is_ignored():
    successes = after({}, {"metadata": "none"}, a_pod(job=""))
    assert successes.take("default", "") is None
