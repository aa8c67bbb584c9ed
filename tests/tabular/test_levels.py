"""Levels: which values are one level, their codes, and exact round trips of every dtype."""

from __future__ import annotations

import datetime
import decimal
import json
import math
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlens.errors import ArtifactError, TableError
from handlens.tabular.levels import Levels

FRIDAY = pd.Timestamp("2015-07-31")
UTC = pd.Timestamp("2015-07-30", tz="UTC")
BERLIN = pd.Timestamp("2015-07-31", tz="Europe/Berlin")


def levels_of(values: Any, dtype: Any = None) -> Levels:
    return Levels.of(pd.Series(values, dtype=dtype), "c")


def again(levels: Levels) -> Levels:
    return Levels.from_state(json.loads(json.dumps(levels.state(), allow_nan=False)), "c")


@pytest.mark.parametrize(
    ("values", "dtype", "expected", "kept"),
    [
        (["b", None, "a", "b"], None, ["a", "b"], "str"),
        (["b", None, "a"], "object", ["a", "b"], "str"),
        (["b", None, "a"], "string[python]", ["a", "b"], "str"),
        ([3, 1, 2], None, [1, 2, 3], "int64"),
        ([3, 1], "int8", [1, 3], "int64"),
        ([3, None, 1], "Int64", [1, 3], "int64"),
        ([3, None, 1], "object", [1, 3], "int64"),
        ([3, None, 1], None, [1.0, 3.0], "float64"),
        ([2**63, 1], "uint64", [1, 2**63], "object"),
        ([0.1, 0.5], "float32", [np.float32(0.1), 0.5], "float32"),
        ([0.1, None], "Float32", [np.float32(0.1)], "float32"),
        ([True, False], None, [False, True], "bool"),
        ([True, None], "boolean", [True], "bool"),
        ([True, None], "object", [True], "bool"),
        ([None, math.nan, pd.NA, pd.NaT], "object", [], "object"),
        (["x", 2, True, 1.5, FRIDAY], "object", [True, 1.5, 2, FRIDAY, "x"], "object"),
        ([1, 1.0, True], "object", [1], "int64"),
        ([FRIDAY, None], "datetime64[s]", [FRIDAY], "datetime64[s]"),
        ([FRIDAY + pd.Timedelta(1, "ns")], None, [FRIDAY + pd.Timedelta(1, "ns")], "datetime64[ns]"),
        ([BERLIN], None, [BERLIN], "datetime64[us, Europe/Berlin]"),
        ([FRIDAY.to_pydatetime(), "x"], "object", [FRIDAY, "x"], "object"),
        ([BERLIN, UTC], "object", [UTC, BERLIN], "object"),
    ],
    ids=str,
)
def test_levels_are_sorted_and_go_through_json_unchanged(values: Any, dtype: Any, expected: Any, kept: str) -> None:
    column = pd.Series(values, dtype=dtype)
    levels = Levels.of(column, "c")
    for each in (levels, again(levels)):
        assert list(each.index) == expected
        assert str(each.index.dtype) == kept
        assert [type(v) for v in each.index.tolist()] == [type(v) for v in levels.index.tolist()]
        codes = each.codes(column)
        assert (codes == levels.codes(column)).all()
        assert ((codes == -1) == column.isna()).all()
        assert set(codes.tolist()) - {-1} == set(range(len(expected)))


@pytest.mark.parametrize("kind", ["int64[pyarrow]", "string[pyarrow]", "bool[pyarrow]", "float[pyarrow]"])
def test_arrow_columns(kind: str) -> None:
    pytest.importorskip("pyarrow")
    values: list[Any] = {"i": [2, 1], "s": ["b", "a"], "b": [True, False], "f": [0.2, 0.1]}[kind[0]]
    column = pd.Series([*values, None], dtype=kind)
    levels = Levels.of(column, "c")
    assert levels.index.tolist() == (pytest.approx(sorted(values)) if kind[0] == "f" else sorted(values))
    assert again(levels).codes(column).tolist() == [1, 0, -1]
    assert levels.code(values[0]) == 1


