"""The training step in one piece: the same numbers as the layers one by one, and only where it is the same."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from handlens.core.layers import Dropout
from handlens.core.optimizer import Optimizer
from handlens.tabular.fused import FusedTraining
from handlens.tabular.model import TabularModel

SIZES = [(50, 20), (8, 5), (3, 2)]


def make(n_cont: int = 4, layers: tuple[int, ...] = (30, 16), out: int = 2) -> TabularModel:
    torch.manual_seed(0)
    return TabularModel(SIZES, n_cont, out, layers, ps=0.1, emb_drop=0.2, y_range=(0, 5))


def batch(n_cont: int = 4, out: int = 2) -> tuple[Tensor, Tensor, Tensor]:
    codes = torch.stack([torch.randint(0, n, (32,)) for n, _ in SIZES], 1)
    return codes, torch.randn(32, n_cont), torch.rand(32, out) * 5


@pytest.mark.parametrize("n_cont", [0, 4])
@pytest.mark.parametrize("layers", [(), (30,), (30, 16)])
def test_the_same_outputs_gradients_and_statistics_as_layer_by_layer(n_cont: int, layers: tuple[int, ...]) -> None:
    found = []
    for fused in (True, False):
        model = make(n_cont, layers).double()
        optimizer = Optimizer([model])
        model.train()
        if not fused:
            model._fused = None
        torch.manual_seed(1)
        losses = []
        for _ in range(3):  # whose gradients add up
            codes, numbers, y = batch(n_cont)
            loss = F.mse_loss(model(codes, numbers.double()), y.double())
            loss.backward()
            losses.append(loss.item())
        assert (model._fused is not None) == fused
        found.append((losses, optimizer.params[0].grad, model.state_dict()))
    (ours, gradient, state), (plain, expected, their_state) = found
    assert ours == pytest.approx(plain, abs=1e-12)
    assert torch.allclose(gradient, expected, atol=1e-12)
    assert expected.abs().max() > 0.01
    assert all(torch.allclose(state[name], value, atol=1e-12) for name, value in their_state.items())


def used(model: TabularModel, monkeypatch: pytest.MonkeyPatch) -> bool:
    calls = []
    whole = FusedTraining.__call__
    monkeypatch.setattr(FusedTraining, "__call__", lambda self, *batch: calls.append(1) or whole(self, *batch))
    codes, numbers, y = batch()
    F.mse_loss(model(codes, numbers).float(), y).backward()
    return bool(calls)


def hear(model: TabularModel) -> None:
    model.layers[1].register_forward_hook(lambda *_: None)


def replace(model: TabularModel) -> None:
    model.layers[1] = nn.GELU()


def other_dropout(model: TabularModel) -> None:
    model.layers[3] = nn.Dropout(0.1)


def always_drop(model: TabularModel) -> None:
    model.layers[3] = Dropout(1.0)


def running_average(model: TabularModel) -> None:
    model.layers[2].momentum = None  # type: ignore[assignment]


def without_bias(model: TabularModel) -> None:
    model.layers[8] = nn.Linear(16, 2, bias=False)


@pytest.mark.parametrize("change", [hear, replace, other_dropout, always_drop, running_average, without_bias])
def test_a_model_that_was_changed_goes_layer_by_layer(
    change: Callable[[TabularModel], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = make()
    change(model)
    _optimizer = Optimizer([model])
    model.train()
    assert not used(model, monkeypatch)


def test_it_is_used_only_in_a_run_on_whole_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    model = make()
    model.train()
    assert not used(model, monkeypatch)  # nobody has laid out the gradients
    optimizer = Optimizer([model])
    model.train()
    assert used(model, monkeypatch)
    with torch.autocast("cpu", torch.bfloat16):
        assert not used(model, monkeypatch)
    model.embeds[0].requires_grad_(False)
    assert not used(model, monkeypatch)
    model.embeds[0].requires_grad_(True)
    model.layers[2].eval()
    model.train()
    optimizer.release()
    assert not used(model, monkeypatch)


def test_frozen_norm_layers_go_layer_by_layer() -> None:
    model = make()
    model.layers[2].eval()
    assert FusedTraining.of(model) is None


def test_outside_of_training_there_is_none() -> None:
    model = make()
    model.train()
    assert model._fused is not None
    assert model.eval()._fused is None
    assert copy.deepcopy(model)._fused is None


def test_no_layers_at_all() -> None:
    model = make()
    model.layers = nn.Sequential()
    assert FusedTraining.of(model) is None
