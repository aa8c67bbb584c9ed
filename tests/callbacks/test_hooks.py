"""Hooks: what they store, and that they are gone afterwards."""

from __future__ import annotations

from collections import namedtuple
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from handlens.callbacks import hooks
from handlens.callbacks.hooks import hook_output, hook_outputs
from handlens.errors import LayerError


def linear(weight: list[list[float]]) -> nn.Linear:
    layer = nn.Linear(len(weight[0]), len(weight), bias=False)
    layer.weight.data = torch.tensor(weight)
    return layer


def hooked(model: nn.Module) -> bool:
    return any(module._forward_hooks or module._backward_hooks for module in model.modules())


def test_the_output_and_its_gradient() -> None:
    # x = (1, 2) → first: (1·1 + 2·2, −1·2) = (5, −2) → ReLU: (5, 0) → second: 3·5 + 4·0 = 15
    model = nn.Sequential(linear([[1.0, 2], [0, -1]]), nn.ReLU(), linear([[3.0, 4]]))
    x = torch.tensor([[1.0, 2]])
    with hook_output(model[0]) as hook_a, hook_output(model[0], grad=True) as hook_g:
        model(x)[0, 0].backward()
    assert hook_a.stored.tolist() == [[5, -2]]
    assert not hook_a.stored.requires_grad
    # The gradient of 3·relu(a) + 4·relu(b) at (5, −2) is (3, 0).
    assert isinstance(hook_g.stored, tuple)
    assert hook_g.stored[0].tolist() == [[3, 0]]
    assert hook_g.stored[0][0].tolist() == [3, 0]
    assert not hooked(model)


def test_in_place_relu_after_the_module() -> None:
    plain = nn.Sequential(linear([[1.0, 2], [0, -1]]), nn.ReLU(), linear([[3.0, 4]]))
    in_place = nn.Sequential(plain[0], nn.ReLU(inplace=True), plain[2])
    x = torch.tensor([[1.0, 2]])
    with hook_output(in_place[0]) as hook_a, hook_output(in_place[0], grad=True) as hook_g:
        in_place(x).sum().backward()
    assert hook_a.stored.tolist() == [[5, -2]]  # and not what the ReLU made of it
    assert hook_g.stored[0].tolist() == [[3, 0]]


def test_the_gradient_is_that_of_a_full_backward_hook() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 2))
    x = torch.randn(5, 3, 8, 8)
    theirs = []
    handle = model[1].register_full_backward_hook(lambda _m, _i, gradients: theirs.append(gradients))
    with hook_output(model[1], grad=True) as hook:
        model(x).square().sum().backward()
    handle.remove()
    torch.testing.assert_close(hook.stored[0], theirs[0][0])


def test_frozen_modules_have_gradients_too() -> None:
    model = nn.Sequential(linear([[1.0, 2], [0, -1]]), nn.ReLU(inplace=True), linear([[3.0, 4]]))
    for parameter in model[0].parameters():
        parameter.requires_grad_(False)
    with hook_output(model[0], grad=True) as hook:
        model(torch.tensor([[1.0, 2]])).sum().backward()
    assert hook.stored[0].tolist() == [[3, 0]]
    assert model[0].weight.grad is None
    assert not model[0].weight.requires_grad
    assert model[2].weight.grad.tolist() == [[5, 0]]


def test_a_module_that_never_ran() -> None:
    unused = nn.ReLU()
    with hook_output(unused) as hook, hook_output(unused, grad=True) as hook_g:
        nn.Identity()(torch.zeros(1))
    with pytest.raises(LayerError, match="the ReLU did not run while it was hooked"):
        _ = hook.stored
    with pytest.raises(LayerError, match="the ReLU did not run while it was hooked"):
        _ = hook_g.stored


@pytest.mark.parametrize("grad_mode", [torch.no_grad, torch.inference_mode, torch.enable_grad])
def test_no_gradient_came(grad_mode: Any) -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.ReLU(inplace=True))
    with hook_output(model[0]) as hook_a, hook_output(model[0], grad=True) as hook, grad_mode():
        model(torch.zeros(1, 2))
    assert hook_a.stored.shape == (1, 2)
    with pytest.raises(LayerError, match=r"no gradient came back to the Linear.*backward\(\)"):
        _ = hook.stored


