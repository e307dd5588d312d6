"""Every sample is a TaskRun that the API server accepts and that the standard library can run."""

from __future__ import annotations

import importlib
import inspect
import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from builders.admission import a_task_run, faults_of_creating
from ferryman.api import taskrun, validation

ROOT = Path(__file__).resolve().parents[3]
SAMPLES = ROOT / "manifests" / "samples"
EDITOR_SCHEMA = json.loads((ROOT / "docs/reference/taskrun.schema.json").read_text())


def manifests() -> list:
    return [
        pytest.param(manifest, id=f"{path.stem}-{manifest['metadata']['name']}")
        for path in sorted(SAMPLES.glob("*.yaml"))
        for manifest in yaml.safe_load_all(path.read_text())
    ]


@pytest.mark.parametrize("manifest", manifests())
def test_the_api_server_accepts_the_sample(manifest):
    assert faults_of_creating(manifest) == []


@pytest.mark.parametrize("manifest", manifests())
def test_the_operator_accepts_the_sample(manifest):
    assert validation.problems(taskrun.parse(manifest).spec, name=manifest["metadata"]["name"]) == ()


@pytest.mark.parametrize("manifest", manifests())
def test_the_function_of_the_sample_takes_its_values(manifest):
    spec = taskrun.parse(manifest).spec
    module, _, name = str(spec.function.entrypoint).partition(":")
    function = getattr(importlib.import_module(module), name)
    inspect.signature(function).bind(**(spec.parameters.values or {}))
    function(**(spec.parameters.values or {}))


@pytest.mark.parametrize("manifest", manifests())
def test_the_editors_schema_accepts_the_sample(manifest):
    jsonschema.Draft7Validator(EDITOR_SCHEMA).validate(manifest)


def test_the_editors_schema_refuses_a_misspelt_field():
    misspelt = a_task_run({"spec": {"retry": {"retires": 3}}})
    assert not jsonschema.Draft7Validator(EDITOR_SCHEMA).is_valid(misspelt)


def test_samples_have_names_of_their_own():
    names = [case.values[0]["metadata"]["name"] for case in manifests()]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_sample_says_what_it_shows(path):
    assert path.read_text().startswith("# ")
