"""The lesson's preprocessors for tables, FillMissing, Categorify and Normalize, and the base class for your own."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from handlens.core.checks import callers_level
from handlens.core.preprocess import Preprocessor
from handlens.errors import ArtifactError, TableError
from handlens.tabular.frames import LARGEST, check_columns, check_names, number, numbers, put_columns
from handlens.tabular.levels import Levels

_LEAST = 1e-162
"""The smallest possible standard deviation: the square of any smaller number is 0."""


class TabularProc(Preprocessor[pd.DataFrame]):
    """A preprocessor of a frame's categorical and continuous columns: fitted on training rows, then applied to others.

    `proc(df)` fits on `df` and changes it in place; `proc(df, test=True)` only applies, in place. Columns that are in
    neither list are not changed. A preprocessor of your own is a small class with `fit`, which returns the fitted state
    as plain JSON, and `apply`.

    Args:
        cat_names, cont_names: the categorical and the continuous columns to work on.

    Attributes:
        cat_names, cont_names: the columns after this step; a step that adds columns extends them, and the next step
            is made with these names.

    Raises:
        TableError: a column is missing or occurs twice, there is no row to fit on, or values cannot be used.
        NotFittedError: `test=True` before any fit.

    Example:
        >>> class Clip(TabularProc):
        ...     def fit(self, df):
        ...         return {name: float(df[name].quantile(0.75)) for name in self.cont_names}
        ...
        ...     def apply(self, df):
        ...         for name, highest in self.fitted.items():
        ...             df[name] = df[name].clip(upper=highest)
        >>> df = pd.DataFrame({"x": [1.0, 2.0, 3.0, 4.0, 50.0]})
        >>> Clip([], ["x"])(df)
        >>> df["x"].tolist()
        [1.0, 2.0, 3.0, 4.0, 4.0]
    """

    def __init__(self, cat_names: Iterable[str], cont_names: Iterable[str]) -> None:
        super().__init__()
        self.cat_names = check_names(cat_names, "cat_names")
        self.cont_names = check_names(cont_names, "cont_names")
        both = sorted(set(self.cat_names) & set(self.cont_names))
        if both:
            raise TableError(
                f"a column must be either categorical or continuous; both cat_names and cont_names have {both}."
            )

    @classmethod
    def from_state(cls, cat_names: Iterable[str], cont_names: Iterable[str], state: dict[str, Any]) -> Self:
        """The fitted step, as it was saved.

        Args:
            cat_names, cont_names: the names it was made with.
            state: what its `state()` gave.

        Raises:
            ArtifactError: the state is damaged, or is not of this class and these columns.
        """
        proc = cls(cat_names, cont_names)
        proc.restore(state)
        return proc

    def __call__(self, df: pd.DataFrame, *, test: bool = False) -> None:
        """Fit on a frame and change it in place, or only apply what was fitted before.

        Args:
            df: the training rows to fit on; others with `test`. They are changed in place.
            test: only apply.

        Raises:
            TableError: a column is missing or occurs twice, there is no row to fit on, or values cannot be used.
            NotFittedError: `test=True` before any fit.
        """
        for names, what in ((self.cat_names, "cat_names"), (self.cont_names, "cont_names")):
            check_columns(df, [name for name in names if name not in self.added], what)
        if not test and not len(df):
            raise TableError(f"{type(self).__name__} must be fitted on at least one row; the frame has no rows.")
        super().__call__(df, test=test)

    @property
    def added(self) -> list[str]:
        """The columns that this step adds to a frame; empty unless a class overrides it."""
        return []

    def apply_row(self, row: dict[str, Any]) -> None:
        """Apply to one row, a dict by column name, in place: the same result as `apply` on a frame of that row.

        This default makes such a frame, which takes a millisecond; a class can override it with something faster.
        """
        df = pd.DataFrame({name: [value] for name, value in row.items()})
        self.apply(df)
        row.update({str(name): df[name].iloc[0] for name in df.columns})


class Categorify(TabularProc):
    """Turn the categorical columns into pandas categories whose levels are those of the training rows.

    A value that is missing, or that no training row has, gets the pandas code −1; the model adds one to all codes,
    so its level 0 means "missing or unseen". Levels are sorted; a column that is categorical already keeps its own
    order. See `handlens.tabular.levels.Levels` for what can be a level.

    The fitted state is {"levels": {column: levels}}.

    Args:
        cat_names, cont_names: the categorical and the continuous columns.

    Raises:
        TableError: as `TabularProc`; and, when it is fitted, a column holds values that cannot be levels.

    Example:
        >>> train, later = pd.DataFrame({"c": ["b", "a"]}), pd.DataFrame({"c": ["a", "new", None]})
        >>> categorify = Categorify(["c"], [])
        >>> categorify(train)
        >>> categorify(later, test=True)
        >>> later["c"].cat.codes.tolist()
        [0, -1, -1]
    """

    def fit(self, df: pd.DataFrame) -> dict[str, Any]:
        """The levels of each categorical column."""
        return {"levels": {name: Levels.of(df[name], name).state() for name in self.cat_names}}

    def restore(self, state: dict[str, Any]) -> None:
        super().restore(state)
        states = _of_columns(self, "levels", self.cat_names, dict)
        self._levels = {name: Levels.from_state(states[name], name) for name in self.cat_names}

    @property
    def levels(self) -> dict[str, Levels]:
        """The levels of each categorical column.

        Raises:
            NotFittedError: there was no fit yet.
        """
        _ = self.fitted
        return self._levels

    def apply(self, df: pd.DataFrame) -> None:
        columns = {}
        for name, levels in self.levels.items():
            codes = levels.codes(df[name])
            columns[name] = pd.Categorical.from_codes(codes, dtype=levels.dtype, validate=False)
        put_columns(df, columns)

    def apply_row(self, row: dict[str, Any]) -> None:
        for name, levels in self.levels.items():
            row[name] = levels.value(row[name])


class FillMissing(TabularProc):
    """Fill missing values of the continuous columns with the median of the training rows.

    Each column that has missing values in the training rows also gets a boolean column `<name>_na` that says where,
    and that name is added to `cat_names`. A column that has missing values only in later rows is filled too, and
    counted in one warning. A column without missing values keeps its dtype, a filled one becomes float64. Applying it
    to filled rows again changes nothing.

    The fitted state is {"medians": {column: number}, "missing": [columns that had missing values]}.

    Args:
        cat_names, cont_names: the categorical and the continuous columns.

    Raises:
        TableError: as `TabularProc`; and, when it is fitted, a column has no value at all, or the name of a column to
            add is in use.

    Example:
        >>> df = pd.DataFrame({"x": [1.0, None, 5.0]})
        >>> FillMissing([], ["x"])(df)
        >>> df.to_dict("list")
        {'x': [1.0, 3.0, 5.0], 'x_na': [False, True, False]}
    """

    def __init__(self, cat_names: Iterable[str], cont_names: Iterable[str]) -> None:
        super().__init__(cat_names, cont_names)
        self._given = self.cat_names

    def fit(self, df: pd.DataFrame) -> dict[str, Any]:
        """The median of each continuous column, and which of them have missing values."""
        medians: dict[str, float] = {}
        missing: list[str] = []
        for name in self.cont_names:
            values = numbers(df[name], name)
            present = values[~np.isnan(values)]
            if not len(present):
                raise _all_missing(name)
            medians[name] = float(np.median(present).astype(_kind(df[name])))  # a value that the column can hold
            if len(present) < len(values):
                missing.append(name)
                if _flag(name) in df.columns:
                    raise TableError(
                        f"column {name!r} has missing values, so FillMissing adds {_flag(name)!r}, but the frame has "
                        f"a column of that name: rename it."
                    )
        return {"medians": medians, "missing": missing}

    def restore(self, state: dict[str, Any]) -> None:
        super().restore(state)
        _of_columns(self, "medians", self.cont_names, float)
        missing = self.fitted.get("missing")
        if not isinstance(missing, list) or not all(name in self.cont_names for name in missing):
            raise _damaged(self, "missing")
        self.cat_names = [*self._given, *(name for name in self.added if name not in self._given)]

    @property
    def added(self) -> list[str]:
        """The `<name>_na` columns; empty before a fit."""
        return [_flag(name) for name in self._fitted["missing"]] if self._fitted else []

    def apply(self, df: pd.DataFrame) -> None:
        columns: dict[str, NDArray[Any]] = {}
        surprises: dict[str, int] = {}
        for name, median in self.fitted["medians"].items():
            values = numbers(df[name], name)
            missing = np.isnan(values)
            count = int(missing.sum())
            if count:
                columns[name] = np.where(missing, median, values)
            if name in self.fitted["missing"]:
                columns[_flag(name)] = missing | _flagged_before(df, name)
            elif count:
                surprises[name] = count
        put_columns(df, columns)
        _warn_of(surprises)

    def apply_row(self, row: dict[str, Any]) -> None:
        surprises: dict[str, int] = {}
        flagged = self.fitted["missing"]
        for name, median in self.fitted["medians"].items():
            value = number(row[name], name)
            missing = math.isnan(value)
            if missing:
                row[name] = median
            if name in flagged:
                row[_flag(name)] = missing
            elif missing:
                surprises[name] = 1
        _warn_of(surprises)


class Normalize(TabularProc):
    """Subtract the mean of the training rows from each continuous column and divide by their standard deviation.

    The standard deviation divides by N, as scikit-learn's StandardScaler does. A column that is constant in training
    becomes zeros, in later rows too, because a model cannot have learned anything from it; so does one that is constant
    but for rounding, as shares that add up to 1 are. Missing values stay missing.
    The columns become float64.

    The fitted state is {"means": {column: number}, "stds": {column: number, 0 where constant}}.

    Args:
        cat_names, cont_names: the categorical and the continuous columns.

    Raises:
        TableError: as `TabularProc`; and, when it is fitted, a column has no value at all.

    Example:
        >>> df = pd.DataFrame({"x": [1.0, 1.0, 3.0, 3.0]})
        >>> Normalize([], ["x"])(df)
        >>> df["x"].tolist()
        [-1.0, -1.0, 1.0, 1.0]
    """

    def fit(self, df: pd.DataFrame) -> dict[str, Any]:
        """Mean and standard deviation of each continuous column."""
        means: dict[str, float] = {}
        stds: dict[str, float] = {}
        for name in self.cont_names:
            values = numbers(df[name], name)
            present = values[~np.isnan(values)]
            if not len(present):
                raise _all_missing(name)
            rounding = _rounding(df[name], present) * float(np.abs(present).max())
            constant = float(present.max()) - float(present.min()) <= rounding
            means[name] = float(present[0] if constant else present.mean())
            stds[name] = 0.0 if constant else float(present.std())
        return {"means": means, "stds": stds}

    def restore(self, state: dict[str, Any]) -> None:
        super().restore(state)
        _of_columns(self, "means", self.cont_names, float)
        stds = _of_columns(self, "stds", self.cont_names, float)
        if any(std and std < _LEAST for std in stds.values()):
            raise _damaged(self, "stds")

    def apply(self, df: pd.DataFrame) -> None:
        columns = {}
        stds = self.fitted["stds"]
        for name, mean in self.fitted["means"].items():
            values = numbers(df[name], name)
            columns[name] = (values - mean) / stds[name] if stds[name] else np.where(np.isnan(values), np.nan, 0.0)
        put_columns(df, columns)

    def apply_row(self, row: dict[str, Any]) -> None:
        stds = self.fitted["stds"]
        for name, mean in self.fitted["means"].items():
            value = number(row[name], name)
            if stds[name]:
                row[name] = (value - mean) / stds[name]
            else:
                row[name] = value if math.isnan(value) else 0.0


_UNITS = {"f2": 2, "f4": 8, "f8": 64}
"""Units in the last place by which values may differ that are equal but for rounding: as many as a sum of some hundred
shares is off in doubles, and fewer in the coarser types, where so many units could be what was measured."""


def _rounding(column: pd.Series, values: NDArray[np.float64]) -> float:
    """How far apart the values of a column may be, in relation to their size, to be equal but for rounding.

    Whole numbers are never rounded. Doubles that are all float32 values, and not all whole, were float32 before:
    `FillMissing` makes doubles of them.
    """
    dtype: Any = column.dtype
    if dtype.kind in "iub":
        return 0.0
    kind = _kind(column)
    if kind == "f8" and (values == values.astype("f4")).all() and not (values == values.round()).all():
        kind = "f4"
    return _UNITS[kind] * float(np.finfo(kind).eps)


def _kind(column: pd.Series) -> str:
    """The type of float that the column's values were rounded to."""
    dtype: Any = column.dtype
    return f"f{min(dtype.itemsize, 8)}" if dtype.kind == "f" else "f8"


