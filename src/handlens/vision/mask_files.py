"""Predicted masks as files: a PNG of class numbers for each photo, and a table of what is in them."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image as Pillow
from torch import Tensor

from handlens.core.predictions import PATH, REASON
from handlens.vision.image import UNKNOWN
from handlens.vision.picture_files import made_for, one_for_each

MASK = "mask"
"""The column of the files."""

Classes = NDArray[np.uint8]


def share_columns(classes: Sequence[Any]) -> list[str]:
    """The column that holds the share of each class.

    Example:
        >>> share_columns(["road", 3])
        ['share of road', 'share of 3']
    """
    return [f"share of {name}" for name in classes]


def shares(mask: Classes, count: int) -> list[float]:
    """The share of each of so many classes in the pixels that are known (0–1).

    Example:
        >>> shares(np.array([[0, 1], [1, 255], [1, 255]], np.uint8), 3)
        [0.25, 0.75, 0.0]
    """
    known = np.bincount(mask.ravel(), minlength=UNKNOWN + 1)[:UNKNOWN]
    return [float(share) for share in known[:count] / max(int(known.sum()), 1)]


def png_in_base64(mask: Classes) -> str:
    """A mask as a server sends it."""
    out = io.BytesIO()
    Pillow.fromarray(mask).save(out, "PNG")
    return base64.b64encode(out.getvalue()).decode("ascii")


def write_masks(
    files: Sequence[Path | str],
    found: Iterable[Tensor | str],
    masks: Sequence[Path | str] | None,
    classes: Sequence[Any],
) -> pd.DataFrame:
    """Write each mask as soon as it is found, and make the table of them.

    Args:
        files: N photos.
        found: the mask of each, uint8 [H, W], or the reason why there is none.
        masks: the N files to write, each complete or not at all; that of a photo without a mask is not written.
        classes: by their numbers in the masks.

    Returns:
        N rows: `path`, `mask` (the file), `share of NAME` for each class, and `reason`.

    Raises:
        DataError: there are not N files to write, or one would be written twice.
    """
    places = one_for_each(files, masks, "masks")
    names = share_columns(classes)
    rows: list[list[Any]] = []
    for file, place, mask in zip(files, places, found, strict=True):
        if isinstance(mask, str):
            rows.append([str(file), None, *[None] * len(names), mask])
            continue
        pixels = mask.numpy()
        with made_for(place) as out:
            Pillow.fromarray(pixels).save(out, "PNG")
        rows.append([str(file), place, *shares(pixels, len(names)), ""])
    table = pd.DataFrame(rows, columns=[PATH, MASK, *names, REASON])
    return table.astype({PATH: "str", MASK: "str", REASON: "str"} | dict.fromkeys(names, "float64"))
