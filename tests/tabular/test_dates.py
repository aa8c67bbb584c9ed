"""Calendar columns: days worked out by hand, every kind of date column, and Python's own calendar as the oracle."""

from __future__ import annotations

import datetime
import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlens.errors import TableError
from handlens.tabular.dates import add_datepart

NAMES = [
    *("Year", "Month", "Week", "Day", "Dayofweek", "Dayofyear", "Is_month_end", "Is_month_start", "Is_quarter_end"),
    *("Is_quarter_start", "Is_year_end", "Is_year_start", "Elapsed"),
]
FRIDAY = (2015, 7, 31, 31, 4, 212, True, False, False, False, False, False, 1438300800)
# The week of 2013's last Monday is the first of 2014.
SILVESTER = (
    2013,
    12,
    1,
    31,
    1,
    365,
    True,
    False,
    True,
    False,
    True,
    False,
    1388448000,
)


def parts(df: pd.DataFrame, row: int = 0) -> tuple[Any, ...]:
    return tuple(df[name].tolist()[row] for name in NAMES)


def test_by_hand() -> None:
    df = pd.DataFrame({"Date": ["2015-07-31", "2013-12-31"], "Sales": [1, 2]})
    assert add_datepart(df, "Date") is df
    assert list(df.columns) == ["Sales", *NAMES]
    assert parts(df, 0) == FRIDAY
    assert parts(df, 1) == SILVESTER
    assert df["Year"].dtype == "int32"
    assert df["Is_month_end"].dtype == bool
    assert df["Elapsed"].dtype == "int64"


def test_the_field_stays_as_timestamps_if_it_is_not_dropped() -> None:
    df = pd.DataFrame({"Date": ["2015-07-31", None]})
    add_datepart(df, "Date", drop=False)
    assert df["Date"].tolist() == [pd.Timestamp("2015-07-31"), pd.NaT]
    assert list(df.columns) == ["Date", *NAMES]
    add_datepart(df, "Date", drop=False)  # a notebook's cell run again
    assert list(df.columns) == ["Date", *NAMES]


@pytest.mark.parametrize(
    ("field", "prefix"), [("Date", ""), ("date", ""), ("saledate", "sale"), ("SaleDate", "Sale"), ("When", "When")]
)
def test_the_names_begin_with_the_fields(field: str, prefix: str) -> None:
    df = pd.DataFrame({field: ["2015-07-31"]})
    add_datepart(df, field)
    assert list(df.columns) == [prefix + name for name in NAMES]


def test_time_of_day() -> None:
    df = pd.DataFrame({"Date": ["2015-07-31 13:45:59.9", None]})
    add_datepart(df, "Date", time=True)
    assert [df[name].iloc[0] for name in ("Hour", "Minute", "Second", "Elapsed")] == [13, 45, 59, 1438350359]
    assert df["Hour"].isna().tolist() == [False, True]


def test_missing_dates() -> None:
    df = pd.DataFrame({"Date": [pd.NaT, pd.Timestamp("2015-07-31")]})
    add_datepart(df, "Date")
    assert parts(df, 1) == FRIDAY
    for name, value in zip(NAMES, parts(df, 0), strict=True):
        assert value is False if name.startswith("Is_") else math.isnan(value)


@pytest.mark.parametrize(
    "column",
    [
        pd.Series(["2015-07-31"]),
        pd.Series(["2015/07/31"]),
        pd.Series(["2015-07-31 00:00:00"], dtype=object),
        pd.Series(["2015-07-31"], dtype="string[python]"),
        pd.Series(["2015-07-31"], dtype="category"),
        pd.Series([datetime.date(2015, 7, 31)]),
        pd.Series([datetime.datetime(2015, 7, 31)], dtype=object),
        pd.Series([np.datetime64("2015-07-31")], dtype=object),
        pd.Series([pd.Timestamp("2015-07-31")], dtype="category"),
        *(pd.Series(["2015-07-31"]).astype(f"datetime64[{unit}]") for unit in ("s", "ms", "us", "ns")),
        pd.Series(["2015-07-31"]).astype("datetime64[s]").dt.tz_localize("UTC"),
    ],
    ids=lambda column: str(column.dtype),
)
def test_every_kind_of_date_column(column: pd.Series) -> None:
    df = pd.DataFrame({"Date": column})
    add_datepart(df, "Date")
    assert parts(df) == FRIDAY


