"""What the chart renders: as reviewed, valid, and nothing outside its scope."""

from __future__ import annotations

from pathlib import Path

import pytest

from builders import builtin_kinds
from builders.chart import CHART, NAMESPACE, configuration, of_kind, only, rendered, rendered_text, run_helm
from ferryman.dev.apiserver.builtin_resources import builtin_registry
from ferryman.dev.apiserver.storage import Storage

HERE = Path(__file__).parent
SETS = sorted(path.stem for path in (HERE / "values").glob("*.yaml"))
EXTENSIONS = {"PodMonitor", "ServiceMonitor"}
CLUSTER_SCOPED = {
    "ClusterRole",
    "ClusterRoleBinding",
    "CustomResourceDefinition",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
}


def values_of(name: str) -> str:
    return f"--values={HERE / 'values' / name}.yaml"


def objects_of(name: str) -> list[dict]:
    return rendered(values_of(name))


@pytest.mark.parametrize("name", SETS)
def test_helm_finds_nothing_to_say_about_the_chart(name):
    assert "0 chart(s) failed" in run_helm("lint", "--strict", str(CHART), values_of(name))


@pytest.mark.parametrize("name", SETS)
def test_the_rendering_is_the_one_that_was_reviewed(name):
    """`make generate` writes it anew; look at the difference before you commit it."""
    assert rendered_text(values_of(name)) == (HERE / "golden" / f"{name}.yaml").read_text()


@pytest.mark.parametrize("name", SETS)
def test_every_object_has_the_shape_of_its_kind(name):
    found = [one for one in objects_of(name) if one["kind"] not in EXTENSIONS]
    assert [fault for one in found for fault in builtin_kinds.faults(one)] == []


@pytest.mark.parametrize("name", SETS)
def test_the_embedded_api_server_accepts_what_it_serves_of_it(name):
    objects = objects_of(name)
    pod = only(objects, "Deployment")["spec"]["template"]
    meta = pod["metadata"] | {"name": "operator", "namespace": NAMESPACE}
    objects.append({"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": pod["spec"]})
    plurals = {"ConfigMap": "configmaps", "ServiceAccount": "serviceaccounts", "Pod": "pods"}
    storage = Storage(builtin_registry())
    for namespace in (NAMESPACE, "reports", "training"):
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
        storage.create("namespaces", body)
    for one in of_kind(objects, *plurals):
        assert storage.create(plurals[one["kind"]], one)["metadata"]["uid"]


def test_a_wrong_shape_would_be_found():
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "x"},
        "spec": {"replicas": "2", "replica": 2, "template": {"spec": {"containers": {}}}},
    }
    assert builtin_kinds.faults(deployment) == [
        "Deployment.spec.replicas: '2' is not a int",
        "Deployment.spec.replica: unknown",
        "Deployment.spec.template.spec.containers: {} is not a list",
        "Deployment.spec.selector: missing",
    ]


@pytest.mark.parametrize("name", SETS)
def test_no_name_is_used_twice(name):
    seen = [
        (one["kind"], one["metadata"].get("namespace"), one["metadata"]["name"]) for one in objects_of(name)
    ]
    assert len(set(seen)) == len(seen)


@pytest.mark.parametrize("name", SETS)
def test_every_object_says_its_namespace_unless_it_has_none(name):
    """`kubectl apply -f` of a rendering would otherwise put it wherever the context points."""
    without = {one["kind"] for one in objects_of(name) if "namespace" not in one["metadata"]}
    assert without <= CLUSTER_SCOPED


def test_a_team_without_rights_in_the_cluster_gets_nothing_outside_its_namespaces():
    kinds = {one["kind"] for one in objects_of("one-namespace")}
    assert not kinds & CLUSTER_SCOPED


def test_two_releases_for_different_namespaces_share_no_name():
    def names(namespace: str) -> set:
        objects = rendered("--namespace", namespace, values={"namespaces": [f"{namespace}-runs"]})
        return {(one["kind"], one["metadata"].get("namespace"), one["metadata"]["name"]) for one in objects}

    assert not names("one") & names("two")


def test_the_crd_is_never_part_of_a_release():
    """So neither upgrade nor rollback nor uninstall touches it: it holds every run of the cluster."""
    assert of_kind(rendered(values_of("everything")), "CustomResourceDefinition") == []


def test_an_install_brings_the_crd():
    assert of_kind(rendered("--include-crds"), "CustomResourceDefinition")


def test_new_settings_make_new_pods():
    def checksum(values: dict) -> str:
        template = only(rendered(values=values), "Deployment")["spec"]["template"]
        return template["metadata"]["annotations"]["checksum/configuration"]

    assert checksum({}) != checksum({"settings.concurrency": 8})


def test_other_resources_of_the_operator_leave_its_configuration_alone():
    changed = rendered(values={"operator.resources": {"limits": {"memory": "1Gi"}}})
    assert configuration(changed) == configuration(rendered())


def test_the_operators_pod_passes_pod_security_restricted():
    pod = only(rendered(), "Deployment")["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_one_replica_has_no_disruption_budget():
    """It would hold up every drain."""
    assert of_kind(rendered(values={"operator.replicas": 1}), "PodDisruptionBudget") == []


def test_selectors_find_the_operators_pods():
    objects = rendered(values_of("everything"))
    labels = only(objects, "Deployment")["spec"]["template"]["metadata"]["labels"].items()
    selectors = [
        only(objects, "Deployment")["spec"]["selector"]["matchLabels"],
        only(objects, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
        only(objects, "NetworkPolicy")["spec"]["podSelector"]["matchLabels"],
        only(objects, "Service")["spec"]["selector"],
        only(objects, "PodMonitor")["spec"]["selector"]["matchLabels"],
    ]
    assert all(selector.items() <= labels for selector in selectors)


def test_the_service_monitor_finds_the_service():
    objects = rendered(values_of("everything"))
    wanted = only(objects, "ServiceMonitor")["spec"]["selector"]["matchLabels"]
    assert wanted.items() <= only(objects, "Service")["metadata"]["labels"].items()
