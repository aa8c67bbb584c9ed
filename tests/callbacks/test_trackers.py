"""Trackers: what they write, read back with the packages' own readers, while no connection may be opened."""

from __future__ import annotations

import json
import os
import socket
import struct
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pandas as pd
import pytest

from handlens import extras
from handlens.callbacks import trackers
from handlens.callbacks.trackers import MLflow, TensorBoard, WeightsAndBiases
from handlens.core.events import Callback, StopTraining
from handlens.errors import TrainingError
from handlens.experiments import Study
from handlens.tabular import TabularList, tabular_learner


@pytest.fixture(autouse=True)
def _no_network(monkeypatch):
    connect = socket.socket.connect

    def refuse(self, address):
        if self.family != getattr(socket, "AF_UNIX", None):  # wandb talks to its own process
            raise AssertionError(f"a connection to {address} was opened")
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", refuse)


def new_learner(folder):
    frame = pd.DataFrame({"x": [0.0, 1, 2, 3, 4, 5], "y": [0.0, 2, 4, 6, 8, 10]})
    labelled = TabularList.from_df(frame, cont_names=["x"]).split_by_idx([4, 5]).label_from_df("y")
    return tabular_learner(labelled.databunch(bs=2), layers=[4], seed=0, path=folder)


class ATrial:
    number, seed, split = 3, 1, 0

    def __init__(self, folder):
        self.folder, self.choices = folder, {"layers": [200, 100], "rate": 0.1, "wd": None}


NAME = "combination-3-seed-1-split-0"


class Fail(Callback):
    """Ends a fit after its first epoch."""

    def __init__(self, error):
        self.error = error

    def after_epoch(self, learn):
        raise self.error


def fitted(learn, tracker):
    """The validation losses of a fit of two epochs and one of one epoch."""
    losses = []
    for epochs in (2, 1):
        learn.fit(epochs, 0.1, seed=0, callbacks=[tracker])
        losses += [row["valid_loss"] for row in learn.recorder.rows]
    return losses


class TestTensorBoard:
    def read(self, folder):
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

        found = EventAccumulator(str(folder))
        found.Reload()
        return found

    def test_each_epoch_of_all_fits_is_written(self, tmp_path):
        losses = fitted(new_learner(tmp_path), TensorBoard(tmp_path / "logs"))
        found = self.read(tmp_path / "logs")
        assert sorted(found.Tags()["scalars"]) == ["rate", "train_loss", "valid_loss"]
        events = found.Scalars("valid_loss")
        assert [event.step for event in events] == [1, 2, 3]
        assert [event.value for event in events] == pytest.approx(losses)
        assert [event.value for event in found.Scalars("rate")] == pytest.approx([0.1] * 3)

    def test_choices_of_a_trial_are_hyper_parameters(self, tmp_path):
        from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

        fitted(new_learner(tmp_path), TensorBoard(tmp_path, trial=ATrial(tmp_path)))
        found = self.read(tmp_path / NAME)
        tag = "_hparams_/session_start_info"
        data = HParamsPluginData.FromString(found.SummaryMetadata(tag).plugin_data.content)
        values = {name: value.WhichOneof("kind") for name, value in data.session_start_info.hparams.items()}
        assert values == {name: f"{kind}_value" for name, kind in zip(
            ("layers", "rate", "wd", "seed", "split"), ("string", "number", "string", "number", "number"), strict=True
        )}  # fmt: skip
        assert data.session_start_info.hparams["layers"].string_value == "[200, 100]"


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    return tmp_path_factory.mktemp("mlflow") / "mlflow.db"  # to make one takes MLflow seconds


@pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy is deprecated")  # in MLflow
class TestMLflow:
    @pytest.fixture
    def uri(self, database, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)  # MLflow may make a folder for artifacts
        return f"sqlite:///{database.as_posix()}"

    def runs(self, uri, experiment="handlens"):
        from mlflow.tracking import MlflowClient

        client = MlflowClient(uri)
        found = client.search_runs([client.get_experiment_by_name(experiment).experiment_id], order_by=["start_time"])
        return client, found

    def test_each_epoch_of_all_fits_is_written(self, tmp_path, uri):
        losses = fitted(new_learner(tmp_path), MLflow(uri, experiment="toys"))
        client, (run,) = self.runs(uri, "toys")
        history = client.get_metric_history(run.info.run_id, "valid_loss")
        assert [(one.step, one.value) for one in history] == list(enumerate(losses, 1))
        assert sorted(run.data.metrics) == ["rate", "train_loss", "valid_loss"]
        assert run.info.status == "FINISHED"
        assert run.data.params == {}

    def test_a_trial_that_is_continued_stays_one_run_with_its_choices(self, tmp_path, uri):
        for epochs in (1, 2):
            new_learner(tmp_path).fit(epochs, 0.1, callbacks=[MLflow(uri, trial=ATrial(tmp_path))])
        _, (run,) = self.runs(uri)
        assert run.info.run_name == NAME
        assert run.data.params == {"layers": "[200, 100]", "rate": "0.1", "wd": "null", "seed": "1", "split": "0"}

    def test_how_a_fit_ended_is_written(self, tmp_path, uri):
        for error in (StopTraining(), ValueError("no"), KeyboardInterrupt()):
            with suppress(ValueError, KeyboardInterrupt):
                new_learner(tmp_path).fit(2, 0.1, callbacks=[MLflow(uri, experiment="ends"), Fail(error)])
        _, found = self.runs(uri, "ends")
        assert [run.info.status for run in found] == ["FINISHED", "FAILED", "KILLED"]

    def test_processes_that_begin_together_make_one_database_and_one_experiment(self, tmp_path):
        uri = f"sqlite:///{(tmp_path / 'new.db').as_posix()}"
        train = (
            "import sys; from handlens.callbacks.trackers import MLflow; one = MLflow(sys.argv[1], experiment='toys');"
            "one.before_fit(None); one._close('FINISHED')"
        )
        begun = [subprocess.Popen([sys.executable, "-c", train, uri], cwd=tmp_path) for _ in range(2)]
        assert [one.wait() for one in begun] == [0, 0]
        _, found = self.runs(uri, "toys")
        assert [run.info.status for run in found] == ["FINISHED", "FINISHED"]

    def test_an_experiment_that_another_process_makes_is_used(self, tmp_path, uri, monkeypatch):
        from mlflow.tracking import MlflowClient

        new_learner(tmp_path).fit(1, 0.1, callbacks=[MLflow(uri, experiment="shared")])
        get, asked = MlflowClient.get_experiment_by_name, []

        def late(client, name):
            asked.append(name)
            return None if len(asked) == 1 else get(client, name)

        monkeypatch.setattr(MlflowClient, "get_experiment_by_name", late)
        new_learner(tmp_path).fit(1, 0.1, callbacks=[MLflow(uri, experiment="shared")])
        _, found = self.runs(uri, "shared")
        assert len(found) == 2

    def test_a_name_that_mlflow_does_not_take_is_changed(self):
        assert trackers._mlflow_name("accuracy (top 5), é") == "accuracy _top 5__ _"

    def test_choices_that_it_would_call_alike_are_kept_apart_and_long_ones_cut_off(self, tmp_path, uri):
        trial = ATrial(tmp_path / "odd")
        trial.choices = {"a(b)": 1, "a[b]": 2, "long": "x" * 9000}
        new_learner(tmp_path).fit(1, 0.1, callbacks=[MLflow(uri, experiment="odd", trial=trial)])
        _, (run,) = self.runs(uri, "odd")
        assert {name: value[:9] for name, value in run.data.params.items()} == {
            "a_b_": "1", "a_b__": "2", "long": '"xxxxxxxx', "seed": "1", "split": "0",
        }  # fmt: skip
        assert len(run.data.params["long"]) == 6000

    def test_nothing_is_left_in_the_environment(self, tmp_path, uri, monkeypatch):
        monkeypatch.delenv("MLFLOW_DISABLE_TELEMETRY", raising=False)
        before = dict(os.environ)
        new_learner(tmp_path).fit(1, 0.1, callbacks=[MLflow(uri)])
        assert "MLFLOW_DISABLE_TELEMETRY" not in set(os.environ) - set(before)


