"""The network that `tabular_learner(data)` makes when `layers` is not given: each size follows from the data.

Every rule is a number below with its reason. They were chosen on some thirty tables of 100 to 50,000 rows with the
default call of `fit_one_cycle`; `benchmarks/regression.py` measures the result beside scikit-learn's models.

- The network has no batch norm: the shares of `Bins` lie between 0 and 1 already, and the statistics of a batch of 64
  rows are noise that a few dozen steps on some hundred rows do not average out.
- It begins as the linear model, see `handlens.tabular.linear`, and learns what that leaves.
- The learning rate is the default of `fit_one_cycle`, on every table: targets have a scale of one inside the model,
  and so have the inputs, so that no table needs another one.
"""

from __future__ import annotations

from dataclasses import dataclass

from handlens.core.labels import FloatList, LabelList

__all__ = ["TableNetwork", "effective_rows", "gain", "network_for"]

LAYERS = (200, 100)
"""The hidden layers, as fastai's tabular models have them; wider ones (256, 512) gained nothing in five epochs."""

ROWS_PER_BIN = 200
"""Training rows for each bin of a number: with fewer, a network learns the noise of single rows."""

BINS = (4, 32)
"""The fewest and the most bins of a number; Gorishniy et al. (2022) use up to some hundred, with more epochs."""

DROPOUT = 5.0
"""Dropout is this over the root of the rows: as the error of a mean, chance falls with the root of the rows."""

GAIN_ROWS = 20_000
"""Rows from which on the network beside a linear part counts fully; with fewer, it is multiplied by the root of their
share, so that what it learns in a step is as uncertain on few rows as on many."""

MOST_DROPOUT = 0.5
"""The most dropout, with which half of a layer is left."""

VECTORS = 0.3
"""The deviation of the categories' vectors at the start: with the lesson's 0.01 they need epochs to become as large as
the other inputs."""


@dataclass(frozen=True)
class TableNetwork:
    """What the network of `tabular_learner(data)` is made with.

    Attributes:
        layers: the widths of the hidden layers.
        ps: dropout after each hidden layer.
        bins: how many bins each number is cut into, see `Bins`.

    Example:
        >>> network_for(rows=353)
        TableNetwork(layers=(200, 100), ps=0.266, bins=4)
        >>> network_for(rows=20_000)
        TableNetwork(layers=(200, 100), ps=0.035, bins=32)
    """

    layers: tuple[int, ...]
    ps: float
    bins: int


def network_for(rows: int) -> TableNetwork:
    """The default network for a table.

    Args:
        rows: how many training rows there are, as `effective_rows` counts them.

    Example:
        >>> network_for(rows=20_000)
        TableNetwork(layers=(200, 100), ps=0.035, bins=32)
    """
    fewest, most = BINS
    return TableNetwork(
        layers=LAYERS,
        ps=round(min(MOST_DROPOUT, DROPOUT / max(rows, 1) ** 0.5), 3),
        bins=min(max(rows // ROWS_PER_BIN, fewest), most),
    )


def gain(rows: int) -> float:
    """What the outputs of a network are multiplied by before a linear part is added.

    Args:
        rows: how many training rows there are, as `effective_rows` counts them.

    Example:
        >>> gain(200), gain(844_338)
        (0.1, 1.0)
    """
    return min(1.0, (rows / GAIN_ROWS) ** 0.5)


def effective_rows(y: LabelList) -> int:
    """How many rows of classes that are equally frequent say as much as these; all rows where targets are numbers.

    Of n rows in k classes with the shares p these are n · (1 − Σ p²) · k / (k − 1): the variance of the indicators over
    the largest there can be.

    Args:
        y: the labels of the training rows.

    Example:
        >>> from handlens.core.labels import CategoryList
        >>> effective_rows(CategoryList(["a", "b"] * 50)), effective_rows(CategoryList(["a"] * 99 + ["b"]))
        (100, 4)
    """
    rows = len(y)
    if isinstance(y, FloatList) or not rows:
        return rows
    if y.data.is_floating_point():  # several classes an item: each a yes or no
        shares = y.data.double().mean(0)
        return round(rows * float((4 * shares * (1 - shares)).mean()))
    shares = y.data.bincount(minlength=y.c).double() / rows
    return round(rows * (1 - float(shares.square().sum())) * y.c / max(y.c - 1, 1))
