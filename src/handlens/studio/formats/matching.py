"""Photos by the names that files give them."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from functools import cached_property
from urllib.parse import unquote, urlsplit

_UNKNOWN = "no photo has this name"


class PhotoNames:
    """Finds photos by the names that a file may give them.

    Args:
        paths: the photos' paths by id.

    Example:
        >>> names = PhotoNames(["a.jpg", "x/b.jpg"])
        >>> names.find("/home/me/photos/x/b.jpg"), names.find("b"), names.find("c.jpg")
        ((1, ''), (1, ''), (-1, 'no photo has this name'))
    """

    def __init__(self, paths: Sequence[str]) -> None:
        self.paths = paths
        self._exact = {path: id for id, path in enumerate(paths)}

    def find(self, name: str) -> tuple[int, str]:
        """The photo with a name: its path, an end of its path, or its file's name, with or without its extension.

        The name may also be a longer path, whose first folders are not those of the collection, or an address on the
        web. A photo that has the same file name in another folder is another photo.

        Returns:
            its id and "", or −1 and the reason why there is no such photo.
        """
        if (id := self._exact.get(name)) is not None:
            return id, ""
        id, reason = self._found(_plain(name))
        if id < 0 and ("%" in name or "://" in name):
            id, other = self._found(_plain(_path_of(name)))
            reason = "" if id >= 0 else reason if other == _UNKNOWN else other
        return id, reason

    def _found(self, wanted: str) -> tuple[int, str]:
        if not wanted:
            return -1, "names no photo"
        if ".." in wanted and ".." in wanted.split("/"):
            return -1, "leads out of the folder"
        # First the whole path, then the path without the first folders, in which the photos may have been.
        ends = [end for end in _ends(wanted) if end == wanted or "/" in end]
        for end in ends:
            if end in self._whole.first:
                return self._whole.photo(end)
        for index in (self._by_end, self._by_stem):
            if wanted in index.first:
                return index.photo(wanted)
        for end in ends:
            if end in self._whole_stems.first:
                return self._whole_stems.photo(end)
        file = wanted.rpartition("/")[2]
        for index in (self._by_end, self._by_stem):
            if file in index.first:
                id, reason = index.photo(file)
                if id >= 0 and "/" in self.paths[id]:
                    return -1, f"no photo has this path; {self.paths[id]} is another one of this name"
                return id, reason
        return -1, _UNKNOWN

    def count(self, names: Iterable[str]) -> int:
        """How many photos these names name."""
        return len({id for id, _ in map(self.find, names) if id >= 0})

    @cached_property
    def _plains(self) -> list[str]:
        return [_plain(path) for path in self.paths]

    # Each index is made when a name is not found by those before it.

    @cached_property
    def _whole(self) -> _Index:
        return _Index((path, id) for id, path in enumerate(self._plains))

    @cached_property
    def _whole_stems(self) -> _Index:
        return _Index((_stem(path), id) for id, path in enumerate(self._plains))

    @cached_property
    def _by_end(self) -> _Index:
        return _Index((end, id) for id, path in enumerate(self._plains) for end in _ends(path))

    @cached_property
    def _by_stem(self) -> _Index:
        return _Index((end, id) for id, path in enumerate(self._plains) for end in _ends(_stem(path)))


class _Index:
    """Photos by keys that several of them may share.

    Args:
        photos: keys and ids.

    Attributes:
        first: the first photo of each key.
    """

    def __init__(self, photos: Iterable[tuple[str, int]]) -> None:
        self.first: dict[str, int] = {}
        self._shared: dict[str, int] = {}  # how many photos have the keys that several have
        for key, id in photos:
            if self.first.setdefault(key, id) != id:
                self._shared[key] = self._shared.get(key, 1) + 1

    def photo(self, key: str) -> tuple[int, str]:
        """The photo of a key that is known, as `PhotoNames.find` gives it."""
        shared = self._shared.get(key)
        return (self.first[key], "") if shared is None else (-1, f"{shared} photos have this name")


def _path_of(address: str) -> str:
    """The path in an address on the web, or in one of its own kind of names, such as a%20b.jpg."""
    if "://" in address:
        with suppress(ValueError):
            address = urlsplit(address).path
    return unquote(address)


def _plain(path: str) -> str:
    if path.isascii() and "\\" not in path and "./" not in path and "//" not in path and path.strip("/.") == path:
        return path
    text = unicodedata.normalize("NFC", path).replace("\\", "/")
    return "/".join(part for part in text.split("/") if part not in ("", "."))


def _ends(path: str) -> Iterator[str]:
    """The path, and what is left of it without its first folder, its first two, …."""
    yield path
    at = path.find("/")
    while at >= 0:
        yield path[at + 1 :]
        at = path.find("/", at + 1)


def _stem(path: str) -> str:
    """The path without the extension of its file."""
    folder, slash, name = path.rpartition("/")
    stem = name.rpartition(".")[0]
    return f"{folder}{slash}{stem}" if stem else path
