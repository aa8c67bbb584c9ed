"""Points as labels: kept in their places by every transform, learned as numbers from −1 to 1, and shown as points."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as Pillow

from handlens.core.labels import labels_from_state
from handlens.core.saved import load_learner
from handlens.errors import ArtifactError, DataError, TrainingError
from handlens.vision.data import ImageDataBunch
from handlens.vision.image import ImagePoints
from handlens.vision.items import ImageItemList, PointsItemList
from handlens.vision.learner import VisionLearner, create_cnn, unet_learner
from handlens.vision.pixel_metrics import point_distance
from handlens.vision.points import PointsList
from handlens.vision.transform import flip_lr, get_transforms

# Workers are tested also where there is one core.
pytestmark = pytest.mark.filterwarnings("ignore:This DataLoader will create")

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
    assert table.iloc[0, 1:5].tolist() == pytest.approx(values.flatten().tolist(), abs=1e-6)
    assert table.iloc[1, 1:5].isna().all()
    with pytest.raises(TrainingError, match="a PointsList moves with its picture"):
        learn.TTA()
    with pytest.raises(DataError, match="unet_learner predicts masks; the labels are a PointsList"):
        unet_learner(learn.data, "mobilenetv2_035", pretrained=False)


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
