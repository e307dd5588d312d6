"""Label and field selectors."""

from __future__ import annotations

import pytest

from ferryman.dev.apiserver.errors import BadRequest
from ferryman.dev.apiserver.selectors import Selection, parse_fields, parse_labels

LABELLED = {
    "metadata": {"name": "x", "labels": {"side": "left", "size": "3"}},
    "status": {"phase": "Running"},
}


@pytest.mark.parametrize(
    ("selector", "fits"),
    [
        ("side=left", True),
        ("side==left", True),
        ("side = right", False),
        ("side!=right", True),
        ("other!=right", True),
        ("side in (left, right)", True),
        ("side notin (left,right),size=3", False),
        ("side,size", True),
        ("!side", False),
        ("!other", True),
        ("size>2", True),
        ("size<2", False),
        ("example.dev/managed=true", False),
        ("", True),
    ],
)
def test_a_label_selector_selects(selector, fits):
    assert Selection.of(None, selector).matches(LABELLED) is fits


def test_a_label_selector_that_cannot_be_read_is_refused():
    with pytest.raises(BadRequest):
        parse_labels("side in left")


@pytest.mark.parametrize(
    ("selector", "fits"),
    [
        ("status.phase=Running", True),
        ("status.phase!=Running", False),
        ("metadata.name=x", True),
        ("status.phase=", False),
    ],
)
def test_a_field_selector_selects(selector, fits):
    assert Selection(fields=parse_fields(selector, ["status.phase"])).matches(LABELLED) is fits


def test_a_field_that_is_not_selectable_is_refused():
    with pytest.raises(BadRequest, match="field label not supported: spec.secret"):
        parse_fields("spec.secret=x", ["status.phase"])
