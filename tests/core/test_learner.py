"""The learner: the arithmetic of a plain loop, and a learner that stays usable whatever happens."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from handlens.core.artifact import save_artifact
from handlens.core.bunch import DataBunch
from handlens.core.callbacks import Callback, SaveBest
from handlens.core.checkpoint import Checkpoint
from handlens.core.learner import Learner
from handlens.core.metrics import accuracy, rmse
from handlens.core.schedule import USUAL_RATE, one_cycle
from handlens.errors import ArtifactError, DataError, TrainingError, WeightsError

MakeLearner = Callable[..., Learner]


def weights(learn: Learner) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in learn.model.parameters()])


def test_the_same_losses_as_a_plain_loop(
    make_learner: MakeLearner, network: Callable[..., nn.Sequential], vectors: Callable[..., DataBunch]
) -> None:
    learn = make_learner()
    learn.fit_one_cycle(3, 1e-2, wd=0.2, seed=4)

    model, data = network(), vectors()
    optimizer = torch.optim.AdamW(model.parameters(), betas=(0.9, 0.99), weight_decay=0.2)
    schedule = one_cycle(15, np.array([1e-2]))
    torch.manual_seed(4)
    expected = []
    for _ in range(3):
        model.train()
        for x, y in ((x, y) for (x,), y in data.train_dl):
            group, step = optimizer.param_groups[0], len(expected)
            group["lr"], group["betas"] = schedule.rates[step, 0], (schedule.momenta[step], 0.99)
            loss = F.mse_loss(model(x)[:, 0], y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            expected.append(float(loss.detach()))
    assert learn.recorder.losses == pytest.approx(expected, abs=1e-6)
    plain = torch.cat([p.detach().flatten() for p in model.parameters()])
    assert torch.allclose(weights(learn), plain, atol=1e-6)


def test_training_learns(make_learner: MakeLearner) -> None:
    learn = make_learner(n=400, metrics=rmse)
    before = learn.validate()[0]
    learn.fit_one_cycle(5, 2e-2)
    loss, error = learn.validate()
    assert loss < before / 5
    assert error == pytest.approx(math.sqrt(loss), rel=1e-5)


def test_the_same_seed_gives_the_same_model_and_another_seed_another(make_learner: MakeLearner) -> None:
    found = []
    for seed in (1, 1, 2):
        learn = make_learner()
        learn.fit(1, 1e-2, seed=seed)
        found.append(weights(learn))
    # Kernels may round otherwise where memory is aligned otherwise, so not to the last bit.
    torch.testing.assert_close(found[0], found[1], rtol=1e-5, atol=1e-7)
    assert not torch.allclose(found[0], found[2], rtol=1e-3)


def test_losses_and_metrics_are_those_of_the_whole_validation_set(make_learner: MakeLearner) -> None:
    learn = make_learner(metrics=[rmse], valid=11)  # batches of 8 and 3
    learn.model.eval()
    (x,), y = learn.data.valid_dl.tensors[:1], learn.data.valid_ds.y.data  # type: ignore[attr-defined]
    expected = F.mse_loss(learn.model(x)[:, 0], y).item()
    assert learn.validate() == pytest.approx([expected, math.sqrt(expected)], rel=1e-5)


def test_the_table_that_is_printed(make_learner: MakeLearner, capsys: pytest.CaptureFixture[str]) -> None:
    learn = make_learner(classes=True, metrics=[accuracy])
    learn.fit(2, 1e-2)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["epoch", "train_loss", "valid_loss", "accuracy", "time"]
    row = learn.recorder.row
    assert lines[2].split()[:4] == ["2", *(f"{row[name]:.6f}" for name in ("train_loss", "valid_loss", "accuracy"))]
    assert lines[3].startswith("Total time: 00:0")
    assert row["valid_loss"] == pytest.approx(learn.validate()[0])


def test_without_validation_items_there_are_no_columns_of_them(make_learner: MakeLearner) -> None:
    learn = make_learner(valid=0, metrics=rmse)
    learn.fit(1)
    assert list(learn.recorder.row) == ["train_loss"]
    with pytest.raises(DataError, match="hold some out"):
        learn.validate()


def test_an_empty_loader_is_not_the_validation_data(
    make_learner: MakeLearner, vectors: Callable[..., DataBunch]
) -> None:
    learn = make_learner(metrics=rmse)
    empty = vectors(8, valid=0).valid_dl
    for use in (learn.validate, lambda dl: learn.get_preds(dl=dl)):
        with pytest.raises(DataError, match="give a loader that is not empty"):
            use(empty)  # type: ignore[no-untyped-call]


def test_numbers_of_epochs(make_learner: MakeLearner) -> None:
    learn = make_learner(n=16)
    learn.fit(np.int64(2))  # type: ignore[arg-type]
    assert len(learn.recorder.rows) == 2
    for epochs in (0, 1.0, True, None, "2"):
        with pytest.raises(TrainingError, match="number of epochs must be a whole number, 1 or more"):
            learn.fit(epochs)  # type: ignore[arg-type]


@pytest.mark.parametrize("wd", [-5, float("nan"), float("inf"), "0.1", None])
def test_decays_that_are_none(make_learner: MakeLearner, wd: object) -> None:
    with pytest.raises(TrainingError, match=r"wd, must be a finite number, 0 or more"):
        make_learner(wd=wd)
    learn = make_learner(wd=0.25)
    if wd is not None:
        with pytest.raises(TrainingError, match=r"wd, must be a finite number, 0 or more"):
            learn.fit(1, wd=wd)  # type: ignore[arg-type]
    assert learn.wd == 0.25


@pytest.mark.parametrize("rate", [None, "fast", {}, ["a", "b"]])
def test_rates_that_are_none(make_learner: MakeLearner, rate: object) -> None:
    with pytest.raises(TrainingError, match="learning rate"):
        make_learner().fit_one_cycle(1, rate)  # type: ignore[arg-type]


def test_metrics_that_cannot_be(make_learner: MakeLearner) -> None:
    for metrics in ([rmse, rmse], [partial(rmse), rmse]):
        with pytest.raises(TrainingError, match="there more than once: rmse"):
            make_learner(metrics=metrics)
    with pytest.raises(TrainingError, match="'rmse' arrived"):
        make_learner(metrics=["rmse"])
    with pytest.raises(TrainingError, match=r"metrics must be a list, such as \[accuracy\]; None"):
        make_learner(metrics=None)
    learn = make_learner()
    learn.metrics = [rmse, rmse]
    with pytest.raises(TrainingError, match="there more than once: rmse"):
        learn.fit(1)
    assert len(learn.recorder.rows) == 0


class Constant:
    def __call__(self, preds: torch.Tensor, targets: torch.Tensor) -> float:
        return 0.25


def test_metrics_without_a_name_of_their_own(make_learner: MakeLearner) -> None:
    named = partial(accuracy)
    named.__name__ = "right"  # type: ignore[attr-defined]
    learn = make_learner(n=16, classes=True, metrics=[Constant(), partial(accuracy), named])
    learn.fit(1)
    row = learn.recorder.row
    assert list(row) == ["train_loss", "valid_loss", "Constant", "accuracy", "right"]
    assert row["Constant"] == 0.25
    assert row["accuracy"] == row["right"]


def test_predictions_come_in_the_order_of_the_items(make_learner: MakeLearner) -> None:
    learn = make_learner(classes=True)
    for part in ("train", "valid"):
        predictions, targets = learn.get_preds(part)
        assert torch.equal(targets, learn.data.dl(part).dataset.y.data)
        assert torch.allclose(predictions.sum(1), torch.ones(len(predictions)))
    label, code, probabilities = learn.predict(learn.data.valid_ds[3][0][None].expand(1, 3)[0])
    assert probabilities.tolist() == pytest.approx(predictions[3].tolist(), abs=1e-6)
    assert int(label) == int(code) == int(predictions[3].argmax())
    with pytest.raises(DataError, match="'test'"):
        learn.get_preds("test")


def test_layer_groups_have_rates_of_their_own(make_learner: MakeLearner) -> None:
    learn = make_learner()
    first, last = (group.weight.detach().clone() for group in (learn.model[0][0], learn.model[1]))  # type: ignore
    learn.fit(1, slice(1e-12, 1e-1), wd=0)
    assert learn.recorder.rates[0] == pytest.approx([1e-12, 1e-1])
    assert torch.allclose(learn.model[0][0].weight, first, atol=1e-9, rtol=0)  # type: ignore
    assert not torch.allclose(learn.model[1].weight, last, atol=1e-2, rtol=0)  # type: ignore


def test_a_frozen_group_stays(make_learner: MakeLearner) -> None:
    learn = make_learner()
    linear = learn.model[0][0]  # type: ignore[index]
    before = linear.weight.detach().clone()
    learn.freeze()
    learn.fit(1, slice(1e-2))
    assert torch.equal(linear.weight, before)
    learn.unfreeze()
    learn.fit(1, slice(1e-4, 1e-2))
    assert not torch.equal(linear.weight, before)


def test_other_data_may_be_set(make_learner: MakeLearner, vectors: Callable[..., DataBunch]) -> None:
    learn = make_learner()
    learn.data = vectors(16, bs=4)
    learn.fit(1)
    assert len(learn.recorder.losses) == 4


def test_finding_a_rate_leaves_the_model_as_it_was(make_learner: MakeLearner) -> None:
    learn = make_learner(n=200)
    before = {name: value.clone() for name, value in learn.model.state_dict().items()}
    rate = learn.lr_find(seed=0)
    assert all(torch.equal(value, before[name]) for name, value in learn.model.state_dict().items())
    assert 1e-4 < rate < 1
    assert learn.recorder.suggestion in (None, rate)
    assert 25 < len(learn.recorder.losses) <= 100
    assert learn.recorder.rates[0, 0] == pytest.approx(1e-7)


def test_finding_a_rate_stops_where_the_loss_explodes(make_learner: MakeLearner) -> None:
    learn = make_learner(n=200)
    learn.lr_find(1e-4, 1e8, num_it=200, seed=0)
    assert len(learn.recorder.losses) < 200


def test_finding_a_rate_does_not_stop_because_one_of_the_first_batches_is_hard(make_learner: MakeLearner) -> None:
    losses = iter([0.1, *[1.0] * 99])
    learn = make_learner(n=200, loss_func=lambda outputs, _: outputs.sum() * 0 + next(losses))
    learn.lr_find(seed=0)
    assert len(learn.recorder.losses) == 100


def test_finding_a_rate_goes_on_where_a_negative_loss_falls(make_learner: MakeLearner) -> None:
    losses = iter(-np.linspace(1, 5, 100))
    learn = make_learner(n=200, loss_func=lambda outputs, _: outputs.sum() * 0 + next(losses))
    learn.lr_find(seed=0)
    assert len(learn.recorder.losses) == 100
    # As far above −1 as four times 1 is above 1, which is 2, after a tenth of the steps.
    learn.loss_func = lambda outputs, _: outputs.sum() * 0 + (-1 if learn.run.step < 20 else 100)
    learn.lr_find(seed=0)
    assert len(learn.recorder.losses) == 21


def test_a_loss_that_is_not_a_number_is_told(make_learner: MakeLearner, capsys: pytest.CaptureFixture[str]) -> None:
    learn = make_learner(n=200, loss_func=lambda outputs, _: outputs.sum() * 0 + math.inf)
    assert learn.lr_find(seed=0) == USUAL_RATE
    assert "the loss is not finite from the first batch on" in capsys.readouterr().out
    learn.loss_func = lambda outputs, _: outputs.sum() * 0 + (1 if learn.run.step < 20 else math.inf)
    # The 21st rate of 100 from 1e-7 to 10, which are a factor of 10^(8/99) apart.
    assert learn.lr_find(seed=0) == pytest.approx(1e-7 * 10 ** (8 * 20 / 99) / 100)
    assert "a hundredth of that at which it was a finite number no longer" in capsys.readouterr().out
    classes = make_learner(n=200, classes=True)
    classes.loss_func = lambda outputs, targets: nn.functional.cross_entropy(outputs, targets) * math.nan
    with pytest.raises(TrainingError, match="it is nan for each batch, though the model gives numbers"):
        classes.fit(1)


def test_a_loss_or_a_metric_of_all_pairs_is_refused(make_learner: MakeLearner) -> None:
    """Of one number, outputs have the shape of the targets, [B]; in the course they were [B, 1]."""
    learn = make_learner(n=200, loss_func=lambda o, t: ((o - t.unsqueeze(1)) ** 2).mean())
    with pytest.raises(DataError, match=r"learn.loss_func must compare each prediction with its own target"):
        learn.fit(1)
    with pytest.raises(DataError, match=r"compares each of \d+ with each"):
        learn.lr_find()
    learn.loss_func = lambda o, t: ((o.view(-1) - t) ** 2).mean()
    learn.fit(1)

    def of_pairs(p: torch.Tensor, t: torch.Tensor) -> float:
        return float((p - t[:, None]).abs().mean())

    learn.metrics = [of_pairs]
    with pytest.raises(DataError, match="the metric of_pairs must compare each prediction"):
        learn.validate()
    learn.metrics = [lambda p, t: float((p[None] - t[:, None]).abs().mean())]  # all pairs, said so
    assert math.isfinite(learn.validate()[1])
    # As many items as classes: a weight a class times a number an item is another thing.
    classes, each = make_learner(classes=True), torch.ones(8)
    classes.loss_func = lambda o, t: ((each * torch.ones(8, 1))[0, 0] * F.cross_entropy(o, t)).mean()
    classes.fit(1)


def test_the_decay_of_a_fit_holds_for_those_that_follow(make_learner: MakeLearner) -> None:
    learn = make_learner(n=200, wd=0.1)
    learn.lr_find(1e-4, 1e8, num_it=200, wd=0.7, seed=0)
    learn.fit(1, 1e-3)
    assert learn.run.wd == 0.1
    learn.fit_one_cycle(1, 1e-3, wd=0.3)
    learn.fit(1, 1e-3)
    assert learn.run.wd == learn.wd == 0.3
    learn.fit(1, 1e-3, wd=0.0)
    assert learn.run.wd == 0.0


def test_mixed_precision_trains_and_keeps_parameters_whole(make_learner: MakeLearner) -> None:
    learn = make_learner(n=200, precision="bf16")
    before = learn.validate()[0]
    learn.fit_one_cycle(3, 2e-2)
    assert learn.validate()[0] < before
    assert weights(learn).dtype == torch.float32
    assert learn.get_preds()[0].dtype == torch.float32
    with pytest.raises(TrainingError, match="fp32, bf16; 'half' arrived"):
        learn.precision = "half"


class Interrupt(Callback):
    def __init__(self, error: BaseException, step: int = 3) -> None:
        self.error = error
        self.step = step

    def after_step(self, learn: Learner) -> None:
        if learn.run.step == self.step:
            raise self.error


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError("disk")])
def test_an_interrupted_learner_is_usable(make_learner: MakeLearner, error: BaseException) -> None:
    learn = make_learner()
    before = weights(learn).clone()
    with pytest.raises(type(error)):
        learn.fit(2, 1e-2, callbacks=[Interrupt(error)])
    assert not learn.model.training
    assert len(learn.recorder.losses) == 3
    assert not torch.equal(weights(learn), before)
    assert all(p.grad is None for p in learn.model.parameters())
    learn.fit(1, 1e-2)
    learn.predict(learn.data.valid_ds[0][0])


def test_an_interrupted_search_gives_the_weights_back(make_learner: MakeLearner) -> None:
    learn = make_learner(callbacks=[Interrupt(KeyboardInterrupt())])
    before = weights(learn).clone()
    with pytest.raises(KeyboardInterrupt):
        learn.lr_find()
    assert torch.equal(weights(learn), before)


def test_a_loss_that_is_no_number_stops_the_run(make_learner: MakeLearner) -> None:
    with pytest.raises(TrainingError, match=r"the loss became nan by step 5 .*Lower max_lr"):
        make_learner(loss_func=lambda outputs, targets: (outputs.sum() + targets.sum()) * float("nan")).fit(1)


def test_batches_of_one_under_batch_norm(make_learner: MakeLearner) -> None:
    with pytest.raises(TrainingError, match="two items or more"):
        make_learner(n=1).fit(1)
    learn = make_learner(n=9)  # 8 and 1 become a batch of 9
    learn.fit(1)
    assert len(learn.recorder.losses) == 1


@pytest.mark.parametrize("epochs", [0, -1, 1.5])
def test_epochs_that_cannot_be(make_learner: MakeLearner, epochs: object) -> None:
    with pytest.raises(TrainingError, match="epochs must be"):
        make_learner().fit(epochs)  # type: ignore[arg-type]


def test_save_and_load(make_learner: MakeLearner) -> None:
    learn = make_learner()
    learn.fit(1, 1e-2)
    kept = {name: value.clone() for name, value in learn.model.state_dict().items()}
    folder = learn.save("1")
    assert folder == learn.path / "models" / "1"
    learn.fit(1, 1e-2)
    assert learn.load("1") is learn
    assert all(torch.equal(value, kept[name]) for name, value in learn.model.state_dict().items())


def test_weights_of_another_model(make_learner: MakeLearner) -> None:
    make_learner().save("1")
    with pytest.raises(WeightsError, match="another model"):
        make_learner(classes=True).load("1")
    with pytest.raises(ArtifactError, match="not a saved model"):
        make_learner().load("2")


def test_weights_of_the_same_classes_in_another_order_are_refused(make_learner: MakeLearner) -> None:
    learn = make_learner(classes=True)
    learn.save("1")
    assert json.loads((learn.path / "models" / "1" / "model.json").read_text())["config"]["orders"] == {
        "classes": ["high", "low"]
    }
    before = copy.deepcopy(learn.model.state_dict())
    learn.data.y.classes = learn.data.y.classes[::-1]
    with pytest.raises(WeightsError, match="the classes in another order, high, low; here they are low, high"):
        learn.load("1")
    learn.data.y.classes = ["cat", "dog"]
    with pytest.warns(UserWarning, match="saved with other classes, high, low; here they are cat, dog. Train"):
        learn.load("1")
    assert all(torch.equal(value, before[name]) for name, value in learn.model.state_dict().items())


def test_weights_of_an_earlier_version_say_nothing_of_classes(make_learner: MakeLearner) -> None:
    learn = make_learner(classes=True)
    save_artifact(learn.path / "models" / "old", "weights", {"model": "Linear"}, learn.model.state_dict())
    assert learn.load("old") is learn


def test_a_pickle_in_place_of_the_weights_is_not_run(make_learner: MakeLearner, bomb: bytes) -> None:
    learn = make_learner()
    for name in ("tensors.safetensors", "model.json"):
        (learn.save(name) / name).write_bytes(bomb)
        with pytest.raises(ArtifactError, match="damaged"):
            learn.load(name)


def test_a_summary_of_the_layers(make_learner: MakeLearner) -> None:
    learn = make_learner()
    learn.freeze()
    summary = learn.summary()
    kinds = [(layer.kind, layer.shape, layer.parameters, layer.trainable) for layer in summary.layers]
    assert kinds == [
        ("Linear", [8, 8], 32, False),
        ("ReLU", [8, 8], 0, False),
        ("BatchNorm1d", [8, 8], 16, True),
        ("Dropout", [8, 8], 0, False),
        ("Linear", [8, 1], 9, True),
    ]
    assert (summary.total, summary.trainable) == (57, 25)
    assert "[8, 8]" in str(summary)
    assert not any(module._forward_hooks for module in learn.model.modules())


def test_models_are_kept_below_the_path(make_learner: MakeLearner, tmp_path: Path) -> None:
    assert make_learner().model_path("a") == tmp_path / "models" / "a"
    assert make_learner(path=tmp_path / "b").model_path("a") == tmp_path / "b" / "models" / "a"


@pytest.mark.parametrize("loss", [nn.L1Loss(), nn.HuberLoss(), lambda given, wanted: (given - wanted).abs().mean()])
def test_a_loss_of_ones_own_compares_each_number_with_its_own_target(make_learner: MakeLearner, loss: Any) -> None:
    learn = make_learner(loss_func=loss)
    learn.fit(1)
    predictions, targets = learn.get_preds()
    assert predictions.shape == targets.shape == (12, 1)
    assert learn.validate()[0] == pytest.approx(float(loss(predictions, targets)), rel=1e-5)


def test_data_labelled_otherwise_are_refused(make_learner: MakeLearner, vectors: Callable[..., DataBunch]) -> None:
    learn = make_learner()
    logarithms = vectors()
    logarithms.train_ds.y.log = True
    for other in (vectors(classes=True), logarithms):
        with pytest.raises(DataError, match=r"learn\.data takes data labelled as those"):
            learn.data = other
    classes = make_learner(classes=True)
    other = vectors(classes=True)
    other.train_ds.y.classes = ["low", "high"]
    with pytest.raises(DataError, match="labelled"):
        classes.data = other


@pytest.mark.parametrize("num_it", [-1, 0, 1.5, "10"])
def test_numbers_of_batches_that_are_none(make_learner: MakeLearner, num_it: Any) -> None:
    with pytest.raises(TrainingError, match="num_it, the number of batches, must be a whole number"):
        make_learner().lr_find(num_it=num_it)


@pytest.mark.parametrize("moms", [(0.9,), (0.9, 1.0), (-0.1, 0.9)])
def test_momenta_that_are_none(make_learner: MakeLearner, moms: Any) -> None:
    with pytest.raises(TrainingError, match="moms must be two momenta"):
        make_learner().fit_one_cycle(1, moms=moms)


def test_what_predict_gives_may_be_changed(make_learner: MakeLearner) -> None:
    learn = make_learner()
    values = learn.predict(learn.data.valid_ds[0][0]).values
    before = float(values)
    values.add_(1)
    assert float(values) == pytest.approx(before + 1)


def test_a_copy_of_a_trained_learner_is_another_learner(make_learner: MakeLearner) -> None:
    learn = make_learner()
    learn.lr_find(num_it=5)
    learn.fit(1, 1e-2, seed=0)
    before = weights(learn)
    again = copy.deepcopy(learn)
    assert torch.equal(weights(again), before)
    assert again.recorder.rows == learn.recorder.rows
    assert float(again.run.loss) == float(learn.run.loss)
    again.fit(1, 1e-2, seed=0)
    learn_again = weights(again)
    assert torch.equal(weights(learn), before)
    learn.fit(1, 1e-2, seed=0)
    assert torch.equal(weights(learn), learn_again)
    assert not torch.equal(learn_again, before)


def test_models_are_kept_in_the_folder_that_is_set(make_learner: MakeLearner, tmp_path: Path) -> None:
    learn = make_learner(model_dir="kept")
    assert learn.save("a") == learn.path / "kept" / "a"
    learn.model_dir = tmp_path / "elsewhere"
    assert learn.save("b") == tmp_path / "elsewhere" / "b"
    learn.fit(1, callbacks=[SaveBest(name="best"), Checkpoint("run")])
    assert sorted(one.name for one in (tmp_path / "elsewhere").glob("[!.]*")) == ["b", "best"]
    learn.load("b")
    assert not (learn.path / "models").exists()


def test_finding_a_rate_takes_the_number_of_batches_third(make_learner: MakeLearner) -> None:
    learn = make_learner()
    learn.lr_find(1e-5, 1e-4, 7)
    assert len(learn.recorder.losses) == 7
