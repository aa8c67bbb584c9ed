"""The features of one layer, read block by block: all at once they may be larger than memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handlens.core.half_precision import Floats, floats
from handlens.core.row_blocks import Report, each_block, row_products
from handlens.studio.row_file import RowFile

_BLOCK = 2**20  # numbers in a block


class FeatureRows:
    """The features of the first photos in the preparing order, float32 whatever they are kept as.

    Their number stays what it was when this was made, while rows are added to the file.

    Args:
        stored: the rows on disk, or an array [n, D].
        n: take the first `n` of them; all unless given.

    Attributes:
        shape: n and D.

    Example:
        >>> rows = FeatureRows(np.array([[1, 2], [3, 4], [5, 6]], np.float16))
        >>> rows.at(np.array([2, 0])).tolist()
        [[5.0, 6.0], [1.0, 2.0]]
        >>> rows.times(np.array([1, 1], np.float32)).tolist()
        [3.0, 7.0, 11.0]
    """

    def __init__(self, stored: RowFile | NDArray[Any], n: int | None = None) -> None:
        self._stored = stored
        count, dim = stored.shape if isinstance(stored, np.ndarray) else (stored.count, stored.dim)
        self.shape = (count if n is None else min(n, count), dim)

    def __len__(self) -> int:
        return self.shape[0]

    def block(self, start: int, stop: int) -> Floats:
        """The rows from `start` up to `stop`, as far as there are so many: float32 [k, D]."""
        return floats(self._kept(start, stop))

    def _kept(self, start: int, stop: int) -> NDArray[Any]:
        """As `block`, as they are kept."""
        stop = min(stop, len(self))
        return self._stored[start:stop] if isinstance(self._stored, np.ndarray) else self._stored.block(start, stop)

    def at(self, rows: NDArray[np.integer]) -> Floats:
        """Chosen rows: float32 [k, D]."""
        return floats(self._stored[rows] if isinstance(self._stored, np.ndarray) else self._stored.at(rows))

    def blocks(self) -> Iterator[Floats]:
        """All rows in their order, in blocks of a few megabytes: float32 [k, D]."""
        step = max(1, _BLOCK // self.shape[1])
        return (self.block(start, start + step) for start in range(0, len(self), step))

    def times(self, weights: Floats, *, report: Report | None = None, what: str = "the work") -> Floats:
        """The product of all rows with weights [D] or [D, k]: float32 [n] or [n, k].

        Args:
            weights: as said.
            report, what: as for `handlens.core.row_blocks.each_block`.

        Raises:
            Cancelled: `report` returned True.
        """
        return row_products(self._kept, self.shape, weights, report=report, what=what)

    def each(self, use: Callable[[int, Floats], object], *, first: int = 0) -> None:
        """Call `use(start, block)` for blocks of the rows from `first` on, in several threads if they are many."""
        left = (len(self) - first, self.shape[1])
        each_block(lambda start, stop: self._kept(first + start, first + stop), left, lambda i, x: use(first + i, x))

    def good(self) -> NDArray[np.bool_]:
        """Which rows have features, bool [n]: the rows of photos that could not be read are NaN."""
        if isinstance(self._stored, np.ndarray):
            return np.isfinite(self._stored[: len(self), 0])
        return ~self._stored.holding(np.full(self.shape[1], np.nan), len(self))
