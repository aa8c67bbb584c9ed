"""The preprocessors on tables small enough to work out by hand, beside scikit-learn's, and on all that goes wrong."""

from __future__ import annotations

import datetime
import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import OrdinalEncoder, StandardScaler

from handlens.errors import ArtifactError, NotFittedError, TableError
from handlens.tabular.encoder import Encoder
from handlens.tabular.procs import Categorify, FillMissing, Normalize, TabularProc

PROCS = [Categorify, FillMissing, Normalize]
MakeProc = Callable[[list[str], list[str]], TabularProc]


def restored(proc: TabularProc, cats: list[str], conts: list[str]) -> TabularProc:
    return type(proc).from_state(cats, conts, json.loads(json.dumps(proc.state(), allow_nan=False)))


class TestCategorify:
    def test_by_hand(self) -> None:
        train = pd.DataFrame({"colour": ["red", None, "blue", "red"], "size": [3, 1, 2, 1], "rest": [1, 2, 3, 4]})
        test = pd.DataFrame({"colour": ["green", "blue", None], "size": [2.0, math.nan, 9], "rest": [5, 6, 7]})
        proc = Categorify(["colour", "size"], [])
        proc(train)
        proc(test, test=True)
        assert train["colour"].cat.categories.tolist() == ["blue", "red"]
        assert train["colour"].cat.codes.tolist() == [1, -1, 0, 1]
        assert train["size"].cat.categories.tolist() == [1, 2, 3]
        assert train["size"].cat.codes.tolist() == [2, 0, 1, 0]
        assert test["colour"].cat.codes.tolist() == [-1, 0, -1]
        assert test["size"].cat.codes.tolist() == [1, -1, -1]
        assert test["colour"].dtype == train["colour"].dtype
        assert test["rest"].tolist() == [5, 6, 7]
        assert proc.state() == {
            "levels": {
                "colour": {"dtype": "str", "values": ["blue", "red"]},
                "size": {"dtype": "int64", "values": [1, 2, 3]},
            }
        }

    def test_an_all_missing_column_has_no_levels(self) -> None:
        df = pd.DataFrame({"c": [None, None]})
        proc = Categorify(["c"], [])
        proc(df)
        assert df["c"].cat.codes.tolist() == [-1, -1]
        later = pd.DataFrame({"c": ["a", None]})
        proc(later, test=True)
        assert later["c"].cat.codes.tolist() == [-1, -1]

    @given(st.lists(st.sampled_from(["b", "a", "ä", None])), st.lists(st.sampled_from(["b", "c", None]), min_size=1))
    def test_beside_scikit_learn(self, train: list[Any], test: list[Any]) -> None:
        nan = math.nan  # which scikit-learn takes for missing, and None not
        train, test = [nan if v is None else v for v in [*train, "d"]], [nan if v is None else v for v in test]
        theirs = OrdinalEncoder(
            handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-1, dtype=np.int64
        ).fit(np.array(train, object)[:, None])
        mine = Categorify(["c"], [])
        mine(pd.DataFrame({"c": train}))
        later = pd.DataFrame({"c": pd.Series(test, dtype=object)})
        mine(later, test=True)
        expected = theirs.transform(np.array(test, object)[:, None])[:, 0]
        assert later["c"].cat.codes.tolist() == expected.tolist()


