"""One shard: about a thousand embedded photos in one safetensors file, which is written once and memory-mapped.

Of its tensors, each of n photos in the same order:

| name | type | what |
|---|---|---|
| features/LAYER | F16 [n, dim] | the features of a layer |
| thumbnails | U8 | JPEG files, one after the other |
| thumbnails.ends | U64 [n] | where each ends |
| aspects | F32 [n] | width over height |
| paths, paths.ends | U8, U64 [n] | where the photos came from, in UTF-8 |
| digests | U8 [n, 64] | BLAKE2b of each photo's file |
| sums | U32 [layers + 1, n] | CRC-32 of each row of features, layer after layer, and of each thumbnail |
| left_out | U8 | JSON: a list of [path, reason] |

The metadata has one text, "handlens": JSON with "layers", their ids in the order of `sums`, and "crc32", that of the
bytes of each tensor.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from handlens.errors import ShardError
from handlens.io.files import write_once
from handlens.io.plain_json import parse_any_json, parse_json
from handlens.io.problems import reason_of, storage_error
from handlens.io.tensor_files import Head, read_head

DIGEST = 64
"""Bytes of the hash of a photo's file, the same as in a collection."""

KEY = "handlens"
_MOST_LEFT_OUT = 2**24
_NUMPY = {"F16": "<f2", "F32": "<f4", "U8": "u1", "U32": "<u4", "U64": "<u8"}


class LeftOutPhoto(NamedTuple):
    """A photo that was not embedded: where it came from, and why, as a clause.

    Example:
        >>> LeftOutPhoto("a.jpg", "truncated").reason
        'truncated'
    """

    path: str
    reason: str


class ShardFile(NamedTuple):
    """What is kept elsewhere of a shard's file, to know it again: its size, and SHA-256 of all and of its head."""

    bytes: int
    sha256: str
    head: str


@dataclass
class NewShard:
    """The content of a shard that is to be written.

    Attributes:
        layers: the ids of the layers.
        paths, digests, aspects, thumbnails: of each photo.
        features: of each layer, for each batch of photos, [batch, dim].
        left_out: the photos that are left out.
    """

    layers: Sequence[str]
    paths: list[str] = field(default_factory=list)
    digests: list[bytes] = field(default_factory=list)
    aspects: list[float] = field(default_factory=list)
    thumbnails: list[bytes] = field(default_factory=list)
    features: list[list[NDArray[np.float16]]] = field(default_factory=list)
    left_out: list[LeftOutPhoto] = field(default_factory=list)

    def tensors(self, dims: Sequence[int]) -> dict[str, NDArray[Any]]:
        """Everything as the file holds it; `dims` are those of the layers."""
        found: dict[str, NDArray[Any]] = {}
        sums = np.zeros((len(self.layers) + 1, len(self.paths)), np.uint32)
        for at, (layer, dim) in enumerate(zip(self.layers, dims, strict=True)):
            blocks = [batch[at] for batch in self.features]
            rows = np.ascontiguousarray(np.concatenate([np.empty((0, dim), np.float16), *blocks]), "<f2")
            found[f"features/{layer}"] = rows
            sums[at] = row_sums(rows)
        sums[-1] = [zlib.crc32(data) for data in self.thumbnails]
        found["thumbnails"], found["thumbnails.ends"] = _packed(self.thumbnails)
        found["paths"], found["paths.ends"] = _packed([path.encode("utf-8") for path in self.paths])
        found["aspects"] = np.array(self.aspects, "<f4")
        found["digests"] = np.frombuffer(b"".join(self.digests), np.uint8).reshape(-1, DIGEST)
        found["sums"] = sums
        found["left_out"] = np.frombuffer(json.dumps(self.left_out).encode(), np.uint8)
        return found


def row_sums(rows: NDArray[Any]) -> NDArray[np.uint32]:
    """The CRC-32 of each row of a matrix.

    Example:
        >>> row_sums(np.frombuffer(b"123456789", np.uint8)[None]).tolist()
        [3421780262]
    """
    return np.array([zlib.crc32(row) for row in np.ascontiguousarray(rows)], np.uint32)


