"""Metrics of predicted numbers: [N], or [N, targets]."""

from __future__ import annotations

import math

import numpy as np
from torch import Tensor

from handlens.core.metrics.metric import as_numbers, higher_is_better, labelled
from handlens.errors import DataError


def exp_rmspe(preds: Tensor, targets: Tensor) -> float:
    """The root mean squared percentage error of predicted logarithms: √ mean(((y − ŷ) / y)²), y = exp(target).

    Args:
        preds: the predicted logarithms, [N] or [N, targets].
        targets: the logarithms of the right numbers, in the same shape.

    Returns:
        The error as a share: 0.1 is 10 %; less is better.

    Raises:
        DataError: there is not one prediction for each target, or targets are beyond ±700, so not logarithms.

    Example:
        >>> import torch
        >>> round(exp_rmspe(torch.tensor([110.0, 90.0]).log(), torch.tensor([100.0, 100.0]).log()), 6)
        0.1
    """
    p, y = as_numbers(preds, targets)
    if (np.abs(y) > 700).any():
        raise DataError(
            f"exp_rmspe takes the logarithms of targets; numbers such as {y[np.abs(y) > 700][0]:g} arrived: train on "
            "logarithms, label_cls=FloatList, log=True, or use another metric, such as rmse."
        )
    with np.errstate(over="ignore"):  # a prediction far too high is infinitely wrong
        return float(np.sqrt(np.mean((1 - np.exp(p - y)) ** 2)))


def rmspe_scale(preds: Tensor, targets: Tensor) -> float:
    """The factor for predictions of logarithms that makes `exp_rmspe` least, where they are right on average.

    Σr / Σr² of the shares r = ŷ / y, each divided by their geometric mean: sales that came out far too high count
    more than those too low, so it pays to predict a little less. It is to be worked out on rows that were not trained
    on and are not reported, an inner holdout. The mean is divided out because by how much all predictions of six weeks
    are too high says little of the next six.

    Args:
        preds: the predicted logarithms, [N] or [N, targets].
        targets: the logarithms of the right numbers, in the same shape.

    Returns:
        The factor for the predictions themselves, not for their logarithms.

    Raises:
        DataError: there are no rows, or as `exp_rmspe`.

    Example:
        >>> import torch
        >>> rmspe_scale(torch.tensor([0.0, 0.0]), torch.tensor([0.0, 0.0]))  # nothing to correct
        1.0
    """
    p, y = as_numbers(preds, targets)
    if not len(y):
        raise DataError("a factor for predictions needs rows to be worked out on; none arrived: hold some out.")
    exp_rmspe(preds, targets)
    r = np.exp(p - y - np.mean(p - y))
    return float(r.sum() / (r**2).sum())


def mse(preds: Tensor, targets: Tensor) -> float:
    """The mean squared error, in the square of the targets' unit.

    Args:
        preds: the predicted numbers, [N] or [N, targets].
        targets: the right numbers, in the same shape.

    Raises:
        DataError: there is not one prediction for each target.

    Example:
        >>> import torch
        >>> mse(torch.tensor([1.0, 5.0]), torch.tensor([1.0, 3.0]))
        2.0
    """
    p, y = as_numbers(preds, targets)
    return float(np.mean((p - y) ** 2))


def rmse(preds: Tensor, targets: Tensor) -> float:
    """The root of the mean squared error, in the targets' unit.

    Args:
        preds: the predicted numbers, [N] or [N, targets].
        targets: the right numbers, in the same shape.

    Raises:
        DataError: there is not one prediction for each target.

    Example:
        >>> import torch
        >>> rmse(torch.tensor([1.0, 5.0]), torch.tensor([1.0, 1.0])) == 8**0.5
        True
    """
    return float(np.sqrt(mse(preds, targets)))


def mae(preds: Tensor, targets: Tensor) -> float:
    """The mean absolute error, in the targets' unit.

    Args:
        preds: the predicted numbers, [N] or [N, targets].
        targets: the right numbers, in the same shape.

    Raises:
        DataError: there is not one prediction for each target.

    Example:
        >>> import torch
        >>> mae(torch.tensor([1.0, 5.0]), torch.tensor([1.0, 3.0]))
        1.0
    """
    p, y = as_numbers(preds, targets)
    return float(np.mean(np.abs(p - y)))


@higher_is_better
def r2(preds: Tensor, targets: Tensor) -> float:
    """The coefficient of determination: 1 is perfect, 0 as good as the mean; several targets are averaged.

    Args:
        preds: the predicted numbers, [N] or [N, targets].
        targets: the right numbers, in the same shape.

    Returns:
        At most 1; nan for fewer than two items, or items without labels.

    Raises:
        DataError: there is not one prediction for each target.

    Example:
        >>> import torch
        >>> r2(torch.tensor([1.0, 2.0, 4.0]), torch.tensor([1.0, 2.0, 3.0]))  # 1 − 1 / 2
        0.5
    """
    from sklearn.metrics import r2_score

    p, y = as_numbers(preds, targets)
    return float(r2_score(y, p)) if len(y) > 1 and labelled(targets) else math.nan


@higher_is_better
def explained_variance(preds: Tensor, targets: Tensor) -> float:
    """1 − variance of the errors / variance of the targets, as `r2` but for an error that all items share.

    Args:
        preds: the predicted numbers, [N] or [N, targets]; several targets are averaged.
        targets: the right numbers, in the same shape.

    Returns:
        At most 1; nan where all targets are the same, or items have no labels.

    Raises:
        DataError: there is not one prediction for each target.

    Example:
        >>> import torch
        >>> explained_variance(torch.tensor([2.0, 3.0, 4.0]), torch.tensor([1.0, 2.0, 3.0]))  # all by 1 too high
        1.0
    """
    p, y = as_numbers(preds, targets)
    if not len(y) or not labelled(targets) or (np.ptp(y, axis=0) == 0).any():
        return math.nan
    return float(np.mean(1 - np.var(y - p, axis=0) / np.var(y, axis=0)))
