"""Sizes of pictures that a network does not take, and numbers of numpy where numbers are taken."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as Pillow
from torch import nn
from torchvision import models

from handlens.errors import BackboneError, DataError, TrainingError
from handlens.vision import (
    Augment,
    Image,
    ImageDataBunch,
    ImageInterpretation,
    ImageItemList,
    brightness,
    create_cnn,
    crop,
    crop_pad,
    cutout,
    dihedral,
    gallery,
    get_transforms,
    load_learner,
    pad,
    rotate,
)
from handlens.vision.body import goes_through, smallest_size
from handlens.vision.head import create_head
from handlens.vision.loader import PictureLoader


@pytest.fixture(autouse=True)
def _no_windows() -> Iterator[None]:
    import matplotlib
    from matplotlib import pyplot as plt

    matplotlib.use("agg")
    yield
    plt.close("all")


# ---------------------------------------------------------------------------------------------- sizes


@pytest.fixture
def sized(tmp_path: Path) -> Any:
    """Makes data of pictures of a size."""
    for i in range(6):
        Pillow.new("RGB", (40, 30), (40 * i, 0, 0)).save(tmp_path / f"{'ab'[i % 2]}_{i}.png")
    source = ImageItemList.from_folder(tmp_path).split_by_idx([0, 3]).label_from_re(r"([ab])_\d\.png$")

    def make(size: Any) -> ImageDataBunch:
        return (source if size is None else source.transform(size=size)).databunch(bs=2, num_workers=0)

    return make


@pytest.mark.parametrize(
    ("arch", "smallest"),
    [("densenet121", 29), ("alexnet", 63), ("squeezenet1_1", 17), ("convnext_tiny", 32)],
)
def test_p14_pictures_that_are_too_small_are_refused_when_a_learner_is_made(
    sized: Any, arch: str, smallest: int
) -> None:
    for size in (8, (8, 64), smallest - 1):
        with pytest.raises(
            BackboneError, match=rf"the smallest that do are {smallest}×{smallest}: .*size={smallest}\)"
        ):
            create_cnn(sized(size), getattr(models, arch), pretrained=False, seed=0)
    learn = create_cnn(sized(smallest), getattr(models, arch), pretrained=False, seed=0)
    assert learn.get_preds()[0].shape == (2, 2)


def test_p14_a_network_that_takes_only_some_sizes(sized: Any) -> None:
    body = nn.Sequential(nn.Conv2d(3, 4, 1), nn.PixelUnshuffle(20))  # multiples of 20
    assert [size for size in range(1, 90) if goes_through(body, (size, size))] == [20, 40, 60, 80]
    assert (smallest_size(body, (64, 64)), smallest_size(body, (500, 501))) == (80, 20)
    assert smallest_size(nn.Sequential(nn.Conv2d(3, 4, 1), nn.PixelUnshuffle(600)), (64, 64)) is None


def test_p14_the_size_of_the_pictures_themselves_counts_where_none_is_asked_for(sized: Any) -> None:
    assert (sized(None).picture_size, sized((8, 9)).picture_size) == ((30, 40), (8, 9))
    with pytest.raises(BackboneError, match="30×40 pixels do not go through them"):
        create_cnn(sized(None), models.alexnet, pretrained=False, seed=0)


def test_p14_data_that_replace_others_must_be_large_enough_too(sized: Any) -> None:
    learn = create_cnn(sized(64), models.squeezenet1_1, pretrained=False, seed=0)
    with pytest.raises(BackboneError, match="8×8 pixels do not go through them; the smallest that do are 17×17"):
        learn.data = sized(8)
    assert learn.data.picture_size == (64, 64)
    learn.data = sized(17)
    learn.fit(1, 1e-4, seed=0)


# ---------------------------------------------------------------------------------------------- numbers of numpy


def test_p19_numbers_of_numpy_are_numbers(sized: Any, tmp_path: Path) -> None:
    source = ImageItemList.from_folder(tmp_path).random_split_by_pct(np.float32(0.34), seed=np.int64(1))
    data = source.label_from_re(r"([ab])_\d\.png$").transform(get_transforms(), size=np.int64(32))
    bunch = data.databunch(bs=np.int64(2), num_workers=np.int64(0))
    learn = create_cnn(
        bunch, "mobilenetv2_035", ps=np.float32(0.5), hidden=np.int64(8), bn_final=np.bool_(False), pretrained=False,
        seed=np.int64(0), wd=np.float32(0.01),
    )  # fmt: skip
    learn.fit(np.int64(1), np.float32(1e-3), wd=np.float64(0.1), seed=np.int64(0))
    assert learn.made_as == {"name": "mobilenetv2_035", "library": "timm", "ps": 0.5, "hidden": 8, "bn_final": False}
    found = load_learner(learn.export())
    torch.testing.assert_close(found.predict(tmp_path / "a_0.png").values, learn.predict(tmp_path / "a_0.png").values)
    learn.TTA(n=np.int64(1), beta=np.float32(0.4), seed=np.int64(0))
    ImageInterpretation.from_learner(learn).plot_top_losses(np.int64(1), heatmap=False)
    create_cnn(bunch, "mobilenetv2_035", ps=np.array([0.1, 0.2]), pretrained=False)
    create_cnn(bunch, "mobilenetv2_035", ps=[np.float32(0.1), torch.tensor(0.2)], pretrained=False)


def test_p19_transforms_take_them_too() -> None:
    image = Image.from_pixels(np.zeros((8, 8, 3), np.uint8))
    half, two = np.float32(0.5), np.int64(2)
    tfms = [
        rotate(half, p=half),
        pad(two),
        crop(two),
        crop_pad((two, two)),
        cutout(two, two),
        dihedral(two),
    ]
    assert Augment(tfms, size=(two, np.uint8(3)))(image).size == (2, 3)
    assert Augment([], size=np.int32(4))(image).size == (4, 4)
    gallery(brightness, image, [half], size=two, seed=two)


@pytest.mark.parametrize("odd", [np.float64(2.5), np.int64(0), np.bool_(True), "2", None, np.array([2, 2])])
def test_p19_what_is_not_such_a_number_is_still_refused(sized: Any, odd: Any) -> None:
    with pytest.raises(DataError, match="bs must be a whole number, 1 or more"):
        PictureLoader(sized(8).train_ds, bs=odd, device=torch.device("cpu"))


@pytest.mark.parametrize("odd", [True, np.bool_(True), (True, 8), (8, np.bool_(True)), np.float64(8), "8", (8, 8, 8)])
def test_p19_so_is_an_odd_size(odd: Any) -> None:
    with pytest.raises(DataError, match=r"size must be a whole number or \(height, width\)"):
        Augment([], size=odd)


@pytest.mark.parametrize("odd", [np.float64(2.5), np.int64(-1), np.bool_(True), "2", None])
def test_p19_so_is_an_odd_padding(odd: Any) -> None:
    with pytest.raises(DataError, match="padding must be a whole number, 0 or more"):
        pad(odd)


@pytest.mark.parametrize("odd", ["half", None, [None], np.float32(1), np.float64(np.nan), [0.1, 0.2, 0.3]])
def test_p19_so_is_an_odd_dropout(odd: Any) -> None:
    with pytest.raises(TrainingError, match="ps must be"):
        create_head(2, 2, ps=odd)


def test_p14_a_single_picture_that_is_too_small_is_refused_in_our_words(sized: Any, tmp_path: Path) -> None:
    data = sized(None)  # pictures keep their own size
    learn = create_cnn(data, models.squeezenet1_1, pretrained=False, seed=0)
    Pillow.new("RGB", (9, 8)).save(tmp_path / "tiny.png")
    said = "8×9 pixels do not go through them; the smallest that do are 17×17"
    with pytest.raises(BackboneError, match=said):
        learn.predict(tmp_path / "tiny.png")


def test_p14_one_of_several_files_that_is_too_small_gets_a_row_that_says_why(sized: Any, tmp_path: Path) -> None:
    learn = create_cnn(sized(None), models.squeezenet1_1, pretrained=False, seed=0)
    Pillow.new("RGB", (9, 8)).save(tmp_path / "tiny.png")
    files = [tmp_path / name for name in ("a_0.png", "tiny.png", "missing.png", "b_1.png")]
    seen: list[tuple[int, int]] = []
    table = learn.predict_files(files, progress=lambda *now: seen.append(now))
    assert table["path"].tolist() == [str(file) for file in files]
    assert table["predicted"].isna().tolist() == [False, True, True, False]
    assert table["reason"].tolist()[::3] == ["", ""]
    assert "8×9 pixels do not go through them; the smallest that do are 17×17" in table["reason"][1]
    assert table["reason"][2] == "there is no such file"
    torch.testing.assert_close(
        torch.tensor(table.loc[[0, 3], "probability"].to_numpy()),
        torch.stack([learn.predict(files[i]).values.max() for i in (0, 3)]).to(torch.float64),
        check_dtype=False,
    )
    assert seen == [(4, 4)]
    assert learn.predict_files(files[1:2])["predicted"].isna().tolist() == [True]
