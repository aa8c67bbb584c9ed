"""What the outputs of a model are follows from its loss, in training, after loading, and over items without labels."""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import TensorDataset

from handlens.core.bunch import DataBunch
from handlens.core.labels import Loss
from handlens.core.learner import Learner
from handlens.core.metrics import accuracy_multi
from handlens.errors import ArtifactError
from handlens.tabular import Categorify, TabularDataBunch, load_learner, tabular_learner
from handlens.vision import Image, ImagePoints, ImageSegment, plt

RAW = [-math.log(3), math.log(3)]


def learner(targets: Tensor, loss_func: Loss) -> Learner:
    part = TensorDataset(torch.zeros(4, 2), targets)
    layer = nn.Linear(2, targets.shape[-1] if targets.dim() > 1 else 1)
    with torch.no_grad():
        layer.weight.zero_()
        layer.bias.copy_(torch.tensor(RAW[-len(layer.bias) :]))
    data = DataBunch.create(part, part, bs=2, device="cpu")
    return Learner(data, layer, loss_func=loss_func, metrics=accuracy_multi)


@pytest.mark.parametrize(
    "loss", [nn.BCEWithLogitsLoss(), F.binary_cross_entropy_with_logits, partial(F.binary_cross_entropy_with_logits)]
)
def test_scores_of_one_number_are_probabilities(loss: Loss) -> None:
    learn = learner(torch.tensor([0.0, 1.0, 1.0, 1.0]), loss)
    predictions, targets = learn.get_preds()
    assert predictions.shape == targets.shape == (4, 1)
    assert predictions.flatten().tolist() == pytest.approx([0.75] * 4)
    # A score of 0.4 is a probability of 0.6: yes, though it is below the threshold.
    with torch.no_grad():
        learn.model.bias.fill_(0.4)
    assert learn.validate()[1] == 0.75


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        (nn.BCEWithLogitsLoss(), [0.25, 0.75]),
        (nn.CrossEntropyLoss(), [0.1, 0.9]),
        (nn.PoissonNLLLoss(), [1 / 3, 3.0]),
        (partial(F.poisson_nll_loss, log_input=False), RAW),
        (nn.PoissonNLLLoss(log_input=False), RAW),
        (nn.MSELoss(), RAW),
    ],
)
def test_scores_of_several_numbers(loss: Loss, expected: list[float]) -> None:
    learn = learner(torch.tensor([[0.0, 1.0], [1.0, 0.0], [0.0, 1.0], [0.5, 0.5]]), loss)
    assert learn.get_preds()[0][0].tolist() == pytest.approx(expected)


def numbers(path: Path) -> TabularDataBunch:
    df = pd.DataFrame({"shop": list("ab") * 8, "size": np.arange(16) / 4, "open": np.arange(16) % 2.0})
    return TabularDataBunch.from_df(path, df, "open", range(4), [Categorify], ["shop"], ["size"], bs=4, device="cpu")


def test_a_loaded_model_gives_the_same_probabilities(tmp_path: Path) -> None:
    learn = tabular_learner(numbers(tmp_path), layers=[4], loss_func=nn.BCEWithLogitsLoss(), seed=0)
    row = {"shop": "b", "size": 0.5}
    raw = float(learn.outputs(learn.data.one_item(row)[0]))
    again = load_learner(learn.export())
    assert again.predict(row).label == learn.predict(row).label == pytest.approx(1 / (1 + math.exp(-raw)))


def test_a_saved_model_of_a_loss_that_is_not_known_is_refused(tmp_path: Path) -> None:
    folder = tabular_learner(numbers(tmp_path), layers=[4], loss_func=nn.BCEWithLogitsLoss()).export()
    file = folder / "model.json"
    file.write_text(file.read_text().replace('"BCEWithLogitsLoss"', '"os.system"'))
    with pytest.raises(ArtifactError):
        load_learner(folder)


def test_items_without_labels_have_no_loss_whatever_the_loss_gives(tmp_path: Path) -> None:
    df = pd.DataFrame({"shop": list("ab") * 8, "sold": ["few", "many"] * 8})
    data = TabularDataBunch.from_df(
        tmp_path, df, "sold", range(4), [Categorify], ["shop"], test_df=df[["shop"]], bs=4, device="cpu"
    )

    def focal(outputs: Tensor, targets: Tensor) -> Tensor:
        losses = F.cross_entropy(outputs, targets, reduction="none")  # 0 where there is no class
        return ((1 - (-losses).exp()) ** 2 * losses).mean()

    learn = tabular_learner(data, layers=[4], loss_func=focal)
    [loss] = learn.validate(data.test_dl)
    assert math.isnan(loss)
    assert learn.validate()[0] > 0


def test_all_other_columns_are_continuous_where_the_categorical_ones_are_named(tmp_path: Path) -> None:
    df = pd.DataFrame({"size": np.arange(8) / 4, "shop": list("ab") * 4, "floor": range(8), "sold": [0, 1] * 4})
    data = TabularDataBunch.from_df(tmp_path, df, "sold", range(2), [Categorify], ["shop"], device="cpu")
    assert (data.cat_names, data.cont_names) == (["shop"], ["size", "floor"])
    only = TabularDataBunch.from_df(tmp_path, df, "sold", range(2), [Categorify], ["shop"], [], device="cpu")
    assert (only.cat_names, only.cont_names) == (["shop"], [])


def test_a_mask_and_points_of_a_smaller_picture_cover_the_photo() -> None:
    photo = Image(torch.zeros(3, 40, 60))
    axes = plt.subplots()[1]
    photo.show(axes, y=ImageSegment(torch.ones(20, 30, dtype=torch.int64)))
    assert axes.images[1].get_extent() == axes.images[0].get_extent() == [-0.5, 59.5, 39.5, -0.5]
    axes = plt.subplots()[1]
    photo.show(axes, y=ImagePoints(torch.tensor([[10.0, 15.0]]), (20, 30)))
    assert axes.collections[0].get_offsets().tolist() == [[29.5, 19.5]]
    plt.close("all")