def test_hooks_are_gone_after_an_error() -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.Linear(2, 1))
    with pytest.raises(RuntimeError), hook_output(model[0]) as hook, hook_outputs(model, grad=True):
        model(torch.zeros(1, 2))
    assert not hooked(model)
    assert hook.stored.shape == (1, 3)  # it ran before the error


def test_several_modules() -> None:
    model = nn.Sequential(linear([[2.0]]), linear([[3.0]]), linear([[5.0]]))
    with hook_outputs(model) as outputs, hook_outputs(model, grad=True) as gradients:
        model(torch.ones(1, 1)).backward()
    assert [stored.item() for stored in outputs.stored] == [2, 6, 30]
    assert [stored[0].item() for stored in gradients.stored] == [15, 5, 1]
    assert len(outputs) == 3
    assert [hook.module for hook in outputs] == list(model)
    assert outputs[1].stored.item() == 6
    assert not hooked(model)


def test_what_is_no_module_is_refused_and_leaves_nothing_hooked() -> None:
    layer = nn.ReLU()
    with pytest.raises(LayerError, match=r"a module of a model.*str arrived"):
        hook_outputs([layer, "layer4"])  # type: ignore[list-item]
    assert not hooked(layer)


def test_the_latest_run_counts() -> None:
    layer = linear([[2.0]])
    with hook_output(layer) as hook, hook_output(layer, grad=True) as hook_g:
        first, second = layer(torch.ones(1, 1)), layer(torch.full((1, 1), 3.0))
        (5 * first + 7 * second).backward()
        assert hook.stored.item() == 6
        assert hook_g.stored[0].item() == 7
        layer(torch.ones(1, 1))
        with pytest.raises(LayerError, match="no gradient"):
            _ = hook_g.stored


Pair = namedtuple("Pair", "left right")


class Several(nn.Module):
    """Puts out its input in some structure."""

    def __init__(self, make: Any) -> None:
        super().__init__()
        self.make = make

    def forward(self, x: Tensor) -> Any:
        return self.make(2 * x, x.argmax())


@pytest.mark.parametrize(
    ("make", "first"),
    [
        (lambda a, b: (a, b), lambda out: out[0]),
        (lambda a, b: [a, b], lambda out: out[0]),
        (Pair, lambda out: out.left),
        (lambda a, b: {"a": a, "b": b, "why": "text"}, lambda out: out["a"]),
    ],
)
def test_outputs_of_several_tensors(make: Any, first: Any) -> None:
    module, x = Several(make), torch.ones(2, requires_grad=True)
    with hook_output(module) as hook, hook_output(module, grad=True) as hook_g:
        out = module(x)
        first(out).sum().backward()
    assert type(hook.stored) is type(out)
    assert first(hook.stored).tolist() == [2, 2]
    assert hook_g.stored[0].tolist() == [1, 1]
    assert hook_g.stored[1] is None  # an index has no gradient


def test_importing_all_brings_the_hooks_alone() -> None:
    namespace: dict[str, Any] = {}
    exec("from handlens.callbacks.hooks import *", namespace)
    assert set(namespace) - {"__builtins__"} == set(hooks.__all__) == {"Hook", "Hooks", "hook_output", "hook_outputs"}


def test_the_lesson_s_cell() -> None:
    torch.manual_seed(0)
    body = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2), nn.BatchNorm2d(8), nn.ReLU(inplace=True))
    m = nn.Sequential(body, nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 3))).eval()
    xb = torch.randn(1, 3, 9, 9)
    with hook_output(m[0]) as hook_a, hook_output(m[0], grad=True) as hook_g:
        preds = m(xb)
        preds[0, 1].backward()
    acts = hook_a.stored[0].cpu()
    grad = hook_g.stored[0][0].cpu()
    assert acts.shape == grad.shape == (8, 4, 4)
    # Behind an average and a linear layer each place has the gradient w / 16.
    torch.testing.assert_close(grad, m[1][2].weight[1].detach()[:, None, None].expand(8, 4, 4) / 16)
