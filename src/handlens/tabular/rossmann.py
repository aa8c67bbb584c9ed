"""The lesson's Rossmann example: seven raw tables joined into one row for each shop and day."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from handlens.core.checks import whole
from handlens.errors import TableError
from handlens.io.tables import read_csv
from handlens.tabular.dates import add_datepart
from handlens.tabular.frames import check_columns, numbers, put_columns
from handlens.tabular.windows import backward_mean, backward_sum, days_since, days_until, forward_sum

__all__ = ["add_history", "prepare"]

_EVENTS = ("SchoolHoliday", "StateHoliday", "Promo")
_WEEK = 7  # the lesson's windows
_YEAR = 364  # 52 weeks in days, so that weekdays match
_MOST_MONTHS, _MOST_WEEKS = 24, 25  # longer durations of competition or promotion are set to these
_NEVER = 1900  # the lesson's year for "never"
_FIRST_PLAUSIBLE = 1990  # an opening before this year is a typing error and counts as never


@dataclass(frozen=True)
class _Table:
    """The columns of a raw table that are kept; other columns are ignored.

    Those of `key` identify a row, and like those of `full` and `full_text` they may have no missing values.
    """

    key: tuple[str, ...]
    text: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    full: tuple[str, ...] = ()  # numbers
    full_text: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        return (*self.text, *self.full_text, *self.numbers, *self.full)


_TABLES = {
    "train": _Table(
        key=("Store", "Date"),
        text=("Date",),
        full_text=("StateHoliday",),
        full=("Store", "DayOfWeek", "Sales", "Customers", "Open", "Promo", "SchoolHoliday"),
    ),
    "test": _Table(
        key=("Store", "Date"),
        text=("Date",),
        full_text=("StateHoliday",),
        numbers=("Open",),
        full=("Id", "Store", "DayOfWeek", "Promo", "SchoolHoliday"),
    ),
    "store": _Table(
        key=("Store",),
        text=("StoreType", "Assortment", "PromoInterval"),
        numbers=(
            *("CompetitionDistance", "CompetitionOpenSinceMonth", "CompetitionOpenSinceYear"),
            *("Promo2SinceWeek", "Promo2SinceYear"),
        ),
        full=("Store", "Promo2"),
    ),
    "store_states": _Table(key=("Store",), full_text=("State",), full=("Store",)),
    "state_names": _Table(key=("State",), full_text=("StateName", "State")),
    "googletrend": _Table(key=("file", "week"), text=("file", "week"), numbers=("trend",)),
    "weather": _Table(
        key=("file", "Date"),
        text=("file", "Date", "Events"),
        numbers=(
            *("Max_TemperatureC", "Mean_TemperatureC", "Min_TemperatureC"),
            *("Dew_PointC", "MeanDew_PointC", "Min_DewpointC"),
            *("Max_Humidity", "Mean_Humidity", "Min_Humidity"),
            *("Max_Sea_Level_PressurehPa", "Mean_Sea_Level_PressurehPa", "Min_Sea_Level_PressurehPa"),
            *("Max_VisibilityKm", "Mean_VisibilityKm", "Min_VisibilitykM"),
            *("Max_Wind_SpeedKm_h", "Mean_Wind_SpeedKm_h", "Max_Gust_SpeedKm_h"),
            *("Precipitationmm", "CloudCover", "WindDirDegrees"),
        ),
    ),
}


def prepare(folder: Path | str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The Rossmann training and test rows, joined from the seven raw tables as the lesson's notebook joins them.

    Both have a row for each shop and day, numbered from 0, in the order of the raw table; the column `index` holds the
    row numbers of that table. Training rows without sales are left out. Unknown weather and trends are missing values.
    As in the notebook, days until an event are negative (Before…), and 0 where there is no event.

    Args:
        folder: holds train, test, store, store_states, state_names, googletrend and weather, each as .csv or .csv.gz
            (the first of the two if both are there), with the columns of the Kaggle competition "Rossmann Store
            Sales" and of the lesson's additional tables; other columns are ignored.

    Returns:
        train_clean (93 columns; 844,338 rows for the original tables) and test_clean (92 columns; 41,088 rows).

    Raises:
        TableError: a table, a column or a row that another table refers to is missing, a key is not unique, or a value
            cannot be read; the message names it.

    Example:
        >>> prepare("nowhere")  # seven tables must be there
        Traceback (most recent call last):
        handlens.errors.TableError: ...
    """
    tables = {name: _read(Path(folder), name, wanted) for name, wanted in _TABLES.items()}
    rows = {name: tables[name] for name in ("train", "test")}
    for name, table in rows.items():
        table["StateHoliday"] = table["StateHoliday"] != "0"
        table["Date"] = _read_dates(table["Date"], f"{name}: Date")
    around = _around_events(rows)
    shops, days = _shops(tables), _days(tables, rows)
    clean = {}
    for name, table in rows.items():
        _check_known(table["Store"], shops["Store"], f"Store of {name}", "store")
        if name == "train":
            table = table[table["Sales"] != 0]
        kept = table.index
        table = table.reset_index()
        add_datepart(table, "Date", drop=False)
        joined = table.merge(shops, on="Store", how="left").merge(days, on=["State", "Date"], how="left")
        _add_durations(joined)
        clean[name] = pd.concat([joined, around[name].loc[kept].reset_index(drop=True)], axis=1)
    return clean["train"], clean["test"]


