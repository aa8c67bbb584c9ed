"""Drawing pictures with matplotlib: show_image draws one, plot_multi a grid of plots."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from handlens.core.display import shown_once
from handlens.errors import DataError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@runtime_checkable
class HasPixels(Protocol):
    """A picture that knows its 8-bit pixels, uint8 [H, W, 3], as an `Image` does."""

    @property
    def pixels(self) -> NDArray[np.uint8]: ...


def show_image(
    image: HasPixels | Tensor | Any,
    *,
    ax: Axes | None = None,
    figsize: tuple[float, float] = (3, 3),
    title: str | None = None,
    cmap: str = "binary",
    alpha: float | None = None,
) -> Axes:
    """Draw a picture, without axes.

    Args:
        image: an Image; or a tensor or array [3, H, W] with values 0–1, or [1, H, W] or [H, W] with any values, whose
            smallest and largest get the two ends of `cmap`.
        ax: where to draw; a new figure unless given.
        figsize: width and height of the new figure in inches.
        title, cmap, alpha: as in matplotlib.

    Returns:
        The axes.

    Raises:
        DataError: `image` has another shape.

    Example:
        >>> show_image(np.eye(3), title="three").get_title()
        'three'
    """
    from matplotlib import pyplot as plt

    if isinstance(image, HasPixels):
        shown: Any = image.pixels
    else:
        shown = image.detach().cpu().float().numpy() if isinstance(image, Tensor) else np.asarray(image)
        if shown.ndim == 3 and shown.shape[0] == 3:
            shown = np.moveaxis(shown, 0, 2).clip(0, 1)
        elif shown.ndim == 3 and shown.shape[0] == 1:
            shown = shown[0]
        if shown.ndim not in (2, 3):
            raise DataError(
                f"a picture to draw must be [3, H, W], [1, H, W] or [H, W]; {list(shown.shape)} arrived. "
                "Draw one picture of a batch: show_image(batch[0])."
            )
    if ax is None:
        _, ax = plt.subplots(figsize=figsize)
    ax.imshow(shown, cmap=cmap, alpha=alpha)
    ax.axis("off")
    if title is not None:
        ax.set_title(title, parse_math=False)  # a “$” in a name of a class would begin mathematics
    return ax


def plot_multi(
    func: Callable[[int, int, Axes], Any], r: int = 1, c: int = 1, figsize: tuple[float, float] = (12, 6)
) -> Figure:
    """Make a grid of r × c plots and call `func(row, column, axes)` for each.

    Args:
        func: draws one plot.
        r, c: the numbers of rows and columns.
        figsize: width and height of the figure in inches.

    Returns:
        The figure.

    Raises:
        DataError: `r` or `c` is less than 1.

    Example:
        >>> figure = plot_multi(lambda row, column, ax: show_image(np.eye(column + 2), ax=ax), 1, 3)
        >>> len(figure.axes)
        3
    """
    from matplotlib import pyplot as plt

    if r < 1 or c < 1:
        raise DataError(f"plot_multi needs at least one row and one column; {r} × {c} arrived.")
    figure, axes = plt.subplots(r, c, figsize=figsize, squeeze=False)
    for row in range(r):
        for column in range(c):
            func(row, column, axes[row, column])
    return shown_once(figure)
