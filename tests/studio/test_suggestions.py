"""What to label next: by hand, and what must hold."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlens.studio.suggestions import herd, kernel


def test_chosen_by_hand():
    # Rows 0 and 1 stand for each other, row 2 is alone. 0 and 1 give 1.9, 2 gives 1; then 1 adds only 0.1.
    near = np.array([[1, 0.9, 0], [0.9, 1, 0], [0, 0, 1]], np.float32)
    ones = np.ones(3, np.float32)
    assert herd(near, ones, 3).tolist() == [0, 2, 1]
    # Where row 2 is labelled already, or what it is like is sure, nothing is won by it.
    labelled = np.column_stack([near, near[:, 2]])
    assert herd(labelled, ones, 3).tolist() == [0, 1, 2]
    assert herd(near, np.array([1, 1, 0.05], np.float32), 2).tolist() == [0, 1]


def test_no_more_than_there_are():
    near = np.eye(3, dtype=np.float32)
    assert sorted(herd(near, np.ones(3, np.float32), 9).tolist()) == [0, 1, 2]
    assert herd(near, np.zeros(3, np.float32), 2).tolist() == [0, 1]


def test_the_kernel_by_hand():
    # Angles of 0°, 90° and 180°: squared distances 0, 2 and 4. Of the first row the fifth nearest of three is the
    # farthest, 4, so that the kernel is exp(−d / (2 · 2 · 4)).
    x = {"a": np.array([[1, 0], [0, 2], [-3, 0]], np.float32)}
    np.testing.assert_allclose(kernel(x, 1), np.exp([[0, -2 / 16, -4 / 16]]), rtol=1e-6)
    # Layers side by side are one long row.
    both = {"a": x["a"][:, :1], "b": x["a"][:, 1:]}
    np.testing.assert_allclose(kernel(both, 3), kernel(x, 3), rtol=1e-6)
    assert kernel({"a": np.zeros((2, 3), np.float32)}, 2).shape == (2, 2)
    assert kernel({"a": np.ones((1, 3), np.float32)}, 1).tolist() == [[1.0]]


@given(st.integers(1, 12), st.integers(0, 5), st.integers(1, 15), st.integers(0, 2**32 - 1))
def test_each_row_is_chosen_once_and_adds_no_more_than_the_one_before(k, labelled, n, seed):
    random = np.random.default_rng(seed)
    x = random.normal(size=(k + labelled, 3))
    near = np.exp(-((x[:k, None] - x) ** 2).sum(2)).astype(np.float32)
    doubt = random.random(k).astype(np.float32)
    chosen = herd(near, doubt, n)
    assert len(set(chosen.tolist())) == len(chosen) == min(n, k)

    def stood_for(rows):
        return float((doubt * near[:, [*rows, *range(k, k + labelled)]].max(1, initial=0)).sum())

    gains = [stood_for(chosen[: i + 1]) - stood_for(chosen[:i]) for i in range(len(chosen))]
    assert all(later <= earlier + 1e-4 for earlier, later in itertools.pairwise(gains))
    assert gains[0] == pytest.approx(max(stood_for([row]) for row in range(k)) - stood_for([]), abs=1e-4)
