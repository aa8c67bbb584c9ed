"""tabular_learner: the lesson's four calls on small tables, predictions in all forms, and exported models."""

from __future__ import annotations

import json
import subprocess
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from handlens.core.callbacks import Callback, EarlyStopping, SaveBest
from handlens.core.checkpoint import Checkpoint
from handlens.core.learner import Learner
from handlens.errors import ArtifactError, DataError, TableError, TrainingError, WeightsError
from handlens.io.checksums import with_checksum
from handlens.tabular import (
    Categorify,
    FillMissing,
    FloatList,
    Normalize,
    TabularLearner,
    TabularList,
    accuracy,
    exp_rmspe,
    load_data,
    load_learner,
    roc_auc,
    tabular_learner,
)
from handlens.tabular.model import TabularModel


def table(n: int = 400, seed: int = 0) -> pd.DataFrame:
    """Sales that follow from a shop and a number, a class that follows from both, and gaps."""
    random = np.random.default_rng(seed)
    df = pd.DataFrame(
        {"shop": random.choice(list("abcd"), n), "day": random.integers(1, 8, n), "x": random.normal(size=n)}
    )
    df["sales"] = np.exp(df["shop"].map({"a": 0.0, "b": 1, "c": 2, "d": 3}) + df["x"] * 0.3)
    df["many"] = np.where(df["sales"] > 4, "yes", "no")
    df["hot"] = df["x"] > 0
    df["far"] = df["sales"] > 10
    df.loc[df.index[::20], "x"] = np.nan
    return df


def learner(path: Path, target: Any = "sales", *, seed: int | None = 0, **options: Any) -> TabularLearner:
    log = {"label_cls": FloatList, "log": True} if target == "sales" else {}
    data = (
        TabularList.from_df(
            table(), path=path, cat_names=["shop", "day"], cont_names=["x"], procs=[FillMissing, Categorify, Normalize]
        )
        .random_split_by_pct(seed=1)
        .label_from_df(target, **log)
        .databunch(bs=32)
    )
    return tabular_learner(data, layers=[20, 10], ps=[0.001, 0.01], emb_drop=0.04, seed=seed, **options)


@pytest.mark.filterwarnings("ignore:__array_wrap__:DeprecationWarning")  # NumPy's, of PyTorch
def test_one_target_has_a_row_for_each_item_as_in_the_course(tmp_path: Path) -> None:
    learn = learner(tmp_path)
    df = table(7, seed=3).drop(columns="sales")
    learn.data.add_test(df)
    predictions, targets = learn.get_preds("test")
    assert predictions.shape == targets.shape == (7, 1)
    # The cell of the course that writes the file for Kaggle.
    sales = np.exp(learn.get_preds("test")[0].data).numpy().T[0]
    assert sales.tolist() == pytest.approx(learn.predict_frame(df)["sales"].tolist(), rel=1e-5)
    assert learn.data.y.decode(predictions) == pytest.approx(sales.tolist(), rel=1e-5)
    predictions, targets = learn.get_preds()
    assert (predictions - targets).shape == (len(learn.data.valid_ds), 1)
    assert float(exp_rmspe(predictions, targets)) == pytest.approx(
        float(exp_rmspe(predictions.flatten(), targets.flatten()))
    )


