"""Which pictures show the same photo: found by their likeness when small, aligned, and compared by their gradients."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from handlens.core.products import product
from handlens.core.threads import one_blas_thread
from handlens.errors import Cancelled
from handlens.studio.discriminant import Floats

Pairs = NDArray[np.int64]
Tiles = NDArray[np.uint8]
Report = Callable[[int, int], bool]

SAME = 0.98
"""From this correlation of gradients on, two pictures are the same photo."""

COARSE = 16
"""Pixels along a side at which pictures are searched, and first aligned."""

_SIDE = 64  # pixels along a side of a tile
_MIDDLE = 32  # pixels along a side at which pictures are aligned after they were at the coarse size
NEAREST = 10  # pictures that each one is compared with
ALIKE, _ALIGNED = 0.75, 0.9  # correlations of grey levels below which pairs are dropped, before and after alignment
_LIKELY = {COARSE: 0.85, _MIDDLE: 0.92}  # correlations of gradients below which pairs are dropped, by size
_WINDOWS = ((0.03, 0.03), (0.0, 0.0), (0.0, 0.06), (0.06, 0.0), (0.06, 0.06))  # left and upper edge
_WINDOW = 0.94  # width and height of the windows, as shares of the picture
_SCALES, _SHIFT = (0.85, 1.18), 0.12  # a crop of a tenth of a side, and a little more
_OVERLAP = 0.75  # share of either picture that the other one must show
_COLOUR = 0.5  # how much the colours may differ, as a share of how colourful the pictures are
_GREY = 10.0  # added to how colourful they are, in levels of 0–255: compression colours grey pictures a little
_CONTRAST, _BRIGHTNESS = 2.0, 64.0  # how many times the contrast, and by how many levels the mean, may differ
_MIRRORED = 0.5  # of two symmetric pictures, one is the other mirrored if that leaves less than this of the difference
_NOISE = 1e-3  # of a correlation, by compression
_FLAT = 1.0  # mean steepness in levels a pixel below which there is nothing to compare
_BATCH = 256
_COLUMNS = 2**14  # pictures that a batch is compared with at once


def candidates(coarse: NDArray[np.floating], *, report: Report) -> Pairs:
    """Pairs of pictures that are alike when small: each picture with the nearest to it, or to a window of it.

    Args:
        coarse: grey levels [n, 16, 16], also in half precision; see `shrunk`.
        report: called as `report(done, total)` with the number of pictures; if it returns True, the work is cancelled.

    Returns:
        int64 [m, 2], sorted, the smaller row first.

    Raises:
        Cancelled: `report` returned True.
    """
    n = len(coarse)
    if n < 2:
        return np.empty((0, 2), np.int64)
    found = []
    for start in range(0, n, _BATCH):
        rows = np.arange(start, min(start + _BATCH, n))
        mine = np.asarray(coarse[rows], np.float32)
        views = views_of(mine)
        best, near = np.empty((len(rows), 0), np.float32), np.empty((len(rows), 0), np.int64)
        for first in range(0, n, _COLUMNS):
            check(report, start, n)
            others = unit(np.asarray(coarse[first : first + _COLUMNS], np.float32)).T
            with one_blas_thread():
                alike = product(views[0], others)
                for view in views[1:]:
                    np.maximum(alike, product(view, others), out=alike)
            itself = rows - first
            inside = (itself >= 0) & (itself < alike.shape[1])
            alike[inside, itself[inside]] = -1
            best = np.hstack([best, alike])
            near = np.hstack([near, np.broadcast_to(np.arange(first, first + alike.shape[1]), alike.shape)])
            k = min(NEAREST, best.shape[1])
            kept = np.argpartition(-best, k - 1, axis=1)[:, :k]
            best, near = np.take_along_axis(best, kept, 1), np.take_along_axis(near, kept, 1)
        close = best >= ALIKE
        found.append(np.stack([np.broadcast_to(rows[:, None], near.shape)[close], near[close]], 1))
    return np.unique(np.sort(np.concatenate(found), axis=1), axis=0)


def shrunk(tiles: Tiles, side: int) -> Floats:
    """The grey levels of tiles uint8 [n, 64, 64, 3], reduced to [n, side, side]."""
    red, green, blue = (tiles[..., channel].astype(np.uint16) for channel in range(3))
    grey = (red + green + blue).astype(np.float32) / 3
    k = grey.shape[1] // side
    return np.asarray(grey.reshape(len(grey), side, k, side, k).mean((2, 4)), np.float32)


class Pictures(Protocol):
    """Pictures squeezed to 64×64 pixels, which need not be in memory: an array, or what reads some of them."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: NDArray[np.int64], /) -> Tiles:
        """Some of them, uint8 [k, 64, 64, 3]."""
        ...


