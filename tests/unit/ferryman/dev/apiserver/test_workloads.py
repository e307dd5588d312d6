"""Jobs and Pods: what Kubernetes fills in and what it refuses."""

from __future__ import annotations

import pytest

from builders.api_servers import storage_with_widgets
from ferryman.dev.apiserver.errors import BadRequest, Invalid
from ferryman.dev.apiserver.resources import WriteOptions


@pytest.fixture
def storage():
    return storage_with_widgets()


def job(name="j", *, container=None, pod=None, **spec):
    containers = [{"name": "c", "image": "i", **(container or {})}]
    template = {"spec": {"restartPolicy": "Never", "containers": containers, **(pod or {})}}
    return {"metadata": {"name": name}, "spec": {"template": template, **spec}}


def limits(**quantities):
    return {"resources": {"limits": quantities}}


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        (job("A_b"), 'metadata.name: Invalid value: "A_b": a lowercase RFC 1123 subdomain'),
        (job("j" * 64), "must be no more than 63 bytes"),
        (job(backoffLimit=-1), "spec.backoffLimit: Invalid value: -1: must be greater than or equal to 0"),
        (job(activeDeadlineSeconds=-5), "spec.activeDeadlineSeconds: Invalid value: -5"),
        (
            job(pod={"restartPolicy": "Always"}),
            'spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"',
        ),
        (job(pod={"containers": []}), "spec.template.spec.containers: Required value"),
        (job(container={"env": [{"name": "A=B"}]}), "containers[0].env[0].name: Invalid value"),
        (job(container={"image": ""}), "spec.template.spec.containers[0].image: Required value"),
        (
            job(container={"resources": {"limits": {"cpu": "1"}, "requests": {"cpu": "2"}}}),
            "must be less than or equal to cpu limit of 1",
        ),
        (job(container=limits(cpu="-1")), "resources.limits.cpu: Invalid value"),
        (
            job(container={"volumeMounts": [{"name": "v", "mountPath": "/v"}]}),
            'volumeMounts[0].name: Not found: "v"',
        ),
        (job(selector={"matchLabels": {"a": "b"}}), "`selector` not auto-generated"),
        (
            job(
                podFailurePolicy={
                    "rules": [{"action": "Explode", "onExitCodes": {"operator": "In", "values": [1]}}]
                }
            ),
            "podFailurePolicy.rules[0].action: Unsupported value",
        ),
    ],
)
def test_a_wrong_job_is_refused_with_the_field(storage, manifest, message):
    with pytest.raises(Invalid) as caught:
        storage.create("jobs.batch", manifest)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        (job(container=limits(cpu="banana")), "quantities must match the regular expression"),
        (job(backoffLimit="3"), "cannot unmarshal string into Go struct field spec.backoffLimit"),
    ],
)
def test_what_cannot_be_decoded_is_a_bad_request(storage, manifest, message):
    with pytest.raises(BadRequest) as caught:
        storage.create("jobs.batch", manifest)
    assert message in str(caught.value)


def test_a_job_knows_its_pods_by_its_uid(storage):
    made = storage.create("jobs.batch", job())
    labels = made["spec"]["template"]["metadata"]["labels"]
    assert made["spec"]["selector"]["matchLabels"].items() <= labels.items()
    assert labels["batch.kubernetes.io/job-name"] == "j"


def test_a_jobs_template_is_immutable(storage):
    storage.create("jobs.batch", job())
    with pytest.raises(Invalid, match="spec.template: Invalid value: field is immutable"):
        storage.patch(
            "jobs.batch", "default", "j", {"spec": {"template": {"spec": {"restartPolicy": "OnFailure"}}}}
        )


def test_a_finished_job_stays_finished(storage):
    storage.create("jobs.batch", job())
    done = {"status": {"conditions": [{"type": "Complete", "status": "True"}]}}
    storage.patch("jobs.batch", "default", "j", done, subresource="status")
    with pytest.raises(Invalid, match="cannot disable Complete=True"):
        storage.patch("jobs.batch", "default", "j", {"status": {"conditions": []}}, subresource="status")


def test_a_variable_that_is_set_twice_is_a_warning(storage):
    options = WriteOptions()
    storage.create("jobs.batch", job(container={"env": [{"name": "A", "value": "1"}] * 2}), options)
    assert 'hides previous definition of "A"' in options.warnings[0]


def test_a_pods_spec_is_immutable(storage):
    storage.create("pods", {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "i"}]}})
    with pytest.raises(Invalid, match="pod updates may not change fields other than"):
        storage.patch("pods", "default", "p", {"spec": {"restartPolicy": "Never"}})


def test_text_of_a_secret_is_encoded(storage):
    made = storage.create("secrets", {"metadata": {"name": "s"}, "stringData": {"key": "value"}})
    assert (made["data"], made["type"]) == ({"key": "dmFsdWU="}, "Opaque")
