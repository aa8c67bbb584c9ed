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
from handlens.studio.classifier import stratified_sample
from handlens.studio.discriminant import Floats
from handlens.studio.feature_rows import FeatureRows
from handlens.studio.neighbour_embedding import SAMPLE, neighbour_embedding, placed_among
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
    principal_components,
    separated_map,
)

_COMPONENTS = 6
_FITTED_ON = 3000  # principal components are fitted on the first so many rows, whose order is random
_SCALED_ON = 20_000  # means and deviations are those of the first so many rows
_SAMPLED = 2000  # separating axes: rows for the direction of greatest variance and for the rotation of folds
_SEPARATED_ON = 5000  # labelled rows that separating axes are fitted on at most
_EMBEDDED = 50  # principal components that neighbours are looked for in
_EMBEDDED_ON = 5000  # evenly spaced rows that these are fitted on at most
_PLACED_SHARE = 0.25  # of the arranged photos; so many more are placed among them, before all are arranged again
_EARLIER = (".f4", ".npz")  # of versions that arranged a sample only
_fitting = threading.Lock()  # the page requests every layer at once, and each fit copies its rows: one after the other


@dataclass
class _Fit:
    """What was fitted on the first `rows` rows of a layer."""

    rows: int
    scaling: Scaling
    components: Linear
    distances: LayerDistances


@dataclass(frozen=True)
class _Principals:
    """The map `xy` [rows, 2] of a projection by a fit."""

    fit: _Fit
    rows: int
    projection: str
    xy: Floats


@dataclass(frozen=True)
class _Arranged:
    """Neighbours as far as they are arranged.

    Attributes:
        xy: the map [rows, 2], NaN for photos that could not be read; see `frame`.
        together: of the first so many rows, which were arranged together; later ones were placed among them.
        is_whole: whether nothing is left to do.
        mark: tells the features of these rows from others.
    """

    xy: Floats
    together: int
    is_whole: bool
    mark: int

    def to_bytes(self) -> bytes:
        """What is kept on disk."""
        head = np.array([self.together, self.is_whole, self.mark], "<i8")
        return head.tobytes() + np.asarray(self.xy, "<f4").tobytes()

    @classmethod
    def from_bytes(cls, content: bytes) -> _Arranged:
        """The same from what was kept."""
        together, is_whole, mark = np.frombuffer(content, "<i8", 3).tolist()
        xy = np.frombuffer(content, "<f4", offset=24).reshape(-1, 2).astype(np.float32)
        return cls(xy, together, bool(is_whole), mark)


