"""Points as labels: each picture has the same number of points, which move with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn import functional as F

from handlens.core.checks import whole
from handlens.core.labels import LabelList
from handlens.core.labels.base import saved_names
from handlens.errors import DataError
from handlens.vision.dataset import ImageDataset
from handlens.vision.image import ImagePoints
from handlens.vision.view import PhotoView


class PointsList(LabelList):
    """Each picture has n points; a model gives their coordinates and is trained with the mean squared error.

    Points are transformed with their pictures. In a batch the targets are float32 [B, n, 2], each (y, x) from −1, the
    top or left edge of the transformed picture, to 1, its bottom or right edge. A point that a transform moves out of
    the picture is kept, with coordinates beyond −1 or 1, so that each picture has n points and point k of each is the
    same thing: a flip does not make a left eye the right one.

    Args:
        values: the points of N pictures, each [n, 2], or [2] for one point: (y, x) in pixels of the upright picture, as
            in `ImagePoints`.

    Raises:
        DataError: points are not finite numbers of this shape, or pictures have different numbers of points.

    Attributes:
        n: how many points a picture has.
        data: float32 [N, n, 2], in pixels of the pictures as they are.

    Example:
        >>> y = PointsList([[[3.0, 4.0]], [[5.0, 6.0]]])
        >>> y.n, y.c, y[1]
        (1, 2, [[5.0, 6.0]])
        >>> y.encoded(ImagePoints(torch.tensor([[3.0, 4.0]]), size=(6, 4)), (6, 4)).tolist()
        [[0.0, 1.0]]
    """

    def __init__(self, values: Any) -> None:
        self.names = ["points"]
        self.data = _checked(values, None)
        self.n = self.data.shape[1]
        self.c = 2 * self.n

    @staticmethod
    def loss_func(outputs: Tensor, targets: Tensor) -> Tensor:
        return F.mse_loss(outputs.view_as(targets), targets)

    def new(self, values: Any) -> Self:
        other = self.blank(0)
        other.data = _checked(values, self.n)
        return other

    def _encode(self, table: pd.DataFrame) -> Tensor:
        raise NotImplementedError("points do not come in columns of a table")

    def blank(self, n: int) -> Self:
        return self._filled(n, float("nan"))

    def opened(self, position: int, size: tuple[int, int]) -> ImagePoints | None:
        """The points of a picture of a size, before they are transformed; None if it has no label."""
        points = self.data[position]
        return None if points.isnan().any() else ImagePoints(points, size)

    def encoded(self, target: ImagePoints | None, size: tuple[int, int]) -> Tensor:  # noqa: ARG002 — masks need it
        """Transformed points as a batch holds them, float32 [n, 2], −1 to 1 within the picture; nan for no label."""
        return torch.full((self.n, 2), float("nan")) if target is None else target.scaled

    def with_item(self, items: ImageDataset, position: int) -> tuple[Any, Any]:
        return items.with_target(position, self)

    def decode(self, data: Tensor) -> list[list[list[float]]]:
        """The points of each picture as [[y, x], …], in the unit of `data`."""
        return data.tolist()

    def label_on(self, encoded: Tensor, size: Sequence[int]) -> ImagePoints:
        return ImagePoints.from_scaled(encoded[0], (int(size[0]), int(size[1])))

    def on_photo(self, prediction: Tensor, view: PhotoView) -> Tensor:
        """The points of a photo in its own pixels, [n, 2], each (y, x) from its top left corner."""
        return view.points(prediction)

    def by_target(self, data: Tensor) -> dict[str, Any]:
        """A column for each coordinate of each point."""
        numbers = data.reshape(-1, self.c).double().numpy().T
        names = [f"{axis} of point {i}" for i in range(1, self.n + 1) for axis in "yx"]
        return dict(zip(names, numbers, strict=True))

    def columns(self) -> dict[str, list[Any]]:
        return {self.names[0]: [str(points) for points in self.decode(self.data)]}

    def activate(self, outputs: Tensor) -> Tensor:
        return outputs.reshape(-1, self.n, 2)

    def decide(self, predictions: Tensor) -> Tensor:
        return predictions

    def state(self) -> dict[str, Any]:
        return {"kind": "PointsList", "names": self.names, "n": self.n}

    def restore(self, state: dict[str, Any]) -> None:
        self.names, self.n = saved_names(state), whole(state["n"], "n", DataError)
        self.c = 2 * self.n
        self.data = torch.empty(0, self.n, 2)


def _checked(values: Any, n: int | None) -> Tensor:
    """Points as float32 [N, n, 2]; of n points each if n is given."""
    rows = [_points(value) for value in (values.tolist() if isinstance(values, pd.Series) else values)]
    n = len(rows[0]) if n is None and rows else n
    if n is None:
        raise DataError("PointsList needs the points of at least one picture to learn from; none arrived.")
    odd = next((i for i, points in enumerate(rows) if len(points) != n), None)
    if odd is not None:
        raise DataError(
            f"each picture must have as many points as the others, {n}; the one at position {odd} has "
            f"{len(rows[odd])}: leave such pictures out, or mark all of their points."
        )
    return torch.from_numpy(np.stack(rows)) if rows else torch.empty(0, n, 2)


def _points(value: Any) -> np.ndarray:
    try:
        given = value.data if isinstance(value, ImagePoints) else value
        points = given.float().numpy().copy() if isinstance(given, Tensor) else np.array(given, np.float32)
    except (TypeError, ValueError):
        points = np.empty(0, np.float32)
    points = points[None] if points.shape == (2,) else points
    if points.ndim != 2 or points.shape[1] != 2 or not len(points) or not np.isfinite(points).all():
        raise DataError(
            "the points of a picture must be finite numbers [n, 2], each (y, x) in pixels; "
            f"{str(value)[:60]!r} arrived."
        )
    return points
