"""Frames and single rows to arrays: by hand, and each row alone as in its frame."""

from __future__ import annotations

import json
import math
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlens.errors import ArtifactError, TableError
from handlens.tabular.encoder import Encoder
from handlens.tabular.procs import Categorify, FillMissing, Normalize, TabularProc

PROCS = [FillMissing, Categorify, Normalize]


def restored(encoder: Encoder, **options: Any) -> Encoder:
    return Encoder.from_state(json.loads(json.dumps(encoder.state(), allow_nan=False)), **options)


def test_by_hand() -> None:
    train = pd.DataFrame({"c": ["b", None, "a"], "x": [1.0, math.nan, 3.0], "other": [0, 0, 0]})
    before = train.copy()
    encoder = Encoder.fit(train, cat_names=["c"], cont_names=["x"], procs=PROCS)
    assert encoder.inputs == ["c", "x"]
    assert encoder.cat_names == ["c", "x_na"]
    assert encoder.cont_names == ["x"]
    assert encoder.n_levels == {"c": 3, "x_na": 3}
    codes, floats = encoder.encode(train)
    assert codes.tolist() == [[2, 1], [0, 2], [1, 1]]
    std = math.sqrt(2 / 3)
    assert floats.tolist() == [[np.float32(-1 / std)], [0.0], [np.float32(1 / std)]]
    assert codes.dtype == "int64"
    assert floats.dtype == "float32"
    pd.testing.assert_frame_equal(train, before)
    for each in (encoder, restored(encoder)):
        for rows in ({"c": "z", "x": None}, pd.Series({"c": "z", "x": None}), pd.DataFrame({"c": ["z"], "x": [None]})):
            codes, floats = each.encode(rows)
            assert codes.tolist() == [[0, 2]]
            assert floats.tolist() == [[0.0]]


def test_no_rows_and_no_columns() -> None:
    train = pd.DataFrame({"c": ["b"], "x": [1.0]})
    encoder = Encoder.fit(train, cat_names=["c"], cont_names=["x"], procs=PROCS)
    codes, floats = encoder.encode(train.iloc[:0])
    assert codes.shape == floats.shape == (0, 1)
    only_codes = Encoder.fit(train, cat_names=["c"], cont_names=[], procs=PROCS)
    assert [a.shape for a in only_codes.encode(train)] == [(1, 1), (1, 0)]
    assert [a.shape for a in only_codes.encode({"c": "b"})] == [(1, 1), (1, 0)]
    only_floats = Encoder.fit(train, cat_names=[], cont_names=["x"], procs=[])
    assert [a.shape for a in only_floats.encode(train)] == [(1, 0), (1, 1)]
    assert [a.shape for a in only_floats.encode({"x": 5})] == [(1, 0), (1, 1)]


def test_missing_only_when_replayed_warns_for_a_row_too() -> None:
    encoder = Encoder.fit(pd.DataFrame({"x": [1.0, 3.0]}), cat_names=[], cont_names=["x"], procs=PROCS)
    for rows in ({"x": None}, pd.DataFrame({"x": [math.nan]})):
        with pytest.warns(UserWarning, match=r"median: x \(1\)$"):
            assert encoder.encode(rows)[1].tolist() == [[0.0]]


def test_what_does_not_fit() -> None:
    train = pd.DataFrame({"c": ["b", "a"], "x": [1.0, 2.0]})
    encoder = Encoder.fit(train, cat_names=["c"], cont_names=["x"], procs=[Categorify, Normalize])
    with pytest.raises(TableError, match=r"the row must have a value for each column; missing: \['x'\]\. Give None"):
        encoder.encode({"c": "b"})
    with pytest.raises(TableError, match=r"cont_names must be columns of the frame; missing: \['x'\]"):
        encoder.encode(train[["c"]])
    with pytest.raises(TableError, match="a DataFrame, or one row as a dict; a list arrived"):
        encoder.encode([1, 2])  # type: ignore[arg-type]
    for rows in ({"c": "b", "x": math.nan}, train.assign(x=[math.nan, 1.0])):
        with pytest.raises(
            TableError, match=r"'x' must have no missing values.*1 are left.*Put FillMissing into procs"
        ):
            encoder.encode(rows)
    for rows in ({"c": 5, "x": 1.0}, train.assign(c=[5, 6])):
        with pytest.raises(TableError, match="'c' must hold text, as in the training rows; it holds numbers"):
            encoder.encode(rows)
    for rows in ({"c": [], "x": 1.0}, train.assign(c=[[], []])):
        with pytest.raises(TableError, match="'c' must hold text, numbers"):
            encoder.encode(rows)
    for rows in ({"c": "a", "x": "1"}, train.assign(x=["1", "2"])):
        with pytest.raises(TableError, match="'x' must hold numbers; it holds text"):
            encoder.encode(rows)
    tiny = Encoder.fit(pd.DataFrame({"x": [0.0, 1e-30]}), cat_names=[], cont_names=["x"], procs=[Normalize])
    for rows in ({"x": 1e30}, pd.DataFrame({"x": [1e30]})):
        with pytest.raises(TableError, match="'x' must hold finite numbers"):
            tiny.encode(rows)


@pytest.mark.parametrize("procs", [[], [FillMissing, Normalize], [Categorify, FillMissing]])
def test_categorical_columns_need_levels(procs: Any) -> None:
    df = pd.DataFrame({"c": ["b", "a"], "x": [1.0, math.nan]})
    with pytest.raises(TableError, match=r"without: \['.*Put Categorify into procs, after FillMissing"):
        Encoder.fit(df, cat_names=["c"], cont_names=["x"], procs=procs)