def write_shard(file: Path, content: NewShard, dims: Sequence[int]) -> ShardFile:
    """Write a shard, whole or not at all; what is there already stays, and is what is described.

    Raises:
        ShardError: another process has written a shard there that is damaged.
        StorageError: the disk refused.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import save_file

    tensors = content.tensors(dims)
    sums = {name: _sum(values) for name, values in tensors.items()}
    with write_once(file) as partial:
        try:
            save_file(tensors, partial, {KEY: json.dumps({"crc32": sums, "layers": list(content.layers)})})
        except SafetensorError as error:  # which wraps the system's errors
            raise storage_error(file, error) from error
    return described(file)


def described(file: Path) -> ShardFile:
    """Read all of a shard's file, to know it again later; ShardError if it is damaged."""
    try:
        head = read_head(file)
        with file.open("rb") as opened:
            digest = hashlib.file_digest(opened, "sha256").hexdigest()
        return ShardFile(file.stat().st_size, digest, hashlib.sha256(head.data).hexdigest())
    except (OSError, ValueError) as error:
        raise _damaged(file, reason_of(error)) from error


class Shard:
    """A shard that is read: its head at once, each tensor when it is first asked for, checked by its checksum.

    Args:
        file: the shard.
        known: what the manifest says of the file; None to take it as it is.
        right: the tensors that were found right when it was open before; those found right now are added.

    Raises:
        ShardError: (all methods) it is missing, was cut short, or is damaged.

    Example:
        >>> features = [[np.ones((1, 2), np.float16)]]
        >>> new = NewShard(["net/0/what"], ["a.jpg"], [bytes(DIGEST)], [1.5], [b"a JPEG file"], features)
        >>> known = write_shard(Path("one.safetensors"), new, [2])
        >>> Shard(Path("one.safetensors"), known).path(0)
        'a.jpg'
    """

    def __init__(self, file: Path, known: ShardFile | None = None, *, right: set[str] | None = None) -> None:
        self.file = file
        try:
            self._head = read_head(file)
            if known is not None and (
                file.stat().st_size != known.bytes or hashlib.sha256(self._head.data).hexdigest() != known.head
            ):
                raise ValueError("it is not the file that the manifest describes")
            said = parse_json(self._head.metadata[KEY].encode())
            self._sums: dict[str, int] = said["crc32"]
            self.layers: list[str] = said["layers"]
            self.rows = _rows_of(self._head, self._sums, self.layers)
            with file.open("rb") as opened:
                self._map = memoryview(mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ))
        except FileNotFoundError as error:
            raise ShardError(
                f"the shard {file} is missing. Restore it, or run the same `handlens embed` again: it is made again."
            ) from error
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise _damaged(file, reason_of(error)) from error
        self._right: set[str] = set() if right is None else right

    def features(self, layer: str) -> NDArray[np.float16]:
        """The features of a layer [rows, dim], memory-mapped and read-only; KeyError if there is no such layer."""
        return self._checked(f"features/{layer}")

    def some_features(self, layer: str, rows: NDArray[np.int64]) -> NDArray[np.float16]:
        """The features of some rows, copied [k, dim]; only these are read and checked."""
        name = f"features/{layer}"
        if name in self._right or 8 * len(rows) > self.rows:
            return np.asarray(self.features(layer)[rows])
        found: NDArray[np.float16] = self._tensor(name)[rows]
        if (row_sums(found) != self._checked("sums")[self.layers.index(layer), rows]).any():
            raise _damaged(self.file, f"the checksum of features of {layer} is wrong")
        return found

    def thumbnail(self, row: int) -> bytes:
        """The thumbnail of a row, a JPEG file."""
        found = self._part("thumbnails", self._checked("thumbnails.ends"), row)
        if zlib.crc32(found) != int(self._checked("sums")[-1, row]):
            raise _damaged(self.file, f"the checksum of thumbnail {row} is wrong")
        return bytes(found)

    def path(self, row: int) -> str:
        """Where the photo of a row came from."""
        self._checked("paths")
        return str(self._part("paths", self._checked("paths.ends"), row), "utf-8", "replace")

    def paths(self) -> list[str]:
        """Where all photos came from."""
        return [self.path(row) for row in range(self.rows)]

    @property
    def aspects(self) -> NDArray[np.float32]:
        """Width over height [rows]."""
        return self._checked("aspects")

    @property
    def digests(self) -> NDArray[np.uint8]:
        """BLAKE2b of the photos' files [rows, 64]."""
        return self._checked("digests")

    def left_out(self) -> list[LeftOutPhoto]:
        """The photos that were to be in this shard and are left out."""
        try:
            found = parse_any_json(self._checked("left_out").tobytes(), most_values=_MOST_LEFT_OUT)
            return [LeftOutPhoto(str(path), str(reason)) for path, reason in found]
        except (ValueError, TypeError) as error:
            raise _damaged(self.file, reason_of(error)) from error

    def check(self) -> None:
        """Check all tensors."""
        for name in self._head.places:
            self._checked(name)

    def _part(self, name: str, ends: NDArray[np.uint64], row: int) -> memoryview:
        if not 0 <= row < self.rows:
            raise IndexError(f"this shard has {self.rows} photos; photo {row} was asked for")
        start, end = int(ends[row - 1]) if row else 0, int(ends[row])
        place = self._head.places[name]
        if not start <= end <= prod(place.outline.shape):
            raise _damaged(self.file, f"{name} ends outside the file")
        return self._map[place.start + start : place.start + end]

    def _tensor(self, name: str) -> NDArray[Any]:
        outline, start = self._head.places[name]
        dtype, count = np.dtype(_NUMPY[outline.dtype]), prod(outline.shape)
        flat = np.frombuffer(self._map, dtype, count, start) if count else np.empty(0, dtype)
        return flat.reshape(outline.shape)

    def _checked(self, name: str) -> NDArray[Any]:
        found = self._tensor(name)
        if name not in self._right:
            if _sum(found) != self._sums[name]:
                raise _damaged(self.file, f"the checksum of {name} is wrong")
            self._right.add(name)
        return found


