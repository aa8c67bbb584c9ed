"""What was, or will be, around a row in time: days since and until an event, and sums over the rows beside it.

Each function looks within one group (a shop, a patient, a machine) at a time, in the order of the dates, whatever the
order of the frame. The result is a Series with the frame's own index, row for row.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from handlens.errors import TableError
from handlens.tabular.dates import distinct_dates
from handlens.tabular.frames import check_columns, numbers

_DAY = "datetime64[D]"


def days_since(df: pd.DataFrame, event: str, *, group: str, date: str) -> pd.Series:
    """Calendar days since the last row of the same group with the event, 0 on its day; NaN before the first.

    Args:
        df: the frame; it is not changed.
        event: a column of booleans or numbers; the event is where it is not 0.
        group, date: the columns that say whose row it is and when; see `add_datepart` for what dates may be.

    Returns:
        float64, named as the event.

    Raises:
        TableError: a column is missing, has missing values, or holds what it must not.
    """
    rows = _Rows(df, group=group, date=date)
    happened = _whole(df, event, "event")[rows.order] != 0
    # Where the last event stands for each row; several rows of one day see the same event, the day's last.
    last = np.maximum.accumulate(np.where(happened, np.arange(len(df)), -1))[rows.last_of_day]
    since = np.where(last >= rows.first_of_group, (rows.day - rows.day[last]).astype(np.float64), np.nan)
    return rows.series(since, event)


def days_until(df: pd.DataFrame, event: str, *, group: str, date: str) -> pd.Series:
    """Calendar days until the next row of the same group with the event, 0 on its day; NaN after the last.

    Arguments, result and errors are those of `days_since`.
    """
    rows = _Rows(df, group=group, date=date)
    happened = _whole(df, event, "event")[rows.order] != 0
    n = len(df)
    following = np.minimum.accumulate(np.where(happened, np.arange(n), n)[::-1])[::-1][rows.first_of_day]
    there = following <= rows.last_of_group
    until = np.where(there, (rows.day[np.where(there, following, 0)] - rows.day).astype(np.float64), np.nan)
    return rows.series(until, event)


def backward_sum(df: pd.DataFrame, column: str, *, group: str, date: str, rows: int) -> pd.Series:
    """The sum of a column over the row and those before it in its group, `rows` in all or as many as there are.

    Args:
        df: the frame; it is not changed. Rows of one group and date count in the frame's order.
        column: numbers or booleans.
        group, date: the columns that say whose row it is and when.
        rows: how many rows a window holds, 1 or more.

    Returns:
        int64 for integers and booleans, float64 otherwise, named as the column.

    Raises:
        TableError: a column is missing, has missing values, or holds what it must not; `rows` is less than 1.
    """
    return _sum_beside(df, column, group=group, date=date, rows=rows, step=-1)


def forward_sum(df: pd.DataFrame, column: str, *, group: str, date: str, rows: int) -> pd.Series:
    """The sum of a column over the row and those after it in its group, `rows` in all or as many as there are.

    Arguments, result and errors are those of `backward_sum`.
    """
    return _sum_beside(df, column, group=group, date=date, rows=rows, step=1)


def _sum_beside(df: pd.DataFrame, column: str, *, group: str, date: str, rows: int, step: int) -> pd.Series:
    if rows < 1:
        raise TableError(f"rows must be 1 or more, the row itself counts; {rows} arrived")
    sorted_rows = _Rows(df, group=group, date=date)
    values = _whole(df, column, "column")[sorted_rows.order]
    total = values.copy()
    # One shift for each row of the window: a running sum would lose small numbers behind large ones.
    for away in range(1, min(rows, len(df))):
        here, there = (slice(away, None), slice(None, -away))[::-step]
        same = sorted_rows.group[here] == sorted_rows.group[there]
        total[here] += np.where(same, values[there], 0)
    return sorted_rows.series(total, column)


class _Rows:
    """A frame's rows put in order of group and date, and where each one's group and day begin and end there."""

    def __init__(self, df: pd.DataFrame, *, group: str, date: str) -> None:
        check_columns(df, [group], "group")
        check_columns(df, [date], "date")
        groups, _ = pd.factorize(df[group])
        places, dates = distinct_dates(df[date], date)
        for name, found in ((group, groups), (date, places)):
            if (found < 0).any():
                raise _has_missing(name, int((found < 0).sum()))
        days = dates.tz_localize(None).to_numpy().astype(_DAY).astype(np.int64)[places]
        # By the moment and not the day, so that the rows of one day stand in order too.
        moments = dates.asi8[places]
        self.order = np.lexsort((moments, groups))
        self._index = df.index
        self.group = groups[self.order]
        self.day = days[self.order]
        self.first_of_group, self.last_of_group = _runs(self.group[1:] != self.group[:-1], len(df))
        new_day = (self.group[1:] != self.group[:-1]) | (self.day[1:] != self.day[:-1])
        self.first_of_day, self.last_of_day = _runs(new_day, len(df))

    def series(self, values: NDArray[np.generic], name: str) -> pd.Series:
        """Values in this order as a Series in the frame's."""
        back = np.empty_like(values)
        back[self.order] = values
        return pd.Series(back, index=self._index, name=name)


def _runs(changes: NDArray[np.bool_], n: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """For each of n rows, the first and the last of the run it is in; `changes` [n−1] is where a new one begins."""
    starts = np.flatnonzero(np.append(True, changes)) if n else np.empty(0, np.intp)
    lengths = np.diff(np.append(starts, n))
    return np.repeat(starts, lengths), np.repeat(starts + lengths - 1, lengths)


def _whole(df: pd.DataFrame, name: str, what: str) -> NDArray[np.int64] | NDArray[np.float64]:
    """A column of numbers without gaps, integers and booleans as int64."""
    check_columns(df, [name], what)
    values = numbers(df[name], name)
    if np.isnan(values).any():
        raise _has_missing(name, int(np.isnan(values).sum()))
    return df[name].to_numpy(np.int64) if df[name].dtype.kind in "biu" else values


def _has_missing(name: str, count: int) -> TableError:
    return TableError(
        f"column {name!r} must have no missing values; {count} are missing. Fill them, or drop those rows"
    )
