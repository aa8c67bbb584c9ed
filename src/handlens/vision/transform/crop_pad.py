"""Cropping, and padding where the picture is too small."""

from __future__ import annotations

from functools import partial

from handlens.vision.transform.base import Transform
from handlens.vision.transform.parameters import Range, position_ranges
from handlens.vision.transform.plan import Plan
from handlens.vision.transform.sizes import whole_size


def crop_pad(
    size: int | tuple[int, int] | None = None, *, row_pct: Range = 0.5, col_pct: Range = 0.5, p: float = 1.0
) -> Transform:
    """Crop pictures to `size` pixels, and pad smaller ones.

    Args:
        size: the size in pixels, a whole number for a square or (height, width); without it, only the position
            of the crop that `Augment` does at the end is set.
        row_pct, col_pct: where: 0 at the top or left, 0.5 in the middle, 1 at the bottom or right; each a number or a
            range.
        p: the probability that a picture is changed.

    Raises:
        DataError: an argument is out of range.

    Example:
        >>> crop_pad(row_pct=(0, 1), col_pct=(0, 1))
        crop_pad(row_pct=(0, 1), col_pct=(0, 1), p=1)
    """
    checked = None if size is None else whole_size("size", size)
    return Transform("crop_pad", partial(_act, size=checked), position_ranges(row_pct, col_pct), p)


def _act(plan: Plan, row_pct: float, col_pct: float, *, size: tuple[int, int] | None) -> None:
    if size is None:
        plan.window = (row_pct, col_pct)
    else:
        plan.crop(size, row_pct, col_pct)
