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
from handlens.tabular.windows import backward_mean, backward_sum, days_since, days_until, forward_sum

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
        (backward_mean, {"days": 2, "gap": 1}),
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


def test_means_by_hand() -> None:
    found = {days: backward_mean(SHOPS, "sold", **BY, days=days).tolist() for days in (1, 2, 3, 7, 10**30)}
    assert found == {
        1: [1, 2, 3, 4, 5, 6],
        2: [1, 2, 2.5, 4, 5, 5.5],
        3: [1, 1.5, 2.5, 4, 5, 5.5],
        7: [1, 1.5, 2, 3, 5, 5.5],
        10**30: [1, 1.5, 2, 2.5, 5, 5.5],
    }
    gaps = {gap: backward_mean(SHOPS, "sold", **BY, days=4, gap=gap) for gap in (1, 5, 10**30)}
    assert same(gaps[1], [NAN, 1, 1.5, NAN, NAN, 5])
    assert same(gaps[5], [NAN, NAN, NAN, 2, NAN, NAN])  # from the 1st to the 4th
    assert same(gaps[10**30], [NAN] * 6)
    assert same(backward_mean(SHOPS, "sale", **BY, days=3), [0, 0.5, 0.5, 0, 0, 0.5])
    assert (gaps[1].dtype, gaps[1].name) == ("float64", "sold")


def test_missing_values_do_not_count_in_a_mean() -> None:
    df = SHOPS.assign(sold=[1, NAN, 3, NAN, NAN, NAN])
    assert same(backward_mean(df, "sold", **BY, days=3), [1, 1, 3, NAN, NAN, NAN])
    assert same(backward_mean(df, "sold", **BY, days=30), [1, 1, 2, 2, NAN, NAN])
    assert same(backward_mean(df.astype({"sold": "Int64"}), "sold", **BY, days=30), [1, 1, 2, 2, NAN, NAN])


def test_rows_of_one_day_share_their_mean() -> None:
    df = pd.DataFrame({"g": 1, "d": ["2015-01-01T20", "2015-01-02T01", "2015-01-01T08"], "x": [1, 6, 3]})
    assert backward_mean(df, "x", group="g", date="d", days=1).tolist() == [2, 6, 2]
    assert same(backward_mean(df, "x", group="g", date="d", days=1, gap=1), [NAN, 2, NAN])


def test_means_are_exact_behind_large_numbers() -> None:
    df = pd.DataFrame({"g": 1, "d": pd.date_range("2015-01-01", periods=4), "x": [1e17, 1.0, 0.5, 0.25]})
    assert backward_mean(df, "x", group="g", date="d", days=2).tolist()[2:] == [0.75, 0.375]
    assert backward_mean(df, "x", group="g", date="d", days=1, gap=1).tolist()[1:] == [1e17, 1, 0.5]


def test_integers_are_added_exactly_or_not_at_all() -> None:
    df = pd.DataFrame({"g": 1, "d": pd.date_range("2015-01-01", periods=2), "e": [2**62 - 1, -(2**62) + 3]})
    by = {"group": "g", "date": "d"}
    assert backward_sum(df, "e", **by, rows=2).tolist() == [2**62 - 1, 2]
    for column in (pd.Series([2**63, 1], dtype="uint64"), pd.Series([1, 2**62]), pd.Series([-(2**63), 1])):
        with pytest.raises(TableError, match=r"sums stay below 2\*\*63; it holds one of \d+, and windows hold 2 rows"):
            backward_sum(df.assign(e=column), "e", **by, rows=9)
    huge = df.assign(e=pd.Series([0, 2**63], dtype="uint64"))
    with pytest.raises(TableError, match=f"it holds one of {2**63}, and windows hold 1 rows"):
        forward_sum(huge, "e", **by, rows=1)
    assert days_until(huge, "e", **by).tolist() == [1, 0]
    assert backward_sum(huge.astype({"e": float}), "e", **by, rows=2).tolist() == [0, 2.0**63]


def test_a_clock_that_goes_back_to_the_day_before() -> None:
    days = pd.DatetimeIndex(["2010-11-07T02:30:30", "2010-11-07T03:00:00", "2010-11-07T04:30:00"], tz="UTC")
    df = pd.DataFrame({"g": 1, "d": days.tz_convert("America/St_Johns"), "x": [1, 2, 4], "e": [1, 0, 0]})
    assert df["d"].dt.day.tolist() == [7, 6, 7]
    assert backward_mean(df, "x", group="g", date="d", days=1).tolist() == [2.5, 2, 2.5]
    assert same(days_since(df, "e", group="g", date="d"), [0, NAN, 0])


