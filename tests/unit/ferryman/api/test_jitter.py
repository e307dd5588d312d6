"""The draw: its bounds, its mean, and that it is none."""

from __future__ import annotations

import statistics
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferryman.api import jitter

delays = st.timedeltas(timedelta(milliseconds=1), timedelta(days=30))
factors = st.floats(0.001, 100)


@given(delays, factors, st.text(), st.integers(1, 201))
def test_every_draw_lies_within_the_bounds(delay, factor, uid, attempt):
    low, high = jitter.bounds(delay.total_seconds(), factor)
    slack = 1e-6 * (1 + high)
    assert (
        low - slack <= jitter.spread(delay, factor, uid=uid, attempt=attempt).total_seconds() <= high + slack
    )


@given(delays, factors, st.text(), st.integers(1, 201))
def test_the_same_run_and_attempt_draw_the_same(delay, factor, uid, attempt):
    first = jitter.spread(delay, factor, uid=uid, attempt=attempt)
    assert first == jitter.spread(delay, factor, uid=uid, attempt=attempt)


@given(delays)
def test_a_factor_of_zero_does_not_spread(delay):
    assert jitter.spread(delay, 0, uid="u", attempt=1) == delay


@given(factors)
def test_no_delay_stays_none(factor):
    assert jitter.spread(timedelta(0), factor, uid="u", attempt=1) == timedelta(0)


@pytest.mark.parametrize(("factor", "low", "high"), [(0.1, 0.9065, 1.1), (0.3, 0.7518, 1.3), (1, 0.4150, 2)])
def test_bounds(factor, low, high):
    assert jitter.bounds(1, factor) == pytest.approx((low, high), abs=1e-3)


@pytest.mark.parametrize("factor", [0.1, 0.3, 0.5, 1, 3, 10, 60])
def test_the_mean_is_about_the_delay(factor):
    draws = [jitter.spread(timedelta(seconds=1), factor, uid=f"u{i}", attempt=1) for i in range(5000)]
    assert statistics.fmean(d.total_seconds() for d in draws) == pytest.approx(1, abs=0.05)


def test_runs_of_one_map_do_not_retry_together():
    draws = {jitter.spread(timedelta(seconds=60), 0.3, uid=f"u{i}", attempt=1) for i in range(1000)}
    assert len(draws) == 1000
