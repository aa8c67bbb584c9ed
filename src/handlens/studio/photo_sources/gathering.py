"""Copying the photos of a source into a collection's own folder, so that it can be interrupted and go on."""

from __future__ import annotations

import hashlib
import os
import shutil
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from handlens.errors import Cancelled, CollectionError, DownloadError, PhotoError, StorageError, UploadError
from handlens.io.archives import RESERVE, unpack_tar
from handlens.io.file_kinds import kind_of, stem_of
from handlens.io.files import rename
from handlens.io.locks import process_lock
from handlens.io.pictures import picture_fault
from handlens.io.problems import reporting_disk_errors
from handlens.io.zips import unpack
from handlens.studio.photo_sources.addresses import scheme_of
from handlens.studio.photo_sources.dicom import dicom_pictures
from handlens.studio.photo_sources.found import MOST_FILES, FoundFile
from handlens.studio.photo_sources.parts import PartReader
from handlens.studio.photo_sources.pdf import pdf_pages
from handlens.studio.photo_sources.scans import has_pages, scan_pages
from handlens.studio.photo_sources.source import PhotoSource
from handlens.studio.photo_sources.table import GatheredTable, Kept, PhotoPlace
from handlens.studio.photo_sources.video import video_frames
from handlens.studio.progress import GatheringProgress
from handlens.studio.scanning import LeftOut, files_below, natural_order, why_not_a_picture
from handlens.studio.zip_names import ZipNames

SCRATCH = ".gathering"
"""The folder, among the photos and hidden there, of what is being unpacked, downloaded or drawn."""

_UNPACKING = 0.5  # of the work on an archive, for what is said of the time left
_TOGETHER = 64
"""Photos that are put into the table together."""


class _Waiting(NamedTuple):
    """A photo that is written, and goes to its place once the table has it."""

    file: Path
    target: Path


