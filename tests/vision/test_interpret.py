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
from handlens.vision import ImageItemList, Interpretation, heatmap, heatmaps, open_image, show_activations


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
