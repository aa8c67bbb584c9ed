"""How a picture is resampled through its map: what is averaged first, and how much is sharpened before or after.

Values between pixels are interpolated linearly. On average over all places between pixels that damps a wave of
frequency ω by 1 - ω²/12, so each direction is filtered with (-1/12, 7/6, -1/12), which raises it by as much: linear
quasi-interpolation (Condat, Blu and Unser 2005, "Beyond interpolation: optimal reconstruction by
quasi-interpolation"). The result is as sharp as with cubic interpolation, in less than half the time. Where the result
is coarser than the picture, the filter works on the result and is weaker by the same factor, because a wave is longer
there by that factor. A map that only permutes pixels needs no filter and copies them exactly.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from handlens.vision.transform.plan import Matrix

HORIZON = 1e-3
"""The smallest depth: what a perspective puts behind the camera cannot be seen."""

SHARPENING = 1 / 12


@dataclass(frozen=True)
class Sampling:
    """How one picture is resampled.

    Attributes:
        rows, columns: the size of the blocks over which the picture is averaged first, so that fine patterns do not
            become coarse ones (aliasing).
        matrix: the map from pixel centres of the result to those of the averaged picture, both counted from 0.
        before, after: how much the averaged picture, and the result, is sharpened: (-s, 1 + 2s, -s) in each direction.
        in_front: whether the whole result lies in front of the camera.
    """

    rows: int
    columns: int
    matrix: Matrix
    before: float
    after: float
    in_front: bool


def sampling(matrix: Matrix, source: tuple[int, int], size: tuple[int, int]) -> Sampling:
    """How to resample a picture of size `source` to `size`, with a map between pixels (Plan.between_pixels)."""
    (a, b, c), (d, e, f), (g, h, i) = matrix.tolist()
    last_x, last_y = size[1] - 1, size[0] - 1
    in_front = min(i, i + g * last_x, i + h * last_y, i + g * last_x + h * last_y) > HORIZON
    # The step in the picture that belongs to one pixel in the middle of the result.
    x, y = last_x / 2, last_y / 2
    depth = max(g * x + h * y + i, HORIZON)
    at_x, at_y = (a * x + b * y + c) / depth, (d * x + e * y + f) / depth
    x_x, x_y = (a - at_x * g) / depth, (b - at_x * h) / depth
    y_x, y_y = (d - at_y * g) / depth, (e - at_y * h) / depth
    columns = min(max(int(math.hypot(x_x, x_y) + 1e-6), 1), source[1])
    rows = min(max(int(math.hypot(y_x, y_y) + 1e-6), 1), source[0])
    if rows > 1 or columns > 1:
        matrix = matrix.copy()
        matrix[0] = (matrix[0] + (0.5 - 0.5 * columns) * matrix[2]) / columns
        matrix[1] = (matrix[1] + (0.5 - 0.5 * rows) * matrix[2]) / rows
    if g == h == 0 and _exchanges_pixels(matrix / i):
        return Sampling(rows, columns, matrix, 0.0, 0.0, in_front)
    area = abs(x_x * y_y - x_y * y_x) / (rows * columns)
    if area <= 1:
        return Sampling(rows, columns, matrix, SHARPENING, 0.0, in_front)
    return Sampling(rows, columns, matrix, 0.0, SHARPENING / area, in_front)


def _exchanges_pixels(matrix: Matrix) -> bool:
    """Whether an affine map leads from pixel centres to pixel centres, and neighbours stay neighbours."""
    whole = np.rint(matrix[:2])
    if np.abs(matrix[:2] - whole).max() > 1e-6:
        return False
    return (np.abs(whole[:, :2]).tolist()) in ([[1, 0], [0, 1]], [[0, 1], [1, 0]])