class TestWeightsAndBiases:
    @pytest.fixture(autouse=True)
    def _own_service(self):
        yield
        import wandb

        wandb.teardown()

    def records(self, folder):
        """The records of each file that a run has, by their kind; a file is a log of LevelDB with a header."""
        import wandb
        from wandb.proto.wandb_internal_pb2 import Record

        wandb.teardown()  # its process writes what it still has, and ends
        for file in sorted(folder.glob("wandb/offline-run-*/*.wandb")):
            content, at, found = file.read_bytes(), 7, {}
            part = b""
            while at + 7 <= len(content):
                if 32768 - at % 32768 < 7:
                    at += 32768 - at % 32768
                    continue
                length, kind = struct.unpack("<HB", content[at + 4 : at + 7])
                part += content[at + 7 : at + 7 + length]
                at += 7 + length
                if kind in (1, 4):  # whole, or its last part
                    record = Record.FromString(part)
                    found.setdefault(record.WhichOneof("record_type"), []).append(record)
                    part = b""
            yield found

    def test_each_epoch_of_all_fits_is_written_and_nothing_is_sent(self, tmp_path):
        losses = fitted(new_learner(tmp_path), WeightsAndBiases("toys", folder=tmp_path, trial=ATrial(tmp_path)))
        first, second = self.records(tmp_path)
        run = first["run"][0].run
        assert (run.project, run.display_name, run.run_group) == ("toys", NAME, "combination-3")
        assert run.run_id == second["run"][0].run.run_id
        config = {one.key: json.loads(one.value_json) for one in run.config.update}
        assert {name: config[name] for name in ("layers", "rate", "wd", "seed")} == {
            "layers": [200, 100], "rate": 0.1, "wd": None, "seed": 1,
        }  # fmt: skip
        written = [
            {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in record.history.item}
            for record in first["history"] + second["history"]
        ]
        assert [(row["_step"], row["valid_loss"]) for row in written] == list(enumerate(losses, 1))
        assert first["exit"][0].exit.exit_code == 0

    def test_a_failed_fit_is_written_as_one(self, tmp_path):
        with pytest.raises(ValueError, match="no"):
            new_learner(tmp_path).fit(
                2, 0.1, callbacks=[WeightsAndBiases("toys", folder=tmp_path), Fail(ValueError("no"))]
            )
        (found,) = self.records(tmp_path)
        assert found["exit"][0].exit.exit_code == 1

    def test_a_mode_must_be_known(self):
        with pytest.raises(TrainingError, match=r'"offline" or "online"; .on. arrived'):
            WeightsAndBiases("toys", mode="on")


@pytest.mark.parametrize(
    ("make", "extra"),
    [
        (lambda: TensorBoard("logs"), "tensorboard"),
        (lambda: MLflow(), "mlflow"),
        (lambda: WeightsAndBiases("toys"), "wandb"),
    ],
)
def test_a_missing_package_is_told_with_what_installs_it(make, extra, monkeypatch):
    monkeypatch.setattr(extras, "find_spec", lambda name: None)
    with pytest.raises(TrainingError, match=rf"not installed: pip install 'handlens\[{extra}\]'"):
        make()


def test_a_tracker_that_cannot_be_reached_is_the_error_of_the_fit(tmp_path):
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    with pytest.raises(FileExistsError):
        new_learner(tmp_path).fit(1, 0.1, callbacks=[WeightsAndBiases("toys", folder=tmp_path / "file")])


def test_the_trial_of_a_study_is_written_with_its_choices(tmp_path):
    def train(trial):
        trial.categorical("layers", [[4], [2, 2]])
        learn = new_learner(trial.folder)
        learn.fit(1, 0.1, seed=trial.seed, callbacks=[*trial.callbacks, TensorBoard(tmp_path / "logs", trial=trial)])
        return learn

    Study(tmp_path / "study").run(train, grid={"layers": [[4], [2, 2]]})
    folders = sorted(path.name for path in Path(tmp_path, "logs").iterdir())
    assert folders == ["combination-0-seed-0-split-0", "combination-1-seed-0-split-0"]
