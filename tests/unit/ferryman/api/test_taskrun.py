from __future__ import annotations

from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from ferryman.api import taskrun, validation
from ferryman.api.crd import schema
from ferryman.api.phases import Phase

MOMENT = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
LEAST = {
    "apiVersion": "ferryman.dev/v1alpha1",
    "kind": "TaskRun",
    "metadata": {"name": "report"},
    "spec": {"task": {"name": "report"}, "function": {"entrypoint": "reports.daily:build"}},
}


def test_the_least_manifest_is_written_as_it_was_read():
    assert taskrun.render(taskrun.parse(LEAST)) == LEAST


def test_a_status_that_goes_back_to_pending_says_so():
    """It is written as a merge patch, which leaves alone what it does not name."""
    assert taskrun.render(taskrun.TaskRunStatus(phase=Phase.PENDING)) == {"phase": "Pending"}


def test_a_condition_is_written_with_its_type():
    condition = taskrun.Condition(status="True", reason="Completed", last_transition_time=MOMENT)
    assert taskrun.render(condition)["type"] == "Succeeded"


def test_the_uid_of_a_job_is_spelt_as_kubernetes_does():
    attempt = taskrun.Attempt(number=1, job_name="report-0123abcd-1", job_uid="u")
    assert taskrun.render(attempt) == {"number": 1, "jobName": "report-0123abcd-1", "jobUID": "u"}


def test_what_a_model_does_not_know_is_refused_by_its_path():
    with pytest.raises(ValidationError) as refused:
        taskrun.parse(LEAST | {"spec": LEAST["spec"] | {"retry": {"retires": 3}}})
    assert validation.describe(refused.value) == ("spec.retry.retires: Extra inputs are not permitted",)


def test_what_was_refused_is_told_without_the_values():
    with pytest.raises(ValidationError) as refused:
        taskrun.parse(LEAST | {"spec": LEAST["spec"] | {"timeout": "hunter2"}})
    assert "hunter2" not in "".join(validation.describe(refused.value))


@pytest.mark.parametrize("part", ["spec", "status"])
def test_the_schema_has_every_field_of_the_models(part):
    model = {"spec": taskrun.TaskRunSpec, "status": taskrun.TaskRunStatus}[part]
    assert set(schema()["properties"][part]["properties"]) == {f.alias for f in model.model_fields.values()}


def test_the_defaults_of_the_schema_are_those_of_the_models():
    spec = taskrun.parse(LEAST).spec.model_dump(mode="json", by_alias=True)
    fields = schema()["properties"]["spec"]["properties"]
    stated = {
        name: field["default"] for name, field in fields.items() if field.get("default") not in (None, {})
    }
    assert stated == {name: spec[name] for name in stated}
    for part in ("retry", "result"):
        inner = {k: f["default"] for k, f in fields[part]["properties"].items() if "default" in f}
        assert inner == {name: spec[part][name] for name in inner}
