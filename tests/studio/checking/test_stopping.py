"""A check that is stopped when it suits: how often the interval misses the truth, simulated with fixed seeds."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
import pytest

from handlens.studio.estimates import Estimate, estimate_accuracy
from handlens.studio.report import AT_LEAST
from handlens.studio.spot_check import BLOCK

N, RIGHT, DRAWS = 1000, 600, 1000


@cache
def estimate(right: int, n: int) -> Estimate:
    """From n checked photos of N."""
    found = estimate_accuracy([True] * right + [False] * (n - right), [0.6] * n, 0.6, N - n)
    assert found is not None
    return found


def missed(looks: Sequence[int]) -> tuple[float, float]:
    """How often the interval misses the truth beside the highest number after so many answers, and beside any."""
    after = np.array(looks)
    highest = some = 0
    for seed in range(DRAWS):
        seen = np.cumsum(np.random.default_rng(seed).permutation(np.arange(N) < RIGHT))[after - 1]
        found = [estimate(int(right), int(n)) for right, n in zip(seen, after, strict=True)]
        truth = (RIGHT - seen) / (N - after)
        misses = [not of.low <= true <= of.high for of, true in zip(found, truth, strict=True)]
        highest += misses[int(np.argmax([of.value for of in found]))]
        some += any(misses)
    return highest / DRAWS, some / DRAWS


def blocks(drawn: int) -> list[int]:
    """The answers after which a draw of so many photos shows another number."""
    return [*range(BLOCK, drawn, BLOCK), drawn]


@pytest.mark.parametrize("drawn", [30, 100, 200])
def test_stopping_at_the_best_looking_block_misses_no_more_than_one_in_twenty(drawn):
    assert missed(blocks(drawn))[0] <= 0.05


def test_if_each_answer_counted_it_would_miss_twice_as_often():
    assert missed(range(AT_LEAST, 101))[0] > 0.08


def test_of_several_intervals_some_one_misses_more_often():
    """So docs/how-sure.md asks to decide beforehand how many photos to answer."""
    assert 0.1 < missed(blocks(200))[1] < 0.2
