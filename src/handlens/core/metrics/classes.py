"""Metrics of predicted classes: probabilities [N, classes], of one class an item or of several."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from handlens.core.metrics.metric import Metric, as_numbers, higher_is_better, labelled
from handlens.errors import DataError


@higher_is_better
def accuracy(preds: Tensor, targets: Tensor) -> float:
    """The share of items whose most probable class is the right one.

    Args:
        preds: the probability of each class, [N, classes].
        targets: the code of the right class, int64 [N].

    Returns:
        From 0 to 1; nan if an item has no label.

    Raises:
        DataError: the shapes are not these, or the targets are not codes.

    Example:
        >>> import torch
        >>> accuracy(torch.tensor([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.3, 0.7]]), torch.tensor([0, 1, 1, 1]))
        0.75
    """
    p, y = _classes(preds, targets)
    return float((p.argmax(1) == y).mean()) if labelled(targets) else math.nan


def error_rate(preds: Tensor, targets: Tensor) -> float:
    """The share of items whose most probable class is a wrong one: 1 − accuracy.

    Args:
        preds: the probability of each class, [N, classes].
        targets: the code of the right class, int64 [N].

    Returns:
        From 0 to 1; nan if an item has no label.

    Raises:
        DataError: the shapes are not these, or the targets are not codes.

    Example:
        >>> import torch
        >>> error_rate(torch.tensor([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.3, 0.7]]), torch.tensor([0, 1, 1, 1]))
        0.25
    """
    return 1 - accuracy(preds, targets)


@higher_is_better
def top_k_accuracy(preds: Tensor, targets: Tensor, k: int = 5) -> float:
    """The share of items whose right class is among the k most probable ones.

    Args:
        preds: the probability of each class, [N, classes].
        targets: the code of the right class, int64 [N].
        k: from 1 to the number of classes; `partial(top_k_accuracy, k=2)` is a metric. Of equal probabilities the
            earlier class comes first.

    Returns:
        From 0 to 1; nan if an item has no label.

    Raises:
        DataError: the shapes are not these, the targets are not codes, or there are fewer than k classes.

    Example:
        >>> import torch
        >>> top_k_accuracy(torch.tensor([[0.5, 0.3, 0.2], [0.6, 0.3, 0.1]]), torch.tensor([1, 2]), k=2)
        0.5
    """
    p, y = _classes(preds, targets)
    if not 1 <= k <= p.shape[1]:
        raise DataError(
            f"k must be from 1 to the number of classes, {p.shape[1]}; {k} arrived: partial(top_k_accuracy, k=2)."
        )
    if not labelled(targets):
        return math.nan
    return float((np.argsort(-p, axis=1, kind="stable")[:, :k] == y[:, None]).any(1).mean())


SHARES_OF_ITEMS: tuple[Metric, ...] = (accuracy, error_rate)
"""Metrics that are the share of items for which something holds, so that their interval needs no resampling."""


@higher_is_better
def accuracy_multi(preds: Tensor, targets: Tensor, thresh: float = 0.5) -> float:
    """For items with any number of classes: the share of (item, class) pairs that are right.

    Args:
        preds: the probability of each class, [N, classes].
        targets: 1 where an item has the class, 0 elsewhere, in the same shape.
        thresh: the probability from which on a class is predicted; `partial(accuracy_multi, thresh=0.2)` is a metric.

    Returns:
        From 0 to 1; nan if an item has no labels.

    Raises:
        DataError: there is not one prediction for each target.

    Example:
        >>> import torch
        >>> accuracy_multi(torch.tensor([[0.9, 0.2], [0.4, 0.6]]), torch.tensor([[1, 0], [1, 1]]))  # three of four
        0.75
    """
    p, y = as_numbers(preds, targets)
    return float(((p >= thresh) == (y >= 0.5)).mean()) if labelled(targets) else math.nan


@higher_is_better
def fbeta(preds: Tensor, targets: Tensor, thresh: float | Sequence[float] = 0.2, beta: float = 2.0) -> float:
    """For items with any number of classes: the mean over items of Fβ = (1 + β²)·P·R / (β²·P + R).

    P is the share of the classes predicted for an item that it has, its precision, and R the share of its classes that
    are predicted, its recall. An item without a class for which none is predicted counts 0, as in the course.

    Args:
        preds: the probability of each class, [N, classes].
        targets: 1 where an item has the class, 0 elsewhere, in the same shape.
        thresh: the probability from which on a class is predicted, for all classes or for each, such as
            `choose_thresholds(…).values`.
        beta: how many times as much recall counts as precision.

    Returns:
        From 0 to 1; nan if an item has no labels.

    Raises:
        DataError: there is not one prediction for each target.

    Example:
        >>> import torch
        >>> p, y = torch.tensor([[0.9, 0.4, 0.1]]), torch.tensor([[1, 0, 1]])  # one of two is right, and found
        >>> fbeta(p, y)
        0.5
    """
    p, y = as_numbers(preds, targets)
    if not labelled(targets):
        return math.nan
    chosen, right = p >= np.asarray(thresh), y >= 0.5
    hits = (chosen & right).sum(1)
    # (1 + β²)·P·R / (β²·P + R) with P = hits / chosen and R = hits / right, without dividing by 0.
    below = beta**2 * right.sum(1) + chosen.sum(1)
    return float(np.mean((1 + beta**2) * hits / np.maximum(below, 1)))


def _second_or_mean(
    score: Callable[..., Any], preds: Tensor, targets: Tensor, average: str = "binary", **options: Any
) -> float:
    """scikit-learn's score of the second of two classes, or its mean over more; nan where it is undefined."""
    p, y = _classes(preds, targets)
    if average not in AVERAGES:
        raise DataError(f"average must be one of {', '.join(AVERAGES)}; {average!r} arrived.")
    if not labelled(targets):
        return math.nan
    if average == "binary" and p.shape[1] != 2:
        average = "macro"
    return float(score(y, p.argmax(1), average=average, zero_division=np.nan, **options))


