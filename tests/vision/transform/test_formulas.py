"""Where each transform looks, read off from pictures that it made, and what lighting does, against closed formulas.

A picture whose red says how far right a pixel is, and whose green how far down, says after a transform where each pixel
was fetched: straight lines stay exact when they are interpolated, averaged or sharpened. The numbers of a transform are
worked out here from the same random numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from handlens.vision.image import ImagePoints
from handlens.vision.transform import (
    Augment,
    Transform,
    brightness,
    contrast,
    crop_pad,
    dihedral,
    flip_lr,
    get_transforms,
    jitter,
    perspective_warp,
    rotate,
    skew,
    squish,
    symmetric_warp,
    tilt,
    zoom,
)
from handlens.vision.transform.lighting import table
from handlens.vision.transform.points_and_boxes import moved_points

Array = NDArray[np.float64]
Place = tuple[Array, Array]
H, W = 60, 100
NEAR = 6
"""Pixels at the edge that are left out: there a neighbour outside is a mirror image."""

BOTH = pytest.mark.parametrize("dtype", [torch.float64, torch.float32])


def drawn(tfms: Sequence[Transform], seed: int) -> list[list[float]]:
    """The random numbers of each transform, without the one that decides whether it is applied."""
    count = sum(tfm.draws for tfm in tfms)
    numbers = torch.rand(1, count, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))[0].tolist()
    found = []
    for tfm in tfms:
        found.append(numbers[1 : tfm.draws])
        numbers = numbers[tfm.draws :]
    return found


def between(low: float, high: float, u: float) -> float:
    return low + u * (high - low)


def check_places(tfms: Sequence[Transform], seed: int, expected: Place, dtype: torch.dtype, **options: Any) -> None:
    """Each pixel well inside was fetched where it should: to 1e-6 of half the frame, the unit of a map."""
    y, x = np.mgrid[:H, :W] + 0.5
    ramps = np.stack([0.2 + 0.6 * x / W, 0.2 + 0.6 * y / H, np.full_like(x, 0.5)])
    augment = Augment(tfms, **options)
    picture = augment.batch(torch.tensor(ramps[None], dtype=dtype), generator=torch.Generator().manual_seed(seed))[0]
    found_x, found_y = (
        (part - 0.2) / 0.6 * length for part, length in zip(picture.double().numpy()[:2], (W, H), strict=True)
    )
    inside = (expected[0] > NEAR) & (expected[0] < W - NEAR) & (expected[1] > NEAR) & (expected[1] < H - NEAR)
    for edge in (0, -1):  # sharpening a smaller result finds no neighbours beyond its edge
        inside[edge] = inside[:, edge] = False
    assert inside.mean() > 0.2
    assert np.abs(found_x - expected[0])[inside].max() < 1e-6 * W / 2
    assert np.abs(found_y - expected[1])[inside].max() < 1e-6 * H / 2


def pixels(height: int = H, width: int = W) -> Place:
    y, x = np.mgrid[:height, :width] + 0.5
    return x, y


def turned(x: Array, y: Array, degrees: float) -> Place:
    """y counts downward, so the plane as seen is x − iy; what is seen at z was at z · e^(−iφ)."""
    was = ((x - W / 2) - 1j * (y - H / 2)) * np.exp(-1j * math.radians(degrees))
    return was.real + W / 2, H / 2 - was.imag


def zoomed(x: Array, y: Array, scale: float, row: float, column: float) -> Place:
    return x / scale + column * W * (1 - 1 / scale), y / scale + row * H * (1 - 1 / scale)


def warped(x: Array, y: Array, moves: Sequence[float]) -> Place:
    """The corners move outward by these shares of half the frame: (x, y) top left, top right, bottom left, …

    The eight unknowns of the homography are solved for.
    """
    rows, right = [], []
    for i, (to_x, to_y) in enumerate([(-1, -1), (1, -1), (-1, 1), (1, 1)]):
        u, v = to_x * (1 + moves[2 * i]), to_y * (1 + moves[2 * i + 1])
        rows += [[u, v, 1, 0, 0, 0, -to_x * u, -to_x * v], [0, 0, 0, u, v, 1, -to_y * u, -to_y * v]]
        right += [to_x, to_y]
    a, b, c, d, e, f, g, h = np.linalg.solve(np.array(rows, float), np.array(right, float))
    u, v = 2 * x / W - 1, 2 * y / H - 1
    depth = g * u + h * v + 1
    return ((a * u + b * v + c) / depth + 1) * W / 2, ((d * u + e * v + f) / depth + 1) * H / 2


def of_rotate(x: Array, y: Array, u: list[float]) -> Place:
    return turned(x, y, between(-60, 60, u[0]))


def of_zoom(x: Array, y: Array, u: list[float]) -> Place:
    return zoomed(x, y, between(1, 2, u[0]), u[1], u[2])


def of_squish(x: Array, y: Array, u: list[float]) -> Place:
    s = between(0.6, 1.6, u[0])
    across, down = (s, 1.0) if s < 1 else (1.0, 1 / s)
    return x * across + (1 - across) * u[2] * W, y * down + (1 - down) * u[1] * H


def of_flip(x: Array, y: Array, _: list[float]) -> Place:
    return W - x, y


def of_symmetric(x: Array, y: Array, u: list[float]) -> Place:
    top, bottom, left, right = (between(-0.05, 0.3, one) for one in u)
    return warped(x, y, (top, left, top, right, bottom, left, bottom, right))


def of_perspective(x: Array, y: Array, u: list[float]) -> Place:
    return warped(x, y, [between(0, 0.3, one) for one in u])


def of_tilt(x: Array, y: Array, u: list[float]) -> Place:
    side, by = int(4 * u[0]), between(0, 0.3, u[1])
    left, right, top, bottom = (by if side == k else 0.0 for k in range(4))
    return warped(x, y, (top, left, top, right, bottom, left, bottom, right))


def of_skew(x: Array, y: Array, u: list[float]) -> Place:
    moves, direction = [0.0] * 8, int(8 * u[0])
    moves[2 * (direction % 4) + direction // 4] = between(0, 0.3, u[1])
    return warped(x, y, moves)


def of_jitter(x: Array, y: Array, u: list[float]) -> Place:
    seed = math.floor(u[1] * 2**31)
    nearby = 2 * torch.rand(H, W, 2, generator=torch.Generator().manual_seed(seed)).double().numpy() - 1
    by = between(0.02, 0.1, u[0])
    return x + by * nearby[..., 0] * W / 2, y + by * nearby[..., 1] * H / 2


CASES: list[tuple[Transform, Callable[[Array, Array, list[float]], Place]]] = [
    (rotate((-60, 60)), of_rotate),
    (zoom((1, 2), row_pct=(0, 1), col_pct=(0, 1)), of_zoom),
    (squish((0.6, 1.6), row_pct=(0, 1), col_pct=(0, 1)), of_squish),
    (flip_lr(), of_flip),
    (symmetric_warp((-0.05, 0.3)), of_symmetric),
    (perspective_warp((0.0, 0.3)), of_perspective),
    (tilt(magnitude=(0, 0.3)), of_tilt),
    (skew(magnitude=(0, 0.3)), of_skew),
    (jitter((0.02, 0.1)), of_jitter),
]
ENLARGED = (zoom(1.5), lambda x, y, _: zoomed(x, y, 1.5, 0.5, 0.5))


@BOTH
@pytest.mark.parametrize(("tfm", "formula"), CASES, ids=[tfm.name for tfm, _ in CASES])
def test_where_a_transform_looks(tfm: Transform, formula: Callable[..., Place], dtype: torch.dtype) -> None:
    """It comes after a zoom, so that nothing is sharpened afterwards, when straight lines are curves."""
    for seed in range(5):
        _, u = drawn([ENLARGED[0], tfm], seed)
        expected = ENLARGED[1](*formula(*pixels(), u), u)
        check_places([ENLARGED[0], tfm], seed, expected, dtype)


@BOTH
@pytest.mark.parametrize("k", range(8))
def test_where_the_eight_flips_look(k: int, dtype: torch.dtype) -> None:
    x, y = pixels(W, H) if k & 4 else pixels()
    if k & 4:
        x, y = y, x
    check_places([dihedral(k)], 0, (W - x if k & 1 else x, H - y if k & 2 else y), dtype)


@BOTH
def test_where_sizes_and_crops_look(dtype: torch.dtype) -> None:
    for seed in range(5):
        crop = crop_pad(row_pct=(0, 1), col_pct=(0, 1))
        [[_, column]] = drawn([crop], seed)
        # The height of 60 becomes 45, the width of 100 becomes 75: a window of 45 has 31 places at whole pixels.
        x, y = pixels(45, 45)
        check_places([crop], seed, ((x + int(31 * column)) / 0.75, y / 0.75), dtype, size=45)
        x, y = pixels(90, 30)  # 150 wide, of which 30 are kept
        expected = (x + int(121 * column)) / 1.5, y / 1.5
        check_places([crop], seed, expected, dtype, size=(90, 30), resize_method="crop")
    x, y = pixels(24, 40)
    check_places([], 0, (x * 2.5, y * 2.5), dtype, size=(24, 40))
    x, y = pixels(100, 33)
    check_places([], 0, (x * W / 33, y * 0.6), dtype, size=(100, 33))


def test_where_the_usual_transforms_look() -> None:
    """What the result shows is traced back through the last transform first; points go the other way."""
    tfms, _ = get_transforms(max_rotate=25, max_zoom=1.4, max_warp=0.3, max_lighting=0, p_affine=1)
    assert [tfm.name for tfm in tfms] == ["crop_pad", "flip_lr", "symmetric_warp", "rotate", "zoom"]
    for seed in range(5):
        numbers = torch.rand(15, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)).tolist()
        _, _, warp, turn, nearer = drawn(tfms, seed)
        x, y = zoomed(*pixels(), between(1, 1.4, nearer[0]), nearer[1], nearer[2])
        x, y = turned(x, y, between(-25, 25, turn[0]))
        top, bottom, left, right = (between(-0.3, 0.3, one) for one in warp)
        x, y = warped(x, y, (top, left, top, right, bottom, left, bottom, right))
        if numbers[3] < 0.5:  # crop_pad has the first three; this one is whether to flip
            x = W - x
        plan, size = Augment(tfms).plan((H, W), numbers)
        points = ImagePoints(np.stack([y, x], -1).reshape(-1, 2), (H, W))
        centres = np.stack(pixels()[::-1], -1).reshape(-1, 2)
        assert np.abs(moved_points(points, plan, size).data.double().numpy() - centres).max() < 1e-6 * W


# Lighting


def sigmoid_of(a: float, b: float, values: Array) -> Array:
    """Black and white are 1/512 away from where the logit is infinite."""
    p = np.clip(values, 1 / 512, 511 / 512)
    odds = (p / (1 - p)) ** a * math.exp(b)
    return odds / (1 + odds)


@BOTH
@pytest.mark.parametrize("change", [0.01, 0.2, 0.5, 0.7, 0.99])
@pytest.mark.parametrize("scale", [0.3, 1.0, 2.5])
def test_lighting(change: float, scale: float, dtype: torch.dtype) -> None:
    values = np.linspace(0, 1, 301)
    grey = torch.tensor(values, dtype=dtype).expand(1, 3, 1, -1)
    shift = math.log(change / (1 - change))
    for tfms, a, b in (
        ([brightness(change)], 1.0, shift),
        ([contrast(scale)], scale, 0.0),
        ([brightness(change), contrast(scale)], scale, scale * shift),
        ([contrast(scale), brightness(change)], scale, shift),
    ):
        lit = Augment(tfms).batch(grey)[0, 1, 0].double().numpy()
        np.testing.assert_allclose(
            lit, sigmoid_of(a, b, values), rtol=0, atol=1e-6 if dtype == torch.float32 else 1e-12
        )
        exact = 255 * sigmoid_of(a, b, np.arange(256) / 255)
        assert np.abs(table((a, b)) - exact).max() <= 0.5 + 1e-9


def test_contrast_is_as_likely_to_halve_as_to_double() -> None:
    tfm = contrast((0.5, 2))
    for seed in range(5):
        [[u]] = drawn([tfm], seed)
        plan, _ = Augment([tfm]).plan((H, W), [0.0, u])
        assert plan.curve == (pytest.approx(0.5 * 4**u, rel=1e-12), 0)
