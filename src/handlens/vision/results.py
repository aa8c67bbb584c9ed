"""Pictures with their labels and with what a model predicts, side by side or in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from handlens.core.display import shown_once
from handlens.errors import DataError
from handlens.vision.dataset import OnPictures
from handlens.vision.image import ImagePoints, ImageSegment

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from handlens.vision.learner import VisionLearner

PREDICTED = "#ffb000"
"""The colour of predicted points; the right ones are blue, which is told from it with any colour sight."""
RIGHT = "#2a6ce8"


def show_results(
    learn: VisionLearner, ds_type: str = "valid", *, rows: int = 4, figsize: tuple[float, float] | None = None
) -> Figure:
    """Draw the first pictures of a part of the data with their labels and what the model predicts.

    Masks stand side by side, the actual one on the left. Of points the right ones are blue, and predicted ones yellow.
    Of classes and numbers, the title says what is actual / predicted.

    Args:
        learn: the learner.
        ds_type: "train", "valid" or "test"; all are prepared as validation data are.
        rows: how many rows; of pictures with titles each has `rows` pictures.
        figsize: width and height of the figure in inches.

    Returns:
        The figure.

    Raises:
        DataError: there are no items, or the data have no such part.
    """
    dataset, y = learn.data.to_predict(ds_type).dataset, learn.data.y
    if not len(dataset):
        raise DataError(f"the data have no pictures in the part {ds_type!r} to show: hold some out, or name another.")
    shown = [dataset[i] for i in range(min(rows if y.in_batches else rows * rows, len(dataset)))]
    predicted = [learn.predict(picture).label for picture, _ in shown]
    if isinstance(y, OnPictures):
        return draw_on_pictures([(*pair, label) for pair, label in zip(shown, predicted, strict=True)], figsize=figsize)
    figure, axes = sheet(len(shown), rows, figsize)
    for ax, (picture, actual), label in zip(axes, shown, predicted, strict=True):
        picture.show(ax=ax, title=f"{actual} / {label}")
    figure.suptitle("actual / predicted")
    return shown_once(figure)


def sheet(count: int, columns: int, figsize: tuple[float, float] | None) -> tuple[Figure, list[Axes]]:
    """A figure with axes for so many pictures, without frames."""
    from matplotlib import pyplot as plt

    columns = max(min(columns, count), 1)
    rows = max(-(-count // columns), 1)
    size = figsize or (3 * columns, 3.2 * rows)
    figure, axes = plt.subplots(rows, columns, figsize=size, squeeze=False, layout="constrained")
    for ax in axes.flat:
        ax.set_axis_off()
    return figure, list(axes.flat)[:count]


def draw_on_pictures(
    shown: Sequence[tuple[Any, Any, Any]],
    *,
    titles: Sequence[str] | None = None,
    figsize: tuple[float, float] | None = None,
) -> Figure:
    """Draw pictures, each with its mask or points, and those that are predicted.

    Args:
        shown: (picture, actual label or None, predicted label) of each picture.
        titles: a title for each picture, in addition.
        figsize: width and height of the figure in inches.
    """
    masks = any(isinstance(predicted, ImageSegment) for _, _, predicted in shown)
    figure, axes = sheet(len(shown) * (2 if masks else 1), 2 if masks else 3, figsize)
    for i, (picture, actual, predicted) in enumerate(shown):
        if masks:
            draw_masks(axes[2 * i], axes[2 * i + 1], picture, actual, predicted)
        else:
            draw_points(axes[i], picture, actual, predicted)
        if titles is not None:
            axes[2 * i if masks else i].set_title(titles[i], fontsize="small")
    figure.suptitle("actual and predicted" if masks else "blue: actual, yellow: predicted")
    return shown_once(figure)


def draw_masks(left: Axes, right: Axes, picture: Any, actual: Any, predicted: Any) -> None:
    """Draw a picture twice: with its mask, and with the predicted one."""
    for ax, mask, title in ((left, actual, "actual"), (right, predicted, "predicted")):
        picture.show(ax=ax)
        ax.set_title(title, fontsize="small")
        if mask is not None:
            mask.draw(ax)


def draw_points(ax: Axes, picture: Any, actual: ImagePoints | None, predicted: ImagePoints) -> None:
    """Draw a picture with its points and the predicted ones, and a line from each to its own."""
    picture.show(ax=ax)
    found = predicted.data.numpy() - 0.5  # matplotlib's origin is the centre of the first pixel
    if actual is not None:
        right = actual.data.numpy() - 0.5
        for a, b in zip(right, found, strict=True):
            ax.plot([a[1], b[1]], [a[0], b[0]], color="white", linewidth=0.8)
        ax.scatter(right[:, 1], right[:, 0], s=14, c=RIGHT, edgecolors="white", linewidths=0.5, zorder=3)
    ax.scatter(found[:, 1], found[:, 0], s=14, c=PREDICTED, edgecolors="white", linewidths=0.5, zorder=3)
    height, width = predicted.size
    ax.set_xlim(-0.5, width - 0.5)
    ax.set_ylim(height - 0.5, -0.5)
