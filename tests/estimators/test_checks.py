"""scikit-learn's own checks of estimators, all of them, without exceptions.

They feed numbers. PhotoClassifier takes paths, so it is checked on pictures whose pixels are drawn from the numbers.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.utils.estimator_checks import parametrize_with_checks
from sklearn.utils.validation import validate_data

from handlens.estimators import PhotoClassifier, TabularClassifier, TabularRegressor
from handlens.studio.features import SOURCES, SourceKind
from handlens.studio.features.extractor import Layer

EXCEPTIONS: dict[str, dict[str, str]] = {}
"""Checks that an estimator cannot pass: by the name of its class, the name of the check and the reason."""

SIDE = 8


class Pixels:
    """An extractor whose features are the red levels of a picture's pixels."""

    name, size = "pixels", SIDE
    layers = (Layer("pixels/0/what", "pixels", "0", "what", SIDE**2),)

    def __call__(self, batch):
        return [batch[..., 0].flatten(1).float()]


class OfDrawnRows(PhotoClassifier):
    """Photos of rows: each number is the level of one pixel."""

    def fit(self, X, y):
        rows = validate_data(self, X, y="no_validation" if y is not None else None)
        super().fit(drawn(rows), y)
        self.n_features_in_ = rows.shape[1]
        return self

    def predict_proba(self, X):
        return super().predict_proba(drawn(validate_data(self, X, reset=False)))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array, tags.input_tags.one_d_array, tags.input_tags.string = True, False, False
        return tags


def drawn(rows: np.ndarray[Any, Any]) -> list[str]:
    levels = np.zeros((len(rows), SIDE**2), np.uint8)
    levels[:, : rows.shape[1]] = np.round(255 / (1 + np.exp(-rows.astype(float))))
    paths = [f"{hashlib.sha256(row.tobytes()).hexdigest()}.png" for row in levels]
    for path, row in zip(paths, levels, strict=True):
        if not Path(path).exists():
            Image.fromarray(row.reshape(SIDE, SIDE)).save(path)
    return paths


@pytest.fixture(autouse=True)
def _surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    monkeypatch.chdir(tmp_path_factory.getbasetemp())  # one folder for all: most checks draw the same rows
    monkeypatch.setitem(SOURCES, "pixels", SourceKind(lambda config, tensors: Pixels(), Pixels))
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")  # without it, one check is skipped
    torch.set_num_threads(1)


def exceptions(estimator: Any) -> dict[str, str]:
    return EXCEPTIONS.get(type(estimator).__name__, {})


@parametrize_with_checks(
    [TabularClassifier(), TabularRegressor(), OfDrawnRows(backbone="pixels")], expected_failed_checks=exceptions
)
def test_passes_a_check_of_scikit_learn(estimator, check):
    check(estimator)
