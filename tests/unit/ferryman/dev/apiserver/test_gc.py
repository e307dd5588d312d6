"""Owners and their dependents, and namespaces."""

from __future__ import annotations

import pytest

from builders.api_servers import storage_with_widgets
from builders.crds import CRD_RESOURCE, widget
from ferryman.dev.apiserver.deletion import DeleteOptions
from ferryman.dev.apiserver.errors import Forbidden
from ferryman.dev.apiserver.gc import GarbageCollector


class Family:
    """A Widget "owner" with the dependents "child" (a ConfigMap) and its own "grandchild"."""

    def __init__(self):
        self.storage = storage_with_widgets()
        self.collector = GarbageCollector(self.storage)
        owner = self.storage.create(CRD_RESOURCE, widget("owner"))
        child = self.adopt("child", owner)
        self.adopt("grandchild", child)

    def adopt(self, name, *owners):
        references = [
            {
                "apiVersion": each["apiVersion"],
                "kind": each["kind"],
                "name": each["metadata"]["name"],
                "uid": each["metadata"]["uid"],
            }
            for each in owners
        ]
        return self.storage.create("configmaps", {"metadata": {"name": name, "ownerReferences": references}})

    def delete(self, propagation):
        self.storage.delete(CRD_RESOURCE, "default", "owner", DeleteOptions(propagation=propagation))
        self.collector.collect()

    @property
    def children(self):
        return [each["metadata"]["name"] for each in self.storage.list("configmaps")]


@pytest.fixture
def family():
    return Family()


def test_dependents_follow_their_owner(family):
    family.delete("Background")
    assert family.children == []


def test_orphans_stay_and_forget_their_owner(family):
    family.delete("Orphan")
    assert family.children == ["child", "grandchild"]
    assert not family.storage.get("configmaps", "default", "child")["metadata"]["ownerReferences"]
    assert not family.storage.list(CRD_RESOURCE)


def test_in_the_foreground_the_owner_goes_last(family):
    family.storage.patch("configmaps", "default", "child", {"metadata": {"finalizers": ["example.dev/hold"]}})
    family.delete("Foreground")
    assert family.storage.get(CRD_RESOURCE, "default", "owner")["metadata"]["deletionTimestamp"]
    family.storage.patch("configmaps", "default", "child", {"metadata": {"finalizers": None}})
    family.collector.collect()
    assert (family.children, family.storage.list(CRD_RESOURCE)) == ([], [])


def test_a_dependent_of_two_stays_with_the_other(family):
    other = family.storage.create(CRD_RESOURCE, widget("other"))
    family.adopt("shared", family.storage.get(CRD_RESOURCE, "default", "owner"), other)
    family.delete("Background")
    (reference,) = family.storage.get("configmaps", "default", "shared")["metadata"]["ownerReferences"]
    assert reference["name"] == "other"


def test_a_dependent_of_what_never_was_goes(family):
    ghost = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "ghost", "uid": "none"}}
    family.adopt("haunted", ghost)
    family.collector.collect()
    assert "haunted" not in family.children


def test_a_namespace_goes_when_it_is_empty(family):
    family.storage.delete("namespaces", None, "default")
    with pytest.raises(Forbidden, match="because it is being terminated"):
        family.storage.create("configmaps", {"metadata": {"name": "late"}})
    family.collector.collect()
    assert "default" not in {each["metadata"]["name"] for each in family.storage.list("namespaces")}
