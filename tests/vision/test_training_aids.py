"""Mixup, label smoothing and unfolded norms, by hand."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from handlens.errors import TrainingError
from handlens.vision import LabelSmoothing, Mixup
from handlens.vision.folded_norms import folded_norms, unfold_norms


def mixed(x: torch.Tensor, y: torch.Tensor, classes: int = 2) -> SimpleNamespace:
    run = SimpleNamespace(inputs=x, targets=y)
    learn: Any = SimpleNamespace(run=run, data=SimpleNamespace(c=classes))
    Mixup(0.4).before_batch(learn)
    return run


def test_pictures_and_labels_are_mixed_in_the_same_shares() -> None:
    torch.manual_seed(0)
    y = torch.arange(8) % 2
    x = y.float().view(-1, 1, 1, 1).expand(-1, 3, 2, 2).contiguous()  # a picture is its own label
    run = mixed(x, y)
    torch.testing.assert_close(run.targets[:, 1], run.inputs[:, 0, 0, 0])
    torch.testing.assert_close(run.targets.sum(1), torch.ones(8))
    assert (run.targets.argmax(1) == y).all(), "each picture stays the larger part"
    assert ((run.targets > 0) & (run.targets < 1)).any()


def test_numbers_and_several_classes_are_mixed_as_they_are() -> None:
    torch.manual_seed(0)
    y = torch.rand(6, 3)
    x = y[:, :, None, None].expand(-1, -1, 2, 2).contiguous()
    run = mixed(x, y)
    torch.testing.assert_close(run.targets, run.inputs[:, :, 0, 0])
    assert not torch.equal(run.targets, y)


def test_the_loss_of_mixed_labels_is_the_mixed_loss() -> None:
    scores, share = torch.tensor([[1.0, 2.0, 0.5]]), 0.3
    loss = LabelSmoothing(0.1)
    both = loss(scores, torch.tensor([[1 - share, 0.0, share]]))
    one, other = loss(scores, torch.tensor([0])), loss(scores, torch.tensor([2]))
    torch.testing.assert_close(both, (1 - share) * one + share * other)


def test_label_smoothing_by_hand() -> None:
    # Two classes with the same score: each has probability ½ whatever the label is.
    assert LabelSmoothing(0.2)(torch.zeros(1, 2), torch.tensor([0])).item() == pytest.approx(math.log(2))
    # Probabilities ¾ and ¼; the label asks for 0.9 and 0.1.
    loss = LabelSmoothing(0.2)(torch.tensor([[math.log(3), 0.0]]), torch.tensor([0])).item()
    assert loss == pytest.approx(-0.9 * math.log(0.75) - 0.1 * math.log(0.25))


def test_options_that_are_none() -> None:
    with pytest.raises(TrainingError, match="alpha must be above 0"):
        Mixup(0)
    with pytest.raises(TrainingError, match="eps must be from 0 to below 1"):
        LabelSmoothing(1)


def test_unfolding_a_norm_by_hand() -> None:
    norm = nn.BatchNorm2d(1, eps=1.0)
    nn.init.constant_(norm.weight, 2.0)
    nn.init.constant_(norm.bias, 1.0)
    # Inputs 0 and 6: mean 3, variance 9. γ' = 2·√(10 / 2), β' = 1 + 2·3 / √2.
    assert unfold_norms(nn.Sequential(norm), [torch.tensor([0.0, 6.0]).view(2, 1, 1, 1)]) == 1
    assert norm.running_mean is not None
    assert norm.running_var is not None
    assert norm.running_mean.item() == pytest.approx(3)
    assert norm.running_var.item() == pytest.approx(9)
    assert norm.weight.item() == pytest.approx(2 * 5**0.5)
    assert norm.bias.item() == pytest.approx(1 + 6 / 2**0.5)


def folded() -> nn.Sequential:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 5, 3), nn.BatchNorm2d(5))
    for norm in folded_norms(net):
        nn.init.normal_(norm.bias)
        norm.running_var.fill_(1 - norm.eps)  # type: ignore[union-attr]
    return net


def test_an_unfolded_network_computes_the_same_and_can_be_trained() -> None:
    net, x = folded(), torch.randn(16, 3, 9, 9) * 3 + 1
    before = net.eval()(x)
    training = net.train()(x)
    assert (training - before).abs().max() > 0.1, "training must change the weights"
    net.load_state_dict(folded().state_dict())
    assert unfold_norms(net, [x[:8], x[8:]]) == 2
    assert net.training, "left in the mode it was in"
    torch.testing.assert_close(net.eval()(x), before, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(net.train()(x), before, atol=1e-3, rtol=1e-3)
    assert not folded_norms(net)
    assert unfold_norms(net, [x]) == 0