def add_history(df: pd.DataFrame, *, gap: int = 48) -> list[str]:
    """Add the sales history of each shop to prepared rows, in place, as columns for `cont_names`.

    The columns are means of the logarithm of a shop's sales minus the mean of all shops on that day, which removes
    season and weather: over the last 28, 91 and 364 days, half a year of the same weekday, 91 days with the same value
    of Promo, and three weeks a year ago; and the change of the 91 days within a year. NaN where nothing is known. The
    winner of the competition used such means of the recent past (Jacobusse 2015, "Winning model documentation").

    Args:
        df: rows as `prepare` returns them; it may contain the rows to predict, with Sales missing.
        gap: how many days before a row's own day its history ends, 1 or more: as many days as must be predicted ahead,
            48 for the competition's test rows.

    Returns:
        The names of the columns that were added; a column without any value is not.

    Raises:
        TableError: Store, Date, DayOfWeek, Promo or Sales is missing or holds values that cannot be used; or `gap` is
            less than 1, so that a row would contain its own sales.

    Example:
        >>> days = pd.date_range("2015-01-01", periods=60)
        >>> df = pd.DataFrame({"Store": 1, "Date": days, "Promo": 0, "Sales": 1000.0})
        >>> df["DayOfWeek"] = days.day_of_week + 1
        >>> add_history(df, gap=1)
        ['Past28', 'Past91', 'Past364', 'PastWeekday', 'PastPromo']
    """
    check_columns(df, ["Store", "Date", "DayOfWeek", "Promo", "Sales"], "the rows")
    gap = whole(gap, "gap, the days that must be predicted ahead,", TableError)
    sales = numbers(df["Sales"], "Sales")
    if (sales <= 0).any():
        raise TableError(
            "Sales must be above 0, or missing where they are to be predicted: drop the days without sales."
        )
    rows = df[["Store", "Date", "DayOfWeek", "Promo"]].assign(relative=np.log(sales))
    rows["relative"] -= rows.groupby("Date")["relative"].transform("mean")

    def mean(days: int, *same: str, gap: int = gap) -> pd.Series:
        """Of a shop's `days` days that end `gap` days ago, among those with the row's values of the columns `same`."""
        return backward_mean(rows, "relative", group=["Store", *same], date="Date", days=days, gap=gap)

    columns = {
        "Past28": mean(28),
        "Past91": mean(91),
        "Past364": mean(364),
        "PastWeekday": mean(182, "DayOfWeek"),
        "PastPromo": mean(91, "Promo"),
        "PastYear": mean(21, gap=max(gap, _YEAR - 10)),
    }
    columns["PastChange"] = columns["Past91"] - mean(91, gap=gap + _YEAR)
    known = {name: column for name, column in columns.items() if column.notna().any()}
    put_columns(df, {name: column.to_numpy() for name, column in known.items()})
    return list(known)


