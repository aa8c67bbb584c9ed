"""A run that was killed goes on to the same result as one that was not."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from handlens.core.callbacks import Callback, EarlyStopping, StopTraining
from handlens.core.checkpoint import Checkpoint
from handlens.core.learner import Learner
from handlens.core.metrics import rmse
from handlens.errors import ArtifactError, TrainingError

MakeLearner = Callable[..., Learner]


class Kill(Callback):
    def __init__(self, step: int) -> None:
        self.step = step

    def after_step(self, learn: Learner) -> None:
        if learn.run.step == self.step:
            raise KeyboardInterrupt


def test_the_same_result_after_a_kill(make_learner: MakeLearner, capsys: pytest.CaptureFixture[str]) -> None:
    whole = make_learner()
    whole.fit_one_cycle(4, 1e-2, seed=3)

    with pytest.raises(KeyboardInterrupt):
        make_learner().fit_one_cycle(4, 1e-2, seed=3, callbacks=[Checkpoint("run"), Kill(13)])  # in the third epoch
    torch.manual_seed(99)
    resumed = make_learner()
    resumed.fit_one_cycle(4, 1e-2, seed=3, callbacks=[Checkpoint("run")])

    assert "continuing after epoch 2 of 4" in capsys.readouterr().out
    state = resumed.model.state_dict()
    for name, value in whole.model.state_dict().items():
        torch.testing.assert_close(state[name], value, rtol=1e-5, atol=1e-6)
    assert resumed.recorder.losses == pytest.approx(whole.recorder.losses, rel=1e-4)
    assert len(resumed.recorder.rows) == len(whole.recorder.rows) == 4
    assert not resumed.model_path("run").exists()


def test_pythons_and_numpys_random_numbers_go_on_too(make_learner: MakeLearner) -> None:
    drawn: list[tuple[float, float]] = []

    class Draw(Callback):
        def before_epoch(self, learn: Learner) -> None:
            drawn.append((random.random(), float(np.random.random())))  # noqa: NPY002

    random.seed(1)
    np.random.seed(1)  # noqa: NPY002
    make_learner().fit(2, callbacks=[Draw()])
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002
    with pytest.raises(KeyboardInterrupt):
        make_learner().fit(2, callbacks=[Checkpoint(), Draw(), Kill(7)])
    make_learner().fit(2, callbacks=[Checkpoint(), Draw()])
    assert drawn[0] == drawn[2]
    assert drawn[1] == drawn[3] == drawn[4]


def test_a_run_that_stops_early_leaves_no_checkpoint(make_learner: MakeLearner) -> None:
    learn = make_learner()
    learn.fit(5, 1e-9, callbacks=[Checkpoint(), EarlyStopping(min_delta=100)])
    assert len(learn.recorder.rows) == 1 + (learn.recorder.rows[0]["valid_loss"] < float("inf"))
    assert not learn.model_path("checkpoint").exists()


@pytest.fixture
def killed(make_learner: MakeLearner) -> None:
    with pytest.raises(KeyboardInterrupt):
        make_learner().fit(3, 1e-2, callbacks=[Checkpoint(), Kill(7)])


@pytest.mark.usefixtures("killed")
def test_the_checkpoint_of_another_run(make_learner: MakeLearner) -> None:
    for learn, epochs, lr in (
        (make_learner(), 4, 1e-2),
        (make_learner(), 3, 1e-3),
        (make_learner(classes=True), 3, 1e-2),
    ):
        with pytest.raises(TrainingError, match="another run"):
            learn.fit(epochs, lr, callbacks=[Checkpoint()])


@pytest.mark.usefixtures("killed")
def test_the_checkpoint_of_another_seed_dropout_loss_or_other_targets(make_learner: MakeLearner) -> None:
    other_drop, other_targets = make_learner(), make_learner()
    other_drop.model[0][3].p = 0.9  # type: ignore[index]
    other_targets.data.train_ds.y.data += 1
    for learn in (other_drop, other_targets, make_learner(loss_func=torch.nn.L1Loss())):
        with pytest.raises(TrainingError, match="another run"):
            learn.fit(3, 1e-2, callbacks=[Checkpoint()])
    with pytest.raises(TrainingError, match="another run"):
        make_learner().fit(3, 1e-2, callbacks=[Checkpoint()], seed=1)


@pytest.mark.usefixtures("killed")
def test_a_checkpoint_whose_replacing_was_cut_off_is_put_back(make_learner: MakeLearner) -> None:
    learn = make_learner()
    folder = learn.model_path("checkpoint")
    folder.rename(folder.with_name(".checkpoint.0123456789abcdef.old"))
    learn.fit(3, 1e-2, callbacks=[Checkpoint()])
    assert len(learn.recorder.rows) == 3
    assert len(learn.recorder.losses) == 15
    assert learn.run.step == 15
    assert [file.name for file in folder.parent.iterdir()] == [".checkpoint.lock"]


@pytest.mark.usefixtures("killed")
def test_the_checkpoint_of_another_optimizer_or_other_metrics(make_learner: MakeLearner) -> None:
    for options in (
        {"opt_func": partial(torch.optim.SGD, momentum=0.9)},
        {"opt_func": partial(torch.optim.AdamW, betas=(0.9, 0.9))},
        {"metrics": rmse},
    ):
        with pytest.raises(TrainingError, match=r"another run.*optimizer or metrics"):
            make_learner(**options).fit(3, 1e-2, callbacks=[Checkpoint()])
    learn = make_learner()
    learn.fit(3, 1e-2, callbacks=[Checkpoint()])
    assert len(learn.recorder.rows) == 3


@pytest.mark.usefixtures("killed")
def test_a_run_that_stops_before_it_begins_leaves_the_checkpoint(make_learner: MakeLearner) -> None:
    class Stop(Callback):
        def before_fit(self, learn: Learner) -> None:
            raise StopTraining

    learn = make_learner()
    learn.fit(3, 1e-2, callbacks=[Stop(), Checkpoint()])
    assert learn.run.complete
    assert learn.model_path("checkpoint").exists()


@pytest.mark.usefixtures("killed")
def test_a_pickle_in_place_of_a_checkpoint_is_not_run(make_learner: MakeLearner, bomb: bytes) -> None:
    learn = make_learner()
    (learn.model_path("checkpoint") / "tensors.safetensors").write_bytes(bomb)
    with pytest.raises(ArtifactError, match="damaged"):
        learn.fit(3, 1e-2, callbacks=[Checkpoint()])


@pytest.mark.usefixtures("killed")
@pytest.mark.parametrize(
    ("place", "value"), [(("python_random", 1, 245), -5), (("python_random",), [3]), (("step",), 1e999)]
)
def test_numbers_that_no_checkpoint_holds(make_learner: MakeLearner, place: tuple[int | str, ...], value: Any) -> None:
    learn = make_learner()
    file = learn.model_path("checkpoint") / "model.json"
    description = json.loads(file.read_text())
    del description["crc32"]
    *within, last = ("config", *place)
    parent = description
    for key in within:
        parent = parent[key]
    parent[last] = value
    file.write_text(json.dumps(description))
    with pytest.raises(ArtifactError, match="damaged"):
        learn.fit(3, 1e-2, callbacks=[Checkpoint()])


def test_another_training_that_uses_the_checkpoint_is_refused(make_learner: MakeLearner) -> None:
    said: list[str] = []

    class Another(Callback):
        def before_epoch(self, learn: Learner) -> None:
            second = make_learner()
            with pytest.raises(TrainingError) as refused:
                second.fit(2, 1e-2, callbacks=[Checkpoint("run")])
            said.append(str(refused.value))
            second.fit(1, 1e-2, callbacks=[Checkpoint("other")])

    learn = make_learner()
    learn.fit(2, 1e-2, callbacks=[Checkpoint("run"), Another()])
    assert len(learn.recorder.rows) == len(said) == 2
    folder = learn.model_path("run")
    assert said[0] == (
        f"another training is using the checkpoint {folder} now. Wait for it or stop it, or give this run's "
        "Checkpoint another name."
    )
    make_learner().fit(1, 1e-2, callbacks=[Checkpoint("run")])


@pytest.mark.usefixtures("killed")
def test_a_training_that_was_refused_or_stopped_does_not_block_the_next(make_learner: MakeLearner) -> None:
    with pytest.raises(TrainingError, match="another run"):
        make_learner().fit(4, 1e-2, callbacks=[Checkpoint()])
    again = Checkpoint()
    with pytest.raises(KeyboardInterrupt):
        make_learner().fit(3, 1e-2, callbacks=[again, Kill(8)])
    make_learner().fit(3, 1e-2, callbacks=[again])


HOLDS = """
import sys
from pathlib import Path
from handlens.io.locks import process_lock
with process_lock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_training_in_another_process_blocks_until_it_is_killed(make_learner: MakeLearner) -> None:
    learn = make_learner()
    file = learn.model_path("run").with_name(".run.lock")
    command = [sys.executable, "-c", HOLDS, str(file)]
    env = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2] / "src")}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env) as other:
        assert other.stdout is not None
        assert other.stdout.readline().strip() == b"held"
        with pytest.raises(TrainingError, match="another training is using"):
            learn.fit(1, 1e-2, callbacks=[Checkpoint("run")])
        other.kill()
    learn.fit(1, 1e-2, callbacks=[Checkpoint("run")])
    assert len(learn.recorder.rows) == 1
