"""The largest losses of pictures, drawn with their heat maps; heat maps from a learner."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image as Pillow
from torch import nn

from handlens.core.bunch import DataBunch
from handlens.core.labels import CategoryList
from handlens.core.learner import Learner
from handlens.errors import DataError
from handlens.vision import (
    ImageBBox,
    ImageItemList,
    Interpretation,
    accuracy,
    flip_lr,
    heatmap,
    heatmaps,
    open_image,
    show_activations,
)


@pytest.fixture
def learn(tmp_path: Path) -> Iterator[Learner]:
    """A learner that has learned nothing, with twelve pictures of noise in two classes."""
    import matplotlib
    from matplotlib import pyplot as plt

    matplotlib.use("agg")
    random = np.random.default_rng(0)
    for i in range(12):
        Pillow.fromarray(random.integers(0, 255, (16, 20, 3), np.uint8)).save(tmp_path / f"{'ab'[i % 2]}_{i}.png")
    source = ImageItemList.from_folder(tmp_path).random_split_by_pct(0.5, seed=0)
    data = source.label_from_re(r"([^/]+)_\d+.png$").databunch(bs=4, num_workers=0).normalize()
    torch.manual_seed(0)
    body = nn.Sequential(nn.Conv2d(3, 4, 3, stride=2), nn.BatchNorm2d(4), nn.ReLU(inplace=True))
    head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
    yield Learner(data, nn.Sequential(body, head))
    plt.close("all")


def test_top_losses_drawn(learn: Learner) -> None:
    found = Interpretation.from_learner(learn)
    values, positions = found.top_losses(3)
    figure = found.plot_top_losses(3)
    drawn = [ax for ax in figure.axes if ax.get_images()]
    assert len(drawn) == 3
    for ax, loss, position in zip(drawn, values.tolist(), positions.tolist(), strict=True):
        picture, actual = found.dataset[position]
        prediction = learn.predict(picture)
        share = float(prediction.values[int(actual)])
        assert ax.get_title() == f"{prediction.label} / {actual} / {loss:.2f} / {share:.2f}"
        expected = heatmap(learn, picture, cat=prediction.label).drawn().permute(1, 2, 0)
        torch.testing.assert_close(torch.as_tensor(ax.get_images()[0].get_array()).float(), expected)


def test_top_losses_without_heat_maps(learn: Learner) -> None:
    found = Interpretation.from_learner(learn)
    figure = found.plot_top_losses(1, heatmap=False)
    picture, _ = found.dataset[int(found.top_losses(1)[1][0])]
    assert np.array_equal(figure.axes[0].get_images()[0].get_array(), picture.pixels)
    assert len([ax for ax in found.plot_top_losses(99).axes if ax.get_images()]) == 6


def test_a_learner_s_heat_map(learn: Learner) -> None:
    picture, label = learn.data.valid_ds[0]
    found = heatmap(learn, picture, cat=label)
    assert (found.label, found.cat) == (label.name, int(label))
    inputs, _ = learn.data.one_item(picture)
    torch.testing.assert_close(found.data, heatmaps(learn.model, inputs, [int(label)])[0][0])
    torch.testing.assert_close(found.picture, picture.data, rtol=0, atol=1e-5)  # as a person sees it, not normalised
    torch.testing.assert_close(heatmap(learn, picture, cat=str(label)).data, found.data)
    assert heatmap(learn, picture).label == learn.predict(picture).label.name
    file = learn.data.valid_ds.x.items[0]
    torch.testing.assert_close(heatmap(learn, file, cat=label).data, found.data)
    torch.testing.assert_close(heatmap(learn, open_image(file), cat=label).data, found.data)
    assert show_activations(learn, picture, "0.0").get_images()


def test_a_class_that_the_data_do_not_know(learn: Learner) -> None:
    with pytest.raises(DataError, match=r"'c' is not: the classes are a, b"):
        heatmap(learn, learn.data.valid_ds[0][0], cat="c")


def test_data_that_are_no_pictures() -> None:
    from handlens.core.items import Labelled
    from handlens.core.loaders import TensorLoader

    x, y = torch.zeros(4, 3), CategoryList(["a", "b", "a", "b"])
    loader = TensorLoader(Labelled(x, y), (x,), y.data, bs=2, device=torch.device("cpu"), shuffle=False)
    learn = Learner(DataBunch(loader, loader, device="cpu"), nn.Linear(3, 2))
    with pytest.raises(DataError, match="the data of this one are a DataBunch"):
        heatmap(learn, x[0])


# ---------------------------------------------------------------------------------------------- training pictures


class LeftOrRight(nn.Module):
    """Scores of "left" and "right": how bright each half of a picture is."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        left, right = x.mean(1).split(x.shape[3] // 2, 2)
        return torch.stack([left.mean((1, 2)), right.mean((1, 2))], 1) * self.scale


