"""The coordinate map against references of its own, which way each transform goes, and that maps compose."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from handlens.vision.image import ImagePoints
from handlens.vision.transform import (
    Augment,
    Transform,
    crop,
    crop_pad,
    dihedral,
    flip_lr,
    perspective_warp,
    resize,
    rotate,
    skew,
    squish,
    symmetric_warp,
    tilt,
    zoom,
)
from handlens.vision.transform.points_and_boxes import moved_points

Array = NDArray[np.float64]
HEIGHT, WIDTH = 30, 50


def fetched_from(tfms: list[Transform], chances: float = 0.0, **options: object) -> tuple[Array, Array]:
    """For each pixel of the result where it is fetched: x and y in pixels from the picture's top left corner."""
    augment = Augment(tfms, **options)  # type: ignore[arg-type]
    plan, size = augment.plan((HEIGHT, WIDTH), [chances] * sum(tfm.draws for tfm in tfms))
    matrix = plan.between_pixels((HEIGHT, WIDTH), size)
    y, x = np.mgrid[: size[0], : size[1]].astype(float)
    across, down, depth = np.tensordot(matrix, np.stack([x, y, np.ones_like(x)]), axes=1)
    return across / depth + 0.5, down / depth + 0.5


def centres(height: int = HEIGHT, width: int = WIDTH) -> tuple[Array, Array]:
    y, x = np.mgrid[:height, :width] + 0.5
    return x, y


def same(found: tuple[Array, Array], expected: tuple[Array, Array]) -> bool:
    return all(np.allclose(*pair, rtol=0, atol=1e-9) for pair in zip(found, expected, strict=True))


def test_pixel_centres_are_half_a_pixel_from_their_edges() -> None:
    plan, _ = Augment([]).plan((HEIGHT, WIDTH), [])
    assert plan.between_pixels((HEIGHT, WIDTH), (HEIGHT, WIDTH)) == pytest.approx(np.eye(3))
    x, y = fetched_from([], size=(15, 25))
    assert x[0].tolist() == pytest.approx([1 + 2 * j for j in range(25)])  # between two pixels, at their edge
    assert y[:, 0].tolist() == pytest.approx([1 + 2 * i for i in range(15)])


@pytest.mark.parametrize("degrees", [-170.0, -20.0, 10.0, 45.0, 133.0])
def test_rotate_as_complex_numbers(degrees: float) -> None:
    x, y = centres()
    # y counts downward, so the plane as seen is x - iy; what is seen at z was at z · e^(-iφ).
    was = ((x - WIDTH / 2) - 1j * (y - HEIGHT / 2)) * np.exp(-1j * math.radians(degrees))
    assert same(fetched_from([rotate(degrees)]), (was.real + WIDTH / 2, HEIGHT / 2 - was.imag))


def test_ten_degrees_turn_counter_clockwise_as_seen() -> None:
    right_end = ImagePoints(torch.tensor([[15.0, 50.0]]), (HEIGHT, WIDTH))
    plan, size = Augment([rotate(10)]).plan((HEIGHT, WIDTH), [0.0, 0.0])
    ((row, column),) = moved_points(right_end, plan, size).data.tolist()
    assert row == pytest.approx(15 - 25 * math.sin(math.radians(10)), abs=1e-4)  # up
    assert column == pytest.approx(25 + 25 * math.cos(math.radians(10)), abs=1e-4)


@pytest.mark.parametrize("scale", [0.5, 1.3, 4.0])
@pytest.mark.parametrize(("row_pct", "col_pct"), [(0.5, 0.5), (0.0, 1.0), (0.2, 0.7)])
def test_zoom(scale: float, row_pct: float, col_pct: float) -> None:
    x, y = centres()
    expected = x / scale + col_pct * WIDTH * (1 - 1 / scale), y / scale + row_pct * HEIGHT * (1 - 1 / scale)
    assert same(fetched_from([zoom(scale, row_pct=row_pct, col_pct=col_pct)]), expected)


def test_squish() -> None:
    x, y = centres()
    assert same(fetched_from([squish(0.8, col_pct=0)]), (0.8 * x, y))
    assert same(fetched_from([squish(1.25, row_pct=1)]), (x, 0.8 * y + 0.2 * HEIGHT))


CORNERS = np.array([[-1, -1], [1, -1], [-1, 1], [1, 1]], float)


def by_eight_equations(moved: Array) -> tuple[Array, Array]:
    """Where pixels are fetched if the corners move so: the eight unknowns of the homography, solved for."""
    rows, right = [], []
    for (u, v), (x, y) in zip(moved, CORNERS, strict=True):
        rows += [[u, v, 1, 0, 0, 0, -x * u, -x * v], [0, 0, 0, u, v, 1, -y * u, -y * v]]
        right += [x, y]
    a, b, c, d, e, f, g, h = np.linalg.solve(np.array(rows), np.array(right))
    x, y = centres()
    u, v = 2 * x / WIDTH - 1, 2 * y / HEIGHT - 1
    depth = g * u + h * v + 1
    return ((a * u + b * v + c) / depth + 1) * WIDTH / 2, ((d * u + e * v + f) / depth + 1) * HEIGHT / 2


