"""add_datepart: calendar columns of a date, such as its weekday and week."""

from __future__ import annotations

import datetime
import re
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from handlens.core.checks import separator_hint
from handlens.errors import TableError
from handlens.io.problems import reason_of
from handlens.tabular.frames import check_columns, is_missing, put_columns

# The lesson's names, and those of pandas.
_COUNTS = {"Year": "year", "Month": "month", "Week": "week", "Day": "day"}
_COUNTS |= {"Dayofweek": "day_of_week", "Dayofyear": "day_of_year"}
_FLAGS = (
    "Is_month_end",
    "Is_month_start",
    "Is_quarter_end",
    "Is_quarter_start",
    "Is_year_end",
    "Is_year_start",
)
_TIMES = ("Hour", "Minute", "Second")
_DATES = (datetime.date, np.datetime64)  # pandas and datetime timestamps are dates too
_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


def add_datepart(df: pd.DataFrame, field: str, *, drop: bool = True, time: bool = False) -> pd.DataFrame:
    """Add calendar columns of a date to `df`, in place, as the lesson does.

    The columns are Year, Month, Week (of ISO 8601), Day, Dayofweek (Monday is 0), Dayofyear, Is_month_end,
    Is_month_start, Is_quarter_end, Is_quarter_start, Is_year_end, Is_year_start and Elapsed (seconds since 1970,
    UTC), each after the field's name without a "Date" or "date" at its end: "SaleDate" gives SaleYear. A column of
    such a name that is there already must hold the same, as after a second call. Where the date is missing the flags
    are False and the others NaN.

    Args:
        df: the frame to change, with any index.
        field: a column of timestamps (of any unit, with or without a time zone), of dates, or of text in ISO 8601
            such as "2015-07-31". With a time zone, all columns but Elapsed are local.
        drop: whether to drop `field`; otherwise it stays, as timestamps.
        time: whether to add Hour, Minute and Second too.

    Returns:
        `df` itself.

    Raises:
        TableError: `field` is not a column of the frame, or does not hold dates; or the new columns would have the
            names of others: of a second date, such as "date" beside "Date", or of columns that hold something else.
            `df` is not changed then.

    Example:
        >>> df = add_datepart(pd.DataFrame({"SaleDate": ["2015-07-31"]}), "SaleDate")
        >>> df[["SaleYear", "SaleWeek", "SaleDayofweek", "SaleIs_month_end"]]
           SaleYear  SaleWeek  SaleDayofweek  SaleIs_month_end
        0      2015        31              4              True
    """
    check_column(df, field, "field")
    prefix = column_prefix(field)
    twin = next((c for c in df.columns if c != field and c in (f"{prefix}Date", f"{prefix}date")), None)
    if twin is not None:
        raise TableError(
            f"the columns of {field!r} must have names of their own; {twin!r}, which is there too, would have the "
            f"same, such as {prefix + 'Year'!r}: rename one, df = df.rename(columns={{{field!r}: 'Other{field}'}})."
        )
    # Many rows share few dates, so each distinct date is parsed and looked up only once.
    rows, days = distinct_dates(df[field], field)
    gaps = bool((rows < 0).any())
    columns = {prefix + part: _gap_last(values, gaps)[rows] for part, values in _parts(days, time=time).items()}
    for name, values in columns.items():
        if name in df.columns and not _same(df[name], values):
            raise TableError(
                f"the frame must not have a column {name!r} yet, because {field!r} gives one of this name and it holds "
                f"something else: rename or drop it, df = df.drop(columns={name!r})."
            )
    if drop:
        del df[field]
    else:
        put_columns(df, {field: days.insert(len(days), pd.NaT)[rows]})  # −1, missing, is the last element
    put_columns(df, columns)
    return df


def column_prefix(field: str) -> str:
    return re.sub("[Dd]ate$", "", field)


def _same(column: Any, values: NDArray[Any]) -> bool:
    """Whether a column, or several of one name, holds these numbers or flags already."""
    try:
        held = column.astype(object).where(column.notna(), np.nan).to_numpy(np.float64)
    except (TypeError, ValueError):
        return False
    return np.array_equal(held, values.astype(np.float64), equal_nan=True)


def check_column(df: pd.DataFrame, name: object, what: str) -> None:
    """Raise TableError unless `name` is text and the name of exactly one column of `df`."""
    if not isinstance(name, str):
        raise TableError(
            f"{what} must be the name of one column, as text; {name!r} arrived. If names are not text, rename the "
            "columns first: df.columns = df.columns.astype(str)."
        )
    check_columns(df, [], what)
    if name not in df.columns:
        shown = ", ".join(map(str, df.columns[:10]))
        hint = separator_hint(df.columns, [name])
        raise TableError(f"{what} must be a column of the frame; {name!r} is not. The columns are: {shown}.{hint}")
    check_columns(df, [name], what)


def distinct_dates(column: pd.Series, name: str) -> tuple[NDArray[np.intp], pd.DatetimeIndex]:
    """The position of each row's date among the column's distinct dates, −1 where it is missing, and those dates.

    Raises:
        TableError: the column holds numbers, text that is not ISO 8601, or time zones that differ from row to row.
    """
    try:
        rows, uniques = pd.factorize(column)
    except TypeError as error:  # lists and other unhashable values
        odd = next(value for value in column if not is_missing(value) and not isinstance(value, (str, *_DATES)))
        raise _no_date(name, odd, []) from error
    if column.dtype.kind == "M":
        return rows, pd.DatetimeIndex(uniques)
    values = list(uniques)
    for value in values:
        # pandas would read numbers as nanoseconds and the word "now" as the present time.
        if not (re.match(r"\s*\d", value) if isinstance(value, str) else isinstance(value, _DATES)):
            raise _no_date(name, value, values)
    try:
        return rows, pd.DatetimeIndex(pd.to_datetime(pd.Series(values, dtype=object), format="ISO8601"))
    except (ValueError, OverflowError) as error:
        odd = next((value for value in values if isinstance(value, str) and not _is_iso(value)), None)
        if odd is not None:
            raise _no_date(name, odd, values) from error
        raise TableError(
            f"column {name!r} must hold dates of one time zone, or all without ({reason_of(error)}). "
            f"Convert it: df[{name!r}] = pd.to_datetime(df[{name!r}], utc=True)."
        ) from error


