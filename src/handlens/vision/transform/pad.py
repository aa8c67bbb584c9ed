"""Padding."""

from __future__ import annotations

from functools import partial

from handlens.core.checks import whole
from handlens.errors import DataError
from handlens.vision.transform.base import Transform
from handlens.vision.transform.plan import Plan, check_padding


def pad(padding: int, *, mode: str | None = None) -> Transform:
    """Add `padding` pixels on each side.

    Args:
        padding: how many pixels are added on each side, 0 or more.
        mode: what is seen there: "zeros" (black), "border" (the outermost pixels) or "reflection"; that of `Augment`
            unless given. Because a picture is resampled only once, it applies to everything outside of the picture.

    Raises:
        DataError: `padding` is not a whole number of 0 or more, or there is no such mode.

    Example:
        >>> pad(8, mode="border")
        pad(p=1)
    """
    padding = whole(padding, "padding", DataError, least=0)
    return Transform("pad", partial(_act, padding=padding, mode=None if mode is None else check_padding(mode)))


def _act(plan: Plan, *, padding: int, mode: str | None) -> None:
    height, width = plan.frame
    plan.crop((height + 2 * padding, width + 2 * padding), 0.5, 0.5)
    if mode is not None:
        plan.padding_mode = mode