def test_several_columns_say_a_group_together() -> None:
    df = pd.DataFrame({"shop": [1, 1, 2, 2, 1], "promo": list("abaaa"), "d": pd.date_range("2015-01-01", periods=5)})
    df["x"] = [1, 2, 4, 8, 16]
    for group in (["shop", "promo"], ("promo", "shop")):
        by = {"group": group, "date": "d"}
        assert backward_sum(df, "x", **by, rows=2).tolist() == [1, 2, 4, 12, 17]
        assert forward_sum(df, "x", **by, rows=2).tolist() == [17, 2, 12, 8, 16]
        assert same(days_since(df.assign(x=[1, 1, 0, 1, 0]), "x", **by), [0, 0, NAN, 0, 4])
        assert same(days_until(df.assign(x=[0, 0, 0, 1, 1]), "x", **by), [4, NAN, 1, 0, 0])
        assert backward_mean(df, "x", **by, days=9).tolist() == [1, 2, 4, 6, 8.5]
    assert backward_sum(df, "x", group=["shop"], date="d", rows=9).tolist() == [1, 3, 4, 12, 19]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"days": 0}, "days must be a whole number, 1 or more; 0 arrived"),
        ({"days": 1.5}, "days must be a whole number, 1 or more; 1.5 arrived"),
        ({"days": True}, "days must be a whole number, 1 or more; True arrived"),
        ({"days": 1, "gap": -1}, "gap must be a whole number, 0 or more; -1 arrived"),
        ({"days": 1, "gap": "2"}, "gap must be a whole number, 0 or more; '2' arrived"),
        ({"days": 1, "group": 0}, "group must be column names that are text; 0 arrived"),
        ({"days": 1, "group": []}, "group must name at least one column"),
        ({"days": 1, "group": ["shop", "shop"]}, r"named more than once: \['shop'\]"),
        ({"days": 1, "group": ["shop", "town"]}, r"group must be columns.*missing: \['town'\]"),
        ({"days": 1, "date": "Day"}, "date must be a column of the frame; 'Day' is not"),
        ({"days": 1, "column": "Sold"}, "column must be a column of the frame; 'Sold' is not"),
        ({"days": 1, "column": "shop"}, "'shop' must hold numbers"),
    ],
)
def test_windows_that_are_none(options: Any, message: str) -> None:
    with pytest.raises(TableError, match=message):
        backward_mean(SHOPS, **{"column": "sold", **BY, **options})


def test_a_group_of_several_columns_has_no_gaps() -> None:
    df = SHOPS.assign(town=["x", None, "y", None, "x", "x"])
    with pytest.raises(TableError, match="'town' must have no missing values; 2 are missing"):
        backward_mean(df, "sold", group=["shop", "town"], date="day", days=3)


def test_no_rows() -> None:
    empty = SHOPS.iloc[:0]
    assert backward_mean(empty, "sold", **BY, days=3).tolist() == []
    assert days_since(empty, "sale", **BY).tolist() == []
    assert days_until(empty, "sale", **BY).tolist() == []
    assert backward_sum(empty, "sold", **BY, rows=3).tolist() == []
    assert forward_sum(empty, "sold", **BY, rows=3).tolist() == []


@pytest.mark.parametrize("function", [days_since, days_until, backward_sum, forward_sum])
def test_gaps_are_named(function: Callable[..., pd.Series]) -> None:
    options = {"rows": 2} if "sum" in function.__name__ else {}
    with pytest.raises(TableError, match="'sale' must have no missing values; 2 are missing"):
        function(SHOPS.assign(sale=[True, None, False, False, False, None]), "sale", **BY, **options)


