"""Pictures of a whole map, in squares by zoom level, so that a page can show a million photos at once."""

from __future__ import annotations

import io
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from handlens.studio.discriminant import Floats
from handlens.studio.layers import Layers
from handlens.studio.maps import Maps
from handlens.studio.photos import Photos
from handlens.studio.thumbnails import TILE, ThumbnailCache

SIDE = 256
"""Side in pixels of a square of the map."""

DEEPEST = 14
"""The deepest zoom level."""

KEPT_BYTES = 32 * 2**20
"""Finished squares are kept in memory up to so many bytes; the page keeps its own."""

KEPT_MAPS = 3
"""So many maps are kept ready to be drawn."""

SMALL = 8
"""Side in pixels of the pictures of photos that are drawn small; they are kept on disk, 196 bytes a photo."""

_CELLS = 512  # along a side of the grid in which photos are looked up
_PAINTED = 200_000  # pixels that are painted in one go
_MOST_ASPECT = 8.0
_SEAL = np.uint32(0x9E3779B9)  # a row of zeros must not be taken for one that is known

Colour = tuple[int, int, int]
Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Look:
    """How photos are drawn on the squares of one level.

    Args:
        side: of a photo, in pixels, 3…64; as long as that of a square of the same area.
        stretch: the map is 2^(stretch/4) times as wide as high; −4…4.
        reach: the squares of a level cover −2^reach … 2^reach both ways.
        shown: only the first so many photos of the preparing order are drawn.
        ground: the colour between the photos.
        line: the colour of a line of one pixel about each photo; None for no line.
    """

    side: int
    stretch: int = 0
    reach: int = 0
    shown: int = 2**31
    ground: Colour = (0, 0, 0)
    line: Colour | None = None


class PlacedPhotos:
    """The photos of one map, found by where they are.

    Args:
        places: float32 [n, 2] in the preparing order; NaN for photos without a place.
        aspects: width over height, float32 [n]; 0 where it is unknown.
    """

    def __init__(self, places: Floats, aspects: Floats) -> None:
        known = np.flatnonzero(np.isfinite(places).all(1)).astype(np.int32)
        placed = places[known]
        self.count = len(places)
        self._low = placed.min(0) if len(placed) else np.zeros(2, np.float32)
        span = placed.max(0) - self._low if len(placed) else np.ones(2, np.float32)
        self._cell = np.maximum(span, 1e-6) / (_CELLS * (1 - 1e-6))
        cells = np.minimum((placed - self._low) / self._cell, _CELLS - 1).astype(np.int32)
        codes = cells[:, 1] * _CELLS + cells[:, 0]
        order = np.argsort(codes, kind="stable")
        self._rows, self._places = known[order], placed[order]
        self._starts = np.concatenate([[0], np.bincount(codes, minlength=_CELLS**2).cumsum()])
        self._sums = _sums(places)
        known_aspects = np.where(np.isfinite(aspects) & (aspects > 0), aspects, 1)
        self.aspects = np.clip(known_aspects, 1 / _MOST_ASPECT, _MOST_ASPECT).astype(np.float32)

    def sum_of(self, n: int) -> int:
        """A number that tells the places of the first `n` photos from others; the page computes the same."""
        return int(self._sums[min(n, self.count) - 1]) if min(n, self.count) > 0 else 0

    def within(self, left: float, bottom: float, right: float, top: float) -> tuple[NDArray[np.int32], Floats]:
        """Rows and places of the photos of all cells that reach into a rectangle, in no order."""
        low = (np.array([left, bottom]) - self._low) / self._cell
        high = (np.array([right, top]) - self._low) / self._cell
        if (high < 0).any() or (low >= _CELLS).any():
            return np.zeros(0, np.int32), np.zeros((0, 2), np.float32)
        (x0, y0), (x1, y1) = np.clip(np.floor([low, high]), 0, _CELLS - 1).astype(int)
        runs = [slice(self._starts[y * _CELLS + x0], self._starts[y * _CELLS + x1 + 1]) for y in range(y0, y1 + 1)]
        if x0 == 0 and x1 == _CELLS - 1:
            runs = [slice(runs[0].start, runs[-1].stop)]
        runs = [run for run in runs if run.stop > run.start]
        if not runs:
            return np.zeros(0, np.int32), np.zeros((0, 2), np.float32)
        return np.concatenate([self._rows[run] for run in runs]), np.concatenate([self._places[run] for run in runs])