class LayerMaps:
    """The maps of one layer, computed when they are requested; methods may be called from several threads.

    Args:
        read: gives the features that there are now, in the order of preparing; NaN for unreadable photos.
        fitted_rows: gives how many rows to fit on now; fits are repeated when it changes.
        mark: gives a number that tells the first so many rows from others: a map of others is computed again.
        cache: the folder for the neighbour embedding.
        name: the id of the layer, which names the file there.
        seed: makes the maps repeatable.
        sample: only the first so many rows are a random sample, and all fits and frames are of these, so that no photo
            moves when others are added; all rows unless given.
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
        sample: int | None = None,
    ) -> None:
        self._read, self._fitted_rows, self._mark, self._name, self._seed = read, fitted_rows, mark, name, seed
        self._sample = sample
        digest = hashlib.sha256(name.encode()).hexdigest()[:16]
        self._file = cache / f"neighbours-{digest}.places"
        self._lock = threading.RLock()
        self._good = np.zeros(0, bool)
        self._arranging, self._outdated = threading.Lock(), threading.Event()
        self._fit: _Fit | None = None
        self._arranged: _Arranged | None = None
        self._separated: dict[str, tuple[object, Floats]] = {}
        self._principals: _Principals | None = None

    def fit(self) -> _Fit:
        """Scaling, components and distances, fitted on as many rows as `fitted_rows` gives now."""
        with self._lock:
            rows = self._fitted_rows()
            if self._fit is None or self._fit.rows != rows:
                with _fitting:
                    self._fit = self._fitted(rows)
            return self._fit

    def _fitted(self, rows: int) -> _Fit:
        x = self._read().block(0, min(rows, _SCALED_ON, self._sample or rows))
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
        better: Callable[[], None] | None = None,
    ) -> Floats:
        """The map of a projection, float32 [rows, 2] in the order of preparing; 99 % of the places lie within −1…1.

        Args:
            projection: a key of `TITLES` in `handlens.studio.projections`.
            codes: for the separating projections, the class of each row, or −1.
            version: changes when the codes do; the same version gives the same map again.
            report: called with the progress of a neighbour embedding, see `neighbour_embedding`.
            better: called when `neighbours_so_far` has better places.

        Raises:
            Cancelled: `report` returned True.
        """
        fit = self.fit()
        if not fit.rows:
            return np.full((len(self._read()), 2), np.nan, np.float32)
        if projection in PCA:
            return self._principal(fit, projection)
        if projection == NEIGHBOURS:
            return self._neighbours(fit, report, better)
        assert projection in (LABELS, SEPARATE)
        assert codes is not None
        known = self._separated.get(projection)
        if known is None or known[0] != (fit.rows, len(self._read()), version):
            x, good = self._read(), self.good()
            marked = np.flatnonzero((codes[: len(good)] >= 0) & good)
            marked = marked[stratified_sample(codes[marked], _SEPARATED_ON, seed=self._seed)]
            present = np.unique(codes[marked])
            sample = x.at(np.flatnonzero(good[: self._sample])[:_SAMPLED])
            classes = np.searchsorted(present, codes[marked])
            with _fitting:
                xy = separated_map(x, marked, classes, fit.scaling, sample, seed=self._seed)
            # Each axis by its own deviation: with two labels, the separating one may be a hundredth of the other.
            xy = xy / np.maximum(np.nanstd(xy[: self._sample], axis=0), 1e-12)
            known = ((fit.rows, len(x), version), frame(xy, of=self._sample))
            self._separated[projection] = known
        return known[1]

    def _principal(self, fit: _Fit, projection: str) -> Floats:
        """Two principal components of all rows; the pair that was asked for last is kept: it is what is looked at."""
        x, known = self._read(), self._principals
        if known is None or known.fit is not fit or (known.rows, known.projection) != (len(x), projection):
            xy = frame(fit.components.over(x)[:, PCA[projection]], of=self._sample)
            xy.setflags(write=False)
            self._principals = known = _Principals(fit, len(x), projection, xy)
        return known.xy

    def forget(self) -> None:
        """Drop all that was computed, also on disk, because the features will change."""
        self._outdated.set()
        with self._arranging, self._lock:
            self._outdated.clear()
            self._fit, self._arranged, self._good = None, None, np.zeros(0, bool)
            self._principals = None
            self._separated.clear()
            for suffix in (".places", *_EARLIER):
                self._file.with_suffix(suffix).unlink(missing_ok=True)

    def raw(self) -> FeatureRows:
        """The features that there are now."""
        return self._read()

    @property
    def has_neighbours(self) -> bool:
        """Whether the neighbours of all rows are arranged, with nothing left to do."""
        known, rows = self._kept(), self._fitted_rows()
        return known is not None and known.is_whole and 0 < rows == len(known.xy)

    @property
    def neighbours_so_far(self) -> Floats | None:
        """The map of neighbours as far as it is; None before all rows have a place."""
        known, rows = self._kept(), self._fitted_rows()
        return known.xy if known is not None and 0 < rows == len(known.xy) else None

    def _neighbours(
        self, fit: _Fit, report: Callable[[int, int], bool] | None, better: Callable[[], None] | None
    ) -> Floats:
        with self._arranging:
            known = self._kept()
            if known is not None and known.is_whole and len(known.xy) == fit.rows:
                return known.xy
            readable, mark = np.flatnonzero(self.good()[: fit.rows]), self._mark(fit.rows)
            z = self._components(fit)
            start = np.full((fit.rows, 2), np.nan, np.float32)
            if known is not None:
                start[: len(known.xy)] = known.xy[: len(start)]

            def is_to_stop(done: int, total: int) -> bool:
                return bool(report and report(done, total)) or self._outdated.is_set()

            def keep(places: Floats, *, together: int = fit.rows, is_whole: bool = False) -> Floats:
                xy = np.full((fit.rows, 2), np.nan, np.float32)
                xy[readable] = places
                self._arranged = arranged = _Arranged(frame(xy, of=self._sample), together, is_whole, mark)
                write_checked(self._file, arranged.to_bytes(), of=self._what)
                if better:
                    better()
                return arranged.xy

            if known is not None and known.is_whole and fit.rows <= (1 + _PLACED_SHARE) * known.together:
                places = placed_among(z, start[readable], seed=self._seed)
                return keep(places, together=known.together, is_whole=True)
            places = neighbour_embedding(z, seed=self._seed, start=start[readable], report=is_to_stop, show=keep)
            for suffix in _EARLIER:
                self._file.with_suffix(suffix).unlink(missing_ok=True)
            return keep(places, is_whole=True)

    def _components(self, fit: _Fit) -> Floats:
        """The principal components that neighbours are looked for in, of the rows that have features [m, 50]."""
        x, good = self._read(), self.good()
        readable = np.flatnonzero(good[: fit.rows])
        part = x.at(readable[:: max(1, -(-len(readable) // _EMBEDDED_ON))])
        return principal_components(part, fit.scaling, k=min(_EMBEDDED, x.shape[1]), seed=self._seed).over(x)[readable]

    @property
    def _what(self) -> str:
        return f"{self._name} {self._seed}"

    def _kept(self) -> _Arranged | None:
        """Neighbours as far as they are arranged; None if there are none, or of other features."""
        if self._arranged is None:
            try:
                known = self._on_disk()
            except (OSError, DamagedError, KeyError):
                return None  # what is damaged is computed again
            if known is not None and known.mark == self._mark(len(known.xy)):
                self._arranged = known
        return self._arranged

    def _on_disk(self) -> _Arranged | None:
        if self._file.exists():
            return _Arranged.from_bytes(read_checked(self._file, of=self._what))
        first, second = (self._file.with_suffix(suffix) for suffix in _EARLIER)
        if first.exists():
            rows = first.stat().st_size // 8
            content = read_checked(first, of=f"{self._what} {rows} {self._mark(rows)}")
            xy = np.frombuffer(content, "<f4").reshape(-1, 2).astype(np.float32)
        elif second.exists():
            xy = np.asarray(read_npz(second.read_bytes())["xy"], np.float32)
        else:
            return None
        return _Arranged(xy, len(xy), len(xy) <= SAMPLE, self._mark(len(xy)))
