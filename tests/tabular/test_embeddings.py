"""Vectors of categorical columns: the lesson's rule, and one lookup that equals one a column."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from handlens.core.optimizer import Optimizer
from handlens.errors import DataError, TableError
from handlens.tabular.embeddings import Embeddings, embedding_sizes

SIZES = [(4, 3), (2, 1), (5, 2)]
CODES = torch.tensor([[3, 1, 0], [0, 0, 4], [3, 1, 4]])


def test_the_lessons_rule_by_hand() -> None:
    levels = {"Store": 1116, "DayOfWeek": 8, "Year": 4, "flag": 3, "constant": 2}
    assert embedding_sizes(levels) == [(1116, 50), (8, 5), (4, 3), (3, 2), (2, 2)]
    assert embedding_sizes(levels, {"Store": 10, "Year": 1})[:3] == [(1116, 10), (8, 5), (4, 1)]


@pytest.mark.parametrize(
    ("emb_szs", "message"), [({"x": 3}, r"\['x'\] are not"), ({"a": 0}, "length of 'a', must be .* 0 arrived")]
)
def test_sizes_that_cannot_be(emb_szs: dict[str, int], message: str) -> None:
    with pytest.raises(TableError, match=message):
        embedding_sizes({"a": 3}, emb_szs)


def one_by_one(embeds: Embeddings, codes: Tensor) -> Tensor:
    return torch.cat([table.weight[codes[:, i]] for i, table in enumerate(embeds)], 1)  # type: ignore[index]


def gradients(embeds: Embeddings, y: Tensor) -> list[Tensor]:
    loss = (y * torch.arange(y.numel()).view_as(y)).sum()
    return list(torch.autograd.grad(loss, list(embeds.parameters())))


def test_the_lookup_and_its_gradient() -> None:
    embeds = Embeddings(SIZES)
    expected = gradients(embeds, one_by_one(embeds, CODES))
    assert torch.equal(embeds(CODES), one_by_one(embeds, CODES))
    assert all(torch.equal(a, b) for a, b in zip(gradients(embeds, embeds(CODES)), expected, strict=True))
    with torch.no_grad():
        assert torch.equal(embeds(CODES), one_by_one(embeds, CODES))


def test_gradients_that_lie_in_one_piece_are_added_to() -> None:
    embeds = Embeddings(SIZES)
    expected = gradients(embeds, one_by_one(embeds, CODES))
    optimizer = Optimizer([embeds])
    for times in (1, 2):
        y = embeds(CODES)
        (y * torch.arange(y.numel()).view_as(y)).sum().backward()
        for parameter, gradient in zip(embeds.parameters(), expected, strict=True):
            assert torch.equal(parameter.grad, gradient * times)  # type: ignore[arg-type]
    optimizer.zero_grad()
    assert all(float(p.grad.abs().sum()) == 0 for p in embeds.parameters())  # type: ignore[union-attr]


@pytest.mark.parametrize("how", ["copied", "replaced", "listened to", "frozen"])
def test_tables_that_were_moved_apart(how: str) -> None:
    embeds = Embeddings(SIZES)
    embeds(CODES)  # it has seen them together
    heard = []
    if how == "copied":
        embeds = copy.deepcopy(embeds)
    elif how == "replaced":
        embeds[1] = nn.Embedding(2, 1)
    elif how == "frozen":
        embeds[1].requires_grad_(False)
    else:
        embeds[1].register_forward_hook(lambda *_: heard.append(1))
    y = embeds(CODES)
    assert torch.equal(y, one_by_one(embeds, CODES))
    y.sum().backward()
    grads = [p.grad for p in embeds.parameters()]
    assert torch.equal(grads[0], torch.tensor([[1.0] * 3, [0] * 3, [0] * 3, [2] * 3]))  # type: ignore[arg-type]
    assert (grads[1] is None) == (how == "frozen")
    assert bool(heard) == (how == "listened to")


@pytest.mark.parametrize("codes", [[[4, 0, 0]], [[0, 2, 0]], [[0, -1, 0]]])
def test_codes_that_no_column_has(codes: list[list[int]]) -> None:
    with pytest.raises(DataError, match=r"\[4, 2, 5\]"):
        Embeddings(SIZES).eval()(torch.tensor(codes))


def test_names_are_those_of_the_lesson() -> None:
    assert list(Embeddings(SIZES).state_dict()) == ["0.weight", "1.weight", "2.weight"]


def test_tables_of_other_lengths_or_kinds_are_looked_up_as_they_are() -> None:
    class Negative(nn.Embedding):
        def forward(self, input: Tensor) -> Tensor:
            return -super().forward(input)

    embeds = Embeddings(SIZES)
    embeds[1] = Negative(2, 1)
    _one = Optimizer([embeds])  # lays them out in one piece again
    assert not embeds.in_one_piece()
    assert torch.equal(embeds(CODES)[:, 3], -embeds[1].weight[CODES[:, 1], 0])  # type: ignore[index]
    embeds[1] = nn.Embedding(2, 4)
    _other = Optimizer([embeds])
    assert not embeds.in_one_piece()
    assert embeds(CODES).shape == (3, 3 + 4 + 2)


def test_they_begin_within_two_deviations_as_in_the_course() -> None:
    torch.manual_seed(0)
    numbers = torch.cat([weight.detach().flatten() for weight in Embeddings([(500, 20), (300, 10)]).parameters()])
    assert float(numbers.abs().max()) <= 0.02
    # A normal distribution cut at two of its deviations has 0.880 of them (√(1 − 4φ(2) / (2Φ(2) − 1))).
    assert float(numbers.std()) == pytest.approx(0.0088, rel=0.03)
