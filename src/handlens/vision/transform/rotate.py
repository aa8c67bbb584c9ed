"""Rotation."""

from __future__ import annotations

import math

import numpy as np

from handlens.vision.transform.base import Transform
from handlens.vision.transform.parameters import Range, parameter_range
from handlens.vision.transform.plan import Plan


def rotate(degrees: Range = (-10.0, 10.0), *, p: float = 1.0) -> Transform:
    """Turn pictures about their centre; positive degrees turn counter-clockwise, as seen."""
    return Transform("rotate", _act, {"degrees": parameter_range("degrees", degrees)}, p)


def _act(plan: Plan, degrees: float) -> None:
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    height, width = plan.frame  # of unlike sides a unit of x and one of y are not equally long
    plan.move(np.array([[cos, -sin * height / width, 0.0], [sin * width / height, cos, 0.0], [0.0, 0.0, 1.0]]))
