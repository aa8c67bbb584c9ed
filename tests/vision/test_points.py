"""Points as labels: kept in their places by every transform, learned as numbers from −1 to 1, and shown as points."""

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
from torch import nn

from handlens.core.artifact import load_artifact
from handlens.core.labels import labels_from_state
from handlens.core.saved import load_learner
from handlens.errors import ArtifactError, BackboneError, DataError, TrainingError
from handlens.vision.data import ImageDataBunch
from handlens.vision.head import create_head
from handlens.vision.image import ImagePoints
from handlens.vision.items import ImageItemList, PointsItemList
from handlens.vision.learner import KIND, VisionLearner, create_cnn, unet_learner, vision_learner_of
from handlens.vision.pixel_metrics import point_distance
from handlens.vision.places import MeanPlace, PlacesHead
from handlens.vision.points import PointsList
from handlens.vision.transform import flip_lr, get_transforms
from handlens.vision.unet import unet_shape

MakePoints = Callable[..., ImageDataBunch]


def centres(file: Path) -> list[tuple[int, int]]:
    """The centres of a red and a green square of a picture."""
    i = int(file.stem)
    return [(10, 12 + 2 * i), (28, 30 - i)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Six black pictures, 40 high and 48 wide, with a red and a green square of 8 pixels around two points."""
    for i in range(6):
        picture = np.zeros((40, 48, 3), np.uint8)
        for channel, (y, x) in enumerate(centres(Path(f"{i}.png"))):
            picture[y - 4 : y + 4, x - 4 : x + 4, channel] = 255
        Pillow.fromarray(picture).save(tmp_path / f"{i}.png")
    return tmp_path


@pytest.fixture
def make(folder: Path) -> MakePoints:
    def data(tfms: Any = None, *, size: Any = (40, 48), workers: int = 0, bs: int = 2) -> Any:
        items = PointsItemList.from_folder(folder).split_by_idx([0, 1]).label_from_func(centres)
        return items.transform(tfms, size=size, tfm_y=True).databunch(bs=bs, num_workers=workers)

    return data


def test_targets_are_places_from_minus_1_to_1(make: MakePoints) -> None:
    inputs, targets = next(iter(make().valid_dl))
    assert inputs.shape == (2, 3, 40, 48)
    # y: 10 of 40 is −0.5, 28 is 0.4; x: 12 of 48 is −0.5, 30 is 0.25; 14 and 29 in the second picture.
    wanted = [[[-0.5, -0.5], [0.4, 0.25]], [[-0.5, 2 * 14 / 48 - 1], [0.4, 2 * 29 / 48 - 1]]]
    assert torch.allclose(targets, torch.tensor(wanted))
    assert targets.dtype == torch.float32


def test_a_flip_moves_points_to_the_other_side(make: MakePoints) -> None:
    _, targets = next(iter(make(([], [flip_lr(p=1)])).valid_dl))
    assert torch.allclose(targets[0], torch.tensor([[-0.5, 0.5], [0.4, -0.25]]))


@pytest.mark.parametrize("workers", [0, 2])
def test_points_stay_on_what_they_mark(make: MakePoints, workers: int) -> None:
    torch.manual_seed(0)
    data = make(get_transforms(max_lighting=0), size=64, workers=workers)
    seen = 0
    for inputs, targets in data.train_dl:
        for picture, places in zip(inputs, targets, strict=True):
            pixels = ((places + 1) * 32).floor().long()
            for channel, (y, x) in enumerate(pixels.tolist()):
                if 0 <= y < 64 and 0 <= x < 64:
                    assert picture[channel, y, x] > 0.9
                    seen += 1
    assert seen >= 6


def test_a_point_outside_is_kept(make: MakePoints) -> None:
    _, targets = next(iter(make(size=16).valid_dl))  # the middle 40 of 48 columns: 12 becomes 8, and 30 becomes 26
    assert torch.allclose(targets[0, :, 1], torch.tensor([2 * 8 / 40 - 1, 2 * 26 / 40 - 1]))
    y = PointsList([[[5.0, 0.0]]])
    assert y.encoded(ImagePoints(torch.tensor([[5.0, -6.0]]), (10, 12)), (10, 12)).tolist() == [[0.0, -2.0]]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([[1.0, 2.0, 3.0]], r"finite numbers \[n, 2\]"),
        ([[[1.0, float("nan")]]], r"finite numbers \[n, 2\]"),
        (["left eye"], r"finite numbers \[n, 2\].*'left eye' arrived"),
        ([[]], r"finite numbers \[n, 2\]"),
        ([], "at least one picture"),
        ([[[1, 2]], [[1, 2], [3, 4]]], "as many points as the others, 1; the one at position 1 has 2"),
    ],
)
def test_labels_that_are_not_points_are_refused(values: Any, said: str) -> None:
    with pytest.raises(DataError, match=said):
        PointsList(values)


def test_points_come_in_many_forms_and_are_restored() -> None:
    forms = [[1, 2], (1.0, 2.0), torch.tensor([[1.0, 2.0]]), np.array([1, 2]), ImagePoints(np.array([[1, 2]]), (4, 4))]
    y = PointsList(forms)
    assert y.data.tolist() == [[[1.0, 2.0]]] * 5
    assert len(y.new([[7, 8]])) == 1
    with pytest.raises(DataError, match="as many points"):
        y.new([[[7, 8], [9, 9]]])
    again = labels_from_state(json.loads(json.dumps(y.state())))
    assert (type(again), again.c, len(again)) == (PointsList, 2, 0)
    with pytest.raises(ArtifactError, match="damaged"):
        labels_from_state(y.state() | {"n": 0})


def test_distance_is_in_pixels() -> None:
    preds = torch.tensor([[[0.0, 0.0], [0.5, 0.5]]])
    targets = torch.tensor([[[0.75, 1.0], [0.5, 0.5]]])
    # 0.75 of half of 8 rows is 3, 1 of half of 8 columns is 4: 5 pixels, and 0.
    assert point_distance(preds, targets, size=(8, 8)) == 2.5
    assert point_distance(preds.flatten(1), targets, size=(8, 8)) == 2.5
    with pytest.raises(DataError, match="needs the size of the pictures"):
        point_distance(preds, targets)
    with pytest.raises(DataError, match=r"needs points \[N, n, 2\]"):
        point_distance(torch.zeros(2), torch.zeros(2), size=(8, 8))


@pytest.fixture
def learn(make: MakePoints) -> VisionLearner:
    data = make(size=32)
    distance = partial(point_distance, size=(32, 32))
    found = create_cnn(data, "mobilenetv2_035", pretrained=False, metrics=distance, seed=0)
    found.fit(1, 1e-3, seed=0)
    return found


def test_points_are_learned_predicted_exported_and_loaded(learn: VisionLearner, folder: Path) -> None:
    assert learn.recorder.columns == ["train_loss", "valid_loss", "point_distance"]
    preds, targets = learn.get_preds()
    assert preds.shape == targets.shape == (2, 2, 2)
    loss, distance = learn.validate()
    assert loss == pytest.approx(float(((preds - targets) ** 2).mean()), rel=1e-5)
    assert distance == pytest.approx(point_distance(preds, targets, size=(32, 32)))
    label, _, values = learn.predict(folder / "0.png")
    assert isinstance(label, ImagePoints)
    assert label.size == (32, 32)
    assert torch.allclose(label.data, (values + 1) * 16)
    loaded = load_learner(learn.export("points"))
    assert torch.equal(loaded.predict(folder / "0.png").values, values)
    table = loaded.predict_files([folder / "0.png", folder / "gone.png"])
    assert list(table)[1:5] == [f"predicted {axis} of point {i}" for i in (1, 2) for axis in "yx"]
    # 40 × 48 pixels, of which the model sees the middle 40 × 40: columns 4 to 44.
    in_photo = (values + 1) * 20 + torch.tensor([0, 4])
    assert table.iloc[0, 1:5].tolist() == pytest.approx(in_photo.flatten().tolist(), abs=1e-4)
    assert table.iloc[1, 1:5].isna().all()
    with pytest.raises(TrainingError, match="a PointsList moves with its picture"):
        learn.TTA()
    with pytest.raises(DataError, match="unet_learner predicts masks; the labels are a PointsList"):
        unet_learner(learn.data, "mobilenetv2_035", pretrained=False)


def test_the_head_of_points_keeps_their_places(learn: VisionLearner) -> None:
    assert isinstance(learn.model[1], PlacesHead)
    assert len(learn.layer_groups) == 3
    assert learn.layer_groups[2] is learn.model[1]
    inputs, _ = learn.data.one_batch()
    outputs = learn.outputs(inputs)
    assert outputs.shape == (2, 2, 2)
    assert outputs.abs().max() < 1
    other = copy.deepcopy(learn.model)
    assert torch.equal(other.eval()(inputs), outputs)
    with pytest.raises(BackboneError, match="call the whole model"):
        learn.model[1](torch.rand(1, 1280, 1, 1))
    again = create_cnn(learn.data, "mobilenetv2_035", pretrained=False, seed=1)
    learn.save("points")
    assert torch.equal(again.load("points").outputs(inputs), outputs)


def test_the_mean_place_of_a_map() -> None:
    maps = torch.full((1, 2, 3, 4), -1e4)
    maps[0, 0, 2, 0] = 1e4  # the last of three rows, the first of four columns
    maps[0, 1, 0, 1] = maps[0, 1, 1, 1] = 0.0  # half way between the first two rows, in the second column
    assert MeanPlace()(maps)[0].numpy() == pytest.approx(np.array([[2 / 3, -3 / 4], [-1 / 3, -1 / 4]]), abs=1e-6)
    assert MeanPlace()(torch.zeros(1, 1, 5, 7)).abs().max() < 1e-6


def test_every_parameter_of_the_head_learns() -> None:
    body = nn.Sequential(nn.Conv2d(3, 4, 3, 2, padding=1), nn.Conv2d(4, 8, 3, 2, padding=1))
    head = PlacesHead(8, unet_shape(body, (17, 30)).skips, 3)
    head.listen_to(body)
    model = nn.Sequential(body, head)
    for size in ((17, 30), (32, 32)):
        assert model(torch.rand(2, 3, *size)).shape == (2, 3, 2)
    model(torch.rand(2, 3, 17, 30)).sub(0.3).square().mean().backward()
    without = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.isfinite().all()]
    assert without == []


def test_a_head_of_ones_own(make: MakePoints, folder: Path) -> None:
    data = make(size=32)
    head = create_head(1280, data.c)
    learn = create_cnn(data, "mobilenetv2_035", pretrained=False, custom_head=head, seed=0)
    assert learn.model[1] is head is learn.layer_groups[2]
    learn.fit(1, 1e-4, seed=0)
    assert learn.predict(folder / "0.png").values.shape == (2, 2)
    with pytest.raises(TrainingError, match="export needs a model as create_cnn or unet_learner makes it"):
        learn.export()
    for options in ({"ps": 0.1}, {"hidden": 0}, {"bn_final": True}):
        with pytest.raises(DataError, match="this one, of points, does not have them: leave them out"):
            create_cnn(data, "mobilenetv2_035", pretrained=False, **options)
        with pytest.raises(DataError, match="this one, of your own, does not have them"):
            create_cnn(data, "mobilenetv2_035", pretrained=False, custom_head=head, **options)


@pytest.mark.parametrize(
    "places", [[["net.blocks.9", 16, 2]], [["net.blocks.0.0", 2**40, 2]], [["net.blocks.0.0", 8, 3]], [], "all"]
)
def test_saved_places_that_do_not_fit_are_refused(learn: VisionLearner, places: Any) -> None:
    folder = learn.export("points")
    config, tensors = load_artifact(folder, KIND)
    config = json.loads(json.dumps(config))
    config["model"]["places"] = places
    with pytest.raises(ArtifactError, match="points is damaged or not a saved learner"):
        vision_learner_of(config, tensors, folder=folder)


def test_image_item_list_takes_points_too(folder: Path) -> None:
    items = ImageItemList.from_folder(folder).split_none().label_from_func(centres, label_cls=PointsList)
    _, points = items.train[0]
    assert points.data.tolist() == [[10, 12], [28, 30]]


def test_pictures_without_points_have_no_loss(make: MakePoints, folder: Path) -> None:
    data = make()
    data.add_test([folder / "0.png"])
    [(_, targets)] = list(data.dl("test"))
    assert targets.shape == (1, 2, 2)
    assert targets.isnan().all()


@pytest.mark.parametrize("workers", [0, 2])
def test_points_outside_of_their_picture_are_warned_of_once(make: MakePoints, workers: int) -> None:
    data = make(workers=workers, bs=1)
    for y in (data.train_ds.y, data.valid_ds.y):
        y.data[:, 1, 0] = 41.0  # of pictures that are 40 high
    said = r"such as .*2\.png, 40 high and 48 wide, has a point at y=41, x=28\. A point must be \(y, x\)"
    with pytest.warns(UserWarning, match=said):
        batches = list(data.to_predict("train"))
    assert len(batches) == 4
    list(data.train_dl)  # says nothing more
    _ = data.train_ds[0]
    with pytest.warns(UserWarning, match=r"0\.png, 40 high"):
        _ = data.valid_ds[0]
    list(data.valid_dl)
