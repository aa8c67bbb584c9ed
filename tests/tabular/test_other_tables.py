"""Two tables that nobody tuned anything for, through the same four calls as the lesson's, for one short epoch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from handlens.core.labels import FloatList
from handlens.core.metrics import accuracy, r2
from handlens.core.saved import load_learner
from handlens.tabular.data import TabularList
from handlens.tabular.dates import add_datepart
from handlens.tabular.learner import TabularLearner, tabular_learner
from handlens.tabular.procs import Categorify, FillMissing, Normalize

PROCS = [FillMissing, Categorify, Normalize]


def found(file: Path) -> Path:
    if not file.is_file():
        pytest.skip(f"needs {file}, which is not there")
    return file


def census(folder: Path, part: str, rows: int) -> pd.DataFrame:
    """So many rows of the Adult table as they come, but for what any reader of it has to say."""
    file = found(folder / "adult" / f"adult.{part}.csv.gz")
    df = pd.read_csv(file, skipinitialspace=True, na_values="?", nrows=rows)
    return df.assign(Y=df["Y"].str.removesuffix("."))


def check_round_trip(learn: TabularLearner, df: pd.DataFrame) -> pd.DataFrame:
    """The predictions for a frame; those of the learner that was exported and loaded must be the same ones."""
    table = learn.predict_frame(df)
    loaded = load_learner(learn.export())
    pd.testing.assert_frame_equal(loaded.predict_frame(df), table)
    label, _, _ = loaded.predict(df.iloc[7])
    # One row may be computed in another order than many.
    said = table.iloc[7, 0]
    assert label.name == said if loaded.data.classes else label == pytest.approx(said, rel=1e-4)
    return table


@pytest.mark.parametrize("target", ["text", "whole numbers"])
def test_adult(target: str, shared_data: Path, tmp_path: Path) -> None:
    train, test = census(shared_data, "data", 5000), census(shared_data, "test", 1000)
    if target == "whole numbers":
        train, test = (df.assign(Y=(df["Y"] == ">50K").astype(int)) for df in (train, test))
    assert train.isna().any().any()
    texts = [name for name in train.columns if train[name].dtype == "str" and name != "Y"]
    amounts = [name for name in train.columns if name not in (*texts, "Y")]
    assert len(texts) == 8
    assert len(amounts) == 6

    data = (
        TabularList.from_df(train, path=tmp_path, cat_names=texts, cont_names=amounts, procs=PROCS)
        .random_split_by_pct(0.2, seed=0)
        .label_from_df("Y")
        .databunch()
    )
    learn = tabular_learner(data, layers=[200, 100], metrics=accuracy, seed=0)
    learn.fit_one_cycle(1, 1e-2, seed=0)

    assert data.classes == (["<=50K", ">50K"] if target == "text" else [0, 1])
    table = check_round_trip(learn, test)
    right = (table["Y"] == test["Y"]).mean()
    assert right > test["Y"].value_counts(normalize=True).max()
    assert learn.validate(data.loader(test))[1] == pytest.approx(right)


def test_bike_sharing(shared_data: Path, tmp_path: Path) -> None:
    df = pd.read_csv(found(shared_data / "bike_sharing" / "hour.csv")).sample(5000, random_state=0)
    add_datepart(df, "dteday")
    # casual and registered add up to the target, cnt.
    cats = ["season", "yr", "mnth", "hr", "holiday", "weekday", "workingday", "weathersit", "dtedayWeek"]
    conts = ["temp", "atemp", "hum", "windspeed", "dtedayElapsed"]
    train, test = df.iloc[:4000], df.iloc[4000:]

    data = (
        TabularList.from_df(train, path=tmp_path, cat_names=cats, cont_names=conts, procs=PROCS)
        .random_split_by_pct(0.2, seed=0)
        .label_from_df("cnt", label_cls=FloatList, log=True)
        .databunch()
    )
    learn = tabular_learner(data, layers=[200, 100], y_range=(0, np.log(train["cnt"].max() * 1.2)), metrics=r2, seed=0)
    learn.fit_one_cycle(1, 1e-2, seed=0)

    assert learn.recorder.row["r2"] > 0.3  # the mean of the logarithms has 0
    error = (check_round_trip(learn, test)["cnt"] - test["cnt"]).abs().mean()
    constant = (train["cnt"].median() - test["cnt"]).abs().mean()  # no constant has a smaller one on its own rows
    assert error < 0.8 * constant