AVERAGES = ("binary", "macro", "micro", "weighted")
"""How a score of each class becomes one: "binary" is that of the second of two classes, and "macro" for more."""


@higher_is_better
def f_score(preds: Tensor, targets: Tensor, beta: float = 2.0, average: str = "binary") -> float:
    """Fβ = (1 + β²)·P·R / (β²·P + R) of precision and recall, see `precision` and `recall`; `f1` has β = 1.

    Args:
        preds: the probability of each class, [N, classes].
        targets: the code of the right class, int64 [N].
        beta: how many times as much recall counts as precision.
        average: as in `precision`.

    Returns:
        From 0 to 1; nan where it is undefined or an item has no label.

    Raises:
        DataError: the shapes are not these, or the targets are not codes.

    Example:
        >>> import torch
        >>> p = torch.tensor([[0.9, 0.1], [0.2, 0.8], [0.3, 0.7]])  # two are predicted as the second class
        >>> round(f_score(p, torch.tensor([0, 1, 0])), 4)  # 5 · 0.5 · 1 / (4 · 0.5 + 1)
        0.8333
    """
    from sklearn.metrics import fbeta_score

    return _second_or_mean(fbeta_score, preds, targets, average, beta=beta)


@higher_is_better
def kappa(preds: Tensor, targets: Tensor, weights: str | None = None) -> float:
    """Cohen's κ: by how much the most probable classes agree with the right ones, beyond chance.

    1 − Σ w·n / Σ w·e over pairs of a right and a predicted class: n counts items, and e = row · column / N is what
    chance would give (Cohen 1960; weights 1968).

    Args:
        preds: the probability of each class, [N, classes].
        targets: the code of the right class, int64 [N].
        weights: how wrong a pair of classes counts: None for all the same, "linear" by the distance of their codes,
            "quadratic" by its square. `partial(kappa, weights="quadratic")` is a metric.

    Returns:
        At most 1, where 0 is chance; nan where it is undefined, as with one class alone, or an item has no label.

    Raises:
        DataError: the shapes are not these, the targets are not codes, or `weights` is something else.

    Example:
        >>> import torch
        >>> p = torch.tensor([[0.9, 0.1], [0.2, 0.8], [0.3, 0.7], [0.8, 0.2]])
        >>> kappa(p, torch.tensor([0, 1, 0, 0]))  # 3 of 4 agree, by chance 2
        0.5
    """
    if weights not in (None, "linear", "quadratic"):
        raise DataError(f"weights must be None, 'linear' or 'quadratic'; {weights!r} arrived.")
    from sklearn.metrics import cohen_kappa_score

    p, y = _classes(preds, targets)
    found = p.argmax(1)
    if not labelled(targets) or len(np.union1d(y, found)) < 2:
        return math.nan
    return float(cohen_kappa_score(y, found, labels=np.arange(p.shape[1]), weights=weights))


@higher_is_better
def matthews(preds: Tensor, targets: Tensor) -> float:
    """Matthews' correlation of the most probable with the right classes, of any number of them (Gorodkin 2004).

    Args:
        preds: the probability of each class, [N, classes].
        targets: the code of the right class, int64 [N].

    Returns:
        From −1 to 1, where 0 is chance; nan where all items have or get one class, or an item has no label.

    Raises:
        DataError: the shapes are not these, or the targets are not codes.

    Example:
        >>> import torch
        >>> p = torch.tensor([[0.9, 0.1], [0.2, 0.8], [0.3, 0.7], [0.8, 0.2]])
        >>> round(matthews(p, torch.tensor([0, 1, 0, 0])), 4)  # (2 · 1 − 0 · 1) / √(2 · 2 · 3 · 1)
        0.5774
    """
    from sklearn.metrics import matthews_corrcoef

    p, y = _classes(preds, targets)
    found = p.argmax(1)
    if not labelled(targets) or min(len(np.unique(y)), len(np.unique(found))) < 2:
        return math.nan
    return float(matthews_corrcoef(y, found))