def correlations(
    tiles: Pictures, aspects: Floats, pairs: Pairs, *, report: Report, rows: NDArray[np.int64] | None = None
) -> Floats:
    """How well the gradients of two pictures correlate once one is laid over the other, for each pair.

    Scale and shift are found by least squares on ever larger pictures (Lucas & Kanade 1981), together with contrast and
    brightness. Both pictures have kept their proportions, so that one scale and their aspect ratios decide how one lies
    on the other. A cubic curve then adapts the grey levels of either to those of the other.

    Args:
        tiles: pictures squeezed to uint8 [n, 64, 64, 3], an array or what reads them.
        aspects: widths over heights [p].
        pairs: which to compare [m, 2].
        report: as for `candidates`, with the number of pairs.
        rows: the tiles of the pictures [p], unless these are 0, 1, …

    Returns:
        float32 [m], at most 1; 0 for pairs that cannot be the same photo: that differ in their proportions, in large or
        in colour, that overlap too little, that are blank, or that are clearly more alike when one is mirrored.

    Raises:
        Cancelled: `report` returned True.

    Example:
        >>> tiles = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), np.uint8)
        >>> same = np.concatenate([tiles, tiles[:1] // 4 * 3])
        >>> r = correlations(same, np.ones(3, np.float32), np.array([[0, 1], [0, 2]]), report=lambda done, total: False)
        >>> (r >= SAME).tolist()
        [False, True]
    """
    out, rows = np.zeros(len(pairs), np.float32), np.arange(len(tiles)) if rows is None else rows
    ratio = np.asarray(aspects[pairs[:, 1]] / aspects[pairs[:, 0]], np.float32)
    fitting = np.flatnonzero((ratio > _SCALES[0]) & (ratio < _SCALES[1]))
    for start in range(0, len(fitting), _BATCH):
        check(report, start, len(fitting))
        batch = fitting[start : start + _BATCH]
        a, b = (tiles[rows[pairs[batch, end]]] for end in (0, 1))
        with one_blas_thread():
            out[batch] = _correlations(a, b, ratio[batch])
            close = batch[out[batch] >= SAME]
            a, b = (tiles[rows[pairs[close, end]]] for end in (0, 1))
            mirrored = _correlations(a, b[:, :, ::-1], ratio[close]) if len(close) else out[close]
            out[close[1 - mirrored < _MIRRORED * (1 - out[close]) - _NOISE]] = 0
    return out


def _correlations(first: Tiles, second: Tiles, ratio: Floats) -> Floats:
    out, left = np.zeros(len(ratio), np.float32), np.arange(len(ratio))
    place = np.tile(np.array([1, 0, 0], np.float32), (len(ratio), 1))
    for side in (COARSE, _MIDDLE, _SIDE):
        a, b = shrunk(first, side), shrunk(second, side)
        place = _aligned(a, b, place, ratio)
        laid, inside = _laid(a, place, ratio)
        possible = _correlation(laid, b, inside) >= _ALIGNED
        if side < _SIDE:
            possible &= _likeness(laid, b, inside) >= _LIKELY[side]
        first, second, left = first[possible], second[possible], left[possible]
        place, ratio = place[possible], ratio[possible]
        laid, b, inside = laid[possible], b[possible], inside[possible]
        if not len(left):
            return out
    same = _overlapping(inside, place) & _like_in_colour(first, second, place, ratio) & _like_in_grey(laid, b, inside)
    out[left] = np.where(same, np.minimum(_likeness(_blurred(laid), _blurred(b), inside), 1), 0)
    return out


