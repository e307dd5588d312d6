"""The samples, as a person tries them: `kubectl apply -f manifests/samples`, and wait."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from ferryman.dev.cluster import EmbeddedCluster

SAMPLES = Path(__file__).resolve().parents[3] / "manifests" / "samples"
NAMES = [
    doc["metadata"]["name"] for path in SAMPLES.glob("*.yaml") for doc in yaml.safe_load_all(path.read_text())
]

pytestmark = [
    pytest.mark.kubectl,
    pytest.mark.skipif(shutil.which("kubectl") is None, reason="needs kubectl on the PATH"),
]

Kubectl = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def kubectl() -> Iterator[Kubectl]:
    """A kubectl of a cluster to which every sample has been applied."""
    with EmbeddedCluster() as cluster:
        environ = os.environ | cluster.environ

        def run(*arguments: str) -> subprocess.CompletedProcess[str]:
            command = ["kubectl", *arguments]
            return subprocess.run(
                command, env=environ, capture_output=True, text=True, check=False, timeout=100
            )

        applied = run("apply", "-f", str(SAMPLES))
        assert applied.returncode == 0, applied.stderr
        yield run


@pytest.mark.parametrize("name", sorted(NAMES))
def test_the_sample_completes(kubectl, name):
    waited = kubectl("wait", "--for=condition=Succeeded", f"taskrun/{name}", "--timeout=90s")
    phase = kubectl("get", "taskrun", name, "-o", "jsonpath={.status.phase}")
    assert (phase.stdout, waited.returncode) == ("Completed", 0), waited.stderr


def test_applying_the_samples_again_changes_nothing(kubectl):
    again = kubectl("apply", "-f", str(SAMPLES))
    assert {line.rsplit(" ", 1)[-1] for line in again.stdout.splitlines()} == {"unchanged"}


def test_a_run_is_found_by_the_name_of_its_task(kubectl):
    found = kubectl("get", "frun", "--field-selector", "spec.task.name=mean", "-o", "name")
    assert found.stdout.split() == ["taskrun.ferryman.dev/mean"]


def test_an_edit_of_the_spec_is_refused_with_what_to_do(kubectl):
    edit = kubectl("patch", "taskrun", "mean", "--type=merge", "-p", '{"spec": {"timeout": "1h"}}')
    assert "timeout is immutable; create a new TaskRun instead" in edit.stderr


def test_a_typing_error_is_refused_by_name(kubectl, tmp_path):
    manifest = yaml.safe_load((SAMPLES / "entrypoint.yaml").read_text())
    manifest["spec"]["retires"] = 3
    path = tmp_path / "typo.yaml"
    path.write_text(yaml.safe_dump(manifest | {"metadata": {"name": "typo"}}))
    assert 'unknown field "spec.retires"' in kubectl("create", "-f", str(path)).stderr
