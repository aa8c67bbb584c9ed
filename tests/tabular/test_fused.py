"""The training step in one piece: the same numbers as the layers one by one, and only where it is the same."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from handlens.core.dropout import Dropout
from handlens.core.optimizer import Optimizer
from handlens.tabular.fused import FusedTraining
from handlens.tabular.model import TabularModel

SIZES = [(50, 20), (8, 5), (3, 2)]


def make(n_cont: int = 4, layers: tuple[int, ...] = (30, 16), out: int = 2, *, bn_cont: bool = True) -> TabularModel:
    torch.manual_seed(0)
    return TabularModel(SIZES, n_cont, out, layers, ps=0.1, emb_drop=0.2, y_range=(0, 5), bn_cont=bn_cont)


def batch(n_cont: int = 4, out: int = 2) -> tuple[Tensor, Tensor, Tensor]:
    codes = torch.stack([torch.randint(0, n, (32,)) for n, _ in SIZES], 1)
    return codes, torch.randn(32, n_cont), torch.rand(32, out) * 5


@pytest.mark.parametrize(("n_cont", "bn_cont"), [(0, True), (4, True), (4, False)])
@pytest.mark.parametrize("layers", [(), (30,), (30, 16)])
def test_the_same_outputs_gradients_and_statistics_as_layer_by_layer(
    n_cont: int, bn_cont: bool, layers: tuple[int, ...]
) -> None:
    found = []
    for fused in (True, False):
        model = make(n_cont, layers, bn_cont=bn_cont).double()
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


# What is noticed only at a step: it came after model.train(), from a callback.


def hear_a_layer(model: TabularModel) -> None:
    model.layers[0].register_forward_hook(lambda *_: None)


def hear_a_layer_before(model: TabularModel) -> None:
    model.embeds[1].register_forward_pre_hook(lambda *_: None)


def hear_gradients_of_a_layer(model: TabularModel) -> None:
    model.layers[6].register_full_backward_hook(lambda *_: None)


def hear_gradients_before_a_layer(model: TabularModel) -> None:
    model.bn_cont.register_full_backward_pre_hook(lambda *_: None)  # type: ignore[union-attr]


def hear_a_parameter(model: TabularModel) -> None:
    model.layers[0].weight.register_hook(lambda _: None)  # type: ignore[operator, union-attr]


def hear_a_table(model: TabularModel) -> None:
    model.embeds[0].weight.register_post_accumulate_grad_hook(lambda _: None)  # type: ignore[operator, union-attr]


def freeze_a_norm(model: TabularModel) -> None:
    model.layers[2].eval()


@pytest.mark.parametrize(
    "change",
    [
        *(hear_a_layer, hear_a_layer_before, hear_gradients_of_a_layer, hear_gradients_before_a_layer),
        *(hear_a_parameter, hear_a_table, freeze_a_norm),
    ],
)
def test_what_is_changed_while_training_is_noticed(
    change: Callable[[TabularModel], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = make()
    _optimizer = Optimizer([model])
    model.train()
    assert used(model, monkeypatch)
    change(model)
    assert not used(model, monkeypatch)


@pytest.mark.filterwarnings("ignore:Full backward hook is firing")  # torch, of modules whose inputs are codes
@pytest.mark.parametrize(
    "register",
    [
        "register_forward_pre_hook",
        "register_forward_hook",
        "register_full_backward_pre_hook",
        "register_full_backward_hook",
    ],
)
def test_hooks_on_the_vectors_of_a_column_are_called(register: str) -> None:
    model = make()
    _optimizer = Optimizer([model])
    model.train()
    calls = []
    getattr(model.embeds[1], register)(lambda *_: calls.append(1))
    codes = torch.zeros(4, len(model.embeds), dtype=torch.int64)
    model(codes, torch.randn(4, model.config["n_cont"])).sum().backward()
    assert calls == [1]


def test_hooks_on_every_layer_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    model = make()
    _optimizer = Optimizer([model])
    model.train()
    handle = nn.modules.module.register_module_forward_hook(lambda *_: None)
    try:
        assert not used(model, monkeypatch)
    finally:
        handle.remove()
    assert used(model, monkeypatch)


def test_a_gradient_that_a_hook_changes() -> None:
    model = make()
    _optimizer = Optimizer([model])
    model.train()
    bias = model.layers[8].bias
    bias.register_hook(lambda grad: grad * 0 + 7)  # type: ignore[operator, union-attr]
    codes, numbers, y = batch()
    F.mse_loss(model(codes, numbers), y).backward()
    assert bias.grad.tolist() == [7, 7]  # type: ignore[union-attr]


def test_inputs_that_want_their_gradient_get_it() -> None:
    model = make()
    _optimizer = Optimizer([model])
    model.train()
    codes, numbers, y = batch()
    numbers.requires_grad_()
    F.mse_loss(model(codes, numbers), y).backward()
    assert numbers.grad is not None
    assert numbers.grad.abs().max() > 0


def test_one_row_is_no_batch() -> None:
    model = make()
    _optimizer = Optimizer([model])
    model.train()
    codes, numbers, _ = batch()
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        model(codes[:1], numbers[:1])
    assert all(bool(value.isfinite().all()) for value in model.state_dict().values())


def test_going_back_twice_or_to_a_parameter_alone() -> None:
    model = make()
    optimizer = Optimizer([model])
    model.train()
    codes, numbers, y = batch()
    loss = F.mse_loss(model(codes, numbers), y)
    for layer in (0, 8):
        with pytest.raises(RuntimeError, match="not have been used in the graph"):
            torch.autograd.grad(loss, [model.layers[layer].bias], retain_graph=True)  # type: ignore[list-item]
    assert optimizer.params[0].grad.abs().max() == 0  # type: ignore[union-attr]
    loss.backward(retain_graph=True)
    before = optimizer.params[0].grad.clone()  # type: ignore[union-attr]
    with pytest.raises(RuntimeError, match="backward through a TabularModel's training step a second time"):
        loss.backward()
    assert torch.equal(optimizer.params[0].grad, before)  # type: ignore[arg-type]


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
    optimizer.release()
    assert not used(model, monkeypatch)


def test_frozen_norm_layers_go_layer_by_layer() -> None:
    model = make()
    model.layers[2].eval()
    assert FusedTraining.of(model.embeds, model.emb_drop, model.bn_cont, model.layers) is None


def test_outside_of_training_there_is_none() -> None:
    model = make()
    model.train()
    assert model._fused is not None
    assert model.eval()._fused is None
    assert copy.deepcopy(model)._fused is None


def test_no_layers_at_all() -> None:
    model = make()
    model.layers = nn.Sequential()
    assert FusedTraining.of(model.embeds, model.emb_drop, model.bn_cont, model.layers) is None
