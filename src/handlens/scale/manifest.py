"""manifest.json: what a folder of shards holds, and how each shard is known again."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from handlens.errors import ShardError
from handlens.io.checksums import with_checksum, without_checksum
from handlens.io.files import write_once
from handlens.io.manifests import MANIFEST, ManifestFormat
from handlens.io.plain_json import read_json
from handlens.io.problems import reason_of
from handlens.scale.shards import ShardFile

SHARDS, DONE, EXTRACTOR = "shards", "done", "extractor"
"""The folders of the shards, of what is known of each unit that is done, and of the network as a saved model."""

FORMAT = ManifestFormat(
    name="handlens-shards",
    version=1,
    members=frozenset(
        ("created", "source", "seed", "backbone", "weights", "layers", "dtype", "thumbnail", "complete", "shards")
    ),
    holds="shards",
    command="handlens embed",
    usage="handlens embed SOURCE OUT",
    repair="Remove it and run the same `handlens embed` again: it is made again, and no shard is",
)

_NAME = re.compile(r"\d{3,7}/\d{6,10}-\d{7,12}\.safetensors")
_LARGEST_DIM = 2**18


@dataclass(frozen=True)
class LayerFacts:
    """A layer of features, as in a collection.

    Attributes:
        id: "source/stage/pooling".
        source, stage, pooling: its parts.
        dim: how many features it has for a photo.

    Example:
        >>> LayerFacts("resnet18/layer1/what", "resnet18", "layer1", "what", 64).dim
        64
    """

    id: str
    source: str
    stage: str
    pooling: str
    dim: int


@dataclass(frozen=True)
class ShardEntry:
    """What the manifest says of a shard.

    Attributes:
        name: its file, below the folder `shards`.
        unit: the unit of work that it is a part of.
        start, stop: which photos of the unit it is about, counted from 0, without `stop`.
        rows: the photos that it holds; the rest of them are left out, with reasons.
        bytes: the size of its file.
        sha256: of its file, in hexadecimal digits.
        head: SHA-256 of the first part of the file, which has the checksums of the rest.

    Example:
        >>> ShardEntry("000/000000-0000000.safetensors", 0, 0, 1000, 998, 17, "", "").left_out
        2
    """

    name: str
    unit: int
    start: int
    stop: int
    rows: int
    bytes: int
    sha256: str
    head: str

    @property
    def left_out(self) -> int:
        """How many photos are left out."""
        return self.stop - self.start - self.rows

    @property
    def file(self) -> ShardFile:
        """What its file must be."""
        return ShardFile(self.bytes, self.sha256, self.head)


@dataclass(frozen=True)
class ShardManifest:
    """What a folder of shards holds.

    Attributes:
        source: what was embedded, as it was given.
        backbone: the network's name, or "patches".
        weights: SHA-256 of the network's weights, as `tensors_hash` of a saved model.
        layers: first to last.
        seed: of every random choice.
        created: when, in ISO 8601.
        complete: whether all photos of the source are in it.
        shards: in the order of the source.
        dtype, thumbnail: the type of features, and the longer side of a thumbnail in pixels.

    Example:
        >>> layer = LayerFacts("net/0/what", "net", "0", "what", 16)
        >>> ShardManifest(("photos",), "net", "", (layer,), 0, "2026-11-26T12:00:00+00:00").photos
        0
    """

    source: tuple[str, ...]
    backbone: str
    weights: str
    layers: tuple[LayerFacts, ...]
    seed: int
    created: str
    complete: bool = False
    shards: tuple[ShardEntry, ...] = ()
    dtype: str = "float16"
    thumbnail: int = 256

    @property
    def photos(self) -> int:
        """How many photos are embedded."""
        return sum(shard.rows for shard in self.shards)

    @property
    def left_out(self) -> int:
        """How many photos are left out."""
        return sum(shard.left_out for shard in self.shards)


def has_shards(folder: Path) -> bool:
    """Whether a folder is one that `handlens embed` wrote."""
    return (folder / MANIFEST).is_file() and (folder / SHARDS).is_dir()


def shard_name(unit: int, start: int) -> str:
    """The name of a shard's file, by its unit and its first photo there.

    Example:
        >>> shard_name(12345, 2000)
        '012/012345-0002000.safetensors'
    """
    return f"{unit // 1000:03d}/{unit:06d}-{start:07d}.safetensors"


def write_manifest(out: Path, manifest: ShardManifest) -> None:
    """Write the manifest of a folder, whole or not at all; StorageError if the disk refuses."""
    FORMAT.write(out, asdict(manifest))


def read_manifest(out: Path) -> ShardManifest:
    """The manifest of a folder; while it is being filled, with the shards of the units that are done so far.

    Raises:
        ShardError: there is none, it is damaged, or it was written by a newer version.
    """
    found = FORMAT.read(out, _manifest)
    return found if found.complete else replace(found, shards=tuple(done_so_far(out)))


def write_done(out: Path, unit: int, shards: Sequence[ShardEntry]) -> None:
    """Keep that all photos of a unit are in some shards; what another process kept of it first stays."""
    content = with_checksum({"shards": [asdict(shard) for shard in shards]}, of=f"unit {unit}")
    with write_once(done_file(out, unit)) as partial:
        partial.write_text(json.dumps(content), encoding="utf-8")


def read_done(out: Path, unit: int) -> list[ShardEntry] | None:
    """The shards of a unit that is done; None if it is not. ShardError if what was kept of it is damaged."""
    file = done_file(out, unit)
    try:
        content = without_checksum(read_json(file), known=frozenset({"shards"}), of=f"unit {unit}")
        return _entries(content["shards"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ShardError(
            f"{file} is damaged: {reason_of(error)}. Remove it, and run the same `handlens embed` again."
        ) from error


def done_file(out: Path, unit: int) -> Path:
    """The file that says that a unit is done."""
    return out / DONE / f"{unit // 1000:03d}" / f"{unit:06d}.json"


def done_units(out: Path) -> list[int]:
    """The units that are done, in order."""
    return sorted(int(file.stem) for file in (out / DONE).glob("*/*.json") if file.stem.isdecimal())


def done_so_far(out: Path) -> list[ShardEntry]:
    """The shards of all units that are done."""
    return [shard for unit in done_units(out) for shard in read_done(out, unit) or []]


def _manifest(content: dict[str, Any]) -> ShardManifest:
    layers = tuple(LayerFacts(**layer) for layer in content["layers"])
    texts = (content["backbone"], content["weights"], content["created"], *content["source"])
    if not layers or not all(isinstance(text, str) for text in texts):
        raise ValueError("layers, backbone, weights, created or source cannot be right")
    if not all(type(layer.dim) is int and 1 <= layer.dim <= _LARGEST_DIM for layer in layers):
        raise ValueError("the number of features of a layer cannot be right")
    if content["dtype"] != "float16" or type(content["seed"]) is not int or type(content["thumbnail"]) is not int:
        raise ValueError("dtype, seed or thumbnail cannot be right")
    return ShardManifest(
        tuple(content["source"]),
        content["backbone"],
        content["weights"],
        layers,
        content["seed"],
        content["created"],
        content["complete"] is True,
        tuple(_entries(content["shards"])),
        thumbnail=content["thumbnail"],
    )


def _entries(found: Any) -> list[ShardEntry]:
    """Shards from JSON; TypeError or ValueError for what cannot be one, such as a file outside the folder."""
    entries = [ShardEntry(**entry) for entry in found]
    for entry in entries:
        numbers = (entry.unit, entry.start, entry.stop, entry.rows, entry.bytes)
        if not all(type(number) is int and number >= 0 for number in numbers) or entry.left_out < 0:
            raise ValueError(f"the numbers of the shard {entry.name!r:.80} cannot be right")
        if not isinstance(entry.name, str) or not _NAME.fullmatch(entry.name):
            raise ValueError(f"a shard cannot be called {entry.name!r:.80}")
    return entries
