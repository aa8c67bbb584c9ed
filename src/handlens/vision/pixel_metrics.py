"""Metrics of masks and points: worked out over all pixels of a dataset, or all of its points.

Of masks, predictions are probabilities [N, classes, H, W], and targets are int64 [N, 1, H, W] or [N, H, W]. Pixels of
the class 255, unknown, never count.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from handlens.core.metrics import higher_is_better
from handlens.core.validation import adds_up
from handlens.errors import DataError
from handlens.vision.image import UNKNOWN


def _pixels(preds: Tensor, targets: Tensor, ignore: int | Sequence[int] | None) -> tuple[Tensor, Tensor, Tensor]:
    """The predicted class, the right one, and whether it counts, of each pixel of each picture: [N, H·W]."""
    if preds.dim() != 4 or targets.is_floating_point() or targets.numel() * preds.shape[1] != preds.numel():
        raise DataError(
            f"this metric needs probabilities [N, classes, H, W] and a class for each pixel; predictions of shape "
            f"{tuple(preds.shape)} and {targets.dtype} targets of shape {tuple(targets.shape)} arrived: use a metric "
            "of one class a picture, such as accuracy."
        )
    right = targets.reshape(len(targets), -1)
    left_out = torch.cat([torch.tensor([UNKNOWN]), _codes(ignore)])
    return preds.argmax(1).flatten(1), right, ~torch.isin(right, left_out.to(right.device))


def _codes(ignore: int | Sequence[int] | None) -> Tensor:
    """The classes to ignore, [number of them]."""
    return torch.tensor(
        [] if ignore is None else [ignore] if isinstance(ignore, int) else list(ignore), dtype=torch.int64
    )


def _right_and_known(preds: Tensor, targets: Tensor, *, ignore: int | Sequence[int] | None = None) -> Tensor:
    found, right, known = _pixels(preds, targets, ignore)
    return torch.stack([((found == right) & known).sum(1), known.sum(1)], 1).double()


def _share(sums: Tensor) -> float:
    return float(sums[0] / sums[1]) if sums[1] else math.nan


@higher_is_better
@adds_up(_right_and_known, _share)
def pixel_accuracy(preds: Tensor, targets: Tensor, *, ignore: int | Sequence[int] | None = None) -> float:
    """The share of pixels whose most probable class is the right one.

    Args:
        preds: the probability of each class, [N, classes, H, W].
        targets: the right class of each pixel, int64 [N, 1, H, W] or [N, H, W].
        ignore: a class, or classes, by number, whose pixels do not count; `partial(pixel_accuracy, ignore=4)` is a
            metric. Unknown pixels, 255, never do.

    Returns:
        From 0 to 1; nan if no pixel counts.

    Raises:
        DataError: the shapes are not these.

    Example:
        >>> p = torch.tensor([[[[0.9, 0.2, 0.6, 0.3]], [[0.1, 0.8, 0.4, 0.7]]]])  # 0, 1, 0, 1
        >>> pixel_accuracy(p, torch.tensor([[[[0, 1, 1, 255]]]]))  # two of three
        0.6666666666666666
    """
    return _share(_right_and_known(preds, targets, ignore=ignore).sum(0))


def _overlaps(preds: Tensor, targets: Tensor, *, ignore: int | Sequence[int] | None = None) -> Tensor:
    """For each class how many pixels are of it by both, and the sum of how many are by either: [N, 2, classes].

    An ignored class has neither, also where it is predicted for a pixel of another class, which it costs that class.
    """
    found, right, known = _pixels(preds, targets, ignore)
    found = torch.where(torch.isin(found, _codes(ignore).to(found.device)), -1, found)
    rows = []
    for code in range(preds.shape[1]):
        a, b = (found == code) & known, (right == code) & known
        rows.append(torch.stack([(a & b).sum(1), a.sum(1) + b.sum(1)], 1))
    return torch.stack(rows, 2).double().flatten(1)


def _dice_of(sums: Tensor) -> float:
    both, either = sums.view(2, -1)
    of_classes = 2 * both / either  # nan for a class that does not occur
    return float(of_classes[1] if len(of_classes) == 2 else of_classes.nanmean())


@higher_is_better
@adds_up(_overlaps, _dice_of)
def dice(preds: Tensor, targets: Tensor, *, ignore: int | Sequence[int] | None = None) -> float:
    """How much the predicted and the right pixels of a class overlap, `2 · |A ∩ B| / (|A| + |B|)`, over all pictures.

    Of two classes it is that of the second; of more, the mean over the classes that occur. It is not the mean over
    pictures or batches, in which one with few pixels of a class would count as much as others.

    Args:
        preds, targets: as in `pixel_accuracy`.
        ignore: as there; these classes are not in the mean either.

    Returns:
        From 0 to 1; nan if the class occurs nowhere, or is ignored.

    Raises:
        DataError: the shapes are not these.

    Example:
        >>> p = torch.tensor([[[[0.9, 0.2, 0.6, 0.3]], [[0.1, 0.8, 0.4, 0.7]]]])  # 0, 1, 0, 1
        >>> dice(p, torch.tensor([[[[0, 1, 1, 0]]]]))  # 2 · 1 / (2 + 2)
        0.5
    """
    return _dice_of(_overlaps(preds, targets, ignore=ignore).sum(0))


def point_distance(preds: Tensor, targets: Tensor, *, size: tuple[int, int] | None = None) -> float:
    """The mean distance between predicted and right points in pixels.

    Args:
        preds: predicted points [N, n, 2], each (y, x) from −1 to 1 within the picture.
        targets: the right points, in the same shape.
        size: height and width of the pictures in pixels, as the model gets them;
            `partial(point_distance, size=(96, 96))` is a metric.

    Raises:
        DataError: `size` is missing, or the shapes are not these.

    Example:
        >>> point_distance(torch.tensor([[[0.0, 0.0]]]), torch.tensor([[[0.375, 0.5]]]), size=(16, 16))  # 3, 4 px
        5.0
    """
    if size is None:
        raise DataError(
            "point_distance is in pixels and needs the size of the pictures: "
            "metrics=[partial(point_distance, size=data.picture_size)]."
        )
    if preds.numel() != targets.numel() or targets.dim() != 3 or targets.shape[2] != 2:
        raise DataError(
            f"point_distance needs points [N, n, 2]; predictions of shape {tuple(preds.shape)} and targets of shape "
            f"{tuple(targets.shape)} arrived."
        )
    apart = (preds.view_as(targets).double() - targets.double()) * torch.tensor(size, dtype=torch.float64) / 2
    return float(apart.norm(dim=2).mean())
