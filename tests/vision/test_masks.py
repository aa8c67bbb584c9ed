"""Masks as labels: read exactly, refused where they cannot be classes, moved with their pictures, and learned from."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as Pillow

from handlens.core.artifact import CARD
from handlens.core.labels import labels_from_state
from handlens.core.mixup import Mixup
from handlens.core.saved import load_learner
from handlens.errors import ArtifactError, DataError, TrainingError
from handlens.vision.data import ImageDataBunch
from handlens.vision.image import ImageSegment
from handlens.vision.items import ImageItemList, SegmentationItemList
from handlens.vision.learner import VisionLearner, create_cnn, unet_learner
from handlens.vision.masks import MaskList, open_mask
from handlens.vision.pixel_metrics import dice, pixel_accuracy
from handlens.vision.transform import Augment, flip_lr, get_transforms, pad, rotate

CLASSES = ["ground", "square", "sky"]
NET = "mobilenetv2_035"
MakeMasks = Callable[..., ImageDataBunch]


def save_mask(path: Path, values: Any, dtype: Any = np.uint8, **options: Any) -> Path:
    Pillow.fromarray(np.asarray(values, dtype)).save(path, **options)
    return path


def mask_of(picture: Path) -> Path:
    return picture.with_suffix(".png")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Six pictures, 40 high and 48 wide: red is 200 where the mask is 1, and blue is 250 where it is 2, at the top."""
    for i in range(6):
        mask = np.zeros((40, 48), np.uint8)
        mask[20 : 24 + i, 10 + i : 30] = 1
        mask[:10] = 2
        picture = np.stack([200 * (mask == 1), np.zeros_like(mask), 250 * (mask == 2)], 2).astype(np.uint8)
        Pillow.fromarray(picture).save(tmp_path / f"{i}.bmp")
        save_mask(tmp_path / f"{i}.png", mask)
    return tmp_path


@pytest.fixture
def make(folder: Path) -> MakeMasks:
    def data(tfms: Any = None, *, size: Any = (20, 24), workers: int = 0, bs: int = 2, **options: Any) -> Any:
        items = SegmentationItemList.from_folder(folder, extensions=[".bmp"]).split_by_idx([0, 1])
        labelled = items.label_from_func(mask_of, classes=CLASSES)
        return labelled.transform(tfms, size=size, **options).databunch(bs=bs, num_workers=workers)

    return data


def classes_seen(inputs: torch.Tensor) -> torch.Tensor:
    """The class of each pixel of the pictures in `folder`, from its colours."""
    return torch.where(inputs[:, 0] > 0.4, 1, torch.where(inputs[:, 2] > 0.5, 2, 0))


# Files


def test_a_mask_is_read_as_it_was_saved(tmp_path: Path) -> None:
    values = [[0, 1, 2], [7, 254, 255]]
    assert open_mask(save_mask(tmp_path / "grey.png", values)).data.tolist() == [values]
    assert open_mask(save_mask(tmp_path / "grey.tif", values)).data.tolist() == [values]
    assert open_mask(save_mask(tmp_path / "deep.png", values, np.uint16)).data.tolist() == [values]
    assert open_mask(save_mask(tmp_path / "colour.png", np.stack([values] * 3, 2))).data.tolist() == [values]


def test_a_palettes_positions_are_the_classes_and_not_its_colours(tmp_path: Path) -> None:
    mask = Pillow.fromarray(np.array([[2, 0], [1, 2]], np.uint8)).convert("P")
    mask.putdata([2, 0, 1, 2])
    mask.putpalette([9, 9, 9, 255, 0, 0, 0, 0, 255])
    mask.save(tmp_path / "palette.png")
    with Pillow.open(tmp_path / "palette.png") as saved:
        assert saved.mode == "P"
    assert open_mask(tmp_path / "palette.png").data.tolist() == [[[2, 0], [1, 2]]]


def test_div_makes_classes_of_black_and_white(tmp_path: Path) -> None:
    file = save_mask(tmp_path / "m.png", [[0, 255], [255, 0]])
    assert open_mask(file).data.tolist() == [[[0, 255], [255, 0]]]
    assert open_mask(file, div=True).data.tolist() == [[[0, 1], [1, 0]]]
    bits = tmp_path / "bits.png"
    Pillow.fromarray(np.array([[0, 255]], np.uint8)).convert("1").save(bits)
    assert open_mask(bits).data.tolist() == open_mask(bits, div=True).data.tolist() == [[[0, 1]]]
    with pytest.raises(DataError, match=r"m2.png holds 3 too: leave div out"):
        open_mask(save_mask(tmp_path / "m2.png", [[0, 3]]), div=True)