@pytest.mark.parametrize("kind", ["timestamp[us][pyarrow]", "timestamp[ns, tz=UTC][pyarrow]", "date32[pyarrow]"])
def test_arrow_dates(kind: str) -> None:
    pytest.importorskip("pyarrow")
    stamps = pd.Series([pd.Timestamp("2015-07-31"), None])
    df = pd.DataFrame({"Date": (stamps.dt.tz_localize("UTC") if "tz" in kind else stamps).astype(kind)})
    add_datepart(df, "Date")
    assert parts(df) == FRIDAY
    assert math.isnan(parts(df, 1)[0])


def test_with_a_time_zone_the_calendar_is_local_and_elapsed_is_not() -> None:
    zones = ["Europe/Berlin", "America/New_York"]
    midnight = pd.Timestamp("2015-07-31", tz="Europe/Berlin")
    found = []
    for zone in zones:
        df = pd.DataFrame({"Date": [midnight.tz_convert(zone)]})
        add_datepart(df, "Date", time=True)
        found.append((df["Day"].iloc[0], df["Hour"].iloc[0], df["Elapsed"].iloc[0]))
    assert found == [(31, 0, 1438300800 - 7200), (30, 18, 1438300800 - 7200)]


def test_the_advice_for_periods_helps() -> None:
    df = pd.DataFrame({"Date": pd.period_range("2015-07-31", periods=1, freq="D")})
    df["Date"] = df["Date"].dt.to_timestamp()
    assert parts(add_datepart(df, "Date")) == FRIDAY


@pytest.mark.parametrize("index", [[7, 7, 7], [2, 0, 1], ["b", "a", "b"]])
def test_the_index_does_not_matter(index: list[Any]) -> None:
    df = pd.DataFrame({"Date": ["2015-07-31", "2013-12-31", "2015-07-31"]}, index=index)
    add_datepart(df, "Date", drop=False)
    assert df.index.tolist() == index
    assert [parts(df, k) for k in range(3)] == [FRIDAY, SILVESTER, FRIDAY]


def test_no_rows_and_no_dates() -> None:
    for column in (pd.Series([], dtype=object), pd.Series([], dtype="datetime64[ns]"), pd.Series([np.nan, None])):
        df = pd.DataFrame({"Date": column})
        add_datepart(df, "Date")
        assert list(df.columns) == NAMES
        assert df["Year"].isna().all()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (["31.07.2015"], r"'Date' must hold timestamps.*'31\.07\.2015'.*format='%d"),
        (["2015-07-31", "last Friday"], "'last Friday'"),
        (["now"], "'now'"),
        ([""], "such as ''"),
        ([1438300800], "int values such as '1438300800'.*unit='s'"),
        ([1.5], "float values.*unit='s'"),
        (
            [pd.Period("2015-07", "M")],
            r"Period values such as '2015-07': take the first day.*\['Date'\]\.dt\.to_timestamp\(\)\.$",
        ),
        ([pd.Timedelta("1D")], "Timedelta values such as '1 days 00:00:00': convert it to a column"),
        ([None, ([1],)], r"tuple values such as '\(\[1\],\)'"),
        (["2015-07-31", ["2015-07-31"]], r"list values such as \"\['2015-07-31'\]\": convert it to a column"),
        (["2015-07-31", 5], "int values"),
        (["2015-07-31T00:00Z", "2015-07-31T00:00+01:00"], "one time zone.*utc=True"),
    ],
)
def test_what_is_no_date_is_named_and_the_frame_left_alone(values: list[Any], message: str) -> None:
    df = pd.DataFrame({"Date": values})
    before = df.copy()
    with pytest.raises(TableError, match=message):
        add_datepart(df, "Date")
    pd.testing.assert_frame_equal(df, before)


