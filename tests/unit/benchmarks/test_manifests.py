"""What is submitted for a measurement."""

from __future__ import annotations

from benchmarks import manifests


def job() -> manifests.Object:
    labels = {
        "app": "words",
        "controller-uid": "1",
        "batch.kubernetes.io/controller-uid": "1",
        "job-name": "a",
        "batch.kubernetes.io/job-name": "a",
    }
    return {"spec": {"template": {"metadata": {"labels": labels}, "spec": {"restartPolicy": "Never"}}}}


def test_a_bare_job_has_the_pod_of_a_runs_job():
    template = manifests.template_of(job())
    assert manifests.bare_job("load", 1, template)["spec"]["template"]["spec"] == {"restartPolicy": "Never"}


def test_what_ties_a_template_to_its_job_is_left_out():
    assert manifests.template_of(job())["metadata"]["labels"] == {"app": "words"}