def check(report: Report, done: int, total: int) -> None:
    """Tell how far the search is; raises Cancelled if it is to stop."""
    if report(done, total):
        raise Cancelled("the search for duplicates was cancelled.")


def views_of(pictures: Floats) -> list[Floats]:
    """Pictures [n, s, s] and the windows of them that others may be crops of, each as `unit`."""
    return [unit(pictures), *(unit(_window(pictures, left, top)) for left, top in _WINDOWS)]


def unit(pictures: Floats) -> Floats:
    """Grey levels [n, s, s] as vectors [n, s · s] without their mean and of length 1, or 0 for plain pictures."""
    flat = pictures.reshape(len(pictures), -1)
    flat = flat - flat.mean(1, keepdims=True)
    return np.asarray(flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-3), np.float32)


def _hats(places: Floats, n: int) -> Floats:
    """The weights of linear interpolation at places [m, k], in pixels, of a row of n pixels: [m, k, n]."""
    places = np.clip(places, 0, n - 1)
    return np.maximum(0, 1 - np.abs(places[:, :, None] - np.arange(n, dtype=np.float32)))


def _window(pictures: Floats, left: float, top: float) -> Floats:
    n = pictures.shape[1]
    middles = (np.arange(n, dtype=np.float32) + 0.5) / n * _WINDOW
    across, down = (_hats(((edge + middles) * n - 0.5)[None], n)[0] for edge in (left, top))
    return product(product(down, pictures), across.T)


def _centred(n: int) -> Floats:
    return ((np.arange(n) + 0.5) / n - 0.5).astype(np.float32)


def _laid(pictures: Floats, place: Floats, ratio: Floats) -> tuple[Floats, Floats]:
    """Pictures [m, n, n] as the other ones see them, and which pixels they have there, 0 or 1 [m, n, n].

    Args:
        pictures: of which the others show a part, or more.
        place: scale, and shift to the right and down, as shares of the picture [m, 3].
        ratio: aspect ratios of the other pictures over those of these [m].
    """
    n = pictures.shape[1]
    stretch = np.sqrt(ratio)
    across = (place[:, :1] * stretch[:, None] * _centred(n) + place[:, 1:2] + 0.5) * n - 0.5
    down = (place[:, :1] / stretch[:, None] * _centred(n) + place[:, 2:] + 0.5) * n - 0.5
    has_x, has_y = ((at >= -0.5) & (at <= n - 0.5) for at in (across, down))
    laid = product(product(_hats(down, n), pictures), _hats(across, n).swapaxes(1, 2))
    return np.asarray(laid, np.float32), (has_y[:, :, None] & has_x[:, None, :]).astype(np.float32)


