"""Projections against direct formulas and scikit-learn; frames and agreement by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.decomposition import PCA as Oracle
from sklearn.preprocessing import StandardScaler

from handlens.studio.feature_rows import FeatureRows
from handlens.studio.projections import (
    Linear,
    Scaling,
    align,
    frame,
    leading_directions,
    neighbour_agreement,
    principal_components,
    separated_map,
    separating_axes,
)


@pytest.fixture
def x():
    random = np.random.default_rng(0)
    return (random.normal(size=(60, 9)) @ random.normal(size=(9, 9)) + 3).astype(np.float32)


def clusters(n, *, d=10, seed=0):
    random = np.random.default_rng(seed)
    codes = np.arange(n) % 3
    return (random.normal(size=(n, d)) + 12 * random.normal(size=(3, d))[codes]).astype(np.float32), codes


def test_scaling_by_hand():
    scaling = Scaling.of(np.array([[1, 5, 0], [3, 5, 0.5]], np.float32))
    assert scaling.mean.tolist() == [2, 5, 0.25]
    assert scaling.inverse.tolist() == [1, 0, 4]  # a column that never changes vanishes
    assert scaling.apply(np.array([[4, 6, 0.25]], np.float32)).tolist() == [[2, 0, 0]]


def test_scaling_of_many_rows_is_that_of_numpy():
    x = np.random.default_rng(0).normal(5, 3, (2500, 4)).astype(np.float32)
    scaling = Scaling.of(x)
    np.testing.assert_allclose(scaling.mean, x.mean(0), rtol=1e-5)
    np.testing.assert_allclose(scaling.inverse, 1 / x.std(0), rtol=1e-5)


def test_linear_is_the_centred_product(x):
    weights = np.random.default_rng(1).normal(size=(9, 2)).astype(np.float32)
    mean = x.mean(0)
    assert Linear(mean, weights)(x) == pytest.approx((x - mean) @ weights, abs=1e-4)


def test_components_are_those_of_scikit_learn_up_to_sign(x):
    found = principal_components(x, Scaling.of(x), k=6, seed=0)(x)
    expected = Oracle(6, svd_solver="full").fit_transform(StandardScaler().fit_transform(x.astype(np.float64)))
    signs = np.sign((found * expected).sum(0))
    assert found * signs == pytest.approx(expected, abs=2e-2)


def test_leading_directions_are_the_right_singular_vectors():
    rng = np.random.default_rng(0)
    wide = (rng.standard_normal((40, 3)) * [9, 3, 1]) @ np.linalg.qr(rng.standard_normal((200, 3)))[0].T
    found = leading_directions(wide.astype(np.float32), 3, seed=0)
    exact = np.linalg.svd(wide, full_matrices=False)[2][:3]
    np.testing.assert_allclose(np.abs((found * exact).sum(1)), 1, atol=1e-5)


def test_components_are_the_same_each_time_and_none_beyond_the_rank():
    x = np.random.default_rng(0).normal(size=(3, 5)).astype(np.float32)
    one, two = (principal_components(x, Scaling.of(x), k=6, seed=0) for _ in range(2))
    assert one.weights.tobytes() == two.weights.tobytes()
    placed = one(x)
    assert (placed[:, 2:] == 0).all()
    assert (np.abs(placed[:, :2]).max(0) > 0.1).all()


@pytest.mark.parametrize("n", [1, 2])
def test_components_of_next_to_nothing(n):
    x = np.ones((n, 4), np.float32)
    assert (principal_components(x, Scaling.of(x), k=6, seed=0)(x) == 0).all()


def test_align_takes_the_signs_of_the_old(x):
    old = principal_components(x, Scaling.of(x), k=3, seed=0)
    flipped = Linear(old.mean, old.weights * np.array([-1, 1, -1], np.float32))
    assert align(flipped, old, x).weights.tolist() == old.weights.tolist()


def test_two_classes_are_separated_along_the_first_axis_and_spread_along_the_second():
    random = np.random.default_rng(0)
    x = random.normal(size=(80, 3)).astype(np.float32)
    codes = np.arange(80) % 2
    x[:, 0] = 6 * codes + 0.3 * x[:, 0]
    x[:, 2] = x[:, 1] + 0.1 * x[:, 2]  # after scaling, columns 1 and 2 together are the widest direction left
    plane = separating_axes(x, codes, Scaling.of(x), x)
    xy = plane(x)
    assert xy.shape == (80, 2)
    gap = abs(xy[codes == 0, 0].mean() - xy[codes == 1, 0].mean())
    assert gap > 5 * max(xy[codes == c, 0].std() for c in (0, 1))
    assert np.abs(np.corrcoef(xy[:, 1], x[:, 1])[0, 1]) > 0.9


def test_three_classes_fill_the_plane():
    x, codes = clusters(60)
    xy = separating_axes(x, codes, Scaling.of(x), x)(x)
    assert neighbour_agreement(xy, codes, np.arange(len(codes))) == 1.0


def test_labelled_photos_lie_where_others_of_their_kind_do():
    rng = np.random.default_rng(0)
    truth = np.arange(400) % 2
    x = rng.standard_normal((400, 300)).astype(np.float32)
    x[:, 0] += 4 * truth
    marked, rest = np.arange(24), np.arange(24, 400)
    scaling = Scaling.of(x)

    def gap(xy, rows):
        along = xy[rows, 0]
        return abs(along[truth[rows] == 1].mean() - along[truth[rows] == 0].mean())

    plane = separating_axes(x[marked], truth[marked], scaling, x)(x)
    placed = separated_map(FeatureRows(x), marked, truth[marked], scaling, x, seed=0)
    assert gap(plane, marked) > 2 * gap(plane, rest)  # the plane's own rows are torn apart
    assert gap(placed, marked) == pytest.approx(gap(placed, rest), rel=0.35)
    np.testing.assert_array_equal(placed[rest], plane[rest])


def test_a_label_on_a_single_photo_has_a_place():
    x = np.random.default_rng(0).standard_normal((30, 5)).astype(np.float32)
    codes = np.array([0, 0, 0, 1])
    placed = separated_map(FeatureRows(x), np.arange(4), codes, Scaling.of(x), x, seed=0)
    assert np.isfinite(placed).all()


def test_a_frame_by_hand():
    xy = np.array([[0, 0], [10, 4], [np.nan, np.nan]], np.float32)
    framed = frame(xy)
    assert framed[:2] == pytest.approx(np.array([[-1, -0.4], [1, 0.4]]), abs=0.02)
    assert np.isnan(framed[2]).all()
    assert framed.dtype == np.float32


@given(arrays(np.float32, st.tuples(st.integers(1, 300), st.just(2)), elements=st.floats(-1e6, 1e6, width=32)))
def test_99_of_100_lie_in_the_frame(xy):
    framed = frame(xy)
    inside = (np.abs(framed) <= 1 + 1e-4).all(1).sum()
    assert inside >= 0.99 * len(xy)


def test_outliers_of_both_axes_count_together():
    random = np.random.default_rng(0)
    xy = random.uniform(-1, 1, (1000, 2)).astype(np.float32)
    xy[:10, 0], xy[10:20, 1] = 50, 50  # 1 % far out along each axis: 2 % in all
    assert (np.abs(frame(xy)) <= 1 + 1e-4).all(1).mean() >= 0.99


def test_a_frame_keeps_shapes():
    xy = np.random.default_rng(0).normal(size=(50, 2)).astype(np.float32) * [1, 0.2]
    framed = frame(xy.astype(np.float32))
    ratio = np.ptp(framed, axis=0) / np.ptp(xy, axis=0)
    assert ratio[0] == pytest.approx(ratio[1], rel=1e-4)


def test_frames_of_nothing_and_of_one_point():
    assert frame(np.empty((0, 2), np.float32)).shape == (0, 2)
    assert np.isnan(frame(np.full((3, 2), np.nan, np.float32))).all()
    assert frame(np.array([[7, 7]], np.float32)).tolist() == [[0, 0]]


FOUR = np.array([[0, 0], [1, 0], [10, 0], [12, 0]], np.float32)


def test_agreement_of_four_points_by_hand():
    # The nearest other: 0→1, 1→0, 2→3, 3→2.
    assert neighbour_agreement(FOUR, np.array([0, 0, 1, 1]), np.arange(4), k=1) == 1.0
    assert neighbour_agreement(FOUR, np.array([0, 1, 0, 1]), np.arange(4), k=1) == 0.0
    # Labels 0 0 0 1: of label 0 all but photo 2, whose nearest is the 1. That one is the only one of its label.
    assert neighbour_agreement(FOUR, np.array([0, 0, 0, 1]), np.arange(4), k=1) == pytest.approx(2 / 3)
    # With k = 5 of 3 others, each zero is outvoted by the one only if it has fewer of its own.
    assert neighbour_agreement(FOUR, np.array([0, 0, 0, 1]), np.arange(4), k=5) == 1.0


def test_photos_of_the_same_gesture_are_no_neighbours():
    # 0 and 1 were labelled together: the nearest of another gesture is 2, for both.
    codes = np.array([0, 0, 1, 0])
    assert neighbour_agreement(FOUR, codes, np.array([1, 1, 2, 3]), k=1) == 0.0
    # Of label 0 only photo 0 is in the other gesture: its nearest is the 1.
    assert neighbour_agreement(FOUR, np.array([0, 1, 1, 0]), np.array([1, 2, 3, 4]), k=1) == pytest.approx(0.0)


def test_labels_of_one_gesture_each_have_no_agreement():
    assert neighbour_agreement(FOUR, np.array([0, 0, 1, 1]), np.array([1, 1, 2, 2])) is None


def test_duplicates_do_not_vote_for_each_other():
    xy = np.array([[0, 0], [1, 0], [4, 0], [9, 0]], np.float32)
    codes, gestures, together = np.array([0, 0, 1, 1]), np.arange(4), np.array([0, 0, 2, 3])
    assert neighbour_agreement(xy, codes, gestures, k=1) == 0.75
    assert neighbour_agreement(xy, codes, gestures, together=together, k=1) == 0.25
