"""Cutout."""

from __future__ import annotations

import random

from handlens.vision.transform.base import SEED, Transform
from handlens.vision.transform.parameters import Range, parameter_range
from handlens.vision.transform.plan import Plan


def cutout(n_holes: Range = 1, length: Range = 40, *, p: float = 1.0) -> Transform:
    """Cover pictures with `n_holes` black squares of `length` pixels a side, at random places.

    A square's centre lies in the picture; what lies outside is cut off. It acts on the finished result, after
    lighting, whatever its place in the list; masks, points and boxes stay (DeVries and Taylor 2017,
    https://arxiv.org/abs/1708.04552).
    """
    parameters = {
        "n_holes": parameter_range("n_holes", n_holes, least=0, distribution="integers"),
        "length": parameter_range("length", length, least=1, distribution="integers"),
        "seed": SEED,
    }
    return Transform("cutout", _act, parameters, p)


def _act(plan: Plan, n_holes: float, length: float, seed: float) -> None:
    chance = random.Random(int(seed))
    plan.holes.extend((chance.random(), chance.random(), int(length)) for _ in range(int(n_holes)))
