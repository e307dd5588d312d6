"""The rights that docs/flows.md gives to a flow's service account are those that its code needs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
(SHOWN,) = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "flows.md").read_text(), re.DOTALL)
OBJECTS = list(yaml.safe_load_all(SHOWN))
INSTALLED = list(yaml.safe_load_all((ROOT / "manifests" / "install.yaml").read_text()))


def rules_of(ref):
    places = OBJECTS if ref["kind"] == "Role" else INSTALLED
    (role,) = [one for one in places if one["kind"] == ref["kind"] and one["metadata"]["name"] == ref["name"]]
    return role["rules"]


GRANTED = {
    (group, resource, verb)
    for binding in OBJECTS
    if binding["kind"] == "RoleBinding"
    for rule in rules_of(binding["roleRef"])
    for group in rule["apiGroups"]
    for resource in rule["resources"]
    for verb in rule["verbs"]
}


@pytest.mark.parametrize(
    "needed",
    [
        *(("ferryman.dev", "taskruns", verb) for verb in ("create", "get", "list", "watch", "patch")),
        ("batch", "jobs", "create"),
        ("", "serviceaccounts", "use"),
        ("", "pods", "list"),
        ("", "pods/log", "get"),
    ],
    ids=lambda needed: f"{needed[2]}-{needed[1].replace('/', '-')}",
)
def test_a_flow_may_do_what_it_does(needed):
    assert needed in GRANTED


def test_every_binding_is_the_accounts_in_its_own_namespace():
    (account,) = [one for one in OBJECTS if one["kind"] == "ServiceAccount"]
    bindings = [one for one in OBJECTS if one["kind"] == "RoleBinding"]
    assert {one["metadata"]["namespace"] for one in bindings} == {account["metadata"]["namespace"]}
    assert [one["subjects"] for one in bindings] == [[{"kind": "ServiceAccount", **account["metadata"]}]] * 3
