"""The samples, as a person tries them: `kubectl apply -f manifests/samples`, and wait."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from builders.kubectl import NEEDS_KUBECTL, Kubectl

SAMPLES = Path(__file__).resolve().parents[3] / "manifests" / "samples"
NAMES = [
    doc["metadata"]["name"] for path in SAMPLES.glob("*.yaml") for doc in yaml.safe_load_all(path.read_text())
]

pytestmark = NEEDS_KUBECTL


@pytest.fixture(scope="module")
def kubectl(embedded_cluster):
    """A kubectl in a namespace to which every sample has been applied."""
    run = Kubectl(embedded_cluster.kubeconfig, embedded_cluster.directory, namespace="samples")
    run("create", "namespace", "samples")
    run("apply", "-f", str(SAMPLES))
    return run


@pytest.mark.parametrize("name", sorted(NAMES))
def test_the_sample_completes(kubectl, name):
    kubectl("wait", "--for=condition=Succeeded", f"taskrun/{name}", "--timeout=90s")
    assert kubectl("get", "taskrun", name, "-o", "jsonpath={.status.phase}") == "Completed"


def test_applying_the_samples_again_changes_nothing(kubectl):
    again = kubectl("apply", "-f", str(SAMPLES))
    assert {line.rsplit(" ", 1)[-1] for line in again.splitlines()} == {"unchanged"}


def test_a_run_is_found_by_the_name_of_its_task(kubectl):
    found = kubectl("get", "frun", "--field-selector", "spec.task.name=mean", "-o", "name")
    assert found.split() == ["taskrun.ferryman.dev/mean"]


def test_an_edit_of_the_spec_is_refused_with_what_to_do(kubectl):
    told = kubectl.refused("patch", "taskrun", "mean", "--type=merge", "-p", '{"spec": {"timeout": "1h"}}')
    assert "timeout is immutable; create a new TaskRun instead" in told


def test_a_typing_error_is_refused_by_name(kubectl):
    manifest = yaml.safe_load((SAMPLES / "entrypoint.yaml").read_text())
    manifest["spec"]["retires"] = 3
    told = kubectl.refused("create", "-f", "-", stdin=manifest | {"metadata": {"name": "typo"}})
    assert 'unknown field "spec.retires"' in told
