"""Passes over the features of all photos of shards, block by block: the nearest ones to some, and the best scored."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from handlens.core.half_precision import Floats, floats
from handlens.core.products import ignored_flags, product
from handlens.core.row_blocks import BLOCK, Report
from handlens.core.threads import one_blas_thread, reading_threads
from handlens.errors import Cancelled
from handlens.scale.shard_set import ShardSet
from handlens.scale.shards import Shard


class BestRows(NamedTuple):
    """Rows and what they were chosen by, the best first: int64 [k], and float32 [k]."""

    rows: NDArray[np.int64]
    values: Floats


class BestSoFar:
    """The rows with the largest values of all that were added.

    Args:
        k: how many are kept.

    Example:
        >>> best = BestSoFar(2)
        >>> best.add(np.array([0, 1]), np.array([5, 9], np.float32))
        >>> best.add(np.array([2, 3]), np.array([7, np.nan], np.float32))
        >>> best.found.rows.tolist()
        [1, 2]
    """

    def __init__(self, k: int) -> None:
        self._k = k
        self._rows, self._values = np.empty(0, np.int64), np.empty(0, np.float32)

    def add(self, rows: NDArray[np.int64], values: Floats) -> None:
        """Take rows with their values [n]; NaN and minus infinity are left out."""
        good = values > -np.inf
        if len(self._rows) >= self._k:
            good &= values >= self._values.min(initial=np.inf)
        rows = np.concatenate([self._rows, rows[good]])
        values = np.concatenate([self._values, values[good]])
        best = np.lexsort((rows, -values))[: self._k]
        self._rows, self._values = rows[best], values[best]

    @property
    def found(self) -> BestRows:
        """The best rows so far, those with the same value by their number."""
        return BestRows(self._rows, self._values)


def nearest_photos(
    shards: ShardSet,
    layer: str,
    queries: Floats,
    k: int,
    *,
    mean: Floats,
    inverse: Floats,
    report: Report | None = None,
) -> list[BestRows]:
    """The photos that are nearest to each of some points, among all, in standardised features; exact.

    Args:
        shards: the photos.
        layer: the id of a layer.
        queries: points in its features (x − mean) · inverse, float32 [m, D].
        k: how many photos for each point.
        mean, inverse: of the standardisation, float32 [D].
        report: called as `report(done, n)` with photos; if it returns True, the search is cancelled.

    Returns:
        For each point the rows, and their distances.

    Raises:
        Cancelled: `report` returned True.
        ShardError: a shard is missing or damaged, or there is no such layer.
    """
    best = [BestSoFar(k) for _ in queries]
    # ‖(x − mean)·s − q‖² = Σ x²s² − 2 x·((mean·s + q)·s) + ‖mean·s + q‖²
    points = mean * inverse + queries
    weights = np.ascontiguousarray((points * inverse).T, np.float32)
    squares, constant = np.square(inverse), np.square(points).sum(1)

    def measure(block: Floats) -> Floats:
        away = np.matmul(block, weights)
        away *= -2
        away += product(np.square(block), squares)[:, None]
        away += constant
        return away

    for start, away in _measured(shards, [layer], lambda blocks: measure(blocks[0]), report=report):
        rows = np.arange(start, start + len(away))
        for column, one in enumerate(best):
            one.add(rows, -away[:, column])
    return [BestRows(rows, np.sqrt(np.maximum(-values, 0))) for rows, values in (one.found for one in best)]


class ScoredPhotos(NamedTuple):
    """What a model says of all photos.

    Attributes:
        counts: how many are likeliest to be of each class, with `at_least` the probability asked for, int64 [C].
        best: of the class that was asked for, the rows and their probabilities.
    """

    counts: NDArray[np.int64]
    best: BestRows


def scored_photos(
    shards: ShardSet,
    weights: dict[str, Floats],
    bias: Floats,
    *,
    wanted: int,
    k: int,
    at_least: float = 0.0,
    temperature: float = 1.0,
    report: Report | None = None,
) -> ScoredPhotos:
    """The photos of which a linear model is surest that they are of a class, among all.

    Args:
        shards: the photos.
        weights: for each layer that the model uses, float32 [D, C].
        bias: float32 [C].
        wanted: the class.
        k: how many photos at most.
        at_least: the least probability (0–1).
        temperature: what scores are divided by before the softmax.
        report: called as `report(done, n)` with photos; if it returns True, the search is cancelled.

    Raises:
        Cancelled: `report` returned True.
        ShardError: a shard is missing or damaged, or has not these layers.
    """
    counts, best = np.zeros(len(bias), np.int64), BestSoFar(k)
    of_layers = [np.ascontiguousarray(of_layer, np.float32) for of_layer in weights.values()]

    def probabilities(blocks: list[Floats]) -> Floats:
        scores = sum(np.matmul(x, w) for x, w in zip(blocks, of_layers, strict=True)) + bias
        scores /= temperature
        scores -= scores.max(1, keepdims=True)
        np.exp(scores, out=scores)
        scores /= scores.sum(1, keepdims=True)
        return np.asarray(scores, np.float32)

    for start, p in _measured(shards, list(weights), probabilities, report=report):
        likeliest = np.nan_to_num(p, nan=-1).argmax(1)
        sure = p[np.arange(len(p)), likeliest] >= at_least
        counts += np.bincount(likeliest[sure], minlength=len(bias))
        mine = np.flatnonzero(sure & (likeliest == wanted))
        best.add(start + mine, p[mine, wanted])
    return ScoredPhotos(counts, best.found)


def _measured(
    shards: ShardSet, layers: list[str], measure: Callable[[list[Floats]], Floats], *, report: Report | None
) -> Iterator[tuple[int, Floats]]:
    """What `measure` gives for the features [n, D] of each shard, in several threads: the first row, and that.

    It is called with some rows of the layers at a time, as float32.
    """
    for layer in layers:
        shards.check_layer(layer)
    total, done = len(shards), 0
    dims = sum(one.dim for one in shards.layers if one.id in layers)
    threads = reading_threads(total * dims)
    step = max(1, BLOCK // max(dims, 1))

    def work(found: tuple[int, Shard]) -> tuple[int, Floats]:
        start, shard = found
        features = [shard.features(layer) for layer in layers]
        with ignored_flags():
            parts = [measure([floats(x[i : i + step]) for x in features]) for i in range(0, max(shard.rows, 1), step)]
        return start, np.concatenate(parts)

    with one_blas_thread(), ThreadPoolExecutor(threads) as pool:
        opened = _opened(shards)
        while some := list(islice(opened, threads)):
            if report and report(done, total):
                raise Cancelled("the search was cancelled.")
            found = list(pool.map(work, some) if threads > 1 else map(work, some))
            yield from found
            done += sum(len(values) for _, values in found)
    if report:
        report(total, total)


def _opened(shards: ShardSet) -> Iterable[tuple[int, Any]]:
    for number, entry in enumerate(shards.manifest.shards):
        if entry.rows:
            yield int(shards.starts[number]), shards.shard(number)
