"""A random order of any number of things that is computed where it is asked for, and never held."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_ROUNDS = 6


class RandomOrder:
    """A random order of the numbers below n: which number comes at each place.

    It takes memory only for the places that are asked for, so that a sample of ten million rows grows from its first
    to its last. It is a Feistel network of six rounds, walked along its cycles until it is below n.

    Args:
        n: how many numbers.
        seed: another seed gives another order.

    Source: J. Black and P. Rogaway, "Ciphers with arbitrary finite domains", CT-RSA 2002.

    Example:
        >>> order = RandomOrder(5, seed=0)
        >>> sorted(order(0, 5).tolist())
        [0, 1, 2, 3, 4]
    """

    def __init__(self, n: int, *, seed: int) -> None:
        self.n = n
        self._half = np.uint64((max(2, (n - 1).bit_length()) + 1) // 2)
        self._mask = np.uint64((1 << int(self._half)) - 1)
        self._keys = np.random.default_rng(seed).integers(0, 2**63, _ROUNDS, np.uint64)

    def __call__(self, start: int, stop: int) -> NDArray[np.int64]:
        """The numbers at the places from start up to, but not with, stop; places outside 0–n are left out."""
        found = np.arange(max(0, start), max(0, min(stop, self.n)), dtype=np.uint64)
        waiting = np.arange(len(found))
        while len(waiting):
            found[waiting] = self._mixed(found[waiting])
            waiting = waiting[found[waiting] >= self.n]
        return found.astype(np.int64)

    def _mixed(self, values: NDArray[np.uint64]) -> NDArray[np.uint64]:
        left, right = values >> self._half, values & self._mask
        for key in self._keys:
            left, right = right, left ^ (scattered(right ^ key) & self._mask)
        return (left << self._half) | right


def scattered(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Each number scattered over 64 bits, uint64 (the finaliser of SplitMix64: Steele, Lea & Flood, OOPSLA 2014)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
