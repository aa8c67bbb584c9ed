"""Masks as labels: opened exactly, with their pictures, and trained with cross-entropy over the pixels."""

from __future__ import annotations

import copy
import hashlib
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
import torch
from PIL import Image as Pillow
from torch import Tensor
from torch.nn import functional as F

from handlens.core.checks import callers_level, listed
from handlens.core.labels import NO_CLASS, LabelList
from handlens.core.labels.base import as_table, saved_list, saved_names
from handlens.core.labels.classes import checked_classes
from handlens.errors import DataError
from handlens.io.deep_pictures import VALUES
from handlens.io.pictures import open_picture, orientation_of, picture_fault, upright
from handlens.vision.dataset import ImageDataset
from handlens.vision.image import UNKNOWN, ImageSegment, Pixels
from handlens.vision.mask_files import png_in_base64, share_columns, shares
from handlens.vision.view import PhotoView

LOSSLESS = ("PNG", "TIFF", "BMP", "GIF", "PPM")
"""The formats of masks, as Pillow calls them: those that keep each number."""

_MODES = ("1", "L", "P", "I;16", "I;16B", "I;16L", "I", "RGB")
_FEW = 5
_SAVE = 'save the classes as numbers in a grey or palette PNG: Pillow\'s Image.fromarray(classes.astype("uint8"))'


def open_mask(path: Path | str, div: bool = False) -> ImageSegment:
    """Read a mask from a file: a class for each pixel, exactly as it was saved.

    Of a palette the positions are read and not the colours. A mask is turned upright by its EXIF orientation, as
    pictures are.

    Args:
        path: a file of a format that loses nothing: PNG, TIFF, BMP, GIF, PGM or PBM.
        div: the mask holds 0 and 255, which stand for the classes 0 and 1.

    Raises:
        DataError: names the file and says why it cannot be used: it is not a picture, is of a format that changes
            numbers (JPEG), in colour, has numbers above 255, or others than 0 and 255 with `div`.

    Example:
        >>> mask = Pillow.fromarray(np.array([[0, 3], [255, 1]], np.uint8))
        >>> mask.save("mask.png")
        >>> open_mask("mask.png").data.tolist()
        [[[0, 3], [255, 1]]]
    """
    file = Path(path)
    try:
        with open_picture(file) as picture:
            _check_kind(picture, file)
            pixels = _numbers(picture, file)
    except DataError:
        raise
    except Exception as error:  # Pillow raises nearly any type on a malformed file
        raise DataError(f"{file} cannot be read as a mask: {picture_fault(file, error)}. Replace the file.") from error
    if div:
        odd = pixels[(pixels != 0) & (pixels != 255)]
        if len(odd) and not (picture.mode == "1" and odd.max() == 1):
            raise DataError(f"div=True is for masks of 0 and 255; {file} holds {odd[0]} too: leave div out.")
        pixels = (pixels != 0).astype(np.uint8)
    return ImageSegment(pixels)


def _check_kind(picture: Pillow.Image, file: Path) -> None:
    """Raise DataError for a file that cannot hold a class for each pixel, by its header alone."""
    if picture.format not in LOSSLESS or picture.info.get("compression") == "jpeg":
        raise DataError(
            f"a mask must be of a format that keeps each number, such as PNG; {file} is {picture.format}, which does "
            f"not: {_SAVE}."
        )
    if picture.mode not in _MODES or VALUES in picture.info:
        raise DataError(f"a mask must hold a class from 0 to 255 for each pixel; {file} does not: {_SAVE}.")


def _numbers(picture: Pillow.Image, file: Path) -> Pixels:
    seen = np.asarray(upright(picture, orientation_of(picture)))
    if seen.ndim == 3:
        if (seen != seen[..., :1]).any():
            raise DataError(f"a mask must hold a class for each pixel; {file} holds colours: {_SAVE}.")
        seen = seen[..., 0]
    if seen.dtype != np.uint8 and seen.dtype != bool and (seen.max() > 255 or seen.min() < 0):
        odd = seen[(seen > 255) | (seen < 0)][0]
        raise DataError(f"a mask's classes must be 0 to 255; {file} holds {odd}: {_SAVE}.")
    return seen.astype(np.uint8)


