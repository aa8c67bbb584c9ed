"""Resize."""

from __future__ import annotations

from handlens.vision.transform.base import Transform
from handlens.vision.transform.plan import Plan, Size
from handlens.vision.transform.sizes import whole_size


def resize(size: int | tuple[int, int]) -> Transform:
    """Resize pictures without keeping their aspect ratio.

    Args:
        size: the size in pixels, a whole number for a square or (height, width).

    Raises:
        DataError: `size` is not of this kind.

    Example:
        >>> resize((48, 64))
        resize(p=1)
    """
    return Transform("resize", _Resize(whole_size("size", size)))


class _Resize:
    def __init__(self, size: Size) -> None:
        self.size = size

    def __call__(self, plan: Plan) -> None:
        plan.frame = self.size