def _sums(places: Floats) -> NDArray[np.uint32]:
    """For each n the bits of the first n places, each times an odd number of its own, added up modulo 2³²."""
    words = np.ascontiguousarray(places, "<f4").view("<u4") * (
        2 * np.arange(2 * len(places), dtype=np.uint32) + 1
    ).reshape(-1, 2)
    words[~np.isfinite(places).all(1)] = 0
    return words.sum(1, dtype=np.uint32).cumsum(dtype=np.uint32)


def square(
    photos: PlacedPhotos,
    address: tuple[int, int, int],
    look: Look,
    pictures: Callable[[NDArray[np.integer], int], Pixels],
) -> Pixels | None:
    """One square of a map: photos that come earlier in the preparing order lie over later ones.

    Args:
        photos: the map.
        address: level, column and row; level z has 2^z × 2^z squares, the first at the upper left.
        look: how photos are drawn.
        pictures: gives the pictures of rows in pixels of a side, uint8 [n, side, side, 3].

    Returns:
        uint8 [256, 256, 3]; None where the square has no photo.
    """
    z, x, y = address
    reach = 2.0**look.reach
    scale = SIDE * 2**z / (2 * reach)  # pixels a unit
    wide, high = 2.0 ** (max(look.stretch, 0) / 4), 2.0 ** (max(-look.stretch, 0) / 4)
    margin = look.side * np.sqrt(_MOST_ASPECT) / 2 + 2
    rows, places = photos.within(
        ((x * SIDE - margin) / scale - reach) / wide,
        (reach - ((y + 1) * SIDE + margin) / scale) / high,
        (((x + 1) * SIDE + margin) / scale - reach) / wide,
        (reach - (y * SIDE - margin) / scale) / high,
    )
    edge = 0 if look.line is None else 1
    places, root = places.astype(np.float64), np.sqrt(photos.aspects[rows].astype(np.float64))
    width = np.maximum(1, np.rint(look.side * root)).astype(np.int32)
    height = np.maximum(1, np.rint(look.side / root)).astype(np.int32)
    left = np.floor((places[:, 0] * wide + reach) * scale - x * SIDE - width / 2 + 0.5).astype(np.int32)
    top = np.floor((reach - places[:, 1] * high) * scale - y * SIDE - height / 2 + 0.5).astype(np.int32)
    inside = (left - edge < SIDE) & (left + width + edge > 0) & (top - edge < SIDE) & (top + height + edge > 0)
    chosen = np.flatnonzero(inside & (rows < look.shown))
    if not len(chosen):
        return None
    chosen = chosen[np.argsort(rows[chosen])]
    boxes = np.stack([left, top, width, height], 1)[chosen]
    owner = _owners(boxes, edge)
    visible, of = np.unique(owner[owner >= 0], return_inverse=True)
    return _coloured(boxes[visible], owner, of, look, edge, lambda side: pictures(rows[chosen[visible]], side))


