"""Rotation."""

from __future__ import annotations

import math

from handlens.vision.transform.base import Transform
from handlens.vision.transform.parameters import Range, parameter_range
from handlens.vision.transform.plan import Plan


def rotate(degrees: Range = (-10.0, 10.0), *, p: float = 1.0) -> Transform:
    """Rotate pictures about their centre; positive degrees rotate counter-clockwise.

    Args:
        degrees: the angle, or a range (low, high) that it is drawn from.
        p: the probability that a picture is changed.

    Raises:
        DataError: `degrees` is not a finite number or range, or `p` is out of range.

    Example:
        >>> rotate((-10, 10), p=0.75)
        rotate(degrees=(-10, 10), p=0.75)
    """
    return Transform("rotate", _act, {"degrees": parameter_range("degrees", degrees)}, p)


def _act(plan: Plan, degrees: float) -> None:
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    height, width = plan.frame  # if height and width differ, the units of x and y have different lengths
    plan.move(((cos, -sin * height / width, 0.0), (sin * width / height, cos, 0.0), (0.0, 0.0, 1.0)))
