"""Frames as people have them: dates of many types, identifiers, wrong separators, names that are there twice."""

from __future__ import annotations

import datetime
import io
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from starlette.testclient import TestClient
from typer.testing import CliRunner

from handlens.cli import app
from handlens.errors import DataError, TableError
from handlens.io.tables import read_table
from handlens.serving.app import create_app
from handlens.tabular import Categorify, FillMissing, FloatList, Normalize, TabularLearner, TabularList, add_datepart
from handlens.tabular import tabular_learner as make_learner

DAYS = [datetime.date(2024, 1, k) for k in (1, 2, 3)]


@pytest.fixture(scope="module")
def learn(tmp_path_factory: pytest.TempPathFactory) -> TabularLearner:
    df = pd.DataFrame({"day": pd.to_datetime(DAYS * 4), "x": np.arange(12.0), "y": np.arange(12.0)})
    rows = TabularList.from_df(
        df, path=tmp_path_factory.mktemp("days"), cat_names=["day"], cont_names=["x"], procs=[Categorify, Normalize]
    )
    learn = make_learner(rows.split_none().label_from_df("y").databunch(bs=4), layers=[32], seed=0)
    learn.fit_one_cycle(3, 0.1, seed=0)  # until the answers are far apart
    return learn


ONE = {
    "date": DAYS[0],
    "datetime": datetime.datetime(2024, 1, 1),
    "Timestamp": pd.Timestamp("2024-01-01"),
    "datetime64": np.datetime64("2024-01-01"),
    "datetime64 in ns": np.datetime64("2024-01-01", "ns"),
}


@pytest.mark.parametrize("kind", ONE)
def test_t7_one_row_with_a_date(learn: TabularLearner, kind: str) -> None:
    row = {"day": ONE[kind], "x": 1.0}
    wanted = learn.predict({"day": pd.Timestamp("2024-01-01"), "x": 1.0}).label
    assert wanted != learn.predict({"day": None, "x": 1.0}).label
    assert learn.predict(row).label == wanted
    assert learn.predict(pd.Series(row, dtype=object)).label == wanted
    assert learn.predict(pd.DataFrame([row])).label == wanted


@pytest.mark.parametrize(
    "dtype",
    [
        "object",
        "datetime64[s]",
        "datetime64[ns]",
        pd.ArrowDtype(pa.date32()),
        pd.ArrowDtype(pa.timestamp("us")),
        "category",
    ],
    ids=str,
)
def test_t7_rows_with_dates_through_every_door(learn: TabularLearner, dtype: Any, tmp_path: Path) -> None:
    known = pd.DataFrame({"day": pd.to_datetime(DAYS), "x": 1.0})
    wanted = learn.predict_frame(known)["y"].tolist()
    assert len(set(wanted)) == 3
    rows = pd.DataFrame({"day": pd.Series(DAYS, dtype=dtype), "x": 1.0})
    assert learn.predict_frame(rows)["y"].tolist() == wanted
    if dtype != "category":
        rows.to_parquet(tmp_path / "rows.parquet")
        assert learn.predict_frame(read_table(tmp_path / "rows.parquet"))["y"].tolist() == wanted
    rows.to_csv(tmp_path / "rows.csv", index=False)
    arguments = ["predict", str(learn.export()), str(tmp_path / "rows.csv"), "--out", str(tmp_path / "out.csv")]
    assert CliRunner().invoke(app, arguments).exit_code == 0
    assert pd.read_csv(tmp_path / "out.csv")["y"].tolist() == pytest.approx(wanted, rel=1e-5)
    # Learning from them is the same too.
    trained = TabularList.from_df(rows.assign(y=1.0), cat_names=["day"], procs=[Categorify]).split_none()
    data = trained.label_from_df("y").databunch(bs=2)
    assert list(data.encoder.levels["day"].index) == list(pd.to_datetime(DAYS))


def test_t7_a_day_over_http(learn: TabularLearner) -> None:
    client = TestClient(create_app(learn.export(), hosts=["testserver"]))
    rows = [{"day": day, "x": 1.0} for day in ("2024-01-01", "2024-01-01T00:00:00", None)]
    first, second, missing = client.post("/api/predict", json={"rows": rows}).json()["predictions"]
    assert first == second != missing
    assert first["y"] == pytest.approx(learn.predict({"day": DAYS[0], "x": 1.0}).label, rel=1e-5)


