"""Skew: one corner moved along one side."""

from __future__ import annotations

from handlens.vision.transform.base import Transform
from handlens.vision.transform.homography import inverse_map_of_corners
from handlens.vision.transform.parameters import Range, parameter_range
from handlens.vision.transform.plan import Plan


def skew(direction: Range = (0, 7), magnitude: Range = (0.0, 0.2), *, p: float = 1.0) -> Transform:
    """Move one corner of pictures outward by `magnitude` times half the frame, horizontally or vertically.

    Args:
        direction: 0 to 3 moves the corner top left, top right, bottom left or bottom right horizontally; 4 to 7 moves
            them vertically; from a range (low, high), one of them at random. In the course 0, 2, 4 and 6 move the
            corners top left, bottom left, top right and bottom right horizontally, 1, 3, 5 and 7 vertically.
        magnitude: how far, as a share of half the frame, or a range; above -1, below 0 moves the corner inward.
        p: the probability that a picture is changed.

    Raises:
        DataError: an argument is out of range.

    Example:
        >>> skew(0, 0.2)
        skew(direction=0, magnitude=0.2, p=1)
    """
    parameters = {
        "direction": parameter_range("direction", direction, least=0, most=7, distribution="integers"),
        "magnitude": parameter_range("magnitude", magnitude, least=-1, open_ends=True),
    }
    return Transform("skew", _act, parameters, p)


def _act(plan: Plan, direction: float, magnitude: float) -> None:
    way, corner = divmod(int(direction), 4)
    moved = [[-1.0, -1.0], [1.0, -1.0], [-1.0, 1.0], [1.0, 1.0]]
    moved[corner][way] *= 1 + magnitude
    top_left, top_right, bottom_left, bottom_right = ((x, y) for x, y in moved)
    plan.move(inverse_map_of_corners(top_left, top_right, bottom_left, bottom_right))
