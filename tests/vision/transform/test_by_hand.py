"""Each transform on a 4×4 picture, worked out by hand, as one picture and as a batch."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from handlens.vision.image import Image
from handlens.vision.transform import (
    Augment,
    Transform,
    brightness,
    contrast,
    crop,
    crop_pad,
    cutout,
    dihedral,
    flip_lr,
    jitter,
    pad,
    perspective_warp,
    resize,
    rgb_randomize,
    rotate,
    skew,
    squish,
    symmetric_warp,
    tilt,
    zoom,
)

# 0 16 32 48 / 64 80 96 112 / … in red, the same one level up in green and two up in blue.
GREY = np.arange(16, dtype=np.uint8).reshape(4, 4) * 16
PICTURE = np.stack([GREY, GREY + 1, GREY + 2], axis=2)
# Four columns 24 apart. An edge pixel has itself for a neighbour, so sharpening by 1/12 moves it by 24/12 outward.
RAMP = np.broadcast_to(np.array([24, 48, 72, 96], np.uint8)[None, :, None], (4, 4, 3))


def both(tfms: list[Transform], picture: NDArray[np.uint8] = PICTURE, **options: object) -> NDArray[np.float64]:
    """The result in levels, from a batch; one picture must come to the same but for rounding."""
    augment = Augment(tfms, **options)  # type: ignore[arg-type]
    one = augment(Image.from_pixels(np.ascontiguousarray(picture)), generator=torch.Generator().manual_seed(0))
    exact = torch.from_numpy(picture.astype(np.float64)).permute(2, 0, 1)[None] / 255
    batch = 255 * augment.batch(exact, generator=torch.Generator().manual_seed(0))[0].permute(1, 2, 0).numpy()
    # Each of up to two roundings, and one that sharpening has magnified.
    assert np.abs(one.pixels - batch).max() <= 1.5
    return batch


def exact(tfms: list[Transform], expected: NDArray[np.generic], **options: object) -> None:
    """For what only exchanges pixels: to the level, on both paths."""
    assert np.abs(both(tfms, **options) - expected).max() < 1e-6
    one = Augment(tfms, **options)(Image.from_pixels(PICTURE))  # type: ignore[arg-type]
    assert (one.pixels == expected).all()


def test_nothing_to_do_gives_every_pixel_as_it_was() -> None:
    exact([], PICTURE)
    exact([rotate(0), zoom(1), symmetric_warp(0)], PICTURE, size=4)


def test_flip() -> None:
    exact([flip_lr(p=1)], PICTURE[:, ::-1])


@pytest.mark.parametrize("k", range(8))
def test_dihedral(k: int) -> None:
    expected = PICTURE
    if k & 1:
        expected = expected[:, ::-1]
    if k & 2:
        expected = expected[::-1]
    if k & 4:
        expected = expected.transpose(1, 0, 2)
    exact([dihedral(k)], expected)


def test_dihedral_turns_a_wide_picture_into_a_high_one() -> None:
    wide = Image.from_pixels(np.ascontiguousarray(PICTURE[:2]))
    assert (Augment([dihedral(4)])(wide).pixels == PICTURE[:2].transpose(1, 0, 2)).all()


@pytest.mark.parametrize(("degrees", "turns"), [(90, 1), (180, 2), (-90, 3)])
def test_rotate_by_right_angles_counter_clockwise(degrees: float, turns: int) -> None:
    exact([rotate(degrees)], np.rot90(PICTURE, turns))  # numpy's turns are counter-clockwise too


def test_crop() -> None:
    exact([crop(2)], PICTURE[1:3, 1:3])
    exact([crop((2, 3), row_pct=0, col_pct=1)], PICTURE[:2, 1:])


def test_crop_keeps_whole_pixels() -> None:
    exact([crop(3)], PICTURE[1:, 1:])  # half way between 0 and 1 pixels is 1, as share 0.5 of two places
    exact([crop(3, row_pct=0.49, col_pct=0.51)], PICTURE[:3, 1:])


@pytest.mark.parametrize(("mode", "how"), [("zeros", "constant"), ("border", "edge"), ("reflection", "symmetric")])
def test_pad_and_crop_pad(mode: str, how: str) -> None:
    expected = np.pad(PICTURE, ((2, 2), (2, 2), (0, 0)), mode=how)  # type: ignore[call-overload]
    exact([pad(2)], expected, padding_mode=mode)
    exact([pad(2, mode=mode)], expected)
    exact([crop_pad(8)], expected, padding_mode=mode)
    exact([crop_pad((3, 8), row_pct=0)], expected[2:5], padding_mode=mode)


def test_resize_to_half_averages() -> None:
    exact_average = PICTURE.astype(float).reshape(2, 2, 2, 2, 3).mean(axis=(1, 3))
    assert np.abs(both([resize(2)]) - exact_average).max() < 1e-6
    assert np.abs(both([], size=2) - exact_average).max() < 1e-6


def test_resize_to_double() -> None:
    # Result centres lie at -0.25, 0.25, 0.75, …; the ends are the sharpened edge pixels 22 and 98.
    columns = both([resize(8)], RAMP)[0, :, 0]
    assert columns == pytest.approx([22, 28.5, 41.5, 54, 66, 78.5, 91.5, 98])


def test_zoom() -> None:
    assert both([zoom(2)], RAMP)[1, :, 2] == pytest.approx([41.5, 54, 66, 78.5])
    assert both([zoom(2, col_pct=0)], RAMP)[1, :, 2] == pytest.approx([22, 28.5, 41.5, 54])
    assert both([zoom(2, col_pct=1)], RAMP)[1, :, 2] == pytest.approx([66, 78.5, 91.5, 98])


def test_squish() -> None:
    assert both([squish(0.5)], RAMP)[2, :, 0] == pytest.approx([41.5, 54, 66, 78.5])
    upright = RAMP.transpose(1, 0, 2)
    assert both([squish(2)], upright)[:, 2, 0] == pytest.approx([41.5, 54, 66, 78.5])
    assert both([squish(2)], RAMP)[2, :, 0] == pytest.approx([22, 48, 72, 98])  # only down; sharpened all the same


def test_symmetric_warp() -> None:
    # The top becomes twice, the bottom half as long as the other two make it: on the middle row, where the sides
    # cross it, x = ±1 stays; there the lookup is x / (1 + y·0) for a lone top: see test_map for the whole.
    assert both([symmetric_warp((0, 0, 0, 0))]) == pytest.approx(PICTURE.astype(float))
    top = both([symmetric_warp((0.4, 0, 0, 0))], RAMP)
    assert top[0, 1, 0] > top[3, 1, 0]  # the longer side shows less of the ramp: nearer to its middle
    assert top[0, 2, 0] < top[3, 2, 0]


def test_perspective_warp_of_equal_corners_is_a_zoom() -> None:
    zoomed, warped = both([zoom(1.25)]), both([perspective_warp((0.25,) * 8)])
    assert warped == pytest.approx(zoomed)


def test_tilt_and_skew() -> None:
    assert both([tilt(2, 0.4)], RAMP) == pytest.approx(both([symmetric_warp((0.4, 0, 0, 0))], RAMP))
    assert both([skew(0, 0.4)]) == pytest.approx(both([perspective_warp((0.4, 0, 0, 0, 0, 0, 0, 0))]))
    assert both([skew(7, 0.4)]) == pytest.approx(both([perspective_warp((0, 0, 0, 0, 0, 0, 0, 0.4))]))


def test_brightness() -> None:
    # logit(p) + logit(0.8) = log(4 p / (1 - p)): 51 = 0.2 becomes 0.5, 102 = 0.4 becomes 8/11, 204 = 0.8 16/17.
    grey = np.zeros((4, 4, 3), np.uint8)
    grey[0, 0], grey[0, 1], grey[0, 2], grey[0, 3] = 51, 102, 204, 255
    lit = both([brightness(0.8)], grey)[0, :, 0] / 255
    assert lit[:3] == pytest.approx([0.5, 8 / 11, 16 / 17])
    assert round(255 * lit[3]) == 255
    assert both([brightness(0.5)]) == pytest.approx(PICTURE.astype(float), abs=0.5)


def test_contrast() -> None:
    # 2 · logit(p) = log(p² / (1 - p)²): 0.2 becomes 1/17, 0.5 stays, 0.8 becomes 16/17.
    grey = np.zeros((4, 4, 3), np.uint8)
    grey[0, 0], grey[0, 1], grey[0, 2] = 51, 204, 102
    assert both([contrast(2)], grey)[0, :3, 1] / 255 == pytest.approx([1 / 17, 16 / 17, 4 / 13])
    # Black is 1/512 and not nothing: at a half it is 1 / (1 + √511).
    assert both([contrast(0.5)], grey)[3, 3, 0] / 255 == pytest.approx(1 / (1 + math.sqrt(511)))


def test_lighting_goes_in_the_order_of_the_list() -> None:
    grey = np.full((4, 4, 3), 51, np.uint8)
    assert both([brightness(0.8), contrast(2)], grey) / 255 == pytest.approx(0.5)  # twice nothing
    assert both([contrast(2), brightness(0.8)], grey) / 255 == pytest.approx(0.2)  # 1/16 · 4 = 1/4 to 1


def test_cutout() -> None:
    white = np.full((4, 4, 3), 255, np.uint8)
    result = both([cutout(1, 2)], white)
    black = np.argwhere(result[..., 0] == 0)
    assert 1 <= len(black) <= 4
    (top, left), (bottom, right) = black.min(axis=0), black.max(axis=0)
    assert len(black) == (bottom - top + 1) * (right - left + 1)  # a rectangle
    assert (both([cutout(1, 100)], white) == 0).all()
    assert (both([cutout(0, 2)], white) == 255).all()


def test_rgb_randomize() -> None:
    result = both([rgb_randomize(1, 0.5)])
    assert result[..., [0, 2]] == pytest.approx(PICTURE[..., [0, 2]].astype(float))
    assert 0 <= result[..., 1].min() < result[..., 1].max() <= 127.5


def test_jitter() -> None:
    assert both([jitter(0)]) == pytest.approx(PICTURE.astype(float))
    # Up to half a pixel away, up to half a step of the ramp; sharpening adds at the ends.
    moved = both([jitter(0.25)], RAMP) - np.array([22, 48, 72, 98])[None, :, None]
    assert 3 < np.abs(moved).max() <= 13
