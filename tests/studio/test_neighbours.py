"""Distances against the formulas they stand for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handlens.errors import Cancelled
from handlens.studio.feature_rows import FeatureRows
from handlens.studio.neighbours import LayerDistances, distances_on_map
from handlens.studio.projections import Scaling
from handlens.studio.similarity import nearest


def distances(x, scaling):
    return LayerDistances(lambda: FeatureRows(x), scaling)


@pytest.fixture
def x():
    return np.random.default_rng(0).normal(2, 3, size=(50, 7)).astype(np.float32)


def test_by_hand():
    x = np.array([[0, 0], [2, 2], [4, 0]], np.float32)
    scaling = Scaling(np.zeros(2, np.float32), np.array([1, 0.5], np.float32))
    # Standardised (0, 0), (2, 1), (4, 0); centre of the first and third (2, 0).
    found = distances(x, scaling).from_centre_of(np.array([0, 2]))
    assert found == pytest.approx([4 / 2, 1 / 2, 4 / 2])


def test_against_the_formula(x):
    scaling = Scaling.of(x)
    z = scaling.apply(x).astype(np.float64)
    for rows in ([3], [1, 5, 9], list(range(50))):
        expected = ((z - z[rows].mean(0)) ** 2).mean(1)
        assert distances(x, scaling).from_centre_of(np.array(rows)) == pytest.approx(expected, abs=1e-4)


def test_a_photo_is_at_no_distance_from_itself(x):
    assert distances(x, Scaling.of(x)).from_centre_of(np.array([4]))[4] == pytest.approx(0, abs=1e-4)


def test_more_rows_than_a_block():
    x = np.random.default_rng(0).normal(size=(5000, 3)).astype(np.float32)
    scaling = Scaling.of(x)
    z = scaling.apply(x)
    expected = ((z - z[4999]) ** 2).mean(1)
    assert distances(x, scaling).from_centre_of(np.array([4999])) == pytest.approx(expected, abs=1e-4)


def test_unreadable_rows_have_no_distance(x):
    scaling = Scaling.of(x)
    x[7] = np.nan
    found = distances(x, scaling).from_centre_of(np.array([0]))
    assert np.flatnonzero(np.isnan(found)).tolist() == [7]


def test_rows_may_be_added_between_two_questions(x):
    scaling, count = Scaling.of(x), 20
    finder = LayerDistances(lambda: FeatureRows(x[:count]), scaling)
    assert len(finder.from_centre_of(np.array([3]))) == 20
    count = 50
    assert finder.from_centre_of(np.array([3])) == pytest.approx(distances(x, scaling).from_centre_of(np.array([3])))


def test_distances_on_a_map_by_hand():
    xy = np.array([[0, 0], [2, 0], [4, 0], [np.nan, np.nan]], np.float32)
    # Mean (2, 0), mean squared spread 8/3; centre of the first two (1, 0).
    found = distances_on_map(xy, np.array([0, 1]))
    assert found[:3] == pytest.approx(np.array([1, 1, 9]) * 3 / 8)
    assert np.isnan(found[3])
    assert found.dtype == np.float32


@settings(max_examples=200, deadline=None)
@given(
    rows=st.lists(st.tuples(st.sampled_from([0.0, 1.0, 2.0, np.nan]), st.booleans()), max_size=30),
    k=st.one_of(st.none(), st.integers(0, 35)),
    seed=st.integers(0, 5),
)
def test_the_nearest_are_those_of_a_full_sort(rows, k, seed):
    distance = np.array([row[0] for row in rows], np.float32)
    last = np.array([row[1] for row in rows], bool)
    ids = np.random.default_rng(seed).permutation(100)[: len(rows)]
    known = [i for i in range(len(rows)) if not np.isnan(distance[i])]
    expected = sorted(known, key=lambda i: (last[i], distance[i], ids[i]))[:k]
    assert nearest(distance, last, ids, k).tolist() == expected


def test_half_precision_gives_the_distances_of_its_rounded_numbers(x):
    half, scaling = x.astype(np.float16), Scaling.of(x)
    expected = LayerDistances(lambda: FeatureRows(half.astype(np.float32)), scaling).from_centre_of(np.array([3, 8]))
    found = LayerDistances(lambda: FeatureRows(half), scaling).from_centre_of(np.array([3, 8]))
    assert found == pytest.approx(expected)


def test_a_search_stops_when_it_is_to(x):
    distances = LayerDistances(lambda: FeatureRows(x), Scaling.of(x))
    with pytest.raises(Cancelled, match=r"^the search was cancelled\.$"):
        distances.from_centre_of(np.array([1]), report=lambda _done, _total: True)
