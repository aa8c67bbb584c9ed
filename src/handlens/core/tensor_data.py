"""Data that are tensors from the start: a `TensorDataset` for each part, as lesson 5 of the course has them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from handlens.core.labels import CategoryList, FloatList, LabelList
from handlens.core.loaders import TensorLoader
from handlens.errors import DataError

if TYPE_CHECKING:
    from torch.utils.data import TensorDataset


class LabelledTensors:
    """Inputs [N, …] and their labels; `dataset[i]` is the pair of both.

    Example:
        >>> dataset = LabelledTensors(torch.eye(2), CategoryList([3, 5]))
        >>> x, y = dataset[1]
        >>> x.tolist(), y.name
        ([0.0, 1.0], 5)
    """

    def __init__(self, x: Tensor, y: LabelList) -> None:
        self.x = x
        self.y = y

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, position: int) -> tuple[Tensor, Any]:
        return self.x[position], self.y[position]

    def __repr__(self) -> str:
        return f"{len(self):,} × (tensors {list(self.x.shape[1:])}, {self.y!r})"


def tensor_loaders(
    train: TensorDataset, valid: Any, *, bs: int, device: torch.device
) -> tuple[TensorLoader, TensorLoader]:
    """The loaders of training and validation data that are tensors.

    Args:
        train, valid: inputs [N, …] and targets: whole numbers [N] are classes from 0 to the largest in `train`, and
            floats [N] or [N, targets] numbers to predict.
        bs: rows a batch.
        device: where the tensors are moved to.

    Raises:
        DataError: there are not two tensors in each, or `valid` has classes that `train` has not.
    """
    for part, name in ((train, "train"), (valid, "valid")):
        tensors = getattr(part, "tensors", ())
        if len(tensors) != 2:
            held = f"{len(tensors)} tensors" if tensors else type(part).__name__
            raise DataError(f"{name} must be a TensorDataset of inputs and targets; {held} arrived.")
    y = _labels(train.tensors[1])
    datasets = (
        LabelledTensors(train.tensors[0], y),
        LabelledTensors(valid.tensors[0], y.new(valid.tensors[1].cpu().numpy())),
    )
    first, second = (
        TensorLoader(part, part.x, part.y.data, bs=bs, device=device, shuffle=part is datasets[0]) for part in datasets
    )
    return first, second


def _labels(targets: Tensor) -> LabelList:
    values = targets.cpu().numpy()
    if targets.is_floating_point():
        return FloatList(values)
    return CategoryList(values, classes=list(range(int(values.max()) + 1)) if values.size else None)
