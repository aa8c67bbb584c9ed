"""Contrast."""

from __future__ import annotations

from handlens.vision.transform.base import Transform
from handlens.vision.transform.parameters import Range, parameter_range
from handlens.vision.transform.plan import Plan


def contrast(scale: Range = (0.8, 1.25), *, p: float = 1.0) -> Transform:
    """Pull dark and light apart (`scale` above 1) or together (below 1), around medium grey: scale · logit(pixel)."""
    numbers = parameter_range("scale", scale, least=0, open_ends=True, distribution="log-uniform")
    return Transform("contrast", _act, {"scale": numbers}, p)


def _act(plan: Plan, scale: float) -> None:
    plan.light(scale, 0.0)