def _is_iso(text: str) -> bool:
    try:
        pd.to_datetime(text, format="ISO8601")
    except (ValueError, OverflowError):
        return False
    return True


def _no_date(name: str, value: object, values: list[Any]) -> TableError:
    alike: list[Any] = [each for each in values if type(each) is type(value)]
    if isinstance(value, str):
        known = [form for form in (*_TEXTS, *_DIGITS.get(len(value.strip()), ())) if _are_dates(alike, form)]
        found = known or ["%d.%m.%Y"]
        such = "" if found[0] in known else ", such as '%d.%m.%Y' for 31.12.2020"
        remedy = f"say how it is written{such}: df[{name!r}] = pd.to_datetime(df[{name!r}], format={found[0]!r})"
        remedy += f", or format={found[1]!r} where the month comes first" if len(found) > 1 else ""
    elif isinstance(value, pd.Period):
        remedy = f"take the first day of each: df[{name!r}] = df[{name!r}].dt.to_timestamp()"
    elif isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool):
        remedy = f"convert it, {_from_numbers(name, alike)}"
    else:
        remedy = "convert it to a column with one date a row"
    return TableError(
        f"column {name!r} must hold timestamps, dates, or text in ISO 8601 such as '2015-07-31'; it holds "
        f"{type(value).__name__} values such as {str(value)[:40]!r}: {remedy}."
    )


_TEXTS = (
    *("%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y.%m.%d", "%d %b %Y", "%d %B %Y"),
    *("%d-%b-%Y", "%b %d, %Y", "%B %d, %Y", "%d.%m.%y", "%d/%m/%y", "%m/%d/%y", "%d.%m.%Y %H:%M", "%d/%m/%Y %H:%M"),
    *("%m/%d/%Y %H:%M", "%d.%m.%Y %H:%M:%S", "%d/%m/%Y %H:%M:%S", "%m/%d/%Y %H:%M:%S"),
)
_DIGITS = {
    **{8: ("%Y%m%d", "%d%m%Y", "%m%d%Y"), 14: ("%Y%m%d%H%M%S",), 12: ("%Y%m%d%H%M",), 10: ("%Y%m%d%H",)},
    **{7: ("%Y%j",), 6: ("%Y%m",), 4: ("%Y",)},
}
"""How dates are written in so many digits."""
_ERA = (datetime.datetime(1900, 1, 1), datetime.datetime(2200, 1, 1))
_SECONDS = (10**8, 7 * 10**9)
"""From 1973 to 2191, in seconds since 1970."""


def _from_numbers(name: str, values: list[Any]) -> str:
    """How to make dates of numbers: their digits are a date, or they count days or parts of seconds."""
    column = f"df[{name!r}]"
    known = [value for value in values if not is_missing(value)]
    if known and all(float(value).is_integer() for value in known):
        texts = [str(int(value)) for value in known]
        form = next((form for form in _DIGITS.get(len(texts[0]), ()) if _are_dates(texts, form)), None)
        if form is not None:
            whole = isinstance(known[0], (int, np.integer))
            text = f"{column}.astype('str')" if whole else f"{column}.astype('Int64').astype('string')"
            return f"whose digits are dates: {column} = pd.to_datetime({text}, format={form!r})"
    if known and all(20_000 <= value < 80_000 for value in known):
        made = f"pd.to_datetime(pd.to_numeric({column}), unit='D', origin='1899-12-30')"
        return f"if it counts days as a spreadsheet does: {column} = {made}"
    least, most = _SECONDS
    unit = next((u for u, per in _PER_SECOND.items() if all(least * per <= v < most * per for v in known)), "s")
    return f"with its unit: {column} = pd.to_datetime({column}, unit={unit!r})"


def _are_dates(texts: list[str], form: str) -> bool:
    """Whether all texts are dates of our era that are written in this form."""
    try:
        return all(_ERA[0] <= datetime.datetime.strptime(text.strip(), form) < _ERA[1] for text in texts)
    except ValueError:
        return False


def _parts(days: pd.DatetimeIndex, *, time: bool) -> dict[str, NDArray[Any]]:
    """The columns of some dates, by their names."""
    parts: dict[str, NDArray[Any]] = {}
    for name, source in _COUNTS.items():
        values = days.isocalendar().week if source == "week" else getattr(days, source)
        parts[name] = np.asarray(values, np.int32)
    for name in _FLAGS:
        parts[name] = np.asarray(getattr(days, name.lower()), bool)
    if time:
        parts |= {name: np.asarray(getattr(days, name.lower()), np.int32) for name in _TIMES}
    # pandas stores dates in several units, so asi8 is only valid together with the unit.
    parts["Elapsed"] = days.asi8 // _PER_SECOND[days.unit]
    return parts


def _gap_last(values: NDArray[Any], gaps: bool) -> NDArray[Any]:
    """The values and, if there are gaps, a missing value at the end, where the index −1 finds it."""
    if not gaps:
        return values
    return np.append(values, False) if values.dtype == bool else np.append(values.astype(np.float64), np.nan)
