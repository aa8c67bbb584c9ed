"""Perspective, as if the camera were moved up, down or sideways."""

from __future__ import annotations

from handlens.vision.transform.base import Transform
from handlens.vision.transform.homography import inverse_map_of_corners
from handlens.vision.transform.parameters import Range, parameter_range
from handlens.vision.transform.plan import Plan


def symmetric_warp(magnitude: Range = (-0.2, 0.2), *, p: float = 1.0) -> Transform:
    """Lengthen or shorten each side of pictures equally at its two ends, as seen from another camera position.

    Args:
        magnitude: a range (low, high) from which four numbers are drawn; or the four: for the top, bottom, left and
            right side, as shares of its length. Above 0 lengthens. Each is between -0.5 and 0.5, so that the corners
            keep their order. In the course the four are for the right, left, bottom and top side.
        p: the probability that a picture is changed.

    Raises:
        DataError: `magnitude` or `p` is out of range.

    Example:
        >>> symmetric_warp((-0.2, 0.2), p=0.75)
        symmetric_warp(magnitude=(-0.2, 0.2), p=0.75)
    """
    numbers = parameter_range("magnitude", magnitude, least=-0.5, most=0.5, open_ends=True, count=4)
    return Transform("symmetric_warp", _act, {"magnitude": numbers}, p)


def _act(plan: Plan, magnitude: tuple[float, ...]) -> None:
    top, bottom, left, right = magnitude
    corners = (-1 - top, -1 - left), (1 + top, -1 - right), (-1 - bottom, 1 + left), (1 + bottom, 1 + right)
    plan.move(inverse_map_of_corners(*corners))
