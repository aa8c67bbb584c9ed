"""Callbacks: when each event comes, and what each of ours does."""

from __future__ import annotations

import errno
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from handlens.core.callbacks import (
    EVENTS,
    Callback,
    EarlyStopping,
    GradientClipping,
    Monitor,
    PreciseBatchNorm,
    SaveBest,
    StopTraining,
)
from handlens.core.checkpoint import Checkpoint
from handlens.core.learner import Learner
from handlens.core.metrics import accuracy, higher_is_better, rmse
from handlens.core.metrics.metric import metric_name
from handlens.errors import StorageError, TrainingError

MakeLearner = Callable[..., Learner]


class Diary(Callback):
    def __init__(self) -> None:
        self.events: list[str] = []


for event in EVENTS:
    setattr(Diary, event, lambda self, learn, event=event: self.events.append(event))


def test_events_come_in_the_documented_order(make_learner: MakeLearner) -> None:
    diary = Diary()
    make_learner(n=16).fit(2, callbacks=[diary])
    batch = ["before_batch", "after_loss", "after_backward", "after_step"]
    epoch = ["before_epoch", *batch * 2, "before_validate", "after_epoch"]
    assert diary.events == ["before_fit", *epoch * 2, "after_fit"]


def test_finding_a_rate_has_no_events_of_epochs(make_learner: MakeLearner) -> None:
    diary = Diary()
    make_learner(n=200, callbacks=[diary, SaveBest(), Checkpoint()]).lr_find(seed=0)
    assert set(diary.events[1:-1]) == {"before_batch", "after_loss", "after_backward", "after_step"}
    assert (diary.events[0], diary.events[-1]) == ("before_fit", "after_fit")


def test_what_a_callback_finds_and_may_change(make_learner: MakeLearner) -> None:
    class Double(Callback):
        def before_batch(self, learn: Learner) -> None:
            learn.run.targets = torch.zeros_like(learn.run.targets)

        def after_loss(self, learn: Learner) -> None:
            assert learn.run.loss.item() == pytest.approx((learn.run.outputs**2).mean().item())
            learn.run.loss = learn.run.loss * 0 + 7

    learn = make_learner()
    learn.fit(1, callbacks=[Double()])
    assert learn.recorder.losses.tolist() == [7] * 5


@pytest.mark.parametrize(
    ("older", "now"),
    [
        ("on_train_begin", "before_fit"),
        ("on_epoch_begin", "before_epoch"),
        ("on_batch_begin", "before_batch"),
        ("on_loss_begin", "after_loss"),
        ("on_backward_begin", "after_loss"),
        ("on_backward_end", "after_backward"),
        ("on_step_end", "after_step"),
        ("on_batch_end", "after_step"),
        ("on_epoch_end", "after_epoch"),
        ("on_train_end", "after_fit"),
    ],
)
def test_an_event_of_fastai_1_is_refused_with_its_name_here(make_learner: MakeLearner, older: str, now: str) -> None:
    mine = type("Mine", (Callback,), {older: lambda self, **_: None})()
    said = rf"Mine\.{older} is an event of fastai 1; here it is {now}\(self, learn\)"
    with pytest.raises(TrainingError, match=said):
        make_learner().fit(1, callbacks=[mine])
    with pytest.raises(TrainingError, match=said):
        make_learner(callbacks=[mine]).lr_find()


def closeness(preds: Tensor, targets: Tensor) -> float:
    return float(-(preds - targets).abs().mean())


def my_error(preds: Tensor, targets: Tensor) -> float:
    return float((preds - targets).abs().mean())


def test_a_metric_of_ones_own_is_said_to_be_better_when_lower(make_learner: MakeLearner) -> None:
    for follow in (EarlyStopping("closeness", patience=9), SaveBest("closeness")):
        with pytest.warns(UserWarning, match="takes a lower closeness for a better one.*@higher_is_better"):
            make_learner(metrics=[closeness]).fit(1, callbacks=[follow])
    for metric in (my_error, partial(my_error), rmse, partial(rmse), higher_is_better(lambda p, t: closeness(p, t))):
        name = metric_name(metric)
        make_learner(metrics=[metric]).fit(1, callbacks=[SaveBest(name)])  # a warning would be an error