@pytest.mark.parametrize(
    ("name", "values", "dtype", "said"),
    [
        ("m.jpg", [[0, 1]], np.uint8, r"keeps each number, such as PNG; .*m.jpg is JPEG"),
        ("m.webp", [[[1, 1, 1]]], np.uint8, r"keeps each number, such as PNG; .*m.webp is WEBP"),
        ("m.png", [[0, 300]], np.uint16, r"must be 0 to 255; .*m.png holds 300"),
        ("m.png", [[[1, 2, 3]]], np.uint8, r"m.png holds colours"),
        ("m.png", [[[1, 1, 1, 9]]], np.uint8, r"a class from 0 to 255 for each pixel; .*m.png does not"),
        ("m.tif", [[0.5]], np.float32, r"a class from 0 to 255 for each pixel; .*m.tif does not"),
    ],
)
def test_files_that_cannot_hold_classes_are_refused(
    tmp_path: Path, name: str, values: Any, dtype: Any, said: str
) -> None:
    file = save_mask(tmp_path / name, values, dtype)
    with pytest.raises(DataError, match=said):
        open_mask(file)


def test_a_file_that_is_missing_or_damaged_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone.png cannot be read as a mask: there is no such file"):
        open_mask(tmp_path / "gone.png")
    damaged = save_mask(tmp_path / "cut.png", np.zeros((50, 50)))
    damaged.write_bytes(damaged.read_bytes()[:60])
    with pytest.raises(DataError, match=r"cut.png cannot be read as a mask"):
        open_mask(damaged)


# Labels


def test_headers_are_checked_when_pictures_are_labelled(folder: Path) -> None:
    Pillow.new("L", (48, 40)).save(folder / "0.jpg")
    items = SegmentationItemList.from_folder(folder, extensions=[".bmp"]).split_none()
    with pytest.raises(DataError, match=r"training labels: a mask must be of a format .*0.jpg is JPEG.*\(and 5 more\)"):
        items.label_from_func(lambda file: file.with_suffix(".jpg" if file.stem == "0" else ".gone"), classes=CLASSES)
    with pytest.raises(DataError, match="path of its mask; int arrived"):
        items.label_from_func(lambda file: 3, classes=CLASSES)
    with pytest.raises(DataError, match="missing a required argument: 'classes'"):
        items.label_from_func(mask_of)


def test_image_item_list_takes_masks_too(folder: Path) -> None:
    items = ImageItemList.from_folder(folder, extensions=[".bmp"]).split_none()
    labelled = items.label_from_func(mask_of, label_cls=MaskList, classes=CLASSES)
    _, mask = labelled.train[0]
    assert isinstance(mask, ImageSegment)
    assert mask.pixels.tolist() == open_mask(folder / "0.png").pixels.tolist()


def test_a_mask_of_another_size_is_refused_in_an_epoch(make: MakeMasks, folder: Path) -> None:
    save_mask(folder / "3.png", np.zeros((48, 40)))
    with pytest.raises(DataError, match=r"size of its picture, 40×48; .*3.png has 48×40"):
        list(make(workers=1).train_dl)


def test_a_class_that_there_is_not_is_refused_with_its_file(make: MakeMasks, folder: Path) -> None:
    mask = np.zeros((40, 48))
    mask[0, 0], mask[1, 1] = 7, 255
    save_mask(folder / "3.png", mask)
    with pytest.raises(DataError, match=r"the 3 classes, 0 to 2 \(or 255 for unknown\); .*3.png holds 7: name all"):
        list(make().train_dl)


def test_labels_are_kept_and_taken_and_restored(folder: Path) -> None:
    y = MaskList([folder / "0.png", folder / "1.png"], classes=CLASSES)
    assert len(y) == 2
    assert y.take(torch.tensor([1])).files == [folder / "1.png"]
    assert y.take(torch.tensor([True, False])).files == [folder / "0.png"]
    assert len(set(y.data.tolist())) == 2
    assert y.blank(3).files == [None] * 3
    assert y.columns() == {"mask": ["0.png", "1.png"]}
    again = labels_from_state(json.loads(json.dumps(y.state())))
    assert (type(again), again.classes, again.c, len(again)) == (MaskList, CLASSES, 3, 0)
    with pytest.raises(ArtifactError, match="damaged"):
        labels_from_state(y.state() | {"div": 1})
    with pytest.raises(DataError, match="1 to 255 classes"):
        MaskList([], classes=range(256))


