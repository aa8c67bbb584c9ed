"""Names that every system takes, Windows, macOS and Linux, in a zip or in a folder of Studio's own."""

from __future__ import annotations

import re
import unicodedata
from pathlib import PurePosixPath

_FORBIDDEN = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f]')
# Windows reads the superscripts as digits.
_RESERVED = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])[ ]*(\..*)?", re.IGNORECASE | re.DOTALL)
_LONGEST = 200  # bytes; file systems allow 255
_ENDING = 20  # bytes of an ending that is kept when a name is cut


class ZipNames:
    """Names of files and folders in one zip, or folder, in which no two differ only by case or form of characters.

    Args:
        taken: names at the top that are for something else.

    Example:
        >>> names = ZipNames()
        >>> names.file("front", "IMG.JPG"), names.file("front", "img.jpg"), names.file("aux", "a:b.png")
        ('front/IMG.JPG', 'front/img 2.jpg', '_aux/a_b.png')
    """

    def __init__(self, *taken: str) -> None:
        self._taken: dict[str, set[str]] = {"": {_same(name) for name in taken}}  # by folder
        self._folders: dict[tuple[str, ...], str] = {(): ""}

    def folder(self, *parts: str) -> str:
        """The name of a folder, given by the names of the folders on its way; the same each time."""
        if parts not in self._folders:
            self._folders[parts] = self._new(self.folder(*parts[:-1]), parts[-1], is_folder=True)
        return self._folders[parts]

    def file(self, folder: str | None, path: str) -> str:
        """A new name for the file at `path` below a folder at the top; None for a file that is not in one."""
        *folders, name = PurePosixPath(path).parts or ("",)
        at_top = () if folder is None else (folder,)
        return self._new(self.folder(*at_top, *folders), name, is_folder=False)

    def take(self, path: str) -> None:
        """Take the name of a file that is there already, and those of the folders on its way."""
        *folders, name = PurePosixPath(path).parts
        self._taken.setdefault(self._there(*folders), set()).add(_same(name))

    def _there(self, *parts: str) -> str:
        """The name of a folder that is there already."""
        if parts not in self._folders:
            above = self._there(*parts[:-1])
            self._taken.setdefault(above, set()).add(_same(parts[-1]))
            self._folders[parts] = "/".join(parts)
        return self._folders[parts]

    def _new(self, folder: str, name: str, *, is_folder: bool) -> str:
        name = _safe(name)
        stem, dot, ending = name.rpartition(".") if not is_folder else (name, "", "")
        if not stem:
            stem, dot, ending = name, "", ""
        taken, number = self._taken.setdefault(folder, set()), 2
        while _same(name) in taken:
            name, number = f"{stem} {number}{dot}{ending}", number + 1
        taken.add(_same(name))
        return f"{folder}/{name}" if folder else name


def _safe(name: str) -> str:
    """The name without characters, endings and words that some system refuses."""
    name = (
        _FORBIDDEN.sub("_", unicodedata.normalize("NFC", name).encode("utf-8", "replace").decode()).strip(". ") or "_"
    )
    if _RESERVED.fullmatch(name):
        name = f"_{name}"
    if len(name.encode()) > _LONGEST:
        stem, dot, ending = name.rpartition(".")
        if not stem or len(ending.encode()) > _ENDING:
            stem, dot, ending = name, "", ""
        room = _LONGEST - len((dot + ending).encode())
        name = stem.encode()[:room].decode(errors="ignore").strip(". ") + dot + ending
    return name


def _same(name: str) -> str:
    """What is equal for names that some system takes for the same."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