def test_a_misspelt_event_is_found_out(make_learner: MakeLearner) -> None:
    class Wrong(Callback):
        def after_batch(self, learn: Learner) -> None: ...

    with pytest.raises(TrainingError, match=r"Wrong.after_batch is not an event; the events are before_fit"):
        make_learner().fit(1, callbacks=[Wrong()])


def test_stopping_in_good_order(make_learner: MakeLearner) -> None:
    class Stop(Callback):
        def after_step(self, learn: Learner) -> None:
            raise StopTraining

    learn = make_learner()
    learn.fit(3, callbacks=[Stop()])
    assert learn.run.complete
    assert len(learn.recorder.losses) == 1


class Scripted(Callback):
    """Records these values in place of what an epoch gave."""

    def __init__(self, column: str, values: list[float]) -> None:
        self.column = column
        self.values = values

    def after_epoch(self, learn: Learner) -> None:
        learn.recorder.row[self.column] = self.values[learn.run.epoch]


@pytest.mark.parametrize(
    ("values", "patience", "epochs"),
    [
        ([3.0, 2, 1, 1], 0, 4),
        ([3.0, 2, 2, 1], 0, 3),
        ([3.0, 4, 2, 3, 3], 1, 5),
    ],
)
def test_early_stopping(make_learner: MakeLearner, values: list[float], patience: int, epochs: int) -> None:
    learn = make_learner(n=16)
    learn.fit(len(values), callbacks=[Scripted("valid_loss", values), EarlyStopping(patience=patience)])
    assert len(learn.recorder.rows) == epochs


NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize("odd", [NAN, INF, -INF])
def test_t16_a_value_that_is_no_number_is_said_and_never_the_best(
    make_learner: MakeLearner, odd: float, capsys: pytest.CaptureFixture[str]
) -> None:
    learn = make_learner(n=16)
    with pytest.warns(UserWarning, match=rf"EarlyStopping follows valid_loss, which was {odd} in every epoch"):
        learn.fit(4, callbacks=[Scripted("valid_loss", [odd, 2, 1, 1]), EarlyStopping()])
    assert len(learn.recorder.rows) == 1
    assert "stopped after epoch 1: valid_loss was not a finite number in any epoch" in capsys.readouterr().out


def test_t16_best_saved_says_which_epochs_had_no_number(make_learner: MakeLearner) -> None:
    learn = make_learner(n=16, classes=True, metrics=accuracy)
    saved = SaveBest("accuracy", name="kept")
    with pytest.warns(UserWarning, match=r"SaveBest follows accuracy, which was nan in epoch 1, 3 of 4"):
        learn.fit(4, callbacks=[Scripted("accuracy", [NAN, 0.5, NAN, 0.4]), saved])
    assert saved.best_epoch(learn) == 1
    assert learn.model_path("kept").exists()


def test_t16_nothing_is_saved_where_no_epoch_has_a_number(make_learner: MakeLearner) -> None:
    learn = make_learner(n=16, classes=True, metrics=accuracy)
    with pytest.warns(UserWarning, match=r"SaveBest follows accuracy, which was nan in every epoch"):
        learn.fit(2, callbacks=[Scripted("accuracy", [NAN, NAN]), SaveBest("accuracy", name="none")])
    assert not learn.model_path("none").exists()


def test_t16_a_monitor_of_ones_own_says_it_too(make_learner: MakeLearner) -> None:
    with pytest.warns(UserWarning, match=r"Monitor follows valid_loss, which was nan in epoch 2 of 2"):
        make_learner(n=16).fit(2, callbacks=[Scripted("valid_loss", [1.0, NAN]), Monitor()])


def test_a_metric_of_which_more_is_better(make_learner: MakeLearner) -> None:
    learn = make_learner(n=16, classes=True, metrics=accuracy)
    monitor = Monitor("accuracy", min_delta=0.05)
    learn.fit(4, callbacks=[Scripted("accuracy", [0.5, 0.6, 0.62, 0.4]), monitor])
    assert monitor.best_epoch(learn) == 1