def test_the_loss_leaves_unknown_pixels_out() -> None:
    outputs = torch.tensor([[[[0.0, 5.0]], [[0.0, 1.0]]]])  # [1, 2, 1, 2]
    half = MaskList.loss_func(outputs, torch.tensor([[[[1, 255]]]]))
    assert float(half) == pytest.approx(np.log(2))
    assert MaskList.loss_func(outputs, torch.full((1, 1, 1, 2), 255)).isnan()
    assert float(MaskList.loss_func(outputs, torch.tensor([[[1, 255]]]))) == pytest.approx(np.log(2))


# Batches


@pytest.mark.parametrize("workers", [0, 2])
def test_masks_are_transformed_with_their_pictures(make: MakeMasks, workers: int) -> None:
    torch.manual_seed(0)
    data = make(get_transforms(max_lighting=0), size=40, workers=workers)
    for loader in (data.train_dl, data.valid_dl, data.augmented("train")):
        for inputs, targets in loader:
            assert targets.shape == (len(inputs), 1, 40, 40)
            assert targets.dtype == torch.int64
            agree = classes_seen(inputs) == targets[:, 0]
            assert agree.float().mean() > 0.97  # but for the blurred edges of the pictures
    _, mask = data.train_ds[0]
    assert isinstance(mask, ImageSegment)


def test_batches_do_not_depend_on_the_number_of_workers(make: MakeMasks) -> None:
    tfms = get_transforms()
    torch.manual_seed(3)
    alone = [targets for _, targets in make(tfms).train_dl]
    torch.manual_seed(3)
    both = [targets for _, targets in make(tfms, workers=2).train_dl]
    assert all(torch.equal(a, b) for a, b in zip(alone, both, strict=True))


def test_a_flip_moves_each_pixel_of_the_mask(make: MakeMasks, folder: Path) -> None:
    data = make(([flip_lr(p=1)], [flip_lr(p=1)]), size=None)
    _, targets = next(iter(data.valid_dl))
    assert targets[0, 0].tolist() == open_mask(folder / "0.png").pixels[:, ::-1].tolist()


def test_what_is_padded_is_unknown(make: MakeMasks) -> None:
    data = make(([], [pad(4, mode="zeros")]), size=None)
    _, targets = next(iter(data.valid_dl))
    assert targets.shape[2:] == (48, 56)
    assert targets[:, :, :4].eq(255).all()
    assert targets[:, :, 4:-4, 4:-4].ne(255).all()


def test_masks_cannot_be_left_behind(make: MakeMasks, folder: Path) -> None:
    make(tfm_y=True)
    with pytest.raises(DataError, match="tfm_y=False arrived: leave it out"):
        make(tfm_y=False)
    other = ImageItemList.from_folder(folder, extensions=[".bmp"]).split_none().label_from_func(lambda file: "a")
    other.transform(tfm_y=False)
    with pytest.raises(DataError, match="tfm_y=True is for labels that lie on their pictures"):
        other.transform(tfm_y=True)


@pytest.mark.parametrize("shuffled", [True, False])
def test_a_picture_that_is_gone_takes_its_mask_with_it(make: MakeMasks, folder: Path, shuffled: bool) -> None:
    data = make()
    (folder / "2.bmp").unlink()
    with pytest.warns(UserWarning, match="2.bmp"):
        batches = list(data.train_dl if shuffled else data.train_dl.in_order())
    unknown = torch.cat([targets for _, targets in batches]).eq(255).flatten(1).all(1)
    assert int(unknown.sum()) == (0 if shuffled else 1)


def test_pictures_without_masks_have_unknown_pixels(make: MakeMasks, folder: Path) -> None:
    data = make()
    data.add_test([folder / "0.bmp"])
    [(inputs, targets)] = list(data.dl("test"))
    assert inputs.shape[2:] == targets.shape[2:]
    assert targets.eq(255).all()


