"""Dropout: outputs computed by hand, the share and the places of the zeros."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from handlens.core.dropout import Dropout, bernoulli_positions


@pytest.mark.parametrize("p", [0.001, 0.04, 0.5, 0.9])
def test_numbers_are_zero_or_divided_by_one_minus_p(p: float) -> None:
    torch.manual_seed(0)
    x = torch.full((400, 500), 3.0, requires_grad=True)
    y = Dropout(p)(x)
    kept = y != 0
    assert torch.equal(y[kept], torch.full_like(y[kept], 3 / (1 - p))) or torch.allclose(y[kept], y[kept][0])
    assert float(y[kept][0].detach()) == pytest.approx(3 / (1 - p), rel=1e-6)
    # 200,000 trials: six standard deviations
    assert float((~kept).double().mean()) == pytest.approx(p, abs=6 * (p * (1 - p) / 200_000) ** 0.5)
    y.sum().backward()
    assert x.grad is not None
    assert torch.allclose(x.grad, kept.float() / (1 - p))


def test_outside_of_training_and_at_the_ends() -> None:
    x = torch.ones(3, 3)
    assert torch.equal(Dropout(0.5).eval()(x), x)
    assert torch.equal(Dropout(0.0)(x), x)
    assert torch.equal(Dropout(1.0)(x), torch.zeros(3, 3))


def test_what_does_not_lie_in_one_piece() -> None:
    torch.manual_seed(0)
    x = torch.ones(60, 40).T
    y = Dropout(0.5)(x)
    assert y.shape == (40, 60)
    assert set(y.unique().tolist()) == {0.0, 2.0}


def test_it_is_printed_as_dropout() -> None:
    assert repr(Dropout(0.04)) == repr(nn.Dropout(0.04))


@pytest.mark.parametrize(("n", "p"), [(1, 0.5), (10, 0.999), (1000, 1e-9), (50, 0.3)])
def test_places_are_distinct_ascending_and_in_range(n: int, p: float) -> None:
    torch.manual_seed(0)
    for _ in range(20):
        places = bernoulli_positions(n, p).tolist()
        assert places == sorted(set(places))
        assert all(0 <= place < n for place in places)


def test_every_place_is_as_likely() -> None:
    torch.manual_seed(0)
    counts = torch.zeros(20)
    for _ in range(4000):
        counts[bernoulli_positions(20, 0.3)] += 1
    # 4,000 trials a place: a standard deviation of .0072
    assert (counts / 4000).tolist() == pytest.approx([0.3] * 20, abs=0.036)


def test_more_places_are_drawn_where_the_first_draw_falls_short(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = []

    def short(self: torch.Tensor, p: float) -> torch.Tensor:
        drawn.append(p)
        return self.fill_(1)  # gaps of one: as many places as were drawn

    monkeypatch.setattr(torch.Tensor, "geometric_", short)
    assert bernoulli_positions(100, 0.01).tolist() == list(range(100))
    assert len(drawn) > 1


def test_the_running_mean_of_batch_norm_by_hand() -> None:
    norm = nn.BatchNorm1d(1, momentum=0.1)
    norm(torch.tensor([[1.0], [3.0]]))
    norm(torch.tensor([[5.0], [7.0]]))
    # means 2 and 6: 0 → .2 → .9 · .2 + .1 · 6 ; unbiased variances 2 and 2: 1 → 1.1 → 1.19
    assert float(norm.running_mean[0]) == pytest.approx(0.78)
    assert float(norm.running_var[0]) == pytest.approx(1.19)
