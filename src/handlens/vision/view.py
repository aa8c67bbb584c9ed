"""PhotoView: what a model sees of a photo, and how what it says of that is carried back to the photo."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from handlens.core.products import product
from handlens.vision.image import UNKNOWN


@dataclass(frozen=True)
class PhotoView:
    """How a photo became what a model sees.

    Attributes:
        photo: height and width of the upright photo in pixels.
        seen: height and width of what the model sees.
        matrix: the homography from what the model sees to the photo, float64 [3, 3], of places (x, y, 1) that go from
            −1, the left or top edge, to 1, the right or bottom one.

    Example:
        >>> whole = PhotoView((40, 60), (20, 20), np.eye(3))
        >>> whole.points(torch.tensor([[0.0, -0.5]])).tolist()
        [[20.0, 15.0]]
    """

    photo: tuple[int, int]
    seen: tuple[int, int]
    matrix: NDArray[np.float64]

    def points(self, scaled: Tensor) -> Tensor:
        """Points in pixels of the photo, float32 [n, 2], each (y, x) from its top left corner.

        Args:
            scaled: [n, 2], each (y, x) from −1 to 1 within what the model sees.
        """
        places = np.column_stack([scaled.double().numpy()[:, ::-1], np.ones(len(scaled))])
        x, y, depth = product(self.matrix, places.T)
        (height, width) = self.photo
        return torch.from_numpy(
            np.column_stack([(y / depth + 1) * height / 2, (x / depth + 1) * width / 2]).astype(np.float32)
        )

    def classes(self, p: Tensor) -> NDArray[np.uint8]:
        """The most probable class of each pixel of the photo, uint8 [H, W]; 255, unknown, where the model saw nothing.

        Probabilities between the pixels that the model sees are interpolated linearly. Of a photo that it sees as it
        is, the classes are those that it says.

        Args:
            p: probabilities [classes, h, w] of what the model sees.
        """
        height, width = self.photo
        to_seen = _between_pixels(np.linalg.inv(self.matrix).astype(np.float64), self.seen, self.photo)
        found = np.zeros(self.photo, np.uint8)
        best = np.full(self.photo, -1, np.float32)
        for code, plane in enumerate(p.float().numpy()):
            there = cv2.warpPerspective(
                np.ascontiguousarray(plane),
                to_seen,
                (width, height),
                flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
                borderMode=cv2.BORDER_REPLICATE,
            )
            better = there > best
            found[better] = code
            np.maximum(best, there, out=best)
        found[~self._is_seen(to_seen)] = UNKNOWN
        return found

    def _is_seen(self, to_seen: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which pixels of the photo have their centre in what the model sees, [H, W]."""
        rows, columns = (np.arange(n, dtype=np.float64) for n in self.photo)
        across, down, depth = (row[0] * columns + (row[1] * rows + row[2])[:, None] for row in to_seen)
        x, y = across / depth, down / depth
        edge = 0.5 + 1e-6
        return (depth > 0) & (x > -edge) & (y > -edge) & (x < self.seen[1] - 1 + edge) & (y < self.seen[0] - 1 + edge)


def _between_pixels(matrix: NDArray[np.float64], to: tuple[int, int], of: tuple[int, int]) -> NDArray[np.float64]:
    """A map of places from −1 to 1 as one between the centres of pixels, counted from 0: from `of` to `to`."""

    def pixels(size: tuple[int, int]) -> NDArray[np.float64]:
        height, width = size
        return np.array([[width / 2, 0, (width - 1) / 2], [0, height / 2, (height - 1) / 2], [0, 0, 1]])

    return product(product(pixels(to), matrix), np.linalg.inv(pixels(of)))
