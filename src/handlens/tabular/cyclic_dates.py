"""add_cyclic_datepart: a date as places on circles, so that December is next to January."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from handlens.tabular.dates import check_column, column_prefix, distinct_dates
from handlens.tabular.frames import put_columns

DAY = 86_400
"""Seconds."""


def add_cyclic_datepart(
    df: pd.DataFrame,
    field: str,
    prefix: str | None = None,
    *,
    drop: bool = True,
    time: bool = False,
    add_linear: bool = False,
) -> pd.DataFrame:
    """Add the cosine and sine of a date's place in the week, month and year to `df`, in place, as the course does.

    The columns are weekday_cos, weekday_sin, and likewise day_month (the day in its month), month_year (the month in
    its year) and day_year (the day in its year). A place is a share p of its cycle from 0 to below 1, such as
    (day − 1) / days of the month, and the columns are cos 2πp and sin 2πp. Where the date is missing they are NaN.

    Args:
        df: the frame to change, with any index.
        field: a column of dates, as `add_datepart` takes it. With a time zone, all is local.
        prefix: what the columns' names begin with; the field's name without a "Date" or "date" at its end unless given.
        drop: whether to drop `field`; otherwise it stays.
        time: also hour (of 24), clock (the hour of 12), min and sec.
        add_linear: also year_lin, the year and the share of it that has passed.

    Returns:
        `df` itself.

    Raises:
        TableError: `field` is not a column of the frame, or does not hold dates. `df` is not changed then.

    Example:
        >>> df = add_cyclic_datepart(pd.DataFrame({"SaleDate": ["2015-07-01", "2015-01-01"]}), "SaleDate")
        >>> df[["Saleday_year_cos", "Salemonth_year_cos"]].round(3)
           Saleday_year_cos  Salemonth_year_cos
        0              -1.0                -1.0
        1               1.0                 1.0
    """
    check_column(df, field, "field")
    rows, days = distinct_dates(df[field], field)
    places = _places(days, time=time)
    columns: dict[str, NDArray[np.float64]] = {}
    for name, place in places.items():
        columns |= {f"{name}_cos": np.cos(2 * np.pi * place), f"{name}_sin": np.sin(2 * np.pi * place)}
    if add_linear:
        passed = places["day_year"] + _seconds(days) / DAY / _days_of_year(days)
        columns["year_lin"] = np.asarray(days.year, np.float64) + passed
    if drop:
        del df[field]
    start = column_prefix(field) if prefix is None else prefix
    # −1, a missing date, is the last element.
    put_columns(df, {start + name: np.append(values, np.nan)[rows] for name, values in columns.items()})
    return df


def _places(days: pd.DatetimeIndex, *, time: bool) -> dict[str, NDArray[np.float64]]:
    """The place of each date in each cycle, from 0 to below 1."""
    places = {
        "weekday": days.day_of_week / 7,
        "day_month": (days.day - 1) / days.days_in_month,
        "month_year": (days.month - 1) / 12,
        "day_year": (days.day_of_year - 1) / _days_of_year(days),
    }
    if time:
        places |= {
            "hour": days.hour / 24,
            "clock": days.hour % 12 / 12,
            "min": days.minute / 60,
            "sec": days.second / 60,
        }
    return {name: np.asarray(place, np.float64) for name, place in places.items()}


def _days_of_year(days: pd.DatetimeIndex) -> NDArray[np.int64]:
    return np.where(days.is_leap_year, 366, 365)


def _seconds(days: pd.DatetimeIndex) -> NDArray[np.float64]:
    """Seconds since midnight."""
    return np.asarray(3600 * days.hour + 60 * days.minute + days.second + days.microsecond / 1e6, np.float64)
