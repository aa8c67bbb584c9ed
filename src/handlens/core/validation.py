"""Losses and metrics of datasets whose outputs are too many to be held at once: batch by batch, as of masks."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol, cast

import torch
from torch import Tensor

from handlens.core.distributed import ALONE, Alone
from handlens.core.labels import LabelList, Loss
from handlens.core.loaders import Loader
from handlens.core.metrics import Metric
from handlens.core.outputs import as_predictions, over_batches

Counts = Callable[..., Tensor]
"""(predictions, targets) → float64 [N, k]: numbers of each item that are added up over all items."""


class _Counted(Protocol):
    counts: Counts
    of_counts: Callable[[Tensor], float]


def adds_up(counts: Counts, of_counts: Callable[[Tensor], float]) -> Callable[[Metric], Metric]:
    """Mark a metric that is worked out from numbers that are added up over all items, so that it needs no more of them.

    Args:
        counts: (predictions, targets) → these numbers for each item, float64 [N, k]; it takes the metric's options.
        of_counts: their sums [k] → the metric.

    Example:
        >>> def right(preds, targets):
        ...     return torch.stack([(preds.argmax(1) == targets).double(), torch.ones(len(targets))], 1)
        >>> @adds_up(right, lambda sums: float(sums[0] / sums[1]))
        ... def share_right(preds, targets):
        ...     return float((preds.argmax(1) == targets).float().mean())
        >>> metric = RunningMetric(share_right)
        >>> metric.add(torch.tensor([[0.9, 0.1], [0.9, 0.1]]), torch.tensor([0, 1]))
        >>> metric.add(torch.tensor([[0.2, 0.8]]), torch.tensor([1]))
        >>> round(metric.value, 4)
        0.6667
    """

    def mark(metric: Metric) -> Metric:
        marked = cast(_Counted, metric)
        marked.counts, marked.of_counts = counts, of_counts
        return metric

    return mark


class RunningMetric:
    """A metric over batches: exactly that of all items if it `adds_up`, otherwise the mean of that of each batch.

    The mean has the batches' numbers of items as weights, as in the course.

    Args:
        metric: the metric.
    """

    def __init__(self, metric: Metric) -> None:
        self.metric = metric
        inner, options = (metric.func, metric.keywords) if isinstance(metric, partial) else (metric, {})
        self._counts: Counts | None = getattr(inner, "counts", None)
        if self._counts is not None and options:
            self._counts = partial(self._counts, **options)
        self._of_counts: Any = getattr(inner, "of_counts", None)
        self._sums: Tensor | float = 0.0
        self._items = 0

    def of_items(self, predictions: Tensor, targets: Tensor) -> Tensor:
        """What is added up of each item: float64 [N, k]; `of_sums` of the sums over some items is their metric."""
        if self._counts is not None:
            return self._counts(predictions, targets)
        each = [self.metric(p, t) for p, t in zip(predictions.split(1), targets.split(1), strict=True)]
        return torch.tensor([[float(value), 1.0] for value in each], dtype=torch.float64)

    def of_sums(self, sums: Tensor) -> float:
        return float(self._of_counts(sums) if self._counts is not None else sums[0] / sums[1])

    def add(self, predictions: Tensor, targets: Tensor) -> None:
        """Take the items of a batch into account."""
        if self._counts is not None:
            self._sums = self._sums + self._counts(predictions, targets).sum(0)
        else:
            self._sums = self._sums + len(targets) * float(self.metric(predictions, targets))
        self._items += len(targets)

    @property
    def value(self) -> float:
        if not self._items:
            return math.nan
        if self._counts is not None:
            return float(self._of_counts(self._sums))
        return float(self._sums) / self._items


def validate_batches(
    dl: Loader,
    forward: Callable[[Any], Tensor],
    loss_func: Loss,
    y: LabelList,
    metrics: Sequence[Metric],
    together: Alone = ALONE,
) -> list[float]:
    """The loss and each metric over a loader, with the outputs of one batch at a time.

    Args:
        dl, forward, loss_func, together: as in `handlens.core.outputs.run_over`.
        y: the labels, which make predictions of outputs.
        metrics: the metrics.
    """
    running = [RunningMetric(metric) for metric in metrics]
    total, items = 0.0, 0
    for batch in over_batches(dl, forward, loss_func, together):
        total += float(batch.loss) * batch.counted
        items += batch.counted
        predictions = as_predictions(batch.outputs, y, loss_func).cpu()
        for metric in running:
            metric.add(predictions, batch.targets.cpu())
    return [total / items if items else math.nan, *(metric.value for metric in running)]
