"""Training and predicting with the learner for tables, quietly and without the choice of columns."""

from __future__ import annotations

import copy
import io
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from handlens.core.labels import CategoryList, FloatList
from handlens.core.progress import tables_in
from handlens.core.schedule import USUAL_RATE
from handlens.tabular import (
    Categorify,
    FillMissing,
    Normalize,
    TabularDataBunch,
    TabularLearner,
    TabularList,
    tabular_learner,
)
from handlens.tabular.data import AT_ONCE
from handlens.tabular.date_parts import DateParts


def train_on(
    table: pd.DataFrame,
    targets: Sequence[Any],
    *,
    classes: list[Any] | None,
    epochs: int,
    max_lr: float | None,
    layers: Sequence[int] | None,
    ps: float | Sequence[float] | None,
    wd: float,
    bs: int,
    seed: int,
) -> TabularLearner:
    """A learner that is trained on all rows, which it then no longer holds.

    Args:
        table: the rows; each column has a name that is text.
        targets: the class or the number of each row.
        classes: all classes in their order; None where targets are numbers.
        epochs, max_lr, layers, ps, wd, bs: as in `TabularClassifier`.
        seed: of all random choices; torch's random numbers outside stay as they are.
    """
    cats, conts = kinds_of(table)
    procs = [DateParts, FillMissing, Categorify, Normalize]
    items = TabularList.from_df(table, cat_names=cats, cont_names=conts, procs=procs).split_none()
    labelled = (
        items.label_from_lists(targets, [], label_cls=FloatList)
        if classes is None
        else items.label_from_lists(targets, [], label_cls=CategoryList, classes=classes)
    )
    data = labelled.databunch(bs=bs)
    with torch.random.fork_rng([]), tables_in(io.StringIO()):
        learn = tabular_learner(data, layers=layers, ps=ps, seed=seed)
        learn.fit_one_cycle(epochs, USUAL_RATE if max_lr is None else max_lr, wd=wd, seed=seed)
    without_rows = TabularDataBunch.from_state(data.state(), path=data.path)
    return TabularLearner(without_rows, learn.model, loss_func=learn.loss_func)


def kinds_of(table: pd.DataFrame) -> tuple[list[str], list[str]]:
    """The names of the categorical columns, dates among them, and of the continuous ones.

    A column without any value has no mean to fill it with; as a categorical one it has no levels.

    Example:
        >>> kinds_of(pd.DataFrame({"shop": ["a", "b"], "price": [1.0, None], "nothing": [None, None]}))
        (['shop', 'nothing'], ['price'])
    """
    numeric = [name for name in table.columns if _holds_numbers(table[name])]
    return [name for name in table.columns if name not in numeric], numeric


def _holds_numbers(column: pd.Series) -> bool:
    if column.isna().all():
        return False
    if column.dtype == object:
        found = pd.api.types.infer_dtype(column, skipna=True)
        return found in ("integer", "floating", "mixed-integer-float", "decimal")
    return pd.api.types.is_numeric_dtype(column.dtype) and not pd.api.types.is_bool_dtype(column.dtype)


def predictions(learn: TabularLearner, table: pd.DataFrame) -> NDArray[np.float64]:
    """Probabilities [rows, classes], or numbers [rows].

    They are computed in float64: in float32 the last digits of a row depend on the rows beside it.
    """
    with warnings.catch_warnings():
        # In the folds of a cross-validation this is everyday, and nothing to correct.
        warnings.filterwarnings("ignore", "missing values in columns that had none in training")
        codes, numbers = (torch.from_numpy(part) for part in learn.data.encoder.encode(table))
    model = copy.deepcopy(learn.model).to("cpu", torch.float64)
    with torch.inference_mode():
        parts = [model(*part) for part in zip(codes.split(AT_ONCE), numbers.double().split(AT_ONCE), strict=True)]
        return np.asarray(learn.data.y.activate(torch.cat(parts)).numpy())
