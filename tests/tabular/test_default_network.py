"""The default call on any table: as good as a linear model, on every scale, and kept when it is saved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.datasets import load_diabetes, load_iris, load_wine, make_friedman1
from sklearn.linear_model import LinearRegression
from torch.nn import functional as F

from handlens.core.labels import FloatList, MultiCategoryList
from handlens.core.schedule import USUAL_RATE
from handlens.errors import TrainingError
from handlens.tabular import (
    Categorify,
    FillMissing,
    Normalize,
    TabularDataBunch,
    TabularLearner,
    TabularList,
    accuracy,
    load_learner,
    tabular_learner,
)
from handlens.tabular.default_network import effective_rows
from handlens.tabular.learner import StandardisedMSE
from handlens.tabular.model import TabularModel

PROCS = [FillMissing, Categorify, Normalize]


def bunch(df: pd.DataFrame, target: Any, path: Path, *, procs: Any = PROCS, **options: Any) -> TabularDataBunch:
    """A fifth of the rows held out; columns of text are categories."""
    names = [name for name in df.columns if name not in ([target] if isinstance(target, str) else target)]
    cats = [name for name in names if df[name].dtype.kind not in "biuf"]
    items = TabularList.from_df(
        df, path=path, cat_names=cats, cont_names=[name for name in names if name not in cats], procs=procs
    )
    valid = np.random.default_rng(0).permutation(len(df))[: len(df) // 5]
    data: TabularDataBunch = items.split_by_idx(valid).label_from_df(target, **options).databunch(bs=64)
    return data


def fitted(data: TabularDataBunch, **options: Any) -> TabularLearner:
    learn = tabular_learner(data, seed=0, **options)
    learn.fit_one_cycle(5, seed=0)
    return learn


def r2(learn: TabularLearner) -> float:
    predicted, actual = (values.double() for values in learn.get_preds())
    return 1 - float((predicted - actual).square().sum() / (actual - actual.mean()).square().sum())


SCALES = [(0, 1), (0, 100), (10, 1), (100, 10), (2e5, 1e5), (1e-6, 1e-7), (1e30, 1e29), (-3e7, 1e4), (0, 1e-20)]


@pytest.mark.parametrize(("mean", "deviation"), SCALES)
@pytest.mark.parametrize("options", [{}, {"layers": [200, 100]}])
@pytest.mark.parametrize("procs", [PROCS, []])
def test_t1_a_line_is_learned_on_every_scale_of_the_target(
    tmp_path: Path, mean: float, deviation: float, options: dict[str, Any], procs: Any
) -> None:
    x = np.random.default_rng(1).normal(size=2000)
    learn = fitted(bunch(pd.DataFrame({"x": x, "v": mean + deviation * x}), "v", tmp_path, procs=procs), **options)
    assert r2(learn) > 0.95
    assert learn.recorder.row["valid_loss"] < 0.05
    row = learn.predict({"x": 1.0}).label
    assert row == pytest.approx(mean + deviation, abs=deviation / 4)


@pytest.mark.parametrize("options", [{}, {"layers": [200, 100]}])
@pytest.mark.parametrize("kind", ["t", "lognormal"])
def test_t1_a_line_with_heavy_tails(tmp_path: Path, kind: str, options: dict[str, Any]) -> None:
    random = np.random.default_rng(1)
    x = random.standard_t(2, 2000) if kind == "t" else np.exp(2 * random.normal(size=2000))
    assert r2(fitted(bunch(pd.DataFrame({"x": x, "v": 5 + 3 * x}), "v", tmp_path), **options)) > 0.95


def linear_r2(data: TabularDataBunch) -> float:
    (_, numbers), (_, held_out) = data.train_dl.tensors[:2], data.valid_dl.tensors[:2]
    model = LinearRegression().fit(numbers.numpy(), data.train_ds.y.data.numpy())
    return float(model.score(held_out.numpy(), data.valid_ds.y.data.numpy()))


@pytest.mark.parametrize("options", [{}, {"layers": [200, 100]}])
def test_t1_some_hundred_rows_are_predicted_as_a_linear_model_does(tmp_path: Path, options: dict[str, Any]) -> None:
    data = bunch(load_diabetes(as_frame=True, scaled=False).frame.astype(float), "target", tmp_path)
    assert r2(fitted(data, **options)) > linear_r2(data) - 0.05


def test_t1_curves_are_learned_in_five_epochs(tmp_path: Path) -> None:
    x, y = make_friedman1(2000, random_state=0)
    data = bunch(pd.DataFrame(x).add_prefix("x").assign(y=y), "y", tmp_path)
    assert linear_r2(data) < 0.8
    assert r2(fitted(data)) > 0.88


def test_t1_a_column_of_identifiers_leaves_something_to_learn(tmp_path: Path) -> None:
    x, y = make_friedman1(2000, random_state=0)
    df = pd.DataFrame(x).add_prefix("x").assign(name=[f"name {i}" for i in range(2000)], y=y)
    assert r2(fitted(bunch(df, "y", tmp_path))) > 0.85


def test_t1_classes_of_a_hundred_rows(tmp_path: Path) -> None:
    df = load_wine(as_frame=True).frame
    df["target"] = df["target"].map({0: "a", 1: "b", 2: "c"})
    learn = fitted(bunch(df, "target", tmp_path), metrics=accuracy)
    assert learn.recorder.row["accuracy"] > 0.9


def test_t1_targets_of_different_scales_count_alike(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(500, 2))
    df = pd.DataFrame({"a": x[:, 0], "b": x[:, 1], "small": 1e-3 * x[:, 0], "large": 1e6 + 1e4 * x[:, 1]})
    learn = fitted(bunch(df, ["small", "large"], tmp_path))
    predicted, actual = learn.get_preds()
    spreads = actual.std(0)
    assert ((predicted - actual).abs().mean(0) / spreads < 0.1).all()
    assert isinstance(learn.loss_func, StandardisedMSE)
    assert float(learn.loss_func(actual + spreads, actual)) == pytest.approx(1, rel=0.2)


def mixed(n: int = 300) -> pd.DataFrame:
    random = np.random.default_rng(0)
    df = pd.DataFrame({"shop": random.choice(list("abc"), n), "x": random.normal(size=n)})
    df["sales"] = 1000.0 + 100 * df["x"] + df["shop"].map({"a": 0.0, "b": 50, "c": 90}) + random.normal(size=n)
    df["many"] = np.where(df["sales"] > 1000, "yes", "no")
    df["hot"], df["far"] = df["x"] > 0, df["x"] > 1
    df.loc[::30, "x"] = np.nan
    return df


TARGETS: dict[str, dict[str, Any]] = {
    "sales": {},
    "many": {},
    "hot far": {"label_cls": MultiCategoryList},
    "logarithm": {"label_cls": FloatList, "log": True},
}


@pytest.mark.parametrize("kind", TARGETS)
def test_t1_what_is_saved_predicts_the_same(tmp_path: Path, kind: str) -> None:
    names = {"hot far": ["hot", "far"], "logarithm": "sales"}.get(kind, kind)
    df = mixed()
    target = names if isinstance(names, list) else [names]
    data = bunch(df[["shop", "x", *target]], names, tmp_path, **TARGETS[kind])
    learn = fitted(data)
    before = learn.validate()
    rows = df[["shop", "x"]].head(7)
    table = learn.predict_frame(rows)
    learn.save("kept")
    other = load_learner(learn.export())
    pd.testing.assert_frame_equal(other.predict_frame(rows), table)
    other.data = data
    assert other.validate() == before
    both = learn.ensemble(["kept", "kept"])
    assert both.validate() == pytest.approx(before, rel=1e-5)
    both.export("both")
    pd.testing.assert_frame_equal(load_learner(tmp_path / "both").predict_frame(rows), table, rtol=1e-4)
    for i in range(7):
        one = learn.predict(rows.iloc[i]).values
        assert torch.allclose(one, data.y.activate(learn.outputs(data.unlabelled(rows.iloc[[i]]).tensors[:2]))[0])
    assert dict(learn.model_options)["linear"] is True


def test_t1_a_network_for_onnx(tmp_path: Path) -> None:
    pytest.importorskip("onnxscript")
    learn = fitted(bunch(mixed()[["shop", "x", "sales"]], "sales", tmp_path))
    assert learn.export_onnx().exists()


def test_with_a_range_nothing_is_added_and_nothing_scaled(tmp_path: Path) -> None:
    data = bunch(mixed()[["shop", "x", "sales"]], "sales", tmp_path)
    learn = tabular_learner(data, layers=[8, 4], ps=[0.1, 0.2], emb_drop=0.04, y_range=(0, 2000), seed=3)
    with torch.random.fork_rng():
        torch.manual_seed(3)
        plain = TabularModel([(4, 3), (3, 2)], 1, 1, [8, 4], ps=[0.1, 0.2], emb_drop=0.04, y_range=(0, 2000))
    assert repr(learn.model) == repr(plain)
    assert all(torch.equal(a, b) for a, b in zip(learn.model.parameters(), plain.parameters(), strict=True))
    outputs, targets = torch.tensor([1.0, 3]), torch.tensor([2.0, 5])
    assert learn.loss_func(outputs, targets) == F.mse_loss(outputs, targets)
    assert list(learn.model_options) == ["n_cont", "out_sz", "layers", "ps", "emb_drop", "y_range"]


def test_a_loss_of_ones_own_gets_the_targets_own_units(tmp_path: Path) -> None:
    data = bunch(mixed()[["shop", "x", "sales"]], "sales", tmp_path)
    learn = tabular_learner(data, loss_func=F.l1_loss, seed=0)
    assert learn.loss_func is F.l1_loss
    predicted, actual = learn.get_preds()
    assert learn.validate()[0] == pytest.approx(float((predicted - actual).abs().mean()))


def test_rows_of_rare_classes_count_for_more() -> None:
    flags = np.zeros((100, 2), bool)
    flags[:50, 0] = flags[0, 1] = True
    # half of the rows: 4 · ¼ = 1; one in a hundred: 4 · 0.0099 = 0.0396; the mean of both
    assert effective_rows(MultiCategoryList(flags)) == 52
    assert effective_rows(FloatList([1.0, 2.0])) == 2


def test_a_model_has_no_range_beside_a_linear_part() -> None:
    with pytest.raises(TrainingError, match="either a linear part or a y_range"):
        TabularModel([(3, 2)], 1, 1, [4], y_range=(0, 1), linear=True)


@pytest.mark.parametrize("options", [{}, {"layers": [200, 100]}])
def test_t19_where_no_rate_is_better_the_usual_one_is_returned(
    tmp_path: Path, options: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    x, more = np.random.default_rng(1).normal(size=(2, 2000))
    learn = tabular_learner(bunch(pd.DataFrame({"x": x, "v": 10 + x + more}), "v", tmp_path), seed=0, **options)
    assert learn.lr_find(seed=0) == USUAL_RATE
    assert learn.recorder.suggestion is None
    assert capsys.readouterr().out == (
        "no learning rate is suggested, because the loss fell clearly at no rate: take 3.0e-03, the usual one; "
        "learn.recorder.plot() shows the losses\n"
    )


@pytest.mark.parametrize("options", [{}, {"layers": [200, 100]}])
def test_t19_what_a_model_has_learned_is_not_undone_by_the_usual_rate(
    tmp_path: Path, options: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    x = np.random.default_rng(1).normal(size=2000)
    learn = tabular_learner(bunch(pd.DataFrame({"x": x, "v": 10 + x}), "v", tmp_path), seed=0, **options)
    assert learn.lr_find(seed=0) == learn.recorder.rates[-1, -1] / 100 < USUAL_RATE
    assert learn.recorder.suggestion is None
    assert ", a hundredth of that at which it grew fourfold; learn.recorder.plot()" in capsys.readouterr().out


def test_t19_the_suggested_rate_of_classes_is_not_worse_than_the_usual_one(tmp_path: Path) -> None:
    df = load_iris(as_frame=True).frame
    df["target"] = df["target"].map({0: "a", 1: "b", 2: "c"})
    learn = tabular_learner(bunch(df, "target", tmp_path), layers=[200, 100], metrics=accuracy, seed=0)
    learn.fit_one_cycle(5, learn.lr_find(seed=0), seed=0)
    assert learn.recorder.row["accuracy"] > 0.85
