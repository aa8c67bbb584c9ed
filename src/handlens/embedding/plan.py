"""The plan of a run: the units of work, the same however often it is resumed.

OUT/plan holds `plan.json`, what the source is and how much it is, and `units.jsonl`, one unit a line:

- {"files": [[address, reason], …]}: about a thousand files, each a photo unless it has a reason to be left out;
- {"tar": address}: a tar archive, as of WebDataset;
- {"parquet": address, "column": […], "groups": [first, end]}: row groups of a Parquet file.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

from handlens.embedding.addresses import open_address
from handlens.errors import CollectionError, HandlensError, PhotoError, ShardError
from handlens.io.checksums import with_checksum, without_checksum
from handlens.io.file_kinds import CALLED
from handlens.io.files import atomic_folder
from handlens.io.plain_json import read_json
from handlens.io.problems import reason_of
from handlens.studio.photo_sources import PhotoSource
from handlens.studio.photo_sources.addresses import CLOUD, scheme_of
from handlens.studio.scanning import natural_order

PLAN, PLAN_FACTS = "plan", "plan.json"
A_UNIT = 1000
"""Photos of a unit, where they are files or rows."""

_NAMED = 3
"""Files whose reasons are in the error where none is a photo."""

_TARS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
_PARQUET = (".parquet", ".pq")
_KNOWN = frozenset({"source", "units", "photos", "bytes", "archives"})
_COLUMNS = ("image", "photo", "picture", "jpg", "jpeg", "png", "bytes", "content")


@dataclass(frozen=True)
class PlanFacts:
    """How much there is to do.

    Attributes:
        source: what is embedded, as it was given, with absolute paths.
        units: how many units.
        photos: how many files and rows there are, beside those in tar archives.
        bytes: of the files on this machine.
        archives: how many tar archives, whose photos are counted as they are read.
    """

    source: tuple[str, ...]
    units: int
    photos: int
    bytes: int
    archives: int


class EmbeddingPlan:
    """A plan that is on disk.

    Args:
        out: the folder of the shards.

    Attributes:
        facts: how much there is.

    Raises:
        ShardError: there is none, or it is damaged.
    """

    def __init__(self, out: Path) -> None:
        file = out / PLAN / PLAN_FACTS
        try:
            content = without_checksum(read_json(file), known=_KNOWN)
            self.facts = PlanFacts(**content | {"source": tuple(content["source"])})
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise ShardError(
                f"{file} is damaged: {reason_of(error)}. Remove the folder {out / PLAN} and the folder {out / 'done'} "
                "and run the same command again: it is planned again."
            ) from error
        self._units = out / PLAN / "units.jsonl"
        self._starts: list[int] | None = None

    def unit(self, number: int) -> dict[str, Any]:
        """A unit, as in units.jsonl."""
        try:
            with self._units.open("rb") as file:
                if self._starts is None:
                    self._starts = [0]
                    for line in file:
                        self._starts.append(self._starts[-1] + len(line))
                file.seek(self._starts[number])
                found: dict[str, Any] = json.loads(file.readline())
                return found
        except (OSError, ValueError, IndexError) as error:
            raise ShardError(f"{self._units} is damaged: {reason_of(error)}. Restore it from a backup.") from error


def make_plan(out: Path, source: PhotoSource, *, found: Callable[[int], None] | None = None) -> EmbeddingPlan:
    """Look through a source and write its plan, whole or not at all; a plan that is there must be of this source.

    Args:
        out: the folder of the shards.
        source: of the photos.
        found: called with the number of files found so far; what it raises ends the search, and no plan is written.

    Raises:
        CollectionError, ShardError: the source is not there, cannot be listed or cannot have photos, or the plan is of
            another source.
        StorageError: the disk refused.
    """
    given = source.given
    if (out / PLAN / PLAN_FACTS).exists():
        plan = EmbeddingPlan(out)
        if plan.facts.source != given:
            raise ShardError(
                f"{out} is being made from {', '.join(plan.facts.source)}; {', '.join(given)} was asked for. Give "
                "the same source to go on, or another folder."
            )
        return plan
    with atomic_folder(out / PLAN) as folder:
        with (folder / "units.jsonl").open("w", encoding="utf-8") as file:
            units, count = _Units(file), _Count(found)
            for address, reason in _files(source, count):
                count.given()
                units.add(address, reason)
            units.end()
        if not units.archives and units.photos == units.left_out:
            raise without_photos(given, units.left_out, units.reasons)
        facts = PlanFacts(given, units.count, units.photos, units.bytes, units.archives)
        (folder / PLAN_FACTS).write_text(json.dumps(with_checksum(asdict(facts))), encoding="utf-8")
    return EmbeddingPlan(out)


def without_photos(source: tuple[str, ...], files: int, reasons: Iterable[tuple[str, str]]) -> CollectionError:
    """The error of a source in which no file is a photo; of its files the first few are named, with their reasons."""
    found = "no file was found there"
    if files:
        named = [f"{path}: {reason}" for path, reason in islice(reasons, _NAMED)]
        more = ["…"] if files > _NAMED else []
        found = f"of {files:,} files that were found there none can be used ({'; '.join(named + more)})"
    return CollectionError(
        f"{', '.join(source)} must hold photos, tar archives of photos or Parquet files with a column of photos; "
        f"{found}. Give the folder, pattern or address of the photos."
    )


class _Count:
    """How many files were found: seen while folders are looked through, or given one by one."""

    def __init__(self, found: Callable[[int], None] | None) -> None:
        self._found = found or (lambda _count: None)
        self._seen = self._given = 0

    def seen(self) -> None:
        """One more was seen."""
        self._seen += 1
        self._found(max(self._seen, self._given))

    def given(self) -> None:
        """One more was given."""
        self._given += 1
        self._found(max(self._seen, self._given))


class _Units:
    """Units that are being written."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._waiting: list[tuple[str, str]] = []
        self.count = self.photos = self.bytes = self.archives = self.left_out = 0
        self.reasons: list[tuple[str, str]] = []  # of the first that are left out

    def add(self, address: str, reason: str) -> None:
        """Take a file; what it is is said by its ending."""
        name = address.lower()
        if not reason and name.endswith(_TARS):
            self.archives += 1
            self._write({"tar": address})
        elif not reason and name.endswith(_PARQUET):
            self._add_parquet(address)
        else:
            self._add_photo(address, reason or _never_a_photo(name))
        if not scheme_of(address) and not reason:
            self.bytes += _size(address)

    def end(self) -> None:
        """Write the unit that is not full."""
        if self._waiting:
            self._write({"files": self._waiting})
            self._waiting = []

    def _add_photo(self, address: str, reason: str) -> None:
        self._waiting.append((address, reason))
        self.photos += 1
        if reason:
            self.left_out += 1
            if len(self.reasons) < _NAMED:
                self.reasons.append((address, reason))
        if len(self._waiting) == A_UNIT:
            self.end()

    def _add_parquet(self, address: str) -> None:
        try:
            column, rows = _parquet(address)
        except PhotoError as error:
            self._add_photo(address, str(error))
            return
        first, held = 0, 0
        for group, count in enumerate(rows, 1):
            held += count
            if held >= A_UNIT or group == len(rows):
                self._write({"parquet": address, "column": column, "groups": [first, group]})
                first, held = group, 0
        self.photos += sum(rows)

    def _write(self, unit: dict[str, Any]) -> None:
        self._file.write(json.dumps(unit) + "\n")
        self.count += 1