class TestFillMissing:
    def test_by_hand(self) -> None:
        train = pd.DataFrame({"km": [1.0, math.nan, 10.0, 3.0], "age": [1, 2, 3, 4]})
        test = pd.DataFrame({"km": [math.nan, 7.0], "age": [5, 6]})
        proc = FillMissing(["age_group"], ["km", "age"])
        with pytest.raises(TableError, match=r"cat_names must be columns of the frame; missing: \['age_group'\]"):
            proc(train)
        proc = FillMissing([], ["km", "age"])
        proc(train)
        proc(test, test=True)
        assert train.to_dict("list") == {
            "km": [1.0, 3.0, 10.0, 3.0],
            "age": [1, 2, 3, 4],
            "km_na": [False, True, False, False],
        }
        assert test.to_dict("list") == {"km": [3.0, 7.0], "age": [5, 6], "km_na": [True, False]}
        assert train["age"].dtype == "int64"
        assert proc.cat_names == ["km_na"]
        assert proc.cont_names == ["km", "age"]
        assert proc.state() == {"medians": {"km": 3.0, "age": 2.5}, "missing": ["km"]}
        assert restored(proc, [], ["km", "age"]).cat_names == ["km_na"]

    def test_missing_only_when_replayed_is_filled_and_counted_in_one_warning(self) -> None:
        proc = FillMissing([], ["a", "b", "c"])
        proc(pd.DataFrame({"a": [1.0, 3.0], "b": [4.0, 6.0], "c": [7.0, math.nan]}))
        test = pd.DataFrame({"a": [math.nan, 9.0], "b": [math.nan] * 2, "c": [math.nan] * 2})
        with pytest.warns(UserWarning, match=r"training median: a \(1\), b \(2\)$") as warned:
            proc(test, test=True)
        assert len(warned) == 1
        assert warned[0].filename == __file__
        assert test.to_dict("list") == {"a": [2.0, 9.0], "b": [5.0, 5.0], "c": [7.0, 7.0], "c_na": [True, True]}

    def test_the_warning_points_at_whoever_called_the_library(self) -> None:
        encoder = Encoder.fit(pd.DataFrame({"a": [1.0, 3.0]}), cat_names=[], cont_names=["a"], procs=[FillMissing])
        for rows in (pd.DataFrame({"a": [math.nan]}), {"a": None}):
            with pytest.warns(UserWarning, match="training median") as warned:
                encoder.encode(rows)
            assert [one.filename for one in warned] == [__file__]

    def test_fitting_again_forgets_the_columns_it_added(self) -> None:
        proc = FillMissing(["k"], ["x"])
        proc(pd.DataFrame({"k": [1, 2], "x": [1.0, math.nan]}))
        assert proc.cat_names == ["k", "x_na"]
        proc(pd.DataFrame({"k": [1, 2], "x": [1.0, 2.0]}))
        assert proc.cat_names == ["k"]

    def test_a_column_that_is_already_there(self) -> None:
        taken = pd.DataFrame({"x": [1.0, math.nan], "x_na": ["mine", "too"]})
        with pytest.raises(TableError, match="adds 'x_na', but the frame has a column of that name: rename it"):
            FillMissing([], ["x"])(taken)
        proc = FillMissing([], ["x"])
        proc(taken[["x"]])
        with pytest.raises(TableError, match="which is not boolean"):
            proc(taken, test=True)

    @given(st.lists(st.none() | st.floats(-1e6, 1e6), min_size=1).filter(lambda values: set(values) != {None}))
    def test_beside_scikit_learn(self, values: list[float | None]) -> None:
        df = pd.DataFrame({"x": pd.Series(values, dtype=float)})
        x = df.to_numpy()
        FillMissing([], ["x"])(df)
        theirs = SimpleImputer(strategy="median", add_indicator=True).fit_transform(x)
        assert np.array_equal(df.to_numpy(float), theirs)


class TestNormalize:
    def test_by_hand(self) -> None:
        train = pd.DataFrame({"x": [1, 3], "same": [0.1, 0.1]})
        test = pd.DataFrame({"x": [5.0, math.nan], "same": [7.0, 0.1]})
        proc = Normalize([], ["x", "same"])
        proc(train)
        proc(test, test=True)
        assert train.to_dict("list") == {"x": [-1.0, 1.0], "same": [0.0, 0.0]}
        assert test["x"].tolist()[0] == 3.0
        assert math.isnan(test["x"].tolist()[1])
        assert test["same"].tolist() == [0.0, 0.0]
        assert proc.state() == {"means": {"x": 2.0, "same": 0.1}, "stds": {"x": 1.0, "same": 0.0}}

    def test_equal_values_are_constant_whatever_their_mean_is_rounded_to(self) -> None:
        df = pd.DataFrame({"x": [0.1] * 3})
        assert np.mean([0.1] * 3) != 0.1  # or the test shows nothing
        Normalize([], ["x"])(df)
        assert df["x"].tolist() == [0.0] * 3

    @given(st.lists(st.none() | st.integers(-1000, 1000), min_size=2).filter(lambda v: len(set(v) - {None}) > 1))
    def test_beside_scikit_learn(self, values: list[int | None]) -> None:
        df = pd.DataFrame({"x": pd.Series(values, dtype=float)})
        theirs = StandardScaler().fit_transform(df.to_numpy())
        Normalize([], ["x"])(df)
        np.testing.assert_allclose(df.to_numpy(), theirs, rtol=1e-9, atol=1e-9)


class Clip(TabularProc):
    """A preprocessor as in the documentation of TabularProc."""

    def fit(self, df: pd.DataFrame) -> dict[str, Any]:
        return {name: float(df[name].quantile(0.5)) for name in self.cont_names}

    def apply(self, df: pd.DataFrame) -> None:
        for name, most in self.fitted.items():
            df[name] = df[name].clip(upper=most)