def _aligned(a: Floats, b: Floats, place: Floats, ratio: Floats) -> Floats:
    """Better places [m, 3] of the pictures a [m, n, n] on b, from places that are about right."""
    n = a.shape[1]
    stretch, centred = np.sqrt(ratio)[:, None, None], _centred(n)
    damping = np.array([1e-4, 1e-4, 1e-4, 1e-6, 1e-6])
    for _ in range(4):
        laid, inside = _laid(a, place, ratio)
        down, across = (slope * n for slope in _slopes(laid))
        scaled = across * stretch * centred + down / stretch * centred[:, None]
        slopes = np.stack([scaled, across, down, laid, np.ones_like(laid)], 1).reshape(len(a), 5, -1)
        weighted = slopes * inside.reshape(len(a), 1, -1)
        normal = product(weighted, slopes.swapaxes(1, 2)).astype(np.float64)
        normal += np.trace(normal, axis1=1, axis2=2)[:, None, None] / 5 * np.diag(damping) + 1e-9 * np.eye(5)
        target = product(weighted, b.reshape(len(b), -1, 1)).astype(np.float64)
        solved = np.linalg.solve(normal, target)[:, :, 0]
        contrast = np.maximum(solved[:, 3:4], 0.2)
        place = place + np.clip(solved[:, :3] / contrast, -0.04, 0.04).astype(np.float32)
        place[:, 0] = np.clip(place[:, 0], *_SCALES)
        place[:, 1:] = np.clip(place[:, 1:], -_SHIFT, _SHIFT)
    return place


def _correlation(a: Floats, b: Floats, inside: Floats) -> Floats:
    centred = [x - _mean(x, inside)[:, None, None] for x in (a, b)]
    return _cosine(centred[:1], centred[1:], inside)


def _cosine(a: Sequence[Floats], b: Sequence[Floats], inside: Floats) -> Floats:
    """The cosine of the angle between all channels of a and of b, each [m, n, n]; 0 for blank pictures, [m]."""
    both = sum(_mean(x * y, inside) for x, y in zip(a, b, strict=True))
    lengths = np.sqrt(sum(_mean(x * x, inside) for x in a) * sum(_mean(y * y, inside) for y in b))
    return np.asarray(np.where(lengths > 1e-6, both / np.maximum(lengths, 1e-6), 0), np.float32)


def _mean(pictures: Floats, inside: Floats) -> Floats:
    return np.asarray((pictures * inside).sum((1, 2)) / np.maximum(inside.sum((1, 2)), 1), np.float32)


def _slopes(pictures: Floats) -> list[Floats]:
    """How much brighter pictures become from each pixel to the next, downwards and to the right."""
    return list(np.gradient(pictures, axis=(1, 2)))


def _likeness(a: Floats, b: Floats, inside: Floats) -> Floats:
    """The correlation of gradients after the grey levels of either picture were adapted to those of the other, [m]."""
    forth = _gradient_correlation(_curved(a, b, inside), b, inside)
    return np.maximum(forth, _gradient_correlation(a, _curved(b, a, inside), inside))


def _gradient_correlation(a: Floats, b: Floats, inside: Floats) -> Floats:
    of_a, of_b = _slopes(a), _slopes(b)
    steep = [np.sqrt(_mean(down**2 + across**2, inside)) for down, across in (of_a, of_b)]
    return np.where(np.minimum(*steep) >= _FLAT, _cosine(of_a, of_b, inside), 0)


def _blurred(pictures: Floats) -> Floats:
    """Without what interpolation and compression change: binomial weights over five pixels, in both directions."""
    for axis in (1, 2):
        padded = np.pad(pictures, [(0, 0), *((2, 2) if i == axis else (0, 0) for i in (1, 2))], mode="edge")
        shifted: Iterator[Floats] = (
            np.take(padded, np.arange(i, i + pictures.shape[axis]), axis=axis) for i in range(5)
        )
        pictures = np.asarray(sum(w / 16 * x for w, x in zip((1, 4, 6, 4, 1), shifted, strict=True)), np.float32)
    return pictures


def _curved(a: Floats, b: Floats, inside: Floats) -> Floats:
    """The cubic function of the grey levels a [m, n, n] that is nearest to b: it undoes a change of exposure."""
    x = (a / 255 - 0.5).reshape(len(a), -1)
    powers = np.stack([np.ones_like(x), x, x * x, x * x * x], 1)
    weighted = powers * inside.reshape(len(a), 1, -1)
    normal = product(weighted, powers.swapaxes(1, 2)).astype(np.float64)
    normal += np.trace(normal, axis1=1, axis2=2)[:, None, None] * np.diag([5e-10, 5e-9, 5e-6, 5e-6])
    solved = np.linalg.solve(normal, product(weighted, b.reshape(len(b), -1, 1)).astype(np.float64))
    return np.asarray(product(solved.swapaxes(1, 2).astype(np.float32), powers).reshape(a.shape), np.float32)


