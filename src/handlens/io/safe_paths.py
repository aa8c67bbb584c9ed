"""Names of uploaded files, which cannot be trusted, as paths inside one folder."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from handlens.errors import UploadError

LONGEST_PART = 255  # bytes of one folder's or file's name; the limit of common file systems
LONGEST = 1024  # bytes of the whole path
DEEPEST = 32  # parts: folders and the file


def safe_path(name: str) -> PurePosixPath:
    """Check the name that a browser or a zip gives, and make it a relative path; a backslash counts as a slash.

    Args:
        name: such as "holiday/beach.jpg".

    Returns:
        The path, which is inside any folder that it is joined to.

    Raises:
        UploadError: the path would be outside the folder, or is empty, too long or not text.

    Example:
        >>> str(safe_path("holiday\\\\beach.jpg"))
        'holiday/beach.jpg'
    """
    shown = name.encode("utf-8", "replace").decode("utf-8")[:200]
    text = name.replace("\\", "/")
    if text.startswith("/"):
        raise UploadError(f"file names must be relative; “{shown}” is absolute.")
    if re.match(r"[A-Za-z]:", text):
        raise UploadError(f"file names must be relative; “{shown}” starts with the letter of a drive.")
    if any(ord(c) < 32 or ord(c) == 127 for c in text):
        raise UploadError(f"file names must be text; {shown!r} has control characters.")
    try:
        size = len(text.encode("utf-8"))
    except UnicodeEncodeError:
        raise UploadError(f"file names must be text; {shown!r} is not valid Unicode.") from None
    parts = [part for part in text.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise UploadError(f"file names must stay inside their folder; “{shown}” leads out of it by “..”.")
    if not parts:
        raise UploadError("a file name is needed; an empty one arrived.")
    if size > LONGEST or len(parts) > DEEPEST or any(len(part.encode("utf-8")) > LONGEST_PART for part in parts):
        raise UploadError(
            f"a file name may have at most {LONGEST} bytes, {LONGEST_PART} in each part, and {DEEPEST} parts; "
            f"“{shown}” is longer."
        )
    return PurePosixPath(*parts)


def is_hidden(path: PurePosixPath) -> bool:
    """Whether a file is hidden or one that macOS adds to zips; scanning a folder ignores these too."""
    return any(part.startswith(".") or part == "__MACOSX" for part in path.parts)
