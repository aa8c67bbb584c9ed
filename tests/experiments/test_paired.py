"""Differences between cells: computed by hand, and against SciPy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from handlens.experiments.reading.paired import (
    CodedRuns,
    are_matched,
    clustered,
    grouped,
    is_grid,
    of_grid,
    over_seeds,
    paired,
    together,
    two_way,
)


def coded(values: np.ndarray, *, matched: bool) -> CodedRuns:
    """Values [cells, rest, seeds] as runs."""
    cell, rest, seed = (each.ravel() for each in np.indices(values.shape))
    number = cell * values.shape[1] + rest
    return CodedRuns(values.ravel(), cell, number, rest if matched else number, seed, np.zeros_like(seed))


def random_values(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape)


def test_clusters_by_hand():
    # The scores of a mean of 1, 2 and 6, each with a third: the variance of the mean is 7 / 3, from 3 - 1.
    values = np.array([1.0, 2.0, 6.0])
    variance, df = clustered(np.zeros(3, int), (values - 3) / 3, np.full(3, 1 / 3), 1)
    assert (variance[0], df[0]) == pytest.approx((7 / 3, 2))
    variance, df = clustered(np.zeros(1, int), np.zeros(1), np.ones(1), 1)
    assert math.isnan(variance[0])
    assert math.isnan(df[0])


def test_clusters_of_unequal_weight_count_as_fewer():
    _, df = clustered(np.zeros(3, int), np.zeros(3), np.array([0.5, 0.25, 0.25]), 1)
    assert df[0] == 1 / (1 / 4 + 1 / 16 + 1 / 16) - 1


def test_two_clusters_of_very_unequal_weight_do_not_have_an_interval():
    values = np.array([1.0, -1.0])
    for weight, known in ((0.5, True), (2 / 3, True), (0.7, False)):
        shares = np.array([weight, 1 - weight])
        variance, _ = clustered(np.zeros(2, int), shares * values, shares, 1)
        assert np.isfinite(variance[0]) == known


def test_what_was_trained_with_one_seed_does_not_narrow_the_interval():
    # Five other choices with the seeds 0 and 1; where one was trained with seed 0 alone, the other four speak for it.
    values = random_values(0, 1, 5, 2)
    complete = coded(values, matched=True)
    without = ~((complete.rest == 4) & (complete.seed == 1))
    found = of_grid(complete.where(without), 1)
    mean = (values[0, :4].mean(1).sum() + values[0, 4, 0]) / 5
    assert found.value[0] == pytest.approx(mean)
    # Student's over the two seeds of these four, in which a seed has half of the mean; of all five, 0.6 and 0.4.
    variance = values[0, :4].mean(0).var(ddof=1) / 2
    assert found.variance[0] == pytest.approx(variance * (0.6**2 + 0.4**2) / (2 * 0.5**2))
    assert found.df[0] == pytest.approx(1)


def test_a_few_that_were_trained_again_do_not_speak_for_all():
    # Of five other choices, each with a difference to the baseline, only one has two seeds: Student's over the five.
    values = random_values(0, 2, 5, 2)
    values[1, 2:] += 10  # what the first two do not show
    complete = coded(values, matched=True)
    rare = complete.where((complete.seed == 0) | (complete.rest == 0))
    found = paired(rare, 2, 0)
    differences = np.array([(values[1, 0] - values[0, 0]).mean(), *(values[1, 1:, 0] - values[0, 1:, 0])])
    assert (found.value[1], found.variance[1]) == pytest.approx((differences.mean(), differences.var(ddof=1) / 5))
    # With two of five, the seeds count, and they are far narrower than the five differences.
    found = paired(complete.where((complete.seed == 0) | (complete.rest < 2)), 2, 0)
    again = (values[1, :2] - values[0, :2]).mean(0).var(ddof=1) / 2
    assert found.variance[1] == pytest.approx(again * (0.8**2 + 0.2**2) / (2 * 0.5**2))


def test_seeds_and_splits_by_hand():
    # Differences of 2 seeds × 2 splits, [[0, 2], [4, 10]]: the seeds' means are 1 and 7, the splits' 2 and 6.
    values = np.array([[0.0, 2.0], [4.0, 10.0]])
    variance, df = over_seeds(((values - 4) / 4)[None], np.full((1, 2, 2), 1 / 4))
    # 9 between seeds and 4 between splits; of both, what is left is ±1: (4 × 1 / 16) × 4.
    assert variance[0] == pytest.approx(9 + 4 - 1)
    # All three have one degree of freedom, and so have they together.
    assert df[0] == pytest.approx(1)


def test_a_seed_that_only_other_cells_have_changes_nothing():
    values = np.array([[0.0, 2.0], [4.0, 10.0]])
    scores, shares = np.zeros((2, 3, 3)), np.zeros((2, 3, 3))
    scores[0, 1:, :2], shares[0, 1:, :2] = (values - 4) / 4, 1 / 4
    shares[1] = 1 / 9
    variance, df = over_seeds(scores, shares)
    expected = over_seeds(((values - 4) / 4)[None], np.full((1, 2, 2), 1 / 4))
    assert (variance[0], df[0]) == pytest.approx((expected[0][0], expected[1][0]))


def test_an_interval_reaches_as_far_as_its_parts_together():
    variance, df = together((np.array([3.0]), np.array([2.0])), (np.array([1.0]), np.array([9.0])))
    assert variance[0] == 4
    expected = 3 * stats.t.ppf(0.975, 2) ** 2 + stats.t.ppf(0.975, 9) ** 2
    assert 4 * stats.t.ppf(0.975, df[0]) ** 2 == pytest.approx(expected)


def test_few_combinations_that_are_alike_do_not_tell_that_their_cell_varies_less():
    # Two combinations that differ by 0.02, and ten that differ by 3.
    values = np.r_[0.99, 1.01, np.arange(10.0)]
    cell = np.repeat([1, 0], [2, 10])
    number = np.arange(12)
    runs = CodedRuns(values, cell, number, number, np.zeros(12, int), np.zeros(12, int))
    found = grouped(runs, 2, 0)
    assert found.variance[1] == pytest.approx(0.0001 + np.arange(10).var(ddof=1) / 10)
    # Welch's would be 9. Of equal spread, 1/2 with 1 and 1/10 with 9 degrees of freedom.
    assert found.df[1] == pytest.approx(0.6**2 / (0.5**2 + 0.1**2 / 9))


def test_cells_of_other_seeds_do_not_have_an_interval():
    runs = coded(random_values(0, 2, 5, 3), matched=False)
    apart = runs.where((runs.cell == 0) | (runs.seed == 0))
    assert math.isnan(grouped(apart, 2, 0).variance[1])
    nearly = runs.where((runs.cell == 0) | (runs.seed > 0))  # a third of the baseline is of a seed that 1 lacks
    assert grouped(nearly, 2, 0).variance[1] > 0


def test_seeds_that_few_combinations_of_a_group_have():
    runs = coded(random_values(0, 2, 10, 3) + 9 * random_values(1, 2, 1, 3), matched=False)
    some = runs.where((runs.seed == 0) | (runs.combination % 10 < 4))
    # The four of each cell that have three seeds tell how much these matter to it; the shares are 0.73, 0.13 and 0.13.
    four = grouped(runs.where(runs.combination % 10 < 4), 2, 0)
    found = grouped(some, 2, 0)
    assert found.variance[1] > four.variance[1]
    assert found.df[1] < 3


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 1000), st.integers(1, 4), st.integers(2, 5))
def test_a_grid_is_a_paired_t_test_over_the_seeds(seed, rests, seeds):
    values = random_values(seed, 3, rests, seeds)
    found = paired(coded(values, matched=True), 3, 0)
    expected = stats.ttest_rel(values[2].mean(0), values[0].mean(0))
    low, high = found.interval()
    assert found.p()[2] == pytest.approx(expected.pvalue)
    interval = expected.confidence_interval()
    assert (low[2], high[2]) == pytest.approx((interval.low, interval.high))


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 1000), st.integers(2, 6))
def test_one_seed_is_a_paired_t_test_over_the_other_choices(seed, rests):
    values = random_values(seed, 2, rests, 1)
    expected = stats.ttest_rel(values[1, :, 0], values[0, :, 0])
    assert paired(coded(values, matched=True), 2, 0).p()[1] == pytest.approx(expected.pvalue)


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 1000), st.integers(2, 6))
def test_one_seed_without_matching_choices_is_welchs_test(seed, rests):
    values = random_values(seed, 2, rests, 1)
    found = grouped(coded(values, matched=False), 2, 0)
    expected = stats.ttest_ind(values[1, :, 0], values[0, :, 0], equal_var=False)
    assert (found.p()[1], found.df[1]) == pytest.approx((expected.pvalue, expected.df))


def test_what_seeds_do_to_a_setting_widens_groups():
    values = random_values(0, 2, 5, 3)
    plain = grouped(coded(values, matched=False), 2, 0)
    alike = grouped(coded(values + np.array([0, 50, 100]), matched=False), 2, 0)
    assert alike.variance[1] == pytest.approx(plain.variance[1])  # the seeds do the same to both settings
    shifted = values + np.array([[[0, 50, 100]], [[0, 0, 0]]])
    apart = grouped(coded(shifted, matched=False), 2, 0)
    # Then the differences of the three seeds decide: their variance over 3, less what single runs explain.
    of_seeds = (shifted[1].mean(0) - shifted[0].mean(0)).var(ddof=1) / 3
    assert apart.variance[1] == pytest.approx(of_seeds, rel=0.01)
    assert 2 <= apart.df[1] < 2.05


def test_seeds_and_combinations_apart_where_runs_are_missing():
    # Combinations 0, 10, 20, 30 and 40 and seeds -1, 0 and 1, and 4 more for a single run.
    values = np.add.outer(10.0 * np.arange(5), [-1.0, 0.0, 1.0])[None]
    values[0, 2, 0] += 4
    of_seed, alone = two_way(coded(values, matched=False), np.repeat(np.arange(5), 3))
    assert of_seed[:3].tolist() == pytest.approx([-1 + 8 / 15, -4 / 15, 1 - 4 / 15])
    assert alone[6] == pytest.approx(4 * (1 - 1 / 5) * (1 - 1 / 3))
    # Without this run, what is left is explained, although the combinations of seed 0 are lower on average.
    runs = coded(values, matched=False)
    of_seed, alone = two_way(runs.where(np.arange(15) != 6), np.delete(np.repeat(np.arange(5), 3), 6))
    assert of_seed[:3] - of_seed[1] == pytest.approx([-1, 0, 1], abs=1e-3)
    assert alone == pytest.approx(np.zeros(14), abs=1e-3)


def test_a_run_without_a_partner_is_left_out():
    values = random_values(0, 2, 2, 3)
    runs = coded(values, matched=True)
    found = paired(runs.where(np.arange(12) != 0), 2, 0)  # the baseline's first run
    differences = values[1] - values[0]
    assert found.value[1] == pytest.approx((differences[0, 1:].mean() + differences[1].mean()) / 2)


def test_which_cells_match():
    full = coded(random_values(0, 2, 5, 1), matched=True)
    assert is_grid(full, 2)
    assert are_matched(full, 2, 0).tolist() == [True, True]
    four = full.where(np.arange(10) != 9)  # 4 of 5 are enough
    assert not is_grid(four, 2)
    assert are_matched(four, 2, 0).tolist() == [True, True]
    assert are_matched(full.where(np.arange(10) < 8), 2, 0).tolist() == [True, False]
    assert are_matched(coded(random_values(0, 2, 5, 1), matched=False), 2, 0).tolist() == [True, False]
