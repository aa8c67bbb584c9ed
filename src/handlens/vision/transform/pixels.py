"""One picture of 8-bit pixels through its plan, on the CPU."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from handlens.errors import DataError
from handlens.vision.transform import lighting, noise
from handlens.vision.transform.plan import Matrix, Plan
from handlens.vision.transform.shrinking import factors, on_averaged

# Pictures are small and many: whoever has several cores gives each a picture of its own, in worker processes. A
# thread pool of OpenCV's would take the workers' cores from each other, and does not survive their forking.
cv2.setNumThreads(0)

_BORDERS = {"zeros": cv2.BORDER_CONSTANT, "border": cv2.BORDER_REPLICATE, "reflection": cv2.BORDER_REFLECT}
_LONGEST = 32_766
"""Pixels of the longest side that OpenCV resamples."""

HORIZON = 1e-3
"""Where a perspective leaves the front of the camera, depths are held at this: there is nothing to be seen."""


def resampled(pixels: NDArray[np.uint8], plan: Plan, size: tuple[int, int]) -> NDArray[np.uint8]:
    """The finished picture, uint8 [H, W, 3]."""
    result = _warped(pixels, plan, size, cv2.INTER_CUBIC)
    if plan.curve is not None:
        result = cv2.LUT(result, lighting.table(plan.curve))
    for channel, most, seed in plan.noise:
        result[..., channel] = np.rint(255 * most * noise.even(seed, *size).numpy())
    for rows, columns in noise.holes(plan.holes, *size):
        result[rows, columns] = 0
    return result


def resampled_mask(classes: NDArray[np.uint8], plan: Plan, size: tuple[int, int]) -> NDArray[np.uint8]:
    """The finished mask, uint8 [H, W], by nearest neighbours."""
    return _warped(classes, plan, size, cv2.INTER_NEAREST)


def _warped(pixels: NDArray[np.uint8], plan: Plan, size: tuple[int, int], kernel: int) -> NDArray[Any]:
    matrix = plan.between_pixels(pixels.shape[:2], size)
    if kernel != cv2.INTER_NEAREST:
        rows, columns = factors(matrix, size)
        if rows > 1 or columns > 1:
            pixels = np.asarray(Pillow.fromarray(pixels).reduce((columns, rows)))
            matrix = on_averaged(matrix, rows, columns)
    if max(pixels.shape) > _LONGEST:
        raise DataError(f"a picture's sides must be at most {_LONGEST} pixels; {pixels.shape[:2]} arrived: shrink it")
    border = _BORDERS[plan.padding_mode]
    if not plan.jitter and in_front(matrix, size):
        flags = kernel | cv2.WARP_INVERSE_MAP
        return cv2.warpPerspective(pixels, matrix, size[::-1], flags=flags, borderMode=border)
    return cv2.remap(pixels, *_places(matrix, plan, size), kernel, borderMode=border)


def in_front(matrix: Matrix, size: tuple[int, int]) -> bool:
    """Whether the whole result lies in front of the camera."""
    g, h, i = matrix[2].tolist()
    x, y = size[1] - 1, size[0] - 1
    return min(i, g * x + i, h * y + i, g * x + h * y + i) > HORIZON


def _places(matrix: Matrix, plan: Plan, size: tuple[int, int]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Where each pixel of the result is fetched: x and y, float32 [H, W], pixel centres from 0."""
    height, width = size
    x, y = np.meshgrid(np.arange(width, dtype=np.float64), np.arange(height, dtype=np.float64))
    if plan.jitter:
        nearby = noise.displacement(plan.jitter, height, width).numpy()
        x += nearby[..., 0] * (width / 2)
        y += nearby[..., 1] * (height / 2)
    across, down, depth = (row[0] * x + row[1] * y + row[2] for row in matrix)
    depth = np.maximum(depth, HORIZON)
    return (across / depth).astype(np.float32), (down / depth).astype(np.float32)
