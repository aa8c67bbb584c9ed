"""Plan: what is done to one picture, as one coordinate map, one lighting curve, and what is drawn over it.

Coordinates are normalized: x from -1, the left *edge* of a picture, to 1, its right edge; y likewise from top to
bottom. The centre of pixel j of W is (2j + 1)/W - 1. A map leads from a place in the result to the place in the
original that is seen there, so the maps of successive transforms are multiplied from left to right.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handlens.errors import DataError

Matrix = NDArray[np.float64]
Size = tuple[float, float]
Row = tuple[float, float, float]
Map = tuple[Row, Row, Row]
"""A homography as plain numbers: at three by three they are multiplied sooner than NumPy is called."""

PADDING = ("zeros", "border", "reflection")
"""What is seen outside a picture: black (in a mask: unknown), its outermost pixels, or its mirror image."""


_IDENTITY: Map = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))


def check_padding(mode: str) -> str:
    """The mode; raises DataError if there is no mode of that name."""
    if mode not in PADDING:
        raise DataError(f"padding_mode must be one of {', '.join(PADDING)}; {mode!r} arrived.")
    return mode


@dataclass
class Plan:
    """What transforms do to a picture; each adds its part, and at the end the picture is resampled once.

    Attributes:
        frame: height and width of the result so far, in pixels; fractional while a picture is scaled to be cropped.
        padding_mode: what is seen outside of the picture, one of PADDING.
        map: the homography from the result's normalized coordinates to the original's.
        jitter: (amount, seed) of each random displacement, the amount in normalized coordinates.
        curve: (a, b) of logit(result) = a · logit(pixel) + b; None leaves pixels as they are.
        noise: (channel, most, seed) of each channel that is replaced by noise.
        holes: (row, column, side) of each black square: shares of the frame for its centre, pixels for its side.
        window: (row, column) position of the last crop: 0 top or left, 1 bottom or right.
    """

    frame: Size
    padding_mode: str
    map: Map = _IDENTITY
    jitter: list[tuple[float, int]] = field(default_factory=list)
    curve: tuple[float, float] | None = None
    noise: list[tuple[int, float, int]] = field(default_factory=list)
    holes: list[tuple[float, float, int]] = field(default_factory=list)
    window: tuple[float, float] = (0.5, 0.5)

    @property
    def matrix(self) -> Matrix:
        """The map as an array, [3, 3]."""
        return np.array(self.map)

    def move(self, lookup: Sequence[Any] | Matrix) -> None:
        """Move the picture within its frame; `lookup` leads from where something is then to where it was: [3, 3]."""
        rows = lookup.tolist() if isinstance(lookup, np.ndarray) else lookup
        (a, b, c), (d, e, f), (g, h, i) = rows
        x, y, z = ((p * a + q * d + r * g, p * b + q * e + r * h, p * c + q * f + r * i) for p, q, r in self.map)
        self.map = (x, y, z)

    def light(self, scale: float, shift: float) -> None:
        """Change the lighting: logit → scale · logit + shift."""
        a, b = self.curve or (1.0, 0.0)
        self.curve = (scale * a, scale * b + shift)

    def crop(self, size: Size, row: float, column: float) -> None:
        """Crop the frame to `size`, or put it inside a larger one; `row` and `column` (0–1) say where."""
        (height, width), (rows, columns) = self.frame, size
        if (height, width) == (rows, columns):
            return
        top, left = _offset(height, rows, row), _offset(width, columns, column)
        across = (columns / width, 0.0, (2 * left + columns) / width - 1)
        down = (0.0, rows / height, (2 * top + rows) / height - 1)
        self.move((across, down, (0.0, 0.0, 1.0)))
        self.frame = (rows, columns)

    def between_pixels(self, source: Size, result: Size) -> Matrix:
        """The map from the result's pixel centres to the original's, both counted from 0."""
        (h, w), (a, b, c) = source, self.map[2]
        across, down = (
            (n * p + m * a, n * q + m * b, n * r + m * c)
            for n, m, (p, q, r) in ((w / 2, (w - 1) / 2, self.map[0]), (h / 2, (h - 1) / 2, self.map[1]))
        )
        rows, columns = result
        x, y, x_0, y_0 = 2 / columns, 2 / rows, 1 / columns - 1, 1 / rows - 1
        return np.array([(x * p, y * q, x_0 * p + y_0 * q + r) for p, q, r in (across, down, (a, b, c))])


def _offset(length: float, kept: float, share: float) -> float:
    """Where a window begins: on a whole pixel if pixels are copied unchanged."""
    room = length - kept
    if room > 0 and float(length).is_integer() and float(kept).is_integer():
        return min(float(int((room + 1) * share)), room)
    if float(room).is_integer() and room < 0:
        return float(round(room * share))
    return room * share