def _overlapping(inside: Floats, place: Floats) -> NDArray[np.bool_]:
    shown = inside.mean((1, 2))
    return np.asarray(np.minimum(shown, shown * place[:, 0] ** 2) >= _OVERLAP)


def _like_in_grey(a: Floats, b: Floats, inside: Floats) -> NDArray[np.bool_]:
    means = [_mean(x, inside) for x in (a, b)]
    spreads = [np.sqrt(_mean((x - m[:, None, None]) ** 2, inside)) for x, m in zip((a, b), means, strict=True)]
    contrast = np.maximum(*spreads) <= _CONTRAST * np.minimum(*spreads)
    return np.asarray(contrast & (np.abs(means[0] - means[1]) <= _BRIGHTNESS))


def _like_in_colour(a: Tiles, b: Tiles, place: Floats, ratio: Floats) -> NDArray[np.bool_]:
    differing = colourful_a = colourful_b = np.zeros(len(a), np.float32)
    for channel in (0, 2):
        x, y = (np.subtract(p[..., channel], p[..., 1], dtype=np.float32) for p in (a, b))
        x, inside = _laid(x, place, ratio)
        differing = differing + _mean((x - y) ** 2, inside)
        colourful_a, colourful_b = colourful_a + _mean(x**2, inside), colourful_b + _mean(y**2, inside)
    colourful = np.sqrt(np.maximum(colourful_a, colourful_b))
    return np.asarray(np.sqrt(differing) <= _COLOUR * (colourful + _GREY))


def grouped(pairs: Pairs, compare: Callable[[Pairs], Floats]) -> list[tuple[int, Pairs, Floats]]:
    """Groups around the picture with the most matches; every other picture of a group matches this one itself.

    So a long chain of pictures, each a little different from the one before, is not one group.

    Args:
        pairs: pictures that match [m, 2], numbered in the order in which they are preferred.
        compare: gives the correlations of pairs, the smaller number first.

    Returns:
        For each group its central picture, the others by number, and their correlations with it; the groups are sorted
        by their central pictures.

    Example:
        >>> chain = np.array([[0, 1], [1, 2], [2, 3], [3, 4]])
        >>> near = lambda pairs: np.where(np.diff(pairs)[:, 0] < 2, 0.99, 0.5)
        >>> [(centre, others.tolist()) for centre, others, _ in grouped(chain, near)]
        [(1, [0, 2]), (3, [4])]
    """
    found = []
    while len(pairs):
        nodes, ends = np.unique(pairs, return_inverse=True)
        ends = ends.reshape(pairs.shape)
        joined = coo_array((np.ones(len(ends)), tuple(ends.T)), shape=(len(nodes), len(nodes)))
        _, part = connected_components(joined, directed=False)
        matches = np.bincount(ends.ravel())
        by_part = np.lexsort((nodes, -matches, part))
        centres = by_part[np.unique(part[by_part], return_index=True)[1]]
        others = np.setdiff1d(np.arange(len(nodes)), centres)
        with_centre = np.stack([nodes[others], nodes[centres[part[others]]]], 1)
        correlation = compare(np.sort(with_centre, axis=1))
        close = correlation >= SAME
        for centre in centres:
            of_centre = close & (part[others] == part[centre])
            if of_centre.any():
                found.append((int(nodes[centre]), nodes[others[of_centre]], correlation[of_centre]))
        gone = np.concatenate([nodes[centres], nodes[others[close]]])
        pairs = pairs[~np.isin(pairs, gone).any(1)]
    return sorted(found, key=lambda group: group[0])