def test_the_best_model_is_kept(make_learner: MakeLearner) -> None:
    learn = make_learner(n=16)
    seen: list[dict[str, torch.Tensor]] = []

    class Keep(Callback):
        def after_epoch(self, learn: Learner) -> None:
            seen.append({name: value.clone() for name, value in learn.model.state_dict().items()})

    learn.fit(3, 1e-2, callbacks=[Keep(), Scripted("valid_loss", [2.0, 1, 3]), SaveBest()])
    assert all(torch.equal(value, seen[1][name]) for name, value in learn.model.state_dict().items())
    assert learn.model_path("best").is_dir()


def test_stopping_keeps_no_event_from_the_others(make_learner: MakeLearner) -> None:
    learn = make_learner(n=16)
    stop = EarlyStopping(min_delta=0.01, patience=1)
    learn.fit(5, 1e-2, callbacks=[Scripted("valid_loss", [1.0, 0.999, 0.998, 0, 0]), stop, SaveBest()])
    assert len(learn.recorder.rows) == 3
    best = {name: value.clone() for name, value in learn.model.state_dict().items()}
    again = make_learner(n=16)
    again.load("best")
    assert all(torch.equal(value, best[name]) for name, value in again.model.state_dict().items())
    assert learn.recorder.rows[2]["valid_loss"] == 0.998


def test_stopping_at_the_end_stops_nothing(make_learner: MakeLearner) -> None:
    class Stop(Callback):
        def after_fit(self, learn: Learner) -> None:
            raise StopTraining

    diary = Diary()
    learn = make_learner()
    learn.fit(1, callbacks=[Stop(), diary])
    assert (learn.run.complete, diary.events[-1]) == (True, "after_fit")


@pytest.mark.parametrize(("batches", "steps"), [(4, 8), (2, 6), (8, 8)])  # of an epoch with 4, then one with others
def test_data_replaced_during_a_fit(make_learner: MakeLearner, batches: int, steps: int) -> None:
    class Replace(Callback):
        def before_epoch(self, learn: Learner) -> None:
            if learn.run.epoch == 1:
                learn.data = make_learner(n=8 * batches).data

    learn = make_learner(n=32)
    if batches > 4:
        with pytest.raises(TrainingError, match=r"the schedule is made for 8 batches, and learn\.data was replaced"):
            learn.fit(2, callbacks=[Replace()])
    else:
        learn.fit(2, callbacks=[Replace()])
    assert learn.run.step == steps


def test_the_best_model_of_an_earlier_run_is_not_gone_back_to(make_learner: MakeLearner) -> None:
    make_learner(n=16).fit(1, callbacks=[SaveBest()])
    learn = make_learner(n=16)

    class Fails(SaveBest):
        order = -1

        def after_epoch(self, learn: Learner) -> None:
            raise StorageError("no space left")

    with pytest.raises(StorageError):
        learn.fit(1, 1e-2, callbacks=[Fails()])
    earlier = make_learner(n=16).load("best")
    assert not torch.equal(learn.model[1].weight, earlier.model[1].weight)  # type: ignore[index]


@pytest.mark.parametrize("epoch", [0, 1, 2])  # the last one: all is trained, and the best is not loaded yet
def test_a_run_that_goes_on_keeps_its_best_model(make_learner: MakeLearner, epoch: int) -> None:
    class Kill(Callback):
        order = 2  # after the checkpoint

        def after_epoch(self, learn: Learner) -> None:
            if learn.run.epoch == epoch:
                raise KeyboardInterrupt

    worse = Scripted("valid_loss", [1.0, 2, 3])
    with pytest.raises(KeyboardInterrupt):
        make_learner(n=16).fit(3, callbacks=[Checkpoint(), worse, SaveBest(), Kill()])
    best = make_learner(n=16).load("best").model.state_dict()
    learn = make_learner(n=16)
    learn.fit(3, callbacks=[Checkpoint(), worse, SaveBest()])
    assert all(torch.equal(value, best[name]) for name, value in learn.model.state_dict().items())


def test_a_callback_may_ask_for_predictions_in_training(make_learner: MakeLearner) -> None:
    modes: list[tuple[bool, bool]] = []

    class Look(Callback):
        def after_step(self, learn: Learner) -> None:
            learn.validate()
            learn.predict(learn.data.valid_ds[0][0])
            modes.append((learn.model.training, learn.model[0][2].training))  # type: ignore[index]

    learn = make_learner(n=16)
    learn.model[0][2].eval()  # type: ignore[index]
    learn.fit(1, callbacks=[Look()])
    assert modes == [(True, True)] * 2
    assert not learn.model.training


