"""Labels that are numbers."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any, Self

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn import functional as F

from handlens.core.checks import as_numbers
from handlens.core.labels.base import LabelList, as_table, refuse_missing, saved_names
from handlens.errors import DataError


class FloatList(LabelList):
    """Each item has a number, or several; a model is trained with the mean squared error.

    Args:
        values: finite numbers, one an item, or a column a target.
        log: train on the natural logarithm of the numbers, which must be above 0 then: errors count in proportion
            to the number, as in exp_rmspe. `data` and predictions are logarithms; `decode`, `predict` and
            `dataset.y[i]` give numbers on the scale they came in.
        scale: what predictions are multiplied by, targets and loss are not; see `rmspe_scale`. It may also be set
            later: `learn.data.y.scale = …`.

    Raises:
        DataError: a number is missing or infinite, or not above 0 with `log`; a value is not a number, but text or a
            timestamp; or `scale` is not a finite number above 0.

    Example:
        >>> import torch
        >>> y = FloatList([1.0, 1.0], log=True)
        >>> y.data.tolist(), y.decode(torch.tensor([0.0]))
        ([0.0, 0.0], [1.0])
    """

    def __init__(self, values: Any, *, log: bool = False, scale: float = 1.0) -> None:
        table = as_table(values)
        self.names = [str(name) for name in table.columns]
        if not isinstance(log, bool):
            raise DataError(f"log must be True or False; {log!r} arrived.")
        self.log = log
        self.scale = scale
        self.c = len(self.names)
        self.data = self._encode(table)

    @property
    def scale(self) -> float:
        """What predictions are multiplied by."""
        return self._scale

    @scale.setter
    def scale(self, scale: float) -> None:
        if not isinstance(scale, (int, float)) or not 0 < scale <= np.finfo(np.float64).max:
            raise DataError(f"scale must be a finite number above 0; {scale!r} arrived.")
        self._scale = float(scale)

    @staticmethod
    def loss_func(outputs: Tensor, targets: Tensor) -> Tensor:
        return F.mse_loss(outputs.view_as(targets), targets)

    def _encode(self, table: pd.DataFrame) -> Tensor:
        columns = [_finite(table[name], str(name)) for name in table.columns]
        if self.log:
            columns = [_log(values, name) for values, name in zip(columns, self.names, strict=True)]
        values = np.stack(columns, 1).astype(np.float32)
        return torch.from_numpy(values[:, 0].copy() if self.c == 1 else values)

    def blank(self, n: int) -> Self:
        return self._filled(n, float("nan"))

    def decode(self, data: Tensor) -> list[Any]:
        numbers = data.double().flatten() if self.c == 1 else data.double()
        return (numbers.exp() if self.log else numbers).tolist()

    def by_target(self, data: Tensor) -> dict[str, Any]:
        numbers = np.asarray(self.decode(data), float).reshape(-1, self.c)
        return dict(zip(self.names, numbers.T, strict=True))

    def in_rows(self, values: Tensor) -> Tensor:
        return values.reshape(len(values), self.c)

    def activate(self, outputs: Tensor) -> Tensor:
        numbers = outputs.flatten() if self.c == 1 else outputs
        if self.scale == 1:
            return numbers
        return numbers + math.log(self.scale) if self.log else numbers * self.scale

    def decide(self, predictions: Tensor) -> Tensor:
        return predictions

    def state(self) -> dict[str, Any]:
        return {"kind": "FloatList", "names": self.names, "log": self.log, "scale": self.scale}

    def restore(self, state: dict[str, Any]) -> None:
        self.names, self.log = saved_names(state), state["log"]
        if not isinstance(self.log, bool):
            raise ValueError(f"log {self.log!r}")
        self.scale = state.get("scale", 1.0)
        self.c = len(self.names)
        self.data = torch.empty(0) if self.c == 1 else torch.empty(0, self.c)


def _finite(column: pd.Series, name: str) -> np.ndarray:
    if column.dtype.kind in "biuf":
        values = column.to_numpy(np.float64, na_value=np.nan)
    else:
        values = np.array([_number(value, name) for value in column.astype(object)], np.float64)
    refuse_missing(np.isnan(values), name)
    limit = np.finfo(np.float32).max
    infinite = np.flatnonzero(np.abs(values) > limit)
    if len(infinite):
        raise DataError(
            f"the target {name!r} must hold finite numbers; {len(infinite)} of {len(values)} are not (or are beyond "
            f"{limit:.1e}), the first at position {infinite[0]}: drop or correct these rows."
        )
    return values


def _number(value: Any, name: str) -> float:
    """One value of a target as a float, nan if missing; what no float can hold is infinite."""
    if isinstance(value, _NUMBERS) and not isinstance(value, np.timedelta64):  # which numpy counts among the integers
        try:
            return float(value)
        except OverflowError:
            return math.inf
    if pd.api.types.is_scalar(value) and pd.isna(value):
        return math.nan
    classes = "leave label_cls out to predict classes, or " if isinstance(value, str) else ""
    raise DataError(
        f"the target {name!r} must hold numbers; it holds {type(value).__name__} values such as {str(value)[:40]!r}: "
        f"{classes}make numbers of it: {as_numbers(value, name)}."
    )


_NUMBERS = (bool, int, float, np.bool_, np.integer, np.floating, Decimal)


def _log(values: np.ndarray, name: str) -> np.ndarray:
    wrong = np.flatnonzero(values <= 0)
    if len(wrong):
        raise DataError(
            f"log=True needs targets above 0; {len(wrong)} of {len(values)} in {name!r} are not, the first, "
            f"{values[wrong[0]]:g}, at position {wrong[0]}. Drop them, df = df[df[{name!r}] > 0], or leave log out."
        )
    return np.log(values)
