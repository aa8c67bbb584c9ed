"""The maps of a layer: its features, projected to the plane."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from handlens.io.checksums import DamagedError, read_checked, read_npz, write_checked
from handlens.studio.discriminant import Floats
from handlens.studio.feature_rows import FeatureRows
from handlens.studio.neighbours import LayerDistances
from handlens.studio.projections import (
    LABELS,
    NEIGHBOURS,
    PCA,
    SEPARATE,
    Linear,
    Scaling,
    align,
    frame,
    neighbour_embedding,
    principal_components,
    separated_map,
)

_COMPONENTS = 6
_FITTED_ON = 3000  # principal components are fitted on the first so many rows, whose order is random
_SCALED_ON = 20_000  # means and deviations are those of the first so many rows
_SAMPLED = 2000  # separating axes: rows for the direction of greatest variance and for the rotation of folds
_fitting = threading.Lock()  # the page requests every layer at once, and each fit copies its rows: one after the other


@dataclass
class _Fit:
    """What was fitted on the first `rows` rows of a layer."""

    rows: int
    scaling: Scaling
    components: Linear
    distances: LayerDistances


class LayerMaps:
    """The maps of one layer, computed when they are requested; methods may be called from several threads.

    Args:
        read: gives the features that there are now, in the order of preparing; NaN for unreadable photos.
        fitted_rows: gives how many rows to fit on now; fits are repeated when it changes.
        mark: gives a number that tells the first so many rows from others: a map of others is computed again.
        cache: the folder for the neighbour embedding.
        name: the id of the layer, which names the file there.
        seed: makes the maps repeatable.
    """

    def __init__(
        self,
        read: Callable[[], FeatureRows],
        fitted_rows: Callable[[], int],
        mark: Callable[[int], int],
        *,
        cache: Path,
        name: str,
        seed: int,
    ) -> None:
        self._read, self._fitted_rows, self._mark, self._name, self._seed = read, fitted_rows, mark, name, seed
        digest = hashlib.sha256(name.encode()).hexdigest()[:16]
        self._embedding_file = cache / f"neighbours-{digest}.f4"
        self._lock = threading.RLock()
        self._good = np.zeros(0, bool)
        self._embedding_lock = threading.Lock()
        self._fit: _Fit | None = None
        self._embedding: tuple[int, Floats] | None = None
        self._separated: dict[str, tuple[object, Floats]] = {}

    def fit(self) -> _Fit:
        """Scaling, components and distances, fitted on as many rows as `fitted_rows` gives now."""
        with self._lock:
            rows = self._fitted_rows()
            if self._fit is None or self._fit.rows != rows:
                with _fitting:
                    self._fit = self._fitted(rows)
            return self._fit

    def _fitted(self, rows: int) -> _Fit:
        x = self._read().block(0, min(rows, _SCALED_ON))
        good = self.good()[: len(x)]
        usable = x if good.all() else x[good]
        scaling = Scaling.of(usable) if len(usable) else Scaling(*np.zeros((2, x.shape[1]), np.float32))
        components = principal_components(usable[:_FITTED_ON], scaling, k=_COMPONENTS, seed=self._seed)
        if self._fit is not None and len(usable):
            components = align(components, self._fit.components, np.asarray(usable[:500]))
        return _Fit(rows, scaling, components, LayerDistances(self._read, scaling))

    def good(self) -> NDArray[np.bool_]:
        """Which rows have features, bool [rows]; the photos of the others could not be read."""
        with self._lock:
            x = self._read()
            if len(self._good) != len(x):
                self._good = x.good()
            return self._good

    def rows_of(
        self,
        projection: str,
        *,
        codes: NDArray[np.integer] | None = None,
        version: object = None,
        report: Callable[[int, int], bool] | None = None,
    ) -> Floats:
        """The map of a projection, float32 [rows, 2] in the order of preparing; 99 % of the places lie within −1…1.

        Args:
            projection: a key of `TITLES` in `handlens.studio.projections`.
            codes: for the separating projections, the class of each row, or −1.
            version: changes when the codes do; the same version gives the same map again.
            report: called with the progress of a neighbour embedding, see `neighbour_embedding`.

        Raises:
            Cancelled: `report` returned True.
        """
        fit = self.fit()
        if not fit.rows:
            return np.full((len(self._read()), 2), np.nan, np.float32)
        if projection in PCA:
            return frame(fit.components.over(self._read())[:, PCA[projection]])
        if projection == NEIGHBOURS:
            return self._neighbours(fit, report)
        assert projection in (LABELS, SEPARATE)
        assert codes is not None
        known = self._separated.get(projection)
        if known is None or known[0] != (fit.rows, len(self._read()), version):
            x, good = self._read(), self.good()
            marked = np.flatnonzero((codes[: len(good)] >= 0) & good)
            present = np.unique(codes[marked])
            sample = x.at(np.flatnonzero(good)[:_SAMPLED])
            classes = np.searchsorted(present, codes[marked])
            with _fitting:
                xy = separated_map(x, marked, classes, fit.scaling, sample, seed=self._seed)
            # Each axis by its own deviation: with two labels, the separating one may be a hundredth of the other.
            xy = xy / np.maximum(np.nanstd(xy, axis=0), 1e-12)
            known = ((fit.rows, len(x), version), frame(xy))
            self._separated[projection] = known
        return known[1]

    def forget(self) -> None:
        """Drop all that was computed, also on disk, because the features will change."""
        with self._lock, self._embedding_lock:
            self._fit, self._embedding, self._good = None, None, np.zeros(0, bool)
            self._separated.clear()
            for suffix in (".f4", ".npz"):
                self._embedding_file.with_suffix(suffix).unlink(missing_ok=True)

    def raw(self) -> FeatureRows:
        """The features that there are now."""
        return self._read()

    @property
    def has_neighbours(self) -> bool:
        """Whether the neighbour embedding has been computed."""
        return self._stored_embedding(self._fitted_rows()) is not None

    def _neighbours(self, fit: _Fit, report: Callable[[int, int], bool] | None) -> Floats:
        with self._embedding_lock:
            stored = self._stored_embedding(fit.rows)
            if stored is None:
                x, good = self._read().block(0, fit.rows), self.good()[: fit.rows]
                xy = np.full((fit.rows, 2), np.nan, np.float32)
                xy[good] = neighbour_embedding(x[good], fit.scaling, seed=self._seed, report=report)
                stored = frame(xy)
                self._embedding = (fit.rows, stored)
                content = np.asarray(stored, "<f4").tobytes()
                write_checked(self._embedding_file, content, of=self._what(fit.rows))
            return stored

    def _what(self, rows: int) -> str:
        """Tells the embedding of these rows from others."""
        return f"{self._name} {self._seed} {rows} {self._mark(rows)}"

    def _stored_embedding(self, rows: int) -> Floats | None:
        earlier = self._embedding_file.with_suffix(".npz")  # of versions before there were checksums of ours
        if self._embedding is None:
            try:
                if self._embedding_file.exists():
                    content = read_checked(self._embedding_file, of=self._what(rows))
                    self._embedding = (rows, np.frombuffer(content, "<f4").reshape(-1, 2).astype(np.float32))
                elif earlier.exists():
                    xy = np.asarray(read_npz(earlier.read_bytes())["xy"], np.float32)
                    self._embedding = (len(xy), xy)
            except (OSError, DamagedError, KeyError):
                return None  # what is damaged, or of other rows, is computed again
        if self._embedding is not None and self._embedding[0] == rows and rows:
            return self._embedding[1]
        return None
