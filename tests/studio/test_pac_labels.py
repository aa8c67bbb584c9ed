"""Probably approximately correct labels: by hand, by enumeration of all checks of small collections, by simulation."""

from __future__ import annotations

import itertools
from math import comb

import numpy as np
import pytest

from handlens.errors import DataError
from handlens.studio.pac_labels import PacLabels, fewest_checks, pac_labels


def promise(population, labelled):
    return {"population": population, "labelled": labelled, "error": 0.05, "sure": 0.95}


def test_five_right_of_ten_certify_the_rest():
    # Half of 10 photos are checked, and all are right. If 3 of the 10 were wrong, 5 checks would miss all of them in
    # C(7, 5) / C(10, 5) = 21 / 252 = 8.3 % of draws, which is at most 10 %: so at most 2 are wrong, 2 of 10 labels.
    found = pac_labels([True] * 5, np.full(5, 0.8), np.full(5, 0.9), population=10, labelled=5, error=0.2, sure=0.9)
    assert found.chosen.all()
    assert (found.threshold, found.bound, found.more_checks) == (0.9, 0.2, 0)
    # With 92 %, 4 are needed: C(6, 5) / 252 = 2.4 %. So 3 may be wrong, too many.
    found = pac_labels([True] * 5, np.full(5, 0.8), np.full(5, 0.9), population=10, labelled=5, error=0.2, sure=0.92)
    assert not found.chosen.any()
    assert (found.threshold, found.bound) == (None, None)


def test_a_probability_of_exactly_alpha_is_not_left_to_rounding():
    # 1 − 21 / 252 = 11 / 12, in binary a little more or less: it must not be certified by luck.
    sure = 11 / 12
    found = pac_labels([True] * 5, np.full(5, 0.8), np.full(5, 0.9), population=10, labelled=5, error=0.2, sure=sure)
    assert not found.chosen.any()


def test_labels_stop_before_a_mistake():
    # 50 labels by hand, and 40 of 200 photos are checked. Of 13 wrong photos the check finds not one with a probability
    # of C(187, 40) / C(200, 40) = 4.96 %, of 12 with 6.3 %: so up to 12 can be wrong if it finds no mistake. Of 21 it
    # finds at most one with 4.9 %: 19 can be wrong besides one mistake. Of 28 it finds at most two with 4.9 %: 25
    # besides two.
    def found_at_most(v, wrong):
        return sum(comb(wrong, i) * comb(200 - wrong, 40 - i) for i in range(v + 1)) / comb(200, 40)

    for v, wrong in enumerate((13, 21, 28)):
        assert found_at_most(v, wrong) < 0.05 < found_at_most(v, wrong - 1)
    # At 10 %, these are few enough from 70, 140 and 200 photos on: 12 = 0.1 · (50 + 70).
    confidence = np.linspace(0.99, 0.5, 200)
    checked = np.arange(0, 200, 5)
    others = np.delete(confidence, checked)
    given = {"population": 200, "labelled": 90, "error": 0.1, "sure": 0.95}

    # The first mistake is the 131st photo: enough for 12 wrong ones, too early for 19.
    found = pac_labels(checked < 130, confidence[checked], others, **given)
    assert found.chosen.tolist() == (others > confidence[130]).tolist()
    assert found.bound == pytest.approx(12 / (90 + 104))
    # The first mistake is the 176th photo and the second the 181st: enough for 19 wrong ones, too early for 25.
    found = pac_labels(checked < 175, confidence[checked], others, **given)
    assert found.chosen.tolist() == (others > confidence[180]).tolist()
    assert found.threshold == pytest.approx(confidence[179])
    assert found.bound == pytest.approx(19 / (90 + 144))


def test_no_label_by_hand_and_no_check_certify_nothing():
    found = pac_labels([], [], np.linspace(0.5, 1, 100), population=100, labelled=0, error=0.05, sure=0.95)
    assert not found.chosen.any()
    # If the model is right everywhere, 39 checks show it.
    assert fewest_checks(100, 0, error=0.05, sure=0.95) == 39
    assert found.more_checks == 50


def test_few_photos_beside_many_labels_need_no_check():
    found = pac_labels([], [], [0.4] * 5, population=5, labelled=95, error=0.05, sure=0.95)
    assert found.chosen.all()
    assert found.bound == 0.05
    assert fewest_checks(5, 95, error=0.05, sure=0.95) == 0


def test_nothing_to_label():
    found = pac_labels([True], [0.9], [], population=1, labelled=10, error=0.05, sure=0.95)
    assert (len(found.chosen), found.threshold, found.bound, found.more_checks) == (0, None, None, 0)


def test_fewest_checks_by_hand():
    # 0.95^59 = 0.0485 and 0.95^58 = 0.051; in 100 photos, 6 wrong ones are missed by 39 checks with 4.7 %.
    assert fewest_checks(10**6, 0, error=0.05, sure=0.95) == 59
    assert comb(94, 39) / comb(100, 39) < 0.05 < comb(94, 38) / comb(100, 38)
    # Labels by hand make room for more mistakes.
    assert fewest_checks(1000, 1000, error=0.05, sure=0.95) < fewest_checks(1000, 0, error=0.05, sure=0.95)


