"""DateParts: a preprocessor that makes calendar columns of dates, so that a model takes rows with dates as they are."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pandas as pd

from handlens.errors import ArtifactError
from handlens.tabular.dates import add_datepart, distinct_dates
from handlens.tabular.procs import TabularProc

_CLASSES = ("Month", "Dayofweek")
"""The parts, beside the flags, that are categories; the others count on."""


class DateParts(TabularProc):
    """Replace each date among the categorical columns by its calendar columns, as `add_datepart` does.

    Months, weekdays and flags become categorical columns, all other parts continuous ones. Hours, minutes and seconds
    are parts too if a training row has a time of day. In later rows, the dates may also be text in ISO 8601.

    The fitted state is {"dates": {column: whether it has times of day}}.

    Args:
        cat_names, cont_names: the categorical and the continuous columns; categorical ones that hold timestamps or
            dates in the training rows are replaced.

    Raises:
        TableError: as `TabularProc`; and a calendar column would have the name of another one, see `add_datepart`.

    Example:
        >>> df = pd.DataFrame({"day": pd.to_datetime(["2015-07-31", "2015-08-01"]), "shop": ["a", "b"]})
        >>> parts = DateParts(["day", "shop"], [])
        >>> parts(df)
        >>> parts.cat_names[:3], parts.cont_names
        (['shop', 'dayMonth', 'dayDayofweek'], ['dayYear', 'dayWeek', 'dayDay', 'dayDayofyear', 'dayElapsed'])
        >>> df["dayDayofweek"].tolist()
        [4, 5]
    """

    def __init__(self, cat_names: Iterable[str], cont_names: Iterable[str]) -> None:
        super().__init__(cat_names, cont_names)
        self._given = (self.cat_names, self.cont_names)
        self._parts: list[str] = []

    def fit(self, df: pd.DataFrame) -> dict[str, Any]:
        """Which of the categorical columns are dates, and whether each has times of day."""
        return {"dates": {name: _has_times(df[name], name) for name in self._given[0] if holds_dates(df[name])}}

    def restore(self, state: dict[str, Any]) -> None:
        super().restore(state)
        dates = self.fitted.get("dates")
        if (
            not isinstance(dates, dict)
            or not set(dates) <= set(self._given[0])
            or not all(isinstance(has_times, bool) for has_times in dates.values())
        ):
            raise ArtifactError(
                "the state of DateParts must hold 'dates' for columns that it was made with; it does not: save the "
                "model again."
            )
        cats, conts = _parts_of(dates)
        self._parts = [*cats, *conts]
        self.cat_names = [*(name for name in self._given[0] if name not in dates), *cats]
        self.cont_names = [*self._given[1], *conts]

    @property
    def added(self) -> list[str]:
        """The calendar columns; empty before a fit."""
        return self._parts

    def apply(self, df: pd.DataFrame) -> None:
        for name, has_times in self.fitted["dates"].items():
            if name in df.columns:  # not in rows to which it was applied already
                add_datepart(df, name, time=has_times)


def holds_dates(column: pd.Series) -> bool:
    """Whether a column holds timestamps or dates, and not the text of some.

    Example:
        >>> holds_dates(pd.to_datetime(pd.Series(["2015-07-31"]))), holds_dates(pd.Series(["2015-07-31"]))
        (True, False)
    """
    if column.dtype == object:
        return pd.api.types.infer_dtype(column, skipna=True) in ("date", "datetime", "datetime64")
    return bool(pd.api.types.is_datetime64_any_dtype(column.dtype))


def _has_times(column: pd.Series, name: str) -> bool:
    _, found = distinct_dates(column, name)
    return bool((found != found.normalize()).any())


def _parts_of(dates: dict[str, bool]) -> tuple[list[str], list[str]]:
    """The names of the categorical and of the continuous calendar columns."""
    cats: list[str] = []
    conts: list[str] = []
    for name, has_times in dates.items():
        parts = add_datepart(pd.DataFrame({name: [pd.Timestamp(2000, 1, 1)]}), name, time=has_times)
        for part in parts.columns:
            kind = cats if parts[part].dtype == bool or part.endswith(_CLASSES) else conts
            kind.append(str(part))
    return cats, conts