class MaskList(LabelList):
    """Each picture has a mask, a class for each of its pixels; a model is trained with cross-entropy over the pixels.

    Masks are opened with their pictures and transformed with them, by nearest neighbours. Pixels of the class 255 are
    unknown: they do not count in the loss and in metrics. In a batch the targets are int64 [B, 1, H, W].

    Args:
        values: the paths of N masks, see `open_mask`.
        classes: all classes in the order of their numbers in the masks, at most 255.
        div: the masks hold 0 and 255, for the classes 0 and 1.

    Raises:
        DataError: a mask is missing or of a kind that cannot hold classes, which the file's header says; other faults
            are found when the masks are read.

    Attributes:
        files: the paths, None for a picture without a mask.
        data: int64 [N], numbers that stand for the files.

    Example:
        >>> Pillow.fromarray(np.array([[0, 1], [1, 1]], np.uint8)).save("mask.png")
        >>> y = MaskList(["mask.png"], classes=["road", "car"])
        >>> y[0].data.tolist(), y.c
        ([[[0, 1], [1, 1]]], 2)
    """

    task = "segmentation"
    every_item_counts = False
    in_batches = True

    def __init__(self, values: Any, *, classes: Sequence[Any], div: bool = False) -> None:
        self.names = ["mask"]
        self.classes = checked_classes(listed(classes, "classes", "['road', 'car']", DataError), "mask")
        self.c = _checked_count(self.classes)
        if not isinstance(div, bool):
            raise DataError(f"div must be True or False; {div!r} arrived.")
        self.div = div
        self._hold(_checked_files(values))
        if self.c == 2 and not div:
            self._warn_of_masks_to_divide(self.classes[1])

    def _warn_of_masks_to_divide(self, name: Any) -> None:
        """Warn if the first masks hold 0 and 255 alone: 255 is unknown, but was likely meant to be the class 1."""
        held = set[int]()
        for file in [file for file in self.files if file is not None][:_FEW]:
            with suppress(DataError):  # it is said when the mask is read
                held |= set(np.unique(open_mask(file).pixels).tolist())
        if held == {0, UNKNOWN}:
            warnings.warn(
                f"the first masks hold 0 and 255 alone, and 255 is unknown: nothing is learned of {name!r}. "
                "Give div=True if 255 stands for it.",
                stacklevel=callers_level(),
            )

    @staticmethod
    def loss_func(outputs: Tensor, targets: Tensor) -> Tensor:
        """The mean of the cross-entropy of all pixels that are known; nan if none are.

        Args:
            outputs: scores [B, classes, H, W].
            targets: int64 [B, 1, H, W] or [B, H, W].
        """
        return F.cross_entropy(outputs, targets.reshape(len(targets), *outputs.shape[2:]), ignore_index=UNKNOWN)

    def _hold(self, files: Sequence[Path | None]) -> None:
        self.files: list[Path | None] = list(files)
        self.data = torch.tensor([NO_CLASS if file is None else _number_of(file) for file in files], dtype=torch.int64)

    def new(self, values: Any) -> Self:
        other = copy.copy(self)
        other._hold(_checked_files(values))
        return other

    def take(self, which: Tensor) -> Self:
        other = copy.copy(self)
        other._hold([self.files[i] for i in torch.arange(len(self.files))[which].tolist()])
        return other

    def blank(self, n: int) -> Self:
        other = copy.copy(self)
        other._hold([None] * n)
        return other

    def _encode(self, table: pd.DataFrame) -> Tensor:
        raise NotImplementedError("masks are read with their pictures")

    def __getitem__(self, position: int) -> Any:
        return self.opened(position)

    def opened(self, position: int, size: tuple[int, int] | None = None) -> ImageSegment | None:
        """The mask of a picture, before it is transformed; None if it has no mask.

        Args:
            position: of the picture.
            size: height and width of the picture, which the mask must have.

        Raises:
            DataError: the file cannot be used, its size is not the picture's, or it has a class that there is not.
        """
        file = self.files[position]
        if file is None:
            return None
        mask = open_mask(file, self.div)
        if size is not None and mask.size != size:
            raise DataError(
                f"a mask must have the size of its picture, {size[0]}×{size[1]}; {file} has {mask.size[0]}×"
                f"{mask.size[1]}: make it again from the picture as it is, or correct which mask is whose."
            )
        if mask.pixels.max() >= self.c:
            odd = [int(value) for value in np.unique(mask.pixels) if self.c <= value != UNKNOWN]
            if odd:
                hint = ", or give div=True for masks of 0 and 255" if self.c == 2 else ""
                raise DataError(
                    f"a mask's numbers must be those of the {self.c} classes, 0 to {self.c - 1} (or 255 for unknown); "
                    f"{file} holds {', '.join(map(str, odd[:_FEW]))}: name all classes{hint}."
                )
        return mask

    def encoded(self, target: ImageSegment | None, size: tuple[int, int]) -> Tensor:
        """A transformed mask as a batch holds it, uint8 [1, H, W]: all unknown if there is no mask."""
        if target is None:
            return torch.full((1, *size), UNKNOWN, dtype=torch.uint8)
        return torch.from_numpy(target.pixels)[None]

    def with_item(self, items: ImageDataset, position: int) -> tuple[Any, Any]:
        return items.with_target(position, self)

    def decode(self, data: Tensor) -> list[ImageSegment]:
        return [ImageSegment(mask) for mask in data]

    def columns(self) -> dict[str, list[Any]]:
        return {self.names[0]: [None if file is None else file.name for file in self.files]}

    def activate(self, outputs: Tensor) -> Tensor:
        return outputs.softmax(1)

    def decide(self, predictions: Tensor) -> Tensor:
        return predictions.argmax(1, keepdim=True)

    def on_photo(self, prediction: Tensor, view: PhotoView) -> Tensor:
        """The mask of a photo in its own size, uint8 [H, W]; 255, unknown, where the model saw nothing of it."""
        return torch.from_numpy(view.classes(prediction))

    def answer(self, predictions: Tensor) -> dict[str, Any]:
        """The mask, a PNG of class numbers in base64, the classes by their numbers, and the share of each (0–1)."""
        mask, classes = predictions[0].numpy(), list(self.classes or [])
        named = dict(zip(share_columns(classes), shares(mask, self.c), strict=True))
        return {"mask": png_in_base64(mask), "classes": classes, **named}

    def state(self) -> dict[str, Any]:
        return {"kind": "MaskList", "names": self.names, "classes": self.classes, "div": self.div}

    def restore(self, state: dict[str, Any]) -> None:
        self.names, self.div = saved_names(state), state["div"]
        if not isinstance(self.div, bool):
            raise ValueError(f"div {self.div!r}")
        self.classes = checked_classes(saved_list(state, "classes"), self.names[0])
        self.c = _checked_count(self.classes)
        self._hold([])


