"""The optimizer: decay by hand, the same steps as torch's own, layer groups, freezing."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from handlens.core.optimizer import Optimizer, freeze
from handlens.errors import TrainingError

SGD = partial(torch.optim.SGD, momentum=0.0)


def single(value: float) -> nn.Linear:
    layer = nn.Linear(1, 1, bias=False)
    nn.init.constant_(layer.weight, value)
    return layer


def test_decay_is_decoupled_by_hand() -> None:
    layer = single(2.0)
    optimizer = Optimizer([layer], wd=0.1)
    optimizer.set([0.01], 0.9)
    optimizer.step()  # the gradient is 0, so only the decay acts: 2 · (1 − .01 · .1)
    assert layer.weight.item() == pytest.approx(2 * 0.999)


def test_the_first_step_of_adam_by_hand() -> None:
    layer = single(1.0)
    optimizer = Optimizer([layer], wd=0.5)
    optimizer.set([0.1], 0.95)
    layer(torch.tensor([[3.0]])).sum().backward()
    optimizer.step()  # decay to .95; then Adam's first step is the rate, whatever the gradient's size
    assert layer.weight.item() == pytest.approx(0.95 - 0.1, abs=1e-6)


def model_of(seed: int) -> nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Sequential(nn.Conv1d(2, 3, 3, bias=False), nn.BatchNorm1d(3)),
            nn.Flatten(),
            nn.Sequential(nn.Linear(9, 4), nn.Linear(4, 1)),
        )


def losses(model: nn.Module, step: object, zero: object, n: int = 8) -> list[float]:
    generator = torch.Generator().manual_seed(3)
    found = []
    for _ in range(n):
        x, y = torch.randn(6, 2, 5, generator=generator), torch.randn(6, 1, generator=generator)
        loss = F.mse_loss(model(x), y)
        loss.backward()
        step()  # type: ignore[operator]
        zero()  # type: ignore[operator]
        found.append(float(loss.detach()))
    return found


def test_the_same_losses_as_torchs_own_optimizer_with_rates_by_group() -> None:
    plain, ours = model_of(0), model_of(0)
    reference = torch.optim.AdamW(
        [{"params": plain[0].parameters(), "lr": 1e-3}, {"params": plain[2].parameters(), "lr": 1e-2}],
        betas=(0.85, 0.99),
        weight_decay=0.2,
    )
    optimizer = Optimizer([ours[0], ours[1], ours[2]], wd=0.2)
    optimizer.set([1e-3, 5e-3, 1e-2], 0.85)
    expected = losses(plain, reference.step, reference.zero_grad)
    assert losses(ours, optimizer.step, optimizer.zero_grad) == pytest.approx(expected, abs=1e-6)
    for a, b in zip(plain.parameters(), ours.parameters(), strict=True):
        assert torch.allclose(a, b, atol=1e-6)


def test_another_optimizer_gets_its_momentum() -> None:
    layer = single(1.0)
    optimizer = Optimizer([layer], opt_func=partial(torch.optim.SGD, momentum=0.9), wd=0)
    for _ in range(2):  # with momentum .5 the second step is 1.5 times the first
        optimizer.set([0.1], 0.5)
        layer(torch.ones(1, 1)).sum().backward()
        optimizer.step()
        optimizer.zero_grad()
    assert layer.weight.item() == pytest.approx(1 - 0.1 - 0.15)


def test_parameters_keep_names_shapes_and_layouts() -> None:
    conv = nn.Conv2d(3, 4, 3).to(memory_format=torch.channels_last)
    before = {name: value.clone() for name, value in conv.state_dict().items()}
    Optimizer([conv])
    after = conv.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert conv.weight.is_contiguous(memory_format=torch.channels_last)


def test_parameters_that_are_no_block_of_memory() -> None:
    layer = nn.Linear(2, 3)
    layer.weight = nn.Parameter(torch.arange(12.0).reshape(3, 4)[:, ::2])
    Optimizer([layer])
    assert layer.weight.tolist() == [[0, 2], [4, 6], [8, 10]]


def test_a_parameter_in_two_groups_is_trained_once() -> None:
    layer = single(1.0)
    optimizer = Optimizer([layer, nn.Sequential(layer)], opt_func=SGD, wd=0)
    optimizer.set([0.1, 100.0], 0.0)
    layer(torch.ones(1, 1)).sum().backward()
    optimizer.step()
    assert layer.weight.item() == pytest.approx(0.9)


def test_gradients_are_let_go_of() -> None:
    layer = single(1.0)
    optimizer = Optimizer([layer])
    optimizer.release()
    assert layer.weight.grad is None


def test_freezing_leaves_norm_layers_trainable() -> None:
    model = model_of(0)
    groups = [model[0], model[2][0], model[2][1]]
    freeze(groups, -1)
    trained = {name for name, p in model.named_parameters() if p.requires_grad}
    assert trained == {"0.1.weight", "0.1.bias", "2.1.weight", "2.1.bias"}
    freeze(groups, 1)
    assert not model[0][0].weight.requires_grad
    assert model[2][0].weight.requires_grad
    freeze(groups, 0)
    assert all(p.requires_grad for p in model.parameters())


@pytest.mark.parametrize("n", [2, -3])
def test_freezing_to_a_group_that_is_not_there(n: int) -> None:
    with pytest.raises(TrainingError, match="2 layer groups"):
        freeze([nn.Linear(1, 1), nn.Linear(1, 1)], n)


def test_frozen_parameters_stay_and_the_others_move() -> None:
    model = model_of(0)
    groups = [model[0], model[2]]
    freeze(groups, -1)
    frozen, free = model[0][0].weight.detach().clone(), model[2][0].weight.detach().clone()
    optimizer = Optimizer(groups, wd=0.1)
    optimizer.set([1e-2, 1e-2], 0.9)
    losses(model, optimizer.step, optimizer.zero_grad, n=2)
    assert torch.equal(model[0][0].weight, frozen)
    assert not torch.equal(model[2][0].weight, free)


def test_nothing_to_train() -> None:
    layer = nn.Linear(1, 1).requires_grad_(False)
    with pytest.raises(TrainingError, match="unfreeze"):
        Optimizer([layer])


def test_a_state_of_other_parameters() -> None:
    a, b = Optimizer([single(1.0)]), Optimizer([nn.Linear(2, 2)])
    for optimizer in (a, b):
        optimizer.set([0.1], 0.9)
        optimizer.step()
    with pytest.raises(TrainingError, match="other parameters"):
        a.restore(b.state())
    state: dict[str, Tensor] = {"7.exp_avg": torch.zeros(1)}
    with pytest.raises(TrainingError, match="other parameters"):
        a.restore(state)
