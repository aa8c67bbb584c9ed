"""Features of the rows before and after a row in time: days since and until an event, sums and means in windows.

Each function works within one group (a shop, a patient, a machine) at a time, in the order of the dates, whatever the
order of the frame. The group is given by one column or by several columns together. The result is a Series with the
frame's own index, row for row.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from handlens.errors import TableError
from handlens.io.problems import reason_of
from handlens.tabular.dates import check_column, distinct_dates
from handlens.tabular.frames import check_columns, check_names, is_missing, numbers

_DAY = "datetime64[D]"
_NUMBERS = (bool, int, float, np.bool_, np.integer, np.floating)


def days_since(df: pd.DataFrame, event: str, *, group: str | Sequence[str], date: str) -> pd.Series:
    """Calendar days since the last row of the same group with the event, 0 on its day; NaN before the first.

    Args:
        df: the frame; it is not changed.
        event: a column of booleans or numbers; the event is where it is not 0.
        group, date: the columns of the group and of the date; see `add_datepart` for what dates may be.

    Returns:
        float64 [N], in days, named as the event.

    Raises:
        TableError: a column is missing, has missing values, or holds values that cannot be used.

    Example:
        >>> df = pd.DataFrame({"shop": 1, "day": ["2015-07-28", "2015-07-29", "2015-07-31"], "promo": [0, 1, 0]})
        >>> days_since(df, "promo", group="shop", date="day").tolist()
        [nan, 0.0, 2.0]
    """
    rows = _Rows(df, group=group, date=date)
    happened = _complete(df, event, "event")[rows.order] != 0
    # The position of the last event for each row; all rows of one day see the same event, the day's last.
    last = np.maximum.accumulate(np.where(happened, np.arange(len(df)), -1))[rows.last_of_day]
    since = np.where(last >= rows.first_of_group, (rows.day - rows.day[last]).astype(np.float64), np.nan)
    return rows.series(since, event)


def days_until(df: pd.DataFrame, event: str, *, group: str | Sequence[str], date: str) -> pd.Series:
    """Calendar days until the next row of the same group with the event, 0 on its day; NaN after the last.

    Args:
        df: the frame; it is not changed.
        event: a column of booleans or numbers; the event is where it is not 0.
        group, date: the columns of the group and of the date; see `add_datepart` for what dates may be.

    Returns:
        float64 [N], in days, named as the event.

    Raises:
        TableError: a column is missing, has missing values, or holds values that cannot be used.

    Example:
        >>> df = pd.DataFrame({"shop": 1, "day": ["2015-07-28", "2015-07-29", "2015-07-31"], "promo": [0, 1, 0]})
        >>> days_until(df, "promo", group="shop", date="day").tolist()
        [1.0, 0.0, nan]
    """
    rows = _Rows(df, group=group, date=date)
    happened = _complete(df, event, "event")[rows.order] != 0
    n = len(df)
    following = np.minimum.accumulate(np.where(happened, np.arange(n), n)[::-1])[::-1][rows.first_of_day]
    there = following <= rows.last_of_group
    until = np.where(there, (rows.day[np.where(there, following, 0)] - rows.day).astype(np.float64), np.nan)
    return rows.series(until, event)


def backward_sum(df: pd.DataFrame, column: str, *, group: str | Sequence[str], date: str, rows: int) -> pd.Series:
    """The sum of a column over a row and the rows before it in its group, at most `rows` rows in all.

    Args:
        df: the frame; it is not changed. Rows of one group and date are in the frame's order.
        column: numbers or booleans.
        group, date: the columns of the group and of the date.
        rows: how many rows a window holds, 1 or more.

    Returns:
        int64 for integers and booleans, float64 otherwise, [N], named as the column.

    Raises:
        TableError: a column is missing, has missing values, or holds values that cannot be used; or `rows` is less
            than 1.

    Example:
        >>> df = pd.DataFrame({"shop": 1, "day": ["2015-07-28", "2015-07-29", "2015-07-30"], "n": [1, 2, 4]})
        >>> backward_sum(df, "n", group="shop", date="day", rows=2).tolist()
        [1, 3, 6]
    """
    return _sum_beside(df, column, group=group, date=date, rows=rows, step=-1)


def forward_sum(df: pd.DataFrame, column: str, *, group: str | Sequence[str], date: str, rows: int) -> pd.Series:
    """The sum of a column over a row and the rows after it in its group, at most `rows` rows in all.

    Args:
        df: the frame; it is not changed. Rows of one group and date are in the frame's order.
        column: numbers or booleans.
        group, date: the columns of the group and of the date.
        rows: how many rows a window holds, 1 or more.

    Returns:
        int64 for integers and booleans, float64 otherwise, [N], named as the column.

    Raises:
        TableError: a column is missing, has missing values, or holds values that cannot be used; or `rows` is less
            than 1.

    Example:
        >>> df = pd.DataFrame({"shop": 1, "day": ["2015-07-28", "2015-07-29", "2015-07-30"], "n": [1, 2, 4]})
        >>> forward_sum(df, "n", group="shop", date="day", rows=2).tolist()
        [3, 6, 4]
    """
    return _sum_beside(df, column, group=group, date=date, rows=rows, step=1)


def backward_mean(
    df: pd.DataFrame, column: str, *, group: str | Sequence[str], date: str, days: int, gap: int = 0
) -> pd.Series:
    """The mean of a column over the rows of the group in the `days` calendar days that end `gap` days before the row's.

    With a gap of 0 the window ends with the row's own day and includes the row. With a gap of 48, only days that lie 48
    days back or more are used, so the past of the target itself can be a column if one must forecast 48 days ahead.

    Args:
        df: the frame; it is not changed. It may contain the rows to predict, with the column missing.
        column: numbers or booleans; missing values are left out.
        group, date: the columns of the group and of the date.
        days: how many days a window holds, 1 or more.
        gap: how many days before the row's own day the window ends, 0 or more.

    Returns:
        float64 [N], named as the column; NaN where the window holds no value.

    Raises:
        TableError: a column is missing or holds values that cannot be used, a group or date is missing, or `days` or
            `gap` is not a whole number in its range.

    Example:
        >>> df = pd.DataFrame({"shop": 1, "day": ["2015-07-28", "2015-07-29", "2015-07-31"], "n": [1, 3, 8]})
        >>> backward_mean(df, "n", group="shop", date="day", days=2, gap=1).tolist()
        [nan, 1.0, 3.0]
    """
    _check_whole(days, "days", least=1)
    _check_whole(gap, "gap", least=0)
    rows = _Rows(df, group=group, date=date)
    values = _numbers(df, column, "column")[rows.order]
    there = ~np.isnan(values)
    # Rows of one day share their window, so each is summed once.
    starts, place = np.unique(rows.first_of_day, return_inverse=True)
    low, high = _windows(rows, there, starts, days=days, gap=gap)
    sums, counts = _sums(values[there], low, high), high - low
    means = np.divide(sums, counts, out=np.full(len(starts), np.nan), where=counts > 0)
    return rows.series(means[place], column)


def _windows(
    rows: _Rows, there: NDArray[np.bool_], starts: NDArray[np.intp], *, days: int, gap: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """For each position in `starts`, the start and the end (exclusive) of its window among the rows in `there`."""
    known, day = np.unique(rows.day, return_inverse=True)
    span = int(known[-1] - known[0]) + 1 if len(known) else 1
    last = rows.day[starts] - min(gap, span)
    # A row's key: its group, then the position of its day among all days, from 1. The keys are sorted.
    base = len(known) + 1
    keys = (rows.group * base + day + 1)[there]
    low, high = (
        np.searchsorted(keys, rows.group[starts] * base + np.searchsorted(known, before, "right"), "right")
        for before in (last - min(days, span), last)
    )
    return low, high


def _sums(values: NDArray[np.float64], low: NDArray[np.intp], high: NDArray[np.intp]) -> NDArray[np.float64]:
    """The sum of values[low:high] for each pair; both `low` and `high` are sorted.

    Each window is summed by itself: the difference of two cumulative sums would lose the precision of small numbers.
    """
    sums = np.zeros(len(low))
    full = np.flatnonzero(low < high)  # reduceat would treat an empty window as one of one value
    if len(full):
        # Every second sum, from the end of a window to the start of the next one, is not used. The last window may end
        # after the last value, and reduceat needs a value there.
        bounds = np.column_stack([low[full], high[full]]).ravel()
        sums[full] = np.add.reduceat(np.append(values, 0.0), bounds)[::2]
    return sums


def _sum_beside(
    df: pd.DataFrame, column: str, *, group: str | Sequence[str], date: str, rows: int, step: int
) -> pd.Series:
    _check_whole(rows, "rows", least=1)
    sorted_rows = _Rows(df, group=group, date=date)
    longest = int((sorted_rows.last_of_group - sorted_rows.first_of_group).max(initial=-1)) + 1
    rows = min(rows, longest)
    values = _summable(df, column, rows)[sorted_rows.order]
    total = values.copy()
    # One shift for each row of the window: a cumulative sum would lose the precision of small numbers.
    for away in range(1, rows):
        here, there = (slice(away, None), slice(None, -away))[::-step]
        same = sorted_rows.group[here] == sorted_rows.group[there]
        total[here] += np.where(same, values[there], 0)
    return sorted_rows.series(total, column)


class _Rows:
    """A frame's rows sorted by group and date, with the start and end of each row's group and day in that order."""

    def __init__(self, df: pd.DataFrame, *, group: str | Sequence[str], date: str) -> None:
        names = [group] if isinstance(group, str) or not isinstance(group, Sequence) else list(group)
        check_columns(df, check_names(names, "group"), "group")
        check_column(df, date, "date")
        groups = _groups(df, names)
        places, dates = distinct_dates(df[date], date)
        _refuse_missing(places < 0, date)
        days = dates.tz_localize(None).to_numpy().astype(_DAY).astype(np.int64)[places]
        # Sorted by time too, so that the rows of one day are in order. Not by time alone: a clock that is set back just
        # after midnight reaches the same day twice.
        self.order = np.lexsort((dates.asi8[places], days, groups))
        self._index = df.index
        self.group = groups[self.order]
        self.day = days[self.order]
        self.first_of_group, self.last_of_group = _runs(self.group[1:] != self.group[:-1], len(df))
        new_day = (self.group[1:] != self.group[:-1]) | (self.day[1:] != self.day[:-1])
        self.first_of_day, self.last_of_day = _runs(new_day, len(df))

    def series(self, values: NDArray[np.generic], name: str) -> pd.Series:
        """Values in the sorted order as a Series in the frame's order."""
        back = np.empty_like(values)
        back[self.order] = values
        return pd.Series(back, index=self._index, name=name)


