"""Schemas and CEL rules of custom resources: what is refused, and in which words."""

from __future__ import annotations

import pytest

from builders.api_servers import storage_with_widgets
from builders.crds import CRD_RESOURCE, widget, widget_crd
from ferryman.dev.apiserver.definitions import CRDS
from ferryman.dev.apiserver.errors import AlreadyExists, BadRequest, Invalid, NotFound
from ferryman.dev.apiserver.resources import WriteOptions


@pytest.fixture
def storage():
    return storage_with_widgets()


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (
            {"retry": {"retries": -1}},
            "spec.retry.retries: Invalid value: -1: spec.retry.retries in body should be greater than or equal to 0",
        ),
        ({"retry": {"retries": 101}}, "spec.retry.retries in body should be less than or equal to 100"),
        (
            {"retry": {"retries": "3"}},
            'spec.retry.retries: Invalid value: "string": spec.retry.retries in body must be of type integer: "string"',
        ),
        ({"retry": {"retries": "null"}}, 'must be of type integer: "string"'),
        ({"retry": {"retries": True}}, "must be of type integer"),
        ({"entrypoint": ""}, "spec.entrypoint in body should be at least 1 chars long"),
        ({"entrypoint": "x" * 21}, "spec.entrypoint: Too long: may not be more than 20 bytes"),
        ({"mode": "slow"}, 'spec.mode: Unsupported value: "slow": supported values: "fast", "safe"'),
        ({"retry": {"delays": ["soon"]}}, "spec.retry.delays[0] in body should match '^[0-9]+s$'"),
        ({"retry": {"delays": ["1s\n"]}}, "spec.retry.delays[0] in body should match"),
        ({"retry": {"delays": ["1s"] * 4}}, "spec.retry.delays: Too many: 4: must have at most 3 items"),
        (
            {"retry": {"delays": ["90s"]}},
            'spec.retry.delays[0]: Invalid value: "string": delays must be at most 60s',
        ),
        ({"limit": 1.5}, "must be of type integer or string"),
        ({"tags": ["a", "a"]}, 'spec.tags[1]: Duplicate value: "a"'),
        ({"env": [{"name": "A"}, {"name": "A"}]}, "spec.env[1]: Duplicate value"),
        ({"env": [{"value": "1"}]}, "spec.env[0].name: Required value"),
        ({"startAt": "tomorrow"}, "spec.startAt in body must be of type date-time"),
        (
            {"mode": "fast", "retry": {"retries": 2}},
            'spec: Invalid value: "object": mode fast allows no retries, not 2',
        ),
    ],
)
def test_a_wrong_field_is_named_with_its_limit(storage, spec, message):
    with pytest.raises(Invalid) as caught:
        storage.create(CRD_RESOURCE, widget("a", **spec))
    assert message in str(caught.value)
    assert str(caught.value).startswith('Widget.example.dev "a" is invalid: ')


def test_a_missing_field_is_required(storage):
    made = widget("a")
    del made["spec"]["entrypoint"]
    with pytest.raises(Invalid, match="spec.entrypoint: Required value"):
        storage.create(CRD_RESOURCE, made)


def test_the_causes_name_the_fields(storage):
    with pytest.raises(Invalid) as caught:
        storage.create(CRD_RESOURCE, widget("a", mode="slow"))
    (cause,) = caught.value.as_status()["details"]["causes"]
    assert (cause["reason"], cause["field"]) == ("FieldValueNotSupported", "spec.mode")


def test_what_is_invalid_is_told_by_its_kind(storage):
    with pytest.raises(Invalid) as caught:
        storage.create(CRD_RESOURCE, widget("a", retry={"retries": -1}))
    details = caught.value.as_status()["details"]
    assert (details["kind"], details["group"], details["name"]) == ("Widget", "example.dev", "a")


def test_what_does_not_exist_or_does_already_is_told_by_its_resource(storage):
    with pytest.raises(NotFound) as missing:
        storage.get(CRD_RESOURCE, "default", "a")
    storage.create(CRD_RESOURCE, widget("a"))
    with pytest.raises(AlreadyExists) as taken:
        storage.create(CRD_RESOURCE, widget("a"))
    want = {"kind": "widgets", "group": "example.dev", "name": "a"}
    assert [one.value.as_status()["details"] for one in (missing, taken)] == [want, want]


