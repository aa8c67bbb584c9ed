"""Points and boxes, transformed with their picture."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from handlens.core.products import product
from handlens.vision.image import ImageBBox, ImagePoints
from handlens.vision.transform.plan import Plan


def moved_points(points: ImagePoints, plan: Plan, size: tuple[int, int]) -> ImagePoints:
    """The points, where what they mark is in the result."""
    return ImagePoints(torch.from_numpy(_moved(points.data.numpy(), points.size, plan, size)), size)


def moved_boxes(boxes: ImageBBox, plan: Plan, size: tuple[int, int]) -> ImageBBox:
    """The smallest upright boxes around the moved corners, cut off at the frame, without boxes outside of it."""
    given = boxes.data.numpy()
    corners = given[:, [0, 1, 0, 3, 2, 1, 2, 3]].reshape(-1, 2)
    moved = _moved(corners, boxes.size, plan, size).reshape(-1, 4, 2)
    ends = np.concatenate([moved.min(axis=1), moved.max(axis=1)], axis=1)
    ends = ends.clip(0, [*size, *size])
    left = (ends[:, 2] > ends[:, 0]) & (ends[:, 3] > ends[:, 1])
    labels = None if boxes.labels is None else [label for label, kept in zip(boxes.labels, left, strict=True) if kept]
    return ImageBBox(torch.from_numpy(ends[left]), size, labels=labels)


def _moved(points: NDArray[Any], source: tuple[int, int], plan: Plan, size: tuple[int, int]) -> NDArray[np.float64]:
    (h, w), (height, width) = source, size
    points = points.astype(np.float64)
    normalized = np.column_stack([2 * points[:, 1] / w - 1, 2 * points[:, 0] / h - 1, np.ones(len(points))])
    x, y, depth = product(np.linalg.inv(plan.matrix), normalized.T)
    return np.column_stack([(y / depth + 1) * height / 2, (x / depth + 1) * width / 2])
