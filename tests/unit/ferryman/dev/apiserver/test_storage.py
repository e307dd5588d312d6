"""Versions, conflicts, deletion and watches."""

from __future__ import annotations

import asyncio

import pytest

from builders.api_servers import storage_with_widgets
from builders.crds import CRD_RESOURCE, widget
from ferryman.dev.apiserver.deletion import DeleteOptions
from ferryman.dev.apiserver.errors import AlreadyExists, Conflict, Forbidden, Gone, Invalid, NotFound
from ferryman.dev.apiserver.selectors import Selection
from ferryman.dev.apiserver.storage import copy_of


@pytest.fixture
def storage():
    return storage_with_widgets()


def pod(name="p", **spec):
    return {"metadata": {"name": name}, "spec": {"containers": [{"name": "c", "image": "i"}], **spec}}


def test_versions_grow_over_all_resources(storage):
    first = storage.create(CRD_RESOURCE, widget("a"))
    second = storage.create("pods", pod())
    assert int(first["metadata"]["resourceVersion"]) < int(second["metadata"]["resourceVersion"])


def test_a_name_is_taken_once(storage):
    storage.create(CRD_RESOURCE, widget("a"))
    with pytest.raises(AlreadyExists, match='widgets.example.dev "a" already exists'):
        storage.create(CRD_RESOURCE, widget("a"))


def test_a_name_is_generated_from_its_beginning(storage):
    made = widget()
    made["metadata"] = {"generateName": "run-"}
    assert storage.create(CRD_RESOURCE, made)["metadata"]["name"].startswith("run-")


def test_nothing_is_created_in_a_namespace_that_does_not_exist(storage):
    made = widget()
    made["metadata"]["namespace"] = "nowhere"
    with pytest.raises(NotFound, match='namespaces "nowhere" not found'):
        storage.create(CRD_RESOURCE, made)


def test_a_spec_change_raises_the_generation_and_a_label_does_not(storage):
    storage.create(CRD_RESOURCE, widget("a"))
    labelled = storage.patch(CRD_RESOURCE, "default", "a", {"metadata": {"labels": {"x": "y"}}})
    changed = storage.patch(CRD_RESOURCE, "default", "a", {"spec": {"cancelRequested": True}})
    assert (labelled["metadata"]["generation"], changed["metadata"]["generation"]) == (1, 2)


def test_a_write_that_changes_nothing_has_no_version(storage):
    made = storage.create(CRD_RESOURCE, widget("a"))
    same = storage.patch(CRD_RESOURCE, "default", "a", {"spec": {"entrypoint": "a:b"}})
    assert same["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"]


def test_a_stale_version_conflicts(storage):
    stale = copy_of(storage.create(CRD_RESOURCE, widget("a")))
    storage.patch(CRD_RESOURCE, "default", "a", {"spec": {"cancelRequested": True}})
    with pytest.raises(Conflict, match="the object has been modified"):
        storage.update(CRD_RESOURCE, stale)


def test_another_uid_conflicts(storage):
    storage.create(CRD_RESOURCE, widget("a"))
    with pytest.raises(Conflict, match="Precondition failed: UID"):
        storage.patch(CRD_RESOURCE, "default", "a", {"metadata": {"uid": "other"}})


def test_a_custom_object_is_replaced_only_with_its_version(storage):
    storage.create(CRD_RESOURCE, widget("a"))
    with pytest.raises(Invalid, match="must be specified for an update"):
        storage.update(CRD_RESOURCE, widget("a"))


def test_a_create_cannot_set_the_status(storage):
    made = storage.create(CRD_RESOURCE, widget("a") | {"status": {"phase": "Completed"}})
    assert made["status"] == {"phase": "Pending"}


def test_the_main_resource_keeps_the_status_and_the_status_the_spec(storage):
    storage.create(CRD_RESOURCE, widget("a"))
    both = {"spec": {"cancelRequested": True}, "status": {"phase": "Running"}}
    by_main = storage.patch(CRD_RESOURCE, "default", "a", both)
    assert (by_main["spec"]["cancelRequested"], by_main["status"]["phase"]) == (True, "Pending")
    by_status = storage.patch(
        CRD_RESOURCE, "default", "a", both | {"spec": {"mode": "fast"}}, subresource="status"
    )
    assert ("mode" in by_status["spec"], by_status["status"]["phase"]) == (False, "Running")


def test_finalizers_hold_an_object(storage):
    held = widget("a")
    held["metadata"]["finalizers"] = ["example.dev/hold"]
    storage.create(CRD_RESOURCE, held)
    storage.delete(CRD_RESOURCE, "default", "a")
    assert storage.get(CRD_RESOURCE, "default", "a")["metadata"]["deletionTimestamp"]
    storage.patch(CRD_RESOURCE, "default", "a", {"metadata": {"finalizers": None}})
    with pytest.raises(NotFound):
        storage.get(CRD_RESOURCE, "default", "a")


