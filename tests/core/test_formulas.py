"""Schedules, losses, metrics and training against their formulas, written out in NumPy in float64."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from handlens.core import metrics
from handlens.core.bunch import DataBunch
from handlens.core.callbacks import Callback, GradientClipping
from handlens.core.items import Labelled
from handlens.core.labels import CategoryList, FloatList, MultiCategoryList
from handlens.core.learner import Learner
from handlens.core.loaders import TensorLoader
from handlens.core.schedule import exponential, group_rates, one_cycle, smooth
from handlens.vision import LabelSmoothing, Mixup

Floats = NDArray[np.float64]

CPU = torch.device("cpu")


# Schedules


def cycle(step: int, steps: int, high: float, pct: float, div: float, moms: tuple[float, float]) -> tuple[float, float]:
    """Rate and momentum of one step (Smith 2018): halves of a cosine up, and down to high / div / 10⁴."""
    rising = max(int(steps * pct), 1)
    if step < rising:
        share, ends, momenta = step / rising, (high / div, high), moms
    else:
        share, ends, momenta = (step - rising) / (steps - rising), (high, high / div / 1e4), moms[::-1]
    gone = (1 - math.cos(math.pi * share)) / 2
    return tuple(a + (b - a) * gone for a, b in (ends, momenta))  # type: ignore[return-value]


@pytest.mark.parametrize("steps", [1, 2, 3, 10, 97, 1000])
@pytest.mark.parametrize(
    ("pct", "div", "moms"), [(0.3, 25.0, (0.95, 0.85)), (0.05, 4.0, (0.8, 0.7)), (0.9, 1.0, (0.0, 0.99))]
)
def test_rates_and_momenta_of_each_step_of_one_cycle(
    steps: int, pct: float, div: float, moms: tuple[float, float]
) -> None:
    highest = group_rates(slice(1e-5, 1e-2), 3)
    found = one_cycle(steps, highest, pct_start=pct, div_factor=div, moms=moms)
    for step in range(steps):
        for group, high in enumerate([1e-5, math.sqrt(1e-5 * 1e-2), 1e-2]):
            rate, momentum = cycle(step, steps, high, pct, div, moms)
            assert found.rates[step, group] == pytest.approx(rate, rel=1e-12)
        assert found.momenta[step] == pytest.approx(momentum, rel=1e-12)


@pytest.mark.parametrize("steps", [2, 37, 100])
def test_the_rate_of_each_step_of_a_search(steps: int) -> None:
    found = exponential(steps, np.array([1e-7, 1e-6]), np.array([10.0, 1.0]))
    for step in range(steps):
        share = step / (steps - 1)
        expected = [math.exp(math.log(1e-7) + share * math.log(1e8)), 10 ** (-6 + 6 * share)]
        assert found.rates[step] == pytest.approx(expected, rel=1e-12)


def test_the_running_average_of_losses_is_a_weighted_mean() -> None:
    losses = np.random.default_rng(0).exponential(size=60)
    for t in range(60):
        weights = 0.98 ** np.arange(t, -1, -1)  # the latest counts most
        assert smooth(losses)[t] == pytest.approx(np.average(losses[: t + 1], weights=weights), rel=1e-12)


# Losses


def logs_of_shares(scores: Floats) -> Floats:
    return scores - np.log(np.exp(scores).sum(1, keepdims=True))


def cross_entropy(scores: Floats, shares: Floats) -> float:
    """Against probabilities of classes."""
    return float(-(shares * logs_of_shares(scores)).sum(1).mean())


BOTH = pytest.mark.parametrize(("dtype", "within"), [(torch.float64, 1e-12), (torch.float32, 1e-6)])
RANDOM = np.random.default_rng(3)
SCORES, CODES, FLAGS = RANDOM.normal(0, 3, (50, 4)), RANDOM.integers(0, 4, 50), RANDOM.random((50, 4)) < 0.3
ONE_HOT = np.eye(4)[CODES]


@BOTH
def test_losses_of_labels(dtype: torch.dtype, within: float) -> None:
    outputs = torch.tensor(SCORES, dtype=dtype)
    found = float(CategoryList.loss_func(outputs, torch.tensor(CODES)))
    assert found == pytest.approx(cross_entropy(SCORES, ONE_HOT), rel=within)
    right = 1 / (1 + np.exp(-SCORES))
    found = float(MultiCategoryList.loss_func(outputs, torch.tensor(FLAGS, dtype=dtype)))
    assert found == pytest.approx(-np.where(FLAGS, np.log(right), np.log(1 - right)).mean(), rel=within)
    numbers = RANDOM.normal(size=50)
    found = float(FloatList.loss_func(outputs[:, :1], torch.tensor(numbers, dtype=dtype)))
    assert found == pytest.approx(((SCORES[:, 0] - numbers) ** 2).mean(), rel=within)


@BOTH
@pytest.mark.parametrize("eps", [0.0, 0.1, 0.7])
def test_label_smoothing(dtype: torch.dtype, within: float, eps: float) -> None:
    found = float(LabelSmoothing(eps)(torch.tensor(SCORES, dtype=dtype), torch.tensor(CODES)))
    assert found == pytest.approx(cross_entropy(SCORES, (1 - eps) * ONE_HOT + eps / 4), rel=within)


@BOTH
@pytest.mark.parametrize("loss", [CategoryList.loss_func, LabelSmoothing(0.1)])
def test_mixup(dtype: torch.dtype, within: float, loss: Callable[..., torch.Tensor]) -> None:
    """The pictures are mixed as drawn, and the loss is λ times that of a label and 1 − λ times that of the other."""
    run = type("Run", (), {"inputs": torch.tensor(SCORES, dtype=dtype), "targets": torch.tensor(CODES)})()
    learn: Any = type("Learn", (), {"run": run, "data": type("Data", (), {"c": 4})})
    torch.manual_seed(8)
    drawn = torch.distributions.Beta(0.4, 0.4).sample((50,)).double().numpy()
    other = torch.randperm(50).numpy()
    torch.manual_seed(8)
    Mixup(0.4).before_batch(learn)
    kept = np.maximum(drawn, 1 - drawn)[:, None]
    inputs = kept * SCORES + (1 - kept) * SCORES[other]
    np.testing.assert_allclose(run.inputs.numpy(), inputs, rtol=0, atol=10 * within)
    eps = getattr(loss, "eps", 0.0)
    logs = logs_of_shares(SCORES)
    one, two = (-((1 - eps) * logs[np.arange(50), codes] + eps * logs.mean(1)) for codes in (CODES, CODES[other]))
    found = float(loss(torch.tensor(SCORES, dtype=dtype), run.targets))
    assert found == pytest.approx((kept[:, 0] * one + (1 - kept[:, 0]) * two).mean(), rel=within)


# Metrics


def counts(k: int, predicted: Any, codes: Any) -> tuple[int, int, int]:
    """Right ones of class k, predicted as it, and being it."""
    return int(((predicted == k) & (codes == k)).sum()), int((predicted == k).sum()), int((codes == k).sum())


def of_classes(shares: Floats, codes: Any) -> dict[str, float]:
    predicted, kinds = shares.argmax(1), range(shares.shape[1]) if shares.shape[1] > 2 else [1]
    every = [counts(k, predicted, codes) for k in kinds]
    pairs = [
        np.mean([(a > b) + (a == b) / 2 for a in shares[codes == k, k] for b in shares[codes != k, k]]) for k in kinds
    ]
    return {
        "accuracy": float((predicted == codes).mean()),
        "error_rate": float((predicted != codes).mean()),
        "precision": float(np.mean([right / said for right, said, _ in every])),
        "recall": float(np.mean([right / there for right, _, there in every])),
        "f1": float(np.mean([2 * right / (said + there) for right, said, there in every])),
        "roc_auc": float(np.mean(pairs)),
    }


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_metrics_of_classes(classes: int, dtype: torch.dtype) -> None:
    random = np.random.default_rng(1)
    codes = random.integers(0, classes, 300)
    scores = random.normal(size=(300, classes)) + np.eye(classes)[codes]
    preds = torch.softmax(torch.tensor(scores, dtype=dtype), 1)
    for name, expected in of_classes(preds.double().numpy(), codes).items():
        assert getattr(metrics, name)(preds, torch.tensor(codes)) == pytest.approx(expected, abs=1e-12), name


def test_predictions_that_differ_by_less_than_float32_can_tell() -> None:
    a = 1e-10
    preds = torch.tensor([[0.5 - a, 0.5 + a], [0.5 + a, 0.5 - a]], dtype=torch.float64)
    targets = torch.tensor([1, 0])
    assert metrics.accuracy(preds, targets) == 1
    assert metrics.roc_auc(preds, targets) == 1


@pytest.mark.parametrize("shape", [(200,), (200, 3)])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_metrics_of_numbers(shape: tuple[int, ...], dtype: torch.dtype) -> None:
    random = np.random.default_rng(2)
    targets = torch.tensor(random.normal(7, 1, shape), dtype=dtype)
    preds = targets + torch.tensor(random.normal(0, 0.3, shape), dtype=dtype)
    p, y = preds.double().numpy(), targets.double().numpy()
    ratio = np.exp(p) / np.exp(y)
    levelled = ratio / np.exp(np.log(ratio).mean())
    expected = {
        "mse": ((p - y) ** 2).mean(),
        "rmse": ((p - y) ** 2).mean() ** 0.5,
        "mae": np.abs(p - y).mean(),
        "r2": np.mean(1 - ((y - p) ** 2).sum(0) / ((y - y.mean(0)) ** 2).sum(0)),
        "exp_rmspe": (((np.exp(y) - np.exp(p)) / np.exp(y)) ** 2).mean() ** 0.5,
        "rmspe_scale": levelled.sum() / (levelled**2).sum(),
    }
    for name, value in expected.items():
        assert getattr(metrics, name)(preds, targets) == pytest.approx(value, rel=1e-10), name
    shares, flags = torch.sigmoid(preds - 7), (targets > 7).to(dtype)
    right = ((shares.double().numpy() >= 0.5) == (y > 7)).mean()
    assert metrics.accuracy_multi(shares, flags) == pytest.approx(right, abs=1e-12)


# Training, step by step


class Watch(Callback):
    """Keeps each batch and its loss."""

    def __init__(self) -> None:
        self.batches: list[tuple[Floats, Any]] = []
        self.losses: list[float] = []

    def before_batch(self, learn: Any) -> None:
        self.batches.append((learn.run.inputs[0].numpy().copy(), learn.run.targets.numpy().copy()))

    def after_loss(self, learn: Any) -> None:
        self.losses.append(float(learn.run.loss.detach()))


class ByHand:
    """x → W₁x + b₁ → batch norm γ, β → tanh → W₂ · + b₂ → cross-entropy, with AdamW, in NumPy."""

    groups = (("w1", "b1"), ("g", "b"), ("w2", "b2"))

    def __init__(self, model: nn.Sequential) -> None:
        first, norm, last = model[0], model[1][0], model[2]
        tensors = (first.weight, first.bias, norm.weight, norm.bias, last.weight, last.bias)
        names = [name for group in self.groups for name in group]
        self.p: dict[str, Floats] = {
            name: t.detach().numpy().copy()
            for name, t in zip(names, tensors, strict=True)  # type: ignore[union-attr]
        }
        self.mean, self.var = np.zeros(len(self.p["g"])), np.ones(len(self.p["g"]))

    def logits(self, x: Floats) -> Floats:
        """In prediction: with the running statistics."""
        p = self.p
        normal = (x @ p["w1"].T + p["b1"] - self.mean) / np.sqrt(self.var + 1e-5)
        return np.tanh(normal * p["g"] + p["b"]) @ p["w2"].T + p["b2"]

    def gradients(self, x: Floats, codes: Any) -> tuple[float, dict[str, Floats]]:
        """The loss of a batch, and the gradient of each parameter; updates the running statistics."""
        p, n = self.p, len(x)
        z = x @ p["w1"].T + p["b1"]
        mean, var = z.mean(0), z.var(0)
        self.mean, self.var = 0.9 * self.mean + 0.1 * mean, 0.9 * self.var + 0.1 * var * n / (n - 1)
        spread = np.sqrt(var + 1e-5)
        normal = (z - mean) / spread
        hidden = np.tanh(normal * p["g"] + p["b"])
        shares = np.exp(logs_of_shares(hidden @ p["w2"].T + p["b2"]))
        loss = -np.log(shares[np.arange(n), codes]).mean()
        d_out = (shares - np.eye(shares.shape[1])[codes]) / n
        d_norm = (d_out @ p["w2"]) * (1 - hidden**2)
        d_normal = d_norm * p["g"]
        d_z = (d_normal - d_normal.mean(0) - normal * (d_normal * normal).mean(0)) / spread
        found = {
            "w1": d_z.T @ x,
            "b1": d_z.sum(0),
            "g": (d_norm * normal).sum(0),
            "b": d_norm.sum(0),
            "w2": d_out.T @ hidden,
            "b2": d_out.sum(0),
        }
        return float(loss), found

    def train(
        self,
        batches: Sequence[tuple[Floats, Any]],
        rates: Sequence[Sequence[float]],
        momenta: Sequence[float],
        *,
        wd: float,
        frozen: Sequence[str] = (),
        clip: float = math.inf,
    ) -> list[float]:
        """Decoupled weight decay, then Adam (Loshchilov & Hutter 2017, algorithm 2), β₁ changing with each step."""
        m, v = ({name: np.zeros_like(value) for name, value in self.p.items()} for _ in range(2))
        losses = []
        for t, ((x, codes), rate, momentum) in enumerate(zip(batches, rates, momenta, strict=True), 1):
            loss, gradients = self.gradients(x, codes)
            losses.append(loss)
            trained = {name: g for name, g in gradients.items() if name not in frozen}
            length = math.sqrt(sum((g**2).sum() for g in trained.values()))
            for lr, names in zip(rate, self.groups, strict=True):
                for name in names:
                    if name not in trained:
                        continue
                    g = trained[name] * min(1.0, clip / (length + 1e-6))
                    self.p[name] *= 1 - lr * wd
                    m[name] = momentum * m[name] + (1 - momentum) * g
                    v[name] = 0.99 * v[name] + 0.01 * g**2
                    step = m[name] / (1 - momentum**t) / (np.sqrt(v[name] / (1 - 0.99**t)) + 1e-8)
                    self.p[name] -= lr * step
        return losses

    def differences(self, model: nn.Sequential) -> dict[str, float]:
        """The largest difference of each parameter and running statistic.

        The gradient of b₁ is 0, because the norm takes the mean away: Adam divides what rounding leaves of it by 1e-8.
        """
        now = ByHand(model).p | {"mean": model[1][0].running_mean.numpy(), "var": model[1][0].running_var.numpy()}  # type: ignore[union-attr]
        mine = self.p | {"mean": self.mean, "var": self.var}
        return {name: float(np.abs(now[name] - mine[name]).max()) for name in mine}


@pytest.fixture
def learner() -> Learner:
    """A float64 net of three layer groups, which tells three classes apart; 23 rows in batches of 6, the last of 5."""
    torch.manual_seed(4)
    x = torch.randn(33, 5, dtype=torch.float64)
    names = [["a", "b", "c"][i] for i in (x @ torch.randn(5, 3, dtype=torch.float64)).argmax(1).tolist()]
    labels = CategoryList(names[:23], classes=["a", "b", "c"])
    parts = [(x[:23], labels, True), (x[23:], labels.new(names[23:]), False)]
    loaders = [
        TensorLoader(Labelled(rows, y), (rows,), y.data, bs=6, device=CPU, shuffle=shuffle)
        for rows, y, shuffle in parts
    ]
    model = nn.Sequential(nn.Linear(5, 7), nn.Sequential(nn.BatchNorm1d(7), nn.Tanh()), nn.Linear(7, 3)).double()
    nn.init.uniform_(model[1][0].weight, 0.5, 2)  # type: ignore[index,arg-type]
    return Learner(DataBunch(*loaders, device=CPU), model, layer_groups=list(model))


def test_fit_with_layer_groups_takes_the_steps_of_the_formulas(learner: Learner) -> None:
    """Constant rates; one-cycle with a new optimizer; frozen groups, whose norms go on learning; clipped gradients."""
    model: Any = learner.model
    by_hand = ByHand(model)

    watch = Watch()
    learner.fit(2, slice(1e-3, 1e-1), wd=0.3, callbacks=[watch], seed=1)
    rates = [[1e-3, 1e-2, 1e-1]] * 8
    losses = by_hand.train(watch.batches, rates, [0.9] * 8, wd=0.3)
    assert [len(codes) for _, codes in watch.batches] == [6, 6, 6, 5] * 2
    assert watch.losses == pytest.approx(losses, rel=1e-10)
    assert max(by_hand.differences(model).values()) < 1e-8

    watch = Watch()
    learner.fit_one_cycle(3, [0.02, 0.05, 0.01], wd=0.1, pct_start=0.4, callbacks=[watch], seed=2)
    steps = [[cycle(step, 12, high, 0.4, 25.0, (0.95, 0.85)) for high in (0.02, 0.05, 0.01)] for step in range(12)]
    rates, momenta = [[rate for rate, _ in step] for step in steps], [step[0][1] for step in steps]
    losses = by_hand.train(watch.batches, rates, momenta, wd=0.1)
    assert watch.losses == pytest.approx(losses, rel=1e-10)
    assert max(by_hand.differences(model).values()) < 1e-8
    assert learner.recorder.rates == pytest.approx(np.array(rates), rel=1e-12)
    assert learner.recorder.momenta == pytest.approx(np.array(momenta), rel=1e-12)

    watch = Watch()
    learner.freeze()
    learner.fit(1, slice(1e-2), callbacks=[watch, GradientClipping(0.05)], seed=3)  # the decay stays that of before
    losses = by_hand.train(watch.batches, [[1e-3, 1e-3, 1e-2]] * 4, [0.9] * 4, wd=0.1, frozen=("w1", "b1"), clip=0.05)
    assert watch.losses == pytest.approx(losses, rel=1e-10)
    assert max(by_hand.differences(model).values()) < 1e-8

    x, codes = learner.data.valid_ds.x.numpy(), learner.data.valid_ds.y.data.numpy()
    logits = by_hand.logits(x)
    loss, share = learner.validate()[0], cross_entropy(logits, np.eye(3)[codes])
    assert loss == pytest.approx(share, rel=1e-6)  # it is worked out in float32
    preds, _ = learner.get_preds()
    np.testing.assert_allclose(preds.numpy(), np.exp(logs_of_shares(logits)), rtol=0, atol=1e-6)
