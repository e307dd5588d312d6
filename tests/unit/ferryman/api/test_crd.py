from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from ferryman.api import rules
from ferryman.api.crd import crd, schema
from ferryman.api.phases import Phase
from ferryman.api.taskrun import TaskRunSpec, TaskRunStatus

ROOT = Path(__file__).resolve().parents[4]


def nodes(node: dict, path: str = "") -> Iterator[tuple[str, dict]]:
    """Every schema in a schema, with where it is."""
    yield path, node
    for name, child in node.get("properties", {}).items():
        yield from nodes(child, f"{path}.{name}")
    for key in ("items", "additionalProperties"):
        if isinstance(node.get(key), dict):
            yield from nodes(node[key], f"{path}[]")


OURS = [(path, node) for path, node in nodes(schema()) if path not in {".apiVersion", ".kind", ".metadata"}]


def those_with(**wanted) -> list[tuple[str, dict]]:
    return [(path, node) for path, node in OURS if wanted.items() <= node.items()]


def test_it_is_the_same_every_time():
    assert crd() == crd()


def test_it_fits_a_configmap_and_an_annotation_of_kubectl_apply():
    assert len(json.dumps(crd())) < 200_000


def test_every_schema_has_a_type():
    assert [p for p, node in OURS if "type" not in node and "x-kubernetes-int-or-string" not in node] == []


@pytest.mark.parametrize(
    "keyword", ["$ref", "$defs", "anyOf", "oneOf", "allOf", "not", "const", "title", "nullable"]
)
def test_no_schema_uses(keyword):
    assert [p for p, node in OURS if keyword in node] == []


def test_every_text_is_bounded():
    free = {p for p, node in those_with(type="string") if not {"maxLength", "enum"} & set(node)}
    assert {p for p in free if dict(OURS)[p].get("format") != "date-time"} == set()


def test_every_list_is_bounded():
    assert [p for p, node in those_with(type="array") if "maxItems" not in node] == []


def test_every_open_object_is_bounded():
    opened = [(p, n) for p, n in those_with(type="object") if "properties" not in n]
    assert [p for p, node in opened if "maxProperties" not in node] == []


def test_every_integer_has_a_format_that_holds_its_bounds():
    assert [p for p, node in those_with(type="integer") if node.get("format") not in {"int32", "int64"}] == []


def test_every_field_outside_the_pod_is_described():
    fields = [(p, n) for p, n in OURS if not p.startswith(".spec.pod.") and not p.endswith("[]")]
    assert [p for p, node in fields if "description" not in node] == []


def test_every_field_of_the_spec_is_immutable_or_known_to_be_mutable():
    fields = {field.alias for field in TaskRunSpec.model_fields.values()}
    assert fields == {*rules.REQUIRED, *rules.OPTIONAL, *rules.MUTABLE}


def test_every_field_of_the_status_but_the_hooks_is_final_once_the_run_has_ended():
    fields = {field.alias for field in TaskRunStatus.model_fields.values()}
    assert fields == {*rules.FINAL_STATUS, "hooks"}


def test_every_rule_has_a_message_that_fits_the_api():
    assert [
        rule.message for rule in rules.RULES if "\n" in rule.message or not 0 < len(rule.message) <= 2048
    ] == []


def test_every_rule_but_transitions_can_be_asked_without_an_api_server():
    assert [rule.cel for rule in rules.RULES if (rule.holds is None) != ("oldSelf" in rule.cel)] == []


def test_the_keys_of_every_list_that_is_a_map_are_required():
    keyed = [(p, n) for p, n in OURS if n.get("x-kubernetes-list-type") == "map"]
    assert [
        p for p, n in keyed if not set(n["x-kubernetes-list-map-keys"]) <= set(n["items"]["required"])
    ] == []


def test_a_new_run_is_pending():
    assert schema()["properties"]["status"]["default"] == {"phase": Phase.PENDING}


def test_the_columns_are_those_that_people_look_for():
    version = crd()["spec"]["versions"][0]
    columns = [column["name"] for column in version["additionalPrinterColumns"]]
    assert columns == ["Task", "Phase", "Attempts", "Age", "Duration", "Reason"]


@pytest.mark.parametrize("path", ["manifests/crd.yaml", "charts/ferryman/crds/taskruns.yaml"])
def test_the_manifest_in_the_tree_is_the_generated_one(path):
    assert yaml.safe_load((ROOT / path).read_text()) == crd()