def test_no_finalizer_is_added_to_what_is_being_deleted(storage):
    held = widget("a")
    held["metadata"]["finalizers"] = ["example.dev/hold"]
    storage.create(CRD_RESOURCE, held)
    storage.delete(CRD_RESOURCE, "default", "a")
    with pytest.raises(Invalid, match="no new finalizers can be added"):
        storage.patch(CRD_RESOURCE, "default", "a", {"metadata": {"finalizers": ["example.dev/hold", "x/y"]}})


def test_a_delete_of_another_uid_conflicts(storage):
    storage.create(CRD_RESOURCE, widget("a"))
    with pytest.raises(Conflict, match="UID in precondition"):
        storage.delete(CRD_RESOURCE, "default", "a", DeleteOptions(uid="other"))


def test_a_running_pod_goes_when_its_node_says_so(storage):
    storage.create("pods", pod(nodeName="n"))
    assert storage.delete("pods", "default", "p")["metadata"]["deletionGracePeriodSeconds"] == 30
    storage.delete("pods", "default", "p", DeleteOptions(grace_seconds=0))
    assert not storage.list("pods")


def test_a_pod_without_a_node_goes_at_once(storage):
    storage.create("pods", pod())
    storage.delete("pods", "default", "p")
    assert not storage.list("pods")


def test_a_quota_refuses_what_exceeds_it(storage):
    storage.create(
        "resourcequotas", {"metadata": {"name": "q"}, "spec": {"hard": {f"count/{CRD_RESOURCE}": "1"}}}
    )
    storage.create(CRD_RESOURCE, widget("a"))
    with pytest.raises(
        Forbidden,
        match="exceeded quota: q, requested: count/widgets.example.dev=1, used: .*=1, limited: .*=1",
    ):
        storage.create(CRD_RESOURCE, widget("b"))


async def test_a_watch_tells_what_exists_and_then_what_changes(storage):
    storage.create(CRD_RESOURCE, widget("a"))
    watch = storage.watch(CRD_RESOURCE)
    first = await anext(watch)
    storage.patch(CRD_RESOURCE, "default", "a", {"status": {"phase": "Running"}}, subresource="status")
    storage.delete(CRD_RESOURCE, "default", "a")
    seen = [first.type, (await anext(watch)).type, (await anext(watch)).type]
    assert seen == ["ADDED", "MODIFIED", "DELETED"]


async def test_a_waiting_watch_is_woken(storage):
    watch = storage.watch(CRD_RESOURCE)
    waiting = asyncio.ensure_future(anext(watch))
    await asyncio.sleep(0)
    storage.create(CRD_RESOURCE, widget("a"))
    assert (await asyncio.wait_for(waiting, 10)).object["metadata"]["name"] == "a"


def test_what_leaves_a_selection_is_told_as_deleted(storage):
    storage.create(CRD_RESOURCE, widget("a", labels={"side": "left"}))
    watcher = storage.open_watch(CRD_RESOURCE, Selection.of(None, "side=left"), since=storage.version)
    changed = storage.patch(CRD_RESOURCE, "default", "a", {"metadata": {"labels": {"side": "right"}}})
    (event,) = watcher.take()
    assert (event.type, event.object["metadata"]["labels"]) == ("DELETED", {"side": "left"})
    assert event.object["metadata"]["resourceVersion"] == changed["metadata"]["resourceVersion"]


def test_a_watch_from_before_the_history_is_gone(storage):
    version = storage.version
    storage.create(CRD_RESOURCE, widget("a"))
    storage.forget_history()
    with pytest.raises(Gone, match="too old resource version"):
        storage.open_watch(CRD_RESOURCE, Selection(), since=version)


def test_a_history_keeps_so_many_changes():
    storage = storage_with_widgets(history_limit=10)
    version = storage.version
    for number in range(12):
        storage.create(CRD_RESOURCE, widget(f"w{number}"))
    with pytest.raises(Gone):
        storage.open_watch(CRD_RESOURCE, Selection(), since=version)


def test_a_list_of_an_older_version_is_what_it_was(storage):
    storage.create(CRD_RESOURCE, widget("a"))
    storage.create(CRD_RESOURCE, widget("b"))
    version = storage.version
    storage.delete(CRD_RESOURCE, "default", "a")
    storage.patch(CRD_RESOURCE, "default", "b", {"spec": {"cancelRequested": True}})
    old = storage.select(CRD_RESOURCE, Selection(), at=version).records
    assert [(each.object["metadata"]["name"], each.object["spec"]["cancelRequested"]) for each in old] == [
        ("a", False),
        ("b", False),
    ]
