"""Kernels of BLAS that leave floating-point flags behind: no warning, and the same numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from handlens.studio.classifier import Trained, train_classifier
from handlens.studio.discriminant import fit_discriminant, folds
from handlens.studio.feature_rows import FeatureRows
from handlens.studio.linear_models import inner_products
from handlens.studio.neighbour_embedding import neighbour_embedding
from handlens.studio.neighbours import LayerDistances
from handlens.studio.projections import (
    Scaling,
    leading_directions,
    principal_components,
    separated_map,
)
from handlens.studio.separating import cross_validated_logits


class Flagged(np.ndarray):
    """An array whose matrix products are right, and leave the flags of an invalid value and of an overflow behind."""

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, out: Any = None, **options: Any) -> Any:
        if out is not None:
            options["out"] = tuple(np.asarray(one) for one in out)
        result = getattr(ufunc, method)(*(plain(one) for one in inputs), **options)
        if ufunc is np.matmul:
            np.multiply(np.float32([np.inf, 3e38]), np.float32([0, 3e38]))
        return result.view(Flagged) if isinstance(result, np.ndarray) else result


def plain(value: Any) -> Any:
    return value.view(np.ndarray) if isinstance(value, Flagged) else value


CODES = np.arange(40) % 3


def train(x: np.ndarray) -> Trained:
    """A classifier from the first twenty rows, the last five of which were checked."""
    rows = np.arange(40)
    codes = np.where(rows < 20, CODES, -1)
    return train_classifier({"x": x}, codes, gestures=rows, checked=(rows >= 15) & (rows < 20), seed=0)


@pytest.fixture
def x() -> np.ndarray:
    random = np.random.default_rng(0)
    return (random.normal(size=(40, 6)) + 4 * random.normal(size=(3, 6))[CODES]).astype(np.float32)


def test_the_flags_would_be_seen(x: np.ndarray) -> None:
    with pytest.warns(RuntimeWarning):
        x.view(Flagged) @ x.T
    assert (x.view(Flagged) + 1).sum() == (x + 1).sum()


@pytest.mark.parametrize(
    "compute",
    [
        lambda x: fit_discriminant(x, CODES).logits(x),
        lambda x: fit_discriminant(x, CODES).axes(),
        lambda x: fit_discriminant(x[:5], CODES[:5]).weights,  # fewer rows than columns
        lambda x: cross_validated_logits(x, CODES, folds(CODES)),
        lambda x: principal_components(x, Scaling.of(x), k=4, seed=0)(x),
        lambda x: leading_directions(x, 2, seed=0),
        lambda x: separated_map(FeatureRows(x), np.arange(20), CODES[:20], Scaling.of(x), x, seed=0),
        lambda x: separated_map(FeatureRows(x), np.arange(20), np.arange(20) % 2, Scaling.of(x), x, seed=0),
        lambda x: neighbour_embedding(x, seed=0),
        lambda x: LayerDistances(lambda: FeatureRows(x), Scaling.of(x)).from_centre_of(np.array([1, 2])),
        lambda x: train(x).scores,
        lambda x: train(x).checked_scores,
        lambda x: train(x).classifier.scores({"x": x}),
        lambda x: inner_products({"x": x}),
    ],
)
def test_neither_warnings_nor_other_numbers(compute: Any, x: np.ndarray) -> None:
    expected = compute(x)
    found = compute(x.view(Flagged))
    assert np.isfinite(found).all()
    np.testing.assert_array_equal(found, expected)