def test_one_of_ones_own() -> None:
    train, test = pd.DataFrame({"x": [1.0, 2.0, 9.0]}), pd.DataFrame({"x": [5.0, 0.0]})
    proc = Clip([], ["x"])
    proc(train)
    proc(test, test=True)
    assert train["x"].tolist() == [1.0, 2.0, 2.0]
    assert test["x"].tolist() == [2.0, 0.0]
    row = {"x": 7.0, "other": "text"}
    restored(proc, [], ["x"]).apply_row(row)
    assert row == {"x": 2.0, "other": "text"}


COLUMNS: dict[str, pd.Series] = {
    "int": pd.Series([3, 1, 2]),
    "bool": pd.Series([True, False, True]),
    "boolean": pd.Series([True, None, False], dtype="boolean"),
    "Int64": pd.Series([3, None, 2], dtype="Int64"),
    "Float64": pd.Series([0.5, None, 2], dtype="Float64"),
    "object numbers": pd.Series([3, None, 2.5], dtype=object),
    "object booleans": pd.Series([True, None, 2], dtype=object),
    "float32": pd.Series([0.5, None, 2], dtype="float32"),
    "uint8": pd.Series([0, 1, 255], dtype="uint8"),
}
ARROW = ["int64[pyarrow]", "bool[pyarrow]", "double[pyarrow]"]


@pytest.mark.parametrize("name", [*COLUMNS, *ARROW])
@pytest.mark.parametrize("index", [None, [5, 5, 5], ["b", "a", "c"]])
def test_every_kind_of_number_column_and_index(name: str, index: Any) -> None:
    if name in ARROW:
        pytest.importorskip("pyarrow")
    column = COLUMNS[name] if name in COLUMNS else pd.Series([1, None, 0], dtype=name)
    plain = np.array([math.nan if pd.isna(v) else float(v) for v in column])
    df = pd.DataFrame({"x": column.to_numpy() if column.dtype == object else column})
    if index is not None:
        df.index = index
    fill, normalize, categorify = FillMissing([], ["x"]), Normalize([], ["x"]), Categorify(["x"], [])
    levels = df.copy()
    categorify(levels)
    assert levels["x"].isna().tolist() == np.isnan(plain).tolist()
    fill(df)
    filled = np.where(np.isnan(plain), np.nanmedian(plain), plain)
    assert df["x"].to_numpy(float).tolist() == filled.tolist()
    assert ("x_na" in df) == bool(np.isnan(plain).any())
    normalize(df)
    np.testing.assert_allclose(df["x"].to_numpy(), (filled - filled.mean()) / filled.std())
    if index is not None:
        assert df.index.tolist() == index


@pytest.mark.parametrize("make", PROCS)
def test_replaying_twice_is_replaying_once_but_for_normalize(make: MakeProc) -> None:
    df = pd.DataFrame({"c": ["b", "a", None], "x": [1.0, math.nan, 5.0]})
    proc = make(["c"], ["x"])
    proc(df)
    once = df.copy()
    proc(df, test=True)
    assert df.equals(once) or make is Normalize


@pytest.mark.parametrize("make", PROCS)
def test_replaying_changes_neither_the_fit_nor_other_frames(make: MakeProc) -> None:
    whole = pd.DataFrame({"c": ["b", "a", None, "z"], "x": [1.0, math.nan, 5.0, 7.0], "y": [1, 2, 3, 4]})
    before = whole.copy()
    train, test = whole.iloc[:3], whole.iloc[3:]
    proc = make(["c"], ["x"])
    proc(train)
    fitted = proc.state()
    proc(test, test=True)
    assert proc.state() == fitted
    pd.testing.assert_frame_equal(whole, before)
    assert train["y"].tolist() == [1, 2, 3]


@pytest.mark.parametrize("make", PROCS)
def test_a_replay_on_no_rows(make: MakeProc) -> None:
    df = pd.DataFrame({"c": ["b", "a"], "x": [1.0, math.nan]})
    none = df.iloc[:0]
    proc = make(["c"], ["x"])
    proc(df)
    proc(none, test=True)
    assert list(none.columns) == list(df.columns)
    assert len(none) == 0


