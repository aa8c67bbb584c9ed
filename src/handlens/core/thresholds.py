"""Thresholds of probabilities for items with any number of classes, chosen on some items and checked on others."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from handlens.errors import DataError

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Thresholds:
    """A probability for each class from which on it is predicted; made by `choose_thresholds`.

    Attributes:
        classes: the names of the classes, or their positions.
        values: the threshold of each class.
        chosen_on, checked_on: how many items they were chosen on, and how many others they were checked on.
        of_classes: Fβ of each class on the other items; nan for a class that none of these has or is predicted to have.
        score: the mean of `of_classes`, without nan: what to expect of new items.
        score_before: the same with the threshold 0.5 for all classes.
        score_chosen_on: the same as `score`, on the items that they were chosen on, where they look too good.
        beta: how many times as much recall counts as precision.
    """

    classes: list[Any]
    values: list[float]
    chosen_on: int
    checked_on: int
    of_classes: list[float]
    score: float
    score_before: float
    score_chosen_on: float
    beta: float

    def __repr__(self) -> str:
        rows = "\n".join(
            f"  {name}: {value:.3f} (F{self.beta:g} {of_class:.3f})"
            for name, value, of_class in zip(self.classes, self.values, self.of_classes, strict=True)
        )
        return (
            f"Thresholds chosen on {self.chosen_on:,} items, F{self.beta:g} on {self.checked_on:,} others "
            f"{self.score:.3f} (with 0.5: {self.score_before:.3f}; on those that they were chosen on: "
            f"{self.score_chosen_on:.3f})\n{rows}"
        )


def choose_thresholds(
    preds: Tensor,
    targets: Tensor,
    *,
    beta: float = 2.0,
    inner_pct: float = 0.5,
    classes: Sequence[Any] | None = None,
    seed: int = 0,
) -> Thresholds:
    """For each class the threshold with the greatest Fβ on some of the items, checked on the others.

    Fβ = (1 + β²)·hits / (β²·actual + predicted), over the items. Each gap between two neighbouring probabilities is
    tried, and the middle of the best one is taken. A class that none of the inner items has keeps 0.5. The score of the
    items that thresholds are chosen on is too high, so report that of the others.

    Args:
        preds: the probability of each class, [N, classes], of items that were not trained on.
        targets: 1 where an item has the class, 0 elsewhere, in the same shape.
        beta: above 0; how many times as much recall counts as precision.
        inner_pct: the share of the items that thresholds are chosen on.
        classes: the names of the classes; their positions unless given.
        seed: draws these items.

    Raises:
        DataError: the shapes differ, there are fewer than two items, an option is out of range, or labels are missing.

    Example:
        >>> import torch
        >>> right = torch.tensor([[1.0], [0.0]]).repeat(10, 1)
        >>> found = choose_thresholds(0.1 + 0.2 * right, right, classes=["cloudy"])
        >>> round(found.values[0], 6), found.score, found.score_before
        (0.2, 1.0, 0.0)
    """
    p, y = (t.detach().double().cpu().numpy() for t in (preds, targets))
    if p.ndim != 2 or p.shape != y.shape:
        raise DataError(
            f"thresholds need probabilities and labels [N, classes]; shapes {tuple(p.shape)} and {tuple(y.shape)} "
            "arrived: label with MultiCategoryList."
        )
    if np.isnan(y).any():
        raise DataError("thresholds are chosen by comparing predictions with labels; some of these items have none.")
    if not (beta > 0 and math.isfinite(beta)):
        raise DataError(f"beta must be a number above 0; {beta!r} arrived.")
    inner = round(inner_pct * len(p)) if 0 < inner_pct < 1 else 0
    if not 0 < inner < len(p):
        raise DataError(
            f"inner_pct must be a share that leaves items on both sides; {inner_pct!r} of {len(p)} items arrived."
        )
    order = np.random.default_rng(seed).permutation(len(p))
    on, others = order[:inner], order[inner:]
    right = y >= 0.5
    values = np.array([_best(p[on, k], right[on, k], beta) for k in range(p.shape[1])])

    def scores(rows: NDArray[np.intp], at: Floats) -> Floats:
        return _fbeta(p[rows] >= at, right[rows], beta)

    checked = scores(others, values)
    return Thresholds(
        classes=list(range(p.shape[1])) if classes is None else list(classes),
        values=values.tolist(),
        chosen_on=len(on),
        checked_on=len(others),
        of_classes=checked.tolist(),
        score=_mean(checked),
        score_before=_mean(scores(others, np.full(p.shape[1], 0.5))),
        score_chosen_on=_mean(scores(on, values)),
        beta=float(beta),
    )


def _fbeta(chosen: NDArray[np.bool_], right: NDArray[np.bool_], beta: float) -> Floats:
    """Fβ of each column over the rows; nan where nothing is right or chosen."""
    below = beta**2 * right.sum(0) + chosen.sum(0)
    return np.where(below > 0, (1 + beta**2) * (chosen & right).sum(0) / np.maximum(below, 1e-300), np.nan)


def _best(p: Floats, right: NDArray[np.bool_], beta: float) -> float:
    """The middle of the gap between probabilities that is best to choose from; 0.5 where no item has the class."""
    if not right.any():
        return 0.5
    order = np.argsort(-p, kind="stable")
    p, hits = p[order], right[order].cumsum()
    ends = np.flatnonzero(np.append(p[1:] < p[:-1], True))  # choose down to here: items of one probability together
    scores = (1 + beta**2) * hits[ends] / (beta**2 * right.sum() + ends + 1)
    last = ends[int(scores.argmax())]
    below = p[last + 1] if last + 1 < len(p) else 0.0
    return float((p[last] + below) / 2)


def _mean(of_classes: Floats) -> float:
    return float(np.nanmean(of_classes)) if not np.isnan(of_classes).all() else math.nan
