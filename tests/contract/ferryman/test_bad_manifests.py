"""Every bad TaskRun is refused with words that name the field, the limit and what to do."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from builders.admission import a_task_run, created, faults_of_changing, faults_of_creating
from ferryman.api import taskrun, validation

INVALID = Path(__file__).resolve().parents[2] / "fixtures" / "invalid"


def cases(name: str) -> list:
    return [pytest.param(case, id=case["id"]) for case in yaml.safe_load((INVALID / name).read_text())]


def manifest_of(case: dict) -> dict:
    return a_task_run({"spec": {"pod": case["pod"]}} if "pod" in case else case["set"])


def said_by_the_client(manifest: dict) -> tuple[str, ...]:
    try:
        run = taskrun.parse(manifest)
    except ValidationError as error:
        return validation.describe(error)
    return validation.problems(run.spec, name=manifest["metadata"]["name"])


@pytest.mark.parametrize("case", [*cases("spec.yaml"), *cases("pod.yaml")])
def test_the_api_server_refuses(case):
    faults = "\n".join(faults_of_creating(manifest_of(case)))
    assert [said for said in case["says"] if said not in faults] == [], faults


@pytest.mark.parametrize("case", [*cases("spec.yaml"), *cases("pod.yaml")])
def test_the_client_refuses_before_it_submits(case):
    assert said_by_the_client(manifest_of(case))


@pytest.mark.parametrize("case", cases("changes.yaml"))
def test_the_api_server_refuses_the_change(case):
    before = created(a_task_run(case.get("before")))
    before["status"] = case.get("status", before["status"])
    faults = "\n".join(faults_of_changing(before, case["after"], case.get("subresource", "")))
    assert [said for said in case["says"] if said not in faults] == [], faults


def test_the_smallest_taskrun_is_accepted():
    assert faults_of_creating(a_task_run()) == []


def test_a_new_taskrun_shows_a_phase_before_anybody_wrote_one():
    assert created(a_task_run())["status"] == {"phase": "Pending"}


def test_a_status_that_a_user_sends_with_a_create_is_dropped():
    assert created(a_task_run({"status": {"phase": "Completed"}}))["status"] == {"phase": "Pending"}


def test_a_run_may_be_cancelled_at_its_creation():
    assert faults_of_creating(a_task_run({"spec": {"cancelRequested": True}})) == []


def test_a_run_may_be_cancelled_later():
    assert faults_of_changing(created(a_task_run()), {"spec": {"cancelRequested": True}}) == []


def test_a_run_of_no_time_to_live_is_accepted():
    assert faults_of_creating(a_task_run({"spec": {"ttlAfterFinished": "0s"}})) == []


def test_applying_the_same_manifest_twice_changes_nothing():
    assert faults_of_changing(created(a_task_run()), a_task_run()) == []


def test_labels_may_change_when_the_run_has_ended():
    ended = created(a_task_run()) | {"status": {"phase": "Completed"}}
    assert faults_of_changing(ended, {"metadata": {"labels": {"team": "a"}}}) == []


def test_the_status_of_a_live_run_may_change_its_phase():
    live = created(a_task_run()) | {"status": {"phase": "Running"}}
    assert faults_of_changing(live, {"status": {"phase": "Completed"}}, "status") == []


def test_more_than_a_thousand_dependencies_are_refused():
    many = [{"name": f"run-{i}"} for i in range(1001)]
    faults = "\n".join(faults_of_creating(a_task_run({"spec": {"dependsOn": many}})))
    assert "spec.dependsOn: Too many: 1001: must have at most 1000 items" in faults


def test_more_labels_than_fit_are_refused():
    labels = {f"l{i}": "x" for i in range(65)}
    assert "spec.pod.labels" in "\n".join(
        faults_of_creating(a_task_run({"spec": {"pod": {"labels": labels}}}))
    )


def test_a_taskrun_of_253_characters_is_accepted():
    assert faults_of_creating(a_task_run({"metadata": {"name": "a" * 253}})) == []


def test_values_of_more_than_64_kib_are_refused_by_the_client():
    told = said_by_the_client(a_task_run({"spec": {"parameters": {"values": {"text": "x" * 65536}}}}))
    assert len(told) == 1
    assert told[0].startswith(
        "spec.parameters.values: must be at most 65536 bytes as JSON, not 65547; submit with"
    )


def test_the_client_explains_a_bad_duration_as_the_api_server_does():
    bad = a_task_run({"spec": {"retry": {"delays": ["1s", "3d"]}}})
    (told,) = said_by_the_client(bad)
    (fault,) = faults_of_creating(bad)
    assert told.startswith("spec.retry.delays[1]: delays must be a duration such as 90s or 1h30m")
    assert told.partition(": ")[2] in fault
