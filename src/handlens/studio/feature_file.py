"""The features of one layer on disk, in half precision where that keeps what they say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from handlens.studio.discriminant import Floats
from handlens.studio.feature_rows import FeatureRows
from handlens.studio.row_file import RowFile

MOST_NOISE = 1 / 32
"""Deviation of what rounding changes, over that of a column, from which a layer is kept in float32.

With MobileNetV2 and EfficientNet-Lite0 it is 1/300 in the worst column, and 1/3,000 in the median one.
"""

_JUDGED = 32  # rows from which a column's deviation is seen
_COPIED = 4096  # rows that are copied at once


class FeatureFile:
    """Rows of features that grow at their end: float16 in NAME.f2, or float32 in NAME.f4.

    Float16 rounds a number by one part in 2,048 at most, and ends at 65,504. A layer changes to float32, for good, when
    numbers come that are larger, or a column whose numbers differ so little that rounding would drown it. Layers of
    earlier versions are float32 and stay so.

    Args:
        stem: the path without its ending.
        dim: features of a photo.

    Example:
        >>> file = FeatureFile(Path("00"), 2)
        >>> file.append(np.array([[0.5, 1000], [-1, 3000]], np.float32))
        >>> file.rows.path.name, file.read().block(0, 2).tolist()
        ('00.f2', [[0.5, 1000.0], [-1.0, 3000.0]])
        >>> file.append(np.array([[0, 1e6]], np.float32))
        >>> file.rows.path.name, file.read().block(1, 3).tolist()
        ('00.f4', [[-1.0, 3000.0], [0.0, 1000000.0]])
    """

    def __init__(self, stem: Path, dim: int) -> None:
        self._half = RowFile(stem.with_name(f"{stem.name}.f2"), dim, np.float16)
        self._whole = RowFile(stem.with_name(f"{stem.name}.f4"), dim)

    @property
    def rows(self) -> RowFile:
        """The rows as they are kept: of two files, as after a crash, the one that is to be copied."""
        return self._whole if self._whole.path.exists() and not self._half.path.exists() else self._half

    @property
    def is_half(self) -> bool:
        """Whether the rows are kept in half precision."""
        return self.rows is self._half

    @property
    def count(self) -> int:
        """How many rows there are."""
        return self.rows.count

    def read(self, n: int | None = None) -> FeatureRows:
        """The first `n` rows, or all."""
        return FeatureRows(self.rows, n)

    def append(self, block: Floats) -> None:
        """Add rows [k, dim] at the end: all of them, or none if the disk refuses."""
        self._make_fit(block)
        self.rows.append(self._rounded(block))

    def replace(self, row: int, values: Floats) -> None:
        """Write other values [dim] into a row that is there."""
        self._make_fit(values[None])
        self.rows.replace(row, self._rounded(values))

    def _rounded(self, numbers: Floats) -> NDArray[np.floating]:
        return numbers if self.rows is self._whole else numbers.astype(np.float16)

    def _make_fit(self, block: Floats) -> None:
        """Change to float32 if these rows ask for it."""
        if self.rows is self._whole or fits_half(block, judged=len(block) >= _JUDGED or not self.count):
            return
        self._whole.remove()  # half of a copy, which a crash left
        half = FeatureRows(self._half)
        for start in range(0, len(half), _COPIED):
            self._whole.append(half.block(start, start + _COPIED))
        if not len(half):
            self._whole.append(np.empty((0, self._whole.dim), np.float32))
        self._half.remove()


def fits_half(block: Floats, *, judged: bool = True) -> bool:
    """Whether float16 keeps what rows say.

    Args:
        block: rows [k, D]; rows of NaN are left out.
        judged: also compare what rounding changes with the deviation of each column.

    Example:
        >>> x = np.random.default_rng(0).normal(size=(64, 1)).astype(np.float32)
        >>> fits_half(x), fits_half(1e5 * x), fits_half(1e-9 * x), fits_half(x + 1e4)
        (True, False, False, False)
    """
    good = block[np.isfinite(block).all(1)]
    if not len(good):
        return True
    if max(good.max(), -good.min()) > np.finfo(np.float16).max:
        return False
    if not judged:
        return True
    noise, deviation = (good - good.astype(np.float16)).std(0), good.std(0)
    # A column that hardly differs at all is left out by the standardisation too.
    seen = deviation > 1e-6 * deviation.max(initial=0)
    return bool((noise[seen] <= MOST_NOISE * deviation[seen]).all())
