"""A transform: what it is called, the numbers it draws, how likely it is, and what it adds to a picture's plan."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from handlens.errors import DataError
from handlens.vision.transform.parameters import ParameterRange
from handlens.vision.transform.plan import Plan


@dataclass(frozen=True)
class Transform:
    """One transform with its ranges, such as `rotate((-10, 10), p=0.75)` makes it.

    Attributes:
        name: of the function that makes it.
        act: adds to a plan what the transform does: `act(plan, **numbers)`.
        parameters: where its numbers come from, by name.
        p: how likely it is to be done, 0 to 1.
    """

    name: str
    act: Callable[..., None]
    parameters: Mapping[str, ParameterRange] = field(default_factory=dict)
    p: float = 1.0

    def __post_init__(self) -> None:
        if not (isinstance(self.p, (int, float)) and 0 <= self.p <= 1):
            raise DataError(f"p of {self.name} must be a probability from 0 to 1; {self.p!r} arrived.")

    @cached_property
    def draws(self) -> int:
        """How many random numbers a picture takes, the same whether the transform is then done or not."""
        return 1 + sum(span.count for span in self.parameters.values())

    def apply(self, plan: Plan, chances: Sequence[float]) -> None:
        """Add to the plan what the transform does with these `draws` even chances in [0, 1)."""
        if chances[0] >= self.p:
            return
        numbers: dict[str, Any] = {}
        at = 1
        for name, span in self.parameters.items():
            numbers[name] = span.at(chances[at : at + span.count])
            at += span.count
        self.act(plan, **numbers)

    def __repr__(self) -> str:
        ranges = [
            f"{name}={s.low:g}" if s.low == s.high else f"{name}=({s.low:g}, {s.high:g})"
            for name, s in self.parameters.items()
            if name != "seed"
        ]
        return f"{self.name}({', '.join([*ranges, f'p={self.p:g}'])})"


SEED = ParameterRange(0, 2**31 - 1, distribution="integers")
"""For transforms that draw a number for each pixel: the seed of these."""


def logit(share: float) -> float:
    """How much light must be added to medium grey to make it `share`."""
    return math.log(share / (1 - share))
