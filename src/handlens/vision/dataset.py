"""ImageDataset: pictures that are opened from their files and transformed each time one is read."""

from __future__ import annotations

import math
import warnings
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from handlens.core.checks import callers_level
from handlens.io.deep_pictures import Limits
from handlens.vision.image import Image, ImagePoints, open_image
from handlens.vision.transform import Augment
from handlens.vision.view import PhotoView


@runtime_checkable
class OnPictures(Protocol):
    """Labels that lie on their pictures, as masks and points do, and are transformed with them."""

    def opened(self, position: int, size: tuple[int, int]) -> Any:
        """The label of a picture of a size as `Augment` takes it, before it is transformed; None if there is none."""

    def encoded(self, target: Any, size: tuple[int, int]) -> Tensor:
        """A transformed label, on a picture of a size, as a batch holds it; None stands for no label."""

    def on_photo(self, prediction: Tensor, view: PhotoView) -> Tensor:
        """The prediction of one photo, as `activate` gives it, on the photo as it is: in its own pixels."""


class TransformedImage(Image):
    """A picture of a dataset: it has been transformed, and is the same as in a batch."""


class ImageDataset:
    """Pictures that are opened from their files and transformed each time one is read.

    Args:
        paths: the files, [N] objects.
        augment: the transforms; pictures are not changed unless it is given.
        limits: what is black and what is white in pictures of more than 8 bits; those of each picture unless given.
        convert_mode: "RGB", or "L" for pictures of one channel.
    """

    def __init__(
        self,
        paths: NDArray[Any],
        augment: Augment | None = None,
        *,
        limits: Limits | None = None,
        convert_mode: str = "RGB",
    ) -> None:
        self.items = paths
        self.augment = augment
        self.limits = limits or {}
        self.convert_mode = convert_mode

    @property
    def channels(self) -> int:
        """The channels of each picture: 3, or 1."""
        return 1 if self.convert_mode == "L" else 3

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, position: int) -> TransformedImage:
        return transformed(self.opened(position), self.augment)

    def __repr__(self) -> str:
        return f"pictures, {self.augment!r}" if self.augment else "pictures as they are"

    def opened(self, position: int) -> Image:
        """The picture of a file without its transforms, perhaps reduced, see `decode_size`; raises DataError."""
        return open_image(
            self.items[position],
            at_least=decode_size(self.augment),
            limits=self.limits,
            convert_mode=self.convert_mode,
        )

    def opened_whole(self, position: int) -> Image:
        """The picture of a file in its own size, so that labels that lie on it fit; raises DataError."""
        return open_image(self.items[position], limits=self.limits, convert_mode=self.convert_mode)

    def with_target(
        self, position: int, y: OnPictures, generator: torch.Generator | None = None
    ) -> tuple[TransformedImage, Any]:
        """A picture with the label that lies on it, both transformed in the same way.

        Raises:
            DataError: the picture or the label cannot be read, or they do not fit each other.
        """
        picture = self.opened_whole(position)
        target = y.opened(position, picture.size)
        say_points_outside(y, where_outside(target, self.items[position]))
        return transformed_pair(picture, target, self.augment, generator)

    def augmented(self, augment: Augment) -> ImageDataset:
        """The same pictures with other transforms."""
        return ImageDataset(self.items, augment, limits=self.limits, convert_mode=self.convert_mode)


def where_outside(target: Any, file: Any) -> str:
    """What lies outside of its picture, before it is transformed, with the file; "" if nothing does.

    Example:
        >>> where_outside(ImagePoints(torch.tensor([[3.0, 9.0]]), size=(4, 6)), "face.png")
        'face.png, 4 high and 6 wide, has a point at y=3, x=9'
    """
    if not isinstance(target, ImagePoints) or target.inside.all():
        return ""
    y, x = target.data[~target.inside][0].tolist()
    height, width = target.size
    return f"{file}, {height} high and {width} wide, has a point at y={y:g}, x={x:g}"


def say_points_outside(y: Any, said: str) -> None:
    """Warn of what `where_outside` said, once for the labels of a data set."""
    if said and not getattr(y, "told_outside", False):
        y.told_outside = True
        warnings.warn(
            f"points lie outside of their pictures, such as {said}. A point must be (y, x) in pixels: check that y and "
            "x are not swapped, and that the picture has the size that the points were marked on.",
            UserWarning,
            stacklevel=callers_level(),
        )


def transformed(picture: Image, augment: Augment | None, generator: torch.Generator | None = None) -> TransformedImage:
    """Transform one picture as a dataset does."""
    done = augment(picture, generator=generator) if augment else picture
    return TransformedImage.from_pixels(np.ascontiguousarray(done.pixels), channels=picture.channels)


def transformed_pair(
    picture: Image, target: Any, augment: Augment | None, generator: torch.Generator | None = None
) -> tuple[TransformedImage, Any]:
    """Transform one picture and what lies on it, which may be None."""
    if augment is None or target is None:
        return transformed(picture, augment, generator), target
    changed, moved = augment(picture, target, generator=generator)
    return TransformedImage.from_pixels(np.ascontiguousarray(changed.pixels), channels=picture.channels), moved


def decode_size(augment: Augment | None) -> tuple[int, int] | None:
    """The height and width in pixels at which a file must at least be decoded; None for its full size."""
    if augment is None or augment.size is None:
        return None
    # A picture that is enlarged afterwards must be decoded larger by that factor to stay sharp.
    zoom = math.prod(max(1.0, tfm.parameters["scale"].high) for tfm in augment.tfms if tfm.name == "zoom")
    return math.ceil(augment.size[0] * zoom), math.ceil(augment.size[1] * zoom)