def test_arrow_moments_and_dictionaries() -> None:
    pyarrow = pytest.importorskip("pyarrow")
    column = pd.Series([FRIDAY, None], dtype="timestamp[us][pyarrow]")
    levels = Levels.of(column, "c")
    assert (levels.index.tolist(), str(levels.index.dtype)) == ([FRIDAY], "datetime64[us]")
    assert again(levels).codes(column).tolist() == [0, -1]
    assert levels.code(FRIDAY.to_pydatetime()) == 0
    dictionary = pd.ArrowDtype(pyarrow.dictionary(pyarrow.int32(), pyarrow.string()))
    column = pd.Series(pd.array(["b", "a", None, "b"], dtype=dictionary))
    levels = Levels.of(column, "c")
    assert levels.index.tolist() == ["a", "b"]
    assert again(levels).codes(column).tolist() == [1, 0, -1, 1]
    column = pd.Series([datetime.time(12)], dtype="time64[us][pyarrow]")
    with pytest.raises(TableError, match=r"'c' must hold text.*it holds time values.*astype\(str\)"):
        Levels.of(column, "c")


@pytest.mark.parametrize("kind", ["list", "struct"])
def test_arrow_columns_of_columns(kind: str) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    whole = pyarrow.int64()
    values, arrow = ([[1]], pyarrow.list_(whole)) if kind == "list" else ([{"a": 1}], pyarrow.struct([("a", whole)]))
    with pytest.raises(TableError, match=r"'c' must hold text, numbers, booleans or timestamps .*astype\(str\)"):
        Levels.of(pd.Series(values, dtype=pd.ArrowDtype(arrow)), "c")


def test_categories_that_are_missing_values() -> None:
    floats = pd.arrays.FloatingArray(np.array([1.5, math.nan, 2.5, 0]), np.array([False, False, False, True]))
    column = pd.Series(pd.Categorical.from_codes([2, 1, 0, -1], dtype=pd.CategoricalDtype(pd.Index([1.5, 2.5, 3.5]))))
    assert Levels.of(column, "c").index.tolist() == [1.5, 2.5, 3.5]
    for column in (pd.Series(floats), pd.Series(pd.Categorical(floats))):
        levels = Levels.of(column, "c")
        assert levels.index.tolist() == [1.5, 2.5]
        assert again(levels).codes(column).tolist() == [0, -1, 1, -1]


def test_sparse_columns() -> None:
    sparse = pd.Series(pd.arrays.SparseArray([2.5, 1.5, 2.5]))
    for column in (sparse, sparse.astype("category")):
        levels = Levels.of(column, "c")
        assert (levels.index.tolist(), str(levels.index.dtype)) == ([1.5, 2.5], "float64")
        assert again(levels).codes(column).tolist() == [1, 0, 1]
    narrow = Levels.of(pd.Series(pd.arrays.SparseArray(np.array([0.1, 2], "float32"))), "c")
    assert narrow.index.dtype == "float32"
    assert narrow.code(0.1) == 0


def test_a_categorical_column_keeps_its_order_without_what_no_row_has() -> None:
    sizes = pd.CategoricalDtype(["small", "middling", "large"], ordered=True)
    levels = levels_of(["large", "small", None], sizes)
    assert levels.index.tolist() == ["small", "large"]
    assert levels.codes(pd.Series(["large", "middling", None, "small"], dtype=sizes)).tolist() == [1, -1, -1, 0]
    assert levels.codes(pd.Series(["large", "tiny"])).tolist() == [1, -1]
    assert levels_of([2.5, 1.5], "category").codes(pd.Series([1.5, 2.5])).tolist() == [0, 1]


def test_one_level_whatever_the_type() -> None:
    levels = levels_of([1, 2])
    for one in (1, 1.0, True, np.int8(1), np.float32(1), np.bool_(True)):
        assert levels.code(one) == 0
    assert levels.codes(pd.Series([1.0, math.nan, 2.5])).tolist() == [0, -1, -1]
    assert levels.value(np.float64(2.0)) == 2
    assert levels.value(None) is None
    moments = levels_of([pd.Timestamp("2015-07-31").as_unit("s")])
    for moment in (
        datetime.datetime(2015, 7, 31),
        np.datetime64("2015-07-31"),
        pd.Timestamp("2015-07-31").as_unit("ns"),
    ):
        assert moments.code(moment) == 0
    narrow = levels_of([0.1, 0.5], "float32")
    for tenth in (0.1, np.float32(0.1), float(np.float32(0.1))):
        assert narrow.code(tenth) == 0
        assert narrow.codes(pd.Series([tenth, 1e300])).tolist() == [0, -1]


