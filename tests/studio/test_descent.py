"""Steps of t-SNE against the sums that they stand for."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from handlens.studio.descent import Descent, repulsion


def by_pairs(y):
    apart = y[:, None].astype(np.float64) - y[None]
    near = 1 / (1 + (apart**2).sum(2))
    return (apart * near[:, :, None] ** 2).sum(1), near.sum() - len(y)


def test_two_points_by_hand():
    force, total = repulsion(np.array([[0, 0], [1, 0]], np.float32))
    assert force == pytest.approx(np.array([[-0.25, 0], [0.25, 0]]), abs=0.02)
    assert total == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize(("n", "width"), [(300, 4.0), (500, 30.0), (400, 120.0)])
def test_repulsion_is_that_of_all_pairs(n, width):
    y = (np.random.default_rng(n).uniform(-width, width, (n, 2)) * [1, 0.5]).astype(np.float32)
    force, total = repulsion(y)
    exact, exact_total = by_pairs(y)
    assert np.linalg.norm(force - exact) < 0.08 * np.linalg.norm(exact)  # what the grid blurs
    assert total == pytest.approx(exact_total, rel=0.01, abs=0.03 * n)


def test_points_that_are_all_in_one_place():
    force, total = repulsion(np.zeros((50, 2), np.float32))
    assert np.isfinite(force).all()
    assert total == pytest.approx(50 * 49, rel=0.05)


def test_a_first_step_by_the_formula():
    random = np.random.default_rng(0)
    y = random.normal(size=(20, 2)).astype(np.float32) * 3
    p = random.uniform(size=(20, 20))
    p = p + p.T
    np.fill_diagonal(p, 0)
    p /= p.sum()
    apart = y[:, None].astype(np.float64) - y[None]
    near = 1 / (1 + (apart**2).sum(2))
    force, total = by_pairs(y)
    gradient = 4 * (p[:, :, None] * near[:, :, None] * apart).sum(1) - force / total
    descent = Descent(csr_matrix(p), y)
    descent.step(exaggeration=4.0, momentum=0.5)
    moved = -20 / 4 * 1.2 * gradient  # learning rate n / exaggeration, gain 1 + 0.2
    expected = y + moved - (y + moved).mean(0)
    assert descent.places == pytest.approx(expected, abs=0.03)


def test_the_same_steps_give_the_same_places():
    y = np.random.default_rng(0).normal(size=(100, 2)).astype(np.float32)
    ring = csr_matrix((np.full(100, 1 / 100), (np.arange(100), (np.arange(100) + 1) % 100)), shape=(100, 100))
    affinities = ((ring + ring.T) / 2).tocsr()
    ends = []
    for _ in range(2):
        descent = Descent(affinities, y)
        for _ in range(10):
            descent.step(exaggeration=1.0, momentum=0.8)
        ends.append(descent.places)
    np.testing.assert_array_equal(*ends)
