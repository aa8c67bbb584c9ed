"""The head: its layers in the lesson's order, its pooling by hand."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from handlens.errors import TrainingError
from handlens.vision.head import AdaptiveConcatPool2d, create_head


def test_pooling_by_hand() -> None:
    x = torch.tensor([[[[1.0, 2], [3, 6]], [[-1.0, -1], [-1, -5]]]])
    assert AdaptiveConcatPool2d()(x).tolist() == [[[[6]], [[-1]], [[3]], [[-2]]]]


def test_the_layers() -> None:
    head = create_head(512, 37, bn_final=True)
    assert [type(layer).__name__ for layer in head] == [
        *("AdaptiveConcatPool2d", "Flatten", "BatchNorm1d", "Dropout", "Linear", "ReLU"),
        *("BatchNorm1d", "Dropout", "Linear", "BatchNorm1d"),
    ]
    assert [layer.p for layer in head if isinstance(layer, nn.Dropout)] == [0.25, 0.5]
    linear = [layer for layer in head if isinstance(layer, nn.Linear)]
    assert [(layer.in_features, layer.out_features) for layer in linear] == [(1024, 512), (512, 37)]
    assert len(create_head(512, 37)) == 9


def test_two_probabilities_are_used_as_they_are() -> None:
    assert [layer.p for layer in create_head(8, 2, ps=[0.1, 0.3]) if isinstance(layer, nn.Dropout)] == [0.1, 0.3]


def test_the_first_weights_are_as_he_et_al_have_them() -> None:
    torch.manual_seed(0)
    head = create_head(512, 10)
    assert head[4].weight.std().item() == pytest.approx((2 / 1024) ** 0.5, rel=0.02)
    assert not head[4].bias.any()


def test_a_linear_head() -> None:
    head = create_head(8, 3, hidden=0, ps=0.2, bn_final=True)
    assert [type(layer).__name__ for layer in head] == [
        *("AdaptiveConcatPool2d", "Flatten", "BatchNorm1d", "Dropout", "Linear", "BatchNorm1d")
    ]
    assert head[3].p == 0.2
    assert (head[4].in_features, head[4].out_features) == (16, 3)
    assert create_head(8, 3, hidden=0, ps=[0.1])[3].p == 0.1


@pytest.mark.parametrize("hidden", [-1, 1.5, True, "512"])
def test_widths_that_are_none(hidden: object) -> None:
    with pytest.raises(TrainingError, match="hidden must be a whole number"):
        create_head(8, 2, hidden=hidden)  # type: ignore[arg-type]


@pytest.mark.parametrize("ps", [1.0, -0.1, [0.1], [0.1, 0.2, 0.3]])
def test_probabilities_that_are_none(ps: float | list[float]) -> None:
    with pytest.raises(TrainingError, match="ps must"):
        create_head(8, 2, ps=ps)
