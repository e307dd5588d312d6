"""The chart grants what the operator's cluster port needs, where it needs it, and nothing else."""

from __future__ import annotations

import pytest
import yaml

from builders.chart import CHART, NAMESPACE, of_kind, rendered
from ferryman.api import names
from ferryman.api.rights import RoleRule
from ferryman.worker.cluster import REQUIRED_RULES as WORKER_RULES
from ferryman_operator.cluster import REQUIRED_RULES

LEASES = {one for one in REQUIRED_RULES if one.resource == "leases"}
WORK = set(REQUIRED_RULES) - LEASES | {RoleRule("coordination.k8s.io", "leases", ("get",))}
"""The Leases of workers are read where the runs are."""
SERVED = [pytest.param([], id="all"), pytest.param(["reports"], id="one"), pytest.param(["a", "b"], id="two")]


def granted(role: dict) -> set[tuple[str, str, str]]:
    return {
        (group, resource, verb)
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def needed(rules: set) -> set[tuple[str, str, str]]:
    return {(one.group, one.resource, verb) for one in rules for verb in one.verbs}


def operators_roles(objects: list[dict]) -> dict[tuple[str, str], set]:
    """Of every role that is bound to the operator's account: where it holds, and what it grants."""
    roles = {(r["kind"], r["metadata"].get("namespace"), r["metadata"]["name"]): r for r in objects}
    found = {}
    for binding in of_kind(objects, "RoleBinding", "ClusterRoleBinding"):
        assert binding["subjects"] == [{"kind": "ServiceAccount", "name": "ferryman", "namespace": NAMESPACE}]
        namespace = binding["metadata"].get("namespace")
        role = roles[binding["roleRef"]["kind"], namespace, binding["roleRef"]["name"]]
        found[namespace or "*", role["metadata"]["name"]] = granted(role)
    return found


@pytest.mark.parametrize("namespaces", SERVED)
def test_the_operator_gets_its_rules_where_it_serves_runs(namespaces):
    roles = operators_roles(rendered(values={"namespaces": namespaces}))
    work = {where: rules for (where, name), rules in roles.items() if not name.endswith("-lease")}
    assert work == dict.fromkeys(namespaces or ["*"], needed(WORK))


@pytest.mark.parametrize("namespaces", SERVED)
def test_the_operator_gets_the_lease_in_its_own_namespace_only(namespaces):
    roles = operators_roles(rendered(values={"namespaces": namespaces}))
    lease = {where: rules for (where, name), rules in roles.items() if name.endswith("-lease")}
    assert lease == {NAMESPACE: needed(LEASES)}


def test_the_operator_can_change_its_own_lease_only():
    (role,) = [one for one in of_kind(rendered(), "Role") if one["metadata"]["name"].endswith("-lease")]
    verbs = {verb for rule in role["rules"] if "resourceNames" not in rule for verb in rule["verbs"]}
    assert verbs == {"create"}


def test_without_a_lease_there_is_no_right_to_write_leases():
    objects = rendered(values={"settings.lease.enabled": False, "operator.replicas": 1})
    rights = {one for rules in operators_roles(objects).values() for one in rules}
    assert {verb for _, resource, verb in rights if resource == "leases"} == {"get"}


WORKERS = {"workers.enabled": True, "workers.namespaces": ["a", "b"]}


def test_workers_get_what_their_port_needs_and_nothing_else():
    objects = rendered(values=WORKERS)
    roles = [one for one in of_kind(objects, "Role") if one["metadata"]["name"].endswith("-worker")]
    assert [one["metadata"]["namespace"] for one in roles] == ["a", "b"]
    assert [granted(one) for one in roles] == [needed(set(WORKER_RULES))] * 2


def test_workers_rights_are_bound_to_their_account_only():
    objects = rendered(values=WORKERS)
    bindings = [one for one in of_kind(objects, "RoleBinding") if one["metadata"]["name"].endswith("-worker")]
    accounts = [(one["name"], one["namespace"]) for binding in bindings for one in binding["subjects"]]
    assert accounts == [("ferryman-worker", "a"), ("ferryman-worker", "b")]


def test_there_are_no_workers_unless_they_are_wanted():
    assert not [one for one in rendered() if "worker" in one["metadata"]["name"]]


def test_no_role_has_a_wildcard():
    every = [granted(one) for one in of_kind(rendered(), "Role", "ClusterRole")]
    assert not [rule for rules in every for rule in rules if "*" in rule]


def test_people_who_view_cannot_write():
    (role,) = [
        one for one in of_kind(rendered(), "ClusterRole") if one["metadata"]["name"] == "ferryman-view"
    ]
    assert granted(role) == {(names.GROUP, names.PLURAL, verb) for verb in ("get", "list", "watch")}


def test_people_who_edit_cannot_write_a_status():
    (role,) = [
        one for one in of_kind(rendered(), "ClusterRole") if one["metadata"]["name"] == "ferryman-edit"
    ]
    assert {resource for _, resource, _ in granted(role)} == {names.PLURAL, "serviceaccounts"}


def test_the_right_to_name_service_accounts_can_be_kept_back():
    objects = rendered(values={"rbac.editorsUseServiceAccounts": False})
    assert not [
        one for one in of_kind(objects, "ClusterRole") if ("", "serviceaccounts", "use") in granted(one)
    ]


def test_the_example_of_a_worker_uses_the_charts_account():
    example = yaml.safe_load((CHART / "examples" / "worker.yaml").read_text())
    pod = example["spec"]["template"]["spec"]
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    assert pod["serviceAccountName"] == values["workers"]["serviceAccount"]
    assert pod["containers"][0]["command"][:2] == ["ferryman", "serve"]
