"""What the outputs of a model are follows from its loss, in training, after loading, and over items without labels."""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import PIL.Image
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset, Subset, TensorDataset

from handlens.core.bunch import DataBunch
from handlens.core.items import Labelled
from handlens.core.labels import Loss, MultiCategoryList
from handlens.core.learner import Learner
from handlens.core.loaders import TensorLoader
from handlens.core.metrics import accuracy_multi
from handlens.errors import ArtifactError, DataError
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


class Pairs(Dataset[Any]):
    """As one writes it: arrays called x and y."""

    def __init__(self, x: Any, y: Any) -> None:
        self.x = x
        self.y = y

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, position: int) -> Any:
        return self.x[position], self.y[position]


class Named(Pairs):
    classes = ("cat", "dog", "owl")


X = torch.arange(6.0)[:, None].repeat(1, 3)


@pytest.mark.parametrize(
    ("train", "classes", "codes"),
    [
        (Pairs(X, torch.tensor([0, 2, 2, 0, 0, 2])), [0, 1, 2], [0, 2, 2, 0, 0, 2]),
        (Pairs(X.numpy(), np.array([1, 0, 1, 0, 1, 0])), [0, 1], [1, 0, 1, 0, 1, 0]),
        (Pairs(X, [True, False] * 3), [0, 1], [1, 0, 1, 0, 1, 0]),
        (Pairs(X, ["no", "yes"] * 3), ["no", "yes"], [0, 1, 0, 1, 0, 1]),
        (Named(X, [1, 0, 1, 0, 1, 0]), ["cat", "dog", "owl"], [1, 0, 1, 0, 1, 0]),
    ],
)
def test_a_dataset_of_ones_own(train: Pairs, classes: list[Any], codes: list[int]) -> None:
    data = DataBunch.create(train, train, bs=2, device="cpu")
    assert (data.classes, data.c, data.valid_ds.y.data.tolist()) == (classes, len(classes), codes)
    learn = Learner(data, nn.Linear(3, data.c))
    assert repr(learn).startswith("Learner of DataBunch: train 6, valid 6 items, CategoryList of label")
    learn.fit(1)
    predictions, targets = learn.get_preds()
    assert targets.tolist() == codes
    with torch.no_grad():
        assert torch.allclose(predictions, learn.model(X).softmax(1))


def test_a_dataset_of_ones_own_with_numbers_and_a_part_of_one() -> None:
    whole = TensorDataset(X, torch.arange(6.0))
    train, valid = Subset(whole, [0, 2, 4, 5]), Subset(whole, [3, 1])
    learn = Learner(DataBunch.create(train, valid, bs=2, device="cpu"), nn.Linear(3, 1))
    learn.fit(1)
    assert learn.get_preds()[1].tolist() == [[3.0], [1.0]]


def test_what_is_no_dataset_is_refused_at_once() -> None:
    triple = TensorDataset(X, X, X)
    with pytest.raises(DataError, match=r"must be \(input, target\); 3 things arrived, at position 0"):
        DataBunch.create(Subset(triple, [0]), Subset(triple, [0]))
    photos = Pairs([PIL.Image.new("RGB", (4, 4))] * 2, [0, 1])
    with pytest.raises(DataError, match="must be a tensor, in a dataset of your own; Image arrived"):
        DataBunch.create(photos, photos, bs=2, device="cpu").one_batch()
    loader: Any = DataLoader(TensorDataset(X, X))
    with pytest.raises(DataError, match="a DataLoader of torch arrived"):
        DataBunch(loader, loader)


def several() -> Learner:
    x, y = torch.zeros(4, 2), MultiCategoryList(["a", "b", "a b", "a"], label_delim=" ")
    loader = TensorLoader(Labelled(x, y), (x,), y.data, bs=2, device=torch.device("cpu"))
    layer = nn.Linear(2, 2)
    with torch.no_grad():
        layer.weight.zero_()
        layer.bias.copy_(torch.tensor(RAW))
    return Learner(DataBunch(loader, loader, device="cpu"), layer, metrics=accuracy_multi)


def test_thresholds_of_one_prediction_and_the_text_of_several_classes() -> None:
    learn = several()
    label, code, _ = learn.predict(torch.zeros(2), thresh=0.2)
    assert (str(label), label, label.obj, label.data.tolist(), code.tolist()) == (
        "a;b",
        ["a", "b"],
        ["a", "b"],
        [1.0, 1.0],
        [1.0, 1.0],
    )
    assert learn.predict(torch.zeros(2), thresh=[0.2, 0.8]).label == ["a"]
    assert learn.predict(torch.zeros(2)).label == ["b"]
    one = learner(torch.tensor([0.0, 1.0, 1.0, 1.0]), nn.MSELoss())
    with pytest.raises(DataError, match="thresh is for items that may have several classes"):
        one.predict(torch.zeros(2), thresh=0.2)


def test_metrics_of_one_validation() -> None:
    learn = several()
    assert learn.validate(learn.data.valid_dl, metrics=[]) == learn.validate()[:1]
    assert learn.validate(metrics=partial(accuracy_multi, thresh=0.8))[1:] == [3 / 8]
    assert learn.metrics == [accuracy_multi]


def test_names_of_the_course_that_a_learner_has_not() -> None:
    learn = several()
    with pytest.raises(AttributeError, match="'Learner' object has no attribute 'destroy'; use this in its place: del"):
        learn.destroy()  # type: ignore[attr-defined]
    with pytest.raises(AttributeError, match=r"'Learner' object has no attribute 'no_such'$"):
        learn.no_such  # type: ignore[attr-defined]  # noqa: B018
    assert not hasattr(learn, "split")


def test_a_model_with_more_outputs_than_classes() -> None:
    layer = nn.Linear(3, 3)
    with torch.no_grad():
        layer.weight.zero_()
        layer.bias.copy_(torch.tensor([0.0, 0.0, 1.0]))
    part = TensorDataset(X, torch.tensor([0, 1, 0, 1, 0, 1]))
    learn = Learner(DataBunch.create(part, part, bs=2, device="cpu"), layer)
    refusal = r"a score for each of the 2 classes; this one gives 3, .*end the model in data\.c outputs"
    with pytest.raises(DataError, match=refusal):
        learn.interpret().confusion_matrix()
    with pytest.raises(DataError, match=refusal):
        learn.predict(torch.zeros(3))
    with torch.no_grad():
        layer.bias.copy_(torch.tensor([1.0, 0.0, 0.0]))
    assert learn.interpret().confusion_matrix().tolist() == [[3, 0], [3, 0]]
