"""What a metric is: a function, its name, and whether more of it is better."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from handlens.core.labels import NO_CLASS
from handlens.errors import DataError, TrainingError

Metric = Callable[[Tensor, Tensor], float]

HIGHER_IS_BETTER = "higher_is_better"

_OURS = "handlens.core.metrics."


def higher_is_better(metric: Metric) -> Metric:
    """Mark a metric of which more is better; without the mark less is.

    Example:
        >>> from handlens.metrics import rmse
        >>> @higher_is_better
        ... def share_above(preds, targets):
        ...     return float((preds > targets).float().mean())
        >>> more_is_better(share_above), more_is_better(rmse)
        (True, False)
    """
    setattr(metric, HIGHER_IS_BETTER, True)
    return metric


def more_is_better(metric: Metric) -> bool:
    """Whether a metric, or what a partial one is of, has the mark of `higher_is_better`."""
    if isinstance(metric, partial) and not hasattr(metric, HIGHER_IS_BETTER):
        return more_is_better(metric.func)
    return bool(getattr(metric, HIGHER_IS_BETTER, False))


def less_is_better(metric: Metric) -> bool:
    """Whether it is known of a metric that it is better when lower: it is one of these, or its name says so."""
    inner, name = metric.func if isinstance(metric, partial) else metric, metric_name(metric).lower()
    return str(getattr(inner, "__module__", "")).startswith(_OURS) or any(
        word in name for word in ("loss", "error", "distance")
    )


def metric_name(metric: Metric) -> str:
    """What a metric is called in tables: its `__name__`, that of what a partial one is of, or that of its class."""
    if not callable(metric):
        raise TrainingError(f"metrics must be functions (predictions, targets) → number; {metric!r} arrived.")
    if isinstance(metric, partial) and not hasattr(metric, "__name__"):
        return metric_name(metric.func)
    name: str = getattr(metric, "__name__", type(metric).__name__)
    return name


def labelled(targets: Tensor) -> bool:
    """Whether these are encoded labels, not the placeholders that `LabelList.blank` makes."""
    return not bool((targets.isnan() if targets.is_floating_point() else targets == NO_CLASS).any())


def as_numbers(preds: Tensor, targets: Tensor) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Predictions and targets in the shape of the targets; a DataError unless there is one for each."""
    p, y = preds.detach().double().cpu().numpy(), targets.detach().double().cpu().numpy()
    if p.size != y.size:
        raise DataError(
            f"this metric compares a prediction with each target; shapes {tuple(p.shape)} and {tuple(y.shape)} "
            "arrived: use a metric of classes, such as accuracy."
        )
    return p.reshape(y.shape), y
