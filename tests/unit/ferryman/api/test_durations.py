from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferryman.api import durations

milliseconds = st.integers(min_value=0, max_value=8760 * 3_600_000)


@given(milliseconds)
def test_what_is_rendered_parses_back_to_the_millisecond(count):
    length = timedelta(milliseconds=count)
    assert durations.parse(durations.render(length)) == length


@given(milliseconds)
def test_what_is_rendered_fits_the_schema(count):
    assert len(durations.render(count / 1000)) <= durations.MAX_LENGTH


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("300ms", 0.3), ("1.5s", 1.5), ("2h45m", 9900), ("0s", 0), ("1h5ms", 3600.005), ("168h", 604_800)],
)
def test_go_durations_are_understood(text, seconds):
    assert durations.parse(text).total_seconds() == seconds


@pytest.mark.parametrize(
    "text",
    ["", "5", "s", "-5s", "5 s", "5d", "1e3s", ".5s", "5s1h", "5s\n", "٣s", "9" * 7 + "h", "1" * 40 + "s"],
)
def test_what_is_no_duration_is_refused_by_name(text):
    with pytest.raises(ValueError, match="is not a duration"):
        durations.parse(text)


def test_a_negative_length_cannot_be_rendered():
    with pytest.raises(ValueError, match="negative"):
        durations.render(-1)
