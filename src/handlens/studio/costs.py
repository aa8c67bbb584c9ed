"""What a collection will cost, said before it is made: room on the disk, and time to prepare.

The one place for measured constants of it. A photo takes

- its thumbnail and its tile: as large as those of a few of the photos, which are read;
- the features of each source: two bytes a number (half precision), and a checksum of four bytes a layer;
- `OTHER` bytes: its path, what its file held, its shape, and where its thumbnail and tile are.

Each source also keeps the weights of its network once. Time is what a few of the photos take to be read, and what the
networks take: `Described.products` says for each how many products of two matrices of 512×512 take as long on a
processor, and this machine is measured by such products, as busy as it is. A GPU is faster.
"""

from __future__ import annotations

import random
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from handlens.core.products import product
from handlens.errors import CollectionError, PhotoError, StorageError
from handlens.scale.manifest import has_shards
from handlens.studio.photo_sources import PhotoSource
from handlens.studio.pictures import READ_AT, jpeg_of, read_squares, thumbnail, tile
from handlens.studio.scanning import names_below
from handlens.studio.sources import AUTO, LEARNED


class Described(NamedTuple):
    """What it costs to describe photos by a source.

    Attributes:
        numbers: features of a photo, in all layers.
        layers: how many layers there are.
        megabytes: of the weights, 10⁶ bytes.
        products: how many products of two float32 matrices of 512×512 take as long as a photo.
    """

    numbers: int
    layers: int
    megabytes: float
    products: float


SOURCES = {
    LEARNED: Described(7680, 6, 0.5, 6.5),
    "tf_efficientnet_lite0": Described(5120, 10, 19, 10.7),
    "mobilenetv2_100": Described(4880, 10, 14, 7.6),
    "mobilenetv3_large_100": Described(11520, 10, 22, 6.0),
    "efficientnet_b0": Described(5120, 10, 21, 12.2),
    "resnet34": Described(10240, 10, 87, 27.7),
    "convnextv2_nano": Described(12000, 8, 62, 43.4),
    "vit_small_patch16_224": Described(23040, 12, 88, 37.6),
}
"""The sources that the page suggests: numbers and layers are those that their extractors have; times were measured on a
processor with AMX, as the processor time of 16 pictures over that of the products, so that other work and the number of
cores do not count."""

THUMBNAIL_BYTES, TILE_BYTES = 6_000, 1_000
"""Of photos that cannot be looked at before, as uploaded ones: those of 8,000 photos of cars."""

MOST_SHOWN = 64_000
"""Bytes of thumbnail and tile that no photo has more of: 256 pixels of noise take less."""

OTHER = 250
"""Bytes a photo besides thumbnail, tile and features."""

_SAMPLE = 12
"""Photos that are read."""

_NETWORK_SIZE = 224
_READERS = 2  # threads in which preparing reads photos
_SIDE, _ROUNDS = 512, 6


@dataclass(frozen=True)
class Cost:
    """What a collection costs.

    Attributes:
        photos: how many photos it will have, about.
        bytes: on the disk.
        seconds: to prepare it.
        free: bytes that are free on its disk.
        unknown: sources that are not counted, because what they cost is not known before they are loaded.

    Example:
        >>> str(Cost(photos=8000, bytes=140_000_000, seconds=130, free=61_000_000_000))
        '8,000 photos take about 140 MB of the disk (61 GB are free), and about 2 minutes to prepare on this machine.'
    """

    photos: int
    bytes: int
    seconds: float
    free: int
    unknown: tuple[str, ...] = ()

    @property
    def fits(self) -> bool:
        """Whether the disk has so much room."""
        return self.bytes <= self.free

    def __str__(self) -> str:
        if not self.photos:
            return "No photos were found there."
        room = f"about {_size(self.bytes)} of the disk ({_size(self.free)} are free)"
        of = "1 photo takes" if self.photos == 1 else f"{self.photos:,} photos take"
        text = f"{of} {room}, and {_time(self.seconds)} to prepare on this machine."
        if self.unknown:
            text += f" What {' and '.join(self.unknown)} adds is not known before it is loaded."
        return text if self.fits else f"{text} That does not fit: make room, or choose fewer networks or photos."


def cost_of(
    images: Path | str | Sequence[Path | str] | PhotoSource,
    *,
    backbone: str | Sequence[str | None] | None = AUTO,
    folder: Path | str = ".",
    step: Callable[[int], None] = lambda _files: None,
) -> Cost | None:
    """What a collection of a folder of photos will cost; nothing is written, and a few photos are read.

    Args:
        images: as in `Collection.create`.
        backbone: as in `Collection.create`; of "auto", which chooses by the photos, the dearer choice.
        folder: where the collection will be, or any folder on its disk.
        step: called with the number of files seen; what it raises ends the work.

    Returns:
        The cost. None if `images` is not a folder of photos: how many an archive or a video has is found while they are
        copied, and photos of shards are described already.

    Raises:
        CollectionError: the folder of photos does not exist or cannot be read.

    Example:
        >>> from handlens.studio.builtin import write_builtin
        >>> names = write_builtin("digits", Path("digits"))
        >>> cost = cost_of("digits", backbone="mobilenetv2_100")
        >>> print(cost)
        1,797 photos take about ... MB of the disk (... are free), and ... to prepare on this machine.
        >>> cost.photos, cost.fits
        (1797, True)
    """
    source = PhotoSource.of(images)
    source.check()
    if source.folder is None or has_shards(source.folder):
        return None
    count, sample = _counted(source.folder, step)
    return _cost(count, sample, _names(backbone), Path(folder))