def test_a_mask_keeps_its_classes_in_every_transform(folder: Path) -> None:
    mask = open_mask(folder / "0.png")
    picture = ImageItemList.from_folder(folder, extensions=[".bmp"])[0]
    _, turned = Augment([rotate(33.0)], size=31)(picture, mask)
    assert set(np.unique(turned.pixels)) <= {0, 1, 2}


# Metrics

P = torch.tensor([[[[0.9, 0.2, 0.6, 0.3]], [[0.1, 0.8, 0.4, 0.7]]], [[[0.9, 0.9, 0.9, 0.9]], [[0.1, 0.1, 0.1, 0.1]]]])
"""Predicted: 0 1 0 1 and 0 0 0 0."""
T = torch.tensor([[[[0, 1, 1, 255]]], [[[0, 0, 0, 1]]]])


def test_pixel_accuracy_by_hand() -> None:
    assert pixel_accuracy(P, T) == pytest.approx(5 / 7)
    assert pixel_accuracy(P, T.squeeze(1)) == pytest.approx(5 / 7)
    assert pixel_accuracy(P, T, ignore=0) == pytest.approx(1 / 3)
    assert pixel_accuracy(P, T, ignore=[1]) == pytest.approx(4 / 4)
    assert np.isnan(pixel_accuracy(P, T, ignore=[0, 1]))
    with pytest.raises(DataError, match="a class for each pixel"):
        pixel_accuracy(torch.zeros(2, 3), torch.tensor([0, 1]))


def test_dice_is_of_all_pictures_together() -> None:
    # The second class: predicted 1 pixel that is known, right 3 pixels, 1 of them in common.
    assert dice(P, T) == pytest.approx(2 * 1 / (1 + 3))
    assert np.isnan(dice(P[1:], torch.zeros(1, 1, 1, 4, dtype=torch.int64)))
    three = torch.nn.functional.one_hot(torch.tensor([[[0, 0, 1, 1]]]), 3).permute(0, 3, 1, 2).double()
    # Class 0: 2·1 / (2 + 1), class 1: 2·1 / (2 + 3), class 2 occurs nowhere.
    assert dice(three, torch.tensor([[[0, 1, 1, 1]]])) == pytest.approx((2 / 3 + 4 / 5) / 2)


def test_an_ignored_class_has_no_dice() -> None:
    found = torch.nn.functional.one_hot(torch.tensor([[[0, 0, 2, 1, 1, 1, 0, 1]]]), 3).permute(0, 3, 1, 2).double()
    right = torch.tensor([[[0, 0, 0, 1, 1, 1, 2, 2]]])
    # Class 0: 2·2 / (2 + 3), class 1: 2·3 / (3 + 3); class 2 is predicted for a pixel of class 0, and is ignored.
    assert dice(found, right, ignore=2) == pytest.approx((4 / 5 + 1) / 2)
    assert dice(found, right, ignore=[0, 2]) == pytest.approx(1)
    assert np.isnan(dice(P, T, ignore=1))
    assert dice(P, T, ignore=0) == pytest.approx(2 * 1 / (1 + 3))


