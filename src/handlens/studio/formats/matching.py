"""Photos by the names that files give them."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property


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

        The name may also be a longer path, whose first folders are not those of the collection.

        Returns:
            its id and "", or −1 and the reason why there is no such photo.
        """
        if (id := self._exact.get(name)) is not None:
            return id, ""
        wanted = _plain(name)
        if not wanted:
            return -1, "names no photo"
        found: Sequence[int] = ()
        # First the whole path, then the path without the first folders, in which the photos may have been.
        for end in _ends(wanted):
            if end == wanted or "/" in end:
                found = self._whole.get(end, ())
                if found:
                    break
        found = found or self._by_end.get(wanted) or self._by_stem.get(wanted) or ()
        found = found or self._by_end.get(wanted.rpartition("/")[2]) or ()
        if len(found) > 1:
            return -1, f"{len(found)} photos have this name"
        return (found[0], "") if found else (-1, "no photo has this name")

    def count(self, names: Iterable[str]) -> int:
        """How many photos these names name."""
        return len({id for id, _ in map(self.find, names) if id >= 0})

    @cached_property
    def _whole(self) -> dict[str, list[int]]:
        whole: dict[str, list[int]] = defaultdict(list)
        for id, path in enumerate(self.paths):
            whole[_plain(path)].append(id)
        return dict(whole)

    @cached_property
    def _by_end(self) -> dict[str, list[int]]:
        ends: dict[str, list[int]] = defaultdict(list)
        for path, ids in self._whole.items():
            for end in _ends(path):
                ends[end].extend(ids)
        return dict(ends)

    @cached_property
    def _by_stem(self) -> dict[str, list[int]]:
        stems: dict[str, list[int]] = defaultdict(list)
        for end, ids in self._by_end.items():
            stems[_stem(end)].extend(ids)
        return dict(stems)


def _plain(path: str) -> str:
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
