"""Temperatures: by hand, and what must hold."""

from __future__ import annotations

import numpy as np
import pytest

from handlens.studio.calibration import fair_weights, fit_temperature

SCORES = np.tile(np.array([[1, -1]], np.float32), (400, 1))
WRONG_1_OF_4 = (np.arange(400) % 4 == 0).astype(np.int64)


def test_it_matches_how_often_the_scores_are_right():
    # Scores ±1, right 3 times of 4: the log loss is least where the probability is 3/4, at 2 / ln 3.
    assert fit_temperature(SCORES, WRONG_1_OF_4, worth=0) == pytest.approx(2 / np.log(3), rel=0.03)


def test_scores_on_another_scale_give_a_temperature_on_that_scale():
    expected = fit_temperature(SCORES, WRONG_1_OF_4, worth=0)
    assert fit_temperature(10 * SCORES, WRONG_1_OF_4, prior=10.0, worth=0) == pytest.approx(10 * expected)


def test_without_photos_it_is_the_prior():
    assert fit_temperature(SCORES[:0], WRONG_1_OF_4[:0], prior=1.6) == 1.6


def test_few_photos_move_it_less_than_many():
    few, many = (fit_temperature(SCORES[:n], WRONG_1_OF_4[:n], prior=0.5) for n in (4, 400))
    assert 0.5 < few < many < 2 / np.log(3) * 1.03


def test_a_firmer_prior_is_kept_to():
    loose, firm = (fit_temperature(SCORES[:40], WRONG_1_OF_4[:40], prior=0.5, worth=worth) for worth in (1, 100))
    assert 0.5 <= firm < loose


def test_photos_that_were_labelled_together_count_as_one():
    right, wrong = np.zeros(6, np.int64), np.ones(2, np.int64)  # the first class is predicted of all
    codes, together = np.concatenate([right, wrong]), np.array([1, 1, 1, 2, 2, 2, 3, 4])
    one_of_each = np.array([0, 3, 6, 7])
    grouped = fit_temperature(SCORES[:8], codes, prior=0.5, together=together)
    assert grouped == fit_temperature(SCORES[:4], codes[one_of_each], prior=0.5)


def test_weights_by_hand():
    # Class 0 has gestures of 2 and 1 photos, class 1 one of 1 photo: shares 1/2, 1/2 and 1, worth 2² / 1.5 photos.
    weights = fair_weights(np.array([0, 0, 0, 1]), np.array([7, 7, 8, 9]))
    np.testing.assert_allclose(weights, np.array([1 / 4, 1 / 4, 1 / 2, 1]) * 2 / 1.5)
    assert weights.sum() == pytest.approx(2**2 / 1.5)
    np.testing.assert_array_equal(fair_weights(np.array([0, 1, 0, 1]), np.arange(4)), np.ones(4))
    # One gesture that gave several classes, such as an import, is one photo of each.
    np.testing.assert_allclose(fair_weights(np.array([0, 0, 1]), np.array([5, 5, 5])), [0.5, 0.5, 1.0])
    assert fair_weights(np.empty(0, np.int64), np.empty(0, np.int64)).tolist() == []


def test_a_class_with_many_photos_counts_no_more_than_others():
    codes = np.repeat([0, 1], [60, 20])  # the first class is predicted of all: 3 of 4 are right, 1 of 2 classes
    plain, fair = (fit_temperature(SCORES[:80], codes, together=by) for by in (None, np.arange(80)))
    assert plain < fair


def test_photos_of_none_of_the_classes_are_wrong_whatever_is_predicted():
    none = np.where(np.arange(400) % 4 == 0, -1, 0)
    assert fit_temperature(SCORES, none) == fit_temperature(SCORES, WRONG_1_OF_4)


def test_a_class_that_could_not_be_predicted_has_a_finite_loss():
    scores = np.array([[1, 0, -np.inf], [0, 1, -np.inf]], np.float32)
    assert 0 < fit_temperature(scores, np.array([0, 2])) < 100


def test_all_right_makes_sure_and_all_wrong_unsure():
    zeros = np.zeros(400, np.int64)
    assert fit_temperature(SCORES, zeros) < 0.6
    assert fit_temperature(SCORES, zeros + 1) > 5
