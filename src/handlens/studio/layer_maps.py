"""The maps of a collection: each layer's features projected, fitted once enough photos are prepared."""

from __future__ import annotations

import hashlib
import threading
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from handlens.io.files import atomic_write
from handlens.studio.neighbours import Layerwise
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
from handlens.studio.separation import Floats

_COMPONENTS = 6
_FITTED_ON = 3000  # of more photos, components are fitted on so many; their order is random already
_SAMPLED = 2000  # photos that the widest direction and the alignment of separating axes are taken from
_fitting = threading.Lock()  # the page asks for every layer at once: one fit after the other uses the cores as well


@dataclass
class _Fit:
    """What was fitted on the first `rows` rows of a layer."""

    rows: int
    scaling: Scaling
    components: Linear
    distances: Layerwise


class LayerMaps:
    """The maps of one layer. `read` gives its features [rows, D] in preparing order, NaN rows for unreadable photos.

    `fitted_rows` says how many rows to fit on now; when it changes, everything is fitted again.
    """

    def __init__(
        self, read: Callable[[], Floats], fitted_rows: Callable[[], int], *, cache: Path, name: str, seed: int
    ) -> None:
        self._read, self._fitted_rows, self._seed = read, fitted_rows, seed
        digest = hashlib.sha256(name.encode()).hexdigest()[:16]
        self._embedding_file = cache / f"neighbours-{digest}.npz"
        self._lock = threading.RLock()
        self._good = np.zeros(0, bool)
        self._embedding_lock = threading.Lock()
        self._fit: _Fit | None = None
        self._embedding: tuple[int, Floats] | None = None
        self._separated: dict[str, tuple[object, Floats]] = {}

    def fit(self) -> _Fit:
        """Scaling, components and distances on the rows that count now."""
        with self._lock:
            rows = self._fitted_rows()
            if self._fit is None or self._fit.rows != rows:
                with _fitting:
                    self._fit = self._fitted(rows)
            return self._fit

    def _fitted(self, rows: int) -> _Fit:
        x, good = self._read()[:rows], self.good()[:rows]
        usable = x if good.all() else x[good]
        scaling = Scaling.of(usable) if len(usable) else Scaling(*np.zeros((2, x.shape[1]), np.float32))
        components = principal_components(usable[:_FITTED_ON], scaling, k=_COMPONENTS, seed=self._seed)
        if self._fit is not None and len(usable):
            components = align(components, self._fit.components, np.asarray(usable[:500]))
        return _Fit(rows, scaling, components, Layerwise(self._read, scaling))

    def good(self) -> NDArray[np.bool_]:
        """Which of the rows prepared have features, bool [rows]; the others could not be read."""
        with self._lock:
            x = self._read()
            self._good = np.concatenate([self._good, np.isfinite(x[len(self._good) :, 0])])[: len(x)]
            return self._good

    def rows_of(
        self,
        projection: str,
        *,
        codes: NDArray[np.integer] | None = None,
        version: object = None,
        report: Callable[[int, int], bool] | None = None,
    ) -> Floats:
        """The map [rows prepared, 2] in preparing order.

        For the separating projections `codes` holds each row's class or −1, and `version` tells when
        an earlier result still holds.
        """
        fit = self.fit()
        if not fit.rows:
            return np.full((len(self._read()), 2), np.nan, np.float32)
        if projection in PCA:
            return frame(fit.components(self._read())[:, PCA[projection]])
        if projection == NEIGHBOURS:
            return self._neighbours(fit, report)
        assert projection in (LABELS, SEPARATE)
        assert codes is not None
        known = self._separated.get(projection)
        if known is None or known[0] != (fit.rows, len(self._read()), version):
            x, good = self._read(), self.good()
            marked = np.flatnonzero((codes[: len(good)] >= 0) & good)
            present = np.unique(codes[marked])
            sample = np.asarray(x[np.flatnonzero(good)[:_SAMPLED]])
            classes = np.searchsorted(present, codes[marked])
            with _fitting:
                xy = separated_map(x, marked, classes, fit.scaling, sample, seed=self._seed)
            # Each axis in its own spread: with two labels the one that separates them may be a hundredth of the other.
            xy = xy / np.maximum(np.nanstd(xy, axis=0), 1e-12)
            known = ((fit.rows, len(x), version), frame(xy))
            self._separated[projection] = known
        return known[1]

    def forget(self) -> None:
        """Drop what was computed, on disk too: the features are about to be others."""
        with self._lock, self._embedding_lock:
            self._fit, self._embedding, self._good = None, None, np.zeros(0, bool)
            self._separated.clear()
            self._embedding_file.unlink(missing_ok=True)

    def raw(self) -> Floats:
        """The features [rows prepared, D] as they are on disk."""
        return self._read()

    @property
    def has_neighbours(self) -> bool:
        """Whether the neighbour embedding is there without computing it."""
        return self._stored_embedding(self._fitted_rows()) is not None

    def _neighbours(self, fit: _Fit, report: Callable[[int, int], bool] | None) -> Floats:
        with self._embedding_lock:
            stored = self._stored_embedding(fit.rows)
            if stored is None:
                x, good = self._read()[: fit.rows], self.good()[: fit.rows]
                xy = np.full((fit.rows, 2), np.nan, np.float32)
                xy[good] = neighbour_embedding(np.asarray(x[good]), fit.scaling, seed=self._seed, report=report)
                stored = frame(xy)
                self._embedding = (fit.rows, stored)
                with atomic_write(self._embedding_file) as partial, partial.open("wb") as file:
                    np.savez(file, xy=stored)
            return stored

    def _stored_embedding(self, rows: int) -> Floats | None:
        if self._embedding is None and self._embedding_file.exists():
            try:
                with self._embedding_file.open("rb") as file, np.load(file, allow_pickle=False) as stored:
                    xy = np.asarray(stored["xy"], np.float32)
                self._embedding = (len(xy), xy)
            except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error):
                return None  # a damaged cache is computed again
        if self._embedding is not None and self._embedding[0] == rows and rows:
            return self._embedding[1]
        return None