def _checked_count(classes: Sequence[Any]) -> int:
    if not 1 <= len(classes) <= UNKNOWN:
        raise DataError(f"masks must have 1 to {UNKNOWN} classes, because 255 is unknown; {len(classes)} arrived.")
    return len(classes)


def _number_of(file: Path) -> int:
    """A number from 0 on that stands for a file's path."""
    return int.from_bytes(hashlib.blake2b(str(file).encode("utf-8", "surrogateescape"), digest_size=7).digest())


def _checked_files(values: Any) -> list[Path]:
    if isinstance(values, (pd.DataFrame, pd.Series)):
        table = as_table(values)
        if table.shape[1] != 1:
            raise DataError(f"each picture has one mask; the columns {list(table.columns)} arrived: name one.")
        values = table.iloc[:, 0].tolist()
    odd = [value for value in values if not isinstance(value, (str, Path))]
    if odd:
        raise DataError(
            f"each picture must have the path of its mask; {type(odd[0]).__name__} arrived: return a path from the "
            "function of label_from_func."
        )
    files = [Path(value) for value in values]
    with ThreadPoolExecutor() as threads:
        faults = [fault for fault in threads.map(_fault_of, files) if fault]
    if faults:
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        raise DataError(f"{faults[0].removesuffix('.')}{more}.")
    return files


def _fault_of(file: Path) -> str:
    """Why a file cannot be a mask, as its header says; empty if it can."""
    try:
        with open_picture(file) as picture:
            _check_kind(picture, file)
    except DataError as error:
        return str(error)
    except Exception as error:  # Pillow raises nearly any type on a malformed file
        return f"{file} cannot be read as a mask: {picture_fault(file, error)}. Replace the file."
    return ""
