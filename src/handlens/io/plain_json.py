"""JSON from files that cannot be trusted: of a size that fits into memory, and exactly what it says."""

from __future__ import annotations

import json
import math
import zlib
from pathlib import Path
from typing import Any

LARGEST = 64 * 2**20
"""Bytes that a file may have."""

MOST_UNPACKED = 256 * 2**20
"""Bytes that compressed values may have; those of ten million photos that get a label at once have fewer."""

MOST_VALUES = 2_000_000
"""Values that it may hold, texts aside; an empty list of two characters takes fifty bytes of memory."""


def read_json(file: Path) -> dict[str, Any]:
    """The object that a file of JSON in UTF-8 holds.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is larger than LARGEST, or as of `parse_json`.
    """
    if file.exists() and not file.is_file():  # a pipe would never end
        raise ValueError("it must be a file")
    with file.open("rb") as opened:
        data = opened.read(LARGEST + 1)
    return parse_json(data)


def parse_json(data: bytes) -> dict[str, Any]:
    """The object that JSON in UTF-8 describes.

    Args:
        data: at most LARGEST bytes, with at most MOST_VALUES values.

    Raises:
        ValueError: it is no such object, is larger, is nested too deeply, has a key twice, or has a number that is
            not finite.

    Example:
        >>> parse_json(b'{"a": [1, 2.5]}')
        {'a': [1, 2.5]}
    """
    if len(data) > LARGEST:
        raise ValueError(f"it must have at most {LARGEST // 2**20} MB; it has more")
    check_values(data, MOST_VALUES)
    try:
        found = json.loads(
            data.decode("utf-8"), object_pairs_hook=_object, parse_constant=_constant, parse_float=_finite
        )
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    if not isinstance(found, dict):
        raise ValueError(f"it must be a JSON object; it is a {type(found).__name__}")
    return found


def parse_any_json(data: bytes, *, most_values: int) -> Any:
    """What JSON of another program describes, in UTF-8, UTF-16 or UTF-32: any value, also numbers that are not finite.

    Raises:
        ValueError: it is not JSON, holds more than `most_values` values, is nested too deeply, has a key twice, or has
            a whole number of thousands of digits.

    Example:
        >>> parse_any_json('[1, NaN]'.encode("utf-16"), most_values=10)
        [1, nan]
    """
    check_values(data, most_values)
    encoding = json.detect_encoding(data)
    try:
        return json.loads(data.decode(encoding), object_pairs_hook=_object)
    except UnicodeDecodeError as error:
        raise ValueError(
            f"it must be text in {encoding}; its byte {error.start + 1:,} is not. Save it again as UTF-8"
        ) from error
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def check_values(data: bytes, most: int) -> None:
    """Raise ValueError if JSON seems to hold more than `most` values, texts aside."""
    # An upper bound, because these characters may be part of texts too.
    values = data.count(b",") + data.count(b"[") + data.count(b"{")
    if values > most:
        raise ValueError(f"it must hold at most {most:,} values; it seems to hold {values:,}")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in found if names.count(name) > 1)
        raise ValueError(f"the key {twice[:100]!r} is there twice")
    return found


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"numbers must be finite; {text[:40]} arrived")
    return number


def _constant(name: str) -> float:
    raise ValueError(f"numbers must be finite; {name} arrived")


def unpacked(data: bytes, *, most: int = MOST_UNPACKED) -> bytes:
    """What zlib made smaller; a few bytes may stand for any number.

    Raises:
        ValueError: it is damaged, or has more than `most` bytes.

    Example:
        >>> unpacked(zlib.compress(b"[1, 2]"))
        b'[1, 2]'
    """
    reader = zlib.decompressobj()
    try:
        found = reader.decompress(data, most)
    except zlib.error as error:
        raise ValueError(str(error)) from error
    if not reader.eof:
        more = f"it has more than {most:,} bytes" if reader.unconsumed_tail else "it was cut off"
        raise ValueError(more)
    return found
