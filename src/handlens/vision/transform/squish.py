"""Squish."""

from __future__ import annotations

from handlens.vision.transform.base import Transform
from handlens.vision.transform.parameters import Range, parameter_range, position_ranges
from handlens.vision.transform.plan import Plan


def squish(scale: Range = (0.9, 1.1), *, row_pct: Range = 0.5, col_pct: Range = 0.5, p: float = 1.0) -> Transform:
    """Stretch pictures in one direction: horizontally by 1/`scale` if it is below 1, otherwise vertically by `scale`.

    Args:
        scale: above 0, or a range (low, high) that it is drawn from; 1 changes nothing.
        row_pct, col_pct: which part is then in the frame: 0 the top or left, 0.5 the middle, 1 the bottom or right;
            each a number or a range.
        p: the probability that a picture is changed.

    Raises:
        DataError: an argument is out of range.

    Example:
        >>> squish((0.8, 1.25))
        squish(scale=(0.8, 1.25), row_pct=0.5, col_pct=0.5, p=1)
    """
    parameters = {
        "scale": parameter_range("scale", scale, least=0, open_ends=True),
        **position_ranges(row_pct, col_pct),
    }
    return Transform("squish", _act, parameters, p)


def _act(plan: Plan, scale: float, row_pct: float, col_pct: float) -> None:
    across, down = min(scale, 1.0), min(1 / scale, 1.0)
    x, y = (1 - across) * (2 * col_pct - 1), (1 - down) * (2 * row_pct - 1)
    plan.move(((across, 0.0, x), (0.0, down, y), (0.0, 0.0, 1.0)))