def test_a_model_that_is_wrong_everywhere_needs_no_more_checks():
    found = pac_labels([False] * 100, np.full(100, 0.9), np.full(900, 0.9), **promise(1000, 100))
    assert not found.chosen.any()
    assert found.more_checks is None


def test_more_checks_would_certify_more():
    confidence = np.linspace(1, 0.5, 1000)
    few = pac_labels([True] * 30, confidence[:300:10], confidence, **promise(1030, 30))
    assert not few.chosen.any()
    assert fewest_checks(1030, 0, error=0.05, sure=0.95) == 57
    assert few.more_checks == 30
    # With so many, all are certified.
    enough = pac_labels([True] * 60, confidence[:600:10], confidence, **promise(1060, 60))
    assert enough.chosen.all()


def test_photos_that_were_drawn_from_and_are_labelled_since_make_it_harder():
    confidence = np.linspace(1, 0.5, 500)
    given = [True] * 60, confidence[::8][:60], confidence
    assert pac_labels(*given, **promise(560, 60)).chosen.all()
    assert not pac_labels(*given, **promise(5600, 60)).chosen.all()


def test_equal_confidences_are_cut_at_random_but_repeatably():
    right = np.arange(100) % 20 > 0
    first, again, other = (
        pac_labels(right, np.ones(100), np.ones(900), seed=seed, **promise(1000, 1100)) for seed in (0, 0, 1)
    )
    assert 0 < first.chosen.sum() < 900
    assert (first.chosen == again.chosen).all()
    assert (first.chosen != other.chosen).any()
    assert first.threshold == 1


def failures(truth, confidence, n, *, labelled, error, sure):
    """In which share of all possible checks more than `error` of the labels are wrong."""
    size, failed = len(truth), []
    given = {"population": size, "labelled": labelled, "error": error, "sure": sure}
    for drawn in itertools.combinations(range(size), n):
        rest = np.delete(np.arange(size), drawn)
        drawn = np.array(drawn)
        found = pac_labels(truth[drawn], confidence[drawn], confidence[rest], **given)
        wrong = int((~truth[rest][found.chosen]).sum())
        labels = labelled + int(found.chosen.sum())
        failed.append(wrong > error * labels + 1e-9)
        # The bound holds as often as it says, and is what was asked for.
        if found.bound is not None:
            failed[-1] |= wrong > found.bound * labels + 1e-9
            assert found.bound <= error + 1e-12
    return np.mean(failed)


@pytest.mark.parametrize(
    ("truth", "n", "labelled", "error", "sure"),
    [
        ("1111100", 3, 5, 0.25, 0.7),  # the worst of all truths of 7 photos: it fails in 28.6 % of all checks
        ("11111000", 4, 7, 0.2, 0.9),
        ("11110000", 5, 5, 0.25, 0.9),
        ("00001111", 5, 5, 0.25, 0.9),
        ("10101010", 4, 9, 0.3, 0.75),
    ],
)
@pytest.mark.parametrize("ties", [False, True])
def test_no_more_checks_fail_than_promised(truth, n, labelled, error, sure, ties):
    truth = np.array([letter == "1" for letter in truth])
    confidence = np.repeat([0.9, 0.6], [4, len(truth) - 4]) if ties else np.linspace(0.9, 0.5, len(truth))
    share = failures(truth, confidence, n, labelled=labelled, error=error, sure=sure)
    assert share <= 1 - sure + 1e-9


def test_the_worst_case_is_near_the_promise():
    # One of ten labels may be wrong. Two wrong photos escape 4 of 9 checks with C(7, 4) / C(9, 4) = 35 / 126 = 27.8 %.
    truth = np.array([True] * 7 + [False] * 2)
    share = failures(truth, np.linspace(0.9, 0.5, 9), 4, labelled=5, error=0.1, sure=0.72)
    assert share == pytest.approx(35 / 126)


def test_simulation_with_probabilities_that_are_too_high():
    random = np.random.default_rng(0)
    confidence = random.beta(6, 1, 1500)
    truth = random.random(1500) < confidence**1.5
    failed, chosen = 0, []
    for run in range(40):
        order = random.permutation(1500)
        drawn, rest = order[:200], order[200:]
        found = pac_labels(truth[drawn], confidence[drawn], confidence[rest], **promise(1500, 400), seed=run)
        wrong = int((~truth[rest][found.chosen]).sum())
        failed += wrong > 0.05 * (400 + found.chosen.sum())
        chosen.append(found.chosen.mean())
    assert failed <= 5  # of 40, at a rate of 5 % the probability is 0.99
    assert np.mean(chosen) < 0.3
    assert np.max(chosen) > 0.3


@pytest.mark.parametrize(
    "changed",
    [
        {"right": [True]},
        {"confidence": [0.5, 1.5]},
        {"candidates": [np.nan]},
        {"population": 2},
        {"error": 0},
        {"error": 1},
        {"sure": 0.3},
        {"sure": 1},
    ],
)
def test_what_does_not_fit_is_refused(changed):
    given = {"right": [True, False], "confidence": [0.5, 0.6], "candidates": [0.5], **promise(3, 2)} | changed
    with pytest.raises(DataError):
        pac_labels(**given)


def test_impossible_counts_are_refused():
    with pytest.raises(DataError):
        fewest_checks(-1, 0, error=0.05, sure=0.95)
    with pytest.raises(AttributeError):
        PacLabels(np.zeros(0, bool), None, None, 0).bound = 1
