"""Data of torch: a `TensorDataset` for each part, as lesson 5 of the course has them, or a dataset of one's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
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


class LabelledPairs:
    """A dataset of one's own, whose items are (input, target), with the labels of its items.

    Each target was read once, when this was made; inputs are read whenever they are needed.

    Example:
        >>> dataset = LabelledPairs([(torch.zeros(2), 1), (torch.ones(2), 0)], CategoryList([1, 0]))
        >>> x, y = dataset[1]
        >>> x.tolist(), y.name
        ([1.0, 1.0], 0)
    """

    def __init__(self, x: Any, y: LabelList) -> None:
        self.x = x
        self.y = y

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, position: int) -> tuple[Any, Any]:
        x, _ = _pair(self.x, position)
        if isinstance(x, np.ndarray):
            x = torch.as_tensor(x)
        if not isinstance(getattr(x, "data", None), Tensor):
            raise DataError(
                f"the input of an item must be a tensor, in a dataset of your own; {type(x).__name__} arrived: make "
                "one in __getitem__, or use the data-block API, such as ImageList."
            )
        return x, self.y[position]

    def __repr__(self) -> str:
        return f"{len(self):,} × ({type(self.x).__name__}, {self.y!r})"


def labelled_pairs(train: Any, valid: Any) -> tuple[LabelledPairs, LabelledPairs]:
    """Two datasets of one's own with labels that are read from their items.

    Args:
        train, valid: `train[i]` is (input, target). Whole numbers are classes from 0 to the largest in `train`, or
            positions in `train.classes`, floats are numbers to predict, and text is the name of a class.

    Raises:
        DataError: an item is not a pair, or its target is none of these.

    Example:
        >>> items = [(torch.zeros(2), 0.5), (torch.ones(2), 1.5)]
        >>> labelled_pairs(items, items)[0].y
        FloatList of label
    """
    first, second = ([_plain(_pair(part, i)[1]) for i in range(len(part))] for part in (train, valid))
    names = getattr(train, "classes", None)
    if any(isinstance(value, (float, list)) for value in first):
        y: LabelList = FloatList(np.array(first, np.float64))
    elif all(isinstance(value, int) for value in first):
        codes = list(range(int(max(first, default=0)) + 1))
        if names is not None and len(names) >= len(codes):
            first, second = ([names[v] if 0 <= v < len(names) else v for v in part] for part in (first, second))
            codes = list(names)
        y = CategoryList([int(v) if isinstance(v, bool) else v for v in first], classes=codes)
        second = [int(v) if isinstance(v, bool) else v for v in second]
    else:
        y = CategoryList(first)
    return LabelledPairs(train, y), LabelledPairs(valid, y.new(np.array(second) if second else second))


def _pair(dataset: Any, position: int) -> tuple[Any, Any]:
    item = dataset[position]
    if not isinstance(item, (tuple, list)) or len(item) != 2:
        held = f"{len(item)} things" if isinstance(item, (tuple, list)) else type(item).__name__
        raise DataError(f"an item of a dataset must be (input, target); {held} arrived, at position {position}.")
    return item[0], item[1]


def _plain(target: Any) -> Any:
    """A target as Python's own value: a number, text, or a list of numbers."""
    if isinstance(target, (Tensor, np.ndarray, np.generic)):
        return target.tolist()
    return target


def _labels(targets: Tensor) -> LabelList:
    values = targets.cpu().numpy()
    if targets.is_floating_point():
        return FloatList(values)
    return CategoryList(values, classes=list(range(int(values.max()) + 1)) if values.size else None)