# Learning


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[VisionLearner, Path]:
    """A U-Net that was trained for two epochs."""
    root = tmp_path_factory.mktemp("trained")
    for i in range(6):
        mask = np.zeros((33, 40), np.uint8)
        mask[4 + i : 16 + i, 6:20] = 1
        Pillow.fromarray(np.stack([200 * mask] * 3, 2)).save(root / f"{i}.bmp")
        save_mask(root / f"{i}.png", mask)
    items = SegmentationItemList.from_folder(root, extensions=[".bmp"]).split_by_idx([0, 1, 2])
    data = items.label_from_func(mask_of, classes=["ground", "square"]).databunch(bs=2).normalize()

    def course_accuracy(preds: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        wanted = targets.squeeze(1)
        mask = wanted != 9
        return (preds.argmax(dim=1)[mask] == wanted[mask]).float().mean()

    metrics = [partial(pixel_accuracy, ignore=0), dice, course_accuracy]
    learn = unet_learner(data, NET, pretrained=False, seed=0, metrics=metrics)
    learn.fit_one_cycle(2, 3e-3, seed=0)
    return learn, root


def test_metrics_of_batches_are_those_of_the_whole_set(trained: tuple[VisionLearner, Path]) -> None:
    learn, _ = trained
    loss, accuracy, overlap, course = learn.validate()
    preds, targets = learn.get_preds()
    assert (preds.shape, targets.shape) == ((3, 2, 33, 40), (3, 1, 33, 40))
    assert accuracy == pytest.approx(pixel_accuracy(preds, targets, ignore=0))
    assert overlap == pytest.approx(dice(preds, targets))
    assert course == pytest.approx(pixel_accuracy(preds, targets))
    assert loss == pytest.approx(float(torch.nn.functional.nll_loss(preds.log(), targets[:, 0])), rel=1e-5)


def test_a_prediction_is_a_mask(trained: tuple[VisionLearner, Path]) -> None:
    learn, root = trained
    label, codes, values = learn.predict(root / "0.bmp")
    assert label.pixels.tolist() == codes[0].tolist() == values.argmax(0).tolist()
    assert torch.allclose(values.sum(0), torch.ones(33, 40))
    assert torch.allclose(values, learn.get_preds()[0][0], atol=1e-5)


def test_it_is_exported_and_loaded(trained: tuple[VisionLearner, Path]) -> None:
    learn, root = trained
    folder = learn.export("unet")
    loaded = load_learner(folder)
    assert torch.equal(loaded.predict(root / "0.bmp").values, learn.predict(root / "0.bmp").values)
    assert loaded.data.classes == ["ground", "square"]
    card = (folder / CARD).read_text(encoding="utf-8")
    assert "image-segmentation" in card
    assert "dice" in card
    learn.save("weights")
    again = unet_learner(learn.data, NET, pretrained=False, seed=1).load("weights")
    assert torch.equal(again.predict(root / "0.bmp").values, learn.predict(root / "0.bmp").values)


def test_a_copy_of_the_model_works_by_itself(trained: tuple[VisionLearner, Path]) -> None:
    learn, _ = trained
    inputs, _ = learn.data.one_batch()
    wanted = learn.outputs(inputs)
    other = copy.deepcopy(learn.model)
    with torch.inference_mode():
        for parameter in other.parameters():
            parameter.zero_()
        assert other(inputs).abs().max() == 0
    assert torch.equal(learn.outputs(inputs), wanted)


def test_other_ways_to_predict_say_why_not(trained: tuple[VisionLearner, Path]) -> None:
    learn, root = trained
    with pytest.raises(TrainingError, match="TTA averages predictions place by place"):
        learn.TTA()
    for masks in (None, [], ["a.png", "b.png"]):
        with pytest.raises(DataError, match=r"masks= must name a PNG to write for each of the 1 photos"):
            learn.predict_files([root / "0.bmp"], masks=masks)
    with pytest.raises(DataError, match="each another one"):
        learn.predict_files([root / "0.bmp"] * 2, masks=["a.png"] * 2)
    with pytest.raises(DataError, match="use unet_learner"):
        create_cnn(learn.data, NET, pretrained=False)


def test_mixup_of_masks_is_refused(trained: tuple[VisionLearner, Path]) -> None:
    learn, _ = trained
    with pytest.raises(TrainingError, match="masks have a class for each pixel"):
        learn.fit(1, 1e-5, callbacks=[Mixup(0.4)])


def test_unet_learner_needs_masks(folder: Path) -> None:
    items = ImageItemList.from_folder(folder, extensions=[".bmp"]).split_none().label_from_func(lambda file: file.stem)
    with pytest.raises(DataError, match="unet_learner predicts masks; the labels are a CategoryList"):
        unet_learner(items.databunch(bs=2), NET, pretrained=False)


def test_a_batch_without_known_pixels_teaches_nothing(make: MakeMasks, folder: Path) -> None:
    for i in range(2, 6):
        save_mask(folder / f"{i}.png", np.full((40, 48), 255))
    learn = unet_learner(make(size=32), NET, pretrained=False, seed=0)
    with pytest.raises(TrainingError, match="no training item counts in the loss"):
        learn.fit(1, seed=0)


def test_masks_of_0_and_255_are_warned_of_where_255_is_likely_a_class(tmp_path: Path) -> None:
    files = [save_mask(tmp_path / f"{i}.png", [[0, 255], [0, 0]]) for i in range(2)]
    with pytest.warns(UserWarning, match=r"nothing is learned of 'car'. Give div=True if 255 stands for it"):
        MaskList(files, classes=["road", "car"])
    MaskList(files, classes=["road", "car"], div=True)
    MaskList(files, classes=CLASSES)
    MaskList([*files, save_mask(tmp_path / "b.png", [[0, 1], [255, 0]])], classes=["road", "car"])
