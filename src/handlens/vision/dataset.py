"""The pictures of a dataset: opened from their files, and transformed anew, each time one is asked for."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from handlens.vision.image import Image, open_image
from handlens.vision.transform import Augment


class TransformedImage(Image):
    """A picture of a dataset: transformed already, as batches have it."""


class ImageDataset:
    """The pictures of a dataset, opened from their files and transformed anew each time one is asked for.

    Args:
        paths: the files.
        augment: what is done to each picture; it stays as it is without one.
    """

    def __init__(self, paths: NDArray[Any], augment: Augment | None = None) -> None:
        self.items = paths
        self.augment = augment

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, position: int) -> TransformedImage:
        return transformed(self.opened(position), self.augment)

    def __repr__(self) -> str:
        return f"pictures, {self.augment!r}" if self.augment else "pictures as they are"

    def opened(self, position: int) -> Image:
        """The picture as it is in its file, no larger than need be; raises DataError, naming the file."""
        return open_image(self.items[position], at_least=decode_size(self.augment))

    def augmented(self, augment: Augment) -> ImageDataset:
        """The same pictures, transformed otherwise."""
        return ImageDataset(self.items, augment)


def transformed(picture: Image, augment: Augment | None, generator: torch.Generator | None = None) -> TransformedImage:
    """A picture as a dataset gives it."""
    return TransformedImage.from_pixels(
        np.ascontiguousarray((augment(picture, generator=generator) if augment else picture).pixels)
    )


def decode_size(augment: Augment | None) -> tuple[int, int] | None:
    """The height and width that a file must be decoded at for what is done to it; None for its full size."""
    if augment is None or augment.size is None:
        return None
    # What is enlarged afterwards needs that much more detail to stay crisp.
    zoom = math.prod(max(1.0, tfm.parameters["scale"].high) for tfm in augment.tfms if tfm.name == "zoom")
    return math.ceil(augment.size[0] * zoom), math.ceil(augment.size[1] * zoom)