def cost_of_copies(photos: int, size: int, *, backbone: Sequence[str | None], folder: Path) -> Cost:
    """What photos cost that are copied into the collection, and cannot be looked at before.

    Args:
        photos: how many.
        size: of all files, in bytes.
        backbone, folder: as in `cost_of`.
    """
    found = _cost(photos, [], _names(backbone), folder)
    return Cost(photos, found.bytes + size, found.seconds, found.free, found.unknown)


def check_room(
    images: PhotoSource,
    *,
    backbone: str | Sequence[str | None] | None,
    folder: Path,
    step: Callable[[int], None] = lambda _files: None,
) -> None:
    """Raise StorageError if a collection of a folder of photos does not fit on its disk; see `cost_of`."""
    if images.folder is None or has_shards(images.folder):
        return
    known = [_dearest(name) for name in _names(backbone) if name in SOURCES or name == AUTO]
    most = MOST_SHOWN + OTHER + sum(2 * one.numbers + 4 * one.layers for one in known)
    count = 0
    for count, _ in enumerate(names_below(images.folder), 1):
        step(count)
    if count * most + sum(one.megabytes for one in known) * 1e6 <= free_on_disk(folder):
        return  # as with nearly all: no photo is read
    cost = cost_of(images, backbone=backbone, folder=folder, step=step)
    if cost is not None and not cost.fits:
        raise StorageError(
            f"the disk of {folder} is too full: {cost.photos:,} photos need about {_size(cost.bytes)} there, and "
            f"{_size(cost.free)} are free. Make room, or choose another folder, fewer networks or fewer photos. "
            "Nothing was written."
        )


def _cost(photos: int, sample: Sequence[Path], names: Sequence[str], folder: Path) -> Cost:
    known = [_dearest(name) for name in names if name in SOURCES or name == AUTO]
    read, seconds = _read(sample)
    shown = photos if not sample else round(photos * len(read) / len(sample))
    kept = float(np.mean(read)) if read else THUMBNAIL_BYTES + TILE_BYTES
    each = OTHER + kept + sum(2 * one.numbers + 4 * one.layers for one in known)
    took = seconds / _READERS + product_seconds() * sum(one.products for one in known)
    size = round(shown * each) + round(sum(one.megabytes for one in known) * 1e6)
    unknown = tuple(name for name in names if name not in SOURCES and name != AUTO)
    return Cost(shown, size, shown * took, free_on_disk(folder), unknown)


def _names(backbone: str | Sequence[str | None] | None) -> list[str]:
    given = [backbone] if isinstance(backbone, str) or backbone is None else list(backbone)
    return list(dict.fromkeys(LEARNED if name is None else name for name in given))


def _dearest(name: str) -> Described:
    """What a source costs; of the one that is chosen by the photos, the most of either choice."""
    if name != AUTO:
        return SOURCES[name]
    one, other = SOURCES[LEARNED], SOURCES["tf_efficientnet_lite0"]
    return Described(
        max(one.numbers, other.numbers),
        max(one.layers, other.layers),
        max(one.megabytes, other.megabytes),
        max(one.products, other.products),
    )


def _counted(folder: Path, step: Callable[[int], None]) -> tuple[int, list[Path]]:
    """How many files there are below a folder, and a random few of them, always the same ones."""
    drawn, count, sample = random.Random(0), 0, list[Path]()
    for count, name in enumerate(names_below(folder), 1):
        step(count)
        if len(sample) < _SAMPLE:
            sample.append(folder / name)
        elif (at := drawn.randrange(count)) < _SAMPLE:
            sample[at] = folder / name
    return count, sample


def _read(sample: Sequence[Path]) -> tuple[list[int], float]:
    """The bytes of thumbnail and tile of those that are photos, and the seconds that each took."""
    sizes, begun = list[int](), time.perf_counter()
    for file in sample:
        try:
            picture, _ = read_squares(file, {_NETWORK_SIZE})
        except PhotoError:
            continue
        sizes.append(len(thumbnail(picture, READ_AT)) + max(0, len(jpeg_of(tile(picture), 90)) - 623))
    return sizes, (time.perf_counter() - begun) / len(sizes) if sizes else 0.0


_measured = threading.Lock()
_product: list[float] = []


def product_seconds() -> float:
    """Seconds of a product of two float32 matrices of 512×512 on this machine; measured once, in a moment."""
    with _measured:
        if not _product:
            one = np.random.default_rng(0).standard_normal((_SIDE, _SIDE)).astype(np.float32)
            product(one, one)  # threads start
            times = []
            for _ in range(_ROUNDS):
                begun = time.perf_counter()
                product(one, one)
                times.append(time.perf_counter() - begun)
            _product.append(float(np.median(times)))
        return _product[0]


def free_on_disk(folder: Path) -> int:
    """Bytes that are free on the disk of a folder, which need not exist."""
    place = folder.expanduser().absolute()
    for existing in _and_above(place):
        try:
            return shutil.disk_usage(existing).free
        except OSError:
            continue
    raise CollectionError(f"{folder} must be on a disk of this machine; none of the folders above it exists.")


def _and_above(place: Path) -> Iterator[Path]:
    yield place
    yield from place.parents


def _size(number: float) -> str:
    for unit, least in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if number >= least:
            return f"{number / least:.3g} {unit}"
    return f"{number / 1e3:.0f} kB"


def _time(seconds: float) -> str:
    minutes = seconds / 60
    if minutes < 1:
        return "less than a minute"
    if minutes < 90:
        return f"about {minutes:.0f} minute{'s' if round(minutes) > 1 else ''}"
    return f"about {minutes / 60:.2g} hours"
