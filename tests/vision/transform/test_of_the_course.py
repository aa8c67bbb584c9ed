"""What the docstrings say of the course's conventions: its corners, directions, defaults and sizes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from handlens.vision.image import Image, ImagePoints
from handlens.vision.transform import (
    Augment,
    Transform,
    brightness,
    dihedral,
    flip_lr,
    perspective_warp,
    skew,
    symmetric_warp,
    tilt,
)
from handlens.vision.transform.points_and_boxes import moved_points

HEIGHT, WIDTH = 30, 50
CORNERS = [(-1, -1), (-1, 1), (1, -1), (1, 1)]
"""In the course's order, x before y, from -1 to 1: top left, bottom left, top right, bottom right."""

M = 0.125


def moved(tfm: Transform) -> list[tuple[float, float]]:
    """Where the corners of a picture go."""
    points = ImagePoints(
        torch.tensor([[(y + 1) / 2 * HEIGHT, (x + 1) / 2 * WIDTH] for x, y in CORNERS]), (HEIGHT, WIDTH)
    )
    plan, size = Augment([tfm]).plan((HEIGHT, WIDTH), [0.5] * tfm.draws)
    rows = moved_points(points, plan, size).data.tolist()
    return [(2 * column / WIDTH - 1, 2 * row / HEIGHT - 1) for row, column in rows]


def outward(changes: dict[int, dict[int, float]]) -> list[tuple[float, float]]:
    """The corners, each moved away from the middle by a share of half the frame."""
    found = []
    for i, corner in enumerate(CORNERS):
        x, y = (place * (1 + changes.get(i, {}).get(axis, 0)) for axis, place in enumerate(corner))
        found.append((x, y))
    return found


# By the course's direction: the corners at the ends of the side, the axis along it, and the direction here.
TILTS = {0: ((2, 3), 1, 1), 1: ((0, 1), 1, 0), 2: ((1, 3), 0, 3), 3: ((0, 2), 0, 2)}


@pytest.mark.parametrize("direction", TILTS)
def test_tilt(direction: int) -> None:
    ends, axis, here = TILTS[direction]
    expected = outward({corner: {axis: M} for corner in ends})
    assert moved(tilt(here, M)) == [pytest.approx(corner, abs=1e-5) for corner in expected]


@pytest.mark.parametrize("direction", range(8))
def test_skew(direction: int) -> None:
    corner, axis = divmod(direction, 2)  # the course's: corner by corner, horizontally and then vertically
    here = [0, 2, 1, 3][corner] + 4 * axis
    expected = outward({corner: {axis: M}})
    assert moved(skew(here, M)) == [pytest.approx(corner, abs=1e-5) for corner in expected]


def test_symmetric_warp() -> None:
    right, left, bottom, top = 0.1, 0.2, 0.15, 0.05  # the course's order
    expected = outward({0: {0: top, 1: left}, 1: {0: bottom, 1: left}, 2: {0: top, 1: right}, 3: {0: bottom, 1: right}})
    assert moved(symmetric_warp((top, bottom, left, right))) == [pytest.approx(corner, abs=1e-5) for corner in expected]


def test_perspective_warp() -> None:
    shifts = [(0.1, -0.1), (-0.05, 0.2), (0.15, 0.1), (-0.2, 0.05)]  # the course adds them to its corners
    expected = [(x + dx, y + dy) for (x, y), (dx, dy) in zip(CORNERS, shifts, strict=True)]
    # Here outward is positive, and the corners are top left, top right, bottom left, bottom right.
    out = [(x * dx, y * dy) for (x, y), (dx, dy) in zip(CORNERS, shifts, strict=True)]
    here = [number for corner in (0, 2, 1, 3) for number in out[corner]]
    assert moved(perspective_warp(tuple(here))) == [pytest.approx(corner, abs=1e-5) for corner in expected]


@pytest.mark.parametrize("k", range(8))
def test_dihedral_is_the_affine_one(k: int) -> None:
    # There each place of the result is looked up by this matrix of x and y.
    x, y = (-1 if k & 1 else 1), (-1 if k & 2 else 1)
    matrix = np.array([[0, x], [y, 0]] if k & 4 else [[x, 0], [0, y]])
    pixels = np.arange(9, dtype=np.uint8).reshape(3, 3)
    expected = np.empty_like(pixels)
    for row, column in np.ndindex(3, 3):
        at_x, at_y = matrix @ [column - 1, row - 1]
        expected[row, column] = pixels[at_y + 1, at_x + 1]
    found = Augment([dihedral(k)])(Image.from_pixels(np.stack([pixels] * 3, 2)))
    assert found.pixels[..., 0].tolist() == expected.tolist()


def test_a_flip_without_a_probability_is_certain() -> None:
    picture = Image.from_pixels(np.arange(18, dtype=np.uint8).reshape(2, 3, 3))
    for seed in range(20):
        flipped = Augment([flip_lr()])(picture, generator=torch.Generator().manual_seed(seed))
        assert (flipped.pixels == picture.pixels[:, ::-1]).all()


@pytest.mark.parametrize(
    ("options", "white"),
    [
        ({"size": (10, 10)}, 2),  # the whole picture, at half its width
        ({"size": [10, 10]}, 2),
        ({"size": 10, "resize_method": "squish"}, 2),
        ({"size": 10}, 0),  # its middle
        ({"size": (10, 10), "resize_method": "crop"}, 0),
    ],
)
def test_a_size_of_two_numbers_squishes(options: dict[str, Any], white: int) -> None:
    pixels = np.zeros((10, 20, 3), np.uint8)
    pixels[:, :4] = 255
    found = Augment([], **options)(Image.from_pixels(pixels)).pixels
    assert found[5, :, 0].tolist() == [255] * white + [0] * (10 - white)


@pytest.mark.parametrize(("change", "level"), [(0.5, 0), (0.9, 4), (0.99, 41)])
def test_what_brightness_makes_of_black(change: float, level: int) -> None:
    black = Image.from_pixels(np.zeros((2, 2, 3), np.uint8))
    assert (Augment([brightness(change)])(black).pixels == level).all()
