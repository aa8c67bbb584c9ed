"""Zoom."""

from __future__ import annotations

from handlens.vision.transform.base import Transform
from handlens.vision.transform.parameters import Range, parameter_range, position_ranges
from handlens.vision.transform.plan import Plan


def zoom(scale: Range = (1.0, 1.1), *, row_pct: Range = 0.5, col_pct: Range = 0.5, p: float = 1.0) -> Transform:
    """Enlarge (`scale` above 1) or shrink pictures within their frame.

    Args:
        scale: the factor, above 0, or a range (low, high) that it is drawn from.
        row_pct, col_pct: which part is then in the frame: 0 the top or left, 0.5 the middle, 1 the bottom or right;
            each a number or a range.
        p: the probability that a picture is changed.

    Raises:
        DataError: an argument is out of range.

    Example:
        >>> zoom((1, 1.5))
        zoom(scale=(1, 1.5), row_pct=0.5, col_pct=0.5, p=1)
    """
    parameters = {
        "scale": parameter_range("scale", scale, least=0, open_ends=True),
        **position_ranges(row_pct, col_pct),
    }
    return Transform("zoom", _act, parameters, p)


def _act(plan: Plan, scale: float, row_pct: float, col_pct: float) -> None:
    seen = 1 / scale
    x, y = (1 - seen) * (2 * col_pct - 1), (1 - seen) * (2 * row_pct - 1)
    plan.move(((seen, 0.0, x), (0.0, seen, y), (0.0, 0.0, 1.0)))
