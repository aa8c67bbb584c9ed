"""JPEG files decoded by torchvision: the same pixels as from Pillow, in half the time."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

MAGIC = b"\xff\xd8\xff"
"""What a JPEG file begins with."""

_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
"""The markers of a frame header, which holds the size; the three left out are tables."""

_SCAN, _METADATA = 0xDA, 0xE1
_GREY_OR_COLOUR = (1, 3)


class Header(NamedTuple):
    """What the header of a JPEG says: its size as stored, and whether it has EXIF or XMP, which may turn it."""

    height: int
    width: int
    has_metadata: bool


def read_header(data: bytes) -> Header | None:
    """The header up to the first scan; None if it is damaged, or not of one or three channels."""
    at, size, has_metadata = 2, None, False
    while at + 10 <= len(data):
        if data[at] != 0xFF:
            return None
        marker = data[at + 1]
        if marker == _SCAN:
            return None if size is None else Header(*size, has_metadata)
        if marker == 0xFF:  # a fill byte
            at += 1
            continue
        if marker in _FRAMES:
            height, width = int.from_bytes(data[at + 5 : at + 7]), int.from_bytes(data[at + 7 : at + 9])
            if not (height and width and data[at + 9] in _GREY_OR_COLOUR):
                return None
            size = height, width
        has_metadata |= marker == _METADATA
        at += 2 + int.from_bytes(data[at + 2 : at + 4])
    return None


def decoded(data: bytes) -> NDArray[np.uint8]:
    """Uint8 [H, W, 3] as stored; RuntimeError for a file that cannot be decoded."""
    # torch warns about read-only memory, so it gets a copy.
    picture = _decoder()(torch.frombuffer(bytearray(data), dtype=torch.uint8))
    return np.ascontiguousarray(picture.permute(1, 2, 0).numpy())


@cache
def _decoder() -> Callable[[Tensor], Tensor]:
    """torchvision's operator, looked up once: small pictures take as long to decode as it takes to find."""
    from torchvision.io import ImageReadMode  # it takes as long to import as all of handlens.vision

    try:
        # torchvision's own function only adds a warning that the operator will be removed.
        decode = torch.ops.image.decode_jpeg.default
    except AttributeError as error:
        raise RuntimeError("this torchvision decodes no pictures") from error
    mode = ImageReadMode.RGB.value
    return lambda stored: decode(stored, mode, False)
