"""gallery: a picture under one transform at increasing strengths, to choose its range."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from torch import Generator

from handlens.errors import DataError
from handlens.vision.image import Image
from handlens.vision.plot import plot_multi, show_image
from handlens.vision.transform.augment import Augment
from handlens.vision.transform.base import Transform

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

STEPS = 5
"""How many strengths are shown where none are given."""


def gallery(
    maker: Callable[..., Transform],
    image: Image,
    strengths: Sequence[float] | None = None,
    *,
    size: int | tuple[int, int] | None = None,
    padding_mode: str = "reflection",
    seed: int = 0,
) -> Figure:
    """Draw a picture under one transform at increasing strengths, with each strength above its picture.

    Args:
        maker: makes the transform of one strength: `brightness`, `rotate` and so on, or a function of one number
            such as `lambda m: symmetric_warp((m, 0, 0, 0))`.
        image: the picture.
        strengths: the arguments of `maker`; unless given, five equal steps through the default range of `maker` (of
            several numbers the first is varied, and the others are 0).
        size, padding_mode: as in `Augment`.
        seed: for the other random numbers of the transform, the same for all pictures.

    Returns:
        The figure.

    Raises:
        DataError: no strengths were given and `maker` has no default range, or it does not make a transform.

    Example:
        >>> from handlens.vision.transform import brightness
        >>> figure = gallery(brightness, Image.from_pixels(np.zeros((8, 8, 3), np.uint8)), [0.2, 0.5, 0.8])
        >>> [ax.get_title() for ax in figure.axes]
        ['change=0.2', 'change=0.5', 'change=0.8']
    """
    made = [maker(strength) for strength in strengths] if strengths is not None else _steps(maker)
    if not made or not all(isinstance(tfm, Transform) for tfm in made):
        raise DataError(
            f"maker must be a function of one number that makes a transform, and strengths numbers; {maker!r} arrived."
        )

    def draw(_: int, column: int, axes: Axes) -> None:
        augment = Augment([made[column]], size=size, padding_mode=padding_mode)
        show_image(augment(image, generator=Generator().manual_seed(int(seed))), ax=axes, title=_title(made[column]))

    return plot_multi(draw, 1, len(made), figsize=(2.6 * len(made), 2.6))


def _steps(maker: Callable[..., Transform]) -> list[Transform]:
    try:
        span = next(iter(maker().parameters.values()))
    except (TypeError, StopIteration):
        raise DataError(
            f"{maker!r} has no default range to take strengths from: give some, gallery(maker, image, [1, 2, 3])."
        ) from None
    if span.distribution == "integers":
        return [maker(k) for k in range(int(span.low), int(span.high) + 1)]
    chosen = np.linspace(span.low, span.high, STEPS).tolist()
    return [maker((value, *[0.0] * (span.count - 1)) if span.count > 1 else value) for value in chosen]


def _title(tfm: Transform) -> str:
    if not tfm.parameters:
        return tfm.name
    name, span = next(iter(tfm.parameters.items()))
    first = span.at([0.0] * span.count)
    return f"{name}={first[0] if isinstance(first, tuple) else first:g}"