def _damaged(file: Path, reason: str) -> ShardError:
    return ShardError(
        f"the shard {file} is damaged: {reason.rstrip('.')}. Restore it, or remove it and run the same "
        "`handlens embed` again: it is made again."
    )


def _rows_of(head: Head, sums: Mapping[str, Any], layers: Sequence[str]) -> int:
    """How many photos a shard has; ValueError, KeyError or TypeError if its tensors do not fit."""
    n = head.places["aspects"].outline.shape[0]
    wanted: dict[str, tuple[str, list[int] | None]] = {
        "thumbnails": ("U8", None),
        "thumbnails.ends": ("U64", [n]),
        "aspects": ("F32", [n]),
        "paths": ("U8", None),
        "paths.ends": ("U64", [n]),
        "digests": ("U8", [n, DIGEST]),
        "sums": ("U32", [len(layers) + 1, n]),
        "left_out": ("U8", None),
    }
    for name, (dtype, shape) in wanted.items():
        outline = head.places[name].outline
        if outline.dtype != dtype or (len(outline.shape) != 1 if shape is None else outline.shape != shape):
            raise ValueError(f"{name} must be {dtype} {shape}; {outline.dtype} {outline.shape} arrived")
    for layer in layers:
        outline = head.places[f"features/{layer}"].outline
        if outline.dtype != "F16" or len(outline.shape) != 2 or outline.shape[0] != n:
            raise ValueError(f"the features of {layer} must be F16 [{n}, …]; {outline.shape} arrived")
    if sums.keys() != head.places.keys() or not all(type(one) is int for one in sums.values()):
        raise ValueError("its checksums are not those of its tensors")
    return n


def _sum(values: NDArray[Any]) -> int:
    """The CRC-32 of the bytes of an array."""
    return zlib.crc32(np.ascontiguousarray(values).data)


def _packed(parts: Sequence[bytes]) -> tuple[NDArray[np.uint8], NDArray[np.uint64]]:
    """Bytes one after the other, and where each part ends."""
    ends = np.cumsum([len(part) for part in parts], dtype=np.uint64) if parts else np.empty(0, np.uint64)
    return np.frombuffer(b"".join(parts), np.uint8), ends
