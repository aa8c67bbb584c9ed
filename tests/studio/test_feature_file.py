"""Features in half precision, unless that would lose what they say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from handlens.studio.feature_file import FeatureFile, fits_half
from handlens.studio.row_file import RowFile

X = np.random.default_rng(0).standard_normal((64, 3)).astype(np.float32)


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def test_ordinary_features_take_two_bytes_each(tmp_path: Path) -> None:
    file = FeatureFile(tmp_path / "00", 3)
    file.append(X)
    assert names(tmp_path) == ["00.f2", "00.f2.crc32"]
    assert (tmp_path / "00.f2").stat().st_size == 64 * 3 * 2
    np.testing.assert_array_equal(FeatureFile(tmp_path / "00", 3).read().block(0, 64), X.astype(np.float16))


def test_features_of_earlier_versions_stay_as_they_are(tmp_path: Path) -> None:
    RowFile(tmp_path / "00.f4", 3).append(X)
    file = FeatureFile(tmp_path / "00", 3)
    file.append(X[:2])
    file.replace(0, X[1])
    assert names(tmp_path) == ["00.f4", "00.f4.crc32"]
    np.testing.assert_array_equal(file.read().block(0, 99), [X[1], *X[1:], *X[:2]])


@pytest.mark.parametrize(
    ("block", "fits"),
    [
        (X, True),
        (np.full((9, 2), 0.1, np.float32), True),  # constant columns say nothing
        (np.array([[65504.0]], np.float32), True),
        (np.array([[65520.0]], np.float32), False),
        (np.array([[-1e30]], np.float32), False),
        (1e-7 * X, False),  # below the smallest numbers with eleven bits
        (1e-3 * X, True),
        (X + 100, True),
        (X + 10_000, False),  # in steps of 8
        (np.concatenate([X, np.full((1, 3), np.nan, np.float32)]), True),
        (np.full((2, 3), np.nan, np.float32), True),
        (np.full((2, 3), np.inf, np.float32), True),
        (np.empty((0, 3), np.float32), True),
    ],
)
def test_what_fits_half_precision(block: np.ndarray, fits: bool) -> None:
    assert fits_half(block) == fits


def test_one_photo_is_not_judged_by_its_deviation() -> None:
    assert fits_half(np.array([[10_000.3]], np.float32), judged=False)
    assert not fits_half(np.array([[100_000]], np.float32), judged=False)


@pytest.mark.parametrize("replace", [False, True])
def test_a_layer_changes_to_float32_and_keeps_its_rows(tmp_path: Path, replace: bool) -> None:
    file = FeatureFile(tmp_path / "00", 3)
    file.append(X)
    large = np.array([1e6, 2, 3.0001], np.float32)
    if replace:
        file.replace(5, large)
    else:
        file.append(large[None])
    assert names(tmp_path) == ["00.f4", "00.f4.crc32"]
    half = X.astype(np.float16).astype(np.float32)
    expected = [*half[:5], large, *half[6:]] if replace else [*half, large]
    np.testing.assert_array_equal(FeatureFile(tmp_path / "00", 3).read().block(0, 99), expected)


def test_a_layer_that_does_not_fit_is_float32_from_the_first_row(tmp_path: Path) -> None:
    file = FeatureFile(tmp_path / "00", 3)
    file.append(X + 10_000)
    np.testing.assert_array_equal(FeatureFile(tmp_path / "00", 3).read().block(0, 99), X + 10_000)
    assert names(tmp_path) == ["00.f4", "00.f4.crc32"]


def test_s10_killed_while_a_layer_changes_to_float32(tmp_path: Path) -> None:
    FeatureFile(tmp_path / "00", 3).append(X)
    RowFile(tmp_path / "00.f4", 3).append(X[:7])  # half of a copy
    file = FeatureFile(tmp_path / "00", 3)
    assert file.count == 64
    file.append(np.full((1, 3), 1e6, np.float32))
    assert file.count == 65
    assert names(tmp_path) == ["00.f4", "00.f4.crc32"]
