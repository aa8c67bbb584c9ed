"""Masks, points and boxes land where the pixels land that they lie on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from handlens.errors import DataError
from handlens.vision.image import Image, ImageBBox, ImagePoints, ImageSegment
from handlens.vision.transform import (
    Augment,
    crop,
    crop_pad,
    dihedral,
    flip_lr,
    get_transforms,
    jitter,
    pad,
    rotate,
    squish,
    zoom,
)

HEIGHT, WIDTH = 40, 56


def marked(row: int, column: int, side: int = 5) -> tuple[Image, ImageSegment]:
    """A black picture with a white square, and its mask."""
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[row : row + side, column : column + side] = 1
    return Image.from_pixels(np.repeat(255 * mask[..., None], 3, axis=2)), ImageSegment(mask)


@given(
    seed=st.integers(0, 2**31),
    row=st.integers(8, 27),
    column=st.integers(8, 43),
    size=st.sampled_from([None, 40, (36, 50), 80]),
)
def test_where_the_pixels_land(seed: int, row: int, column: int, size: Any) -> None:
    image, mask = marked(row, column)
    centre = ImagePoints(torch.tensor([[row + 2.5, column + 2.5]]), (HEIGHT, WIDTH))
    box = ImageBBox(torch.tensor([[row, column, row + 5, column + 5]]), (HEIGHT, WIDTH), labels=["white"])
    train, _ = get_transforms(flip_vert=size is not None, max_rotate=30, max_warp=0.3, max_lighting=0)
    augment = Augment(train, size=size, padding_mode="zeros")
    generator = torch.Generator().manual_seed(seed)
    result, mask2, point2, box2 = augment(image, mask, centre, box, generator=generator)
    bright = result.data[0] > 0.5
    assume(bright.sum() >= 9)
    rows, columns = (index.double() + 0.5 for index in bright.nonzero(as_tuple=True))
    at_edge = rows.min() < 1 or columns.min() < 1
    at_edge = at_edge or rows.max() > result.size[0] - 1 or columns.max() > result.size[1] - 1
    # The mask and the bright pixels differ at most by those that the outline crosses.
    differ = (mask2.data[0] == 1) ^ bright
    assert differ.sum() <= 4 * bright.sum().sqrt() + 4
    (top, left, bottom, right) = box2.data[0].tolist()
    assert top - 1 <= rows.min()
    assert left - 1 <= columns.min()
    assert rows.max() <= bottom + 1
    assert columns.max() <= right + 1
    assert box2.labels == ["white"]
    if not at_edge:
        y, x = point2.data[0].tolist()
        assert abs(rows.mean() - y) < 1
        assert abs(columns.mean() - x) < 1
        assert point2.inside.all()


def test_flip_crop_and_pad_by_hand() -> None:
    image, mask = marked(0, 0, side=1)
    corner = ImagePoints(torch.tensor([[0.5, 0.5]]), (HEIGHT, WIDTH))
    box = ImageBBox(torch.tensor([[0.0, 0.0, 1.0, 1.0]]), (HEIGHT, WIDTH))
    _, mask2, point2, box2 = Augment([flip_lr(p=1), pad(3, mode="zeros")])(image, mask, corner, box)
    assert np.argwhere(mask2.pixels == 1).tolist() == [[3, WIDTH + 2]]
    assert point2.data.tolist() == [[3.5, WIDTH + 2.5]]
    assert box2.data.tolist() == [[3.0, WIDTH + 2.0, 4.0, WIDTH + 3.0]]
    assert (mask2.size, point2.size, box2.size) == ((HEIGHT + 6, WIDTH + 6),) * 3


@pytest.mark.parametrize("k", range(8))
def test_all_eight_ways(k: int) -> None:
    image, mask = marked(4, 9, side=1)
    point = ImagePoints(torch.tensor([[4.5, 9.5]]), (HEIGHT, WIDTH))
    result, mask2, point2 = Augment([dihedral(k)])(image, mask, point)
    ((row, column),) = np.argwhere(mask2.pixels)
    assert result.pixels[row, column].tolist() == [255] * 3
    assert point2.data[0].tolist() == pytest.approx([row + 0.5, column + 0.5], abs=1e-4)


def test_points_go_outside_and_boxes_are_cut_or_dropped() -> None:
    points = ImagePoints(torch.tensor([[0.0, 0.0], [20.0, 28.0]]), (HEIGHT, WIDTH))
    boxes = ImageBBox(
        torch.tensor([[0.0, 0.0, 5.0, 5.0], [10.0, 10.0, 30.0, 30.0]]), (HEIGHT, WIDTH), labels=["gone", "cut"]
    )
    image, _ = marked(0, 0)
    _, moved, cut = Augment([crop(20)])(image, points, boxes)
    assert moved.data.tolist() == [[-10.0, -18.0], [10.0, 10.0]]
    assert moved.inside.tolist() == [False, True]
    assert cut.data.tolist() == [[0.0, 0.0, 20.0, 12.0]]
    assert cut.labels == ["cut"]


def test_masks_keep_their_classes() -> None:
    classes = np.random.default_rng(0).integers(0, 3, (HEIGHT, WIDTH)).astype(np.uint8) * 100
    image, _ = marked(0, 0)
    _, mask = Augment([rotate(23), jitter(0.05)], size=70)(image, ImageSegment(classes))
    assert set(np.unique(mask.pixels)) == {0, 100, 200}
    _, padded = Augment([crop_pad(60)], padding_mode="zeros")(image, ImageSegment(classes + 1))
    assert padded.pixels[0, 0] == 255  # 0 is a class


def test_a_target_of_another_size_is_refused() -> None:
    image, _ = marked(0, 0)
    with pytest.raises(DataError, match="must have the size of its picture; ImageSegment 3×4 does not fit Image 40×56"):
        Augment([])(image, ImageSegment(np.zeros((3, 4), np.uint8)))


# ---------------------------------------------------------------------------------------------- outside of the picture


def test_p15_what_is_outside_of_a_picture_is_unknown_in_its_mask() -> None:
    image, mask = Image.from_pixels(np.full((2, 3, 3), 200, np.uint8)), ImageSegment(np.array([[0, 1, 2], [3, 4, 5]]))
    found, padded = Augment([pad(1, mode="zeros")])(image, mask)
    assert found.pixels[..., 0].tolist() == [[0] * 5, [0, 200, 200, 200, 0], [0, 200, 200, 200, 0], [0] * 5]
    assert padded.pixels.tolist() == [[255] * 5, [255, 0, 1, 2, 255], [255, 3, 4, 5, 255], [255] * 5]


@pytest.mark.parametrize(
    ("mode", "row"),
    [("zeros", [255, 255, 0, 1, 255, 255]), ("border", [0, 0, 0, 1, 1, 1]), ("reflection", [1, 0, 0, 1, 1, 0])],
)
def test_p15_each_way_of_padding_a_mask(mode: str, row: list[int]) -> None:
    image, mask = Image.from_pixels(np.zeros((1, 2, 3), np.uint8)), ImageSegment(np.array([[0, 1]]))
    _, found = Augment([crop_pad((1, 6))], padding_mode=mode)(image, mask)
    assert found.pixels.tolist() == [row]


def test_p15_turning_a_mask_makes_no_class_0_of_its_corners() -> None:
    image, mask = Image.from_pixels(np.full((40, 40, 3), 9, np.uint8)), ImageSegment(np.full((40, 40), 7))
    for tfm in (rotate(45), zoom(0.5), squish(0.5), jitter(0.1), get_transforms()[1][0]):
        found, turned = Augment([tfm], padding_mode="zeros")(image, mask)
        assert set(np.unique(turned.pixels)) <= {7, 255}
        assert (turned.pixels[found.pixels[..., 0] == 0] == 255).all()


def test_p15_a_loss_leaves_unknown_pixels_out() -> None:
    scores = torch.tensor([[[[2.0, -50.0]], [[0.0, 50.0]]]])  # [B, classes, H, W]
    loss = torch.nn.CrossEntropyLoss(ignore_index=255)
    target = ImageSegment(np.array([[0, 255]])).data
    assert float(loss(scores, target)) == pytest.approx(np.log(1 + np.exp(-2)))


def test_p15_unknown_pixels_are_not_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot as plt

    _, ax = plt.subplots()
    ImageSegment(np.array([[0, 1, 255]])).draw(ax)
    assert np.ma.getmaskarray(ax.images[0].get_array()).tolist() == [[True, False, True]]
    plt.close("all")