class Gathering:
    """One run that copies the photos of a source; what an earlier run copied is not copied again.

    A photo is written among the files of the run, entered in the table, and then renamed to its place, so that a run
    that ends at any point leaves no photo of which nothing is known, and nothing half written.

    Args:
        source: of the photos.
        photos: the folder that they are copied to.
        database: the SQLite file of the collection.
        progress: called along the way.
        cancel: setting it raises Cancelled.
    """

    def __init__(
        self,
        source: PhotoSource,
        photos: Path,
        database: Path,
        *,
        progress: Callable[[GatheringProgress], None] | None = None,
        cancel: threading.Event | None = None,
    ) -> None:
        self._source, self._photos, self._scratch = source, photos, photos / SCRATCH
        self._table, self._own = GatheredTable(database), Path(os.path.realpath(database.parent))
        self._lock = database.with_name(f"{database.name}.gathering")
        self._progress, self._cancel = progress, cancel
        self._kept: dict[PhotoPlace, Kept] = {}
        self._left_out: dict[str, list[LeftOut]] = {}
        self._names = ZipNames()
        self._new: dict[PhotoPlace, Kept] = {}
        self._waiting: list[_Waiting] = []
        self._begun: list[str] = []  # files whose reasons of earlier runs do not count any more
        self._new_reasons: dict[str, list[LeftOut]] = {}
        self._now, self._pace = GatheringProgress(), _Pace()
        self._from, self._width = 0.0, 1.0  # of what is looked at, as shares of the file that holds it
        self._numbers = iter(range(2**62))

    def run(self) -> None:
        """Copy all photos that are not there yet.

        Raises:
            Cancelled: what was copied stays, and another run goes on from there.
            CollectionError: the source cannot be read, no photo of it can be used, or another process copies to the
                same folder.
            StorageError: the disk refused.
        """
        busy = CollectionError(f"another process is copying photos to {self._photos}. Wait for it.")
        with reporting_disk_errors(self._photos):
            self._table.keep({}, [], {})
            with process_lock(self._lock, busy=busy):
                self._scratch.mkdir(parents=True, exist_ok=True)
                try:
                    self._run()
                except Cancelled:
                    raise  # what was downloaded in part is of use to the next run
                except CollectionError:
                    self._tidy()
                    raise
                self._tidy()

    def _run(self) -> None:
        self._kept, self._left_out = self._table.kept(), self._table.left_out()
        for kept in self._kept.values():
            self._names.take(kept.path)
        for file in self._photos.iterdir():
            if file.name != SCRATCH:
                self._names.take(file.name)
        try:
            files = self._found()
            for number, found in enumerate(files):
                self._from, self._width = 0.0, 1.0
                self._tell(files=number, total=len(files), file=found.source, share=number / len(files))
                self._gather(found)
            self._tell(files=len(files), file="", share=1.0)
        finally:
            self._enter()
        used = [found.source for found in files]
        if {place.source for place in self._kept}.isdisjoint(used):
            raise CollectionError(self._nothing(used))

    def _found(self) -> list[FoundFile]:
        """The files of the source, each once."""
        files: dict[str, FoundFile] = {}
        for found in self._source.files():
            self._check()
            files.setdefault(found.source, found)
            if len(files) > MOST_FILES:
                raise CollectionError(f"a source must have at most {MOST_FILES:,} files; this one has more.")
        return list(files.values())

    def _gather(self, found: FoundFile) -> None:
        """Copy the photos of one file, or note why it has none."""
        self._left_out.pop(found.source, None)
        self._begun.append(found.source)
        reason = "in the collection's own folder" if self._is_own(found.source) else found.reason
        if reason:
            self._leave_out(found.source, found.name, reason)
            return
        if self._is_there(PhotoPlace(found.source)):
            return
        try:
            file = found.fetch(self._scratch, self._check)
        except PhotoError as error:
            self._leave_out(found.source, found.name, str(error))
            return
        is_own = file.is_relative_to(self._scratch)
        if self._kind(file) in ("zip", "tar"):
            self._gather_archive(file, found)
        else:
            self._gather_file(file, found.name, PhotoPlace(found.source), is_own=is_own)
        if is_own and all(photo.file != file for photo in self._waiting[-1:]):
            file.unlink(missing_ok=True)

    def _is_own(self, source: str) -> bool:
        """Whether a file is the collection's own: its photos would be copied again each time."""
        try:
            return scheme_of(source) is None and Path(os.path.realpath(source)).is_relative_to(self._own)
        except ValueError:  # a zero byte, which no file's name can have
            return False

    def _kind(self, file: Path) -> str | None:
        try:
            return kind_of(file)
        except OSError:  # `_gather_file` says why
            return None

    def _gather_archive(self, archive: Path, found: FoundFile) -> None:
        unpacked = self._scratch / hashlib.sha256(found.source.encode("utf-8", "replace")).hexdigest()[:16]
        shutil.rmtree(unpacked, ignore_errors=True)  # of a run that was interrupted
        try:
            for path, reason in unpack_archive(archive, unpacked, lambda share: self._tell_share(share * _UNPACKING)):
                self._leave_out(found.source, f"{found.name}/{path}", reason)
        except (UploadError, DownloadError) as error:
            self._leave_out(found.source, found.name, str(error).replace(str(archive), "it").rstrip("."))
            return
        folder = stem_of(found.name)
        files = sorted(files_below(unpacked), key=lambda file: natural_order(file[0]))
        for number, (path, why) in enumerate(files):
            self._from = _UNPACKING + (1 - _UNPACKING) * number / len(files)
            self._width = (1 - _UNPACKING) / len(files)
            self._tell_share(0.0)
            if why is not None:
                self._leave_out(found.source, f"{found.name}/{path}", why)
            elif self._kind(unpacked / path) in ("zip", "tar"):
                self._leave_out(found.source, f"{found.name}/{path}", "an archive in an archive, which is not opened")
            else:
                place = PhotoPlace(found.source, path)
                self._gather_file(unpacked / path, f"{folder}/{path}", place, f"{found.name}/{path}", is_own=True)
        self._enter()
        shutil.rmtree(unpacked, ignore_errors=True)

    def _gather_file(self, file: Path, name: str, place: PhotoPlace, shown: str = "", *, is_own: bool) -> None:
        """Copy the photos of one file that is not an archive; one of our own is moved if it is a photo itself."""
        shown = shown or name
        if self._is_there(place):
            return
        try:
            reader = self._reader(file)
            if reader is not None:
                self._gather_parts(reader, file, name, place, shown)
                return
            reason = why_not_a_picture(file) if file.stat().st_size else "empty (0 bytes)"
        except OSError as error:
            reason = picture_fault(file, error)
        if reason is not None:
            self._leave_out(place.source, shown, reason)
            return
        if is_own:
            self._add(place, name, file)
            return
        copy = self._partial()
        self._check_room(file.stat().st_size)
        shutil.copyfile(file, copy)
        self._add(place, name, copy)

    def _gather_parts(self, reader: PartReader, file: Path, name: str, place: PhotoPlace, shown: str) -> None:
        try:
            with closing(reader(file)) as parts:
                for part in parts:
                    self._check()
                    here = place._replace(page=part.page, second=part.second)
                    if part.share is not None:
                        self._tell_share(part.share)
                    if self._is_there(here):
                        continue
                    partial = self._partial()
                    self._check_room(0)
                    try:
                        part.write(partial)
                    except PhotoError as error:
                        partial.unlink(missing_ok=True)
                        self._leave_out(place.source, f"{shown}{part.name.removesuffix(part.ending)}", str(error))
                        continue
                    self._add(here, f"{stem_of(name)}{part.name}", partial, part.note)
        except PhotoError as error:
            self._leave_out(place.source, shown, str(error))

    def _reader(self, file: Path) -> PartReader | None:
        kind = kind_of(file)
        if kind == "pdf":
            return pdf_pages
        if kind == "video":
            return video_frames(self._source.every)
        if kind == "dicom":
            return dicom_pictures
        return scan_pages(self._scratch) if has_pages(file) else None

    # --- what is written -----------------------------------------------------------------------

    def _is_there(self, place: PhotoPlace) -> bool:
        """Whether a photo was copied before, and its file is as it was written."""
        kept = self._kept.get(place)
        if kept is None:
            return False
        try:
            is_there = (self._photos / kept.path).stat().st_size == kept.size
        except OSError:
            return False
        if is_there:  # passing it by says nothing of how long copying takes
            self._pace.begin(self._now.share)
        return is_there

    def _partial(self) -> Path:
        return self._scratch / f"{next(self._numbers)}.part"

    def _add(self, place: PhotoPlace, name: str, file: Path, note: str = "") -> None:
        """Let a photo that is written go to its place with the others that wait."""
        known = self._kept.get(place)
        path = known.path if known is not None else self._names.file(None, name)
        self._kept[place] = self._new[place] = Kept(path, file.stat().st_size, note)
        self._waiting.append(_Waiting(file, self._photos / path))
        self._tell(photos=self._now.photos + 1)
        if len(self._waiting) >= _TOGETHER:
            self._enter()

    def _leave_out(self, source: str, shown: str, reason: str) -> None:
        for reasons in (self._left_out, self._new_reasons):
            reasons.setdefault(source, []).append(LeftOut(shown, reason))
        self._tell(left_out=self._now.left_out + 1)

    def _enter(self) -> None:
        """Enter in the table what waits, and rename it to its place."""
        photos, waiting, begun, reasons = self._new, self._waiting, self._begun, self._new_reasons
        self._new, self._waiting, self._begun, self._new_reasons = {}, [], [], {}
        self._table.keep(photos, begun, reasons)
        for file, target in waiting:
            target.parent.mkdir(parents=True, exist_ok=True)
            rename(file, target)

    # --- along the way -------------------------------------------------------------------------

    def _check(self) -> None:
        if self._cancel is not None and self._cancel.is_set():
            raise Cancelled("copying photos was cancelled; what was copied stays. Begin again to go on from there.")

    def _tidy(self) -> None:
        shutil.rmtree(self._scratch, ignore_errors=True)
        with suppress(OSError):
            self._photos.rmdir()  # if nothing is in it

    def _check_room(self, size: int) -> None:
        free = shutil.disk_usage(self._scratch).free
        if size + RESERVE > free:
            raise StorageError(
                f"{self._photos} has room for {free / 1e6:,.0f} MB more, which is not enough for these photos. Make "
                "room, then begin again: what was copied stays."
            )

    def _tell(self, **changes: Any) -> None:
        self._check()
        self._now = replace(self._now, **changes)
        self._now = replace(self._now, seconds_left=self._pace.left(self._now.share))
        if self._progress is not None:
            self._progress(self._now)

    def _tell_share(self, share: float) -> None:
        """Say how much is behind of what is looked at."""
        self._tell(share=(self._now.files + self._from + self._width * share) / self._now.total)

    def _nothing(self, used: list[str]) -> str:
        out = [file for source in used for file in self._left_out.get(source, [])]
        if not out:
            return f"there is no photo to use in {self._source.name}. It has no files."
        reasons = "; ".join(f"{file.path}: {file.reason}" for file in out[:3])
        more = f"; and {len(out) - 3:,} more" if len(out) > 3 else ""
        return f"there is no photo to use in {self._source.name}. Left out: {reasons}{more}."


class _Pace:
    """How long is left, by how long a part of the whole took."""

    def __init__(self) -> None:
        self.begin(0.0)

    def begin(self, share: float) -> None:
        """Measure from here on, where a share of all is done."""
        self._share, self._since = share, time.monotonic()

    def left(self, share: float) -> float | None:
        """Seconds until all is done; None while unknown."""
        done = share - self._share
        return (time.monotonic() - self._since) * (1 - share) / done if done > 0 else None


def unpack_archive(archive: Path, folder: Path, progress: Callable[[float], None]) -> list[tuple[str, str]]:
    """Unpack a zip or tar archive into a new folder, whole or not at all; the files left out, with the reasons."""
    if kind_of(archive) == "tar":
        return unpack_tar(archive, folder, as_is=True, progress=progress)
    folder.mkdir()
    return unpack(archive, folder, progress=progress).left_out
