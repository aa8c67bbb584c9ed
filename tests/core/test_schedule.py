"""Rates and momenta as arrays, worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from handlens.core.schedule import (
    constant,
    cosine,
    exponential,
    group_rates,
    one_cycle,
    smooth,
    suggest_rate,
)
from handlens.errors import TrainingError


def test_cosine_by_hand() -> None:
    assert cosine(1.0, 3.0, np.array([0, 0.5, 1])) == pytest.approx([1, 2, 3])
    # a third of the way: 3 − 2/2 · (1 + cos 60°) = 1.5
    assert cosine(1.0, 3.0, np.array([1 / 3])) == pytest.approx([1.5])


def test_one_cycle_by_hand() -> None:
    # Ten steps of which 40 % rise from 1/25 to 1: shares 0, ¼, ½, ¾ of half a cosine, (1 + cos) / 2 = .8536, .5, .1464.
    schedule = one_cycle(10, np.array([1.0]), pct_start=0.4)
    up = [0.04, 1 - 0.96 * 0.853553, 0.52, 1 - 0.96 * 0.146447]
    # Six steps fall from 1 towards 4e-6: shares 0, 1/6, …, 5/6.
    cosines = [1, 0.933013, 0.75, 0.5, 0.25, 0.066987]
    assert schedule.rates[:, 0] == pytest.approx(up + [4e-6 + (1 - 4e-6) * c for c in cosines], abs=1e-6)
    assert schedule.momenta[:4] == pytest.approx([0.95, 0.85 + 0.1 * 0.853553, 0.9, 0.85 + 0.1 * 0.146447], abs=1e-6)
    assert schedule.momenta[4:] == pytest.approx([0.95 - 0.1 * c for c in cosines], abs=1e-6)
    assert len(schedule) == 10


def test_one_cycle_of_layer_groups_keeps_their_proportions() -> None:
    rates = one_cycle(7, np.array([1e-3, 1e-2])).rates
    assert rates.shape == (7, 2)
    assert rates[:, 1] / rates[:, 0] == pytest.approx(np.full(7, 10))


@pytest.mark.parametrize(
    ("steps", "pct_start", "expected"),
    [
        (1, 0.3, [0.04]),  # the course's first step always has the lowest rate
        (2, 0.3, [0.04, 1]),
        (3, 0.3, [0.04, 1, 0.5 + 2e-6]),
        (3, 0.0, [0.04, 1, 0.5 + 2e-6]),
        (2, 1.0, [0.04, 0.52]),  # all of it rises, and would reach the maximum in the next step
        (4, 0.5, [0.04, 0.52, 1, 0.5 + 2e-6]),
    ],
)
def test_short_cycles_begin_low(steps: int, pct_start: float, expected: list[float]) -> None:
    assert one_cycle(steps, np.array([1.0]), pct_start=pct_start).rates[:, 0] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("options", [{"pct_start": 1.1}, {"pct_start": -0.1}, {"div_factor": 0.5}])
def test_one_cycle_refuses_what_makes_no_cycle(options: dict[str, float]) -> None:
    with pytest.raises(TrainingError, match="must be"):
        one_cycle(10, np.array([1.0]), **options)


@pytest.mark.parametrize(
    ("lr", "expected"),
    [
        (0.1, [0.1, 0.1, 0.1]),
        (slice(1e-2), [1e-3, 1e-3, 1e-2]),
        (slice(1e-6, 1e-2), [1e-6, 1e-4, 1e-2]),
        ([1, 2, 3], [1, 2, 3]),
    ],
)
def test_rates_of_three_layer_groups(lr: object, expected: list[float]) -> None:
    assert group_rates(lr, 3) == pytest.approx(expected)


def test_one_layer_group_gets_the_last_rate_of_a_slice() -> None:
    assert group_rates(slice(1e-6, 1e-2), 1) == pytest.approx([1e-2])
    assert group_rates(slice(1e-2), 1) == pytest.approx([1e-2])


@pytest.mark.parametrize("lr", [0, -1e-3, float("nan"), float("inf"), slice(0, 1e-2), slice(None), slice(1, 2, 3)])
def test_rates_that_cannot_be(lr: object) -> None:
    with pytest.raises(TrainingError, match="rates"):
        group_rates(lr, 2)


def test_a_list_of_rates_for_other_groups() -> None:
    with pytest.raises(TrainingError, match="3 layer groups; 2 learning rates"):
        group_rates([1e-3, 1e-2], 3)


def test_constant_and_exponential() -> None:
    assert constant(3, np.array([0.1, 0.2])).rates.tolist() == [[0.1, 0.2]] * 3
    assert exponential(5, np.array([1e-4]), np.array([1.0])).rates[:, 0] == pytest.approx([1e-4, 1e-3, 1e-2, 1e-1, 1])


def test_smoothing_by_hand() -> None:
    # β = .5: averages .5, 1.25, over 1 − β^t: .5 / .5, 1.25 / .75
    assert smooth(np.array([1.0, 2.0]), 0.5) == pytest.approx([1, 1.25 / 0.75])
    assert smooth(np.full(5, 3.0)) == pytest.approx(np.full(5, 3))


def test_the_suggestion_is_where_the_loss_falls_fastest() -> None:
    rates = np.geomspace(1e-6, 1, 121)
    # flat, then a fall that is steepest at 1e-3, then the loss explodes
    losses = 1 / (1 + (rates / 1e-3) ** 2) + np.where(rates > 5e-3, (rates / 5e-3) ** 2, 0)
    assert suggest_rate(rates, losses) == pytest.approx(1e-3, rel=0.3)


def test_t19_the_suggestion_is_at_least_a_tenth_of_the_rate_of_the_lowest_loss() -> None:
    rates = np.geomspace(1e-6, 1, 121)
    # a fall that is steepest at 1e-5, as that of random weights, and the lowest loss in the 21 steps around 1e-2
    losses = np.where(abs(np.arange(121) - 80) <= 10, 0.1, 0.3 + 1 / (1 + (rates / 1e-5) ** 2))
    assert suggest_rate(rates, losses) == pytest.approx(1e-3)


def test_the_suggestion_is_not_led_astray_by_the_first_losses() -> None:
    rates = np.geomspace(1e-6, 1, 121)
    losses = 1 / (1 + (rates / 1e-3) ** 2) + np.where(rates > 5e-3, (rates / 5e-3) ** 2, 0)
    losses[:5] += [3, 1, 0.5, 0.2, 0.1]
    assert suggest_rate(rates, losses) == pytest.approx(1e-3, rel=0.3)


def test_no_suggestion_where_the_loss_only_rises() -> None:
    with pytest.raises(TrainingError, match="the loss never falls"):
        suggest_rate(np.geomspace(1e-6, 1, 50), np.arange(50.0))