def moved(*by: tuple[int, int, float]) -> Array:
    """The corners (top left, top right, bottom left, bottom right), some of them (which, x or y) moved outward."""
    corners = CORNERS.copy()
    for corner, axis, amount in by:
        corners[corner, axis] *= 1 + amount
    return corners


WARPS: list[tuple[Transform, Array]] = [
    (perspective_warp((0.1, 0, 0, -0.2, 0.3, 0, 0, 0.4)), moved((0, 0, 0.1), (1, 1, -0.2), (2, 0, 0.3), (3, 1, 0.4))),
    (symmetric_warp((0.4, 0, 0, 0)), moved((0, 0, 0.4), (1, 0, 0.4))),
    (symmetric_warp((0, -0.4, 0, 0)), moved((2, 0, -0.4), (3, 0, -0.4))),
    (symmetric_warp((0, 0, 0.3, 0)), moved((0, 1, 0.3), (2, 1, 0.3))),
    (symmetric_warp((0, 0, 0, 0.3)), moved((1, 1, 0.3), (3, 1, 0.3))),
    (tilt(0, 0.3), moved((0, 1, 0.3), (2, 1, 0.3))),
    (tilt(1, 0.3), moved((1, 1, 0.3), (3, 1, 0.3))),
    (tilt(2, -0.3), moved((0, 0, -0.3), (1, 0, -0.3))),
    (tilt(3, 0.3), moved((2, 0, 0.3), (3, 0, 0.3))),
    *((skew(k, 0.3), moved((k % 4, k // 4, 0.3))) for k in range(8)),
]


@pytest.mark.parametrize(
    ("tfm", "corners"), WARPS, ids=lambda value: repr(value) if isinstance(value, Transform) else ""
)
def test_warps_move_the_corners(tfm: Transform, corners: Array) -> None:
    assert same(fetched_from([tfm]), by_eight_equations(corners))


def test_crops_and_the_final_crop() -> None:
    x, y = centres(10, 20)
    assert same(fetched_from([crop((10, 20))]), (x + 15, y + 10))
    assert same(fetched_from([crop((10, 20), row_pct=1, col_pct=0)]), (x, y + 20))
    # 30×50 covers 15² at half its size, 15×25; then the middle 15 columns.
    x, y = centres(15, 15)
    assert same(fetched_from([], size=15), (2 * x + 10, 2 * y))
    assert same(fetched_from([crop_pad(row_pct=0, col_pct=1)], size=15), (2 * x + 20, 2 * y))
    assert same(fetched_from([], size=15, resize_method="squish"), (x * 50 / 15, 2 * y))
    assert same(fetched_from([crop_pad((40, 60))]), tuple(c - 5 for c in centres(40, 60)))  # type: ignore[arg-type]


PARTS: list[Callable[[float], Transform]] = [
    lambda u: rotate(60 * u - 30),
    lambda u: zoom(0.7 + u, row_pct=u, col_pct=1 - u),
    lambda u: symmetric_warp((0.4 * u, -0.2 * u, 0.3 * u, 0.1)),
    lambda u: perspective_warp(tuple(0.3 * math.sin(9 * u + k) for k in range(8))),
    lambda _: flip_lr(p=1),
    lambda u: dihedral(int(u * 4)),
    lambda u: squish(0.6 + u),
    lambda u: skew(int(8 * u), 0.2),
]


@given(st.lists(st.tuples(st.sampled_from(PARTS), st.floats(0, 0.99)), min_size=2, max_size=5))
def test_the_map_of_a_list_is_the_maps_one_after_another(
    chosen: list[tuple[Callable[[float], Transform], float]],
) -> None:
    tfms = [part(u) for part, u in chosen]
    x, y = centres()
    for tfm in reversed(tfms):  # what the result shows is traced back through the last transform first
        plan, _ = Augment([tfm]).plan((HEIGHT, WIDTH), [0.0] * tfm.draws)
        u, v, depth = np.tensordot(plan.matrix, np.stack([2 * x / WIDTH - 1, 2 * y / HEIGHT - 1, np.ones_like(x)]), 1)
        x, y = (u / depth + 1) * WIDTH / 2, (v / depth + 1) * HEIGHT / 2
    found = fetched_from(tfms)
    assert all(np.allclose(*pair, rtol=1e-9, atol=1e-7) for pair in zip(found, (x, y), strict=True))


def test_rotation_does_not_shear_a_picture_that_is_scaled_to_be_cropped() -> None:
    x, y = fetched_from([rotate(30)], size=15)
    steps = np.hypot(np.diff(x, axis=1), np.diff(y, axis=1))
    assert steps == pytest.approx(np.full_like(steps, 2.0))


def test_a_size_that_the_transforms_set_is_cropped_or_padded_to_the_one_asked_for() -> None:
    assert Augment([resize(8)], size=12).plan((HEIGHT, WIDTH), [0.0])[1] == (12, 12)
    assert Augment([dihedral(4)]).plan((HEIGHT, WIDTH), [0.0, 0.0])[1] == (WIDTH, HEIGHT)