class Doubled(TabularProc):
    """A preprocessor of the user that handles frames only."""

    def fit(self, df: pd.DataFrame) -> dict[str, Any]:
        return {}

    def apply(self, df: pd.DataFrame) -> None:
        for name in self.cont_names:
            df[name] = df[name] * 2


@pytest.mark.parametrize("procs", [[Doubled, *PROCS], [FillMissing, Doubled, Categorify], [*PROCS, Doubled]])
def test_with_a_preprocessor_of_ones_own(procs: list[type[TabularProc]]) -> None:
    df = pd.DataFrame({"c": ["b", None, "a"], "k": [1, 2, 1], "x": [1.0, math.nan, 3.0]})
    encoder = Encoder.fit(df, cat_names=["c", "k"], cont_names=["x"], procs=procs)
    again = restored(encoder, own_procs=[Doubled])
    codes, floats = encoder.encode(df)
    assert codes[:, :2].tolist() == [[2, 1], [0, 2], [1, 1]]
    for k, row in enumerate(df.to_dict("records")):
        one = again.encode(row)
        assert (one[0][0].tolist(), one[1][0].tolist()) == (codes[k].tolist(), floats[k].tolist())
    with pytest.raises(
        ArtifactError, match=r"a preprocessor Doubled, which is not part of handlens.*own_procs=\[Doubled\]"
    ):
        restored(encoder)


@pytest.mark.parametrize(
    "change",
    [
        {"procs": None},
        {"procs": [{}]},
        {"procs": [{"name": "Categorify", "state": {}}]},
        {"procs": [{"name": ["Categorify"], "state": {}}]},
        {"procs": ["Categorify"]},
        {"procs": []},
        {"cat_names": "c"},
        {"cat_names": None},
        {"cont_names": ["c"]},
    ],
)
def test_damaged_states_are_refused(change: dict[str, Any]) -> None:
    encoder = Encoder.fit(pd.DataFrame({"c": ["a"], "x": [1.0]}), cat_names=["c"], cont_names=["x"], procs=PROCS)
    with pytest.raises(ArtifactError):
        Encoder.from_state(encoder.state() | change)
    with pytest.raises(ArtifactError):
        Encoder.from_state({})


FLOATS = st.floats(-1e6, 1e6, width=32)
CAT_COLUMNS = {
    "str": (st.none() | st.text(max_size=2), "str"),
    "object": (st.none() | st.booleans() | st.text(max_size=1) | st.integers(0, 3) | st.floats(0, 1), object),
    "Int64": (st.none() | st.integers(0, 4), "Int64"),
    "float32": (FLOATS | st.just(math.nan), "float32"),
    "boolean": (st.none() | st.booleans(), "boolean"),
    "category": (st.none() | st.sampled_from("abc"), "category"),
    "datetime": (st.none() | st.integers(0, 3).map(lambda day: pd.Timestamp(2015, 7, 1 + day)), "datetime64[us]"),
}
CONT_COLUMNS = {
    "float": (FLOATS | st.just(math.nan), "float64"),
    "narrow": (FLOATS | st.just(math.nan), "float32"),
    "int": (st.integers(-9, 9), "int64"),
    "nullable": (st.none() | st.integers(-9, 9), "Int64"),
    "mixed": (st.none() | st.booleans() | st.integers(-9, 9) | FLOATS, object),
}


@st.composite
def frames(draw: st.DrawFn, least: int) -> pd.DataFrame:
    n = draw(st.integers(least, 6))
    columns = {}
    for name, (values, dtype) in (CAT_COLUMNS | CONT_COLUMNS).items():
        drawn = draw(st.lists(values, min_size=n, max_size=n))
        if least and name in CONT_COLUMNS:
            drawn[0] = 1  # what has no value at all cannot be filled
        if least and name == "object":
            drawn[:2] = ["text", 1]  # a value of another kind than the levels is an error, which another test covers
        columns[name] = pd.Series(drawn, dtype=dtype)
    return pd.DataFrame(columns)


@given(frames(least=2), frames(least=0))
def test_each_row_alone_is_as_in_its_frame(train: pd.DataFrame, test: pd.DataFrame) -> None:
    encoder = Encoder.fit(train, cat_names=list(CAT_COLUMNS), cont_names=list(CONT_COLUMNS), procs=PROCS)
    fitted = encoder.state()
    before = test.copy()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # missing only in the test rows, which another test covers
        codes, floats = encoder.encode(test)
        assert codes.shape == (len(test), len(encoder.cat_names))
        assert floats.shape == (len(test), len(encoder.cont_names))
        for each in (encoder, restored(encoder)):
            for k, row in enumerate(test.to_dict("records")):
                one = each.encode(row)
                assert one[0][0].tolist() == codes[k].tolist()
                assert one[1][0].tolist() == floats[k].tolist()
    assert encoder.state() == fitted
    pd.testing.assert_frame_equal(test, before)


class CodesOfShops(TabularProc):
    """Knows frames only, and needs the categories that the step before makes."""

    def fit(self, df: pd.DataFrame) -> dict[str, Any]:
        return {}

    def apply(self, df: pd.DataFrame) -> None:
        df["x"] = df["x"] + df["shop"].cat.codes


def test_a_step_that_knows_frames_only_sees_the_same_in_one_row() -> None:
    df = pd.DataFrame({"shop": ["a", "b"], "x": [0.5, 0.5]})
    encoder = Encoder.fit(df, cat_names=["shop"], cont_names=["x"], procs=[Categorify, CodesOfShops])
    assert encoder.encode(df)[1].tolist() == [[0.5], [1.5]]
    assert encoder.encode({"shop": "b", "x": 0.5})[1].tolist() == [[1.5]]
