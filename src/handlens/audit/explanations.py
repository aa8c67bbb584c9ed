"""Explanations of one prediction for a reviewer: the contribution of each feature, and the nearest labelled cases."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from handlens.audit.columns import as_array, plain
from handlens.errors import AuditError

_EXACT = 2**53
"""Whole numbers from here on are not all floats."""

Predict = Callable[[pd.DataFrame], ArrayLike]


def feature_moves(
    predict: Predict, row: Mapping[str, Any] | pd.Series | pd.DataFrame, background: pd.DataFrame
) -> pd.DataFrame:
    """How much each feature of a row changes its prediction, compared with a typical value of the feature.

    One column at a time is replaced by its typical value (the median of numbers, the most common level of anything
    else) while the others stay as they are: a one-at-a-time ablation. It is fast and easy to explain. It does not see
    effects that two columns have only together, and a row with one value replaced may be unlike any real row.

    Args:
        predict: takes a frame of N rows and returns a number for each, [N]: a probability or a predicted number.
        row: the row, by column name, or a frame with one row.
        background: rows to take typical values from, such as the training rows; its columns are the features.

    Returns:
        A frame with a row for each feature, the largest change first: feature, value, typical, change. The change is
        the prediction for the row minus that for the row with the typical value.

    Raises:
        AuditError: `background` is empty, the row lacks one of its columns, or `predict` does not return a finite
            number for each row.

    Example:
        >>> background = pd.DataFrame({"income": [20.0, 30.0, 90.0]})
        >>> feature_moves(lambda rows: 2 * rows["income"], {"income": 90.0}, background)
          feature value typical  change
        0  income    90      30   120.0
    """
    if not isinstance(background, pd.DataFrame) or not len(background) or not background.shape[1]:
        raise AuditError("background must be a frame with rows and columns; something else, or an empty one, arrived.")
    if not background.columns.is_unique:
        raise AuditError(f"background must have distinct column names; {list(background.columns)} are not: rename one.")
    if isinstance(row, pd.DataFrame):
        if len(row) != 1:
            raise AuditError(f"row must be one row; a frame of {len(row)} rows arrived.")
        row = row.iloc[0]
    if not isinstance(row, (Mapping, pd.Series)):
        raise AuditError(f"row must be a mapping by column name, or a frame with one row; {row!r:.40} arrived.")
    missing = [name for name in background.columns if name not in row]
    if missing:
        raise AuditError(f"row must have every column of background; missing: {missing}.")
    names = list(background.columns)
    typical = {name: _typical(background[name]) for name in names}
    # The row itself, and for each column the row with the typical value of that column.
    columns = {name: [row[name]] * (len(names) + 1) for name in row.keys()}  # noqa: SIM118 — a Series' own keys
    for i, name in enumerate(names, 1):
        columns[name][i] = typical[name]
    tried = pd.DataFrame({name: _as(values, background.get(name)) for name, values in columns.items()})
    found = np.asarray(as_array(predict(tried)))
    if found.shape != (len(tried),) or found.dtype.kind not in "iufb" or not np.isfinite(found).all():
        raise AuditError(
            f"predict must return a finite number for each of {len(tried)} rows; {found.dtype} {list(found.shape)} "
            "arrived: for probabilities [N, classes] give the column of one class."
        )
    change = float(found[0]) - found[1:].astype(float)
    table = pd.DataFrame(
        {
            "feature": names,
            "value": pd.Series([plain(row[name]) for name in names], dtype=object),
            "typical": pd.Series([plain(typical[name]) for name in names], dtype=object),
            "change": change,
        }
    )
    return table.iloc[np.argsort(-np.abs(change), kind="stable")].reset_index(drop=True)


def nearest_labelled(
    features: ArrayLike, labels: Sequence[Any], query: ArrayLike, *, k: int = 5, references: Sequence[Any] | None = None
) -> pd.DataFrame:
    """The k labelled cases that are nearest to `query`.

    Args:
        features: the features of the cases, [N, D]: of a layer of the model, or standardised columns.
        labels: their labels, [N]; cases whose label is missing are left out.
        query: the features of the case to explain, [D].
        k: how many cases, at most.
        references: what the cases are called, [N]; their positions unless given.

    Returns:
        A frame, nearest case first: reference, label, distance (Euclidean).

    Raises:
        AuditError: shapes do not fit, numbers are not finite, no case has a label, or k is below 1.

    Example:
        >>> nearest_labelled([[0, 0], [3, 4], [1, 1]], ["no", "yes", "yes"], [0, 0], k=2)["label"].tolist()
        ['no', 'yes']
    """
    x, q = _floats(features, "features", 2), _floats(query, "query", 1)
    if x.shape[1] != len(q):
        raise AuditError(f"query must have as many numbers as features have columns, {x.shape[1]}; {len(q)} arrived.")
    called = list(range(len(x))) if references is None else list(references)
    for name, values in (("labels", labels), ("references", called)):
        if len(values) != len(x):
            raise AuditError(f"{name} must be as many as features has rows, {len(x)}; {len(values)} arrived.")
    if isinstance(k, bool) or not isinstance(k, int) or k < 1:
        raise AuditError(f"k must be a whole number, 1 or more; {k!r} arrived.")
    known = np.flatnonzero(pd.Series(list(labels), dtype=object).notna().to_numpy())
    if not len(known):
        raise AuditError("labels must hold at least one label; all of them are missing.")
    distance = np.sqrt(((x[known] - q) ** 2).sum(1))
    order = np.argsort(distance, kind="stable")[:k]
    listed = list(labels)
    return pd.DataFrame(
        {
            "reference": pd.Series([plain(called[i]) for i in known[order]], dtype=object),
            "label": pd.Series([plain(listed[i]) for i in known[order]], dtype=object),
            "distance": distance[order],
        }
    )


def _typical(column: pd.Series) -> Any:
    present = column.dropna()
    if not len(present):
        return None
    if pd.api.types.is_integer_dtype(present):
        ordered = sorted(map(int, present))
        twice = ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]
        return twice // 2 if twice % 2 == 0 or abs(twice) >= _EXACT else twice / 2  # exact, as identifiers must be
    if pd.api.types.is_numeric_dtype(present) and not pd.api.types.is_bool_dtype(present):
        return present.median()
    counts = present.value_counts()
    # Of equally common levels the first by name, so that the result does not depend on the order of the rows.
    return min(counts.index[counts == counts.iloc[0]], key=str)


def _as(values: list[Any], like: pd.Series | None) -> pd.Series:
    """A column with the type that it has in the background, if that type can hold these values."""
    column = pd.Series(values, dtype=object)
    if like is None:
        return column.infer_objects()
    try:
        if like.dtype == bool and column.isna().any():  # which would become False
            return column
        if isinstance(like.dtype, pd.CategoricalDtype) and not column.dropna().isin(like.cat.categories).all():
            return column
        if not pd.api.types.is_integer_dtype(like.dtype):
            return column.astype(like.dtype)
        numbers = column.astype(float)
        return column if (numbers.abs() >= _EXACT).any() else numbers  # a float would be another whole number
    except (TypeError, ValueError):
        return column.infer_objects()


def _floats(values: ArrayLike, name: str, dimensions: int) -> np.ndarray:
    found = np.asarray(as_array(values))
    if found.ndim != dimensions or found.dtype.kind not in "iufb":
        shape = "[N, D]" if dimensions == 2 else "[D]"
        raise AuditError(f"{name} must be numbers {shape}; {found.dtype} {list(found.shape)} arrived.")
    if not np.isfinite(found).all():
        raise AuditError(f"{name} must be finite; {int((~np.isfinite(found)).sum())} of its numbers are not.")
    return found.astype(np.float64)