def test_large_integers_are_not_confused() -> None:
    levels = levels_of([2**60, 2**60 + 1])
    assert levels.codes(pd.Series([2**60 + 1, 2**60 + 2])).tolist() == [1, -1]
    assert levels.codes(pd.Series([float(2**61), 1.5])).tolist() == [-1, -1]
    with pytest.raises(TableError, match="a float cannot tell"):  # it may have been either
        levels.codes(pd.Series([float(2**60), 1.5]))
    assert levels.code(10**30) == -1


@pytest.mark.parametrize(
    ("train", "test", "message"),
    [
        ([1, 2], ["1"], r"'c' must hold numbers, as in the training rows; it holds text such as '1'"),
        (["1"], [1], "'c' must hold text.*holds numbers"),
        (["2015-07-31"], [pd.Timestamp("2015-07-31")], "must hold text.*holds timestamps"),
        ([pd.Timestamp("2015-07-31")], [BERLIN], "must hold timestamps,.*holds timestamps with a time zone"),
    ],
)
def test_another_kind_of_value_is_an_error_and_not_unseen(train: Any, test: Any, message: str) -> None:
    levels = levels_of(train)
    with pytest.raises(TableError, match=message):
        levels.codes(pd.Series(test))
    with pytest.raises(TableError, match=message):
        levels.code(test[0])


def test_any_value_is_unseen_where_there_are_no_levels() -> None:
    levels = again(levels_of([None, None]))
    assert len(levels) == 0
    assert levels.codes(pd.Series(["a", 1, None], dtype=object)).tolist() == [-1, -1, -1]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([1.0, math.inf], r"'c' must hold finite numbers; it holds inf.*replace"),
        ([datetime.time(12)], r"it holds time values such as 12:00:00\. Convert it.*astype\(str\)"),
        ([[1], [2]], "must hold text, numbers, booleans or timestamps.*unhashable"),
        ([b"x"], "bytes"),
        ([pd.Timedelta(1, "D")], "Timedelta"),
        ([np.timedelta64(1, "D")], "it holds timedelta64 values"),
        (["\ud800"], "Unicode"),
    ],
)
def test_what_can_be_no_level(values: Any, message: str) -> None:
    with pytest.raises(TableError, match=message):
        levels_of(values, None if isinstance(values[0], float) else object)


STATE = {"dtype": "int64", "values": [1, 2]}


@pytest.mark.parametrize(
    "state",
    [
        {},
        [],
        None,
        STATE | {"dtype": "int32"},
        STATE | {"dtype": "category"},
        STATE | {"dtype": 3},
        STATE | {"values": ["x"]},
        STATE | {"values": [1, 1]},
        STATE | {"values": [1, 2.5]},
        STATE | {"values": [2**70]},
        STATE | {"values": 3},
        {"dtype": "str", "values": ["a", None]},
        {"dtype": "object", "values": ["a", None]},
        {"dtype": "object", "values": ["a", ["b"]]},
        {"dtype": "object", "values": [{"timestamp": "soon"}]},
        {"dtype": "object", "values": [{"time": "2015"}]},
        {"dtype": "datetime64[us, Mars/Olympus]", "values": [1]},
        {"dtype": "datetime64[us]", "values": ["2015-07-31"]},
    ],
)
def test_damaged_states_are_named(state: Any) -> None:
    with pytest.raises(ArtifactError, match="the saved levels of column 'c' are damaged"):
        Levels.from_state(state, "c")


SCALARS = (
    st.none()
    | st.text(max_size=3)
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_infinity=False)
    | st.datetimes(datetime.datetime(1700, 1, 1), datetime.datetime(2200, 1, 1))
    | st.datetimes(datetime.datetime(1700, 1, 1), datetime.datetime(2200, 1, 1), timezones=st.timezones())
)


ONE_OF_EACH_KIND = ["", 0, FRIDAY, UTC]  # so that no value below is of an unknown kind


@given(st.lists(SCALARS), st.lists(SCALARS))
def test_mixed_columns(train: list[Any], test: list[Any]) -> None:
    train = [*train, *ONE_OF_EACH_KIND]
    levels = levels_of(train, object)
    restored = again(levels)
    assert restored.index.equals(levels.index)
    rounded = {float(level) for level in levels.index if isinstance(level, int) and abs(level) > 2**53}
    for value in train:
        if isinstance(value, float) and value in rounded:
            continue
        code = levels.code(value)
        assert code == restored.code(value)
        # Python compares no two zones at an hour that the clocks skip or repeat; pandas compares moments.
        same = pd.Timestamp(value) if isinstance(value, datetime.datetime) else value
        assert (code == -1) if pd.isna(value) else (levels.index[code] == same)
    test = [value for value in test if not (isinstance(value, float) and value in rounded)]
    assert levels.codes(pd.Series(test, dtype=object)).tolist() == [restored.code(value) for value in test]


