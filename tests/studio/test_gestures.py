"""Folds of whole gestures: by hand, and what must hold for any gestures."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlens.studio.gestures import gesture_folds, hold_out


def test_the_gestures_of_a_class_are_dealt_out():
    codes, gestures = np.repeat([0, 1], 10), np.repeat(np.arange(10), 2)
    fold = gesture_folds(codes, gestures, seed=0)
    for code in (0, 1):
        assert sorted(fold[codes == code].tolist()) == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]


def test_single_photos_are_spread_as_evenly_as_can_be():
    codes = np.repeat([0, 1, 2], [10, 7, 2])
    fold = gesture_folds(codes, np.arange(19), seed=3)
    assert sorted(np.bincount(fold).tolist()) == [3, 4, 4, 4, 4]
    for code in range(3):
        counts = np.bincount(fold[codes == code], minlength=5)
        assert counts.max() - counts.min() <= 1


def test_two_gestures_are_in_two_folds():
    fold = gesture_folds(np.zeros(5, int), np.array([4, 4, 4, 9, 9]), seed=0)
    assert fold[0] == fold[1] == fold[2] != fold[3] == fold[4]
    assert fold.min() >= 0


def test_a_class_of_one_gesture_is_never_held_out_unless_other_rows_are_kept():
    codes, gestures = np.array([0, 0, 1, 1, 1]), np.array([1, 2, 3, 3, 4])
    alone = np.array([True, True, True, True, False])
    assert gesture_folds(codes[alone], gestures[alone], seed=0)[2:].tolist() == [-1, -1]
    fold = gesture_folds(codes, gestures, kept=~alone, seed=0)
    assert fold[2] == fold[3] >= 0
    assert fold[4] == -1


def test_one_gesture_of_several_classes():
    # One import labelled everything; then a lasso gave the first class more photos.
    codes, gestures = np.array([0, 1, 2, 0]), np.array([1, 1, 1, 2])
    fold = gesture_folds(codes, gestures, seed=0)
    assert fold[0] != fold[3]
    assert fold[[1, 2]].tolist() == [-1, -1]


def test_nothing_gives_nothing():
    assert gesture_folds(np.empty(0, int), np.empty(0, int), seed=0).tolist() == []


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 6), st.booleans()), min_size=1, max_size=40),
    st.integers(0, 3),
)
def test_gestures_stay_whole_and_classes_keep_rows(rows, seed):
    codes, gestures, kept = (np.array(column) for column in zip(*rows, strict=True))
    fold = gesture_folds(codes, gestures, kept=kept, seed=seed)
    assert (fold[kept] == -1).all()
    for gesture in np.unique(gestures):
        assert len(np.unique(fold[(gestures == gesture) & (fold >= 0)])) <= 1
    for code in np.unique(codes):
        for k in range(5):
            own = fold[codes == code]
            assert not len(own) or (own != k).any()
        if len(np.unique(gestures[codes == code])) == 1 and not kept[codes == code].any():
            assert (fold[codes == code] == -1).all()
    assert (gesture_folds(codes, gestures, kept=kept, seed=seed) == fold).all()


@pytest.mark.parametrize("seed", [0, 1])
def test_the_seed_deals_them_out(seed):
    codes, gestures = np.zeros(40, int), np.arange(40)
    assert (gesture_folds(codes, gestures, seed=seed) != gesture_folds(codes, gestures, seed=seed + 1)).any()


def test_holding_out_whole_gestures_where_there_are_several():
    codes, gestures = np.repeat([0, 1], 10), np.array([1, 1, 2, 2, 3, 3, 4, 4, 5, 5, *[6] * 10])
    held = hold_out(codes, gestures, seed=0)
    assert held[:10].sum() == 2
    assert len(np.unique(gestures[:10][held[:10]])) == 1
    assert held[10:].sum() == 2  # of one gesture, single rows


def test_a_gesture_that_is_most_of_a_class_is_not_held_out():
    codes, gestures = np.repeat([0, 1], 10), np.array([1] * 5 + [2] * 5 + [3] * 8 + [4] * 2)
    held = hold_out(codes, gestures, seed=0)
    assert held[:10].sum() == 2
    assert np.flatnonzero(held[10:]).tolist() == [8, 9]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 6)), min_size=1, max_size=40), st.integers(0, 3))
def test_each_class_keeps_most_of_its_rows(rows, seed):
    codes, gestures = (np.array(column) for column in zip(*rows, strict=True))
    held = hold_out(codes, gestures, seed=seed)
    for code in np.unique(codes):
        of_class = codes == code
        assert held[of_class].sum() <= max(1, of_class.sum() / 3)


def test_the_only_photo_of_a_class_is_not_held_out():
    codes = np.array([0] * 10 + [1])
    for seed in range(10):
        held = hold_out(codes, np.arange(11), seed=seed)
        assert held[:10].sum() == 2
        assert not held[10]
