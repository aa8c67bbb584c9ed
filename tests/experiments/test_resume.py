"""A study that is killed, interrupted or out of time goes on, and ends with the same numbers as one that was not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from handlens.core.callbacks import Callback
from handlens.experiments import Study
from handlens.experiments.store import EPOCHS, RUNS
from handlens.experiments.training import record
from handlens.experiments.training.claims import Claim, RunPlan, claim
from handlens.experiments.training.owners import Owner, Watch
from handlens.tabular import TabularList, tabular_learner


class PowerFailure(BaseException):
    """Ends the process as far as the study can see: nothing is written any more."""


class FailAt(Callback):
    """Fail before an epoch of a learner, counted from 0, as long as the power fails."""

    def __init__(self, epoch, error):
        self.epoch, self.error = epoch, error

    def before_epoch(self, learn):
        if learn.run.epoch == self.epoch:
            raise self.error


@pytest.fixture(scope="module")
def data():
    random = np.random.default_rng(0)
    x = random.normal(size=80)
    frame = pd.DataFrame({"x": x, "y": 2 * x + random.normal(size=80)})
    labelled = TabularList.from_df(frame, cont_names=["x"]).split_by_idx(range(60, 80)).label_from_df("y")
    return labelled.databunch(bs=20)


@pytest.fixture
def each_epoch(monkeypatch):
    """A checkpoint after each epoch, whatever it costs."""
    monkeypatch.setattr(record, "SAVING_SHARE", 1e9)


def test_a_record_that_was_removed_does_not_leave_checkpoints_to_the_next(tmp_path, data, each_epoch):
    fits = Fits(data)
    fits.fail = (0, 2, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        Study(tmp_path).run(fits, n=1)
    assert (tmp_path / "runs" / "1" / "checkpoints").is_dir()
    for file in tmp_path.glob("experiments.db*"):
        file.unlink()
    fits.fail = None
    study = Study(tmp_path, seed=1)
    study.run(fits, n=1)
    assert study.frame()[["status", "epochs"]].to_numpy().tolist() == [["finished", 6]]
    assert len(study.curves()) == 6


class Fits:
    """Trains in two fits of three epochs with dropout; fails before one of them when told."""

    def __init__(self, data):
        self.data, self.fail, self.began, self.models = data, None, [], {}

    def __call__(self, trial):
        rate = trial.real("rate", 1e-3, 1e-1, log=True)
        learn = tabular_learner(self.data, layers=[8], ps=0.5, seed=trial.seed)
        for fit in range(2):
            failing = [FailAt(self.fail[1], self.fail[2])] if self.fail and self.fail[0] == fit else []
            self.began.append(fit)
            learn.fit_one_cycle(3, rate, callbacks=[*trial.callbacks, *failing])
        self.models[trial.number, trial.seed] = learn.model.state_dict()
        return learn


def numbers(study):
    return study.curves().drop(columns="seconds")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, data):
    train = Fits(data)
    study = Study(tmp_path_factory.mktemp("undisturbed"))
    study.run(train, n=2)
    assert numbers(study)["epoch"].tolist() == [1, 2, 3, 4, 5, 6] * 2
    return numbers(study), train.models


@pytest.mark.parametrize("error", [PowerFailure(), KeyboardInterrupt()], ids=["killed", "Ctrl-C"])
@pytest.mark.parametrize("at", [(0, 0), (0, 2), (1, 0), (1, 2)], ids=str)
def test_a_run_goes_on_from_its_checkpoint_and_ends_the_same(tmp_path, data, undisturbed, each_epoch, at, error):
    train = Fits(data)
    train.fail = (*at, error)
    study = Study(tmp_path / "disturbed")
    with pytest.raises(type(error)):
        study.run(train, n=2)
    assert study.frame()["status"].tolist() == ["running" if isinstance(error, PowerFailure) else "stopped"]
    assert study.frame()["epochs"].tolist() == [3 * at[0] + at[1]]  # what was finished is on record
    train.fail = None
    study.run(train, n=2)
    pd.testing.assert_frame_equal(numbers(study), undisturbed[0], check_exact=True)
    for run, model in undisturbed[1].items():
        assert all(bool((train.models[run][name] == value).all()) for name, value in model.items())
    assert study.frame()["status"].tolist() == ["finished"] * 2
    assert not list(tmp_path.glob("disturbed/runs/*/checkpoints"))


def test_without_a_checkpoint_it_begins_again_and_ends_the_same(tmp_path, data, undisturbed, monkeypatch):
    monkeypatch.setattr(record, "SAVING_SHARE", 0)
    train = Fits(data)
    train.fail = (1, 1, PowerFailure())
    study = Study(tmp_path / "disturbed")
    with pytest.raises(PowerFailure):
        study.run(train, n=2)
    train.fail = None
    study.run(train, n=2)
    pd.testing.assert_frame_equal(numbers(study), undisturbed[0], check_exact=True)


def test_a_checkpoint_of_other_settings_is_not_used(tmp_path, data, each_epoch):
    def train(trial):
        learn = tabular_learner(data, layers=[8], seed=trial.seed)
        learn.fit_one_cycle(epochs, 0.01, callbacks=[*trial.callbacks, FailAt(fail, PowerFailure())])
        return learn

    epochs, fail = 3, 2
    study = Study(tmp_path)
    with pytest.raises(PowerFailure):
        study.run(train, n=1)
    epochs, fail = 2, -1
    study.run(train, n=1)
    assert study.frame()["status"].tolist() == ["finished"]
    assert study.curves()["epoch"].tolist() == [1, 2]
    assert "The run begins again" in (tmp_path / "runs" / "1" / "log.txt").read_text()


def test_when_the_time_is_over_a_run_stops_after_its_epoch_and_the_next_call_continues_it(tmp_path, data, undisturbed):
    study = Study(tmp_path / "short")
    train = Fits(data)
    study.run(train, n=2, minutes=1e-9)
    assert study.frame().empty  # no run begins
    study.run(train, n=2)
    pd.testing.assert_frame_equal(numbers(study), undisturbed[0], check_exact=True)


def test_a_run_in_training_stops_after_its_epoch_when_the_time_is_over(tmp_path, data, undisturbed, monkeypatch):
    from handlens.experiments.training.running import Worker

    study, train = Study(tmp_path / "short"), Fits(data)
    asked = iter([False, False, True, True, True])
    with monkeypatch.context() as patch:
        patch.setattr(Worker, "is_over", lambda self: next(asked))
        study.run(train, n=2, minutes=1)
    assert study.frame()["status"].tolist() == ["stopped"]
    assert study.frame()["epochs"].tolist() == [2]
    study.run(train, n=2)
    pd.testing.assert_frame_equal(numbers(study), undisturbed[0], check_exact=True)
    assert train.began == [0, 0, 1, 0, 1]


def test_a_run_that_a_person_stops_is_not_continued_until_it_is_taken_back(tmp_path):
    def train(trial):
        for _ in range(3):
            trial.record(valid_loss=1)
            if stop:
                with study.store.writing() as connection:
                    connection.execute(RUNS.update().values(stop=True))

    study, stop = Study(tmp_path), True
    study.run(train, n=1)
    assert study.frame()[["status", "epochs"]].values.tolist() == [["stopped", 2]]
    study.run(train, n=1)
    assert study.frame()[["status", "epochs"]].values.tolist() == [["stopped", 2]]
    stop = False
    with study.store.writing() as connection:
        connection.execute(RUNS.update().values(stop=False, status="waiting"))
    study.run(train, n=1)
    assert study.frame()[["status", "epochs"]].values.tolist() == [["finished", 3]]


def test_a_run_that_was_taken_over_or_deleted_ends_silently(tmp_path):
    went_on = []

    def train(trial):
        trial.real("x", 0, 1)
        trial.record(valid_loss=1)
        with study.store.writing() as connection:
            if trial.number == 0:
                connection.execute(RUNS.update().values(owner="another:1:x", status="finished"))
            else:
                connection.execute(RUNS.delete().where(RUNS.c.id == 2))
        trial.record(valid_loss=2)
        went_on.append(trial.number)

    study = Study(tmp_path)
    study.run(train, n=2)
    assert went_on == []
    assert study.frame()[["status", "epochs"]].values.tolist() == [["finished", 1]]


def test_a_process_that_slept_does_not_touch_what_another_has_trained_meanwhile(tmp_path):
    def train(trial):
        if trial.folder.name == "1":
            trial.record(valid_loss=1)
            with study.store.writing() as connection:  # another takes the run over, and gets further
                connection.execute(RUNS.update().values(owner="another:1:x"))
                connection.execute(EPOCHS.insert().values(run=1, epoch=2, seconds=0.0, numbers='{"valid_loss": 2}'))
            (trial.folder / "checkpoints").mkdir()
            with study.store.writing() as connection:
                connection.execute(RUNS.update().values(status="stopped", stop=True, owner=None))

    study = Study(tmp_path)
    study.run(train, n=1)
    assert study.curves()["valid_loss"].tolist() == [1, 2]
    assert (tmp_path / "runs" / "1" / "checkpoints").exists()
    assert study.frame()["status"].tolist() == ["stopped"]


PLAN = RunPlan(n=1)


def test_the_run_of_an_owner_without_signs_of_life_is_claimed(tmp_path):
    study = Study(tmp_path)
    watch = Watch(dead_after=60)
    first = claim(study.store, "study", PLAN, 0, "elsewhere:1:a", watch)
    assert isinstance(first, Claim)
    row = study.store.rows(RUNS.select())[0]
    assert not watch.is_dead(row, now=1000)
    assert not watch.is_dead(row, now=1059)
    assert not watch.is_dead(row | {"beat": row["beat"] + 10}, now=1061)
    assert not watch.is_dead(row | {"beat": row["beat"] + 10}, now=1120)
    assert watch.is_dead(row | {"beat": row["beat"] + 10}, now=1121)


def test_runs_of_others_beyond_the_plan_are_not_waited_for(tmp_path):
    study = Study(tmp_path)
    with Owner(study.store) as owner:
        for plan in (PLAN, RunPlan(n=2)):
            assert isinstance(claim(study.store, "study", plan, 0, owner.name, Watch()), Claim)
        assert claim(study.store, "study", PLAN, 0, owner.name, Watch()).waiting  # for the first combination
        with study.store.writing() as connection:
            connection.execute(RUNS.update().where(RUNS.c.id == 1).values(status="finished"))
        assert not claim(study.store, "study", PLAN, 0, owner.name, Watch()).waiting
        assert claim(study.store, "study", RunPlan(n=2), 0, owner.name, Watch()).waiting


def test_owners_of_this_machine_are_dead_when_their_process_is(tmp_path):
    study = Study(tmp_path)
    with Owner(study.store) as owner:
        alive = {"id": 1, "owner": owner.name, "beat": 0.0}
        assert not Watch().is_dead(alive)
    assert Watch().is_dead(alive)
    gone = owner.name.split(":")
    gone[1] = str(2**22 + 1)  # above the largest process number of Linux
    assert Watch().is_dead({"id": 1, "owner": ":".join(gone), "beat": 0.0})
    assert Watch().is_dead({"id": 1, "owner": None, "beat": 0.0})


def test_a_run_that_loses_its_process_again_and_again_fails(tmp_path):
    def train(trial):
        trial.real("x", 0, 1)
        raise PowerFailure

    study = Study(tmp_path)
    for _ in range(3):
        with pytest.raises(PowerFailure):
            study.run(train, n=1)
        assert study.frame()["status"].tolist() == ["running"]
    study.run(train, n=1)
    assert study.frame()["status"].tolist() == ["failed"]
    assert study.frame()["error"][1].startswith("The process that trained it ended 3 times without an error")
