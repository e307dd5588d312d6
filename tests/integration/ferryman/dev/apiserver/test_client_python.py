"""The official Python client against the embedded API server."""

from __future__ import annotations

import threading

import pytest
from kubernetes import client, watch
from kubernetes.client.exceptions import ApiException

from builders.api_servers import RunningServer, running_server
from builders.crds import widget

GROUP = ("example.dev", "v1", "default", "widgets")


@pytest.fixture(scope="module")
def server():
    with running_server() as running:
        yield running


@pytest.fixture
def api(server: RunningServer):
    configuration = client.Configuration()
    configuration.host = server.url
    with client.ApiClient(configuration) as api_client:
        yield api_client


@pytest.fixture
def widgets(api):
    custom = client.CustomObjectsApi(api)
    yield custom
    custom.delete_collection_namespaced_custom_object(*GROUP)


def test_a_custom_object_is_created_read_and_deleted(widgets):
    made = widgets.create_namespaced_custom_object(*GROUP, widget("a"))
    assert made["status"] == {"phase": "Pending"}
    assert widgets.get_namespaced_custom_object(*GROUP, "a")["metadata"]["uid"] == made["metadata"]["uid"]
    widgets.delete_namespaced_custom_object(*GROUP, "a")
    with pytest.raises(ApiException) as caught:
        widgets.get_namespaced_custom_object(*GROUP, "a")
    assert caught.value.status == 404


def test_a_stale_status_patch_conflicts(widgets):
    made = widgets.create_namespaced_custom_object(*GROUP, widget("a"))
    stale = {
        "metadata": {"resourceVersion": made["metadata"]["resourceVersion"]},
        "status": {"phase": "Running"},
    }
    widgets.patch_namespaced_custom_object_status(*GROUP, "a", stale)
    with pytest.raises(ApiException) as caught:
        widgets.patch_namespaced_custom_object_status(*GROUP, "a", stale | {"status": {"phase": "Completed"}})
    assert caught.value.status == 409


def test_a_watch_sees_what_exists_and_what_changes(widgets):
    widgets.create_namespaced_custom_object(*GROUP, widget("a"))
    stream = watch.Watch().stream(widgets.list_namespaced_custom_object, *GROUP, timeout_seconds=20)
    assert next(stream)["type"] == "ADDED"
    change = threading.Thread(
        target=widgets.patch_namespaced_custom_object_status,
        args=(*GROUP, "a", {"status": {"phase": "Running"}}),
    )
    change.start()
    event = next(stream)
    change.join()
    stream.close()
    assert (event["type"], event["object"]["status"]["phase"]) == ("MODIFIED", "Running")


def test_a_watch_from_a_forgotten_version_says_410(widgets, server):
    widgets.create_namespaced_custom_object(*GROUP, widget("a"))
    server.call(server.server.storage.forget_history)
    stream = watch.Watch().stream(
        widgets.list_namespaced_custom_object, *GROUP, resource_version="2", timeout_seconds=5
    )
    with pytest.raises(ApiException) as caught:
        list(stream)
    assert caught.value.status == 410


def test_typed_objects_come_back_as_models(api):
    core = client.CoreV1Api(api)
    core.create_namespaced_pod(
        "default", {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    )
    assert [pod.metadata.name for pod in core.list_namespaced_pod("default").items] == ["p"]
    core.delete_namespaced_pod("p", "default")


def test_a_list_in_pages_is_one_snapshot(widgets):
    for name in "abcde":
        widgets.create_namespaced_custom_object(*GROUP, widget(name))
    page = widgets.list_namespaced_custom_object(*GROUP, limit=2)
    widgets.create_namespaced_custom_object(*GROUP, widget("bb"))
    seen = [item["metadata"]["name"] for item in page["items"]]
    while page["metadata"].get("continue"):
        page = widgets.list_namespaced_custom_object(*GROUP, limit=2, _continue=page["metadata"]["continue"])
        seen += [item["metadata"]["name"] for item in page["items"]]
    assert seen == list("abcde")
