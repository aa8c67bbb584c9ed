"""Names of uploaded files, which cannot be trusted, as paths inside one folder."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from handlens.errors import UploadError

LONGEST_PART = 255  # bytes; the limit of common file systems
LONGEST = 1024
DEEPEST = 32


def safe_path(name: str) -> PurePosixPath:
    """The name as a relative path inside a folder; a backslash counts as a slash.

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
        raise UploadError(f"file names must be relative; “{shown}” starts with a drive.")
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
            f"file names must be at most {LONGEST_PART} bytes a part, {LONGEST} bytes and {DEEPEST} folders; "
            f"“{shown}” is longer."
        )
    return PurePosixPath(*parts)


def is_hidden(path: PurePosixPath) -> bool:
    """Whether a file is hidden or one that macOS adds to zips; scanning a folder ignores these too."""
    return any(part.startswith(".") or part == "__MACOSX" for part in path.parts)