def test_t3_a_row_as_a_series_of_floats_is_refused_where_an_identifier_was_rounded() -> None:
    df = pd.DataFrame({"id": [2**53 + 1, 2**53 + 3] * 4, "x": np.arange(8.0), "y": np.arange(8.0)})
    rows = TabularList.from_df(df, cat_names=["id"], cont_names=["x"], procs=[FillMissing, Categorify, Normalize])
    learn = make_learner(rows.split_none().label_from_df("y").databunch(bs=4), layers=[32], seed=0)
    right = learn.predict({"id": 2**53 + 1, "x": 0.5}).label
    assert learn.predict(pd.Series({"id": 2**53 + 1, "x": 0.5}, dtype=object)).label == right
    with pytest.raises(TableError, match="give a row as a dict"):
        learn.predict(pd.Series({"id": 2**53 + 1, "x": 0.5}))
    with pytest.raises(TableError, match="must hold whole numbers as they are"):
        learn.predict_frame(pd.DataFrame({"id": [2**53 + 1, None], "x": 0.5}))
    beside = learn.predict_frame(pd.DataFrame({"id": pd.array([2**53 + 1, None], "Int64"), "x": 0.5}))["y"]
    assert beside.tolist()[0] == pytest.approx(right, rel=1e-5)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("a;b\n1;2\n", "separated by ';': pd.read_csv(file, sep=';')."),
        ('"a";"b"\n1,5;2,5\n', "sep=';')"),
        ("a\tb\n1\t2\n", r"sep='\t')"),
        ("a|b\n1|2\n", "sep='|')"),
        ("sep=;\na;b\n1;2\n", "Its first line was 'sep=;': pd.read_csv(file, sep=';', skiprows=1)."),
    ],
    ids=str,
)
def test_t13_a_frame_that_was_read_with_the_wrong_separator(text: str, hint: str) -> None:
    df = pd.read_csv(io.StringIO(text))
    with pytest.raises(TableError) as error:
        TabularList.from_df(df, cat_names=["a"], cont_names=["b"])
    assert hint in str(error.value)
    items = TabularList.from_df(df, cat_names=[df.columns[0]]).split_none()
    with pytest.raises(DataError) as other:
        items.label_from_df("b")
    assert hint in str(other.value)
    with pytest.raises(TableError) as third:
        add_datepart(df, "a")
    assert hint in str(third.value)
    with pytest.raises(TableError) as plain:
        TabularList.from_df(pd.DataFrame({"c": [1], "x; y": [2]}), cat_names=["a"])
    assert "sep=" not in str(plain.value)


@pytest.mark.parametrize(("text", "number"), [("1,5", 1.5), ("-0,25", -0.25), ("1.234,5", 1234.5)])
def test_t13_the_advice_for_decimal_commas_works(text: str, number: float) -> None:
    df = pd.DataFrame({"x": [text, text], "y": [1.0, 2.0]})
    with pytest.raises(TableError) as error:
        TabularList.from_df(df, cont_names=["x"], procs=[Normalize]).split_none().label_from_df("y")
    code = str(error.value).split("or convert it: ")[1].removesuffix(".")
    advised: dict[str, Any] = {"df": df, "pd": pd}
    exec(f"numbers = {code}", advised)
    assert advised["numbers"].tolist() == [number, number]
    with pytest.raises(DataError, match=r"str\.replace\(',', '\.'\)"):
        FloatList(df["x"])


def test_t17_a_name_that_is_there_twice_matters_only_if_it_is_used(tmp_path: Path) -> None:
    df = pd.DataFrame(np.arange(32.0).reshape(8, 4), columns=["a", "y", "z", "z"])
    items = TabularList.from_df(df, path=tmp_path, cont_names=["a"], procs=[FillMissing, Normalize])
    learn = make_learner(items.split_by_idx([0]).label_from_df("y").databunch(bs=4), layers=[32], seed=0)
    wanted = learn.predict_frame(df[["a"]])["y"].tolist()
    assert learn.predict_frame(df)["y"].tolist() == wanted
    assert learn.predict(df.iloc[[2]]).label == pytest.approx(wanted[2], rel=1e-5)
    assert learn.predict(df.iloc[2]).label == pytest.approx(wanted[2], rel=1e-5)
    assert len(learn.data.loader(df).dataset) == 8
    learn.data.add_test(df)
    df.to_csv(tmp_path / "rows.csv", index=False)
    arguments = ["predict", str(learn.export()), str(tmp_path / "rows.csv"), "--out", str(tmp_path / "out.csv")]
    assert CliRunner().invoke(app, arguments).exit_code == 0
    assert CliRunner().invoke(app, [*arguments, "--keep", "a"]).exit_code == 0
    assert CliRunner().invoke(app, [*arguments, "--keep", "z"]).exit_code == 1
    assert add_datepart(df.assign(day=DAYS[0]), "day")["dayYear"].tolist() == [2024] * 8
    for used in ({"cont_names": ["a", "z"]}, {"cat_names": ["z"]}):
        with pytest.raises(TableError, match="more than once: \\['z'\\]"):
            TabularList.from_df(df, **used)
    with pytest.raises(DataError, match="there more than once"):
        items.split_none().label_from_df("z")
    with pytest.raises(DataError, match="there more than once"):
        items.split_by_col("z")