def _read(folder: Path, name: str, wanted: _Table) -> pd.DataFrame:
    """One raw table with its required columns, checked."""
    path = next((p for p in (folder / f"{name}.csv", folder / f"{name}.csv.gz") if p.is_file()), None)
    if path is None:
        raise TableError(
            f"{folder} must hold the seven Rossmann tables as .csv or .csv.gz; there is no {name}.csv. "
            f"The seven are {', '.join(_TABLES)}."
        )
    text = pd.Index([], dtype="str")
    table = read_csv(path, levels=dict.fromkeys((*wanted.text, *wanted.full_text), text))
    missing = [column for column in wanted.columns if column not in table.columns]
    if missing:
        raise TableError(f"{path.name} must have the columns {list(wanted.columns)}; missing: {missing}.")
    table = table[[column for column in table.columns if column in wanted.columns]]
    if not len(table):
        raise TableError(f"{path.name} must have at least one row; it is empty: download or unpack it again.")
    for column in (*wanted.numbers, *wanted.full):
        if table[column].dtype.kind not in "iuf":
            odd = table[column][pd.to_numeric(table[column], errors="coerce").isna() & table[column].notna()]
            shown = odd.iloc[0] if len(odd) else table[column].iloc[0]
            raise TableError(f"{path.name}: {column} must hold numbers; it holds {shown!r}. Correct or drop that row.")
    for column in dict.fromkeys((*wanted.full, *wanted.full_text, *wanted.key)):
        gaps = int(table[column].isna().sum())
        if gaps:
            raise TableError(f"{path.name}: {column} must have a value in each row; {gaps} are missing: fill them.")
    _check_unique(table, wanted.key, path.name)
    return table


def _check_unique(table: pd.DataFrame, key: tuple[str, ...], name: str) -> None:
    twice = table.duplicated(list(key))
    if twice.any():
        row = ", ".join(f"{column} {table[column][twice].iloc[0]}" for column in key)
        raise TableError(
            f"{name} must have one row for each {' and '.join(key)}; there are several for {row}: keep one of them."
        )


def _check_range(table: pd.DataFrame, column: str, least: int, most: int, name: str) -> None:
    outside = table[column][table[column].notna() & ~table[column].between(least, most)]
    if len(outside):
        raise TableError(
            f"{name}: {column} must be between {least} and {most}; it is {outside.iloc[0]:g} in {len(outside)} rows: "
            "correct them or leave them empty."
        )


def _read_dates(days: pd.Series, what: str) -> pd.Series:
    read = pd.to_datetime(days, format="%Y-%m-%d", errors="coerce")
    odd = days[read.isna()]
    if len(odd):
        raise TableError(
            f"{what} must be days such as 2015-07-31; {odd.iloc[0]!r} arrived, in {len(odd)} rows: "
            "correct or remove those rows."
        )
    return read


def _check_known(used: pd.Series, known: pd.Series, what: str, where: str) -> None:
    unknown = sorted(set(used.unique().tolist()) - set(known.unique().tolist()))
    if unknown:
        raise TableError(
            f"each {what} must be in {where}; these are not: {unknown[:5]}{' and others' if len(unknown) > 5 else ''}. "
            f"Add a row for each to {where}."
        )


