from __future__ import annotations

import json

import pandas as pd
import pytest

from handlens.errors import ArtifactError, TableError
from handlens.tabular import Categorify, FillMissing, Normalize
from handlens.tabular.date_parts import DateParts, holds_dates
from handlens.tabular.encoder import Encoder

DAYS = ["2015-07-31", "2016-02-29", None]


@pytest.fixture
def df() -> pd.DataFrame:
    return pd.DataFrame({"saleDate": pd.to_datetime(DAYS), "shop": ["a", "b", "a"], "price": [1.0, 2.0, 3.0]})


FLAGS = [
    *("Is_month_end", "Is_month_start", "Is_quarter_end", "Is_quarter_start"),
    *("Is_year_end", "Is_year_start"),
]


def test_a_date_becomes_its_calendar_columns(df):
    parts = DateParts(["saleDate", "shop"], ["price"])
    parts(df)
    assert parts.cat_names == ["shop", "saleMonth", "saleDayofweek", *(f"sale{flag}" for flag in FLAGS)]
    assert parts.cont_names == ["price", "saleYear", "saleWeek", "saleDay", "saleDayofyear", "saleElapsed"]
    assert set(df.columns) == {*parts.cat_names, *parts.cont_names}
    first, second = df.iloc[0], df.iloc[1]
    assert (first["saleMonth"], first["saleDayofweek"], first["saleWeek"], first["saleDay"]) == (7, 4, 31, 31)
    assert (second["saleYear"], second["saleDayofyear"], second["saleIs_month_end"]) == (2016, 60, True)
    assert first["saleElapsed"] == 1_438_300_800
    assert df.iloc[2][["saleYear", "saleMonth", "saleElapsed"]].isna().all()
    assert not df.iloc[2]["saleIs_month_end"]
    assert parts.state() == {"dates": {"saleDate": False}}


def test_a_time_of_day_is_kept_where_there_is_one(df):
    df["saleDate"] += pd.Timedelta("13:45:10")
    parts = DateParts(["saleDate"], [])
    parts(df)
    assert parts.state() == {"dates": {"saleDate": True}}
    assert df.iloc[0][["saleHour", "saleMinute", "saleSecond"]].tolist() == [13, 45, 10]
    assert {"saleHour", "saleMinute", "saleSecond"} < set(parts.cont_names)


def test_applying_twice_changes_nothing(df):
    parts = DateParts(["saleDate", "shop"], ["price"])
    parts(df)
    again = df.copy()
    parts(again, test=True)
    pd.testing.assert_frame_equal(again, df)


def test_columns_that_are_not_dates_stay(df):
    parts = DateParts(["shop"], ["price"])
    before = df.copy()
    parts(df)
    pd.testing.assert_frame_equal(df, before)
    assert (parts.cat_names, parts.cont_names, parts.added) == (["shop"], ["price"], [])


def test_what_holds_dates(df):
    assert holds_dates(df["saleDate"])
    assert holds_dates(df["saleDate"].dt.tz_localize("Europe/Berlin"))
    assert holds_dates(df["saleDate"].dt.date)
    assert not holds_dates(df["shop"])
    assert not holds_dates(df["price"])
    assert not holds_dates(pd.Series(DAYS))
    assert not holds_dates(pd.Series([None, None], dtype=object))


def test_an_encoder_saves_it_and_takes_rows_with_dates_as_text(df):
    procs = [DateParts, FillMissing, Categorify, Normalize]
    encoder = Encoder.fit(df, cat_names=["saleDate", "shop"], cont_names=["price"], procs=procs)
    again = Encoder.from_state(json.loads(json.dumps(encoder.state(), allow_nan=False)))
    codes, numbers = encoder.encode(df)
    assert [part.tolist() for part in again.encode(df)] == [codes.tolist(), numbers.tolist()]
    row = {"saleDate": "2016-02-29", "shop": "b", "price": 2.0}
    assert [part.tolist() for part in again.encode(row)] == [codes[1:2].tolist(), numbers[1:2].tolist()]
    assert encoder.inputs == ["saleDate", "shop", "price"]


@pytest.mark.parametrize("state", [{}, {"dates": ["saleDate"]}, {"dates": {"other": True}}, {"dates": {"saleDate": 1}}])
def test_a_damaged_state_is_refused(state):
    with pytest.raises(ArtifactError, match="DateParts must hold 'dates'"):
        DateParts.from_state(["saleDate"], [], state)


def test_a_column_that_has_the_name_of_a_part_is_refused(df):
    with pytest.raises(TableError, match="saleYear"):
        DateParts(["saleDate"], [])(df.assign(saleYear=1999))