@pytest.mark.parametrize("make", PROCS)
def test_frames_that_cannot_be_used(make: MakeProc) -> None:
    proc = make(["c"], ["x"])
    with pytest.raises(TableError, match="must be fitted on at least one row; the frame has no rows"):
        proc(pd.DataFrame({"c": [], "x": []}))
    with pytest.raises(TableError, match=r"cat_names must be columns of the frame; missing: \['c'\]"):
        proc(pd.DataFrame({"x": [1.0]}))
    with pytest.raises(TableError, match=r"cont_names must be columns of the frame; missing: \['x'\]"):
        proc(pd.DataFrame({"c": [1.0]}))
    with pytest.raises(TableError, match=r"distinct names; more than once: \['x'\]"):
        proc(pd.DataFrame([[1, 2, 3]], columns=["c", "x", "x"]))
    with pytest.raises(TableError, match="DataFrame is required; a list arrived"):
        proc([1, 2])  # type: ignore[arg-type]
    with pytest.raises(NotFittedError, match=f"{make.__name__} must be fitted"):  # type: ignore[attr-defined]
        proc(pd.DataFrame({"c": ["a"], "x": [1.0]}), test=True)
    df = pd.DataFrame([["a", 1.0, 5, 6]], columns=["c", "x", "rest", "rest"])  # a repeated column nobody asked for
    proc(df)
    assert df.columns.tolist()[:4] == ["c", "x", "rest", "rest"]


@pytest.mark.parametrize("make", [FillMissing, Normalize])
@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([1.0, math.inf], r"'x' must hold finite numbers.*1 of 2 rows, such as inf\. Mark them as missing"),
        ([1.0, -1e39], r"such as -1e\+39"),
        ([1, 10**400], "a number that no float can hold"),
        (["1", "2"], r"continuous column 'x' must hold numbers; it holds text such as '1'.*pd\.to_numeric"),
        ([1, "two"], "text such as 'two'"),
        ([pd.Timestamp("2015-07-31")] * 2, r"Timestamp values such as 2015-07-31.*add_datepart\(df, 'x'\)"),
        ([datetime.date(2015, 7, 31)] * 2, "date values.*add_datepart"),
        ([1j, 2j], "complex"),
        ([np.timedelta64(1, "D")] * 2, r"convert it: df\['x'\]\.dt\.total_seconds\(\)"),
    ],
)
def test_columns_that_hold_no_numbers(make: MakeProc, values: list[Any], message: str) -> None:
    df = pd.DataFrame({"x": values})
    before = df.copy()
    with pytest.raises(TableError, match=message):
        make([], ["x"])(df)
    proc = make([], ["x"])
    proc(pd.DataFrame({"x": [1.0, None]}))
    with pytest.raises(TableError, match=message):
        proc(df, test=True)
    with pytest.raises(TableError, match="'x' must hold"):
        proc.apply_row({"x": values[-1]})
    pd.testing.assert_frame_equal(df, before)


@pytest.mark.parametrize("make", [FillMissing, Normalize])
@pytest.mark.parametrize("dtype", [float, object, "str", "Int64", "category"])
def test_columns_without_any_value(make: MakeProc, dtype: Any) -> None:
    df = pd.DataFrame({"x": pd.Series([None, None], dtype=dtype)})
    with pytest.raises(TableError, match="'x' must have at least one value in the training rows; all are missing"):
        make([], ["x"])(df)


def test_categories_are_no_numbers_until_they_are_converted() -> None:
    df = pd.DataFrame({"x": pd.Series([1, 2], dtype="category")})
    with pytest.raises(TableError, match="'x' must hold numbers"):
        Normalize([], ["x"])(df)


@pytest.mark.parametrize("make", PROCS)
@pytest.mark.parametrize(
    ("cats", "conts", "message"),
    [
        ("abc", [], r"cat_names must be a list of column names; the text 'abc' arrived: write \['abc'\]"),
        ([], ["x", "x"], r"cont_names must name each column once; named more than once: \['x'\]"),
        (["x"], ["x"], r"either categorical or continuous; both cat_names and cont_names have \['x'\]"),
        (
            [1],
            [],
            r"must be column names that are text; 1 arrived.*df\.columns = \[str\(name\) for name in df",
        ),
        ([("a", "b")], [], r"\('a', 'b'\) arrived.*df\.columns = \[str"),
    ],
)
def test_names_that_cannot_be_used(make: MakeProc, cats: Any, conts: Any, message: str) -> None:
    with pytest.raises(TableError, match=message):
        make(cats, conts)