def test_sales_are_learned_and_predicted_as_sales(tmp_path: Path) -> None:
    learn = learner(tmp_path, metrics=exp_rmspe, y_range=(-3, 6))
    learn.fit_one_cycle(8, 2e-2, wd=0.01, seed=1)
    assert learn.validate()[1] < 0.3
    df = table(50, seed=7)
    found = learn.predict_frame(df.drop(columns="sales").set_index(np.arange(50)[::-1] // 2))
    assert found.columns.tolist() == ["sales"]
    assert found.index.tolist() == (np.arange(50)[::-1] // 2).tolist()
    assert np.corrcoef(found["sales"], df["sales"])[0, 1] > 0.9
    row = df.iloc[3]
    prediction = learn.predict(row)
    assert prediction.label == pytest.approx(found["sales"].iloc[3], rel=1e-5)
    assert prediction.values.shape == ()
    assert float(prediction.values) == pytest.approx(np.log(prediction.label), abs=1e-5)
    assert learn.predict(row.to_dict()).label == prediction.label


def test_classes(tmp_path: Path) -> None:
    learn = learner(tmp_path, "many", metrics=[accuracy, roc_auc])
    learn.fit_one_cycle(6, 2e-2, seed=1)
    assert learn.data.classes == ["no", "yes"]
    loss, right, area = learn.validate()
    assert loss < 0.4
    assert right > 0.85
    assert area > 0.9
    found = learn.predict_frame(table(20, seed=3))
    assert found.columns.tolist() == ["many", "probability of no", "probability of yes"]
    assert (found["many"] == np.where(found["probability of yes"] > 0.5, "yes", "no")).all()
    label, code, probabilities = learn.predict(table(20, seed=3).iloc[0])
    assert str(label) == found["many"].iloc[0] == learn.data.classes[code]
    assert probabilities.tolist() == pytest.approx(found.iloc[0, 1:].tolist(), abs=1e-6)


def test_several_classes_a_row(tmp_path: Path) -> None:
    learn = learner(tmp_path, ["hot", "far"])
    learn.fit(1, 1e-2)
    found = learn.predict_frame(table(20, seed=3))
    assert found.columns.tolist() == ["hot", "far", "probability of hot", "probability of far"]
    assert (found["far"] == (found["probability of far"] >= 0.5)).all()


def test_several_numbers_a_row(tmp_path: Path) -> None:
    df = table()
    df["double"] = df["sales"] * 2
    items = TabularList.from_df(df, path=tmp_path, cat_names=["shop"], procs=[Categorify])
    data = items.random_split_by_pct(seed=1).label_from_df(["sales", "double"], log=True).databunch(bs=16)
    learn = tabular_learner(data, layers=[10], seed=0)
    learn.fit_one_cycle(10, 5e-2, seed=0)
    found = learn.predict_frame(df)
    assert found.columns.tolist() == ["sales", "double"]
    assert np.median(found["double"] / found["sales"]) == pytest.approx(2, rel=0.1)
    assert learn.predict(df.iloc[0]).label == pytest.approx(found.iloc[0].tolist(), rel=1e-5)


@pytest.mark.parametrize("target", ["sales", "many", ["hot", "far"]])
def test_a_frame_without_rows_and_one_read_from_a_header(tmp_path: Path, target: Any) -> None:
    learn = learner(tmp_path, target)
    expected = learn.predict_frame(table(3)).columns.tolist()
    for empty in (table().iloc[:0], pd.read_csv(StringIO("shop,day,x\n"))):
        found = learn.predict_frame(empty)
        assert (found.columns.tolist(), len(found)) == (expected, 0)


@pytest.mark.parametrize(("target", "values"), [("sales", [np.nan, -1.0, np.inf]), ("many", [None, "maybe", "no"])])
def test_predicting_does_not_look_at_the_target(tmp_path: Path, target: str, values: list[object]) -> None:
    learn = learner(tmp_path, target)
    rows = table(3, seed=3).drop(columns=target)
    given = rows.assign(**{target: values})
    before = given.copy()
    pd.testing.assert_frame_equal(learn.predict_frame(given), learn.predict_frame(rows))
    learn.predict(given.iloc[[1]])
    pd.testing.assert_frame_equal(given, before)
    with pytest.raises(DataError, match=f"'{target}'"):
        learn.validate(learn.data.loader(given))
    with pytest.raises(TableError, match="a pandas DataFrame is required; a Series arrived"):
        learn.predict_frame(rows.iloc[0])  # type: ignore[arg-type]


@pytest.mark.parametrize("target", ["sales", "many", ["hot", "far"]])
def test_without_labels_losses_and_metrics_are_nan(tmp_path: Path, target: Any) -> None:
    learn = learner(tmp_path, target, metrics=[lambda preds, targets: 0.5])
    assert np.isfinite(learn.validate()).all()
    unlabelled = learn.data.loader(table(9)[["shop", "day", "x"]])
    assert np.isnan(learn.validate(unlabelled)).tolist() == [True, True]


def test_rows_with_an_index_of_several_levels_keep_it(tmp_path: Path) -> None:
    df = table(4)
    df.index = pd.MultiIndex.from_product([["a", "b"], [1, 2]])
    found = learner(tmp_path).predict_frame(df)
    assert found.index.equals(df.index)


class Kill(Callback):
    def after_step(self, learn: Learner) -> None:
        if learn.run.step == 25:  # in the third epoch of ten steps
            raise KeyboardInterrupt


def test_a_killed_run_goes_on_to_the_same_numbers_bit_for_bit(tmp_path: Path) -> None:
    def fit(folder: str, *extra: Callback) -> TabularLearner:
        learn = learner(tmp_path / folder, metrics=exp_rmspe)
        follow = [SaveBest("exp_rmspe"), EarlyStopping("exp_rmspe", patience=9)]
        learn.fit_one_cycle(4, 1e-2, seed=3, callbacks=[Checkpoint("run"), *follow, *extra])
        return learn

    whole = fit("whole")
    with pytest.raises(KeyboardInterrupt):
        fit("killed", Kill())
    torch.manual_seed(99)
    resumed = fit("killed")
    state = resumed.model.state_dict()
    assert all(torch.equal(value, state[name]) for name, value in whole.model.state_dict().items())
    assert resumed.recorder.losses.tolist() == whole.recorder.losses.tolist()
    assert resumed.recorder.rows == whole.recorder.rows
    assert len(whole.recorder.rows) == 4


def test_first_weights_repeat_with_the_seed(tmp_path: Path) -> None:
    state = torch.get_rng_state()
    a, b, c = (learner(tmp_path, seed=seed).model.layers[0].weight for seed in (1, 1, 2))
    assert torch.equal(a, b)  # type: ignore[arg-type]
    assert not torch.equal(a, c)  # type: ignore[arg-type]
    assert torch.equal(torch.get_rng_state(), state)


def test_embedding_sizes_by_column(tmp_path: Path) -> None:
    learn = learner(tmp_path, emb_szs={"shop": 9})
    # shop and day have levels for missing; x has gaps, so x_na joins them
    assert [(e.num_embeddings, e.embedding_dim) for e in learn.model.embeds] == [(5, 9), (8, 5), (3, 2)]  # type: ignore[union-attr]
    assert learner(tmp_path, emb_szs={"shop": np.int64(9)}).model.config["emb_szs"][0] == [5, 9]
    with pytest.raises(TableError, match="categorical"):
        learner(tmp_path, emb_szs={"x": 9})
    with pytest.raises(TableError, match=r"emb_szs must be vector lengths by column, such as .*; \[5\] arrived"):
        learner(tmp_path, emb_szs=[5])
    with pytest.raises(TableError, match=r"the vector length of 'shop', must be a whole number, 1 or more; 0\.5"):
        learner(tmp_path, emb_szs={"shop": 0.5})


@pytest.mark.parametrize("target", ["sales", "many", ["hot", "far"]])
def test_round_trip_of_an_exported_learner(tmp_path: Path, target: Any) -> None:
    learn = learner(tmp_path, target, y_range=(-1, 5) if target == "sales" else None)
    learn.fit(1, 1e-2)
    back = load_learner(learn.export())
    df = table(30, seed=5)
    df.loc[3, "shop"] = "never seen"
    pd.testing.assert_frame_equal(back.predict_frame(df), learn.predict_frame(df))
    with pytest.raises(TrainingError, match="no training items"):
        back.fit(1)


def test_an_exported_learner_predicts_in_a_process_of_its_own(tmp_path: Path) -> None:
    learn = learner(tmp_path)
    folder = learn.export("shop")
    assert folder == tmp_path / "shop"
    row = {"shop": "b", "day": 3, "x": 0.5}
    code = """
import json, sys
from handlens.tabular import load_learner
print(load_learner(sys.argv[1]).predict(json.loads(sys.argv[2])).label)
assert "matplotlib" not in sys.modules
"""
    command = [sys.executable, "-c", code, str(folder), json.dumps(row)]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert float(run.stdout) == pytest.approx(learn.predict(row).label, rel=1e-6)


def test_weights_for_levels_in_another_order_are_refused(tmp_path: Path) -> None:
    def of(levels: list[str]) -> TabularLearner:
        df = pd.DataFrame({"shop": pd.Categorical(["a", "b"] * 8, levels), "sales": [1.0, 2.0] * 8})
        items = TabularList.from_df(df, path=tmp_path, cat_names=["shop"], procs=[Categorify]).split_by_idx(range(4))
        return tabular_learner(items.label_from_df("sales").databunch(bs=4), layers=[8], seed=0)

    of(["a", "b"]).save("1")
    with pytest.raises(WeightsError, match="the levels of shop in another order, a, b; here they are b, a: each"):
        of(["b", "a"]).load("1")


def test_exported_data_take_a_learner_and_its_weights(tmp_path: Path) -> None:
    learn = learner(tmp_path)
    learn.save("1")
    learn.data.export()
    again = tabular_learner(load_data(tmp_path / "databunch"), layers=[20, 10], ps=[0.001, 0.01], emb_drop=0.04)
    row = table(5).iloc[0]
    assert again.load("1").predict(row).label == pytest.approx(learn.predict(row).label)
    with pytest.raises(WeightsError, match="another model"):
        tabular_learner(load_data(tmp_path / "databunch"), layers=[5]).load("1")


def test_a_model_that_was_changed_is_not_exported(tmp_path: Path) -> None:
    learn = learner(tmp_path)
    learn.model.layers[1] = nn.GELU()
    with pytest.raises(TrainingError, match=r"learn\.save"):
        learn.export()


def change(folder: Path, *keys: str | int, value: object) -> None:
    path = folder / "model.json"
    description = json.loads(path.read_text(encoding="utf-8"))
    place = description["config"]
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = value
    del description["crc32"]
    path.write_text(json.dumps(with_checksum(description)), encoding="utf-8")


@pytest.mark.parametrize(
    ("keys", "value"),
    [
        (("model",), None),
        (("model", "layers"), [20, 11]),
        (("model", "emb_szs"), [[4, 3]]),
        (("model", "ps"), [0.1]),
        (("model", "nonsense"), 1),
        *((("model", "y_range"), ends) for ends in ([0, float("inf")], [0, 10**400], [0])),
        *((("model", "ps"), ps) for ps in (10**400, [10**400, 0])),
        *((("model", "layers"), widths) for widths in ([5 * 10**7, 10], [10**400, 10], [20, True])),
        *((("model", "emb_szs"), sizes) for sizes in ([[5, 10**9], [8, 5], [3, 2]], [[5], [8, 5], [3, 2]], 3)),
        *((("model", key), size) for key in ("n_cont", "out_sz") for size in (5 * 10**9, 10**400, -1, "a")),
        *((("data", "labels", "log"), log) for log in ("no", 1, None)),
        (("data", "encoder", "procs", 0, "state", "medians", "x"), 10**400),
        (("data", "encoder", "procs", 2, "state", "means", "x"), 10**400),
        *((("data", "encoder", "procs", 2, "state", "stds", "x"), std) for std in (10**400, 1e-320, -1)),
        (("data",), {}),
        (("data", "labels", "names"), ["a", "b"]),
        (("data", "encoder", "procs"), []),
    ],
)
def test_damaged_learners(tmp_path: Path, keys: tuple[str | int, ...], value: object) -> None:
    folder = learner(tmp_path).export()
    load_learner(folder)
    change(folder, *keys, value=value)
    with pytest.raises(ArtifactError):
        load_learner(folder)


def test_data_of_other_levels_are_refused(tmp_path: Path) -> None:
    learn = learner(tmp_path)
    learn.data = learn.data.hold_out(range(10))
    learn.fit(1)
    fewer = table()[lambda df: df["shop"] != "c"]
    items = TabularList.from_df(
        fewer, cat_names=["shop", "day"], cont_names=["x"], procs=[FillMissing, Categorify, Normalize]
    )
    other = items.split_none().label_from_df("sales", label_cls=FloatList, log=True).databunch()
    with pytest.raises(
        DataError, match=r"the model was made for, in .*; the levels of \['shop'\] differ.*data\.hold_out"
    ):
        learn.data = other
    assert len(learn.data.valid_ds) == 10


def test_data_with_the_columns_in_another_order_are_refused(tmp_path: Path) -> None:
    learn = learner(tmp_path)
    items = TabularList.from_df(
        table(), cat_names=["day", "shop"], cont_names=["x"], procs=[FillMissing, Categorify, Normalize]
    )
    other = items.random_split_by_pct(seed=1).label_from_df("sales", label_cls=FloatList, log=True).databunch()
    assert set(other.encoder.levels) == set(learn.data.encoder.levels)
    with pytest.raises(DataError, match=r"in their order; .*the columns are \['day', 'shop', "):
        learn.data = other


def test_test_data_stay_when_rows_are_held_out(tmp_path: Path) -> None:
    data = learner(tmp_path).data
    data.add_test(table(5))
    assert len(data.hold_out(range(10)).test_dl.dataset) == 5


def test_many_classes_are_predicted_without_a_warning(tmp_path: Path) -> None:
    df = pd.DataFrame({"shop": [str(i % 150) for i in range(450)], "x": np.arange(450.0)})
    items = TabularList.from_df(df, path=tmp_path, cont_names=["x"], procs=[Normalize])
    learn = tabular_learner(items.split_none().label_from_df("shop").databunch(), layers=[5], seed=0)
    table = learn.predict_frame(df[:3])
    assert table.shape == (3, 151)
    assert table.iloc[:, 1:].sum(axis=1).tolist() == pytest.approx([1, 1, 1])


@pytest.mark.parametrize("emb_drop", [np.float32(0.25), 0.25])
def test_dropouts_of_any_float_are_saved(tmp_path: Path, emb_drop: Any) -> None:
    items = TabularList.from_df(table(), path=tmp_path, cat_names=["shop"], procs=[Categorify])
    learn = tabular_learner(items.split_none().label_from_df("many").databunch(), layers=[5], emb_drop=emb_drop)
    learn.export()
    assert load_learner(tmp_path / "learner").model.config["emb_drop"] == 0.25


def two_cycles(path: Path, target: Any = "sales") -> TabularLearner:
    learn = learner(path, target, metrics=exp_rmspe if target == "sales" else ())
    for name in ("first", "second"):
        learn.fit(1, 1e-2, seed=0)
        learn.save(name)
    return learn


def test_an_ensemble_puts_out_the_mean(tmp_path: Path) -> None:
    learn = two_cycles(tmp_path)
    both = learn.ensemble(["first", "second"])
    each = [learn.load(name).get_preds()[0] for name in ("first", "second")]
    assert not torch.equal(*each)
    assert torch.allclose(both.get_preds()[0], (each[0] + each[1]) / 2, atol=1e-6)
    assert both.validate()[1] == pytest.approx(exp_rmspe((each[0] + each[1]) / 2, learn.data.valid_ds.y.data))
    assert torch.equal(learn.get_preds()[0], each[1])
    assert torch.allclose(learn.ensemble(["first"]).get_preds()[0], each[0])
    learn.loss_func = lambda outputs, targets: (outputs.flatten() - targets).abs().mean()
    assert learn.ensemble(["second"]).validate()[0] == pytest.approx(learn.validate()[0], rel=1e-6)
    assert both.model.config == {"members": 2, **learn.model.config}


@pytest.mark.parametrize("target", ["sales", "many"])
def test_round_trip_of_an_exported_ensemble(tmp_path: Path, target: str) -> None:
    both = two_cycles(tmp_path, target).ensemble(["first", "second"])
    if target == "sales":
        both.data.y.scale = 0.5
    back = load_learner(both.export("both"))
    df = table(30, seed=5)
    pd.testing.assert_frame_equal(back.predict_frame(df), both.predict_frame(df))
    assert back.predict(df.iloc[0]).label == both.predict(df.iloc[0]).label
    if target == "sales":
        both.data.y.scale = 1
        assert np.allclose(2 * back.predict_frame(df), both.predict_frame(df))


def test_an_ensemble_as_onnx(tmp_path: Path) -> None:
    assert two_cycles(tmp_path).ensemble(["first", "second"]).export_onnx().is_file()


@pytest.mark.parametrize("members", [0, 1, 3, -1, 10**9, "2", 2.0, None])
def test_damaged_ensembles(tmp_path: Path, members: object) -> None:
    folder = two_cycles(tmp_path).ensemble(["first", "second"]).export()
    change(folder, "members", value=members)
    with pytest.raises(ArtifactError):
        load_learner(folder)


def test_ensembles_that_cannot_be(tmp_path: Path) -> None:
    learn = two_cycles(tmp_path)
    with pytest.raises(TrainingError, match=r"names must be a list, such as \['first', 'second'\]; 'first' arrived"):
        learn.ensemble("first")
    for made in (learn, learn.ensemble(["first"])):
        with pytest.raises(TrainingError, match="ensemble needs the names of one or more saved models"):
            made.ensemble([] if made is learn else ["first"])
    with pytest.raises(ArtifactError, match="third"):
        learn.ensemble(["first", "third"])
    tabular_learner(learn.data, layers=[5]).save("other")
    with pytest.raises(WeightsError, match="another model"):
        learn.ensemble(["first", "other"])


def test_a_model_of_other_sizes_takes_no_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = learner(tmp_path).export()
    change(folder, "model", "layers", value=[20, 11])
    made = []
    whole = TabularModel.__init__

    def watch(self: TabularModel, *given: Any, **options: Any) -> None:
        whole(self, *given, **options)
        made.append({p.device.type for p in self.parameters()})

    monkeypatch.setattr(TabularModel, "__init__", watch)
    with pytest.raises(ArtifactError, match="a model of other sizes"):
        load_learner(folder)
    assert made == [{"meta"}]


def test_other_folders_and_pickles_are_no_learners(tmp_path: Path, bomb: bytes) -> None:
    learn = learner(tmp_path)
    with pytest.raises(ArtifactError, match="a saved tabular-data, which predicts nothing by itself: load_data"):
        load_learner(learn.data.export())
    with pytest.raises(ArtifactError, match="not a saved model"):
        load_learner(tmp_path)
    (tmp_path / "export.pkl").write_bytes(bomb)
    with pytest.raises(ArtifactError, match="not a saved model"):
        load_learner(tmp_path / "export.pkl")
    for name in ("tensors.safetensors", "model.json"):
        folder = learn.export(name)
        (folder / name).write_bytes(bomb)
        with pytest.raises(ArtifactError, match="damaged"):
            load_learner(folder)


def test_a_table_nobody_tuned_for(shared_data: Path, tmp_path: Path) -> None:
    df = pd.read_csv(shared_data / "bike_sharing" / "hour.csv").iloc[::8]
    cats = ["season", "yr", "mnth", "hr", "holiday", "weekday", "workingday", "weathersit"]
    data = (
        TabularList.from_df(
            df, path=tmp_path, cat_names=cats, cont_names=["temp", "hum", "windspeed"], procs=[Categorify, Normalize]
        )
        .random_split_by_pct(seed=0)
        .label_from_df("cnt", label_cls=FloatList, log=True)
        .databunch()
    )
    learn = tabular_learner(data, layers=[100, 50], metrics=exp_rmspe, seed=0)
    learn.fit_one_cycle(4, 1e-2, seed=0)
    mean_only = float(data.valid_ds.y.data.var())
    assert learn.validate()[0] < mean_only / 4


def test_what_a_notebook_gets() -> None:
    names: dict[str, Any] = {}
    exec("from handlens.tabular import *", names)
    used = "Path pd np torch tensor plt defaults doc add_datepart TabularList FloatList tabular_learner exp_rmspe"
    assert set(used.split()) <= set(names)
    assert names["tensor"]([[1.0]]).expand(2, 1).shape == (2, 1)
    assert names["plt"].__name__ == "matplotlib.pyplot"
    with pytest.raises(ImportError):
        exec("from handlens.tabular import nothing", {})
