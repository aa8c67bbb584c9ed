"""The table of a convolutional network's layers."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from handlens.core.summary import LayerSummary, Summary, summarize


def of(model: nn.Module, x: Tensor) -> Summary:
    with torch.inference_mode():
        return summarize(model.eval(), lambda: model(x))


def test_the_lesson_s_network() -> None:
    torchvision = pytest.importorskip("torchvision")
    summary = of(torchvision.models.resnet34(), torch.zeros(1, 3, 352, 352))
    # The lesson prints these with batches of 16.
    assert [(row.kind, row.shape[1:], row.parameters) for row in summary.layers[:7]] == [
        ("Conv2d", [64, 176, 176], 9408),
        ("BatchNorm2d", [64, 176, 176], 128),
        ("ReLU", [64, 176, 176], 0),
        ("MaxPool2d", [64, 88, 88], 0),
        ("Conv2d", [64, 88, 88], 36864),
        ("BatchNorm2d", [64, 88, 88], 128),
        ("ReLU", [64, 88, 88], 0),
    ]
    assert summary.layers[-1] == LayerSummary("fc", "Linear", [1, 1000], 513_000, True)
    assert [row.shape for row in summary.layers if row.name == "layer4.2.bn2"] == [[1, 512, 11, 11]]
    assert summary.total == sum(row.parameters for row in summary.layers) == 21_797_672
    assert "[1, 64, 176, 176]  9,408 " in str(summary)


def test_a_layer_with_parts_and_parameters_of_its_own_comes_before_its_parts() -> None:
    class Norm(nn.BatchNorm2d):
        def __init__(self, n: int) -> None:
            super().__init__(n)
            self.act = nn.ReLU()

        def forward(self, x: Tensor) -> Tensor:
            return self.act(super().forward(x))

    model = nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), Norm(4))
    model[0].requires_grad_(False)
    summary = of(model, torch.zeros(2, 3, 5, 5))
    assert summary.layers == [
        LayerSummary("0", "Conv2d", [2, 4, 3, 3], 108, False),
        LayerSummary("1", "Norm", [2, 4, 3, 3], 8, True),
        LayerSummary("1.act", "ReLU", [2, 4, 3, 3], 0, False),
    ]
    assert (summary.total, summary.trainable) == (116, 8)
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


def test_a_module_used_twice_has_two_rows_and_one_of_several_outputs_its_first() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lstm, self.relu, self.unused = nn.LSTM(2, 3, batch_first=True), nn.ReLU(), nn.Linear(1, 1)

        def forward(self, x: Tensor) -> Tensor:
            return self.relu(self.relu(self.lstm(x)[0])[:, -1])

    rows = of(Net(), torch.zeros(4, 5, 2)).layers
    assert [(row.name, row.shape) for row in rows] == [("lstm", [4, 5, 3]), ("relu", [4, 5, 3]), ("relu", [4, 3])]


def test_nothing_stays_hooked_after_an_error() -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.Linear(2, 1))
    with pytest.raises(RuntimeError):
        of(model, torch.zeros(1, 2))
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