@higher_is_better
def f1(preds: Tensor, targets: Tensor) -> float:
    """The harmonic mean of precision and recall: of the second of two classes; averaged over more than two.

    Args:
        preds: the probability of each class, [N, classes].
        targets: the code of the right class, int64 [N].

    Returns:
        From 0 to 1; nan where it is undefined or an item has no label.

    Raises:
        DataError: the shapes are not these, or the targets are not codes.

    Example:
        >>> import torch
        >>> p = torch.tensor([[0.9, 0.1], [0.2, 0.8], [0.3, 0.7]])  # two are predicted as the second class
        >>> round(f1(p, torch.tensor([0, 1, 0])), 4)  # 2 · 0.5 · 1 / (0.5 + 1)
        0.6667
    """
    from sklearn.metrics import f1_score

    return _second_or_mean(f1_score, preds, targets)


@higher_is_better
def precision(preds: Tensor, targets: Tensor, average: str = "binary") -> float:
    """The share of items predicted as a class that are of it: the second of two classes; averaged over more.

    Args:
        preds: the probability of each class, [N, classes].
        targets: the code of the right class, int64 [N].
        average: for more than two classes "macro", the mean over classes, also where it is "binary"; "weighted" by
            their numbers of items, or "micro" over all items.

    Returns:
        From 0 to 1; nan where it is undefined or an item has no label.

    Raises:
        DataError: the shapes are not these, or the targets are not codes.

    Example:
        >>> import torch
        >>> p = torch.tensor([[0.9, 0.1], [0.2, 0.8], [0.3, 0.7]])  # two are predicted as the second class
        >>> precision(p, torch.tensor([0, 1, 0]))
        0.5
    """
    from sklearn.metrics import precision_score

    return _second_or_mean(precision_score, preds, targets, average)


@higher_is_better
def recall(preds: Tensor, targets: Tensor, average: str = "binary") -> float:
    """The share of items of a class that are predicted as it: the second of two classes; averaged over more.

    Args:
        preds: the probability of each class, [N, classes].
        targets: the code of the right class, int64 [N].
        average: as in `precision`.

    Returns:
        From 0 to 1; nan where it is undefined or an item has no label.

    Raises:
        DataError: the shapes are not these, or the targets are not codes.

    Example:
        >>> import torch
        >>> p = torch.tensor([[0.9, 0.1], [0.2, 0.8], [0.3, 0.7]])
        >>> recall(p, torch.tensor([1, 1, 0]))  # one of two of the second class is found
        0.5
    """
    from sklearn.metrics import recall_score

    return _second_or_mean(recall_score, preds, targets, average)


@higher_is_better
def roc_auc(preds: Tensor, targets: Tensor) -> float:
    """The area under the ROC curve: of the second of two classes; each against the rest, averaged, for more.

    Args:
        preds: the probability of each class, [N, classes].
        targets: the code of the right class, int64 [N].

    Returns:
        From 0 to 1, where 0.5 is chance; nan unless every class is among the targets, and if an item has no label.

    Raises:
        DataError: the shapes are not these, or the targets are not codes.

    Example:
        >>> import torch
        >>> p = torch.tensor([[0.9, 0.1], [0.2, 0.8], [0.3, 0.7]])
        >>> roc_auc(p, torch.tensor([0, 1, 0]))  # the one of the second class has the highest probability of it
        1.0
    """
    from sklearn.metrics import roc_auc_score

    p, y = _classes(preds, targets)
    if len(np.unique(y)) < max(2, p.shape[1]) or not labelled(targets):
        return math.nan
    if p.shape[1] == 2:
        return float(roc_auc_score(y, p[:, 1]))
    return float(np.mean([roc_auc_score(y == k, p[:, k]) for k in range(p.shape[1])]))


def _classes(preds: Tensor, targets: Tensor) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    if targets.dim() == 1 and targets.is_floating_point():
        raise DataError(
            f"this metric needs one class an item, and these targets are numbers, such as {float(targets[0]):g}: use a "
            "metric of numbers, such as rmse; or, if they stand for classes as 0.0 and 1.0 do, label the items with "
            "label_cls=CategoryList."
        )
    if preds.dim() != 2 or targets.dim() != 1 or targets.is_floating_point():
        raise DataError(
            f"this metric needs probabilities [N, classes] and one class an item; predictions of shape "
            f"{tuple(preds.shape)} and {targets.dtype} targets of shape {tuple(targets.shape)} arrived: "
            "use a metric of numbers, such as rmse, or accuracy_multi."
        )
    return preds.detach().double().cpu().numpy(), targets.detach().cpu().numpy()
