"""Augment: applies transforms to one picture with its targets, or to a batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Generator, Tensor

from handlens.errors import DataError
from handlens.vision.image import Image, ImageBBox, ImagePoints, ImageSegment
from handlens.vision.transform import pixels, tensors
from handlens.vision.transform.base import Transform
from handlens.vision.transform.plan import Plan, check_padding
from handlens.vision.transform.points_and_boxes import moved_boxes, moved_points
from handlens.vision.transform.sizes import whole_size
from handlens.vision.view import PhotoView

RESIZE_METHODS = ("crop", "squish")


class Augment:
    """Applies a list of transforms, composed so that each picture is resampled only once.

    Args:
        tfms: the transforms, in the order in which they are applied.
        size: the size of the result in pixels, a whole number for a square or (height, width); that of the picture
            unless given.
        padding_mode: what is seen outside a picture: "zeros" (black), "border" (its outermost pixels) or
            "reflection".
        resize_method: "crop" scales a picture, keeping its aspect ratio, until it covers `size`, and crops the rest at
            the end: in the middle, or where a `crop_pad` without a size among the transforms says. "squish" stretches
            it. Unless given, a size of one number crops, and (height, width) squishes, as in the course.

    One picture is computed in 8 bits, a batch in its own dtype. With the same random numbers the results are equal up
    to 2 of 256 levels before lighting, which magnifies the difference by the slope of its curve. For interpolation see
    `handlens.vision.transform.sampling`.

    Raises:
        DataError: an argument is of another kind.

    Example:
        >>> from handlens.vision.transform import flip_lr
        >>> flip = Augment([flip_lr(p=1)])
        >>> import numpy as np
        >>> image = Image.from_pixels(np.arange(6, dtype=np.uint8).reshape(1, 2, 3))
        >>> flip(image).pixels.tolist()
        [[[3, 4, 5], [0, 1, 2]]]
        >>> Augment([], size=(4, 6)).batch(torch.rand(2, 3, 8, 8)).shape
        torch.Size([2, 3, 4, 6])
    """

    def __init__(
        self,
        tfms: Sequence[Transform],
        *,
        size: int | tuple[int, int] | None = None,
        padding_mode: str = "reflection",
        resize_method: str | None = None,
    ) -> None:
        for tfm in tfms:
            if not isinstance(tfm, Transform):
                raise DataError(
                    f"tfms must be a list of transforms; {tfm!r} is in it. get_transforms() returns two lists, for "
                    "training and for validation; functions such as rotate must be called: rotate((-10, 10))."
                )
        if resize_method is None:
            resize_method = "squish" if isinstance(size, (tuple, list)) else "crop"
        if resize_method not in RESIZE_METHODS:
            raise DataError(f"resize_method must be one of {', '.join(RESIZE_METHODS)}; {resize_method!r} arrived.")
        self.tfms = list(tfms)
        self.size = None if size is None else whole_size("size", size)
        self.padding_mode = check_padding(padding_mode)
        self.resize_method = resize_method

    def __call__(self, image: Image, *targets: Any, generator: Generator | None = None) -> Any:
        """Transform one picture, and its targets with it.

        Args:
            image: the picture.
            targets: masks, points and boxes of the picture.
            generator: the random number generator; unless given, torch's own, which torch.manual_seed seeds.

        Returns:
            The transformed picture; with targets, a tuple of the picture and the targets.

        Raises:
            DataError: `image` is not an Image, or a target is of another kind or does not fit the picture.
        """
        if not isinstance(image, Image):
            raise DataError(f"image must be an Image; {type(image).__name__} arrived. batch() takes tensors.")
        plan, size = self.plan(image.size, self._uniform(1, generator)[0])
        result = Image.from_pixels(pixels.resampled(image.pixels, plan, size), channels=image.channels)
        if not targets:
            return result
        return (result, *(_transformed_target(target, image, plan, size) for target in targets))

    def batch(self, pictures: Tensor, generator: Generator | None = None) -> Tensor:
        """Transform a batch of pictures, each with its own random numbers, on the device that they are on.

        Args:
            pictures: float [B, 3, H, W] with values from 0 to 1; the result is differentiable with respect to them.
            generator: a random number generator of the CPU; unless given, torch's own, which torch.manual_seed seeds.

        Returns:
            [B, 3, height, width] in the dtype of `pictures`.

        Raises:
            DataError: `pictures` has another shape or dtype, or the results differ in size.
        """
        if not (pictures.is_floating_point() and pictures.ndim == 4 and pictures.shape[1] == 3):
            raise DataError(
                "a batch must be a float tensor [B, 3, H, W] with values from 0 to 1; "
                f"{pictures.dtype} {list(pictures.shape)} arrived."
            )
        if 0 in pictures.shape:
            raise DataError(
                f"a batch must hold at least one picture of at least one pixel; {list(pictures.shape)} arrived."
            )
        source = (pictures.shape[2], pictures.shape[3])
        planned = [self.plan(source, uniform) for uniform in self._uniform(len(pictures), generator)]
        sizes = {size for _, size in planned}
        if len(sizes) > 1:
            raise DataError(
                f"the pictures of a batch must get one size; these get {sorted(sizes)}. Give Augment a size."
            )
        return tensors.resampled(pictures, [plan for plan, _ in planned], sizes.pop())

    def plan(self, source: tuple[int, int], uniform: Sequence[float]) -> tuple[Plan, tuple[int, int]]:
        """The plan for a picture with given random numbers.

        Args:
            source: height and width of the picture in pixels.
            uniform: uniform random numbers in [0, 1), one after the other for the transforms: `draws` for each.

        Returns:
            The plan, and (height, width) of the result in pixels.

        Raises:
            DataError: a `crop` needs a larger picture.
        """
        height, width = float(source[0]), float(source[1])
        if self.size is not None:
            if self.resize_method == "squish":
                height, width = self.size
            else:
                scale = max(self.size[0] / height, self.size[1] / width)
                height, width = height * scale, width * scale
        plan = Plan((height, width), self.padding_mode)
        at = 0
        for tfm in self.tfms:
            tfm.apply(plan, uniform[at : at + tfm.draws])
            at += tfm.draws
        if self.size is not None:
            plan.crop(self.size, *plan.window)
        return plan, (round(plan.frame[0]), round(plan.frame[1]))

    def view(self, source: tuple[int, int], generator: Generator | None = None) -> PhotoView:
        """What of a picture is seen in the result.

        Args:
            source: height and width of the picture in pixels.
            generator: as of a call, with which the same random numbers follow.
        """
        plan, size = self.plan(source, self._uniform(1, generator)[0])
        return PhotoView(source, size, plan.matrix)

    def _uniform(self, count: int, generator: Generator | None) -> list[list[float]]:
        draws = sum(tfm.draws for tfm in self.tfms)
        drawn: list[list[float]] = torch.rand(count, draws, dtype=torch.float64, generator=generator).tolist()
        return drawn

    def __repr__(self) -> str:
        return (
            f"Augment({self.tfms}, size={self.size}, padding_mode={self.padding_mode!r}, "
            f"resize_method={self.resize_method!r})"
        )


def _transformed_target(target: Any, image: Image, plan: Plan, size: tuple[int, int]) -> Any:
    if not isinstance(target, (ImageSegment, ImagePoints, ImageBBox)):
        raise DataError(f"a target must be an ImageSegment, ImagePoints or ImageBBox; {type(target).__name__} arrived.")
    if tuple(target.size) != image.size:
        raise DataError(f"a target must have the size of its picture; {target!r} does not fit {image!r}.")
    if isinstance(target, ImageSegment):
        return ImageSegment(pixels.resampled_mask(target.pixels, plan, size))
    if isinstance(target, ImagePoints):
        return moved_points(target, plan, size)
    return moved_boxes(target, plan, size)
