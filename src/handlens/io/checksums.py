"""CRC-32 checksums of files that are kept, so that damage on the disk is found when they are read.

A checksum also covers the name of what it is of: a file that takes the place of another is found too. JSON has it as
its member "crc32", other files as their last four bytes, tables in the table "checksums" beside them
(`handlens.io.sqlite`). What was written before there were checksums has none, and
is read as it is.
"""

from __future__ import annotations

import io
import json
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from handlens.io.files import atomic_write

KEY = "crc32"
"""The member of JSON that holds the checksum of the others."""


class DamagedError(ValueError):
    """What was read is not what was written."""


def checksum(data: bytes | memoryview, *, of: str = "") -> int:
    """The CRC-32 of a name and of what is kept under it.

    Example:
        >>> checksum(b"123456789")
        3421780262
    """
    return zlib.crc32(data, zlib.crc32(of.encode("utf-8", "surrogateescape")))


def with_checksum(content: dict[str, Any], *, of: str = "") -> dict[str, Any]:
    """JSON with the checksum of its members.

    Example:
        >>> with_checksum({"name": "cars"})
        {'name': 'cars', 'crc32': '2f4ed7e4'}
    """
    plain: dict[str, Any] = json.loads(json.dumps(content))  # as it will be read: with text as keys
    return plain | {KEY: _of_json(plain, of)}


def without_checksum(content: dict[str, Any], *, known: frozenset[str], of: str = "") -> dict[str, Any]:
    """JSON without its checksum, which must be right; all of it if it has none.

    Args:
        content: what `with_checksum` gave, or an earlier version wrote.
        known: the members that there may be. Others are damage: a name that was changed, of the checksum's too.
        of: as in `with_checksum`.

    Raises:
        DamagedError: the checksum is another one, or a member is not known.

    Example:
        >>> without_checksum({"name": "cars", "crc32": "2f4ed7e4"}, known=frozenset({"name"}))
        {'name': 'cars'}
    """
    rest = {key: value for key, value in content.items() if key != KEY}
    odd = sorted(rest.keys() - known)
    if odd:
        raise DamagedError(f"“{odd[0][:40]}” is not known")
    if KEY in content and content[KEY] != _of_json(rest, of):
        raise DamagedError("its checksum is not that of its content")
    return rest


def write_checked(path: Path, data: bytes, *, of: str) -> None:
    """Write a file with its checksum, whole or not at all; errors of `atomic_write`."""
    with atomic_write(path) as partial:
        partial.write_bytes(data + checksum(data, of=of).to_bytes(4, "little"))


def read_checked(path: Path, *, of: str) -> bytes:
    """What `write_checked` wrote.

    Raises:
        DamagedError: it is not that, or was written before there were checksums.
        OSError: it cannot be read.
    """
    data = path.read_bytes()
    if len(data) < 4 or checksum(memoryview(data)[:-4], of=of) != int.from_bytes(data[-4:], "little"):
        raise DamagedError("its checksum is not that of its content")
    return data[:-4]


def row_checksum(*fields: str | bytes | float | None) -> int:
    """The checksum of a row of a table.

    Args:
        fields: for each column its name, the type of its value and the value itself, text and whole numbers as bytes.
            Columns without a value do not count, so that one that is added later changes no checksum.
    """
    found = 0
    for name, kind, value in zip(fields[::3], fields[1::3], fields[2::3], strict=True):
        if value is not None:
            content = value if isinstance(value, bytes) else struct.pack("<d", value)
            found = zlib.crc32(content, zlib.crc32(f"{name!s} {kind!s} {len(content)} ".encode(), found))
    return found


def read_npz(data: bytes) -> dict[str, Any]:
    """The arrays of an npz file, which has checksums of its own; DamagedError if they are not those of its content."""
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as stored:
            return dict(stored)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise DamagedError("it is not an npz file, or is damaged") from error


def _of_json(content: dict[str, Any], of: str) -> str:
    """The checksum of JSON, however it is spaced and ordered, as 8 hexadecimal digits."""
    return f"{checksum(json.dumps(content, sort_keys=True).encode(), of=of):08x}"
