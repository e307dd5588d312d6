"""A stock kubectl against the embedded API server."""

from __future__ import annotations

import json
import threading

import pytest
import yaml

from builders.api_servers import running_server
from builders.crds import CRD_RESOURCE, widget
from builders.kubectl import NEEDS_KUBECTL, Kubectl
from ferryman.dev.apiserver.gc import GarbageCollector

pytestmark = NEEDS_KUBECTL


async def log_of(pod, request):
    lines = [f"hello from {pod['metadata']['name']}\n".encode(), b"bye\n"]
    for line in lines[-(request.tail_lines or 2) :]:
        yield line


@pytest.fixture(scope="module")
def server():
    def prepare(server):
        server.set_log_reader(log_of)

    with running_server(prepare=prepare) as running:
        yield running


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("kubectl")


@pytest.fixture
def kubectl(server, home):
    yield Kubectl(server.write_kubeconfig(home / "config"), home)
    server.call(
        lambda: [
            server.server.storage.delete(CRD_RESOURCE, "default", each["metadata"]["name"])
            for each in server.server.storage.list(CRD_RESOURCE)
        ]
    )


def test_apply_creates_then_leaves_alone_then_changes(kubectl):
    assert kubectl("apply", "-f", "-", stdin=widget("a")) == "widget.example.dev/a created\n"
    assert kubectl("apply", "-f", "-", stdin=widget("a")) == "widget.example.dev/a unchanged\n"
    assert (
        kubectl("apply", "-f", "-", stdin=widget("a", cancelRequested=True))
        == "widget.example.dev/a configured\n"
    )


def test_apply_refuses_an_unknown_field(kubectl):
    told = kubectl.refused("apply", "-f", "-", stdin=widget("a", retrys=3))
    assert 'strict decoding error: unknown field "spec.retrys"' in told


def test_apply_tells_what_is_invalid(kubectl):
    told = kubectl.refused("apply", "-f", "-", stdin=widget("a", retry={"retries": -1}))
    assert told.startswith('The Widget "a" is invalid: spec.retry.retries: Invalid value: -1')


def test_get_prints_the_declared_columns(kubectl):
    kubectl("apply", "-f", "-", stdin=widget("a"))
    header, row = kubectl("get", "wd").splitlines()
    assert header.split() == ["NAME", "PHASE", "RETRIES", "REASON", "AGE"]
    assert row.split()[:3] == ["a", "Pending", "0"]


def test_get_selects_by_label_and_field(kubectl):
    kubectl("apply", "-f", "-", stdin=widget("a", labels={"side": "left"}))
    kubectl("apply", "-f", "-", stdin=widget("b", labels={"side": "right"}, mode="safe"))
    assert kubectl("get", "widgets", "-l", "side in (left)", "-o", "name") == "widget.example.dev/a\n"
    assert (
        kubectl("get", "widgets", "--field-selector", "spec.mode=safe", "-o", "name")
        == "widget.example.dev/b\n"
    )


def test_get_in_chunks_shows_all(kubectl):
    for name in "abc":
        kubectl("create", "-f", "-", stdin=widget(name))
    assert kubectl("get", "widgets", "--chunk-size", "2", "-o", "name").count("\n") == 3


def test_describe_shows_the_object_and_its_events(kubectl, server):
    kubectl("apply", "-f", "-", stdin=widget("a"))
    uid = json.loads(kubectl("get", "wd", "a", "-o", "json"))["metadata"]["uid"]
    regarding = {
        "apiVersion": "example.dev/v1",
        "kind": "Widget",
        "name": "a",
        "namespace": "default",
        "uid": uid,
    }
    event = {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"name": "e", "namespace": "default"},
        "regarding": regarding,
        "reason": "Started",
        "note": "it runs",
        "type": "Normal",
        "action": "Start",
        "eventTime": "2026-01-01T00:00:00.000000Z",
        "reportingController": "example.dev/test",
        "reportingInstance": "test",
    }
    kubectl("create", "-f", "-", stdin=event)
    told = kubectl("describe", "widget", "a")
    assert "Phase:  Pending" in told
    assert "it runs" in told