@pytest.mark.parametrize(
    ("make", "state"),
    [
        (Categorify, {}),
        (Categorify, {"levels": {}}),
        (Categorify, {"levels": {"c": [1]}}),
        (Categorify, {"levels": {"c": {"dtype": "int64", "values": ["x"]}}}),
        (FillMissing, {"medians": {"x": 1.0}}),
        (FillMissing, {"medians": {"x": "1"}, "missing": []}),
        (FillMissing, {"medians": {"x": True}, "missing": []}),
        (FillMissing, {"medians": {"x": 1.0}, "missing": ["y"]}),
        (FillMissing, {"medians": {"x": 1.0}, "missing": [["x"]]}),
        (FillMissing, {"medians": {"y": 1.0}, "missing": []}),
        (Normalize, {"means": {"x": 1.0}}),
        (Normalize, {"means": {"x": 1.0}, "stds": {"x": -1.0}}),
        (Normalize, {"means": {"x": None}, "stds": {"x": 1.0}}),
        (Normalize, {"means": {"x": math.nan}, "stds": {"x": 1.0}}),
        (FillMissing, {"medians": {"x": 10**400}, "missing": []}),
        (Normalize, {"means": {"x": 10**400}, "stds": {"x": 1.0}}),
        (Normalize, {"means": {"x": 1.0}, "stds": {"x": 10**400}}),
        (Normalize, {"means": {"x": 1.0}, "stds": {"x": 1e-320}}),
        (Normalize, None),
    ],
)
def test_damaged_states_are_refused(make: type[TabularProc], state: Any) -> None:
    with pytest.raises(ArtifactError):
        make.from_state(["c"], ["x"], state)


def test_a_wide_frame_gives_no_warning() -> None:
    names = [f"x{k}" for k in range(150)]
    df = pd.DataFrame({name: [1.0, math.nan, 3.0] for name in names})
    FillMissing([], names)(df)
    assert df.shape == (3, 300)


ULP = 2.0**-52
ONES = [1.0, 1 - ULP / 2, 1 + ULP]
THIRDS = np.random.default_rng(0).dirichlet(np.ones(30), 200).sum(1)  # shares, added up


@pytest.mark.parametrize(
    "values",
    [
        ONES,
        [0.3, 0.1 + 0.2],
        [1e6, 1e6 + 1e-10, 1e6 - 1e-10],
        [-1e-6, -1e-6 * (1 + ULP)],
        np.array([1, 1 + 2.0**-23, 1 - 2.0**-24], np.float32),
        np.array([0.3, np.float32(0.1) + np.float32(0.2)], np.float32),
        pd.array(ONES, dtype="Float64"),
        pd.array([*ONES, None], dtype="double[pyarrow]"),
        pd.array([1, 1 + 2.0**-23], dtype="Float32"),
        np.array(ONES, object),
        THIRDS,
        [*ONES, None],
    ],
)
def test_t2_a_column_that_is_constant_but_for_rounding_is_constant(values: Any) -> None:
    df = pd.DataFrame({"x": values})
    normalize = Normalize([], ["x"])
    normalize(df)
    assert set(df["x"].dropna()) == {0.0}
    later = pd.DataFrame({"x": [0.9, 1e9]})
    normalize(later, test=True)
    assert later["x"].tolist() == [0, 0]
    row = {"x": 0.9}
    normalize.apply_row(row)
    assert row == {"x": 0.0}


@pytest.mark.parametrize("dtype", ["float32", "Float32", "float[pyarrow]"])
@pytest.mark.parametrize("kept", [[1.0, 1 + 2**-23], [1.0, 1 + 2**-23, 1 + 2**-22], [0.3, 0.3 + 2**-25, 0.3, 0.3]])
def test_t2_a_column_of_float32_is_constant_but_for_rounding_once_its_missing_values_are_filled(
    dtype: Any, kept: list[float]
) -> None:
    df = pd.DataFrame({"x": pd.Series([*kept, None], dtype=dtype)})
    FillMissing([], ["x"])(df)
    Normalize([], ["x"])(df)
    assert df["x"].tolist() == [0] * len(df)


@pytest.mark.parametrize(
    "values",
    [
        [1.0, 1 + 1e-12],
        [2.0**24, 2.0**24 + 2],
        [1e-20, 2e-20],
        [2.0**53, 2.0**53 + 1000],
        np.array([10**15, 10**15 + 1]),
        np.array([1e6, 1e6 + 1], np.float32),
        np.array([100, 100.5], np.float16),
        [0.0, 5e-17],
    ],
)
def test_t2_small_differences_that_are_none_of_rounding_are_kept(values: Any) -> None:
    df = pd.DataFrame({"x": values})
    Normalize([], ["x"])(df)
    assert df["x"].tolist() == pytest.approx([-1, 1])
