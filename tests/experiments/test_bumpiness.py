"""Bumpiness: computed by hand, and what it is where the formula says nothing."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlens.experiments.reading.bumpiness import bumpiness, bumpiness_of


@pytest.mark.parametrize(
    ("curve", "expected"),
    [
        ([5, 3, 4, 1], 1 / 4),  # one rise of 1, from 1 to 5
        ([4, 3, 2, 1], 0),
        ([1, 2, 3, 4], 1),
        ([4, 0, 4], 1),
        ([4, 0, 4, 0, 4, 2], 2),
        ([10, 2, 3, 2, 3, 2], 2 / 8),
        ([2, 2, 2], 0),
        ([3, 1], 0),
        ([1, 3], 1),
    ],
)
def test_by_hand(curve, expected):
    assert bumpiness(curve) == expected
    assert bumpiness([-value for value in curve], "maximize") == expected


def test_where_more_is_better_falls_are_counted():
    assert bumpiness([0.5, 0.75, 0.625, 1.0], "maximize") == 0.125 / 0.5
    assert bumpiness([0.5, 0.75, 0.625, 1.0]) == 0.625 / 0.5


@pytest.mark.parametrize("curve", [[], [3.0], [3.0, math.nan, 1.0], [math.nan, 2.0, 1.0], [3.0, 1.0, math.inf]])
def test_what_has_no_bumpiness(curve):
    assert math.isnan(bumpiness(curve))


def test_many_curves_at_once():
    runs = pd.Series([7, 7, 7, 3, 9, 9, 9, 9, 2, 2])
    values = np.array([4.0, 2.0, 3.0, 1.0, 5.0, 3.0, 4.0, 1.0, math.nan, 1.0])
    found = bumpiness_of(runs, values)
    assert list(found.index) == [7, 3, 9, 2]
    assert found[7] == 0.5
    assert found[9] == 0.25
    assert found[[3, 2]].isna().all()


@given(st.lists(st.integers(-100, 100), min_size=2, max_size=20))
def test_it_depends_on_the_shape_alone(curve):
    assert bumpiness([4 * value + 3 for value in curve]) == pytest.approx(bumpiness(curve))
    # What rises has to fall again: the rises and the falls differ by how much lower the curve ends.
    span = max(curve) - min(curve)
    if span:
        falls = bumpiness(curve, "maximize")
        assert falls - bumpiness(curve) == pytest.approx((curve[0] - curve[-1]) / span)


def test_numbers_at_the_end_of_what_floats_can_hold():
    assert bumpiness([2.0**1023, -(2.0**1023), 2.0**1023]) == 1
    assert bumpiness([2.0**1023, -(2.0**1023), 0, -(2.0**1023)]) == 0.5
