"""How a picture is read through its map: what is averaged before, and how much is sharpened before or after.

Values between pixels are interpolated linearly. On average over all places between pixels that damps a wave of
frequency ω by 1 - ω²/12, so each direction is filtered with (-1/12, 7/6, -1/12), which raises it by as much: linear
quasi-interpolation (Condat, Blu and Unser 2005, "Beyond interpolation: optimal reconstruction by
quasi-interpolation"). It comes out as crisp as cubic interpolation for less than half the time. Where the result is
coarser than the picture the filter works on the result, and is weaker by as much: a wave is that much longer there. A
map that only exchanges pixels needs no filter and gives them exactly.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from handlens.vision.transform.plan import Matrix

HORIZON = 1e-3
"""Where a perspective leaves the front of the camera, depths are held at this: there is nothing to be seen."""

SHARPENING = 1 / 12


@dataclass(frozen=True)
class Sampling:
    """How one picture is read.

    Attributes:
        rows, columns: the picture is averaged over blocks of so many first; then fine patterns that the result cannot
            show do not turn into coarse ones.
        matrix: the map from pixel centres of the result to those of the averaged picture, both counted from 0.
        before, after: how much the averaged picture, and the result, is sharpened: (-s, 1 + 2s, -s) each way.
        in_front: whether the whole result lies in front of the camera.
    """

    rows: int
    columns: int
    matrix: Matrix
    before: float
    after: float
    in_front: bool


def sampling(matrix: Matrix, size: tuple[int, int]) -> Sampling:
    """How to read a picture through a map between pixels (Plan.between_pixels) for a result of this size."""
    (a, b, c), (d, e, f), (g, h, i) = matrix.tolist()
    last_x, last_y = size[1] - 1, size[0] - 1
    in_front = min(i, i + g * last_x, i + h * last_y, i + g * last_x + h * last_y) > HORIZON
    if g == h == 0 and _exchanges_pixels(a / i, b / i, c / i, d / i, e / i, f / i):
        return Sampling(1, 1, matrix, 0.0, 0.0, in_front)
    # How far a step in the middle of the result leads in the picture.
    x, y = last_x / 2, last_y / 2
    depth = max(g * x + h * y + i, HORIZON)
    at_x, at_y = (a * x + b * y + c) / depth, (d * x + e * y + f) / depth
    x_x, x_y, y_x, y_y = a - at_x * g, b - at_x * h, d - at_y * g, e - at_y * h
    columns = max(1, int(math.hypot(x_x, x_y) / depth + 1e-6))
    rows = max(1, int(math.hypot(y_x, y_y) / depth + 1e-6))
    if rows > 1 or columns > 1:
        averaged = np.array(
            [[1 / columns, 0.0, 0.5 / columns - 0.5], [0.0, 1 / rows, 0.5 / rows - 0.5], [0.0, 0.0, 1.0]]
        )
        inner = sampling(averaged @ matrix, size)
        return Sampling(rows * inner.rows, columns * inner.columns, inner.matrix, inner.before, inner.after, in_front)
    area = abs(x_x * y_y - x_y * y_x) / depth**2
    if area <= 1:
        return Sampling(1, 1, matrix, SHARPENING, 0.0, in_front)
    return Sampling(1, 1, matrix, 0.0, SHARPENING / area, in_front)


def _exchanges_pixels(a: float, b: float, c: float, d: float, e: float, f: float) -> bool:
    """Whether (x, y) → (ax + by + c, dx + ey + f) leads from pixel centres to pixel centres one step apart."""
    return all(abs(v - round(v)) < 1e-6 for v in (a, b, c, d, e, f)) and {
        (round(abs(a)), round(abs(b))),
        (round(abs(d)), round(abs(e))),
    } == {(1, 0), (0, 1)}
