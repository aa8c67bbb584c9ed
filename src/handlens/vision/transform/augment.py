"""Transforms at work: on one picture with what lies on it, or on a batch."""

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

RESIZE_METHODS = ("crop", "squish")


class Augment:
    """Transforms of a list one after another, composed so that each picture is resampled only once.

    Args:
        tfms: the transforms, in the order in which they are done.
        size: pixels of the result, a whole number for a square or (height, width); None keeps the picture's own.
        padding_mode: what is seen outside a picture: "zeros" (black), "border" (its outermost pixels) or
            "reflection".
        resize_method: "crop" scales a picture, keeping its shape, until it covers `size`, and crops the rest last: in
            the middle, or where a `crop_pad` without a size among the transforms says. "squish" stretches it.

    One picture is computed in 8 bits, a batch in its own floats. From the same random numbers both make the same, up
    to 2 of 256 levels before lighting, which magnifies the difference by the slope of its curve. Between pixels, see
    `handlens.vision.transform.sampling`.
    """

    def __init__(
        self,
        tfms: Sequence[Transform],
        *,
        size: int | tuple[int, int] | None = None,
        padding_mode: str = "reflection",
        resize_method: str = "crop",
    ) -> None:
        for tfm in tfms:
            if not isinstance(tfm, Transform):
                raise DataError(
                    f"tfms must be a list of transforms; {tfm!r} is in it. get_transforms() gives two lists: for "
                    "training and for validation; rotate and its like are called first: rotate((-10, 10))."
                )
        if resize_method not in RESIZE_METHODS:
            raise DataError(f"resize_method must be one of {', '.join(RESIZE_METHODS)}; {resize_method!r} arrived.")
        self.tfms = list(tfms)
        self.size = None if size is None else whole_size("size", size)
        self.padding_mode = check_padding(padding_mode)
        self.resize_method = resize_method

    def __call__(self, image: Image, *targets: Any, generator: Generator | None = None) -> Any:
        """A transformed picture; with targets, a tuple of it and them.

        Args:
            image: the picture.
            targets: masks, points and boxes that lie on it and follow it.
            generator: where random numbers come from; None is torch's own, which torch.manual_seed seeds.
        """
        if not isinstance(image, Image):
            raise DataError(f"one picture must be an Image; {type(image).__name__} arrived. batch() takes tensors.")
        plan, size = self.plan(image.size, self._chances(1, generator)[0])
        result = Image.from_pixels(pixels.resampled(image.pixels, plan, size))
        if not targets:
            return result
        return (result, *(_followed(target, image, plan, size) for target in targets))

    def batch(self, pictures: Tensor, generator: Generator | None = None) -> Tensor:
        """Transformed pictures [B, 3, H, W], each by its own random numbers, on the device they are on.

        Args:
            pictures: float [B, 3, H, W] with values from 0 to 1; gradients flow back to them.
            generator: of the CPU, where random numbers come from; None is torch's own, which torch.manual_seed seeds.
        """
        if not (pictures.is_floating_point() and pictures.ndim == 4 and pictures.shape[1] == 3):
            raise DataError(
                "a batch must be a float tensor [B, 3, H, W] with values from 0 to 1; "
                f"{pictures.dtype} {list(pictures.shape)} arrived."
            )
        if 0 in pictures.shape:
            raise DataError(f"a batch must hold at least one picture of one pixel; {list(pictures.shape)} arrived.")
        source = (pictures.shape[2], pictures.shape[3])
        planned = [self.plan(source, chances) for chances in self._chances(len(pictures), generator)]
        sizes = {size for _, size in planned}
        if len(sizes) > 1:
            raise DataError(
                f"pictures of a batch must get one size; here they get {sorted(sizes)}. Give Augment a size."
            )
        return tensors.resampled(pictures, [plan for plan, _ in planned], sizes.pop())

    def plan(self, source: tuple[int, int], chances: Sequence[float]) -> tuple[Plan, tuple[int, int]]:
        """What happens to a picture of this size for these random numbers, and the size of the result."""
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
            tfm.apply(plan, chances[at : at + tfm.draws])
            at += tfm.draws
        if self.size is not None:
            plan.crop(self.size, *plan.window)
        return plan, (round(plan.frame[0]), round(plan.frame[1]))

    def _chances(self, count: int, generator: Generator | None) -> list[list[float]]:
        draws = sum(tfm.draws for tfm in self.tfms)
        drawn: list[list[float]] = torch.rand(count, draws, dtype=torch.float64, generator=generator).tolist()
        return drawn

    def __repr__(self) -> str:
        return (
            f"Augment({self.tfms}, size={self.size}, padding_mode={self.padding_mode!r}, "
            f"resize_method={self.resize_method!r})"
        )


def _followed(target: Any, image: Image, plan: Plan, size: tuple[int, int]) -> Any:
    if not isinstance(target, (ImageSegment, ImagePoints, ImageBBox)):
        raise DataError(
            "a target must be an ImageSegment, ImagePoints or ImageBBox, which follow their picture; "
            f"{type(target).__name__} arrived."
        )
    if tuple(target.size) != image.size:
        raise DataError(f"a target must lie on its picture; {target!r} does not fit {image!r}.")
    if isinstance(target, ImageSegment):
        return ImageSegment(pixels.resampled_mask(target.pixels, plan, size))
    if isinstance(target, ImagePoints):
        return moved_points(target, plan, size)
    return moved_boxes(target, plan, size)