def _owners(boxes: NDArray[np.int32], edge: int) -> NDArray[np.int32]:
    """Which box, of those of which each lies over all that follow, is seen at each pixel; −1 for none."""
    owner = np.full((SIDE, SIDE), -1, np.int32)
    rest = np.arange(len(boxes), dtype=np.int32)
    x0, y0 = np.clip(boxes[:, 0] - edge, 0, SIDE), np.clip(boxes[:, 1] - edge, 0, SIDE)
    x1 = np.clip(boxes[:, 0] + boxes[:, 2] + edge, 0, SIDE)
    y1 = np.clip(boxes[:, 1] + boxes[:, 3] + edge, 0, SIDE)
    area = (x1 - x0) * (y1 - y0)
    while len(rest):
        now = rest[: max(1, int(np.searchsorted(area[rest[:_PAINTED]].cumsum(), _PAINTED, side="right")))]
        rest = rest[len(now) :]
        # Of pixels that are given several times, the last remains: the lowest box is painted first.
        lowest = now[::-1]
        each = np.repeat(lowest, area[lowest])
        place = np.arange(len(each)) - np.repeat(area[lowest].cumsum() - area[lowest], area[lowest])
        width = (x1 - x0)[each]
        pixel = (y0[each] + place // width) * SIDE + x0[each] + place % width
        open_ = owner.ravel()[pixel] < 0
        owner.ravel()[pixel[open_]] = each[open_]
        # What lies wholly under those painted so far is not painted at all.
        left = np.zeros((SIDE + 1, SIDE + 1), np.int32)
        left[1:, 1:] = (owner < 0).cumsum(0).cumsum(1)
        a, b, c, d = x0[rest], y0[rest], x1[rest], y1[rest]
        rest = rest[left[d, c] - left[b, c] - left[d, a] + left[b, a] > 0]
    return owner


def _coloured(
    boxes: NDArray[np.int32],
    owner: NDArray[np.int32],
    of: NDArray[np.int64],
    look: Look,
    edge: int,
    pictures: Callable[[int], Pixels],
) -> Pixels:
    """The colours of a square: `of` is the box, and so the picture, of each pixel that has one."""
    out = np.full((SIDE, SIDE, 3), look.ground, np.uint8)
    ys, xs = np.nonzero(owner >= 0)
    left, top, width, height = boxes[of].T
    side = int(np.clip(2 ** np.rint(np.log2(look.side)), SMALL, TILE))
    u, v = xs - left, ys - top
    within = (u >= 0) & (v >= 0) & (u < width) & (v < height)
    u, v = np.clip(u, 0, width - 1) * side // width, np.clip(v, 0, height - 1) * side // height
    colours = pictures(side)[of, v, u]
    if edge and look.line is not None:
        colours[~within] = look.line
    out[ys, xs] = colours
    return out


class SmallPictures:
    """Pictures of photos, from their tiles; the smallest are kept in a file, as far as they were once needed.

    Args:
        thumbnails: the tiles.
    """

    def __init__(self, thumbnails: ThumbnailCache) -> None:
        self._thumbnails = thumbnails
        self._path = Path(thumbnails.folder) / f"small-{SMALL}.u1"
        self._lock = threading.Lock()
        self._kept: NDArray[Any] | None = None

    def __call__(self, rows: NDArray[np.integer], side: int) -> Pixels:
        """The pictures of rows of the preparing order, uint8 [n, side, side, 3]; `side` is 8, 16, 32 or 64."""
        rows = np.asarray(rows, np.int64)
        if side != SMALL:
            return _shrunk(self._thumbnails.tiles_of(rows), side)
        with self._lock:
            kept = self._file()
            marks = self._thumbnails.sums_of(rows) ^ _SEAL
            missing = np.flatnonzero(kept["mark"][rows] != marks)
            for start in range(0, len(missing), 512):
                some = missing[start : start + 512]
                kept["pixels"][rows[some]] = _shrunk(self._thumbnails.tiles_of(rows[some]), SMALL)
                kept["mark"][rows[some]] = marks[some]
            return np.asarray(kept["pixels"][rows])

    def _file(self) -> NDArray[Any]:
        """The rows on disk: pixels, and the checksum of the thumbnail that they are of."""
        kind = np.dtype([("mark", "<u4"), ("pixels", "u1", (SMALL, SMALL, 3))])
        count = self._thumbnails.prepared
        if self._kept is None or len(self._kept) < count:
            with self._path.open("ab") as file:
                file.truncate(max(file.tell(), count * kind.itemsize))
            self._kept = np.memmap(self._path, kind, "r+", shape=(count,))
        return self._kept


def _shrunk(tiles: Pixels, side: int) -> Pixels:
    """Tiles [n, 64, 64, 3] made smaller, each pixel the mean of a block."""
    if side == TILE:
        return tiles
    block = TILE // side
    sums = np.zeros((len(tiles), side, side, 3), np.uint16)
    for dy in range(block):
        for dx in range(block):
            sums += tiles[:, dy::block, dx::block]
    return ((sums + block * block // 2) // (block * block)).astype(np.uint8)


class MapTiles:
    """The squares of a collection's maps, drawn when they are asked for.

    Args:
        photos, layers, maps: of the collection.
    """

    def __init__(self, photos: Photos, layers: Layers, maps: Maps) -> None:
        self._photos, self._layers, self._maps_of = photos, layers, maps
        self._pictures = SmallPictures(photos.thumbnails)
        self._lock = threading.Lock()
        self._maps: OrderedDict[tuple[str, str], tuple[object, PlacedPhotos]] = OrderedDict()
        self._finished: OrderedDict[tuple[object, ...], bytes] = OrderedDict()
        self._bytes = 0

    @property
    def kept_bytes(self) -> int:
        """Bytes of the finished squares in memory."""
        return self._bytes

    def jpeg(
        self, layer: str, projection: str, address: tuple[int, int, int], look: Look, *, places: int | None = None
    ) -> bytes | None:
        """A square of a map as a JPEG; empty where it has no photo.

        Args:
            layer, projection: of the map.
            address: level, column and row.
            look: how photos are drawn.
            places: `PlacedPhotos.sum_of` the photos shown, as the caller knows them.

        Returns:
            None where the map has other places by now.
        """
        placed = self._placed(layer, projection, look.shown)
        if places is not None and places != placed.sum_of(look.shown):
            if placed.count >= self._photos.prepared:
                return None
            placed = self._placed(layer, projection, self._photos.prepared)
            if places != placed.sum_of(look.shown):
                return None
        key = (id(placed), layer, projection, address, look)
        with self._lock:
            if (found := self._finished.get(key)) is not None:
                self._finished.move_to_end(key)
                return found
        pixels = square(placed, address, look, self._pictures)
        content = b""
        if pixels is not None:
            out = io.BytesIO()
            Image.fromarray(pixels).save(out, "JPEG", quality=85, subsampling=0)
            content = out.getvalue()
        with self._lock:
            if key not in self._finished and any(map_ is placed for _, map_ in self._maps.values()):
                self._finished[key] = content
                self._bytes += len(content)
            while self._bytes > KEPT_BYTES:
                self._bytes -= len(self._finished.popitem(last=False)[1])
        return content

    def _placed(self, layer: str, projection: str, shown: int) -> PlacedPhotos:
        """The photos of a map; those that came since it was last read are found when they are asked for."""
        stamp = self._maps_of.stamp(projection), self._photos.version
        with self._lock:
            known = self._maps.get((layer, projection))
            if known and known[0] == stamp and known[1].count >= min(shown, self._photos.prepared):
                self._maps.move_to_end((layer, projection))
                return known[1]
        found = self._layers.get(layer)
        self._maps_of.check(found, projection)
        places = self._maps_of.rows(found, projection)
        aspects = np.asarray(self._photos.thumbnails.aspects.read()[:, 0], np.float32)
        count = min(len(places), len(aspects), self._photos.prepared)
        placed = PlacedPhotos(places[:count], aspects[:count])
        with self._lock:
            self._maps[layer, projection] = stamp, placed
            self._maps.move_to_end((layer, projection))
            while len(self._maps) > KEPT_MAPS:
                self._maps.popitem(last=False)
            held = {id(map_) for _, map_ in self._maps.values()}
            for key in [key for key in self._finished if key[0] not in held]:
                self._bytes -= len(self._finished.pop(key))
        return placed
