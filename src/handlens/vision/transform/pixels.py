"""Transforms of one picture of 8-bit pixels, on the CPU with OpenCV."""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from handlens.errors import DataError
from handlens.vision.image import UNKNOWN
from handlens.vision.transform import lighting, noise
from handlens.vision.transform.plan import Matrix, Plan
from handlens.vision.transform.sampling import HORIZON, Sampling, sampling

# Pictures are small and many, so several cores are used by worker processes, each with its own pictures. A thread pool
# of OpenCV would make the workers compete for the cores, and does not survive forking.
cv2.setNumThreads(0)

Pixels = NDArray[Any]
"""Uint8; the types of OpenCV's functions do not say so."""

_BORDERS = {"zeros": cv2.BORDER_CONSTANT, "border": cv2.BORDER_REPLICATE, "reflection": cv2.BORDER_REFLECT}
_LONGEST = 32_766
"""The longest side, in pixels, that OpenCV can resample."""

_BESIDE = 2
"""How many pixels around those that are read are used by interpolation and sharpening."""


def resampled(pixels: Pixels, plan: Plan, size: tuple[int, int]) -> Pixels:
    """The finished picture, uint8 [H, W, 3]."""
    result = _warped(pixels, plan, size)
    if plan.curve is not None:
        result = cv2.LUT(result, lighting.table(plan.curve))
    for channel, most, seed in plan.noise:
        result[..., channel] = np.rint(255 * most * noise.uniform(seed, *size).numpy())
    for rows, columns in noise.holes(plan.holes, *size):
        result[rows, columns] = 0
    return result


def resampled_mask(classes: Pixels, plan: Plan, size: tuple[int, int]) -> Pixels:
    """The finished mask, uint8 [H, W], by nearest neighbours; unknown where the picture is black for being outside."""
    matrix = plan.between_pixels(_checked(classes), size)
    x, y = _places(matrix, plan, size)
    border = _BORDERS[plan.padding_mode]
    return cv2.remap(classes, x, y, cv2.INTER_NEAREST, borderMode=border, borderValue=(UNKNOWN,))


def _warped(pixels: Pixels, plan: Plan, size: tuple[int, int]) -> Pixels:
    source = _checked(pixels)
    read = sampling(plan.between_pixels(source, size), source, size)
    if read.rows > 1 or read.columns > 1:
        pixels = _averaged(pixels, read.rows, read.columns)
    border = _BORDERS[plan.padding_mode]
    if plan.jitter or not read.in_front:
        x, y = _places(read.matrix, plan, size)
        result = cv2.remap(_sharpened(pixels, read.before), x, y, cv2.INTER_LINEAR, borderMode=border)
    else:
        result = _perspective(pixels, read, size, border)
    return _sharpened(result, read.after)


def _perspective(pixels: Pixels, read: Sampling, size: tuple[int, int], border: int) -> Pixels:
    """Resample the part of the picture that is seen.

    OpenCV is three times as fast if no pixel lies outside of the picture and there are four channels, so the part gets
    a border of what is seen outside, and a fourth channel.
    """
    height, width = pixels.shape[:2]
    left, top, right, bottom = _seen(read.matrix, size)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    if (right - left) * (bottom - top) > 4 * (height * width + size[0] * size[1]):
        pixels = _sharpened(pixels, read.before)
        return cv2.warpPerspective(pixels, read.matrix, size[::-1], flags=flags, borderMode=border)
    columns, before, after = _framed(left, right, width)
    rows, above, below = _framed(top, bottom, height)
    taken = _sharpened(pixels[rows, columns], read.before)
    inner = above + taken.shape[0], before + taken.shape[1]
    part = np.empty((inner[0] + below, inner[1] + after, 4), np.uint8)
    inside = part[above : inner[0], before : inner[1]]
    cv2.cvtColor(taken, cv2.COLOR_RGB2RGBA, dst=inside)
    if before or after or above or below:
        cv2.copyMakeBorder(
            inside, above, below, before, after, border, dst=part
        )  # in place: only the border is written
    matrix = read.matrix.copy()
    matrix[0] -= (columns.start - before) * matrix[2]
    matrix[1] -= (rows.start - above) * matrix[2]
    return cv2.cvtColor(cv2.warpPerspective(part, matrix, size[::-1], flags=flags), cv2.COLOR_RGBA2RGB)


def _framed(low: int, high: int, length: int) -> tuple[slice, int, int]:
    """The part of a picture's side to take for pixels low … high, and how many pixels to add before and after it.

    The added pixels mirror or repeat pixels inside, which must therefore be in the part too, with their neighbours.
    """
    before, after = max(-low, 0), max(high - length, 0)
    start, stop = max(low, 0), min(high, length)
    if before:
        stop = max(stop, min(before + _BESIDE, length))
    if after:
        start = min(start, max(length - after - _BESIDE, 0))
    return slice(start, stop), before, after


def _seen(matrix: Matrix, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """The pixels (left, top, right, bottom) that a result in front of the camera is read from, and those beside."""
    (a, b, c), (d, e, f), (g, h, i) = matrix.tolist()
    xs, ys = [], []
    for x, y in ((0, 0), (size[1] - 1, 0), (0, size[0] - 1), (size[1] - 1, size[0] - 1)):
        depth = g * x + h * y + i
        xs.append((a * x + b * y + c) / depth)
        ys.append((d * x + e * y + f) / depth)
    least = math.floor(min(xs)) - _BESIDE, math.floor(min(ys)) - _BESIDE
    return *least, math.ceil(max(xs)) + _BESIDE + 1, math.ceil(max(ys)) + _BESIDE + 1


def _averaged(pixels: Pixels, rows: int, columns: int) -> Pixels:
    """The mean of each block of rows × columns; at the end blocks may be smaller."""
    if max(rows, columns) > 2:
        return np.asarray(Pillow.fromarray(pixels).reduce((columns, rows)))
    # Two at most, and that often: OpenCV is faster at it. A block of one is that pixel twice.
    height, width = pixels.shape[:2]
    if height % rows or width % columns:
        pixels = cv2.copyMakeBorder(pixels, 0, height % rows, 0, width % columns, cv2.BORDER_REPLICATE)
    size = -(-width // columns), -(-height // rows)
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA if rows == columns else cv2.INTER_LINEAR)


def _sharpened(pixels: Pixels, amount: float) -> Pixels:
    if amount == 0:
        return pixels
    kernel = np.array([-amount, 1 + 2 * amount, -amount])
    return cv2.sepFilter2D(pixels, -1, kernel, kernel, borderType=cv2.BORDER_REPLICATE)


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


def _checked(pixels: NDArray[Any]) -> tuple[int, int]:
    height, width = pixels.shape[:2]
    if max(height, width) > _LONGEST:
        raise DataError(f"a picture's sides must be at most {_LONGEST} pixels; {height}×{width} arrived: shrink it.")
    return height, width
