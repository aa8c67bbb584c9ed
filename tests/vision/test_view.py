"""Predictions carried back to the photo: exact places of points, and masks in the photo's own size."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pillow
from torch import Tensor

from handlens.errors import DataError
from handlens.vision import (
    ImagePoints,
    PointsItemList,
    SegmentationItemList,
    VisionLearner,
    create_cnn,
    get_transforms,
    unet_learner,
)
from handlens.vision.transform import Augment, crop_pad, flip_lr
from handlens.vision.view import PhotoView

NET = "mobilenetv2_035"


def seen_as(size: Any, photo: tuple[int, int], tfms: Any = None, **options: Any) -> PhotoView:
    return Augment(tfms if tfms is not None else get_transforms()[1], size=size, **options).view(photo)


def test_the_middle_of_a_wide_photo() -> None:
    """30 × 90 pixels cropped to the middle 30 × 30, then 15 × 15: columns 30 to 60 of the photo."""
    view = seen_as(15, (30, 90))
    assert (view.photo, view.seen) == ((30, 90), (15, 15))
    corners = torch.tensor([[-1.0, -1.0], [1.0, 1.0], [0.0, 0.5], [0.0, 2.0]])
    assert view.points(corners).tolist() == [[0.0, 30.0], [30.0, 60.0], [15.0, 52.5], [15.0, 75.0]]


def test_a_photo_that_is_squished() -> None:
    view = seen_as((10, 20), (30, 90))
    assert view.points(torch.tensor([[-1.0, -1.0], [0.5, 0.0]])).numpy() == pytest.approx(
        np.array([[0, 0], [22.5, 45]]), abs=1e-5
    )


@given(
    st.tuples(st.integers(4, 90), st.integers(4, 90)),
    st.tuples(st.integers(4, 60), st.integers(4, 60)),
    st.sampled_from(["crop", "squish"]),
    st.booleans(),
    st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=3),
)
def test_points_come_back_to_where_they_were(
    photo: tuple[int, int], size: tuple[int, int], method: str, flipped: bool, shares: list[tuple[float, float]]
) -> None:
    augment = Augment([crop_pad(), *([flip_lr(p=1)] if flipped else [])], size=size, resize_method=method)
    points = torch.tensor(shares, dtype=torch.float32) * torch.tensor(photo)
    from handlens.vision.image import Image

    _, moved = augment(Image(torch.zeros(3, *photo)), ImagePoints(points, photo))
    assert torch.allclose(augment.view(photo).points(moved.scaled), points, atol=1e-3)


def one_hot(classes: Any, count: int) -> Tensor:
    return torch.nn.functional.one_hot(torch.tensor(classes), count).permute(2, 0, 1).float()


def test_a_mask_that_the_model_sees_as_it_is() -> None:
    classes = [[0, 2, 1], [1, 1, 0]]
    found = PhotoView((2, 3), (2, 3), np.eye(3)).classes(one_hot(classes, 3))
    assert (found.tolist(), found.dtype) == (classes, np.uint8)


def test_a_mask_is_enlarged_by_its_probabilities() -> None:
    """Two pixels over six columns: their centres are at 1 and 4, so that columns 0 to 2 are nearer to the first."""
    view = seen_as((1, 2), (2, 6))
    assert view.classes(one_hot([[0, 1]], 2)).tolist() == [[0, 0, 0, 1, 1, 1]] * 2
    # 0.9 against 0.1: the classes are equal where 0.9 − 0.8 t = 0.5, half way; with 0.9 and 0.4 at t = 0.8, column 3.4.
    p = torch.tensor([[[0.9, 0.4]], [[0.1, 0.6]]])
    assert view.classes(p).tolist() == [[0, 0, 0, 0, 1, 1]] * 2


def test_what_the_model_did_not_see_is_unknown() -> None:
    view = seen_as(2, (4, 12))  # the middle four columns, two pixels for each of the model's
    found = view.classes(one_hot([[0, 1], [1, 1]], 2))
    assert found.tolist() == [[255] * 4 + row + [255] * 4 for row in ([0, 0, 1, 1], [0, 0, 1, 1], [1] * 4, [1] * 4)]


def test_a_small_photo_in_a_larger_frame() -> None:
    """2 × 2 pixels in the middle of 4 × 4: the mask has the photo's part alone."""
    view = Augment([crop_pad(4)]).view((2, 2))
    classes = [[0, 0, 0, 0], [0, 1, 2, 0], [0, 2, 1, 0], [0, 0, 0, 0]]
    assert view.classes(one_hot(classes, 3)).tolist() == [[1, 2], [2, 1]]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Photos of 40 × 120 pixels, bright from column 50 to 70."""
    for i in range(4):
        picture = np.zeros((40, 120, 3), np.uint8)
        picture[:, 50:70] = 250
        Pillow.fromarray(picture).save(tmp_path / f"{i}.bmp")
        Pillow.fromarray((picture[..., 0] > 0).astype(np.uint8)).save(tmp_path / f"{i}.png")
    return tmp_path


@pytest.fixture
def points(photos: Path) -> VisionLearner:
    items = PointsItemList.from_folder(photos, extensions=[".bmp"]).split_by_idx([0])
    data = items.label_from_func(lambda _: [[20, 60], [10, 50]]).transform(get_transforms(), size=20).databunch(bs=2)
    return create_cnn(data, NET, pretrained=False, seed=0)


Constant = Callable[[VisionLearner, Any], None]


@pytest.fixture
def constant(monkeypatch: pytest.MonkeyPatch) -> Constant:
    """Makes a learner say the same of each picture."""

    def always(learn: VisionLearner, output: Any) -> None:
        said = torch.as_tensor(output, dtype=torch.float32)
        monkeypatch.setattr(learn, "outputs", lambda inputs: said.expand(len(inputs), *said.shape))

    return always


def test_points_are_in_pixels_of_the_photo(points: VisionLearner, constant: Constant, photos: Path) -> None:
    """The model sees columns 40 to 80 of 120."""
    constant(points, [[-1, -1], [0, 0.5]])
    turned = Pillow.Exif()
    turned[0x0112] = 6  # the rows of the file are the columns of the photo, which is 120 high and 40 wide
    Pillow.new("RGB", (120, 40)).save(photos / "turned.jpg", exif=turned)
    table = points.predict_files([photos / "0.bmp", photos / "turned.jpg", photos / "none"])
    assert list(table)[1:5] == [f"predicted {axis} of point {i}" for i in (1, 2) for axis in "yx"]
    assert table.iloc[0, 1:5].tolist() == [0, 40, 20, 70]
    assert table.iloc[1, 1:5].tolist() == [40, 0, 60, 30]
    assert table.iloc[2, 1:5].isna().all()
    [answer] = points.answers([photos / "0.bmp"])
    assert answer == dict(zip(list(table)[1:5], [0, 40, 20, 70], strict=True))


def test_a_large_photo_is_not_reduced_when_read(points: VisionLearner, constant: Constant, tmp_path: Path) -> None:
    constant(points, [[1, 1], [0, 0]])
    Pillow.new("RGB", (401, 403), "red").save(tmp_path / "large.jpg")
    assert points.predict_files([tmp_path / "large.jpg"]).iloc[0, 1:5].tolist() == pytest.approx(
        [402, 401, 201.5, 200.5], abs=1e-3
    )


def test_masks_are_written_in_the_size_of_their_photos(photos: Path, tmp_path: Path, constant: Constant) -> None:
    items = SegmentationItemList.from_folder(photos, extensions=[".bmp"]).split_by_idx([0])
    labelled = items.label_from_func(lambda file: file.with_suffix(".png"), classes=["dark", "bright"])
    learn = unet_learner(labelled.transform(size=20).databunch(bs=2), NET, pretrained=False, seed=0)
    wanted = torch.zeros(20, 20, dtype=torch.int64)
    wanted[:, 5:15] = 1
    constant(learn, one_hot(wanted.tolist(), 2))
    (photos / "bad.bmp").write_bytes(b"")
    files = [photos / "0.bmp", photos / "bad.bmp"]
    seen: list[tuple[int, int]] = []
    out = [tmp_path / "masks" / "deep" / f"{i}.png" for i in range(2)]
    table = learn.predict_files(files, masks=out, progress=lambda *done: seen.append(done))
    assert list(table) == ["path", "mask", "share of dark", "share of bright", "reason"]
    assert table.iloc[0].tolist() == [str(files[0]), str(out[0]), 0.5, 0.5, ""]
    assert table["reason"][1] == "empty (0 bytes)"
    assert table.iloc[1, 1:4].isna().all()
    mask = np.asarray(Pillow.open(out[0]))
    assert mask.shape == (40, 120)
    assert mask[7].tolist() == [255] * 40 + [0] * 10 + [1] * 20 + [0] * 10 + [255] * 40
    assert (mask == mask[7]).all()
    assert (out[1].exists(), seen) == (False, [(1, 2), (2, 2)])
    assert list(learn.predict_files([])) == list(table)


def test_masks_are_only_for_models_of_masks(points: VisionLearner, photos: Path) -> None:
    with pytest.raises(DataError, match="masks= is for a model of masks; this one predicts a PointsList"):
        points.predict_files([photos / "0.bmp"], masks=["a.png"])
