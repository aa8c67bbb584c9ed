"""Plan: what is done to one picture, as one coordinate map, one lighting curve, and what is drawn over it.

Coordinates are normalized: x from -1, the left *edge* of a picture, to 1, its right edge; y likewise from top to
bottom. The centre of pixel j of W is (2j + 1)/W - 1. A map leads from a place in the result to the place in the
original that is seen there, so the maps of successive transforms are multiplied from left to right.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from handlens.core.products import product
from handlens.errors import DataError

Matrix = NDArray[np.float64]
Size = tuple[float, float]

PADDING = ("zeros", "border", "reflection")
"""What is seen outside a picture: black (in a mask: unknown), its outermost pixels, or its mirror image."""


_IDENTITY = np.eye(3)


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
        matrix: the homography [3, 3] from the result's normalized coordinates to the original's.
        jitter: (amount, seed) of each random displacement, the amount in normalized coordinates.
        curve: (a, b) of logit(result) = a · logit(pixel) + b; None leaves pixels as they are.
        noise: (channel, most, seed) of each channel that is replaced by noise.
        holes: (row, column, side) of each black square: shares of the frame for its centre, pixels for its side.
        window: (row, column) position of the last crop: 0 top or left, 1 bottom or right.
    """

    frame: Size
    padding_mode: str
    matrix: Matrix = field(default_factory=lambda: _IDENTITY)
    jitter: list[tuple[float, int]] = field(default_factory=list)
    curve: tuple[float, float] | None = None
    noise: list[tuple[int, float, int]] = field(default_factory=list)
    holes: list[tuple[float, float, int]] = field(default_factory=list)
    window: tuple[float, float] = (0.5, 0.5)

    def move(self, lookup: Matrix) -> None:
        """Move the picture within its frame; `lookup` leads from where something is then to where it was."""
        self.matrix = product(self.matrix, lookup)

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
        self.move(
            np.array(
                [
                    [columns / width, 0.0, (2 * left + columns) / width - 1],
                    [0.0, rows / height, (2 * top + rows) / height - 1],
                    [0.0, 0.0, 1.0],
                ]
            )
        )
        self.frame = (rows, columns)

    def between_pixels(self, source: Size, result: Size) -> Matrix:
        """The map from the result's pixel centres to the original's, both counted from 0."""
        (h, w), (rows, columns) = source, result
        to_pixels = np.array([[w / 2, 0.0, (w - 1) / 2], [0.0, h / 2, (h - 1) / 2], [0.0, 0.0, 1.0]])
        from_pixels = np.array([[2 / columns, 0.0, 1 / columns - 1], [0.0, 2 / rows, 1 / rows - 1], [0.0, 0.0, 1.0]])
        return product(product(to_pixels, self.matrix), from_pixels)


def _offset(length: float, kept: float, share: float) -> float:
    """Where a window begins: on a whole pixel if pixels are copied unchanged."""
    room = length - kept
    if room > 0 and float(length).is_integer() and float(kept).is_integer():
        return min(float(int((room + 1) * share)), room)
    if float(room).is_integer() and room < 0:
        return float(round(room * share))
    return room * share
