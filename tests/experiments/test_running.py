"""Running a study: the same choices in every order, every run on record, and what comes out of bad input."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import optuna
import pandas as pd
import pytest

from handlens.errors import ExperimentError
from handlens.experiments import Study
from handlens.experiments.reading.pivot import LEARNED


def weighing(trial):
    """Three epochs whose loss is known."""
    x = trial.real("x", 0, 1)
    side = trial.categorical("side", [["left", 1], ["right", 2]])
    for epoch in (1, 2, 3):
        trial.record(valid_loss=x + side[1] + trial.seed / 100 + 1 / epoch)


def choices_of(study):
    frame = study.frame()
    return frame[["combination", "x", "side"]].drop_duplicates().values.tolist()


def test_every_run_is_a_row_with_its_choices_and_the_value_of_its_last_epoch(tmp_path):
    study = Study(tmp_path)
    study.run(weighing, n=3, repeats=2)
    frame = study.frame()
    assert frame.index.tolist() == [1, 2, 3, 4, 5, 6]
    assert frame["combination"].tolist() == [0, 0, 1, 1, 2, 2]
    assert frame["seed"].tolist() == [0, 1, 0, 1, 0, 1]
    assert set(frame["status"]) == {"finished"}
    assert frame["epochs"].tolist() == [3] * 6
    for _, row in frame.iterrows():
        assert row["value"] == row["x"] + row["side"][1] + row["seed"] / 100 + 1 / 3
    assert choices_of(study) == choices_of(study)
    curves = study.curves()
    assert curves["run"].tolist() == [run for run in range(1, 7) for _ in range(3)]
    assert curves["epoch"].tolist() == [1, 2, 3] * 6


def test_none_that_was_chosen_is_not_a_choice_that_was_not_asked_for(tmp_path):
    def train(trial):
        if trial.categorical("tree", [True, False]):
            return {2: 1.0, None: 3.0}[trial.categorical("depth", [2, None])] + trial.seed / 4
        return 7.0 + trial.seed / 4

    study = Study(tmp_path)
    study.run(train, grid={"tree": [True, False], "depth": [2, None]}, repeats=2)
    depth = study.frame()["depth"]
    assert depth[depth.notna()].tolist() == [2, 2, "None", "None"]
    assert study.frame().loc[depth.isna(), "tree"].unique().tolist() == [False]
    found = study.pivot("depth", baseline={"depth": None})
    assert found.frame["value"].to_dict() == {2: 1.125, "None": 3.125, "(not asked)": 7.125}
    assert found.cells["difference"][0] == -2


def test_a_training_that_records_no_epoch_has_its_seconds_too(tmp_path, monkeypatch):
    clock = iter(range(0, 1000, 5))
    monkeypatch.setattr("handlens.experiments.training.record.time.perf_counter", lambda: next(clock))
    study = Study(tmp_path)
    study.run(lambda trial: trial.real("x", 0, 1), n=1)
    assert study.frame()["seconds"].tolist() == [5]


def test_a_later_call_adds_what_is_missing_and_trains_nothing_twice(tmp_path):
    seen = []

    def train(trial):
        seen.append((trial.number, trial.seed))
        return trial.real("x", 0, 1)

    study = Study(tmp_path)
    study.run(train, n=2, repeats=1)
    study.run(train, n=3, repeats=2)
    assert seen == [(0, 0), (1, 0), (0, 1), (1, 1), (2, 0), (2, 1)]
    again = Study(tmp_path / "other")
    again.run(train, n=3, repeats=2)
    assert sorted(again.frame()["value"]) == sorted(study.frame()["value"])


def test_a_grid_trains_every_combination_in_order(tmp_path):
    def train(trial):
        return trial.integer("n", 1, 3) * 10 + trial.categorical("flag", [False, True])

    study = Study(tmp_path)
    study.run(train, grid={"n": [1, 3], "flag": [True, False]})
    assert study.frame()["value"].tolist() == [11, 10, 31, 30]


@pytest.mark.parametrize("values", [[1, 3], (1, 3), range(1, 4, 2), np.array([1, 3]), pd.Series([1, 3])])
def test_the_values_of_a_grid_are_any_that_have_an_order(tmp_path, values):
    study = Study(tmp_path)
    for _ in range(2):
        study.run(lambda trial: trial.integer("n", 1, 3), grid={"n": values})
        assert study.frame()["value"].tolist() == [1, 3]


@pytest.mark.parametrize("values", ["ab", {1, 3}, {1: 3}, 5, [], None])
def test_what_has_no_order_has_no_place_in_a_grid(tmp_path, values):
    with pytest.raises(ExperimentError, match="grid must be lists of values by the names of the choices"):
        Study(tmp_path).run(lambda trial: trial.integer("n", 1, 3), grid={"n": values})


def test_a_grid_of_tuples_is_the_same_grid_the_next_time(tmp_path):
    study = Study(tmp_path)
    for _ in range(2):
        study.run(lambda trial: sum(trial.categorical("n", [(1, 2), (3,)])), grid={"n": [(3,), (1, 2)]}, repeats=2)
    assert study.frame()["n"].tolist() == [(3,), (3,), (1, 2), (1, 2)]


def test_a_value_of_a_grid_that_train_does_not_ask_for_is_refused_before_training(tmp_path):
    study = Study(tmp_path)
    with pytest.raises(ExperimentError, match="the grid has 30 for 'n', for which train asks for an integer from 1 to"):
        study.run(lambda trial: trial.integer("n", 1, 3), grid={"n": [1, 30]})
    assert study.frame()["status"].tolist() == ["stopped"]
    study.run(lambda trial: trial.integer("n", 1, 3), grid={"n": [2, 3]})
    assert study.frame()["value"].tolist() == [2, 3]


def test_samplers_that_cannot_draw_the_choices_are_refused(tmp_path):
    study = Study(tmp_path)
    with pytest.raises(ExperimentError, match=r"or a sampler of Optuna; <class .*TPESampler'> arrived"):
        study.run(weighing, n=1, sampler=optuna.samplers.TPESampler)
    with pytest.raises(ExperimentError, match=r"give grid=… in place of Optuna's GridSampler"):
        study.run(weighing, n=1, sampler=optuna.samplers.GridSampler({"x": [1]}))


def test_the_folder_of_a_study_stays_where_it_was_when_a_training_goes_to_another_one(tmp_path, monkeypatch):
    def train(trial):
        monkeypatch.chdir(tmp_path / "elsewhere")
        (trial.folder / "mine").touch()
        return trial.real("x", 0, 1)

    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    Study("relative").run(train, n=2)
    assert len(list(tmp_path.glob("relative/runs/*/mine"))) == 2


def test_a_second_thread_that_trains_is_refused(tmp_path):
    def train(trial):
        with ThreadPoolExecutor() as pool:
            error = pool.submit(Study(tmp_path, "second").run, weighing, n=1).exception()
        assert "another thread of this process trains a study" in str(error)
        inner = Study(tmp_path, "inner")
        inner.run(weighing, n=1)  # in the same thread, one may be within another
        return len(inner.frame()) + 0 * trial.real("x", 0, 1)

    study = Study(tmp_path)
    study.run(train, n=1)
    assert study.frame()["value"].tolist() == [1]


def test_a_grid_of_names_that_train_does_not_ask_for_is_refused_before_training(tmp_path):
    def train(trial):
        trial.real("rate", 0, 1)
        trial.record(valid_loss=1.0)

    study = Study(tmp_path)
    with pytest.raises(
        ExperimentError, match=r"grid has values for 'rates', and train asks for 'rate'. Write the names"
    ):
        study.run(train, grid={"rates": [0.1, 0.2]})
    assert study.curves().empty
    study.run(train, grid={"rate": [0.1, 0.2]})
    assert study.frame()["rate"].tolist() == [0.1, 0.2]


def test_a_name_of_a_grid_that_train_does_not_ask_for_is_said_at_once_and_at_the_end(tmp_path, capsys):
    def train(trial):
        print("trained")
        return trial.real("rate", 0, 1) + trial.categorical("side", [1, 2])

    Study(tmp_path).run(train, grid={"side": [1, 2], "rates": [0.1]})
    assert [line for line in capsys.readouterr().out.splitlines() if "of 2" not in line] == [
        "trained",
        "The first training did not ask for 'rates', which grid has values for. All is well if another choice decides "
        "whether it asks; otherwise write the name in grid as train has it.",
        "trained",
        "No training asked for 'rates', which grid has values for.",
    ]


def test_a_choice_of_a_grid_that_depends_on_another_one_is_asked_for_later(tmp_path, capsys):
    def train(trial):
        return trial.real("beta", 0, 1) if trial.categorical("kind", ["plain", "beta"]) == "beta" else 2

    study = Study(tmp_path)
    study.run(train, grid={"kind": ["plain", "beta"], "beta": [0.1, 0.2]})
    assert sorted(study.frame()["value"]) == [0.1, 0.2, 2]
    assert "No training asked" not in capsys.readouterr().out


def test_seeds_as_large_as_every_program_reads_them(tmp_path):
    study = Study(tmp_path, seed=2**40)
    study.run(lambda trial: trial.real("x", 0, 1), n=1, repeats=2)
    assert study.frame()["seed"].tolist() == [2**40, 2**40 + 1]
    with pytest.raises(ExperimentError, match=r"the seed of a study must be \d+ or less; 9223372036854775808 arrived"):
        Study(tmp_path, "other", seed=2**63)


def test_a_grid_that_is_not_that_of_the_study_is_refused(tmp_path):
    def train(trial):
        return trial.integer("n", 1, 3) * 10 + trial.categorical("flag", [False, True])

    study = Study(tmp_path)
    study.run(train, grid={"n": [1], "flag": [True, False]})
    with pytest.raises(ExperimentError, match=r"has a combination 0 already, with n = 1, flag = True; in this grid it"):
        study.run(train, grid={"flag": [False, True], "n": [1, 2]})
    study.run(train, grid={"n": [1, 3], "flag": [True, False]})
    assert study.frame()["value"].tolist() == [11, 10, 31, 30]


def test_choices_that_changed_between_two_calls_end_the_second_at_its_first_run(tmp_path):
    study = Study(tmp_path)
    study.run(lambda trial: trial.real("rate", 0, 1), n=2)
    with pytest.raises(
        ExperimentError, match=r"knows the choice 'rate' as a real number from 0.0 to 1.0; it was asked"
    ):
        study.run(lambda trial: trial.real("rate", 0, 2), n=10)
    assert study.frame()["status"].tolist() == ["finished", "finished", "stopped"]
    study.run(lambda trial: trial.real("rate", 0, 1), n=10)
    assert study.frame()["status"].tolist() == ["finished"] * 10


def test_no_combination_is_trained_twice_and_the_study_ends_when_it_has_them_all(tmp_path, capsys):
    def train(trial):
        return trial.integer("n", 1, 3)

    study = Study(tmp_path)
    study.run(train, n=10)
    assert sorted(study.frame()["n"]) == [1, 2, 3]
    out = capsys.readouterr().out
    assert "The study ends with 3 combinations of choices: 50 times" in out
    assert out.splitlines()[-1].startswith("3 of 3 runs; lowest valid_loss 1, of run ")


def test_tpe_learns_where_the_good_values_are(tmp_path):
    study = Study(tmp_path)
    study.run(lambda trial: abs(trial.real("x", 0, 1) - 0.5), n=40, sampler="tpe")
    assert study.frame()["value"].iloc[20:].median() < study.frame()["value"].iloc[:10].median()


def test_that_a_sampler_has_learned_stays_on_record(tmp_path):
    study = Study(tmp_path)
    study.run(weighing, n=2, sampler="tpe")
    study.run(weighing, n=2, repeats=2)
    assert '"sampler": "tpe"' in study.store.studies()[0]["settings"]
    side = study.frame()["side"].iloc[0]
    assert study.pivot("side", baseline={"side": side}).notes[-1] == LEARNED


def test_a_run_that_raises_is_a_row_with_its_error(tmp_path):
    def train(trial):
        if trial.number == 1:
            raise ValueError("the rate is too high")
        return trial.real("x", 0, 1)

    study = Study(tmp_path)
    study.run(train, n=3)
    frame = study.frame()
    assert frame["status"].tolist() == ["finished", "failed", "finished"]
    assert frame["error"][2].endswith("ValueError: the rate is too high")
    assert math.isnan(frame["value"][2])
    assert "the rate is too high" in (tmp_path / "runs" / "2" / "log.txt").read_text()


def test_a_study_of_one_name_measures_one_thing(tmp_path):
    Study(tmp_path, "a", metric="accuracy", direction="maximize")
    with pytest.raises(ExperimentError, match=r"study 'a' already; the metric of it is 'accuracy', and 'valid_loss'"):
        Study(tmp_path, "a")


def test_what_to_train_must_be_said(tmp_path):
    with pytest.raises(ExperimentError, match=r"say how much to train: n=…, grid=… or minutes=…"):
        Study(tmp_path).run(weighing)
    with pytest.raises(ExperimentError, match=r"train must be a function that takes a trial; 10 arrived\."):
        Study(tmp_path).run(10, weighing)
    with pytest.raises(ExperimentError, match=r"each with one value or more and none twice; \{'x': \[1, 1\]\} arrived"):
        Study(tmp_path).run(weighing, grid={"x": [1, 1]})


def test_progress_is_shown_during_a_run_and_does_not_promise_more_time_than_there_is(tmp_path, capsys, monkeypatch):
    clock = [1000.0]
    monkeypatch.setattr("handlens.experiments.training.progress.time.monotonic", lambda: clock[0])
    monkeypatch.setattr("handlens.experiments.training.progress.time.time", lambda: clock[0])

    def train(trial):
        trial.real("rate", 0, 1)
        for _ in range(2):
            clock[0] += 100
            trial.record(valid_loss=1.0)

    Study(tmp_path).run(train, n=3, minutes=10)
    assert capsys.readouterr().out.splitlines() == [
        "0 of 3 runs; about 08:20 left",
        "0 of 3 runs; about 06:40 left",
        "1 of 3 runs; lowest valid_loss 1, of run 1; about 05:00 left",
        "1 of 3 runs; lowest valid_loss 1, of run 1; about 03:20 left",
        "2 of 3 runs; lowest valid_loss 1, of run 1; about 01:40 left",
        "2 of 3 runs; lowest valid_loss 1, of run 1; about 00:00 left",
        "2 of 3 runs; lowest valid_loss 1, of run 1; 10:00",
    ]
    assert "runs" not in (tmp_path / "runs" / "1" / "log.txt").read_text()
