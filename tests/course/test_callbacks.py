"""The course's callbacks: their arguments, where they may be given, and what refuses those of fastai 1."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import TensorDataset

import handlens.tabular
from handlens import course
from handlens.callbacks import tracker
from handlens.core.bunch import DataBunch
from handlens.core.callbacks import Callback, EarlyStopping, PreciseBatchNorm, ReduceLROnPlateau, SaveBest
from handlens.core.checkpoint import Checkpoint
from handlens.core.learner import Learner
from handlens.errors import TrainingError
from handlens.tabular import TabularList, pd, tabular_learner


class Old(course.LearnerCallback):
    def on_epoch_end(self, **_: object) -> None: ...


class Jumping(Callback):
    def jump_to_epoch(self, epoch: int) -> None: ...


def small(path: Path, *, epoch_values: list[float] | None = None) -> Learner:
    """A learner of 2 batches an epoch, with a metric of given values."""
    x, y = torch.arange(8.0)[:, None] / 8, torch.tensor([0, 1] * 4)
    data = DataBunch.create(TensorDataset(x, y), TensorDataset(x, y), bs=4, path=path, device="cpu")
    values = iter(epoch_values or [])

    def given(preds: torch.Tensor, targets: torch.Tensor) -> float:
        return next(values)

    return Learner(data, nn.Linear(1, 2), metrics=given if epoch_values else ())


def test_arguments_in_the_course_s_order() -> None:
    save = course.SaveModelCallback(None, "accuracy", "max", "improvement", "best")
    assert (type(save), save.monitor, save.mode, save.name) == (SaveBest, "accuracy", "max", "best")
    stop = course.EarlyStoppingCallback(None, "val_loss", "min", 0.01, 3)
    assert (type(stop), stop.monitor, stop.mode) == (EarlyStopping, "valid_loss", "min")
    assert (stop.min_delta, stop.patience) == (0.01, 3)
    lower = course.ReduceLROnPlateauCallback(None, "accuracy", "max", 2, 0.5, 0.1)
    assert (type(lower), lower.monitor, lower.mode) == (ReduceLROnPlateau, "accuracy", "max")
    assert (lower.patience, lower.factor, lower.min_delta) == (2, 0.5, 0.1)
    usual = course.SaveModelCallback()
    assert (usual.monitor, usual.mode, usual.name) == ("valid_loss", "auto", "bestmodel")
    with pytest.raises(TrainingError, match="every must be 'improvement'; 'epoch' arrived"):
        course.SaveModelCallback(None, every="epoch")
    for make in (course.SaveModelCallback, course.EarlyStoppingCallback, course.ReduceLROnPlateauCallback):
        with pytest.raises(TrainingError, match="mode must be one of auto, min, max; 'up' arrived"):
            make(None, mode="up")
        assert getattr(tracker, make.__name__) is getattr(handlens.tabular, make.__name__) is make


@pytest.mark.parametrize(("mode", "stopped_after"), [("max", 4), ("min", 2)])
def test_the_mode_says_what_is_better(tmp_path: Path, mode: str, stopped_after: int) -> None:
    learn = small(tmp_path, epoch_values=[1.0, 2.0, 3.0, 2.5, 1.5])
    learn.fit(5, callbacks=course.EarlyStoppingCallback(learn, "given", mode))  # and nothing warns
    assert len(learn.recorder.rows) == stopped_after


def test_rates_are_reduced_for_the_rest_of_the_fit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # Not better in epochs 3, 4 (two in a row: reduced), 5, 6 (reduced again), and better in 7.
    learn = small(tmp_path, epoch_values=[5.0, 4.0, 4.0, 4.5, float("nan"), 4.0, 1.0, 0.5])
    lower = course.ReduceLROnPlateauCallback(learn, "given", "min", patience=1, factor=0.1)
    with pytest.warns(UserWarning, match="nan in epoch 5 of 8"):
        learn.fit(8, 0.01, callbacks=lower)
    rates = [0.01] * 8 + [0.001] * 4 + [0.0001] * 4
    assert learn.recorder.lrs.tolist() == pytest.approx(rates)
    said = capsys.readouterr().out
    assert "after epoch 4 given was not better: the learning rate is 1.0e-03 now" in said
    assert said.count("was not better") == 2


def test_the_steps_use_the_reduced_rate(tmp_path: Path) -> None:
    class Rates(Callback):
        def __init__(self) -> None:
            self.seen: list[float] = []

        def after_backward(self, learn: Learner) -> None:
            self.seen.append(learn.optimizer._optimizer.param_groups[-1]["lr"])

    learn, rates = small(tmp_path, epoch_values=[1.0, 1.0, 1.0]), Rates()
    learn.fit(3, 0.01, callbacks=[ReduceLROnPlateau("given", mode="min", factor=0.5), rates])
    assert rates.seen == pytest.approx([0.01] * 4 + [0.005] * 2)


def test_a_run_that_is_continued_reduces_as_before(tmp_path: Path) -> None:
    class Fail(Callback):
        def before_epoch(self, learn: Learner) -> None:
            if learn.run.epoch == 3:
                raise RuntimeError("the power failed")

    values = [1.0, 1.0, 1.0, 1.0]
    whole, first, second = (small(tmp_path / name, epoch_values=values) for name in ("a", "b", "b"))
    for learn in (first, second):
        learn.model.load_state_dict(whole.model.state_dict())
    reduce = partial(ReduceLROnPlateau, "given", mode="min", factor=0.5)
    whole.fit(4, 0.1, seed=0, callbacks=reduce())
    with pytest.raises(RuntimeError, match="power"):
        first.fit(4, 0.1, seed=0, callbacks=[reduce(), Checkpoint(), Fail()])
    second.fit(4, 0.1, seed=0, callbacks=[reduce(), Checkpoint()])
    assert second.recorder.lrs.tolist() == whole.recorder.lrs.tolist()
    assert np.unique(whole.recorder.lrs).round(4).tolist() == [0.025, 0.05, 0.1]
    assert torch.equal(second.model.weight, whole.model.weight)


def test_a_factor_that_would_not_reduce() -> None:
    for factor in (0, 1, 2.0):
        with pytest.raises(TrainingError, match=f"factor must be between 0 and 1.*{factor} arrived"):
            ReduceLROnPlateau(factor=factor)


def test_one_callback_or_none_at_the_learner(tmp_path: Path) -> None:
    df = pd.DataFrame({"x": np.arange(8.0), "y": np.arange(8.0)})
    data = TabularList.from_df(df, cont_names=["x"], path=tmp_path).split_by_idx([0]).label_from_df("y").databunch(bs=4)
    save = SaveBest()
    for given, wanted in ((save, [save]), (None, []), ([save], [save])):
        learn = tabular_learner(data, layers=[4], callbacks=given)
        assert type(learn.callbacks[0]) is PreciseBatchNorm
        assert learn.callbacks[1:] == wanted
        learn.callbacks = given
        assert learn.callbacks == wanted
    learn.fit(1, callbacks=None)
    for old, name in ((Old(None), "on_epoch_end"), (Jumping(), "jump_to_epoch")):
        for given in (old, [old]):
            with pytest.raises(TrainingError, match=rf"{name} is an event of fastai 1; here it is"):
                tabular_learner(data, layers=[4], callbacks=given)
            with pytest.raises(TrainingError, match=name):
                learn.callbacks = given
    assert learn.callbacks == [save]
    with pytest.raises(TrainingError, match="callbacks must be a list"):
        learn.callbacks = 3
