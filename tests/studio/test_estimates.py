"""Estimates from checked photos: by hand, against independent computations, by enumeration and simulation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.special import xlogy

from handlens.audit.intervals import wilson
from handlens.errors import DataError
from handlens.studio.estimates import (
    Estimate,
    calibration_error_beyond_chance,
    estimate_accuracy,
    estimate_difference,
    expected_calibration_error,
    guess_accuracy,
    pool_rounds,
    tango,
)


def estimate(right, confidence, others, **more):
    """The estimate where one model gave all confidences, and those of the other photos are `others`."""
    return estimate_accuracy(right, confidence, np.mean(others) if len(others) else 0.0, len(others), **more)


def test_without_confidences_it_is_wilsons_interval():
    # Of many photos: Wilson's interval of 8 out of 10, (0.490, 0.943).
    found = estimate([True] * 8 + [False] * 2, np.full(10, 0.7), np.full(10_000_000, 0.7))
    assert (found.value, found.low, found.high) == pytest.approx((0.8, 0.4902, 0.9433), abs=1e-4)


def test_half_of_the_photos_checked_by_hand():
    # 10 of 20 checked, 8 right. All 20 are worth 10 / (1 − 1/2) = 20 checks: Wilson of 16 out of 20 is
    # (0.58398, 0.91933), which are 11.680 and 18.387 of 20 photos. 8 are known: 3.680 and 10.387 of the other 10.
    found = estimate([True] * 8 + [False] * 2, np.full(10, 0.7), np.full(10, 0.7))
    assert (found.value, found.low, found.high) == pytest.approx((0.8, 0.3680, 1.0), abs=1e-4)


def test_the_regression_by_hand():
    # 20 checked of 40: ten with confidence 1, all right, and ten with confidence 0.5, 5 right; b = 0.5 / 0.5 = 1.
    # All others have confidence 1: the mean over all 40 is 0.75 + 1 · (0.875 − 0.75) = 0.875, 35 of them. 15 of the
    # checked are right, so all 20 others are.
    right = [True] * 10 + [True, False] * 5
    sure = [1.0] * 10 + [0.5] * 10
    found = estimate(right, sure, np.ones(20))
    assert (found.value, found.high) == pytest.approx((1, 1))
    # Their sums of squares: Σ (y − ȳ)² = 3.75, and around the line 2.5. With one unexplained mistake more, the 20 are
    # worth 20 / ((3.5 / 18) / (4.75 / 19)) = 25.7 checks, twice as many in a population of 40.
    z2 = 1.959964**2
    n = 2 * 20 * (4.75 / 19) / (3.5 / 18)
    low = (0.875 + z2 / 2 / n - np.sqrt(z2 * (0.875 * 0.125 / n + z2 / 4 / n**2))) / (1 + z2 / n)
    assert found.low == pytest.approx((40 * low - 15) / 20, abs=1e-6)


def test_few_checks_or_equal_confidences_are_not_corrected():
    few = estimate([True] * 5 + [False] * 5, [0.9] * 5 + [0.5] * 5, np.full(90, 0.9))
    assert few.value == pytest.approx(0.5)
    equal = estimate([True] * 30 + [False] * 30, np.full(60, 0.6), np.full(90, 0.9))
    assert equal.value == pytest.approx(0.5)


def test_all_right_and_all_wrong():
    ones, sure = np.ones(30, bool), np.linspace(0.3, 1, 30)
    right, wrong = (estimate(answers, sure, np.full(970, 0.9)) for answers in (ones, ~ones))
    assert (right.value, right.high, wrong.value, wrong.low) == (1, 1, 0, 0)
    assert right.low == pytest.approx(1 - wrong.high)
    assert 0.8 < right.low < 0.95


def test_photos_labelled_since_widen_the_interval():
    given = [True] * 8 + [False] * 2, np.full(10, 0.7), np.full(990, 0.7)
    before, after = estimate(*given), estimate(*given, moved=0.1)
    # If the tenth that was labelled was all right, the others have (low − 0.1) / 0.9; if all wrong, high / 0.9.
    assert (after.value, after.low) == pytest.approx((before.value, (before.low - 0.1) / 0.9))
    assert after.high == 1 < before.high / 0.9
    with pytest.raises(DataError):
        estimate(*given, moved=1)


def test_checks_that_the_model_learned_from_are_worth_less():
    # Half of its labels are these 40 checks: they are worth 40 / 1.5.
    right, sure = np.arange(40) % 4 > 0, np.full(40, 0.9)
    found = estimate_accuracy(right, sure, 0.9, 10**6, taught=0.5)
    low, high = wilson(0.75 * 40 / 1.5, 40 / 1.5)
    assert (found.value, found.low, found.high) == pytest.approx((0.75, float(low), float(high)), abs=1e-4)
    with pytest.raises(DataError):
        estimate_accuracy(right, sure, 0.9, 1, taught=1.1)


def test_each_confidence_is_compared_with_what_its_own_model_says_of_the_others():
    # The second model is surer by 0.2 of everything: nothing is left to correct, and the slope is that of the first.
    right = [True] * 10 + [True, False] * 5
    sure = np.array([1.0] * 10 + [0.5] * 10) - 0.25
    plain = estimate_accuracy(right, sure, 0.75, 20)
    second = np.arange(20) % 2 * 0.2
    assert estimate_accuracy(right, sure + second, 0.75 + second, 20).value == pytest.approx(plain.value)
    # b = 1, and the checked ones have 0.5 on average: the others are better by 0.25, or by 0.125.
    assert estimate_accuracy(right, sure, 0.75, 10**6).value == pytest.approx(1.0, abs=1e-4)
    assert estimate_accuracy(right, sure, 0.625, 10**6).value == pytest.approx(0.875, abs=1e-4)


def test_a_mean_confidence_from_a_sample_makes_the_interval_wider():
    right, sure = [True] * 10 + [True, False] * 5, np.array([1.0] * 10 + [0.5] * 10)
    whole, part = (estimate_accuracy(right, sure, 0.75, 10**6, sampled=variance) for variance in (0.0, 0.001))
    assert part.value == whole.value
    # With b = 1 the residual variance 3.5 / 18 grows by 20 · 0.001.
    n = 20 * (4.75 / 19) / (3.5 / 18 + 0.02)
    low, high = wilson(0.75 * n, n)
    assert (part.low, part.high) == pytest.approx((float(low), float(high)), abs=1e-4)
    with pytest.raises(DataError):
        estimate_accuracy(right, sure, 0.75, 10, sampled=-1)


def test_rounds_that_count_together_by_hand():
    # Round 1: 10 of 10 + 30 + 960 other photos are labelled since. Both rounds promise 1.568 / √60 + 0.005 = 0.207, the
    # second alone 1.568 / √30 = 0.286.
    counts, moved, added = pool_rounds([30, 30], [10, 0], [0, 0], left=960)
    assert (counts.tolist(), moved, added) == ([True, True], pytest.approx(0.005), 0)
    # 0.1 · 5 / 205 more make the interval no narrower: 1.568 / √205 + 0.0024 against 1.568 / √200 = 0.1109.
    counts, moved, added = pool_rounds([5, 200], [100, 0], [0, 0], left=700)
    assert (counts.tolist(), moved, added) == ([False, True], 0, 0)
    # Also of the only round at most a tenth may be labelled since: of 50 + 105 + 895 photos.
    counts, moved, added = pool_rounds([50], [105], [0], left=895)
    assert (counts.tolist(), moved, added) == ([True], 0.105, 0)
    counts, moved, added = pool_rounds([50], [106], [0], left=894)
    assert (counts.tolist(), moved, added) == ([False], 0, 0)
    assert pool_rounds([], [], [], left=9).moved == 0
    assert pool_rounds([0, 0], [9, 0], [0, 0], left=9).current.tolist() == [False, True]


def test_rounds_that_could_not_be_drawn_from_all_photos_that_are_left():
    # Of the 30 + 970 photos that are not of round 1, 50 were added since; round 1 counts half.
    counts, moved, added = pool_rounds([30, 30], [0, 0], [50, 0], left=970)
    assert (counts.tolist(), moved, added) == ([True, True], 0, pytest.approx(0.025))
    # At most a tenth.
    assert pool_rounds([50], [0], [100], left=1000).added == pytest.approx(0.1)
    assert not pool_rounds([50], [0], [101], left=1000).current.any()
    # Those that were labelled since are of the others that the round was drawn from: of 900 + 20.
    assert pool_rounds([50], [20], [100], left=1000).moved == pytest.approx(20 / 920)


def test_photos_that_were_added_may_all_be_right_or_wrong():
    before = estimate([True] * 8 + [False] * 2, np.full(10, 0.7), np.full(990, 0.7))
    found = estimate([True] * 8 + [False] * 2, np.full(10, 0.7), np.full(990, 0.7), added=0.1)
    assert found.value == before.value
    assert (found.low, found.high) == pytest.approx((0.9 * before.low, 0.9 * before.high + 0.1))
    for name in ("moved", "added"):
        for share in (-0.1, 1.0, np.nan):
            with pytest.raises(DataError, match=f"{name} must be a share from 0 to below 1"):
                estimate([True], [0.5], [0.5], **{name: share})


@pytest.mark.parametrize("labelled", ["easiest", "hardest", "surest", "random"])
def test_the_interval_of_two_rounds_holds_whatever_was_labelled_between(labelled):
    random = np.random.default_rng(2)
    sure = 1 - 0.5 * random.beta(1, 2, 1200)
    truth = random.random(1200) < sure
    held, runs = 0, 150
    for _ in range(runs):
        order = random.permutation(1200)
        first, others = order[:60], order[60:]
        key = {"easiest": -1.0 * truth, "hardest": 1.0 * truth, "surest": -sure, "random": random.random(1200)}[
            labelled
        ]
        others = random.permutation(others[np.argsort(key[others], kind="stable")][80:])
        second, rest = others[:30], others[30:]
        counts, moved, _ = pool_rounds([60, 30], [80, 0], [0, 0], left=len(rest))
        assert counts.all()
        drawn = np.concatenate([first, second])
        found = estimate(truth[drawn], sure[drawn], sure[rest], moved=moved)
        held += found.low <= truth[rest].mean() <= found.high
    assert held >= 0.93 * runs


def test_nothing_checked_and_nothing_left():
    assert estimate([], [], [0.5]) is None
    assert estimate([True], [0.5], []) is None
    assert estimate_difference([], [], 5) is None
    assert estimate_difference([True], [False], 1) is None


@pytest.mark.parametrize(
    ("right", "confidence", "others"),
    [
        ([True], [0.5, 0.6], [0.5]),
        ([[True]], [[0.5]], [0.5]),
        ([1, 0], [0.5, 0.6], [0.5]),
        ([True], [1.5], [0.5]),
        ([True], [np.nan], [0.5]),
        ([True], [0.5], [-0.1]),
    ],
)
def test_arrays_that_do_not_fit_are_refused(right, confidence, others):
    with pytest.raises(DataError):
        estimate(right, confidence, others)
    for expected in ([0.5], [[0.5, 0.5]], [0.5] * 3):
        with pytest.raises(DataError, match="expected"):
            estimate_accuracy([True, True], [0.5, 0.5], expected, 9)
    with pytest.raises(DataError, match="left"):
        estimate_accuracy([True], [0.5], 0.5, -1)


probabilities = st.floats(0, 1)


@given(st.lists(st.tuples(st.booleans(), probabilities), max_size=40), st.lists(probabilities, max_size=40), st.data())
def test_an_interval_holds_its_value_and_is_one_of_shares(checked, others, data):
    moved = data.draw(st.floats(0, 0.99))
    right, confidence = [r for r, _ in checked], [c for _, c in checked]
    found = estimate(np.array(right, bool), confidence, others, moved=moved)
    if checked and others:
        assert 0 <= found.low <= found.value <= found.high <= 1
    else:
        assert found is None


def coverage(truth, sure, n, *, runs=400, seed=0):
    """The share of random checks whose interval holds the accuracy on the rest, and their mean width."""
    random = np.random.default_rng(seed)
    held, widths = 0, []
    for _ in range(runs):
        order = random.permutation(len(truth))
        drawn, rest = order[:n], order[n:]
        found = estimate(truth[drawn], sure[drawn], sure[rest])
        held += found.low <= truth[rest].mean() <= found.high
        widths.append(found.high - found.low)
    return held / runs, np.mean(widths)


@pytest.mark.parametrize("n", [30, 100, 400])
@pytest.mark.parametrize("hard", [0.2, 0.6])
def test_the_interval_holds_the_accuracy_on_the_rest(n, hard):
    random = np.random.default_rng(1)
    sure = 1 - hard * random.beta(1, 2, 1000)
    truth = random.random(1000) < sure
    share, width = coverage(truth, sure, n)
    # Wilson holds 93 % or more here; of 400 runs, less two standard errors.
    assert share > 0.905
    useless, plain = coverage(truth, np.full(1000, 0.5), n)
    assert useless > 0.905
    assert width < 1.02 * plain


def test_published_example_of_tango():
    # Fagerland et al. 2014, table 5, airway hyper-responsiveness before and after transplantation (Bentur et al. 2009).
    assert tango(1, 7, 21) == pytest.approx((-0.517, -0.026), abs=5e-4)


@pytest.mark.parametrize(("gained", "lost", "n"), [(1, 7, 21), (6, 16, 161), (3, 0, 30), (0, 1, 12), (2.5, 1.25, 40)])
def test_the_ends_of_tango_are_where_the_score_test_rejects(gained, lost, n):
    # The likeliest share q of the lost ones for a difference δ, found by numerical search and not by the closed form.
    for end in tango(gained, lost, n):
        low, high = max(0.0, -end), (1 - end) / 2

        def unlikely(q, delta=end):
            return -(
                xlogy(gained, max(q + delta, 0)) + xlogy(lost, q) + xlogy(n - gained - lost, max(1 - 2 * q - delta, 0))
            )

        q = minimize_scalar(unlikely, bounds=(low, high), method="bounded", options={"xatol": 1e-12}).x
        score = (gained - lost - n * end) / np.sqrt(n * (2 * q + end * (1 - end)))
        assert abs(score) == pytest.approx(1.959964, abs=1e-4)


def test_difference_of_equal_models():
    found = estimate_difference([True] * 20, [True] * 20, 10**9)
    z2 = 1.959964**2
    assert (found.value, found.low, found.high) == pytest.approx((0, -z2 / (20 + z2), z2 / (20 + z2)))


def test_difference_changes_its_sign_with_the_order():
    a, b = [True] * 18 + [False] * 2, [True] * 13 + [False] * 6 + [True]
    one, other = estimate_difference(a, b, 60), estimate_difference(b, a, 60)
    assert (one.value, one.low, one.high) == pytest.approx((-other.value, -other.high, -other.low))


def test_one_model_right_and_the_other_wrong_everywhere():
    # With 10 gained and 0 lost the likeliest q is (1 − δ) / 2, so n (1 − δ)² = z² (1 − δ²): δ = (n − z²) / (n + z²).
    found = estimate_difference([True] * 10, [False] * 10, 10**9)
    z2 = 1.959964**2
    assert (found.value, found.low, found.high) == pytest.approx((1, (10 - z2) / (10 + z2), 1))


@pytest.mark.parametrize(("n", "population"), [(10, 300), (30, 300), (100, 2000)])
def test_the_interval_of_a_difference_holds(n, population):
    random = np.random.default_rng(0)
    a = random.random(population) < 0.9
    b = np.where(random.random(population) < 0.7, a, random.random(population) < 0.8)
    held, runs = 0, 200
    for _ in range(runs):
        order = random.permutation(population)
        drawn, rest = order[:n], order[n:]
        found = estimate_difference(a[drawn], b[drawn], population)
        held += found.low <= a[rest].mean() - b[rest].mean() <= found.high
    assert held >= 0.92 * runs


@pytest.mark.parametrize(
    ("a", "b", "population"), [([True], [True, False], 9), ([1], [0], 9), ([True], [True], 0), ([[True]], [[True]], 9)]
)
def test_checks_that_cannot_be_compared_are_refused(a, b, population):
    with pytest.raises(DataError):
        estimate_difference(a, b, population)


def test_calibration_error_by_hand():
    # 0.05 and 0.15 share no bin: |0.05 − 0| · 1/4 + |0.15 − 1| · 1/4 + |0.95 − 1| · 2/4.
    found = expected_calibration_error([0.05, 0.15, 0.9, 1.0], [False, True, True, True])
    assert found == pytest.approx(0.05 / 4 + 0.85 / 4 + 0.05 * 2 / 4)
    assert expected_calibration_error([0.05, 0.15], [False, True], bins=1) == pytest.approx(0.4)
    assert np.isnan(expected_calibration_error([], []))
    with pytest.raises(DataError):
        expected_calibration_error([0.5], [True], bins=0)


def test_calibration_error_beyond_chance_by_hand():
    # Two bins: 40 photos of 0.95, 30 right, and 10 of 0.55, 5 right: the error is (8 + 0.5) / 50 = 0.17, and chance
    # makes √(2/π · 40 · 0.0475) + √(2/π · 10 · 0.2475) = 1.0998 + 1.2552 photos, 0.0471.
    sure, right = [0.95] * 40 + [0.55] * 10, [True] * 30 + [False] * 10 + [True, False] * 5
    found = calibration_error_beyond_chance(sure, right)
    assert found == pytest.approx(np.sqrt(0.17**2 - 0.0471**2), abs=1e-4)
    assert calibration_error_beyond_chance([0.75] * 4, [True] * 3 + [False]) == 0
    assert np.isnan(calibration_error_beyond_chance([], []))
    with pytest.raises(DataError):
        calibration_error_beyond_chance([1.5], [True])


def test_calibration_error_of_few_photos_is_not_made_of_chance():
    random = np.random.default_rng(0)
    plain, corrected = [], []
    for _ in range(200):
        sure = random.uniform(0.3, 1, 60)
        right = random.random(60) < sure  # calibrated
        plain.append(expected_calibration_error(sure, right))
        corrected.append(calibration_error_beyond_chance(sure, right))
    assert np.mean(plain) > 0.1
    assert np.mean(corrected) < 0.5 * np.mean(plain)


def test_guess_from_labels_that_people_chose():
    low, high = guess_accuracy((37, 100), (89, 100))
    assert (low, high) == (pytest.approx(0.2818, abs=1e-4), 1.0)  # 0.9375 over 0.9
    assert guess_accuracy((37, 100), (69, 100))[1] == pytest.approx(0.7722 / 0.9, abs=1e-4)
    assert guess_accuracy((37, 100), (69, 100), (2, 10))[0] == pytest.approx(0.0567, abs=1e-4)
    assert guess_accuracy((37, 100), (39, 100), (7, 10))[1] == pytest.approx(0.8922 / 0.9, abs=1e-4)
    assert guess_accuracy((89, 100), (37, 100)) == (low, high)
    assert guess_accuracy((0, 0), (89, 100)) is None
    assert guess_accuracy((37, 100), (0, 0)) is None
    with pytest.raises(DataError):
        guess_accuracy((5, 4), (1, 1))


def test_an_estimate_cannot_be_changed():
    with pytest.raises(AttributeError):
        Estimate(0.5, 0.4, 0.6).value = 1
