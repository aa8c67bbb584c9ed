"""What scikit-learn's users give, checked: rows of a table, paths of photos, classes and numbers."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_consistent_length, check_random_state, column_or_1d
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import assert_all_finite, validate_data

from handlens.errors import DataError
from handlens.io.problems import reason_of

if TYPE_CHECKING:
    import pandas as pd
    from sklearn.base import BaseEstimator

LEAST_ROWS = 2
"""Rows that a model can learn from."""


def table_of(estimator: BaseEstimator, X: Any, y: Any = "no_validation", *, reset: bool) -> pd.DataFrame:
    """Rows as a frame whose columns have the names that the estimator has seen; those of an array are x0, x1, ….

    Args:
        estimator: takes `n_features_in_`, and of a frame `feature_names_in_`, or is compared with them.
        X: a frame, or an array or list [rows, columns].
        y: the targets, which must be there to fit.
        reset: whether to fit, and not to predict.

    Raises:
        ValueError: there are too few rows or columns, or others than the estimator was fitted on, or they are infinite.
        TypeError: a value is not one of a table, such as a list.
    """
    import pandas as pd

    if isinstance(X, pd.DataFrame):
        twice = X.columns[X.columns.duplicated()]
        if len(twice):
            raise DataError(f"each column must have a name of its own; {twice[0]!r} is that of several. Rename them.")
        validate_data(estimator, X, y, reset=reset, skip_check_array=True)
        frame = X
    else:
        checked = validate_data(estimator, X, reset=reset, dtype=None, ensure_all_finite="allow-nan")
        if y is None:  # which scikit-learn's own function words best
            validate_data(estimator, X, y, reset=False, skip_check_array=True)
        frame = pd.DataFrame(checked).infer_objects()
    if reset and len(frame) < LEAST_ROWS:
        raise DataError(
            f"a table to learn from must have {LEAST_ROWS} rows or more; n_samples = {len(frame)}: give more."
        )
    names = getattr(estimator, "feature_names_in_", [f"x{i}" for i in range(frame.shape[1])])
    frame = frame.set_axis(list(names), axis=1)
    for name in [name for name, dtype in frame.dtypes.items() if isinstance(dtype, np.dtype) and dtype.kind == "O"]:
        odd = next((value for value in frame[name] if isinstance(value, (dict, list, set, np.ndarray))), None)
        if odd is not None:
            raise TypeError(
                f"each argument must be a string or a number, or another value of a table; column {name!r} holds "
                f"{type(odd).__name__} values such as {str(odd)[:40]}. Make columns of its parts."
            )
    return frame


def paths_of(estimator: BaseEstimator, X: Any, *, reset: bool) -> list[str]:
    """Paths of photos as texts.

    Args:
        estimator: takes `n_features_in_`, 1, and of a frame `feature_names_in_`, or is compared with them.
        X: a list, array or Series of paths, or a frame or array of one column of them.
        reset: whether to fit, and not to predict.

    Raises:
        DataError: these are not paths, or there are none.
    """
    import pandas as pd

    if isinstance(X, (str, os.PathLike)):
        raise DataError(f"X must be a list of paths; the single path {str(X)!r} arrived: write [{str(X)!r}].")
    if isinstance(X, pd.DataFrame):
        validate_data(estimator, X, reset=reset, skip_check_array=True)
    elif reset:
        estimator.n_features_in_ = 1
        vars(estimator).pop("feature_names_in_", None)
    values = np.asarray(X, object)
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != 1 or not len(values):
        raise DataError(
            "X must be paths of photos, one for each: a list, an array or Series, or a frame of one column; it has the "
            f"shape {list(values.shape)}. Give at least one path."
        )
    odd = next((value for value in values if not isinstance(value, (str, os.PathLike))), None)
    if odd is not None:
        raise DataError(
            f"X must be paths of photos, as text or pathlib.Path; {type(odd).__name__} values such as "
            f"{str(odd)[:40]!r} arrived. For tables, use TabularClassifier."
        )
    return [os.fspath(value) for value in values]


def classes_of(y: Any, rows: Any) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """The classes [C], sorted, and the class of each row as a position among them [rows].

    Raises:
        ValueError: there is one class only, a label is missing, or these are amounts and not classes.
    """
    y = _column(y, rows)
    try:
        check_classification_targets(y)
        classes, codes = np.unique(y, return_inverse=True)
    except TypeError as error:  # text and numbers cannot be sorted
        kinds = sorted({type(value).__name__ for value in y})
        raise DataError(
            f"classes must be of one kind: text, whole numbers or booleans; y has {' and '.join(kinds)}. Convert them, "
            "for example to text."
        ) from error
    if len(classes) < 2:
        raise DataError(
            f"a classifier must have two classes or more to learn from; y has one class, {str(classes[0])[:40]!r}, in "
            f"all of its {len(y)} rows. Give rows of another class too."
        )
    return classes, codes


def numbers_of(y: Any, rows: Any) -> NDArray[np.float64]:
    """The numbers to predict [rows].

    Raises:
        ValueError: a number is missing or infinite, or is not a number.
    """
    column = _column(y, rows)
    try:
        return column.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"y must hold numbers; {reason_of(error)}. For classes, use TabularClassifier.") from error


def _column(y: Any, rows: Any) -> NDArray[Any]:
    import pandas as pd

    if y is None:
        raise DataError("fit requires y to be passed, but the target y is None. Give a label for each row.")
    missing = np.flatnonzero(pd.isna(y))  # before NumPy makes the text "nan" of them
    if len(missing):
        raise DataError(
            f"Input y contains NaN or None: each row must have a label, and {len(missing)} are missing, the first at "
            f"position {missing[0]}. Drop these rows."
        )
    if isinstance(y, pd.Series) and isinstance(y.dtype, pd.api.extensions.ExtensionDtype):
        y = y.to_numpy()  # of which scikit-learn would make floats
    y = column_or_1d(y, warn=True)
    assert_all_finite(y, input_name="y")
    check_consistent_length(rows, y)
    return np.asarray(y)


def seed_of(random_state: Any) -> int:
    """A seed for one fit, the same for the same whole number."""
    return int(check_random_state(random_state).randint(np.iinfo(np.int32).max))
