"""Merge patches, JSON patches, strategic merge."""

from __future__ import annotations

import pytest

from ferryman.dev.apiserver.errors import BadRequest, Invalid, Subject
from ferryman.dev.apiserver.patches import PatchKind, apply_patch, merge


@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [
        # From the table in RFC 7386, appendix A.
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_a_merge_patch_follows_the_rfc(target, patch, result):
    assert merge(target, patch) == result


def patched(kind, target, patch):
    return apply_patch(kind, target, patch, Subject("", "things", "Thing", "x"))


@pytest.mark.parametrize(
    ("operation", "result"),
    [
        ({"op": "add", "path": "/b", "value": 1}, {"a": [1, 2], "b": 1}),
        ({"op": "add", "path": "/a/0", "value": 0}, {"a": [0, 1, 2]}),
        ({"op": "add", "path": "/a/-", "value": 3}, {"a": [1, 2, 3]}),
        ({"op": "remove", "path": "/a/0"}, {"a": [2]}),
        ({"op": "replace", "path": "/a", "value": 5}, {"a": 5}),
        ({"op": "copy", "from": "/a", "path": "/b~1c"}, {"a": [1, 2], "b/c": [1, 2]}),
        ({"op": "move", "from": "/a", "path": "/b"}, {"b": [1, 2]}),
        ({"op": "test", "path": "/a/1", "value": 2}, {"a": [1, 2]}),
    ],
)
def test_a_json_patch_does_what_it_says(operation, result):
    assert patched(PatchKind.JSON, {"a": [1, 2]}, [operation]) == result


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "test", "path": "/a", "value": 2},
        {"op": "remove", "path": "/missing"},
        {"op": "replace", "path": "/missing", "value": 1},
    ],
)
def test_a_json_patch_that_does_not_fit_is_invalid(operation):
    with pytest.raises(Invalid):
        patched(PatchKind.JSON, {"a": 1}, [operation])


def test_an_unknown_operation_is_a_bad_request():
    with pytest.raises(BadRequest):
        patched(PatchKind.JSON, {}, [{"op": "explode", "path": "/a"}])


def test_strategic_merge_joins_containers_and_variables_by_name():
    target = {"containers": [{"name": "a", "env": [{"name": "X", "value": "1"}]}, {"name": "b"}]}
    patch = {
        "containers": [{"name": "a", "env": [{"name": "Y", "value": "2"}]}, {"name": "b", "$patch": "delete"}]
    }
    assert patched(PatchKind.STRATEGIC, target, patch) == {
        "containers": [{"name": "a", "env": [{"name": "X", "value": "1"}, {"name": "Y", "value": "2"}]}]
    }
