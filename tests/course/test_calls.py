"""The calls of the course's notebooks about tables: arguments by position, and names of options."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import handlens.tabular
from handlens import course
from handlens.core.schedule import group_rates, one_cycle
from handlens.errors import DataError, TableError, TrainingError
from handlens.tabular import (
    Categorify,
    TabularDataBunch,
    TabularLearner,
    TabularList,
    accuracy,
    pd,
    tabular_learner,
    torch,
)


def frame(rows: int = 12) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "shop": list("ab") * (rows // 2),
            "prediction": np.arange(rows) / 4,
            "sold": ["few", "many"] * (rows // 2),
            "sales": np.arange(rows) + 0.5,
        }
    )


def labelled(target: str, path: Path) -> TabularDataBunch:
    items = TabularList.from_df(
        frame(), path=path, cat_names=["shop"], cont_names=["prediction"], procs=[Categorify]
    ).split_by_idx(range(3))
    data: TabularDataBunch = (
        items.label_from_df(target).add_test(frame()[:2].drop(columns=["sold", "sales"])).databunch(bs=4)
    )
    return data


def shown(capsys: pytest.CaptureFixture[str]) -> list[list[str]]:
    return [line.split() for line in capsys.readouterr().out.splitlines()]


def test_results_of_a_table_are_shown_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    learn = tabular_learner(labelled("sold", tmp_path), layers=[4], seed=0)
    predicted = learn.predict_frame(frame())["sold"].tolist()
    assert learn.show_results() is None
    # A column may be called as that of the predictions is.
    assert shown(capsys) == [
        ["shop", "prediction", "target", "prediction"],
        ["a", "0.00", "few", predicted[0]],
        ["b", "0.25", "many", predicted[1]],
        ["a", "0.50", "few", predicted[2]],
    ]
    learn.show_results(course.DatasetType.Train, rows=2)
    assert [row[:3] for row in shown(capsys)[1:]] == [["b", "0.75", "many"], ["a", "1.00", "few"]]
    learn.show_results(ds_type="test")
    assert shown(capsys)[0] == ["shop", "prediction", "prediction"]
    with pytest.raises(DataError, match="rows must be a whole number"):
        learn.show_results(rows=0)


def test_results_of_numbers_are_those_of_predict_frame(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    learn = tabular_learner(labelled("sales", tmp_path), layers=[4], seed=0)
    learn.show_results(rows=2)
    rows = shown(capsys)[1:]
    assert [float(row[2]) for row in rows] == [0.5, 1.5]
    wanted = learn.predict_frame(frame()[:2])["sales"].tolist()
    assert [float(row[3]) for row in rows] == pytest.approx(wanted, abs=1e-5)
    learn.data = learn.data.hold_out([0])
    learn.data.valid_dl = learn.data.unlabelled(frame()[:0])
    with pytest.raises(DataError, match="no rows in the part 'valid'"):
        learn.show_results()


def test_workers_and_the_folder_of_tables(tmp_path: Path) -> None:
    items = TabularList.from_df(frame(), cont_names=["prediction"]).split_by_rand_pct(0.25, 42).label_from_df("sold")
    data = items.databunch(bs=4, num_workers=2, path=tmp_path / "models")
    assert (data.path, data.batch_size) == (tmp_path / "models", 4)
    assert items.databunch(path=None).path == Path()
    other = TabularDataBunch.from_df(tmp_path, frame(), "sold", range(3), cont_names=["prediction"], num_workers=0)
    assert other.path == tmp_path


def test_a_seed_by_position_and_earlier_names() -> None:
    items = TabularList.from_df(frame(), cont_names=["prediction"])
    by_position, by_name = items.split_by_rand_pct(0.25, 42), items.split_by_rand_pct(0.25, seed=42)
    assert by_position.valid.items.tolist() == by_name.valid.items.tolist()
    assert len(items.no_split().valid) == 0


def test_arguments_by_position(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    learn: TabularLearner = tabular_learner(labelled("sold", tmp_path), [8, 4], metrics=accuracy)
    assert learn.model_options["layers"] == [8, 4]
    learn.fit_one_cycle(2, 1e-2, (0.8, 0.7))
    assert learn.recorder.moms[0] == 0.8
    assert learn.recorder.moms.min() == 0.7
    assert learn.recorder.metrics == [[row["accuracy"]] for row in learn.recorder.rows]
    learn.lr_find(1e-7, 10, 8, False)
    assert len(learn.recorder.lrs) == 8
    assert learn.recorder.min_grad_lr == learn.recorder.suggestion
    course.lr_find(learn, 1e-7, 1e-6, 3, True)
    assert len(learn.recorder.lrs) == 3
    capsys.readouterr()


def test_the_rate_at_the_end_of_a_cycle(tmp_path: Path) -> None:
    rates = one_cycle(100, group_rates(0.1, 1), final_div=10).rates[:, 0]
    # Of 100 steps 30 rise; the last one is 69/70 of the way from 0.1 to 0.01.
    assert rates[-1] == pytest.approx(0.01 + 0.09 / 2 * (1 + np.cos(np.pi * 69 / 70)))
    assert rates[:31] == pytest.approx(one_cycle(100, group_rates(0.1, 1)).rates[:31, 0])
    usual = one_cycle(10, group_rates(0.1, 1)).rates
    assert one_cycle(10, group_rates(0.1, 1), final_div=25e4).rates == pytest.approx(usual)
    learn = tabular_learner(labelled("sold", tmp_path), [4])
    learn.fit_one_cycle(1, 0.1, final_div=1)
    assert learn.recorder.lrs[1:].tolist() == pytest.approx([0.1] * (len(learn.recorder.lrs) - 1))
    with pytest.raises(TrainingError, match="final_div must be 1 or more"):
        learn.fit_one_cycle(1, final_div=0.5)


def test_columns_that_are_not_named() -> None:
    with pytest.raises(TableError, match="name the columns to learn from, those of the training rows for a test"):
        TabularList.from_df(frame())


def test_small_functions() -> None:
    assert handlens.tabular.to_np(torch.tensor([1.5, 2.0], requires_grad=True)).tolist() == [1.5, 2.0]
    assert handlens.tabular.range_of(frame()) == list(range(12))
