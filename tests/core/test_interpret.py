"""Interpretation: confusion, the most confused, the largest losses, worked out by hand."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from handlens.core.bunch import DataBunch
from handlens.core.interpret import Confusion, Interpretation
from handlens.core.items import Labelled
from handlens.core.labels import CategoryList, LabelList, MultiCategoryList
from handlens.core.learner import Learner
from handlens.core.loaders import TensorLoader
from handlens.errors import DataError, TrainingError

CPU = torch.device("cpu")
SCORES = torch.tensor([[2.0, 0, 0], [0, 2, 0], [0, 2, 0], [0, 0, 3], [1, 0, 0]])
ACTUAL = ["a", "b", "c", "c", "b"]


def learner(scores: torch.Tensor = SCORES, labels: LabelList | None = None) -> Learner:
    """A learner whose model gives back its inputs as scores."""
    y = labels or CategoryList(ACTUAL)
    loader = TensorLoader(Labelled(scores, y), (scores,), y.data, bs=2, device=CPU, shuffle=False)
    return Learner(DataBunch(loader, loader, device=CPU), nn.Identity())


def test_the_confusion_matrix() -> None:
    found = Interpretation.from_learner(learner())
    # a→a, b→b, c→b, c→c, b→a; a row an actual class
    assert found.confusion_matrix().tolist() == [[1, 0, 0], [1, 1, 0], [0, 1, 1]]
    assert found.predicted.tolist() == [0, 1, 1, 2, 0]
    assert found.most_confused() == [Confusion("b", "a", 1), Confusion("c", "b", 1)]
    assert found.most_confused(min_val=2) == []
    assert repr(found).startswith("Interpretation of 5 items, mean loss ")


def test_the_most_confused_come_first() -> None:
    scores = torch.eye(3)[[1, 2, 2, 2, 0]]
    found = Interpretation.from_learner(learner(scores, CategoryList(["a", "b", "b", "c", "b"])))
    assert found.most_confused() == [Confusion("b", "c", 2), Confusion("a", "b", 1), Confusion("b", "a", 1)]
    assert found.most_confused(2) == [Confusion("b", "c", 2)]
    assert found.most_confused(0) == found.most_confused(1)  # classes that were never confused are left out


def test_losses_by_hand() -> None:
    found = Interpretation.from_learner(learner())
    # Cross-entropy is log Σ exp(scores) − the right class's score.
    two = math.log(math.exp(2) + 2)
    expected = [two - 2, two - 2, two, math.log(math.exp(3) + 2) - 3, math.log(math.exp(1) + 2)]
    torch.testing.assert_close(found.losses, torch.tensor(expected))
    values, positions = found.top_losses(2)
    assert positions.tolist() == [2, 4]
    torch.testing.assert_close(values, torch.tensor([expected[2], expected[4]]))
    assert len(found.top_losses()[0]) == len(found.top_losses(99)[0]) == 5
    assert [found.dataset[int(i)][1].name for i in positions] == ["c", "b"]


def test_numbers_have_losses_and_no_confusion(
    vectors: Callable[..., DataBunch], network: Callable[..., nn.Sequential]
) -> None:
    learn = Learner(vectors(), network())
    found = Interpretation.from_learner(learn)
    preds, targets = learn.get_preds()
    torch.testing.assert_close(found.losses, ((preds - targets) ** 2).flatten())
    torch.testing.assert_close(float(found.losses.mean()), learn.validate()[0])
    with pytest.raises(DataError, match="one class an item; the labels are a FloatList"):
        found.confusion_matrix()


def test_several_classes_an_item() -> None:
    labels = MultiCategoryList([[True, False], [False, False]])
    found = Interpretation.from_learner(learner(torch.tensor([[0.0, 0], [9, 0]]), labels))
    # Binary cross-entropy: log 2 at score 0, softplus(9) for the wrong one; the mean of both classes.
    expected = [math.log(2), (math.log1p(math.exp(9)) + math.log(2)) / 2]
    torch.testing.assert_close(found.losses, torch.tensor(expected))
    with pytest.raises(DataError, match="MultiCategoryList"):
        found.most_confused()


def test_who_the_model_fails() -> None:
    found = Interpretation.from_learner(learner())
    audit = found.subgroups(["x", "x", "x", "y", "y"], metrics=["error"])
    # Wrong are the third, of x, and the last, of y.
    by_group = audit.frame.set_index("group")["value"]
    assert by_group.to_dict() == pytest.approx({"all": 2 / 5, "x": 1 / 3, "y": 1 / 2})


def test_of_two_classes_the_second_is_positive() -> None:
    scores = torch.tensor([[0.0, 1], [0, 2], [1, 0], [0, 3]])
    found = Interpretation.from_learner(learner(scores, CategoryList(["no", "yes", "yes", "yes"])))
    frame = found.subgroups(["x"] * 4, metrics=["tpr", "auc"]).frame
    shares = frame[frame["by"] == frame["by"].iloc[0]].set_index("metric")["value"]
    assert shares["tpr"] == pytest.approx(2 / 3)  # of three that are "yes", two are said to be
    assert shares["auc"] == pytest.approx(2 / 3)  # two of three are above the only "no"


def test_numbers_by_group(vectors: Callable[..., DataBunch], network: Callable[..., nn.Sequential]) -> None:
    found = Interpretation.from_learner(Learner(vectors(), network()))
    audit = found.subgroups(["x"] * len(found.losses), metrics=["rmse"])
    assert audit.frame["value"].iloc[0] == pytest.approx(float(found.losses.double().mean()) ** 0.5, rel=1e-5)


def test_several_classes_have_no_subgroups() -> None:
    labels = MultiCategoryList([[True, False], [False, False]])
    found = Interpretation.from_learner(learner(torch.zeros(2, 2), labels))
    with pytest.raises(DataError, match="one class or one number an item"):
        found.subgroups(["x", "y"])


def test_training_data_in_their_order(vectors: Callable[..., DataBunch], network: Callable[..., nn.Sequential]) -> None:
    data = vectors(classes=True)
    found = Interpretation.from_learner(Learner(data, network(out=2)), "train")
    assert torch.equal(found.targets, data.train_ds.y.data)
    assert found.confusion_matrix().sum() == 40


def test_without_labels() -> None:
    learn = learner()
    learn.data.test_dl = TensorLoader(
        Labelled(SCORES, learn.data.y.blank(5)), (SCORES,), learn.data.y.blank(5).data, bs=2, device=CPU, shuffle=False
    )
    with pytest.raises(DataError, match="these items have none"):
        Interpretation.from_learner(learn, "test")
    with pytest.raises(DataError, match="a part named 'other'"):
        Interpretation.from_learner(learn, "other")


@pytest.fixture
def _no_windows() -> Iterator[None]:
    import matplotlib
    from matplotlib import pyplot as plt

    matplotlib.use("agg")
    yield
    plt.close("all")


@pytest.mark.usefixtures("_no_windows")
@pytest.mark.parametrize(
    ("normalize", "row"), [(False, ["1", "1", "1", "1", "1"]), (True, ["1.00", "0.50", "0.50", "0.50", "0.50"])]
)
def test_drawn(normalize: bool, row: list[str]) -> None:
    ax: Any = Interpretation.from_learner(learner()).plot_confusion_matrix(normalize=normalize)
    assert [text.get_text() for text in ax.texts] == row
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a", "b", "c"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("predicted", "actual")


# ---------------------------------------------------------------------------------------------- classes that count 0


def test_p18_items_of_a_class_of_weight_0_come_last() -> None:
    learn = learner()
    learn.loss_func = nn.CrossEntropyLoss(weight=torch.tensor([1.0, 1, 0]))  # items 2 and 3 are of class c
    found = Interpretation.from_learner(learn)
    values, positions = found.top_losses()
    assert [positions[0].item(), {*positions[1:3].tolist()}, {*positions[3:].tolist()}] == [4, {0, 1}, {2, 3}]
    assert values.isnan().tolist() == [False, False, False, True, True]
    two = math.log(math.exp(2) + 2)
    torch.testing.assert_close(values[:3], torch.tensor([math.log(math.exp(1) + 2), two - 2, two - 2]))
    assert found.top_losses(1)[1].tolist() == [4]
    assert "nan" not in repr(found)


def test_p18_a_batch_of_that_class_alone_does_not_cost_the_mean_loss() -> None:
    learn = learner()
    learn.loss_func = nn.CrossEntropyLoss(weight=torch.tensor([1.0, 1, 0]))
    # Batches of 2 and 3 items: a, b with the loss two − 2 each; c, c, b, of which the last one counts alone.
    two = math.log(math.exp(2) + 2)
    assert learn.validate() == [pytest.approx((2 * (two - 2) + 3 * math.log(math.exp(1) + 2)) / 5)]
    learn.loss_func = nn.CrossEntropyLoss(weight=torch.tensor([0.0, 0, 1]))  # nothing in the first batch
    assert learn.validate() == [pytest.approx((two + math.log(math.exp(3) + 2) - 3) / 2)]


def test_p18_training_goes_on_after_a_batch_of_that_class_alone() -> None:
    x, y = torch.tensor([[1.0], [1.0], [9.0], [9.0]]), CategoryList(["a", "a", "b", "b"])
    loader = TensorLoader(Labelled(x, y), (x,), y.data, bs=2, device=CPU, shuffle=False)
    model = nn.Linear(1, 2, bias=False)
    nn.init.zeros_(model.weight)
    learn = Learner(
        DataBunch(loader, loader, device=CPU),
        model,
        loss_func=nn.CrossEntropyLoss(weight=torch.tensor([1.0, 0])),
        opt_func=partial(torch.optim.SGD, lr=0),
    )
    learn.fit(1, 1.0, wd=0)
    # The loss of two equal scores is log 2, with the gradients −½ and ½; of the second batch there are none, so that
    # the step is the one before times the momentum 0.9.
    log2 = math.log(2)
    assert learn.recorder.losses.tolist() == pytest.approx([log2, log2])
    after = math.log(1 + math.exp(-1.9))
    assert learn.recorder.row == {"train_loss": pytest.approx(log2), "valid_loss": pytest.approx(after)}
    torch.testing.assert_close(model.weight.detach(), torch.tensor([[0.95], [-0.95]]))
    learn.lr_find(num_it=4)
    assert np.isfinite(learn.recorder.losses).all()
    learn.loss_func = nn.CrossEntropyLoss(weight=torch.zeros(2))
    with pytest.raises(TrainingError, match="no training item counts in the loss"):
        learn.fit(1)


def test_p18_training_still_ends_where_scores_are_not_numbers() -> None:
    scores = SCORES.clone()
    scores[0, 0] = math.nan
    learn = learner(scores)
    learn.model = learn.layer_groups[0] = nn.BatchNorm1d(3)
    learn.loss_func = nn.CrossEntropyLoss(weight=torch.tensor([1.0, 1, 0]))
    with pytest.raises(TrainingError, match="the loss became nan"):
        learn.fit(1)


def test_p18_scores_that_are_not_numbers_are_still_not_numbers() -> None:
    scores = SCORES.clone()
    scores[0, 0] = math.nan
    assert math.isnan(learner(scores).validate()[0])
    assert Interpretation.from_learner(learner(scores)).top_losses()[1].tolist()[-1] == 0


# ---------------------------------------------------------------------------------------------- names of classes


@pytest.mark.parametrize("names", [["$5 to $10", "a$b", "$x_{"], ["\\$", "$$", "100 %"], ["_a", "^b", "\\frac$1$"]])
@pytest.mark.usefixtures("_no_windows")
def test_p11_any_name_of_a_class_is_drawn(names: list[str]) -> None:
    found = Interpretation.from_learner(learner(SCORES, CategoryList([names["abc".index(c)] for c in ACTUAL])))
    ax = found.plot_confusion_matrix()
    ax.figure.canvas.draw()
    assert [label.get_text() for label in ax.get_xticklabels()] == found.learn.data.classes
    assert [label.get_text() for label in ax.get_yticklabels()] == found.learn.data.classes
    assert not any(label.get_parse_math() for label in [*ax.get_xticklabels(), *ax.get_yticklabels()])