def _files(source: PhotoSource, count: _Count) -> Iterator[tuple[str, str]]:
    """The files of a source, in an order that is the same each time, with the reason to leave one out or ""."""
    source.check()
    if source.folder is not None:
        yield from _in_folder(source.folder, source.folder, count)
        return
    named: set[bytes] = set()
    try:
        for found in source.files(count.seen):
            if found.reason and scheme_of(found.source) in CLOUD:  # a plan without it would be kept
                wanted = "run the same command again once it can be listed" if source.urls else "add --urls"
                raise CollectionError(
                    f"{found.reason}. Nothing is embedded yet: {wanted}, or take it out of what is given."
                )
            if _is_first(named, found.source):
                yield found.source, found.reason
    except CollectionError:
        raise
    except HandlensError as error:
        raise ShardError(str(error)) from error


def _is_first(named: set[bytes], address: str) -> bool:
    """Whether a file was not named before, by a list or by patterns that overlap; it is kept as a hash."""
    path = address if scheme_of(address) else os.path.abspath(address)
    mark = hashlib.blake2b(os.fsencode(path), digest_size=16).digest()
    if mark in named:
        return False
    named.add(mark)
    return True


def _in_folder(root: Path, folder: Path, count: _Count) -> Iterator[tuple[str, str]]:
    """The files below a folder, one folder after the other, so that only one is held in memory."""
    try:
        with os.scandir(folder) as listing:
            entries = []
            for entry in listing:
                if not entry.name.startswith("."):
                    entries.append(entry)
                    if not entry.is_dir(follow_symlinks=False):
                        count.seen()
        entries.sort(key=lambda entry: natural_order(entry.name))
    except OSError as error:
        if folder == root:
            raise CollectionError(f"{root} cannot be read: {reason_of(error)}.") from error
        yield _printable(folder), f"the folder cannot be opened: {reason_of(error)}"
        return
    folders = []
    for entry in entries:
        if _printable(entry.path) != entry.path:
            yield _printable(entry.path), "its name is not valid Unicode; rename it to use it"
        elif entry.is_dir(follow_symlinks=False):
            folders.append(entry.path)
        else:
            yield entry.path, _why_not(root, entry)
    for inner in folders:
        yield from _in_folder(root, Path(inner), count)


