"""How far a picture is averaged down before it is resampled, so that fine patterns do not turn into coarse ones."""

from __future__ import annotations

import math

import numpy as np

from handlens.vision.transform.plan import Matrix


def factors(matrix: Matrix, result: tuple[int, int]) -> tuple[int, int]:
    """Over how many rows and columns to average, for a map between pixels (see Plan.between_pixels).

    What a step in the result's middle is in the original, in whole pixels: 1 up to just below 2.
    """
    x, y = (result[1] - 1) / 2, (result[0] - 1) / 2
    (a, b, c), (d, e, f), (g, h, i) = matrix.tolist()
    depth = g * x + h * y + i
    at_x, at_y = (a * x + b * y + c) / depth, (d * x + e * y + f) / depth
    across = math.hypot(a - at_x * g, b - at_x * h) / abs(depth)
    down = math.hypot(d - at_y * g, e - at_y * h) / abs(depth)
    return max(1, int(down + 1e-6)), max(1, int(across + 1e-6))


def on_averaged(matrix: Matrix, rows: int, columns: int) -> Matrix:
    """The same map to the original averaged over blocks of rows × columns."""
    down = [[1 / columns, 0.0, 0.5 / columns - 0.5], [0.0, 1 / rows, 0.5 / rows - 0.5], [0.0, 0.0, 1.0]]
    return np.array(down) @ matrix
