"""Exact distances from a group of photos to all others, for finding similar ones."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from handlens.core.products import product
from handlens.core.row_blocks import Report
from handlens.studio.discriminant import Floats
from handlens.studio.feature_rows import FeatureRows
from handlens.studio.projections import Scaling


class LayerDistances:
    """Squared distances between photos in the standardised features of one layer; the raw features are not copied.

    ‖(x − c)·s‖² = ‖x·s‖² − 2 x·(c·s²) + ‖c·s‖²: the first term is computed once, the second one takes one pass over
    the raw features.

    Args:
        read: gives the raw features that there are now; rows may be added between two calls, not changed.
        scaling: the standardisation of the features.

    Example:
        >>> x = np.array([[0, 0], [2, 2], [4, 0]], np.float32)
        >>> distances = LayerDistances(lambda: FeatureRows(x), Scaling.of(x))
        >>> distances.from_centre_of(np.array([0])).round(2).tolist()
        [0.0, 3.0, 3.0]
    """

    def __init__(self, read: Callable[[], FeatureRows], scaling: Scaling) -> None:
        self._read, self.scaling = read, scaling
        self._norms = np.empty(0, np.float32)
        self._lock = threading.Lock()

    def _norms_of(self, x: FeatureRows) -> Floats:
        with self._lock:
            known = len(self._norms)
            if known < len(x):
                norms = np.concatenate([self._norms, np.empty(len(x) - known, np.float32)])

                def measure(start: int, block: Floats) -> None:
                    scaled = self.scaling.apply(block)
                    np.einsum("ij,ij->i", scaled, scaled, out=norms[start : start + len(block)])

                x.each(measure, first=known)
                self._norms = norms
            return self._norms[: len(x)]

    def from_centre_of(self, rows: NDArray[np.int64], *, report: Report | None = None) -> Floats:
        """Squared distances of every row from the centre of `rows`, over D: float32 [n], NaN for rows with NaN.

        Args:
            rows: one or more.
            report: called as `report(done, n)` with rows; if it returns True, the search is cancelled.

        Raises:
            Cancelled: `report` returned True.
        """
        x = self._read()
        centre = self.scaling.apply(x.at(rows)).mean(0)
        weights = centre * self.scaling.inverse
        squared = x.times(-2 * weights, report=report, what="the search")
        squared += self._norms_of(x)
        squared += 2 * product(self.scaling.mean, weights) + product(centre, centre)
        np.maximum(squared, 0, out=squared)
        squared /= max(1, len(centre))
        return squared


def distances_on_map(xy: Floats, rows: NDArray[np.int64]) -> Floats:
    """Squared distances on a map [n, 2] from the centre of `rows`, over the map's variance; NaN stays NaN."""
    spread = float(np.nanmean(((xy - np.nanmean(xy, 0)) ** 2).sum(1)))
    squared = ((xy - np.nanmean(xy[rows], 0)) ** 2).sum(1)
    return np.asarray(squared / max(spread, 1e-12), np.float32)
