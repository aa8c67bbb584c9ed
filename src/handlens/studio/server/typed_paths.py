"""Paths as people type or paste them: in quotes, as a file:// address, with ~ or with spaces around them."""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from handlens.errors import CollectionError
from handlens.studio.photo_sources.addresses import CLOUD, scheme_of

_QUOTES = ('""', "''", "“”", "‘’", "„“", "«»", "``")


def typed_path(text: str) -> Path:
    """The path that a person means; a file or folder that has the very name that was typed comes first.

    Args:
        text: such as '"/home/me/my photos" ', "file:///home/me/my%20photos", "~/photos" or, from a terminal,
            "/home/me/my\\\\ photos".

    Raises:
        CollectionError: it names nothing, or is the file:// address of another machine.

    Example:
        >>> typed_path(' "/home/me/my photos" ') == typed_path("file:///home/me/my%20photos")
        True
    """
    if _exists(text):
        return Path(text)
    name = text.strip()
    if len(name) > 2 and name[0] + name[-1] in _QUOTES:
        name = name[1:-1].strip()
    if name.lower().startswith("file:"):
        try:
            address = urlsplit(name)
        except ValueError:
            raise CollectionError(f"“{name[:200]}” is not a file:// address. Give the path instead.") from None
        if address.netloc not in ("", "localhost"):
            raise CollectionError(f"a file:// address must be of this machine; “{name[:200]}” is of {address.netloc}.")
        name = url2pathname(address.path)
    if not name:
        raise CollectionError(f"a path must name a folder or file; {text[:200]!r} arrived.")
    name = os.path.expanduser(name)
    unescaped = re.sub(r"\\(.)", r"\1", name)
    return Path(unescaped if os.name == "posix" and not _exists(name) and _exists(unescaped) else name)


def typed_source(text: str) -> str:
    """The source of photos that a person means: an address of a bucket, or a path as of `typed_path`.

    Example:
        >>> typed_source(" s3://bucket/photos "), typed_source('"photos/*.jpg"')
        ('s3://bucket/photos', 'photos/*.jpg')
    """
    return text.strip() if scheme_of(text.strip()) in CLOUD else os.fspath(typed_path(text))


def _exists(text: str) -> bool:
    try:
        return os.path.lexists(text)
    except ValueError:  # half characters, or one that no path may have
        return False