@pytest.fixture
def mirrored(tmp_path: Path) -> Learner:
    """A model that is always right, and training transforms that always turn the left to the right."""
    for i in range(10):
        pixels = np.zeros((8, 16, 3), np.uint8)
        pixels[:, 8 * (i % 2) : 8 * (i % 2) + 8] = 255 - i
        Pillow.fromarray(pixels).save(tmp_path / f"{('left', 'right')[i % 2]}_{i}.png")
    labelled = ImageItemList.from_folder(tmp_path).split_by_idx([0, 5]).label_from_re(r"([a-z]+)_\d\.png$")
    data = labelled.transform(([flip_lr(p=1)], [])).databunch(bs=3, num_workers=0)
    return Learner(data, LeftOrRight(), metrics=[accuracy])


def test_p2_training_pictures_are_predicted_as_they_are(mirrored: Learner) -> None:
    predictions, targets = mirrored.get_preds("train")
    assert targets.tolist() == mirrored.data.train_ds.y.data.tolist()
    assert predictions.argmax(1).tolist() == targets.tolist()
    found = Interpretation.from_learner(mirrored, "train")
    assert found.confusion_matrix().tolist() == [[4, 0], [0, 4]]
    assert found.most_confused() == []
    for position in found.top_losses(3)[1].tolist():
        picture, label = found.dataset[position]
        assert str(mirrored.predict(picture).label) == str(label)


def test_p2_so_are_those_of_the_training_loader_in_the_order_of_the_data(mirrored: Learner) -> None:
    loss, share = mirrored.validate(mirrored.data.train_dl)
    assert share == 1.0
    assert loss == pytest.approx(float(mirrored.run_over(mirrored.data.to_predict("train")).loss))
    assert torch.equal(mirrored.get_preds(dl=mirrored.data.train_dl)[1], mirrored.data.train_ds.y.data)
    assert mirrored.get_preds(dl=mirrored.data.train_dl)[0].argmax(1).tolist() == mirrored.data.train_ds.y.data.tolist()


def test_p2_so_are_those_of_a_loader_that_is_made_of_it(mirrored: Learner) -> None:
    codes = mirrored.data.train_ds.y.data.tolist()
    for dl in (mirrored.data.train_dl.in_order(), mirrored.data.train_dl.here()):
        predictions, targets = mirrored.get_preds(dl=dl)
        assert (targets.tolist(), predictions.argmax(1).tolist()) == (codes, codes)
        assert mirrored.validate(dl)[1] == 1.0
    with pytest.raises(DataError, match=r'must be "train", "valid", "test" or a loader.*None arrived'):
        Interpretation.from_learner(mirrored, None)  # type: ignore[arg-type]


def test_p2_averaging_over_transforms_still_transforms(mirrored: Learner) -> None:
    augmented = mirrored.get_preds(dl=mirrored.data.augmented("train"))[0].argmax(1)
    assert (augmented != mirrored.data.train_ds.y.data).all()


def test_p2_training_itself_still_transforms(mirrored: Learner) -> None:
    inputs, targets = mirrored.data.one_batch()
    assert (mirrored.outputs(inputs).argmax(1) != targets).all()


def test_p2_the_name_of_a_part_where_a_loader_belongs_is_an_error_that_says_so(mirrored: Learner) -> None:
    with pytest.raises(DataError, match=r"dl must be a loader, such as data.train_dl.*'train' arrived"):
        mirrored.validate("train")  # type: ignore[arg-type]


# ---------------------------------------------------------------------------------------------- names of classes


def test_p11_any_name_of_a_class_is_drawn(learn: Learner) -> None:
    from matplotlib import pyplot as plt

    names = ["$5 to $10", "$x_{"]
    learn.data.y.classes = learn.data.valid_ds.y.classes = names
    found = Interpretation.from_learner(learn)
    found.plot_top_losses(4).canvas.draw()
    picture, _ = found.dataset[0]
    ax = heatmap(learn, picture, cat="$x_{").show()
    ax.figure.canvas.draw()
    assert ax.get_title() == "$x_{ (gradcam)"
    learn.data.show_batch(2)
    plt.gcf().canvas.draw()
    picture.show(title="$x_{")
    ax = plt.figure().subplots()
    picture.show(ax=ax, y=ImageBBox(np.array([[1, 1, 9, 9]]), picture.size, labels=["$x_{"]))
    ax.figure.canvas.draw()
    assert ax.texts[0].get_text() == "$x_{"