def test_missing_and_repeated_columns() -> None:
    with pytest.raises(TableError, match=r"field must be a column of the frame; 'Date' is not\. The columns are: "):
        add_datepart(pd.DataFrame({"date": ["2015-07-31"]}), "Date")
    with pytest.raises(TableError, match=r"more than once: \['Date'\]"):
        add_datepart(pd.DataFrame([["2015-07-31"] * 2], columns=["Date", "Date"]), "Date")
    for field in (0, ["Date"]):
        with pytest.raises(TableError, match=r"field must be the name of one column, as text; .* arrived"):
            add_datepart(pd.DataFrame({0: ["2015-07-31"], "Date": ["2015-07-31"]}), field)  # type: ignore[arg-type]
    with pytest.raises(TableError, match="DataFrame is required; a dict arrived"):
        add_datepart({"Date": []}, "Date")  # type: ignore[arg-type]


def test_a_wide_frame_gives_no_warning() -> None:
    df = pd.DataFrame({"Date": ["2015-07-31"]})
    for k in range(99):
        df[f"c{k}"] = 0  # as many blocks as pandas bears before it warns
    add_datepart(df, "Date")
    assert parts(df) == FRIDAY


@given(
    st.lists(st.none() | st.datetimes(datetime.datetime(1700, 1, 1), datetime.datetime(2250, 1, 1)), min_size=1),
    st.sampled_from(["s", "ms", "us", "ns"]),
)
def test_against_pythons_calendar(moments: list[datetime.datetime | None], unit: str) -> None:
    moments = [None if m is None else m.replace(microsecond=0) for m in moments]
    df = pd.DataFrame({"Date": pd.Series(moments, dtype=f"datetime64[{unit}]")})
    add_datepart(df, "Date", time=True)
    for moment, row in zip(moments, df.to_dict("records"), strict=True):
        if moment is None:
            assert math.isnan(row["Elapsed"])
            continue
        tomorrow = moment + datetime.timedelta(days=1)
        assert row == {
            "Year": moment.year,
            "Month": moment.month,
            "Week": moment.isocalendar().week,
            "Day": moment.day,
            "Dayofweek": moment.weekday(),
            "Dayofyear": moment.timetuple().tm_yday,
            "Is_month_end": tomorrow.day == 1,
            "Is_month_start": moment.day == 1,
            "Is_quarter_end": (tomorrow.month, tomorrow.day) in {(1, 1), (4, 1), (7, 1), (10, 1)},
            "Is_quarter_start": (moment.month, moment.day) in {(1, 1), (4, 1), (7, 1), (10, 1)},
            "Is_year_end": (tomorrow.month, tomorrow.day) == (1, 1),
            "Is_year_start": (moment.month, moment.day) == (1, 1),
            "Elapsed": (moment - datetime.datetime(1970, 1, 1)) // datetime.timedelta(seconds=1),
            "Hour": moment.hour,
            "Minute": moment.minute,
            "Second": moment.second,
        }


@pytest.mark.parametrize(("field", "twin"), [("date", "Date"), ("Date", "date"), ("Saledate", "SaleDate")])
def test_t15_two_dates_whose_columns_would_have_the_same_names_are_refused(field: str, twin: str) -> None:
    df = pd.DataFrame({field: ["2020-01-01"], twin: ["2021-01-01"]})
    before = df.copy()
    with pytest.raises(TableError, match=rf"names of their own; '{twin}', which is there too"):
        add_datepart(df, field)
    pd.testing.assert_frame_equal(df, before)


@pytest.mark.parametrize(
    "held", [2021, 2021.5, None, "2020", [2020], True], ids=["number", "fraction", "missing", "text", "list", "flag"]
)
def test_t15_a_column_that_holds_something_else_is_not_replaced(held: object) -> None:
    df = pd.DataFrame({"date": ["2020-01-01"], "Year": pd.Series([held], dtype=object)})
    before = df.copy()
    if held == "2020":  # which says the same
        add_datepart(df, "date")
        assert df["Year"].tolist() == [2020]
        return
    with pytest.raises(TableError, match=r"must not have a column .Year. yet.*drop it, df = df\.drop"):
        add_datepart(df, "date")
    pd.testing.assert_frame_equal(df, before)


