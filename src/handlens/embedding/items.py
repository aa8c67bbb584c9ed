"""The photos of a unit, one after the other, as they stream through."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from handlens.embedding.addresses import LARGEST_PHOTO, TOO_LARGE, open_address, read_address
from handlens.errors import PhotoError, ShardError
from handlens.io.archives import TarError, tar_members
from handlens.io.problems import reason_of
from handlens.io.safe_paths import is_hidden
from handlens.studio.photo_sources.addresses import scheme_of

_BESIDE = (".json", ".txt", ".cls", ".npy", ".npz", ".pyd", ".id", ".index", ".pt", ".pth", ".pkl", ".pickle", ".csv")
"""Endings of what WebDataset keeps beside each photo."""


class Item(NamedTuple):
    """A photo of a unit.

    Attributes:
        path: where it comes from.
        fetch: gives its file, or its bytes; raises PhotoError.
        share: of the unit that is read once this photo is, 0–1, as far as that is known.
    """

    path: str
    fetch: Callable[[], Path | bytes]
    share: float = 0.0


def items_of(unit: dict[str, Any], first: int) -> Iterator[Item]:
    """The photos of a unit from a place on, always in the same order.

    Raises:
        ShardError: an archive or table cannot be read: it is damaged, or its bucket cannot be reached.
    """
    if "files" in unit:
        files = unit["files"]
        for number, (address, reason) in enumerate(files[first:], first + 1):
            yield _file(address, reason)._replace(share=number / len(files))
        return
    address = unit["tar"] if "tar" in unit else unit["parquet"]
    found = _in_tar(address, first) if "tar" in unit else _in_parquet(address, unit["column"], unit["groups"])
    try:
        for number, item in enumerate(found):
            if number >= first:
                yield item
    except FileNotFoundError as error:
        raise ShardError(f"{address} is missing. Put it back and run the same command again.") from error
    except PhotoError as error:
        raise ShardError(f"{address} cannot be read: {reason_of(error)}.") from error


def _file(address: str, reason: str) -> Item:
    def fetch() -> Path | bytes:
        if reason:
            raise PhotoError(reason)
        if scheme_of(address):
            return read_address(address)
        return Path(address)

    return Item(address, fetch)


def _in_tar(address: str, first: int) -> Iterator[Item]:
    """The files of a tar archive; one that ends too early has those before its end, and one more with the reason.

    Those before `first` are not read. A name that is there again gets a number: each photo has a path of its own.
    """
    number, seen = 0, Counter[str]()
    try:
        with open_address(address) as opened:
            size = opened.seek(0, os.SEEK_END)
            opened.seek(0)
            for member in tar_members(opened):
                name = PurePosixPath(member.name)
                if (
                    is_hidden(PurePosixPath(*(part for part in name.parts if part != "..")))
                    or name.suffix.lower() in _BESIDE
                ):
                    continue

                reason = member.reason or (TOO_LARGE if member.size > LARGEST_PHOTO else "")
                # At once, and not when it is asked for: the archive is a stream.
                data = b"" if reason or number < first else member.read()
                seen[member.name] += 1
                again = f" ({seen[member.name]})" if seen[member.name] > 1 else ""
                fetch = partial(_refuse, reason) if reason else partial(bytes, data)
                yield Item(f"{address}#{member.name}{again}", fetch, min(1.0, opened.tell() / max(1, size)))
                number += 1
    except TarError as error:
        reason = f"the archive is damaged from here on: {error}"
        yield Item(f"{address}#", partial(_refuse, reason))


def _in_parquet(address: str, column: list[str], groups: list[int]) -> Iterator[Item]:
    """Rows of a table; those from where it is damaged on have that as their reason."""
    import pyarrow as pa
    from pyarrow import parquet

    row = begin = end = 0
    try:
        with open_address(address) as opened:
            file = parquet.ParquetFile(opened)
            row = begin = sum(file.metadata.row_group(i).num_rows for i in range(groups[0]))
            end = row + sum(file.metadata.row_group(i).num_rows for i in range(*groups))
            for batch in file.iter_batches(64, row_groups=list(range(*groups)), columns=[".".join(column)]):
                values = batch.column(0)
                for name in column[1:]:
                    values = (
                        values.field(name)
                        if values.null_count == 0
                        else pa.array([one and one[name] for one in values.to_pylist()])
                    )
                for value in values:
                    data = value.as_py()
                    fetch = partial(bytes, data) if data else partial(_refuse, "without bytes")
                    yield Item(f"{address}#{row}", fetch, (row + 1 - begin) / (end - begin))
                    row += 1
    except (pa.ArrowException, OSError) as error:
        # Arrow says that data are corrupt by an OSError without a number; those of the disk have one.
        if scheme_of(address) or (isinstance(error, OSError) and error.errno is not None):
            raise
        reason = f"the Parquet file is damaged from here on: {reason_of(error).splitlines()[0][:300].rstrip('.')}"
        if not end:
            raise ShardError(f"{address} is damaged: {reason_of(error)[:300]}. Get it again.") from error
        for number in range(row, end):
            yield Item(f"{address}#{number}", partial(_refuse, reason))


def _refuse(reason: str) -> bytes:
    raise PhotoError(reason)


def is_there(address: str) -> bool:
    """Whether the folder of a file on this machine is there, so that a file that is missing is alone in that."""
    return os.path.isdir(os.path.dirname(address))