def _around_events(rows: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """For each row the days since and until each event, and the number of events in the week before and after."""
    names = ["Store", "Date", *_EVENTS]
    both = pd.concat([table[names] for table in rows.values()], ignore_index=True).sort_values(["Store", "Date"])
    by = {"group": "Store", "date": "Date"}
    columns = {}
    for event in _EVENTS:
        columns[f"After{event}"] = days_since(both, event, **by).fillna(0).astype(np.int64)
        columns[f"Before{event}"] = -days_until(both, event, **by).fillna(0).astype(np.int64)
    for suffix, add_up in (("bw", backward_sum), ("fw", forward_sum)):
        for event in _EVENTS:
            columns[f"{event}_{suffix}"] = add_up(both, event, **by, rows=_WEEK)
    around = pd.DataFrame(columns).sort_index()
    train = len(rows["train"])
    return {"train": around.iloc[:train], "test": around.iloc[train:].reset_index(drop=True)}


def _shops(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """One row for each shop: its properties, its state, and when its competitor and its long promotion began."""
    shops = tables["store"]
    _check_known(shops["Store"], tables["store_states"]["Store"], "Store of store", "store_states")
    shops = shops.merge(tables["store_states"], on="Store", how="left")
    _check_known(shops["State"], tables["state_names"]["State"], "State of store_states", "state_names")
    for column, never, most in (
        ("CompetitionOpenSinceYear", _NEVER, 2261),
        ("CompetitionOpenSinceMonth", 1, 12),
        ("Promo2SinceYear", _NEVER, 2261),
        ("Promo2SinceWeek", 1, 53),
    ):
        _check_range(shops, column, never, most, "store")
        shops[column] = shops[column].fillna(never).astype(np.int32)
    opened = {"year": shops["CompetitionOpenSinceYear"], "month": shops["CompetitionOpenSinceMonth"], "day": 15}
    shops["CompetitionOpenSince"] = pd.to_datetime(pd.DataFrame(opened))
    shops["Promo2Since"] = _mondays(shops["Promo2SinceYear"].to_numpy(), shops["Promo2SinceWeek"].to_numpy())
    return shops


def _mondays(year: NDArray[np.int32], week: NDArray[np.int32]) -> NDArray[np.datetime64]:
    """The Monday of each ISO week: week 1 is the one that holds the 4th of January."""
    # Counted in days since 1970, whose first day was a Thursday.
    fourth = (year - 1970).astype("datetime64[Y]").astype("datetime64[D]").astype(np.int64) + 3
    monday = fourth - (fourth + 3) % 7 + 7 * (week.astype(np.int64) - 1)
    return monday.astype("datetime64[D]").astype("datetime64[us]")


def _days(tables: dict[str, pd.DataFrame], rows: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """One row for each state and day: the week's search trend in the state and in Germany, and the weather."""
    days = pd.DataFrame({"Date": pd.concat([table["Date"] for table in rows.values()]).unique()})
    add_datepart(days, "Date", drop=False)
    states = tables["store_states"][["State"]].drop_duplicates()
    days = states.merge(days[["Date", "Year", "Week"]], how="cross")

    trend = tables["googletrend"]
    # "2012-12-02 - 2012-12-08" of "Rossmann_DE_BE", or of "Rossmann_DE" for the whole of Germany
    trend["Date"] = _read_dates(trend["week"].str.split(" - ").str[0], "googletrend: the first day of week")
    trend["State"] = trend["file"].str.split("_").str[2].astype("str")
    trend.loc[trend["State"] == "NI", "State"] = "HB,NI"  # Lower Saxony and Bremen are one state in the other tables
    add_datepart(trend, "Date", drop=False)
    _check_unique(trend, ("file", "Year", "Week"), "googletrend")
    germany = trend[trend["file"] == "Rossmann_DE"]
    _check_known(pd.Series(["Rossmann_DE"]), trend["file"], "file", "googletrend")
    _check_known(days["State"], trend["State"], "State of store_states", "googletrend (as Rossmann_DE_…)")
    germany = germany.rename(columns={name: f"{name}_DE" for name in trend.columns if name not in ("Year", "Week")})

    weather = tables["weather"].merge(tables["state_names"], left_on="file", right_on="StateName")
    weather["Date"] = _read_dates(weather["Date"], "weather: Date")
    _check_known(days["State"], weather["State"], "State of store_states", "weather (by its StateName)")
    days = days.merge(
        trend[["State", "Year", "Week", "file", "week", "trend"]], on=["State", "Year", "Week"], how="left"
    )
    days = days.merge(germany, on=["Year", "Week"], how="left").drop(columns=["Year", "Week"])
    return days.merge(weather.drop(columns="file"), on=["State", "Date"], how="left")


def _add_durations(joined: pd.DataFrame) -> None:
    """Add the time since each shop's competitor and long promotion began, on each day, in place."""
    for what, since, unit, length, most in (
        ("Competition", "CompetitionOpenSince", "Months", 30, _MOST_MONTHS),
        ("Promo2", "Promo2Since", "Weeks", 7, _MOST_WEEKS),
    ):
        joined[since] = joined.pop(since)  # moved to the end of the columns
        days = (joined["Date"] - joined[since]).dt.days.clip(lower=0)
        days = days.where(joined[since].dt.year >= _FIRST_PLAUSIBLE, 0)
        suffix = "Open" if what == "Competition" else ""
        joined[f"{what}Days{suffix}"] = days
        joined[f"{what}{unit}{suffix}"] = (days // length).clip(upper=most)