def test_t15_one_date_after_the_other_is_refused_and_the_same_one_again_is_not() -> None:
    df = pd.DataFrame({"Date": ["2020-01-01", None]})
    add_datepart(df, "Date", drop=False)
    once = df.copy()
    add_datepart(df, "Date", drop=False)
    pd.testing.assert_frame_equal(df, once)
    again = once.convert_dtypes()
    pd.testing.assert_frame_equal(add_datepart(again, "Date", drop=False), once, check_column_type=False)
    second = once.drop(columns="Date").assign(date=["2021-01-01", None])
    with pytest.raises(TableError, match="must not have a column 'Year' yet"):
        add_datepart(second, "date")
    twice = pd.concat([once, once[["Year"]]], axis=1)
    with pytest.raises(TableError, match="must not have a column 'Year' yet"):
        add_datepart(twice, "Date")


NEW_YEAR = pd.Timestamp("2020-01-01")


@pytest.mark.parametrize(
    ("value", "date", "advice"),
    [
        (20200101, NEW_YEAR, "format='%Y%m%d'"),
        (202001, NEW_YEAR, "format='%Y%m'"),
        (2020001, NEW_YEAR, "format='%Y%j'"),
        (2020, NEW_YEAR, "format='%Y'"),
        (202001010000, NEW_YEAR, "format='%Y%m%d%H%M'"),
        (20200101000000, NEW_YEAR, "format='%Y%m%d%H%M%S'"),
        (1577836800, NEW_YEAR, "unit='s'"),
        (1577836800000, NEW_YEAR, "unit='ms'"),
        (1577836800000000, NEW_YEAR, "unit='us'"),
        (1577836800000000000, NEW_YEAR, "unit='ns'"),
        (31122020, pd.Timestamp("2020-12-31"), "format='%d%m%Y'"),
        (12312020, pd.Timestamp("2020-12-31"), "format='%m%d%Y'"),
        ("20200101000000", NEW_YEAR, "format='%Y%m%d%H%M%S'"),
        ("31122020", pd.Timestamp("2020-12-31"), "format='%d%m%Y'"),
        (43831, NEW_YEAR, "unit='D', origin='1899-12-30'"),
        ("01.01.2020", NEW_YEAR, "format='%d.%m.%Y'"),
        ("1/1/2020", NEW_YEAR, "format='%d/%m/%Y'"),
        ("12/31/2020", pd.Timestamp("2020-12-31"), "format='%m/%d/%Y'"),
        ("1 Jan 2020", NEW_YEAR, "format='%d %b %Y'"),
        ("January 1, 2020", NEW_YEAR, "format='%B %d, %Y'"),
    ],
    ids=str,
)
@pytest.mark.parametrize("gap", [False, True], ids=["complete", "with a gap"])
@pytest.mark.parametrize("dtype", [None, "object"], ids=str)
def test_t12_the_advice_works(value: Any, date: pd.Timestamp, advice: str, gap: bool, dtype: Any) -> None:
    df = pd.DataFrame({"d": pd.Series([value, *[None] * gap], dtype=dtype)})
    with pytest.raises(TableError) as error:
        add_datepart(df, "d")
    assert advice in str(error.value)
    code = "df['d'] = " + str(error.value).split("df['d'] = ")[1].removesuffix(".").split(", or format")[0]
    exec(code, {"df": df, "pd": pd})
    assert df["d"].tolist()[0] == date
    assert add_datepart(df, "d")["dYear"].tolist()[0] == date.year


def test_t12_an_ambiguous_text_has_both_readings() -> None:
    with pytest.raises(TableError, match=r"format='%d/%m/%Y'\), or format='%m/%d/%Y' where the month comes first"):
        add_datepart(pd.DataFrame({"d": ["01/02/2020"]}), "d")