def _why_not(root: Path, entry: os.DirEntry[str]) -> str:
    """Why an entry of a folder cannot be a photo; "" if it may be."""
    try:
        if entry.is_symlink():
            target = Path(entry.path).resolve(strict=True)
            if not target.is_relative_to(root.resolve()):
                return "a link to outside the folder"
            if target.is_dir():
                return "a link to a folder"
        if not entry.is_file():
            return "not a file with content (a device, pipe or socket)"
        return "" if entry.stat().st_size else "empty (0 bytes)"
    except FileNotFoundError:
        return "a link to a file that does not exist"
    except (OSError, RuntimeError) as error:
        return reason_of(error)


def _never_a_photo(name: str) -> str:
    """Why a file with such a name is not opened; "" for a photo and anything else."""
    kind = CALLED.get(os.path.splitext(name)[1])
    if kind is None or name.endswith(".heic"):
        return ""
    return f"{kind}; `handlens embed` takes photos, tar archives and Parquet files: take its photos out first"


def _parquet(address: str) -> tuple[list[str], list[int]]:
    """The column of a Parquet file that holds photos, as a path of names, and the rows of each of its row groups."""
    import pyarrow as pa
    from pyarrow import parquet

    try:
        with open_address(address) as opened:
            file = parquet.ParquetFile(opened)
            rows = [file.metadata.row_group(i).num_rows for i in range(file.metadata.num_row_groups)]
            schema = file.schema_arrow
    except (OSError, pa.ArrowException) as error:
        raise PhotoError(f"not a Parquet file that can be read: {reason_of(error)[:200]}") from error
    fit = {}
    for column in schema:
        if pa.types.is_struct(column.type) and column.type.get_field_index("bytes") >= 0:
            fit[column.name] = [column.name, "bytes"]
        elif pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type):
            fit[column.name] = [column.name]
    if not fit:
        raise PhotoError(f"a Parquet file without a column of bytes; it has {', '.join(schema.names)[:200]}")
    return fit[next((name for name in _COLUMNS if name in fit), next(iter(fit)))], rows


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0


def _printable(path: str | Path) -> str:
    return os.fsencode(path).decode("utf-8", "replace")
