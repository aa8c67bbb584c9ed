"""Interpretation: where a model is wrong, and how: confusion matrix, most confused classes, largest losses."""

from __future__ import annotations

import math
import operator
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from handlens.core.labels import CategoryList, FloatList, MultiCategoryList
from handlens.core.learner import Learner
from handlens.core.loaders import Loader
from handlens.core.outputs import as_targets
from handlens.core.thresholds import Thresholds, choose_thresholds
from handlens.errors import DataError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from handlens.audit import Subgroups

__all__ = ["Confusion", "Interpretation"]


class Confusion(NamedTuple):
    """How many items of one class were predicted to be of another; made by `Interpretation.most_confused`.

    Attributes:
        actual: the class of the items, as their labels name it.
        predicted: the class that was predicted.
        times: how many items, 1 or more.

    Example:
        >>> pair = Confusion("cat", "dog", 3)
        >>> f"{pair.actual} taken for {pair.predicted}: {pair.times} times"
        'cat taken for dog: 3 times'
    """

    actual: Any
    predicted: Any
    times: int


class Interpretation:
    """What a model predicts for labelled data, item by item; made by `from_learner`.

    Args:
        learn: the learner.
        dataset: N items.
        outputs: the model's raw outputs for them, [N, learn.data.c].
        targets: their encoded labels, [N] or [N, targets].

    Raises:
        DataError: no item has a label.

    Attributes:
        learn: the learner.
        dataset: the items, in the order of what follows.
        preds: predictions, as metrics get them: [N, classes], [N] or [N, targets]. Of masks there are none: the
            probabilities of all pixels would not fit in memory.
        predicted: the encoded label of each prediction: the most probable class, the number.
        targets: the encoded labels.
        losses: [N], the loss of each item by itself.

    Example:
        >>> import pandas as pd
        >>> from handlens.tabular import TabularList, tabular_learner
        >>> df = pd.DataFrame({"x": [0.0, 1, 2, 3, 4, 5], "y": ["low"] * 3 + ["high"] * 3})
        >>> labelled = TabularList.from_df(df, cont_names=["x"]).split_by_idx([2, 3]).label_from_df("y")
        >>> learn = tabular_learner(labelled.databunch(bs=2), layers=[4], seed=0)
        >>> found = Interpretation.from_learner(learn)
        >>> found.confusion_matrix().shape, found.losses.shape
        ((2, 2), torch.Size([2]))
    """

    def __init__(self, learn: Learner, dataset: Any, outputs: Tensor, targets: Tensor) -> None:
        self.learn = learn
        self.dataset = dataset
        self.targets = targets
        self.preds = learn.activate(outputs)
        self.predicted = learn.data.y.decide(self.preds)
        self.losses = item_losses(learn, outputs, targets)
        _check_labelled(self.losses)

    @classmethod
    def from_learner(cls, learn: Learner, ds_type: str = "valid") -> Self:
        """Run a learner's model over its data.

        Args:
            learn: the learner.
            ds_type: which of its data: "valid" or "train"; both are prepared as validation data are.

        Raises:
            DataError: these data have no labelled items.
        """
        dl = learn.data.to_predict(ds_type)
        if learn.data.y.in_batches and len(dl):
            return cls._in_batches(learn, dl)
        outputs, targets, _ = learn.run_over(dl)
        return cls(learn, dl.dataset, outputs, targets)

    @classmethod
    def _in_batches(cls, learn: Learner, dl: Loader) -> Self:
        """As the constructor, without keeping predictions: what is decided of masks is kept in bytes."""
        found, y = cls.__new__(cls), learn.data.y
        parts = []
        for inputs, targets in dl:
            outputs = learn.outputs(inputs).float()
            kept = (y.decide(learn.activate(outputs)), targets)
            losses = item_losses(learn, outputs, targets).cpu()
            parts.append((*(codes.to("cpu", torch.uint8) for codes in kept), losses))
        found.learn, found.dataset, found.preds = learn, dl.dataset, torch.empty(0)
        found.predicted, found.targets, found.losses = (torch.cat(part) for part in zip(*parts, strict=True))
        _check_labelled(found.losses)
        return found

    def top_losses(self, k: int | None = None) -> tuple[Tensor, Tensor]:
        """The largest losses, largest first; items without one, as those of a class of weight 0, come last.

        Args:
            k: how many at most, 0 or more; all unless given.

        Returns:
            The losses [k], and the positions [k] of their items in `dataset`.
        """
        k = len(self.losses) if k is None else min(operator.index(k), len(self.losses))
        top = self.losses.nan_to_num(nan=-math.inf, posinf=math.inf).topk(k).indices
        return self.losses[top], top

    def confusion_matrix(self) -> NDArray[np.int64]:
        """How often each class (row) was taken for each (column), [classes, classes].

        Raises:
            DataError: items do not have exactly one class each.
        """
        c = len(self._classes())
        pairs = self.targets * c + self.predicted
        return pairs.bincount(minlength=c * c).view(c, c).numpy()

    def most_confused(self, min_val: int = 1) -> list[Confusion]:
        """The pairs of classes taken for one another at least `min_val` times, most often first."""
        classes, matrix = self._classes(), self.confusion_matrix()
        np.fill_diagonal(matrix, 0)
        found = [
            Confusion(classes[i], classes[j], int(matrix[i, j])) for i, j in np.argwhere(matrix >= max(min_val, 1))
        ]
        return sorted(found, key=lambda pair: -pair.times)

    def plot_confusion_matrix(
        self,
        *,
        normalize: bool = False,
        figsize: tuple[float, float] | None = None,
        dpi: float | None = None,
        ax: Axes | None = None,
    ) -> Axes:
        """Draw the confusion matrix.

        Args:
            normalize: write shares of each actual class, 0 to 1, instead of counts.
            figsize: width and height of a new figure in inches; by the number of classes unless given.
            dpi: its pixels per inch.
            ax: where to draw; a new figure unless given.

        Returns:
            The axes.

        Raises:
            DataError: items do not have exactly one class each.
        """
        from matplotlib import pyplot as plt

        classes, matrix = self._classes(), self.confusion_matrix()
        shares = matrix / np.maximum(matrix.sum(1, keepdims=True), 1)
        if ax is None:
            side = max(3.5, 0.45 * len(classes) + 1.5)
            _, ax = plt.subplots(figsize=figsize or (side, side), dpi=dpi, layout="constrained")
        ax.imshow(shares, cmap="Blues", vmin=0, vmax=1)  # by share, so that a rare class's errors show as well
        for i in range(len(classes)):
            for j in range(len(classes)):
                if matrix[i, j]:
                    text = f"{shares[i, j]:.2f}" if normalize else f"{matrix[i, j]}"
                    colour = "white" if shares[i, j] > 0.5 else "black"
                    ax.text(j, i, text, ha="center", va="center", color=colour, fontsize="small")
        ax.set_xticks(range(len(classes)), [str(name) for name in classes], rotation=90, parse_math=False)
        ax.set_yticks(range(len(classes)), [str(name) for name in classes], parse_math=False)
        ax.set_xlabel("predicted")
        ax.set_ylabel("actual")
        return ax

    def thresholds(self, *, beta: float = 2.0, inner_pct: float = 0.5, seed: int = 0) -> Thresholds:
        """For each class the threshold with the greatest Fβ on some of these items, checked on the others.

        `learn.data.y.thresholds = found.values` has them used in predictions, and saved with the model.

        Args:
            beta, inner_pct, seed: as in `choose_thresholds`.

        Raises:
            DataError: items do not have any number of classes each, or as `choose_thresholds`.
        """
        y = self.learn.data.y
        if not isinstance(y, MultiCategoryList):
            raise DataError(
                f"thresholds are for items with any number of classes, MultiCategoryList; the labels are a "
                f"{type(y).__name__}: its predictions need none."
            )
        return choose_thresholds(self.preds, self.targets, beta=beta, inner_pct=inner_pct, classes=y.classes, seed=seed)

    def subgroups(self, groups: Any, **options: Any) -> Subgroups:
        """Every metric for each group of the items, with intervals: who does the model fail?

        Args:
            groups: a row an item, in the order of `dataset`, as in `handlens.audit.subgroups`.
            options: those of `handlens.audit.subgroups`. Of two classes the second is the positive one.

        Raises:
            DataError: items have several classes or several numbers each.
            AuditError: as `handlens.audit.subgroups`.
        """
        from handlens.audit import subgroups

        y = self.learn.data.y
        if isinstance(y, CategoryList):
            actual, predicted = ([label.name for label in y.decode(codes)] for codes in (self.targets, self.predicted))
            if y.c == 2 and y.classes is not None:
                options = {"score": self.preds[:, 1], "positive": y.classes[1]} | options
        elif isinstance(y, FloatList) and y.c == 1:
            actual, predicted = y.decode(self.targets), y.decode(self.predicted)
        else:
            raise DataError("subgroups needs one class or one number an item: audit each of several by itself.")
        return subgroups(actual, predicted, groups, **options)

    def __repr__(self) -> str:
        return f"{type(self).__name__} of {len(self.losses):,} items, mean loss {float(self.losses.nanmean()):.4f}"

    def _classes(self) -> list[Any]:
        y = self.learn.data.y
        if not isinstance(y, CategoryList) or y.classes is None:
            raise DataError(
                f"a confusion matrix needs one class an item; the labels are a {type(y).__name__}: use top_losses()."
            )
        return y.classes


def item_losses(learn: Learner, outputs: Tensor, targets: Tensor) -> Tensor:
    """The loss of each item: one by one, because a loss function gives the mean over what it is given."""
    pairs = zip(outputs.split(1), targets.split(1), strict=True)
    losses = [learn.loss_func(as_targets(output, target), target).detach() for output, target in pairs]
    return torch.stack(losses).float()


def _check_labelled(losses: Tensor) -> None:
    if losses.isnan().all():
        raise DataError("interpretation compares predictions with labels; these items have none.")
