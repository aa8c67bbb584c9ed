"""Lists of transforms that are often used together, by the names of the course."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

from handlens.errors import DataError
from handlens.vision.image import Image
from handlens.vision.transform.augment import Augment
from handlens.vision.transform.base import Transform
from handlens.vision.transform.crop import crop
from handlens.vision.transform.crop_pad import crop_pad
from handlens.vision.transform.pad import pad
from handlens.vision.transform.parameters import Range, parameter_range, position_ranges
from handlens.vision.transform.plan import Plan, Size
from handlens.vision.transform.sizes import whole_size
from handlens.vision.transform.zoom import zoom

ANYWHERE = (0.0, 1.0)


def rand_pad(padding: int, size: int | tuple[int, int], mode: str = "reflection") -> list[Transform]:
    """Pad pictures on each side and crop them anywhere, which shifts them by at most `padding` pixels.

    Args:
        padding: how many pixels are added on each side.
        size: the size of the crop in pixels, a whole number for a square or (height, width).
        mode: as in `pad`.

    Raises:
        DataError: an argument is out of range.

    Example:
        >>> [tfm.name for tfm in rand_pad(3, 28, mode="zeros")]
        ['pad', 'crop']
    """
    return [pad(padding, mode=mode), crop(size, row_pct=ANYWHERE, col_pct=ANYWHERE)]


def zoom_crop(scale: Range, do_rand: bool = False, p: float = 1.0) -> list[Transform]:
    """Zoom pictures, and crop them to the size that `Augment` gives.

    Args:
        scale: the factor, or a range (low, high), as in `zoom`.
        do_rand: any part of the picture, instead of its middle.
        p: the probability that a picture is zoomed.

    Raises:
        DataError: an argument is out of range.

    Example:
        >>> zoom_crop((1, 1.5), do_rand=True)
        [zoom(scale=(1, 1.5), row_pct=(0, 1), col_pct=(0, 1), p=1), crop_pad(row_pct=(0, 1), col_pct=(0, 1), p=1)]
    """
    place: Range = ANYWHERE if do_rand else 0.5
    return [zoom(scale, row_pct=place, col_pct=place, p=p), crop_pad(row_pct=place, col_pct=place)]


def rand_resize_crop(
    size: int | tuple[int, int], max_scale: float = 2.0, ratios: tuple[float, float] = (0.75, 1.33)
) -> list[Transform]:
    """Crop a random part of pictures and resize it to `size` (Szegedy et al. 2015, arXiv 1409.4842, section 6).

    The part has between 1/`max_scale` and all of the area, and an aspect ratio that is that of the picture times a
    factor of `ratios`; a side that would be longer than the picture's has its length. The course tries other sides up
    to eight times then, and so cuts off a little more on average.

    Args:
        size: the size of the result in pixels, a whole number for a square or (height, width).
        max_scale: by which factor the area of the picture is at most larger than that of the part, 1 or more.
        ratios: the least and the largest factor between width and height.

    Raises:
        DataError: an argument is out of range.

    Example:
        >>> rand_resize_crop(24)
        [resize_crop(scale=(1, 2), ratio=(0.75, 1.33), row_pct=(0, 1), col_pct=(0, 1), p=1)]
    """
    if not max_scale >= 1:
        raise DataError(f"max_scale must be 1 or more; {max_scale!r} arrived.")
    parameters = {
        "scale": parameter_range("max_scale", (1.0, max_scale), least=1),
        "ratio": parameter_range("ratios", ratios, least=0, open_ends=True),
        **position_ranges(ANYWHERE, ANYWHERE),
    }
    return [Transform("resize_crop", partial(_part, size=whole_size("size", size)), parameters)]


def _part(plan: Plan, scale: float, ratio: float, row_pct: float, col_pct: float, *, size: Size) -> None:
    across, down = (min(math.sqrt(factor / scale), 1.0) for factor in (ratio, 1 / ratio))
    x, y = (1 - across) * (2 * col_pct - 1), (1 - down) * (2 * row_pct - 1)
    plan.move(((across, 0.0, x), (0.0, down, y), (0.0, 0.0, 1.0)))
    plan.frame = size


def apply_tfms(tfms: Sequence[Transform] | None, x: Image, *targets: Any, **options: Any) -> Any:
    """Transform one picture, and its targets with it.

    Args:
        tfms: the transforms; none of them for None.
        x: the picture.
        targets: masks, points and boxes of the picture.
        options: those of `Augment`: `size`, `padding_mode`, `resize_method`.

    Returns:
        The transformed picture; with targets, a tuple of the picture and the targets.

    Raises:
        DataError: as `Augment`.

    Example:
        >>> import torch
        >>> apply_tfms(zoom_crop(1.5), Image(torch.rand(3, 8, 8)), size=4)
        Image 4×4
    """
    return Augment(list(tfms or ()), **options)(x, *targets)