def _groups(df: pd.DataFrame, names: list[str]) -> NDArray[np.intp]:
    """The number of each row's group, 0, 1, …: rows in which all the columns are equal form a group."""
    if not names:
        raise TableError("group must name at least one column; the list is empty.")
    groups = np.zeros(len(df), np.intp)
    for name in names:
        try:
            found, uniques = pd.factorize(df[name])
        except TypeError as error:  # lists and other unhashable values
            raise TableError(
                f"group column {name!r} must hold text, numbers, booleans or dates ({reason_of(error)}). "
                f"Convert it: df[{name!r}] = df[{name!r}].astype(str)."
            ) from error
        _refuse_missing(found < 0, name)
        # Numbered again after each column, so that the product stays small.
        groups, _ = pd.factorize(groups * len(uniques) + found)
    return groups


def _runs(changes: NDArray[np.bool_], n: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The first and the last row of the run that each of n rows is in; `changes` [n−1] says where a run begins."""
    starts = np.flatnonzero(np.append(True, changes)) if n else np.empty(0, np.intp)
    lengths = np.diff(np.append(starts, n))
    return np.repeat(starts, lengths), np.repeat(starts + lengths - 1, lengths)


def _numbers(df: pd.DataFrame, name: str, what: str) -> NDArray[np.float64]:
    """A column of numbers or booleans, NaN where missing."""
    check_column(df, name, what)
    try:
        return numbers(df[name], name)
    except TableError as error:
        # The advice of that error is for a model's columns.
        there = (value for value in df[name] if not is_missing(value))
        odd = next((value for value in there if not isinstance(value, _NUMBERS)), None)
        if odd is None and not isinstance(df[name].dtype, pd.CategoricalDtype):
            raise  # numbers, but too large
        raise TableError(
            f"column {name!r} must hold numbers or booleans; it holds {df[name].dtype} values such as "
            f"{str(df[name].dropna().iloc[0] if odd is None else odd)[:40]!r}. Make numbers of it, "
            f"df[{name!r}] = pd.to_numeric(df[{name!r}]), or booleans with a comparison, such as df[{name!r}] > 0."
        ) from error


def _complete(df: pd.DataFrame, name: str, what: str) -> NDArray[np.float64]:
    """A column of numbers or booleans without gaps."""
    values = _numbers(df, name, what)
    _refuse_missing(np.isnan(values), name)
    return values


def _summable(df: pd.DataFrame, name: str, rows: int) -> NDArray[np.int64] | NDArray[np.float64]:
    """A column of numbers without gaps, of which `rows` can be added; integers and booleans as int64."""
    values = _complete(df, name, "column")
    if df[name].dtype.kind not in "biu" or not len(df):
        return values
    largest = max(int(df[name].max()), -int(df[name].min()))
    if largest * rows >= 2**63:
        raise TableError(
            f"column {name!r} must hold integers whose sums stay below 2**63; it holds one of {largest}, and windows "
            f"hold {rows} rows. Convert it, which rounds: df[{name!r}] = df[{name!r}].astype('float64')."
        )
    return df[name].to_numpy(np.int64)


def _check_whole(value: object, name: str, *, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        counts = ", counting the row itself" if name == "rows" else ""
        raise TableError(f"{name} must be a whole number, {least} or more{counts}; {value!r} arrived.")


def _refuse_missing(missing: NDArray[np.bool_], name: str) -> None:
    if missing.any():
        raise TableError(
            f"column {name!r} must have no missing values; {int(missing.sum())} are missing. "
            "Fill them, or drop those rows."
        )
