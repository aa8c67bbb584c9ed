"""Cutout."""

from __future__ import annotations

import random

from handlens.vision.transform.base import SEED, Transform
from handlens.vision.transform.parameters import Range, parameter_range
from handlens.vision.transform.plan import Plan


def cutout(n_holes: Range = 1, length: Range = 40, *, p: float = 1.0) -> Transform:
    """Cover pictures with `n_holes` black squares of `length` pixels a side, at random places.

    The centre of a square is in the picture; parts outside are cut off. It acts on the finished result, after lighting,
    whatever its position in the list; masks, points and boxes are not changed (DeVries and Taylor 2017,
    https://arxiv.org/abs/1708.04552).

    Args:
        n_holes: how many squares, a whole number of 0 or more, or a range (low, high), both ends included.
        length: the side of the squares in pixels, a whole number of 1 or more, or a range.
        p: the probability that a picture is changed.

    Raises:
        DataError: an argument is out of range.

    Example:
        >>> cutout((1, 3), length=20)
        cutout(n_holes=(1, 3), length=20, p=1)
    """
    parameters = {
        "n_holes": parameter_range("n_holes", n_holes, least=0, distribution="integers"),
        "length": parameter_range("length", length, least=1, distribution="integers"),
        "seed": SEED,
    }
    return Transform("cutout", _act, parameters, p)


def _act(plan: Plan, n_holes: float, length: float, seed: float) -> None:
    generator = random.Random(int(seed))
    plan.holes.extend((generator.random(), generator.random(), int(length)) for _ in range(int(n_holes)))