def test_the_hour_that_a_clock_repeats_is_the_same_moment_in_each_zone() -> None:
    moment = pd.Timestamp("2024-10-27 01:30", tz="UTC")
    there = moment.tz_convert("Europe/Berlin")  # 02:30 for the second time
    assert there.fold == 1
    levels = levels_of([moment, there, "text"], object)
    assert len(levels) == 2
    assert levels.code(there) == levels.code(moment) >= 0
    assert levels.code(there - pd.Timedelta(1, "h")) == -1  # 02:30 for the first time


WIDE = [2**53 + 1, 2**53 + 2, 2**53 + 3]


@pytest.mark.parametrize(
    "column",
    [
        pd.Series([*WIDE, None], dtype="Int64"),
        pd.Series([*WIDE, None], dtype="UInt64"),
        pd.Series([*WIDE, None], dtype="int64[pyarrow]"),
        pd.Series([*WIDE, None], dtype="uint64[pyarrow]"),
        pd.Series([*WIDE, None], dtype=pd.ArrowDtype(pa.decimal128(20, 0))),
        pd.Series([*map(decimal.Decimal, WIDE), None], dtype=object),
        pd.Series([*WIDE, None], dtype=object),
        pd.Series([*WIDE, None], dtype=pd.CategoricalDtype(WIDE)),
    ],
    ids=lambda column: str(column.dtype),
)
def test_t3_whole_numbers_above_2_to_the_53_are_told_apart_beside_a_missing_one(column: pd.Series) -> None:
    assert again(Levels.of(column, "c")).codes(column).tolist() == [0, 1, 2, -1]
    assert levels_of(WIDE).codes(column).tolist() == [0, 1, 2, -1]


def test_t3_a_float_that_may_stand_for_several_levels_is_refused() -> None:
    levels = levels_of(WIDE)
    assert levels.codes(pd.Series([5.0, None])).tolist() == [-1, -1]
    for column in (pd.Series([*WIDE, None], dtype="float64"), pd.Series([float(WIDE[1])], dtype="category")):
        with pytest.raises(TableError, match=r"must hold whole numbers as they are.*with dtype='Int64'"):
            levels.codes(column)
    row = pd.DataFrame({"c": WIDE, "x": 0.5}).iloc[0]  # which pandas makes floats of
    with pytest.raises(TableError, match="give a row as a dict"):
        levels.code(row["c"])
    assert levels_of([float(2**53), None]).codes(pd.Series([float(2**53)])).tolist() == [0]


def test_t7_a_date_is_the_timestamp_of_its_midnight() -> None:
    days = [datetime.date(2015, 7, 31), datetime.date(2015, 8, 1)]
    columns = [
        pd.Series([*days, None], dtype=object),
        pd.Series([*days, None], dtype=pd.ArrowDtype(pa.date32())),
        pd.Series([*days, None], dtype=pd.ArrowDtype(pa.date64())),
        pd.Series([*days, None], dtype="datetime64[s]"),
        pd.Series([*days, None], dtype=pd.ArrowDtype(pa.timestamp("ms"))),
        pd.Series([*days, None], dtype=pd.CategoricalDtype(days)),
    ]
    for training in columns:
        levels = again(Levels.of(training, "c"))
        assert list(levels.index) == [pd.Timestamp(day) for day in days]
        for column in columns:
            assert levels.codes(column).tolist() == [0, 1, -1]
        assert levels.code(days[1]) == 1
        assert levels.code(np.datetime64("2015-08-01")) == 1
    with pytest.raises(TableError, match="must hold timestamps with a time zone"):
        levels_of([BERLIN]).code(days[0])


def test_decimals_are_the_numbers_that_they_say() -> None:
    levels = levels_of([0.1, 2.0])
    assert levels.codes(pd.Series([decimal.Decimal("0.1"), decimal.Decimal(2), None])).tolist() == [0, 1, -1]
    assert levels_of([decimal.Decimal("0.1"), decimal.Decimal("2")]).codes(pd.Series([0.1, 2.0])).tolist() == [0, 1]
    assert levels_of([1, 2]).code(decimal.Decimal("NaN")) == -1
    with pytest.raises(TableError, match="it holds Decimal values such as Infinity"):
        levels.code(decimal.Decimal("Infinity"))