def test_wait_sees_a_condition_that_comes_later(kubectl, server):
    kubectl("apply", "-f", "-", stdin=widget("a"))
    status = {"status": {"conditions": [{"type": "Succeeded", "status": "True"}]}}
    later = threading.Timer(
        0.5,
        lambda: server.call(
            lambda: server.server.storage.patch(CRD_RESOURCE, "default", "a", status, subresource="status")
        ),
    )
    later.start()
    assert "condition met" in kubectl("wait", "--for=condition=Succeeded", "widget/a", "--timeout=20s")
    later.join()


def test_a_watch_prints_rows_as_they_change(kubectl, server):
    kubectl("apply", "-f", "-", stdin=widget("a"))
    status = {"status": {"phase": "Running"}}
    with kubectl.following("get", "wd", "--watch") as lines:
        assert next(lines).split()[0] == "NAME"
        assert next(lines).split()[:2] == ["a", "Pending"]
        server.call(
            lambda: server.server.storage.patch(CRD_RESOURCE, "default", "a", status, subresource="status")
        )
        assert next(lines).split()[:2] == ["a", "Running"]


def test_delete_waits_until_it_is_gone(kubectl):
    kubectl("apply", "-f", "-", stdin=widget("a"))
    # Newer ones go on with "from default namespace".
    assert kubectl("delete", "widget", "a").startswith('widget.example.dev "a" deleted')
    assert "not found" in kubectl.refused("get", "widget", "a")


def test_explain_reads_the_schema(kubectl):
    told = kubectl("explain", "widget.spec.retry")
    assert "What follows a failure." in told
    assert "retries\t<integer>" in told


def test_api_resources_lists_the_kind(kubectl):
    rows = kubectl("api-resources", "--api-group", "example.dev").splitlines()
    assert rows[1].split() == ["widgets", "wd", "example.dev/v1", "true", "Widget"]


def test_everything_is_allowed(kubectl):
    assert kubectl("auth", "can-i", "create", "jobs") == "yes\n"


def test_logs_come_from_the_reader(kubectl):
    kubectl("run", "p", "--image", "i", "--restart", "Never")
    assert kubectl("logs", "p") == "hello from p\nbye\n"
    assert kubectl("logs", "p", "--tail", "1") == "bye\n"
    kubectl("delete", "pod", "p")


def test_a_definition_is_applied_and_served(kubectl, server):
    definition = yaml.safe_dump(
        server.call(
            lambda: server.server.storage.get(
                "customresourcedefinitions.apiextensions.k8s.io", None, CRD_RESOURCE
            )["spec"]
        )
    )
    other = yaml.safe_load(
        definition.replace("widgets", "gadgets")
        .replace("Widget", "Gadget")
        .replace("widget", "gadget")
        .replace("- wd", "- gd")
    )
    manifest = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "gadgets.example.dev"},
        "spec": other,
    }
    kubectl("apply", "-f", "-", stdin=manifest)
    kubectl("wait", "--for=condition=Established", "crd/gadgets.example.dev", "--timeout=20s")
    kubectl("apply", "-f", "-", stdin=widget("g") | {"kind": "Gadget"})
    assert kubectl("get", "gd", "-o", "name") == "gadget.example.dev/g\n"
    kubectl("delete", "crd", "gadgets.example.dev")


def test_a_status_is_patched_by_name(kubectl):
    kubectl("apply", "-f", "-", stdin=widget("a"))
    kubectl(
        "patch",
        "widget",
        "a",
        "--subresource",
        "status",
        "--type",
        "merge",
        "-p",
        '{"status": {"phase": "Running"}}',
    )
    assert kubectl("get", "widget", "a", "-o", "jsonpath={.status.phase}") == "Running"


def test_typed_creates_are_understood(kubectl, server):
    server.call(lambda: GarbageCollector(server.server.storage))
    kubectl("create", "namespace", "team-a")
    kubectl("create", "configmap", "c", "--from-literal", "key=value")
    kubectl("create", "secret", "generic", "s", "--from-literal", "key=value")
    kubectl("create", "quota", "q", "--hard", "count/jobs.batch=5", "-n", "team-a")
    kubectl("create", "serviceaccount", "sa", "-n", "team-a")
    assert kubectl("get", "configmap", "c", "-o", "jsonpath={.data.key}") == "value"
    assert kubectl("get", "secret", "s", "-o", "jsonpath={.data.key}") == "dmFsdWU="
    assert (
        kubectl("get", "quota", "q", "-n", "team-a", "-o", "jsonpath={.spec.hard.count/jobs\\.batch}") == "5"
    )
