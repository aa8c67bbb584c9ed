"""Augment on pictures and batches: both paths agree, inverses, gradients, seeds, sharpness, and what is refused."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from handlens.errors import DataError
from handlens.vision.image import Image
from handlens.vision.transform import (
    Augment,
    Transform,
    brightness,
    contrast,
    crop,
    cutout,
    dihedral,
    flip_lr,
    get_transforms,
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
from handlens.vision.transform.sampling import sampling


def noise(height: int, width: int, seed: int = 0) -> Image:
    return Image.from_pixels(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8))


def smooth(height: int, width: int) -> torch.Tensor:
    y, x = torch.meshgrid(torch.linspace(0, 3, height), torch.linspace(0, 3, width), indexing="ij")
    return 0.5 + 0.4 * torch.stack([torch.sin(x + y), torch.cos(x), torch.sin(y)])


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


GEOMETRY = [
    *get_transforms(max_rotate=20, max_zoom=1.3, max_lighting=0, max_warp=0.4, p_affine=0.8)[0],
    *(squish((0.5, 2), p=0.3), skew(p=0.3), tilt(p=0.3), jitter(p=0.2), perspective_warp(p=0.3)),
]


@given(
    seed=st.integers(0, 2**31),
    source=st.tuples(st.integers(1, 60), st.integers(1, 60)),
    size=st.tuples(st.integers(1, 50), st.integers(1, 50)),
    padding_mode=st.sampled_from(["zeros", "border", "reflection"]),
    resize_method=st.sampled_from(["crop", "squish"]),
)
def test_one_picture_and_a_batch_come_to_the_same(seed: int, source: Any, size: Any, **options: Any) -> None:
    image = noise(*source, seed=seed)
    augment = Augment(GEOMETRY, size=size, **options)
    one = augment(image, generator=seeded(seed))
    batch = augment.batch(image.data.double()[None], generator=seeded(seed))
    assert one.size == size
    assert batch.shape == (1, 3, *size)
    difference = (255 * batch[0] - 255 * one.data.double()).abs()
    assert difference.max() <= 2.01


def test_both_agree_to_the_slope_of_the_lighting() -> None:
    image = noise(40, 40)
    augment = Augment([rotate(10), brightness(0.3), contrast(1.6)], size=32)
    one, batch = augment(image), augment.batch(image.data[None])[0]
    # Brightness at a slope of at most 2.4, contrast of at most 1.6.
    assert (one.data - batch).abs().max() < 2 * 2.4 * 1.6 / 255


def test_pictures_of_a_batch_are_what_each_is_by_itself() -> None:
    train, _ = get_transforms(p_affine=0.5, xtra_tfms=[cutout(2, 5), rgb_randomize(p=0.3), jitter(p=0.5)])
    augment = Augment(train, size=24)
    pictures = torch.stack([noise(30, 50, seed).data for seed in range(6)])
    together = augment.batch(pictures, generator=seeded(3))
    one_by_one = seeded(3)
    for picture, result in zip(pictures, together, strict=True):
        alone = augment.batch(picture[None], generator=one_by_one)[0]
        assert torch.allclose(alone, result, atol=1e-5)


def test_the_same_seed_gives_the_same_picture_and_another_one_another() -> None:
    augment = Augment(get_transforms()[0], size=20)
    image = noise(40, 40)
    torch.manual_seed(5)
    first = augment(image).pixels
    torch.manual_seed(5)
    assert (augment(image).pixels == first).all()
    assert (augment(image).pixels != first).any()
    assert (augment(image, generator=seeded(5)).pixels == first).all()


INVERSES: list[tuple[Transform, Transform]] = [
    (rotate(17), rotate(-17)),
    (zoom(1.25), zoom(0.8)),
    (flip_lr(p=1), flip_lr(p=1)),
]


@pytest.mark.parametrize(("there", "back"), INVERSES)
def test_a_transform_and_its_inverse_give_the_picture_back(there: Transform, back: Transform) -> None:
    picture = smooth(64, 64)
    again = Augment([back]).batch(Augment([there]).batch(picture[None]))[0]
    assert (again - picture)[:, 20:44, 20:44].abs().max() < 2e-3
    assert torch.allclose(Augment([there, back]).batch(picture[None])[0], picture, atol=1e-6)  # one map: nothing


def test_gradients_of_a_batch() -> None:
    picture = torch.rand(2, 3, 4, 5, dtype=torch.float64, generator=seeded(0)) * 0.6 + 0.2
    picture.requires_grad_()
    train, _ = get_transforms(max_rotate=20, max_warp=0.3, p_affine=1, p_lighting=1)
    for size in (3, 6):
        augment = Augment(train, size=size, padding_mode="zeros")
        assert torch.autograd.gradcheck(lambda x, a=augment: a.batch(x, generator=seeded(1)), picture, fast_mode=True)


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_a_batch_keeps_its_kind_of_numbers(kind: torch.dtype) -> None:
    pictures = smooth(16, 16)[None].to(kind)
    augment = Augment([rotate(10), brightness(0.6)], size=12)
    result = augment.batch(pictures)
    assert result.dtype == kind
    assert torch.allclose(result.double(), augment.batch(pictures.double()), atol=0.01)


def test_a_batch_that_is_padded_in_several_ways() -> None:
    tfms = [Transform("pad", pad(3, mode="zeros").act, p=0.5)]
    pictures = torch.ones(8, 3, 4, 4)
    corners = Augment(tfms, size=4, padding_mode="border").batch(pictures, generator=seeded(2))
    assert torch.equal(corners, pictures)  # padded by 3 and cropped again
    edges = Augment([*tfms, zoom(0.5)], padding_mode="border", size=4).batch(pictures, generator=seeded(2))
    assert set(edges[:, 0, 0, 0].tolist()) == {0.0, 1.0}


# ------------------------------------------------------------------------------------------- sampling


def test_fine_patterns_do_not_turn_into_coarse_ones() -> None:
    # Black and white stripes one pixel wide, shrunk to a quarter: grey all over but for what three of them average to.
    stripes = np.zeros((100, 100, 3), np.uint8)
    stripes[:, ::2] = 255
    image = Image.from_pixels(stripes)
    for tfms in ([], [rotate(3)], [rotate(3), symmetric_warp((0.1, 0, 0, 0))]):
        augment = Augment(tfms, size=25)
        assert np.ptp(augment(image).pixels[2:-2, 2:-2].astype(int)) < 110
        assert augment.batch(image.data[None])[0, :, 2:-2, 2:-2].std() < 0.12


def test_a_turned_wave_keeps_its_height() -> None:
    # A wave of eight pixels loses ω²/12 = 5 % to linear interpolation alone, and less than half a per cent here.
    y, x = np.mgrid[:64, :64]
    wave = np.repeat((127.5 + 100 * np.sin(2 * np.pi * (x + 0.3 * y) / 8))[..., None], 3, axis=2)
    image = Image.from_pixels(np.rint(wave).astype(np.uint8))
    turned = Augment([rotate(33)])(image).pixels[16:48, 16:48].astype(float)
    assert np.std(turned) == pytest.approx(100 / math.sqrt(2), rel=0.01)


def test_how_a_picture_is_read() -> None:
    def read(tfms: list[Transform], size: int) -> Any:
        plan, result = Augment(tfms, size=size).plan((60, 60), [0.0] * sum(tfm.draws for tfm in tfms))
        return sampling(plan.between_pixels((60, 60), result), (60, 60), result)

    assert (read([flip_lr(p=1)], 60).before, read([flip_lr(p=1)], 60).after) == (0, 0)
    enlarged, shrunk, far = read([], 90), read([], 40), read([], 15)
    assert (enlarged.rows, enlarged.before, enlarged.after) == (1, pytest.approx(1 / 12), 0)
    assert (shrunk.rows, shrunk.before, shrunk.after) == (1, 0, pytest.approx(1 / 27))  # 1.5² · 12
    assert (far.rows, far.columns, far.before, far.after) == (4, 4, 0, 0)


def test_far_outside_and_behind_the_camera_there_is_padding() -> None:
    image = noise(20, 20)
    for tfms in ([zoom(0.01)], [zoom(0.2), tilt(2, -0.95)], [zoom(0.3), perspective_warp((-0.45,) * 8)]):
        for padding_mode in ("zeros", "border", "reflection"):
            augment = Augment(tfms, padding_mode=padding_mode)
            one, batch = augment(image), augment.batch(image.data[None])
            assert one.size == (20, 20)
            assert batch.isfinite().all()
    assert (Augment([zoom(0.2), tilt(2, -0.95)], padding_mode="zeros")(image).pixels[0] == 0).all()


# ------------------------------------------------------------------------------------------- presets


def test_get_transforms_with_the_lessons_arguments() -> None:
    train, valid = get_transforms(
        max_rotate=20, max_zoom=1.3, max_lighting=0.4, max_warp=0.4, p_affine=1.0, p_lighting=1.0
    )
    assert [repr(tfm) for tfm in train] == [
        "crop_pad(row_pct=(0, 1), col_pct=(0, 1), p=1)",
        "flip_lr(p=0.5)",
        "symmetric_warp(magnitude=(-0.4, 0.4), p=1)",
        "rotate(degrees=(-20, 20), p=1)",
        "zoom(scale=(1, 1.3), row_pct=(0, 1), col_pct=(0, 1), p=1)",
        "brightness(change=(0.3, 0.7), p=1)",
        "contrast(scale=(0.6, 1.66667), p=1)",
    ]
    assert [repr(tfm) for tfm in valid] == ["crop_pad(row_pct=0.5, col_pct=0.5, p=1)"]


def test_get_transforms_leaves_out_what_is_not_wanted() -> None:
    extra = cutout(1, 4)
    train, _ = get_transforms(False, max_rotate=0, max_zoom=1, max_lighting=0, max_warp=0, xtra_tfms=[extra])
    assert [tfm.name for tfm in train] == ["crop_pad", "cutout"]
    assert [tfm.name for tfm in get_transforms(flip_vert=True)[0]][1] == "dihedral"
    assert {tfm.p for tfm in get_transforms()[0]} == {1.0, 0.5, 0.75}


def test_p_is_how_often_a_transform_is_done() -> None:
    augment = Augment([flip_lr(p=0.25)])
    pictures = torch.zeros(2000, 3, 1, 2)
    pictures[..., 0] = 1
    flipped = augment.batch(pictures, generator=seeded(0))[:, 0, 0, 1].mean()
    assert 0.21 < flipped < 0.29


def test_contrast_is_drawn_evenly_in_logarithms() -> None:
    span = contrast((0.5, 2)).parameters["scale"]
    assert [span.at([u]) for u in (0, 0.5, 1)] == pytest.approx([0.5, 1, 2])


# ------------------------------------------------------------------------------------------- refused

REFUSED: list[tuple[Callable[[], object], str]] = [
    (lambda: rotate(math.nan), "degrees must be finite; nan"),
    (lambda: rotate((0, math.inf)), "degrees must be finite"),
    (lambda: rotate((10, -10)), r"degrees must be \(low, high\), the smaller number first; \(10, -10\)"),
    (lambda: rotate((1, 2, 3)), r"degrees must be a number or a range \(low, high\); \(1, 2, 3\)"),
    (lambda: rotate("ten"), "degrees must be a number or a range"),  # type: ignore[arg-type]
    (lambda: rotate(10, p=1.5), "p of rotate must be a probability from 0 to 1; 1.5"),
    (lambda: flip_lr(p=math.nan), "p of flip_lr must be a probability"),
    (lambda: brightness((0, 0.5)), "change must be between 0 and 1"),
    (lambda: contrast(0), "scale must be above 0; 0"),
    (lambda: zoom(-1), "scale must be above 0"),
    (lambda: zoom(2, row_pct=2), "row_pct must be between 0 and 1; 2"),
    (lambda: symmetric_warp(0.5), r"magnitude must be between -0.5 and 0.5"),
    (lambda: symmetric_warp((0, 0, 0)), "or 4 numbers"),
    (lambda: tilt(4), "direction must be between 0 and 3"),
    (lambda: dihedral(1.5), "k must be whole"),
    (lambda: jitter(-1), "magnitude must be 0 or more"),
    (lambda: rgb_randomize(3), "channel must be between 0 and 2"),
    (lambda: cutout(1, 0), "length must be 1 or more"),
    (lambda: pad(-1), "padding must be a whole number, 0 or more; -1"),
    (lambda: pad(1, mode="mirror"), "must be one of zeros, border, reflection; 'mirror'"),
    (lambda: crop(0), "size must be 1 pixel or more each way; 0"),
    (lambda: resize((3, -2)), "size must be 1 pixel or more"),
    (lambda: resize(2.5), "size must be a whole number or"),  # type: ignore[arg-type]
    (lambda: Augment([], size=10**39), "size must be at most 200,000,000 pixels in all"),
    (lambda: crop((1, 200_000_001)), "size must be at most 200,000,000 pixels in all"),
    (lambda: Augment([], size=0), "size must be 1 pixel or more each way; 0"),
    (lambda: Augment([], padding_mode="wrap"), "padding_mode must be one of zeros, border, reflection; 'wrap'"),
    (lambda: Augment([], resize_method="fit"), "resize_method must be one of crop, squish; 'fit'"),
    (lambda: Augment(get_transforms()), "get_transforms\\(\\) returns two lists"),  # type: ignore[arg-type]
    (lambda: Augment([rotate]), "must be called"),  # type: ignore[list-item]
    (lambda: Augment([])(torch.zeros(3, 4, 4)), "image must be an Image; Tensor"),  # type: ignore[arg-type]
    (lambda: Augment([])(noise(4, 4), "a label"), "a target must be an ImageSegment"),
    (lambda: Augment([]).batch(torch.zeros(3, 4, 4)), r"a float tensor \[B, 3, H, W\].* \[3, 4, 4\] arrived"),
    (lambda: Augment([]).batch(torch.zeros(1, 3, 4, 4, dtype=torch.uint8)), "uint8"),
    (lambda: Augment([]).batch(torch.zeros(0, 3, 4, 4)), "at least one picture"),
    (lambda: Augment([crop(9)])(noise(4, 20)), "a picture of at least 9×9 pixels; one of 4×20.*crop_pad pads"),
    (lambda: Augment([dihedral()]).batch(torch.zeros(9, 3, 4, 6)), "must get one size"),
    (lambda: get_transforms(max_zoom=0.5), "max_zoom must be 1 or more; 0.5"),
    (lambda: get_transforms(max_rotate=math.nan), "max_rotate must be 0 or more; nan"),
    (lambda: get_transforms(max_lighting=1), "max_lighting must be below 1; 1 arrived"),
    (lambda: get_transforms(max_warp=0.7), "max_warp must be below 0.5; 0.7 arrived"),
    (lambda: get_transforms(p_affine=2), "p_affine must be a probability from 0 to 1; 2 arrived"),
]


@pytest.mark.parametrize(("wrong", "says"), REFUSED)
def test_refused_in_a_sentence(wrong: Callable[[], object], says: str) -> None:
    with pytest.raises(DataError, match=says):
        wrong()


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (3, 5), (31, 33)])
def test_odd_sizes(size: tuple[int, int]) -> None:
    augment = Augment(get_transforms(p_affine=1, p_lighting=1)[0], size=size)
    for source in ((1, 1), (2, 9), (17, 3)):
        assert augment(noise(*source)).size == size
        assert augment.batch(noise(*source).data[None]).shape == (1, 3, *size)
