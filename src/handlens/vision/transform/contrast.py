"""Contrast."""

from __future__ import annotations

from handlens.vision.transform.base import Transform
from handlens.vision.transform.parameters import Range, parameter_range
from handlens.vision.transform.plan import Plan


def contrast(scale: Range = (0.8, 1.25), *, p: float = 1.0) -> Transform:
    """Increase (`scale` above 1) or decrease the contrast around medium grey: scale · logit(pixel).

    Args:
        scale: the factor, above 0, or a range (low, high); as likely between 1/2 and 1 as between 1 and 2.
        p: the probability that a picture is changed.

    Raises:
        DataError: `scale` or `p` is out of range.

    Example:
        >>> contrast(1.5)
        contrast(scale=1.5, p=1)
    """
    numbers = parameter_range("scale", scale, least=0, open_ends=True, distribution="log-uniform")
    return Transform("contrast", _act, {"scale": numbers}, p)


def _act(plan: Plan, scale: float) -> None:
    plan.light(scale, 0.0)
