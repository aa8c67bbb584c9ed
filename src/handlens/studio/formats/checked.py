"""Files, paths and values that cannot be trusted: what is not as it must be is an error that says why."""

from __future__ import annotations

import mmap
import reprlib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any

from handlens.errors import ImportProblem, PhotoError
from handlens.io.plain_json import parse_any_json
from handlens.io.problems import reason_of
from handlens.studio.register import file_below

LARGEST_JSON = 512 * 2**20
MOST_VALUES = 20_000_000
LARGEST_TEXT = 256 * 2**20
"""Bytes of a text file, and of JSON, and values of that: a few gigabytes of memory."""

_OVER = 0.01
"""Share of the picture by which a box may reach out of it, as rounding and hands do; it is cut there."""

_LARGEST_NUMBER = 1e300

Box = tuple[float, float, float, float]
"""x, y, width and height in shares of a picture."""


# --- files ---------------------------------------------------------------------------------------


def read_bytes(file: Path, most: int) -> bytes:
    """What a file holds.

    Raises:
        ValueError: it cannot be read, is not a file, or has more than `most` bytes.
    """
    try:
        if not file.is_file():  # a pipe would never end
            raise ValueError("it must be a file" if file.exists() else "there is no such file")
        with file.open("rb") as opened:
            data = opened.read(most + 1)
    except OSError as error:
        raise ValueError(f"it cannot be read: {reason_of(error)}") from error
    if len(data) > most:
        raise ValueError(f"it must have at most {most / 2**20:g} MB; it has more")
    return data


def read_text(file: Path, most: int = LARGEST_TEXT) -> str:
    """The text of a file in UTF-8, or in UTF-16 with a byte order mark.

    Raises:
        ValueError: as `read_bytes`, or it is in another encoding.
    """
    data = read_bytes(file, most)
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise ValueError(
            f"it must be text in UTF-8; its byte {error.start + 1:,} is not. Save it again as UTF-8"
        ) from error


def read_json(file: Path) -> Any:
    """What a JSON file of another program describes.

    Raises:
        ImportProblem: it is not such a file, is too large, or cannot be read.
    """
    try:
        return parse_any_json(read_bytes(file, LARGEST_JSON), most_values=MOST_VALUES)
    except ValueError as error:
        raise ImportProblem(f"{file.name} must be a file of JSON: {reason_of(error)}.") from error


def json_mentions(file: Path, kind: str, *names: str) -> bool:
    """Whether a file begins as JSON of a kind, "{" or "[", and has all these names in quotes; never raises."""
    try:
        if not file.is_file():  # a pipe would never end
            return False
        with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as data:
            head = data[:64].lstrip(b"\xef\xbb\xbf\xff\xfe\0 \t\r\n")
            return head.startswith(kind.encode()) and all(_is_in(data, f'"{name}"') for name in names)
    except (OSError, ValueError):  # ValueError: an empty file
        return False


def _is_in(data: mmap.mmap, text: str) -> bool:
    return any(data.find(text.encode(encoding)) >= 0 for encoding in ("utf-8", "utf-16-le", "utf-16-be"))


def file_in(folder: Path, path: str) -> Path:
    """The file at a path that a file names.

    Raises:
        ValueError: the path, or a link on its way, leads out of the folder.
    """
    try:
        return file_below(folder, path)
    except PhotoError as error:
        raise ValueError(f"{shown(path)} leads out of the folder") from error


# --- values --------------------------------------------------------------------------------------


def shown(value: object) -> str:
    """A value as it is shown in a reason: its beginning, if it is long.

    Example:
        >>> shown(list(range(100)))
        '[0, 1, 2, 3, 4, 5, ...]'
    """
    return _SHORT.repr(value)


_SHORT = reprlib.Repr()
_SHORT.maxlevel, _SHORT.maxstring = 2, 60


def fields(value: Any, what: str) -> dict[str, Any]:
    """The value, which must be a JSON object; ValueError otherwise."""
    if not isinstance(value, dict):
        raise ValueError(f"{what} must be a JSON object; {shown(value)} arrived")
    return value


def text(value: Any, what: str) -> str:
    """The value, which must be text that can be kept; ValueError otherwise.

    Example:
        >>> text(" 007 ", "its label")
        ' 007 '
    """
    if not isinstance(value, str):
        raise ValueError(f"{what} must be text; {shown(value)} arrived")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{what} must be text; {shown(value)}, which has half a character, arrived") from None
    return value


def photo_name(value: Any) -> str:
    """The value, which must be able to name a photo of a collection; ValueError otherwise."""
    name = text(value, "the photo's name")
    if not name.strip():
        raise ValueError("it names no photo")
    if "\0" in name:
        raise ValueError(f"the photo's name must be a path; {shown(name)} arrived")
    if ".." in name and ".." in PurePosixPath(name.replace("\\", "/")).parts:
        raise ValueError(f"{shown(name)} leads out of the folder")
    return name


def number(value: Any, what: str) -> float:
    """The value, which must be a number, and a finite one; ValueError otherwise."""
    if type(value) in (int, float) and -_LARGEST_NUMBER < value < _LARGEST_NUMBER:
        return float(value)
    raise ValueError(f"{what} must be a number, and a finite one; {shown(value)} arrived")


def pixels(width: Any, height: Any) -> tuple[float, float]:
    """The size of a picture that a file says; ValueError unless it can be one."""
    size = number(width, "the picture's width"), number(height, "the picture's height")
    if min(size) <= 0:
        raise ValueError(f"the picture's width and height must be more than 0; {shown(width)}×{shown(height)} arrived")
    return size


def box_in(values: Sequence[Any], width: float = 1.0, height: float = 1.0) -> Box:
    """A box in shares of its picture, cut at its edges.

    Args:
        values: x, y, width and height in the unit of `width` and `height`.
        width: of the picture.
        height: of the picture.

    Raises:
        ValueError: they are not four numbers, the box is empty, or it reaches out of the picture by more than 1 %.

    Example:
        >>> box_in([10, 20, 30, 40], 100, 200)
        (0.1, 0.1, 0.3, 0.2)
    """
    if not isinstance(values, (list, tuple)) or len(values) != 4:
        raise ValueError(f"its box must have x, y, width and height; {shown(values)} arrived")
    left, top, wide, high = (number(value, "each number of its box") for value in values)
    if wide <= 0 or high <= 0:
        raise ValueError(f"its box must be wider and higher than 0; {wide:g}×{high:g} arrived")
    x, wide = _cut(left / width, wide / width, values)
    y, high = _cut(top / height, high / height, values)
    return x, y, wide, high


def _cut(start: float, length: float, values: Sequence[Any]) -> tuple[float, float]:
    end = start + length
    if start < -_OVER or end > 1 + _OVER or end <= 0 or start >= 1:
        raise ValueError(f"its box must lie in the picture; {shown(values)} reaches out of it")
    if start >= 0 and end <= 1:
        return start, length
    begin = max(start, 0.0)
    return begin, min(end, 1.0) - begin


def moment(value: Any) -> datetime | None:
    """The time that text in ISO 8601 says, in UTC; None if it says none.

    Example:
        >>> moment("2024-05-01T12:00:00+02:00")
        datetime.datetime(2024, 5, 1, 10, 0, tzinfo=datetime.timezone.utc)
    """
    try:
        found = datetime.fromisoformat(value)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        return None