def test_defaults_are_filled_in_at_every_depth(storage):
    assert storage.create(CRD_RESOURCE, widget("a"))["spec"] == {
        "entrypoint": "a:b",
        "retry": {"retries": 0},
        "cancelRequested": False,
    }


def test_a_null_takes_the_default(storage):
    assert storage.create(CRD_RESOURCE, widget("a", cancelRequested=None))["spec"]["cancelRequested"] is False


@pytest.mark.parametrize(
    ("mode", "warned"), [("Warn", ['unknown field "spec.retry.retrys"']), ("Ignore", [])]
)
def test_unknown_fields_are_pruned(storage, mode, warned):
    options = WriteOptions(field_validation=mode)
    made = storage.create(CRD_RESOURCE, widget("a", retry={"retrys": 1}), options)
    assert (made["spec"]["retry"], options.warnings) == ({"retries": 0}, warned)


def test_unknown_fields_are_refused_where_it_is_asked_for(storage):
    with pytest.raises(BadRequest, match='strict decoding error: unknown field "spec.retrys"'):
        storage.create(CRD_RESOURCE, widget("a", retrys=1), WriteOptions(field_validation="Strict"))


def test_preserved_fields_stay(storage):
    assert storage.create(CRD_RESOURCE, widget("a", values={"x": {"y": 1}}))["spec"]["values"] == {
        "x": {"y": 1}
    }


def test_a_transition_rule_compares_with_the_old_object(storage):
    storage.create(CRD_RESOURCE, widget("a"))
    with pytest.raises(Invalid, match='spec.entrypoint: Invalid value: "object": entrypoint is immutable'):
        storage.patch(CRD_RESOURCE, "default", "a", {"spec": {"entrypoint": "c:d"}})


def test_a_transition_rule_holds_on_the_status(storage):
    storage.create(CRD_RESOURCE, widget("a"))
    storage.patch(CRD_RESOURCE, "default", "a", {"status": {"phase": "Completed"}}, subresource="status")
    with pytest.raises(Invalid, match="status: Forbidden: a terminal phase is final"):
        storage.patch(CRD_RESOURCE, "default", "a", {"status": {"phase": "Running"}}, subresource="status")


def test_a_removed_status_takes_its_default_and_breaks_the_rule(storage):
    storage.create(CRD_RESOURCE, widget("a"))
    storage.patch(CRD_RESOURCE, "default", "a", {"status": {"phase": "Completed"}}, subresource="status")
    with pytest.raises(Invalid, match="a terminal phase is final"):
        storage.patch(CRD_RESOURCE, "default", "a", {"status": None}, subresource="status")


def test_items_of_a_map_list_are_compared_by_their_key(storage):
    storage.create(CRD_RESOURCE, widget("a"))
    first, second = {"number": 1, "job": "x"}, {"number": 2, "job": "y"}
    storage.patch(CRD_RESOURCE, "default", "a", {"status": {"attempts": [first]}}, subresource="status")
    storage.patch(
        CRD_RESOURCE, "default", "a", {"status": {"attempts": [second, first]}}, subresource="status"
    )
    renamed = {"status": {"attempts": [second, first | {"job": "z"}]}}
    with pytest.raises(Invalid, match=r"status.attempts\[1\].job: .*a job is never renamed"):
        storage.patch(CRD_RESOURCE, "default", "a", renamed, subresource="status")


def test_a_definition_with_a_rule_that_is_no_cel_is_refused(storage):
    broken = widget_crd(x={"type": "string", "x-kubernetes-validations": [{"rule": "self =="}]})
    broken["metadata"]["name"], broken["spec"]["names"]["plural"] = "others.example.dev", "others"
    with pytest.raises(Invalid, match="spec.versions: Invalid value"):
        storage.create(CRDS, broken)


def test_a_deleted_definition_takes_its_objects_along(storage):
    storage.create(CRD_RESOURCE, widget("a"))
    storage.delete(CRDS, None, CRD_RESOURCE)
    assert CRD_RESOURCE not in {resource.qualified for resource in storage.registry}


def test_a_changed_definition_is_served_at_once(storage):
    changed = widget_crd(colour={"type": "string"})
    storage.patch(CRDS, None, CRD_RESOURCE, {"spec": changed["spec"]})
    assert storage.create(CRD_RESOURCE, widget("a", colour="red"))["spec"]["colour"] == "red"
