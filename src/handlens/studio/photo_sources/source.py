"""A source of photos: what a person names, and the files that it means."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from handlens.errors import CollectionError
from handlens.io.file_kinds import stem_of
from handlens.io.problems import reason_of
from handlens.studio.photo_sources.addresses import CLOUD, at_address, scheme_of
from handlens.studio.photo_sources.found import (
    LIST_ENDINGS,
    FoundFile,
    Seen,
    by_pattern,
    in_folder,
    is_pattern,
    left_out,
    local_file,
    names_of,
    read_list,
)

WEB = ("http", "https")
_NO_FILE = "there is no such file"


@dataclass(frozen=True)
class PhotoSource:
    """Photos that a collection is made of, or that are added to it.

    A folder by itself stays where it is. All else is copied into the collection's own folder: the photos of archives
    (.zip, .tar, .tar.gz …), patterns (`scans/**/*.tif`), lists of paths, or a text file of paths, one in a line; of
    s3:// and gs:// addresses; the pages of PDF documents and TIFF files; frames of videos; pictures of DICOM files.

    Args:
        images: a path, pattern or address, or a list of these.
        every: seconds between two frames of a video.
        urls: whether http:// and https:// addresses are downloaded, and those of s3:// and gs:// in lists.

    Raises:
        CollectionError: an argument is not as described.

    Example:
        >>> PhotoSource("film.mp4", every=2).name
        'film'
    """

    images: Path | str | Sequence[Path | str]
    every: float = 1.0
    urls: bool = False

    def __post_init__(self) -> None:
        """Check the arguments."""
        given = [self.images] if isinstance(self.images, str | os.PathLike) else self.images
        are_texts = isinstance(given, Sequence) and all(isinstance(one, str | os.PathLike) for one in given)
        if not are_texts or not given or not all(os.fspath(one).strip() for one in given):
            raise CollectionError(
                "images must be a path, pattern or address of photos, or a list with at least one; "
                f"{self.images!r:.200} arrived."
            )
        is_number = isinstance(self.every, int | float) and not isinstance(self.every, bool)
        if not is_number or not 0 < self.every < math.inf:
            raise CollectionError(f"every must be a number of seconds above 0; {self.every!r:.200} arrived.")

    @classmethod
    def of(cls, images: Path | str | Sequence[Path | str] | PhotoSource) -> PhotoSource:
        """The source of what a person gave."""
        return images if isinstance(images, PhotoSource) else cls(images)

    @property
    def folder(self) -> Path | None:
        """The folder of photos, if the source is one by itself, so that its photos stay where they are."""
        if not isinstance(self.images, str | os.PathLike) or scheme_of(os.fspath(self.images)):
            return None
        try:
            path = Path(self.images).expanduser().resolve()
            return path if path.is_dir() else None
        except (OSError, ValueError, RuntimeError):
            return None

    @property
    def given(self) -> tuple[str, ...]:
        """What the person gave, with absolute paths."""
        given = [self.images] if isinstance(self.images, str | os.PathLike) else self.images
        texts = [os.fspath(one) for one in given]
        return tuple(text if scheme_of(text) else _absolute(text) for text in texts)

    @property
    def name(self) -> str:
        """What a collection of it is called unless a person says otherwise."""
        first = self.given[0].rstrip("/\\").replace("\\", "/")
        parts = [part for part in first.split("/") if not is_pattern(part)] if is_pattern(first) else first.split("/")
        return stem_of(parts[-1]) or "photos"

    def check(self) -> None:
        """Raise CollectionError if what was given by itself is not there, or is an address that is not downloaded."""
        if not self._is_single:
            return
        (only,) = self.given
        if scheme_of(only):
            self._check_address(only, in_list=False)
        elif not is_pattern(only):
            try:
                is_there = os.path.isfile(only) or os.path.isdir(only)
            except ValueError:  # a zero byte
                is_there = False
            if not is_there:
                raise CollectionError(
                    f"{only[:1000]!s} must be photos: a folder, a file, or a pattern such as photos/*.jpg; there is no "
                    "such folder or file."
                )

    def files(self, seen: Seen = lambda: None) -> Iterator[FoundFile]:
        """The files that the source means, with folders, patterns and lists looked through; nothing is opened.

        Args:
            seen: called as folders and patterns are looked through, whose files are given once all are known.

        Raises:
            CollectionError: what was given by itself is not there or cannot be listed.
        """
        self.check()
        if not self._is_single:
            yield from self._listed(self.given, seen, lists=True)
            return
        (only,) = self.given
        if scheme_of(only):
            yield from at_address(only)
        elif is_pattern(only):
            found = by_pattern(only, seen)
            if not found:
                raise CollectionError(f"{only} must be a pattern of photos; no file is called like that.")
            yield from (local_file(path, name) for path, name in zip(found, names_of(found), strict=True))
        elif _is_list(only):
            yield from self._listed(_lines(Path(only)), seen, lists=False)
        else:
            yield local_file(Path(only), Path(only).name)

    @property
    def _is_single(self) -> bool:
        return isinstance(self.images, str | os.PathLike)

    def _listed(self, given: Sequence[str], seen: Seen, *, lists: bool) -> Iterator[FoundFile]:
        """The files of a list; what is wrong with one of them is its reason to be left out."""
        paths = [Path(text) for text in given if not scheme_of(text)]
        names = dict(zip(map(str, paths), names_of(paths), strict=True))
        for text in given:
            try:
                yield from self._one_listed(text, names.get(str(Path(text)), text), seen, lists=lists)
            except CollectionError as error:
                yield left_out(text, text, str(error).rstrip("."))
            except (OSError, ValueError) as error:
                yield left_out(text, text, reason_of(error))

    def _one_listed(self, text: str, name: str, seen: Seen, *, lists: bool) -> Iterator[FoundFile]:
        if scheme_of(text):
            self._check_address(text, in_list=True)
            yield from at_address(text)
            return
        path = Path(text)
        if path.is_dir():
            yield from in_folder(path.resolve(), name, seen)
        elif is_pattern(text):
            found = by_pattern(text, seen)
            yield from (local_file(path, name) for path, name in zip(found, names_of(found), strict=True))
            if not found:
                yield left_out(text, name, "no file is called like that")
        elif not path.exists():
            yield left_out(text, name, _NO_FILE)
        elif not path.is_file():
            yield left_out(text, name, "not a file with content (a device, pipe or socket)")
        elif lists and _is_list(text):
            yield from self._listed(_lines(path), seen, lists=False)
        else:
            yield local_file(path, name)

    def _check_address(self, address: str, *, in_list: bool) -> None:
        scheme = scheme_of(address)
        if scheme not in (*CLOUD, *WEB):
            known = ", ".join(f"{name}://" for name in (*CLOUD, *WEB))
            raise CollectionError(f"{address} must begin with one of {known}; it begins with {scheme}://.")
        if not self.urls and (in_list or scheme in WEB):
            raise CollectionError(
                f"{address} is an address, and nothing is downloaded unless it is asked for, by PhotoSource(…, "
                "urls=True) or --urls."
            )


def _absolute(text: str) -> str:
    try:
        return os.path.abspath(os.path.expanduser(text))
    except ValueError:  # a zero byte
        return text


def _is_list(text: str) -> bool:
    return text.lower().endswith(LIST_ENDINGS) and os.path.isfile(text)


def _lines(file: Path) -> list[str]:
    """The paths in a list, those that are relative from its folder, and addresses."""
    return [
        line if scheme_of(line) else os.path.join(file.parent, os.path.expanduser(line)) for line in read_list(file)
    ]