@pytest.mark.parametrize("function", [days_since, days_until, backward_sum, forward_sum, backward_mean])
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"sale": list("yynnyn")},
            r"^column 'sale' must hold numbers or booleans; it holds str values such as 'y'\. Make numbers of it, "
            r"df\['sale'\] = pd\.to_numeric\(df\['sale'\]\), or booleans with a comparison, such as .* > 0\.$",
        ),
        ({"sale": [[1]] * 6}, r"'sale' must hold numbers or booleans; it holds object values such as '\[1\]'"),
        (
            {"sale": pd.Categorical([1, 0] * 3)},
            "'sale' must hold numbers or booleans; it holds category values such as '1'",
        ),
        ({"sale": pd.date_range("2015", periods=6)}, "it holds datetime64.* such as '2015-01-01 00:00:00'"),
        ({"shop": [["a"]] * 6}, "group column 'shop' must hold text, numbers, booleans or dates"),
        ({"day": [["2015"]] * 6}, "'day' must hold timestamps.*it holds list values"),
        ({"sale": [1, math.inf, 0, 0, 0, 0]}, "'sale' must hold finite numbers"),
        ({"shop": ["a", None, "a", "a", "b", "b"]}, "'shop' must have no missing values; 1 are"),
        ({"day": [pd.NaT] * 6}, "'day' must have no missing values; 6 are"),
        ({"day": range(6)}, "'day' must hold timestamps"),
    ],
)
def test_what_cannot_be_used_is_named(function: Callable[..., pd.Series], changes: Any, message: str) -> None:
    options = {backward_sum: {"rows": 2}, forward_sum: {"rows": 2}, backward_mean: {"days": 2}}.get(function, {})
    with pytest.raises(TableError, match=message):
        function(SHOPS.assign(**changes), "sale", **BY, **options)


def test_columns_and_windows_that_are_not_there() -> None:
    with pytest.raises(TableError, match="event must be a column of the frame; 'promo' is not"):
        days_since(SHOPS, "promo", **BY)
    with pytest.raises(TableError, match="column must be a column of the frame; 'promo' is not"):
        backward_sum(SHOPS, "promo", **BY, rows=2)
    with pytest.raises(TableError, match=r"group must be columns.*missing: \['store'\]"):
        days_until(SHOPS, "sale", group="store", date="day")
    with pytest.raises(TableError, match="rows must be a whole number, 1 or more, counting the row itself; 0 arrived"):
        forward_sum(SHOPS, "sold", **BY, rows=0)
    with pytest.raises(
        TableError, match=r"rows must be a whole number, 1 or more, counting the row itself; 1\.5 arrived"
    ):
        backward_sum(SHOPS, "sold", **BY, rows=1.5)  # type: ignore[arg-type]
    with pytest.raises(TableError, match=r"column must be the name of one column, as text; \['sold'\] arrived"):
        backward_sum(SHOPS, ["sold"], **BY, rows=1)  # type: ignore[arg-type]
    with pytest.raises(TableError, match="date must be the name of one column, as text; 0 arrived"):
        days_since(SHOPS, "sale", group="shop", date=0)  # type: ignore[arg-type]


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


@given(
    st.lists(
        st.tuples(
            st.sampled_from("ab"),
            st.sampled_from([0, 1]),
            st.integers(0, 12),
            st.none() | st.integers(-9, 9) | st.just(2**40),
        ),
        max_size=30,
    ),
    st.integers(1, 9),
    st.integers(0, 9),
)
def test_means_against_plain_loops(rows: list[tuple[str, int, int, int | None]], days: int, gap: int) -> None:
    df = pd.DataFrame(rows, columns=["g", "h", "n", "x"]).astype({"n": int, "x": float})
    df["d"] = pd.Timestamp("2015-01-01") + pd.to_timedelta(df["n"], unit="D")
    for group in ("g", ["g", "h"]):
        found = backward_mean(df, "x", group=group, date="d", days=days, gap=gap).tolist()
        for k, (g, h, day, _) in enumerate(rows):
            window = [
                x
                for of, h_of, when, x in rows
                if x is not None
                and of == g
                and (h_of == h or group == "g")
                and when in range(day - gap - days + 1, day - gap + 1)
            ]
            expected = sum(window) / len(window) if window else NAN
            assert found[k] == expected or (math.isnan(expected) and math.isnan(found[k]))


def test_a_window_longer_than_every_group_is_all_so_far() -> None:
    df = pd.DataFrame({"shop": [1, 1, 2, 2], "day": pd.to_datetime(["2020-01-01", "2020-01-02"] * 2), "x": [2**61] * 4})
    assert backward_sum(df, "x", group="shop", date="day", rows=10**12).tolist() == [2**61, 2**62, 2**61, 2**62]
