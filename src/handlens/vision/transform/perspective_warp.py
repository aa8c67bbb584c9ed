"""Perspective, each corner by itself."""

from __future__ import annotations

from handlens.vision.transform.base import Transform
from handlens.vision.transform.homography import inverse_map_of_corners
from handlens.vision.transform.parameters import Range, parameter_range
from handlens.vision.transform.plan import Plan


def perspective_warp(magnitude: Range = (-0.2, 0.2), *, p: float = 1.0) -> Transform:
    """Move each of the four corners separately, horizontally and vertically, by `magnitude` times half the frame.

    Args:
        magnitude: a range (low, high) from which eight numbers are drawn; or the eight: (x, y) of the corners top left,
            top right, bottom left, bottom right. Above 0 moves outward. Each is between -0.5 and 0.5, so that the
            corners keep their order. In the course the corners are top left, bottom left, top right, bottom right, and
            above 0 moves to the right or down.
        p: the probability that a picture is changed.

    Raises:
        DataError: `magnitude` or `p` is out of range.

    Example:
        >>> perspective_warp((-0.1, 0.1))
        perspective_warp(magnitude=(-0.1, 0.1), p=1)
    """
    numbers = parameter_range("magnitude", magnitude, least=-0.5, most=0.5, open_ends=True, count=8)
    return Transform("perspective_warp", _act, {"magnitude": numbers}, p)


def _act(plan: Plan, magnitude: tuple[float, ...]) -> None:
    x0, y0, x1, y1, x2, y2, x3, y3 = magnitude
    corners = (-1 - x0, -1 - y0), (1 + x1, -1 - y1), (-1 - x2, 1 + y2), (1 + x3, 1 + y3)
    plan.move(inverse_map_of_corners(*corners))