def test_a_partial_metric_is_followed_the_right_way(make_learner: MakeLearner) -> None:
    learn = make_learner(n=16, classes=True, metrics=partial(accuracy))
    monitor = Monitor("accuracy")
    learn.fit(3, callbacks=[Scripted("accuracy", [0.5, 0.75, 0.25]), monitor])
    assert monitor.best_epoch(learn) == 1


def test_why_the_best_model_could_not_be_saved(make_learner: MakeLearner, monkeypatch: pytest.MonkeyPatch) -> None:
    learn = make_learner(n=16)

    def fails(name: str) -> None:
        raise StorageError("no space left")

    monkeypatch.setattr(learn, "save", fails)
    with pytest.raises(StorageError, match="no space left"):
        learn.fit(1, callbacks=[SaveBest()])


@pytest.mark.parametrize(
    ("callbacks", "message"),
    [
        (3, r"callbacks must be a list, such as \[EarlyStopping\(\)\]"),
        ([EarlyStopping], "made of Callback classes"),
    ],
)
def test_callbacks_that_are_none(make_learner: MakeLearner, callbacks: Any, message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        make_learner(callbacks=callbacks)
    with pytest.raises(TrainingError, match=message):
        make_learner().fit(1, callbacks=callbacks)


def test_a_column_that_is_not_there(make_learner: MakeLearner) -> None:
    with pytest.raises(TrainingError, match="train_loss, valid_loss, rmse; 'accuracy' arrived"):
        make_learner(metrics=rmse).fit(1, callbacks=[EarlyStopping("accuracy")])


def test_gradients_are_clipped_to_their_length_together(make_learner: MakeLearner) -> None:
    lengths: list[float] = []

    class Length(Callback):
        def after_backward(self, learn: Learner) -> None:
            gradients = [p.grad.flatten() for p in learn.model.parameters() if p.grad is not None]
            lengths.append(float(torch.cat(gradients).norm()))

    make_learner().fit(1, callbacks=[Length(), GradientClipping(0.01), Length()])
    assert all(length > 0.01 for length in lengths[::2])
    assert lengths[1::2] == pytest.approx([0.01] * 5, rel=1e-3)
    with pytest.raises(TrainingError, match="max_norm"):
        GradientClipping(0)


class Scale(nn.Module):
    """Batch norm on one number, and dropout, so that random numbers are drawn."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(1)
        self.drop = nn.Dropout(0.5)

    def forward(self, x: Tensor) -> Tensor:
        return self.drop(self.norm(x[:, :1]))


def with_model(learn: Learner, model: nn.Module) -> Learner:
    learn.model, learn.layer_groups = model, [model]
    return learn


def test_norms_take_the_average_over_the_training_rows(make_learner: MakeLearner) -> None:
    learn = with_model(make_learner(n=40), Scale())
    learn.fit(2, callbacks=[PreciseBatchNorm()], seed=0)
    x, norm = learn.data.train_dl.tensors[0][:, :1], learn.model.norm
    assert len(set(learn.data.train_dl.sizes)) == 1
    assert norm.running_mean.item() == pytest.approx(x.mean().item(), abs=1e-6)
    assert norm.momentum == 0.1
    assert int(norm.num_batches_tracked) == len(learn.data.train_dl)


def test_norms_take_the_variance_of_a_batch(make_learner: MakeLearner) -> None:
    learn = with_model(make_learner(n=40), Scale())
    loader = learn.data.train_dl
    loader.bs, loader.sizes = 40, [40]
    learn.fit(1, callbacks=[PreciseBatchNorm()])
    x = loader.tensors[0][:, 0].double()
    assert learn.model.norm.running_var.item() == pytest.approx(((x - x.mean()) ** 2).sum().item() / 39, rel=1e-6)


def test_norms_look_at_no_more_rows_than_asked(make_learner: MakeLearner) -> None:
    learn = with_model(make_learner(n=40), Scale())
    learn.fit(1, callbacks=[PreciseBatchNorm(rows=9)])
    assert int(learn.model.norm.num_batches_tracked) == 2
    with pytest.raises(TrainingError, match="rows must be a whole number, 1 or more; 0 arrived"):
        PreciseBatchNorm(rows=0)


def test_training_goes_on_as_without_precise_norms(make_learner: MakeLearner) -> None:
    losses = []
    for callbacks in ([], [PreciseBatchNorm()]):
        torch.manual_seed(1)
        learn = with_model(make_learner(n=40), Scale())
        learn.fit(3, callbacks=callbacks, seed=0)
        losses.append(learn.recorder.losses.tolist())
    assert losses[0] == losses[1]


def test_an_interruption_leaves_the_norms_as_they_were(make_learner: MakeLearner) -> None:
    learn = with_model(make_learner(n=40), Scale())
    learn.fit(1, seed=0)
    before = {name: value.clone() for name, value in learn.model.state_dict().items()}
    learn.model.train()

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    learn.model.drop.register_forward_hook(interrupt)
    with pytest.raises(KeyboardInterrupt):
        PreciseBatchNorm().before_validate(learn)
    assert all(torch.equal(value, before[name]) for name, value in learn.model.state_dict().items())
    assert learn.model.norm.momentum == 0.1


def test_a_model_without_norms_has_nothing_to_work_out(make_learner: MakeLearner) -> None:
    learn = with_model(make_learner(), nn.Linear(3, 1))
    learn.fit(1, callbacks=[PreciseBatchNorm()])
    assert len(learn.recorder.rows) == 1


def test_norms_that_are_frozen_or_not_used_keep_what_they_have(make_learner: MakeLearner) -> None:
    class Freeze(Callback):
        def before_epoch(self, learn: Learner) -> None:
            learn.model.norm.eval()

    for callbacks in ([Freeze(), PreciseBatchNorm()], [PreciseBatchNorm()]):
        model = Scale()
        model.unused = nn.BatchNorm1d(1)
        frozen = model.norm if len(callbacks) == 2 else model.unused
        for norm in (model.norm, model.unused):
            norm.running_mean.fill_(3)
            norm.running_var.fill_(4)
        with_model(make_learner(), model).fit(1, callbacks=callbacks)
        for kept in (frozen, model.unused):
            assert (kept.running_mean.item(), kept.running_var.item()) == (3, 4)


# ---------------------------------------------------------------------------------------------- read-only folders


@pytest.fixture
def locked(tmp_path: Path) -> Path:
    """A folder below which nothing can be written, not even by root: a file is in its place."""
    (tmp_path / "file").touch()
    return tmp_path / "file" / "data"


@pytest.mark.parametrize("callback", [SaveBest, Checkpoint])
def test_p17_what_cannot_be_saved_is_known_before_the_first_epoch(
    make_learner: MakeLearner, locked: Path, callback: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    learn = make_learner(path=locked)
    before = [parameter.clone() for parameter in learn.model.parameters()]
    with pytest.raises(StorageError, match=r"models could not be .* below learn.path, .*data: set"):
        learn.fit(1, 0.1, callbacks=[callback()])
    assert all(torch.equal(a, b) for a, b in zip(before, learn.model.parameters(), strict=True))
    assert "train_loss" not in capsys.readouterr().out


def test_p17_the_error_of_saving_says_that_the_folder_can_be_chosen(
    make_learner: MakeLearner, locked: Path, tmp_path: Path
) -> None:
    learn = make_learner(path=locked)
    with pytest.raises(StorageError, match=r"set learn.path = Path\(…\) to a folder that can be written"):
        learn.save("best")
    learn.path = str(tmp_path / "elsewhere")  # text is a path too
    learn.fit(1, 0.1, callbacks=[SaveBest()])
    assert (tmp_path / "elsewhere" / "models" / "best").is_dir()
    assert [file.name for file in (tmp_path / "elsewhere" / "models").iterdir()] == ["best"]


def test_p17_a_read_only_folder(make_learner: MakeLearner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    learn = make_learner(path=tmp_path)
    monkeypatch.setattr(Path, "mkdir", refuse)
    for write in (lambda: learn.save("best"), lambda: learn.check_can_save("best")):
        with pytest.raises(StorageError, match=r"Read-only file system.* set learn.path"):
            write()
