"""A check that is stopped when it suits: how often the interval misses the truth, simulated with fixed seeds."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

import numpy as np

from handlens.studio.estimates import Estimate, estimate_accuracy
from handlens.studio.report import AT_LEAST
from handlens.studio.spot_check import BLOCK

N, DRAWN, RIGHT, DRAWS = 1000, 100, 600, 1000


@cache
def estimate(right: int, n: int) -> Estimate:
    """From n checked photos of N."""
    found = estimate_accuracy([True] * right + [False] * (n - right), [0.6] * n, 0.6, N - n)
    assert found is not None
    return found


def missed(looks: Iterable[int]) -> float:
    """How often the truth is missed if a check is stopped after that of these numbers of answers that looks best."""
    looks = np.array(list(looks))
    times = 0
    for seed in range(DRAWS):
        seen = np.cumsum(np.random.default_rng(seed).permutation(np.arange(N) < RIGHT)[:DRAWN])[looks - 1]
        found = [estimate(int(right), int(n)) for right, n in zip(seen, looks, strict=True)]
        best = int(np.argmax([estimate.value for estimate in found]))
        truth = (RIGHT - seen[best]) / (N - looks[best])
        times += not found[best].low <= truth <= found[best].high
    return times / DRAWS


def test_stopping_at_the_best_looking_block_misses_no_more_than_one_in_twenty():
    assert missed([*range(BLOCK, DRAWN, BLOCK), DRAWN]) <= 0.05


def test_if_each_answer_counted_it_would_miss_twice_as_often():
    assert missed(range(AT_LEAST, DRAWN + 1)) > 0.08
