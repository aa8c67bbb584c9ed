"""TabularModel: the lesson's structure, and what it computes, by hand and beside a plain model."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from handlens.core.optimizer import Optimizer
from handlens.errors import TrainingError
from handlens.tabular.model import TabularModel

SIZES = [(5, 3), (3, 2)]


def test_the_structure_and_the_names_of_the_lesson() -> None:
    model = TabularModel(SIZES, 4, 1, [10, 6], ps=[0.001, 0.01], emb_drop=0.04, y_range=(0, 5))
    assert [(type(m).__name__, getattr(m, "p", None)) for m in model.layers] == [
        ("Linear", None),
        ("ReLU", None),
        ("BatchNorm1d", None),
        ("Dropout", 0.001),
        ("Linear", None),
        ("ReLU", None),
        ("BatchNorm1d", None),
        ("Dropout", 0.01),
        ("Linear", None),
    ]
    shapes = {name: tuple(p.shape) for name, p in model.named_parameters()}
    assert shapes == {
        "embeds.0.weight": (5, 3),
        "embeds.1.weight": (3, 2),
        "bn_cont.weight": (4,),
        "bn_cont.bias": (4,),
        "layers.0.weight": (10, 9),
        "layers.0.bias": (10,),
        "layers.2.weight": (10,),
        "layers.2.bias": (10,),
        "layers.4.weight": (6, 10),
        "layers.4.bias": (6,),
        "layers.6.weight": (6,),
        "layers.6.bias": (6,),
        "layers.8.weight": (1, 6),
        "layers.8.bias": (1,),
    }
    shown = repr(model)
    assert all(part in shown for part in ("(emb_drop): Dropout(p=0.04", "(bn_cont): BatchNorm1d(4", "Embedding(5, 3)"))
    assert shown.splitlines()[1].strip() == "(embeds): ModuleList("
    assert [name for name, _ in model.named_children()] == ["embeds", "emb_drop", "bn_cont", "layers"]


def test_the_output_by_hand() -> None:
    model = TabularModel([(2, 1)], 1, 1, [], y_range=(-1, 3)).eval()
    with torch.no_grad():
        model.embeds[0].weight.copy_(torch.tensor([[1.0], [5]]))  # type: ignore[operator, union-attr]
        model.layers[0].weight.copy_(torch.tensor([[2.0, 10]]))  # type: ignore[operator]
        model.layers[0].bias.fill_(-10.0)  # type: ignore[operator]
    # 2 · 5 + 10 · 0 − 10 = 0, whose sigmoid is ½: the middle of the range
    assert float(model(torch.tensor([[1]]), torch.tensor([[0.0]])).detach()) == pytest.approx(1)


def test_without_batch_norm_the_numbers_arrive_as_they_are() -> None:
    model = TabularModel([(2, 1)], 1, 1, [], bn_cont=False)
    assert model.bn_cont is None
    assert "bn_cont.weight" not in model.state_dict()
    with torch.no_grad():
        model.embeds[0].weight.copy_(torch.tensor([[1.0], [5]]))  # type: ignore[operator, union-attr]
        model.layers[0].weight.copy_(torch.tensor([[2.0, 10]]))  # type: ignore[operator]
        model.layers[0].bias.fill_(-10.0)  # type: ignore[operator]
    codes, numbers = torch.tensor([[1], [0]]), torch.tensor([[3.0], [0.5]])
    for training in (True, False):  # 2 · 5 + 10 · 3 − 10 and 2 · 1 + 10 · ½ − 10
        assert model.train(training)(codes, numbers).tolist() == [[30.0], [-3.0]]
    again = TabularModel(**model.config)
    assert again.bn_cont is None
    assert repr(again) == repr(model)


class Plain(nn.Module):
    """The same network as one writes it at first."""

    def __init__(self) -> None:
        super().__init__()
        self.embeds = nn.ModuleList([nn.Embedding(*size) for size in SIZES])
        self.bn_cont = nn.BatchNorm1d(4)
        self.layers = nn.Sequential(
            *(nn.Linear(9, 10), nn.ReLU(), nn.BatchNorm1d(10), nn.Identity()),
            *(nn.Linear(10, 6), nn.ReLU(), nn.BatchNorm1d(6), nn.Identity(), nn.Linear(6, 1)),
        )

    def forward(self, codes: torch.Tensor, numbers: torch.Tensor) -> torch.Tensor:
        vectors = [table(codes[:, i]) for i, table in enumerate(self.embeds)]
        return torch.sigmoid(self.layers(torch.cat([*vectors, self.bn_cont(numbers)], 1))) * 5


@pytest.mark.parametrize("fused", [True, False])
def test_the_same_losses_as_a_plain_model_and_optimizer(fused: bool) -> None:
    torch.manual_seed(0)
    ours, plain = TabularModel(SIZES, 4, 1, [10, 6], y_range=(0, 5)), Plain()
    plain.load_state_dict(ours.state_dict())
    optimizer = Optimizer([ours], wd=0.2)
    optimizer.set([1e-3], 0.9)
    if fused:
        ours.train()
    reference = torch.optim.AdamW(plain.parameters(), lr=1e-3, betas=(0.9, 0.99), weight_decay=0.2)
    for _ in range(10):
        codes = torch.stack([torch.randint(0, n, (16,)) for n, _ in SIZES], 1)
        numbers, y = torch.randn(16, 4), torch.rand(16) * 5
        expected, loss = (F.mse_loss(model(codes, numbers)[:, 0], y) for model in (plain, ours))
        assert float(loss.detach()) == pytest.approx(float(expected.detach()), abs=1e-6)
        loss.backward()
        expected.backward()
        optimizer.step()
        optimizer.zero_grad()
        reference.step()
        reference.zero_grad()


@pytest.mark.parametrize(("sizes", "n_cont"), [([], 3), (SIZES, 0)])
def test_columns_of_one_kind_alone(sizes: list[tuple[int, int]], n_cont: int) -> None:
    model = TabularModel(sizes, n_cont, 2, [4])
    codes = torch.zeros(6, len(sizes), dtype=torch.int64)
    assert model(codes, torch.randn(6, n_cont)).shape == (6, 2)
    assert "None" not in repr(model)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ps": [0.1]}, "one for each of 2 layers; 1 arrived"),
        ({"ps": 1.5}, "from 0 to 1; 1.5 arrived"),
        ({"emb_drop": -0.1}, "from 0 to 1; -0.1 arrived"),
        ({"y_range": (3, 1)}, r"\[3.0, 1.0\]"),
        ({"y_range": (0, 1, 2)}, "two finite numbers"),
        ({"layers": [10, 0]}, "each of layers must be a whole number, 1 or more; 0 arrived"),
        ({"layers": 100}, r"layers must be a list, such as \[1000, 500\]; 100 arrived"),
        ({"layers": [2.5, 1]}, "2.5 arrived"),
        ({"ps": "no"}, "ps must be a list"),
        ({"ps": 10**400}, "ps must hold numbers that fit a float; 1000"),
        ({"ps": [0.1, None]}, "None arrived"),
        ({"y_range": 5}, r"y_range must be a list, such as \(0, 5\); 5 arrived"),
        ({"y_range": torch.tensor(5)}, "5 arrived"),
        ({"y_range": (0, float("inf"))}, "two finite numbers"),
        ({"y_range": (float("-inf"), 0)}, "two finite numbers"),
        ({"y_range": (0, float("nan"))}, "two finite numbers"),
        ({"y_range": (0, 1e300)}, "two finite numbers"),
        ({"y_range": (0, 10**400)}, "y_range must hold numbers that fit a float; 1000"),
        ({"emb_szs": [], "n_cont": 0}, "at least one column"),
    ],
)
def test_arguments_that_cannot_be(options: dict[str, object], message: str) -> None:
    arguments = {"emb_szs": SIZES, "n_cont": 4, "out_sz": 1, "layers": [10, 6]} | options
    with pytest.raises(TrainingError, match=message):
        TabularModel(**arguments)  # type: ignore[arg-type]


def test_whole_numbers_of_numpy() -> None:
    model = TabularModel(SIZES, 4, 1, np.array([10, 6]))  # type: ignore[arg-type]
    assert model.config["layers"] == [10, 6]
    assert [type(width) for width in model.config["layers"]] == [int, int]


def test_one_probability_serves_all_layers() -> None:
    model = TabularModel(SIZES, 4, 1, [10, 6], ps=0.25, y_range=torch.tensor([0, 9.0]))
    assert model.config["ps"] == [0.25, 0.25]
    assert model.config["y_range"] == [0, 9]
    assert repr(TabularModel(**model.config)) == repr(model)


def test_the_numbers_put_out_are_whole_under_mixed_precision() -> None:
    model = TabularModel([], 2, 1, [], y_range=None)
    with torch.no_grad():
        model.layers[0].weight.copy_(torch.tensor([[1.0, 1.0]]))
        model.layers[0].bias.fill_(1000.0)
    with torch.autocast("cpu", torch.bfloat16):
        out = model.eval()(torch.empty(1, 0, dtype=torch.int64), torch.tensor([[1.5, 0.0]]))
    assert out.dtype == torch.float32
    # bfloat16 has 8 digits in base 2: near 1,000 it knows only every fourth number.
    assert out.item() == pytest.approx(1001.5, abs=1e-2)
