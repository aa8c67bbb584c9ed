"""Days since and until an event, and sums beside a row: by hand, and against plain loops."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlens.errors import TableError
from handlens.tabular.windows import backward_sum, days_since, days_until, forward_sum

NAN = math.nan
SHOPS = pd.DataFrame(
    {
        "shop": ["a", "a", "a", "a", "b", "b"],
        "day": pd.to_datetime(["2015-01-01", "2015-01-03", "2015-01-04", "2015-01-09", "2015-01-01", "2015-01-02"]),
        "sale": [False, True, False, False, False, True],
        "sold": [1, 2, 3, 4, 5, 6],
    }
)
BY = {"group": "shop", "date": "day"}


def same(found: pd.Series, expected: list[float]) -> bool:
    return np.array_equal(found.to_numpy(float), np.array(expected, float), equal_nan=True)


def test_days_by_hand() -> None:
    assert same(days_since(SHOPS, "sale", **BY), [NAN, 0, 1, 6, NAN, 0])
    assert same(days_until(SHOPS, "sale", **BY), [2, 0, NAN, NAN, 1, 0])


def test_sums_by_hand() -> None:
    assert backward_sum(SHOPS, "sold", **BY, rows=2).tolist() == [1, 3, 5, 7, 5, 11]
    assert forward_sum(SHOPS, "sold", **BY, rows=3).tolist() == [6, 9, 7, 4, 11, 6]
    assert backward_sum(SHOPS, "sale", **BY, rows=7).tolist() == [0, 1, 1, 1, 0, 1]
    assert backward_sum(SHOPS, "sold", **BY, rows=1).tolist() == SHOPS["sold"].tolist()
    assert backward_sum(SHOPS, "sold", **BY, rows=2).dtype == "int64"
    assert backward_sum(SHOPS.astype({"sold": float}), "sold", **BY, rows=2).dtype == "float64"


def test_the_order_and_the_index_of_the_frame_do_not_matter() -> None:
    order = [5, 2, 0, 4, 3, 1]
    mixed = SHOPS.iloc[order].set_axis(["x", "x", "y", "z", "z", "z"])
    before = mixed.copy()
    for function, options in (
        (days_since, {}),
        (days_until, {}),
        (backward_sum, {"rows": 2}),
        (forward_sum, {"rows": 2}),
    ):
        call: Callable[..., pd.Series] = function
        found = call(mixed, "sale", **BY, **options)
        assert found.index.equals(mixed.index)
        assert same(found, call(SHOPS, "sale", **BY, **options).to_numpy()[order].tolist())
    pd.testing.assert_frame_equal(mixed, before)


def test_rows_of_one_day_see_each_others_event() -> None:
    df = pd.DataFrame({"g": [1, 1, 1], "d": ["2015-01-01T08", "2015-01-01T20", "2015-01-02T01"], "e": [0, 1, 0]})
    assert days_since(df, "e", group="g", date="d").tolist() == [0, 0, 1]
    assert days_until(df, "e", group="g", date="d").tolist()[:2] == [0, 0]


def test_days_are_those_of_the_calendar_also_when_the_clock_changes() -> None:
    days = pd.date_range("2015-03-28", periods=3, tz="Europe/Berlin")  # the 29th has 23 hours
    df = pd.DataFrame({"g": 1, "d": days, "e": [1, 0, 0]})
    assert days_since(df, "e", group="g", date="d").tolist() == [0, 1, 2]


def test_small_numbers_are_not_lost_behind_large_ones() -> None:
    df = pd.DataFrame({"g": 1, "d": pd.date_range("2015-01-01", periods=4), "x": [1e17, 1.0, 0.5, 0.25]})
    assert backward_sum(df, "x", group="g", date="d", rows=2).tolist()[2:] == [1.5, 0.75]


def test_no_rows() -> None:
    empty = SHOPS.iloc[:0]
    assert days_since(empty, "sale", **BY).tolist() == []
    assert days_until(empty, "sale", **BY).tolist() == []
    assert backward_sum(empty, "sold", **BY, rows=3).tolist() == []
    assert forward_sum(empty, "sold", **BY, rows=3).tolist() == []


@pytest.mark.parametrize("function", [days_since, days_until, backward_sum, forward_sum])
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sale": [True, None, False, False, False, None]}, "'sale' must have no missing values; 2 are missing"),
        ({"sale": list("yynnyn")}, "'sale' must hold numbers"),
        ({"sale": [1, math.inf, 0, 0, 0, 0]}, "'sale' must hold finite numbers"),
        ({"shop": ["a", None, "a", "a", "b", "b"]}, "'shop' must have no missing values; 1 are"),
        ({"day": [pd.NaT] * 6}, "'day' must have no missing values; 6 are"),
        ({"day": range(6)}, "'day' must hold timestamps"),
    ],
)
def test_what_cannot_be_used_is_named(function: Callable[..., pd.Series], changes: Any, message: str) -> None:
    options = {"rows": 2} if "sum" in function.__name__ else {}
    with pytest.raises(TableError, match=message):
        function(SHOPS.assign(**changes), "sale", **BY, **options)


def test_columns_and_windows_that_are_not_there() -> None:
    with pytest.raises(TableError, match=r"event must be columns.*missing: \['promo'\]"):
        days_since(SHOPS, "promo", **BY)
    with pytest.raises(TableError, match=r"column must be columns.*missing: \['promo'\]"):
        backward_sum(SHOPS, "promo", **BY, rows=2)
    with pytest.raises(TableError, match=r"group must be columns.*missing: \['store'\]"):
        days_until(SHOPS, "sale", group="store", date="day")
    with pytest.raises(TableError, match="rows must be 1 or more, the row itself counts; 0 arrived"):
        forward_sum(SHOPS, "sold", **BY, rows=0)


@given(
    st.lists(
        st.tuples(st.sampled_from("ab"), st.integers(0, 20), st.integers(0, 2)), max_size=30, unique_by=lambda r: r[:2]
    ),
    st.integers(1, 9),
)
def test_against_plain_loops(rows: list[tuple[str, int, int]], window: int) -> None:
    df = pd.DataFrame(rows, columns=["g", "n", "e"]).astype({"n": int, "e": int})
    df["d"] = pd.Timestamp("2015-01-01") + pd.to_timedelta(df["n"], unit="D")
    found = {
        "since": days_since(df, "e", group="g", date="d").tolist(),
        "until": days_until(df, "e", group="g", date="d").tolist(),
        "backward": backward_sum(df, "e", group="g", date="d", rows=window).tolist(),
        "forward": forward_sum(df, "e", group="g", date="d", rows=window).tolist(),
    }
    for k, (group, day, _) in enumerate(rows):
        mine = sorted(row[1:] for row in rows if row[0] == group)
        past, future = [r for r in mine if r[0] <= day], [r for r in mine if r[0] >= day]
        since, until = [day - d for d, e in past if e], [d - day for d, e in future if e]
        expected = {
            "since": min(since, default=NAN),
            "until": min(until, default=NAN),
            "backward": sum(e for _, e in past[-window:]),
            "forward": sum(e for _, e in future[:window]),
        }
        for name, value in expected.items():
            assert found[name][k] == value or (math.isnan(value) and math.isnan(found[name][k]))
