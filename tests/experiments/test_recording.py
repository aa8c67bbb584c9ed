"""Recording a learner: its epochs, what it was trained on, and checkpoints as often as they cost next to nothing."""

from __future__ import annotations

from types import SimpleNamespace as Namespace

import numpy as np
import pandas as pd
import pytest
import torch

from handlens.core.callbacks import EarlyStopping
from handlens.core.metrics import rmse
from handlens.errors import StorageError
from handlens.experiments import Study
from handlens.experiments.store import read
from handlens.experiments.training.facts import data_facts
from handlens.experiments.training.record import RunRecord
from handlens.tabular import TabularList, tabular_learner


def bunch(shift=0.0):
    x = np.arange(40.0)
    frame = pd.DataFrame({"x": x, "y": 2 * x + shift})
    return TabularList.from_df(frame, cont_names=["x"]).split_by_idx(range(30, 40)).label_from_df("y").databunch(bs=10)


def trained(folder, data, **options):
    def train(trial):
        learn = tabular_learner(data, layers=[4], metrics=rmse, seed=trial.seed)
        learn.fit_one_cycle(3, 0.01, callbacks=trial.callbacks, **options)
        learners.append(learn)
        return learn

    learners: list = []
    study = Study(folder, metric="rmse")
    study.run(train, n=1)
    return study, learners[0]


def test_every_epoch_of_a_learner_is_on_record_as_its_own_recorder_has_it(tmp_path):
    study, learn = trained(tmp_path, bunch())
    names = ["train_loss", "valid_loss", "rmse"]
    assert study.curves()[names].to_dict("records") == learn.recorder.rows
    assert study.curves()["rate"].tolist() == learn.recorder.rates[[2, 5, 8], -1].tolist()
    assert study.frame()["value"].tolist() == [learn.recorder.rows[-1]["rmse"]]


def test_the_table_of_a_learner_is_in_the_log_of_its_run_and_not_between_the_lines_of_the_study(tmp_path, capsys):
    trained(tmp_path, bunch())
    assert "epoch  train_loss  valid_loss  rmse" in (tmp_path / "runs" / "1" / "log.txt").read_text()
    assert "train_loss" not in capsys.readouterr().out
    tabular_learner(bunch(), layers=[4]).fit(1, 0.01)
    assert "train_loss" in capsys.readouterr().out


def test_facts_say_what_data_a_run_had(tmp_path):
    facts = []
    for folder, shift in (("a", 0.0), ("b", 0.0), ("c", 1.0)):
        study, _ = trained(tmp_path / folder, bunch(shift))
        facts.append(read(study.store.runs("study")[0]["facts"]))
    assert facts[0]["data"] == facts[1]["data"]
    assert facts[0]["data"]["train items"] == 30
    assert facts[0]["data"]["target"] == "y"
    assert facts[0]["data"]["hash"] != facts[2]["data"]["hash"]
    assert {"machine", "system", "cores", "versions", "commit", "script"} <= facts[0].keys()
    assert {"python", "torch", "handlens"} <= facts[0]["versions"].keys()


def test_the_hash_of_pictures_is_of_their_names_and_labels():
    def learner(name, label):
        dataset = Namespace(y=Namespace(data=torch.tensor([label])), x=Namespace(items=[name]))
        part = type("Part", (), {"dataset": dataset, "__len__": lambda self: 1})()
        return Namespace(data=Namespace(train_dl=part, valid_dl=part, facts=lambda: {"train items": 1}))

    hashes = [data_facts(learner(*one))["hash"] for one in (("a.jpg", 0), ("a.jpg", 0), ("b.jpg", 0), ("a.jpg", 1))]
    assert hashes[0] == hashes[1]
    assert len(set(hashes)) == 3


def test_callbacks_that_stop_early_are_heard(tmp_path):
    def train(trial):
        learn = tabular_learner(bunch(), layers=[4], seed=0)
        learn.fit(4, 1e-30, callbacks=[EarlyStopping(min_delta=1e9), *trial.callbacks])
        return learn

    study = Study(tmp_path)
    study.run(train, n=1)
    assert study.frame()[["status", "epochs"]].values.tolist() == [["finished", 2]]


def test_a_callback_of_the_learner_itself_records_all_of_its_fits(tmp_path):
    def train(trial):
        learn = tabular_learner(bunch(), layers=[4], seed=0, callbacks=trial.callbacks)
        learn.lr_find(num_it=5)
        learn.fit(1, 0.01)
        learn.fit(1, 0.01)
        return learn

    study = Study(tmp_path)
    study.run(train, n=1)
    assert study.curves()["epoch"].tolist() == [1, 2]


def test_a_checkpoint_that_cannot_be_written_ends_the_study_with_a_sentence(tmp_path):
    def train(trial):
        (trial.folder / "checkpoints").write_text("in its place")
        tabular_learner(bunch(), layers=[4], seed=0).fit(1, 0.01, callbacks=trial.callbacks)

    study = Study(tmp_path)
    with pytest.raises(StorageError, match=r"runs.1 could not be written: .*\. Make room or check the disk\.") as error:
        study.run(train, n=1)
    assert "learn.path" not in str(error.value)
    assert study.frame()["status"].tolist() == ["stopped"]


@pytest.mark.parametrize(
    ("trained_for", "saved", "may"),
    [
        (19.9, [], False),  # a first checkpoint is expected to take 0.1 s
        (20.1, [], True),
        (19.9, [0.05], False),  # 0.05 s were spent and 0.05 s would be, which is half a percent of 20 s
        (20.1, [0.05], True),
        (29.9, [0.05, 0.05, 0.05], False),
    ],
)
def test_checkpoints_take_half_a_percent_of_the_time_of_training(monkeypatch, trained_for, saved, may):
    from handlens.experiments.training.claims import Claim

    now = [100.0]
    monkeypatch.setattr("handlens.experiments.training.record.time.perf_counter", lambda: now[0])
    record = RunRecord(None, Claim(1, 0, "study", 0, 0, 0, True), "me", "valid_loss", None, None, None)
    for seconds in saved:
        record.saved(seconds)
    now[0] += trained_for
    assert record.may_save() is may
