"""Tilt: perspective in one direction."""

from __future__ import annotations

from handlens.vision.transform.base import Transform
from handlens.vision.transform.homography import inverse_map_of_corners
from handlens.vision.transform.parameters import Range, parameter_range
from handlens.vision.transform.plan import Plan


def tilt(direction: Range = (0, 3), magnitude: Range = (0.0, 0.2), *, p: float = 1.0) -> Transform:
    """Lengthen one side of pictures at both of its ends, as if they were tilted towards the viewer there.

    Args:
        direction: the side: 0 left, 1 right, 2 top, 3 bottom; from a range, one of them at random. In the course 0 is
            right, 1 left, 2 bottom and 3 top.
        magnitude: how much longer the side becomes, as a share of its length; below 0 it becomes shorter. Above -1.
        p: the probability that a picture is changed.

    Raises:
        DataError: `direction` or `magnitude` is out of range.

    Example:
        >>> tilt(2, (0, 0.2))
        tilt(direction=2, magnitude=(0, 0.2), p=1)
    """
    parameters = {
        "direction": parameter_range("direction", direction, least=0, most=3, distribution="integers"),
        "magnitude": parameter_range("magnitude", magnitude, least=-1, open_ends=True),
    }
    return Transform("tilt", _act, parameters, p)


def _act(plan: Plan, direction: float, magnitude: float) -> None:
    left, right, top, bottom = (magnitude if direction == side else 0.0 for side in range(4))
    corners = (-1 - top, -1 - left), (1 + top, -1 - right), (-1 - bottom, 1 + left), (1 + bottom, 1 + right)
    plan.move(inverse_map_of_corners(*corners))