def _flag(name: str) -> str:
    return f"{name}_na"


def _flagged_before(df: pd.DataFrame, name: str) -> NDArray[np.bool_]:
    """Where an earlier application to this frame found the column missing."""
    if _flag(name) not in df.columns:
        return np.zeros(len(df), bool)
    before = df[_flag(name)]
    if not set(before.unique()) <= {True, False}:
        raise TableError(
            f"FillMissing adds a column {_flag(name)!r}, but the frame has one of that name which is not boolean; "
            "rename it."
        )
    return before.to_numpy(bool)


def _warn_of(surprises: dict[str, int]) -> None:
    if surprises:
        counted = ", ".join(f"{name} ({count})" for name, count in surprises.items())
        warnings.warn(
            f"missing values in columns that had none in training, filled with the training median: {counted}",
            UserWarning,
            stacklevel=callers_level(),
        )


def _all_missing(name: str) -> TableError:
    return TableError(
        f"continuous column {name!r} must have at least one value in the training rows; all are missing. "
        "Leave it out of cont_names."
    )


def _of_columns(proc: TabularProc, key: str, names: list[str], kind: type) -> dict[str, Any]:
    """The part `key` of a fitted state: one value of this kind for each of the names."""
    part = proc.fitted.get(key)
    if not isinstance(part, dict) or set(part) != set(names):
        raise _damaged(proc, key)
    for value in part.values():
        whole = kind is float and isinstance(value, int) and not isinstance(value, bool)
        if not (isinstance(value, kind) or whole) or (kind is float and not abs(value) <= LARGEST):
            raise _damaged(proc, key)
    return part


def _damaged(proc: TabularProc, key: str) -> ArtifactError:
    return ArtifactError(
        f"the state of {type(proc).__name__} must hold {key!r} for the columns it was made with; it does not: "
        "save the model again."
    )
