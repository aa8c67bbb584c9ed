"""Results drawn: masks side by side, points in two colours, classes as titles; heat maps where they mean something."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.colors import to_hex
from PIL import Image as Pillow

from handlens.core.labels import MultiCategoryList
from handlens.errors import DataError
from handlens.vision import Interpretation, heatmap
from handlens.vision.items import ImageItemList, PointsItemList, SegmentationItemList
from handlens.vision.learner import VisionLearner, create_cnn, unet_learner
from handlens.vision.results import PREDICTED, RIGHT

NET = "mobilenetv2_035"
MakeLearner = Callable[[str], VisionLearner]


@pytest.fixture
def make(tmp_path: Path) -> MakeLearner:
    """Learners of five pictures, two of them held out, by the kind of their labels."""
    for i in range(5):
        mask = np.zeros((32, 32), np.uint8)
        mask[4 : 12 + i, 6:20] = 1
        Pillow.fromarray(np.stack([200 * mask] * 3, 2)).save(tmp_path / f"{i}.bmp")
        Pillow.fromarray(mask).save(tmp_path / f"{i}.png")

    def learner(kind: str) -> VisionLearner:
        lists: dict[str, Any] = {"masks": SegmentationItemList, "points": PointsItemList}
        split = lists.get(kind, ImageItemList).from_folder(tmp_path, extensions=[".bmp"]).split_by_idx([0, 1])
        if kind == "masks":
            data = split.label_from_func(lambda file: file.with_suffix(".png"), classes=["ground", "square"])
        elif kind == "points":
            data = split.label_from_func(lambda file: (8, 13))
        elif kind == "several":
            words = {"0": "a", "1": "a b", "2": "b", "3": "", "4": "a b"}
            data = split.label_from_func(lambda file: words[file.stem], label_cls=MultiCategoryList, label_delim=" ")
        else:
            data = split.label_from_func(lambda file: "ab"[int(file.stem) % 2])
        make_learner = unet_learner if kind == "masks" else create_cnn
        return make_learner(data.databunch(bs=3), NET, pretrained=False, seed=0)

    return learner


@pytest.fixture(autouse=True)
def close() -> Any:
    yield
    plt.close("all")


def colours(ax: Any) -> list[str]:
    return [to_hex(points.get_facecolor()[0]) for points in ax.collections]


def test_masks_stand_side_by_side(make: MakeLearner) -> None:
    learn = make("masks")
    figure = learn.show_results(rows=2)
    assert [ax.get_title() for ax in figure.axes] == ["actual", "predicted"] * 2
    actual = figure.axes[0].images
    assert len(actual) == 2
    mask = learn.data.valid_ds[0][1].pixels
    assert np.array_equal(actual[1].get_array().mask, mask == 0)
    predicted = learn.predict(learn.data.valid_ds[0][0]).label.pixels
    assert np.array_equal(np.ma.getmaskarray(figure.axes[1].images[1].get_array()), predicted == 0)
    top = Interpretation.from_learner(learn).plot_top_losses(1)
    assert len(top.axes) == 2
    assert top.axes[0].get_title().startswith("loss ")
    learn.data.show_batch(2)


def test_interpretation_of_masks_keeps_what_is_decided(make: MakeLearner) -> None:
    learn = make("masks")
    found = Interpretation.from_learner(learn)
    preds, targets = learn.get_preds()
    assert np.array_equal(found.predicted, preds.argmax(1, keepdim=True))
    assert np.array_equal(found.targets, targets)
    right = np.take_along_axis(preds.numpy(), targets.numpy(), axis=1)
    assert found.losses.tolist() == pytest.approx((-np.log(right)).mean((1, 2, 3)).tolist(), rel=1e-4)
    assert found.top_losses(1)[1].item() == int(found.losses.argmax())
    with pytest.raises(DataError, match="a confusion matrix needs one class an item"):
        found.confusion_matrix()


def test_points_have_two_colours(make: MakeLearner) -> None:
    learn = make("points")
    figure = learn.show_results(rows=2)
    assert len(figure.axes) == 2
    assert colours(figure.axes[0]) == [RIGHT, PREDICTED]
    right, predicted = (points.get_offsets().tolist() for points in figure.axes[0].collections)
    assert right == [[12.5, 7.5]]  # (8, 13) as matplotlib counts, from the first pixel's centre, x first
    [(y, x)] = learn.predict(learn.data.valid_ds[0][0]).label.data.tolist()
    assert predicted == [pytest.approx([x - 0.5, y - 0.5], abs=1e-4)]
    assert len(Interpretation.from_learner(learn).plot_top_losses(2).axes) == 2
    learn.data.show_batch(2)


@pytest.mark.parametrize("kind", ["several", "one"])
def test_classes_are_titles(make: MakeLearner, kind: str) -> None:
    learn = make(kind)
    figure = learn.show_results(rows=1)
    assert len(figure.axes) == 1
    picture, actual = learn.data.valid_ds[0]
    assert figure.axes[0].get_title() == f"{actual} / {learn.predict(picture).label}"
    assert len(Interpretation.from_learner(learn).plot_top_losses(2, heatmap=False).axes) == 2


@pytest.mark.parametrize(
    ("kind", "instead"), [("masks", r"predict\(picture\).values\[k\]"), ("points", "show_results")]
)
def test_heat_maps_of_masks_and_points_are_refused(make: MakeLearner, kind: str, instead: str) -> None:
    learn = make(kind)
    picture, _ = learn.data.valid_ds[0]
    with pytest.raises(DataError, match=rf"has none: .*{instead}"):
        heatmap(learn, picture)
    with pytest.raises(DataError, match="a heat map explains the score of a class of the whole picture"):
        Interpretation.from_learner(learn).plot_top_losses(1, heatmap=True)


def test_a_part_without_pictures_is_named(make: MakeLearner) -> None:
    learn = make("masks")
    with pytest.raises(DataError, match="part named 'test'"):
        learn.show_results("test")


def test_thresholds_of_several_classes(make: MakeLearner) -> None:
    found = Interpretation.from_learner(make("several")).thresholds()
    assert (found.classes, found.chosen_on, found.checked_on) == (["a", "b"], 1, 1)
    with pytest.raises(DataError, match="any number of classes, MultiCategoryList; the labels are a CategoryList"):
        Interpretation.from_learner(make("one")).thresholds()
