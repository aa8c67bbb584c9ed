"""Arguments of any kind (lists, arrays, series, frames, tensors) as columns that the audit computes on."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from handlens.errors import AuditError
from handlens.io.problems import reason_of


def column(values: Any, name: str) -> pd.Series:
    """An argument with one value per row as a Series with the index 0 to N − 1.

    Args:
        values: a list, array, series, one-column frame or tensor.
        name: what the argument is called, for error messages.

    Raises:
        AuditError: it does not have one value per row.

    Example:
        >>> column([3, 4], "y_true").tolist()
        [3, 4]
    """
    if isinstance(values, pd.Series):
        return values.reset_index(drop=True)
    if isinstance(values, pd.DataFrame):
        if values.shape[1] != 1:
            raise AuditError(f"{name} must be one column; a frame of {values.shape[1]} columns arrived: choose one.")
        return values.iloc[:, 0].reset_index(drop=True)
    if isinstance(values, (str, bytes, dict, set, frozenset)) or not hasattr(values, "__len__"):
        raise AuditError(
            f"{name} must hold one value per row; a {type(values).__name__} arrived: give a list or an array."
        )
    values = as_array(values)
    if isinstance(values, np.ndarray) and values.ndim != 1:
        if values.ndim == 2 and values.shape[1] == 1:
            return pd.Series(values[:, 0])
        hint = "for probabilities take the positive class's column, proba[:, 1]" if values.ndim == 2 else "flatten it"
        raise AuditError(f"{name} must hold one value per row, shape [N]; shape {list(values.shape)} arrived: {hint}.")
    if isinstance(values, (list, tuple)) and any(isinstance(value, (list, tuple, np.ndarray)) for value in values):
        raise AuditError(f"{name} must hold one value per row; a list of lists arrived: choose one column.")
    try:
        return pd.Series(values).reset_index(drop=True)
    except UnicodeEncodeError as error:
        raise AuditError(f"{name} must hold valid Unicode: {reason_of(error)}. Correct or drop these rows.") from error


def as_array(values: Any) -> Any:
    """A tensor as an array; anything else as it is. It needs no import of PyTorch."""
    return values.detach().cpu().numpy() if hasattr(values, "detach") else values


def check_length(values: pd.Series, name: str, n: int, like: str) -> None:
    """Raise AuditError unless there are n values, as many as the argument called `like` has."""
    if len(values) != n:
        raise AuditError(f"{name} must have a value for each of the {n:,} rows of {like}; {len(values):,} arrived.")


def check_complete(values: pd.Series, name: str) -> None:
    """Raise AuditError if a value is missing."""
    gaps = int(values.isna().sum())
    if gaps:
        raise AuditError(
            f"{name} must be known for each row; {gaps:,} of {len(values):,} are missing: drop these rows."
        )


def numbers(values: pd.Series, name: str) -> NDArray[np.float64]:
    """A column of numbers or booleans as float64; raises AuditError for text, dates and infinities."""
    dtype: Any = values.dtype
    if dtype.kind == "O" and all(isinstance(value, (bool, int, float, np.number)) for value in values):
        values = values.astype(np.float64)
    elif isinstance(dtype, pd.CategoricalDtype) or dtype.kind not in "biuf":
        shown = f"{values.iloc[0]!r}" if len(values) else str(dtype)
        raise AuditError(
            f"{name} must hold numbers; values such as {shown} arrived: convert them, pd.to_numeric({name})."
        )
    found = values.to_numpy(np.float64)
    infinite = int(np.isinf(found).sum())
    if infinite:
        raise AuditError(f"{name} must be finite; {infinite:,} of {len(found):,} values are infinite: drop these rows.")
    return found


def share(value: Any, name: str) -> float:
    """A number between 0 and 1, such as 0.95, as a float; raises AuditError for anything else."""
    found = plain(value)
    if isinstance(found, bool) or not isinstance(found, (int, float)) or not 0 < found < 1:
        raise AuditError(f"{name} must be a number between 0 and 1, such as 0.95; {value!r} arrived.")
    return float(found)


def probabilities(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Numbers that rounding carried out of the range from 0 to 1, by up to 1e-6, as 0 and 1; all others as they are.

    Example:
        >>> probabilities(np.array([-1e-9, 0.5, 1.0000000000000002, 1.1])).tolist()
        [0.0, 0.5, 1.0, 1.1]
    """
    clipped = np.clip(values, 0.0, 1.0)
    return np.where(np.abs(values - clipped) <= 1e-6, clipped, values)


def plain(value: Any) -> Any:
    """A value of NumPy or a decimal as one of Python, and a whole number as int: 3.0 in a column with gaps is 3.

    Example:
        >>> plain(np.float64(3.0)), plain("3")
        (3, '3')
    """
    value = (
        value.item()
        if isinstance(value, np.generic) and not isinstance(value, (np.datetime64, np.timedelta64))
        else value
    )
    if isinstance(value, Decimal) and value.is_finite():
        return int(value) if value == value.to_integral_value() else float(value)
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 2**53 else value
