"""Medians, spreads, ratios."""

from __future__ import annotations

import pytest

from benchmarks import samples


def test_one_outlier_does_not_move_the_figure():
    assert samples.of([10.0, 11.0, 90.0]).median == 11.0


def test_a_figure_without_samples_is_none():
    with pytest.raises(ValueError, match="at least one sample"):
        samples.of([])


def test_the_spread_is_a_part_of_the_median():
    assert samples.of([8.0, 10.0, 12.0]).spread == pytest.approx(0.4)


def test_one_sample_has_no_spread():
    assert samples.of([8.0]).spread == 0


def test_counts_that_are_all_zero_have_no_spread():
    assert not samples.of([0.0, 0.0]).is_noisy


def test_samples_that_lie_far_apart_are_noisy():
    assert samples.of([8.0, 10.0, 12.0]).is_noisy


def test_samples_that_agree_are_not_noisy():
    assert not samples.of([9.8, 10.0, 10.2]).is_noisy


def test_each_figure_is_compared_with_the_one_measured_beside_it():
    assert samples.ratios([9.0, 4.0], [10.0, 8.0]).values == (0.9, 0.5)


def test_a_figure_that_has_no_partner_is_an_error():
    with pytest.raises(ValueError, match="shorter"):
        samples.ratios([9.0, 4.0], [10.0])


def test_pairs_take_turns():
    said: list[str] = []
    samples.in_alternation(lambda: said.append("bare"), lambda: said.append("ours"), 2)
    assert said == ["bare", "ours", "bare", "ours"]


def test_without_time_there_is_one_pair():
    found = samples.in_alternation(lambda: 1, lambda: 2, 5, has_time=lambda: False)
    assert found == [(1, 2)]
