"""Printer columns and ages."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from builders.api_servers import storage_with_widgets
from builders.crds import CRD_RESOURCE, widget
from ferryman.dev.apiserver.columns import age, json_path, span
from ferryman.dev.apiserver.tables import table


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0s"),
        (119, "119s"),
        (120, "2m"),
        (200, "3m20s"),
        (3600, "60m"),
        (10800, "3h"),
        (11100, "3h5m"),
        (172800, "2d"),
        (864000, "10d"),
        (63072000, "2y"),
    ],
)
def test_a_span_is_shown_as_kubectl_shows_it(seconds, shown):
    assert span(seconds) == shown


def test_an_age_counts_from_a_timestamp():
    now = datetime(2026, 1, 2, tzinfo=UTC)
    assert age((now - timedelta(minutes=3, seconds=20)).isoformat(), now) == "3m20s"


@pytest.mark.parametrize(
    ("path", "values"),
    [
        (".a.b", [1]),
        (".list[0].name", ["x"]),
        (".list[*].name", ["x", "y"]),
        ('.list[?(@.type=="T")].name', ["y"]),
        (".missing.b", []),
        (".dotted\\.key", [2]),
    ],
)
def test_a_json_path_finds_values(path, values):
    obj = {"a": {"b": 1}, "list": [{"name": "x"}, {"name": "y", "type": "T"}], "dotted.key": 2}
    assert json_path(path)(obj) == values


def test_a_path_that_is_not_understood_is_refused():
    with pytest.raises(ValueError, match="not a JSONPath"):
        json_path("..a")


def test_a_table_has_the_declared_columns():
    storage = storage_with_widgets()
    storage.create(CRD_RESOURCE, widget("a"))
    condition = {"type": "Succeeded", "reason": "Completed"}
    storage.patch(CRD_RESOURCE, "default", "a", {"status": {"conditions": [condition]}}, subresource="status")
    shown = table(storage.registry.named(CRD_RESOURCE), [storage.record(CRD_RESOURCE, "default", "a")], {})
    assert [column["name"] for column in shown["columnDefinitions"]] == [
        "Name",
        "Phase",
        "Retries",
        "Reason",
        "Age",
    ]
    assert shown["rows"][0]["cells"][:4] == ["a", "Pending", 0, "Completed"]
