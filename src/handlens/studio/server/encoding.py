"""How selections and file names are written in JSON."""

from __future__ import annotations

import base64
import binascii

import numpy as np
from numpy.typing import NDArray

from handlens.errors import CollectionError


def selected(selection: str, count: int) -> NDArray[np.int64]:
    """The ids in a selection.

    Args:
        selection: base64 of a bitmask: bit i % 8, least significant first, of byte i // 8 is photo i.
        count: how many photos there are.

    Returns:
        int64 [n], ascending.

    Raises:
        CollectionError: it is not a selection of `count` photos.

    Example:
        >>> selected("BQI=", 10)
        array([0, 2, 9])
    """
    try:
        data = base64.b64decode(selection, validate=True)
    except (binascii.Error, ValueError):
        raise CollectionError("selection must be base64 of a bitmask; what arrived is not base64.") from None
    if len(data) != (count + 7) // 8:
        raise CollectionError(
            f"selection must be a bitmask of {(count + 7) // 8} bytes for {count} photos; {len(data)} arrived."
        )
    bits = np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")
    if bits[count:].any():
        raise CollectionError(f"selection must be a bitmask of {count} photos; a bit beyond the {count} is set.")
    return np.flatnonzero(bits[:count])


def packed_mask(mask: NDArray[np.bool_]) -> str:
    """A selection: base64 of the bitmask that `selected` reads.

    Example:
        >>> packed_mask(np.isin(np.arange(10), [0, 2, 9]))
        'BQI='
    """
    return base64.b64encode(np.packbits(mask, bitorder="little").tobytes()).decode("ascii")


def readable(text: str) -> str:
    """A file's name as text that UTF-8 can hold: bytes that are not valid text become question marks."""
    return text.encode("utf-8", "replace").decode("utf-8")
