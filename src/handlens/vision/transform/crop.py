"""Cropping."""

from __future__ import annotations

from functools import partial

from handlens.errors import DataError
from handlens.vision.transform.base import Transform
from handlens.vision.transform.parameters import Range, position_ranges
from handlens.vision.transform.plan import Plan
from handlens.vision.transform.sizes import whole_size


def crop(size: int | tuple[int, int], *, row_pct: Range = 0.5, col_pct: Range = 0.5, p: float = 1.0) -> Transform:
    """Crop pictures to `size` pixels.

    Args:
        size: the size in pixels, a whole number for a square or (height, width).
        row_pct, col_pct: where: 0 at the top or left, 0.5 in the middle, 1 at the bottom or right; each a number or a
            range.
        p: the probability that a picture is changed.

    Raises:
        DataError: an argument is out of range; or, when it is applied, a picture is smaller than `size`;
            `crop_pad` pads such a picture.

    Example:
        >>> crop(64, row_pct=(0, 1))
        crop(row_pct=(0, 1), col_pct=0.5, p=1)
    """
    return Transform("crop", partial(_act, size=whole_size("size", size)), position_ranges(row_pct, col_pct), p)


def _act(plan: Plan, row_pct: float, col_pct: float, *, size: tuple[int, int]) -> None:
    height, width = plan.frame
    if size[0] > height or size[1] > width:
        raise DataError(
            f"crop needs a picture of at least {size[0]}×{size[1]} pixels; one of {height:g}×{width:g} arrived. "
            "crop_pad pads such a picture."
        )
    plan.crop(size, row_pct, col_pct)
