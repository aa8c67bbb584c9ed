"""Transform: its name, its parameters, its probability, and what it adds to a picture's plan."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from numbers import Real
from typing import Any

from handlens.errors import DataError
from handlens.vision.transform.parameters import ParameterRange
from handlens.vision.transform.plan import Plan


@dataclass(frozen=True)
class Transform:
    """One transform with the ranges of its parameters, such as `rotate((-10, 10), p=0.75)` makes it.

    Attributes:
        name: the name of the function that makes it.
        act: adds the transform to a plan: `act(plan, **numbers)`.
        parameters: the range of each parameter, by name.
        p: the probability that it is applied, 0 to 1.

    Raises:
        DataError: `p` is not a probability.

    Example:
        >>> from handlens.vision.transform import rotate
        >>> rotate((-10, 10), p=0.75)
        rotate(degrees=(-10, 10), p=0.75)
    """

    name: str
    act: Callable[..., None]
    parameters: Mapping[str, ParameterRange] = field(default_factory=dict)
    p: float = 1.0

    def __post_init__(self) -> None:
        if not (isinstance(self.p, Real) and 0 <= self.p <= 1):
            raise DataError(f"p of {self.name} must be a probability from 0 to 1; {self.p!r} arrived.")

    @cached_property
    def draws(self) -> int:
        """How many random numbers each picture needs, the same whether the transform is applied or not."""
        return 1 + sum(values.count for values in self.parameters.values())

    def apply(self, plan: Plan, uniform: Sequence[float]) -> None:
        """Add the transform to a plan, or leave the plan as it is, as the random numbers say.

        Args:
            plan: what is done to a picture so far; it is changed.
            uniform: `draws` random numbers, uniform in [0, 1): the first decides whether the transform is applied, the
                others give the parameters.
        """
        if uniform[0] >= self.p:
            return
        numbers: dict[str, Any] = {}
        at = 1
        for name, values in self.parameters.items():
            numbers[name] = values.at(uniform[at : at + values.count])
            at += values.count
        self.act(plan, **numbers)

    def __repr__(self) -> str:
        ranges = [
            f"{name}={s.low:g}" if s.low == s.high else f"{name}=({s.low:g}, {s.high:g})"
            for name, s in self.parameters.items()
            if name != "seed"
        ]
        return f"{self.name}({', '.join([*ranges, f'p={self.p:g}'])})"


SEED = ParameterRange(0, 2**31 - 1, distribution="integers")
"""The seed of transforms that draw a number for each pixel."""


def logit(share: float) -> float:
    """The logit of a share: what must be added to the logit of medium grey, 0, to get this share."""
    return math.log(share / (1 - share))
