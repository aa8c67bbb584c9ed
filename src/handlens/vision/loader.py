"""PictureLoader: batches of pictures, read and transformed by worker processes."""

from __future__ import annotations

import copy
import os
import sys
import warnings
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from handlens.core.checks import whole
from handlens.core.items import FEW, Labelled
from handlens.core.loaders import WHOLE, Batch, Share, batch_sizes, usable_workers
from handlens.errors import DataError
from handlens.vision.dataset import (
    ImageDataset,
    OnPictures,
    say_points_outside,
    transformed,
    transformed_pair,
    where_outside,
)
from handlens.vision.float_batches import FloatBatches
from handlens.vision.image import Pixels, why_unreadable
from handlens.vision.normalization import ChannelStats
from handlens.vision.shared_pixels import SharedPixels

_FORKS = sys.platform == "linux"

AHEAD = 2
"""Batches that are begun for each worker before they are asked for."""


class PictureLoader:
    """Batches of pictures: worker processes read and transform 8-bit pixels, which become numbers on the device.

    Inputs are float32 [B, channels, H, W], normalised by `stats`, channels last in memory. Each picture gets its own
    seed, drawn in this process from torch's random numbers (`torch.manual_seed`), so that batches do not depend on the
    number of workers.

    A picture that can no longer be read does not end an epoch: a warning names it, once. In training, another picture
    of the batch is used instead; in order, where rows must keep their positions, a grey picture.

    Args:
        dataset: pictures `x` with labels `y`.
        bs: pictures in a batch; see `batch_sizes` for the last one.
        device: where batches are put.
        shuffle: a new random order in each epoch.
        augmented: new random numbers for the transforms in each epoch; otherwise the same in each epoch.
        num_workers: processes that read pictures, at most one for each core, see `usable_workers`; 0 reads in this
            process.
        stats: the statistics by which batches are normalised; unless given, they are 0–1.

    Raises:
        DataError: `bs` or `num_workers` is not a whole number in its range; or, in an epoch, no picture of a batch can
            be read, or the pictures of a batch differ in size.
    """

    def __init__(
        self,
        dataset: Labelled,
        *,
        bs: int,
        device: torch.device,
        shuffle: bool = False,
        augmented: bool = False,
        num_workers: int = 0,
        stats: ChannelStats | None = None,
    ) -> None:
        bs = whole(bs, "bs", DataError)
        num_workers = usable_workers(num_workers)
        self.dataset = dataset
        self.bs = bs
        self.device = device
        self.shuffle = shuffle
        self.augmented = augmented
        self.num_workers = num_workers
        self.stats = stats
        self.sizes = batch_sizes(len(dataset), bs)
        self._loader: Any = None
        self._room: SharedPixels | None = None
        self._named: set[str] = set()

    def __len__(self) -> int:
        return len(self.sizes)

    def in_order(self) -> PictureLoader:
        return self.like(self.dataset)

    def here(self) -> PictureLoader:
        """The same batches, read in this process, for one or two of them."""
        same = copy.copy(self)
        same.num_workers, same._loader = 0, None
        return same

    def like(self, dataset: Labelled, *, augmented: bool = False) -> PictureLoader:
        """A loader of another dataset with the same settings, in order."""
        return PictureLoader(
            dataset,
            bs=self.bs,
            device=self.device,
            augmented=augmented,
            num_workers=self.num_workers,
            stats=self.stats,
        )

    def __iter__(self) -> Iterator[Batch]:
        return self.batches(WHOLE)

    def batches(self, share: Share) -> Iterator[Batch]:
        """The pictures of a share of each batch; no others are read."""
        targets, numbers = self.dataset.y.data, FloatBatches(self.stats, self.device)
        for batch in self._batches(share):
            if batch.error:
                self._loader = None  # ends the workers now, and not when the error is garbage-collected
                raise DataError(batch.error)
            self._tell(batch.faults)
            say_points_outside(self.dataset.y, batch.outside)
            inputs = numbers(self._pixels(batch))[:, : self.dataset.x.channels]
            wanted = targets[batch.rows] if batch.targets is None else batch.targets
            wanted = wanted.to(self.device, non_blocking=True)
            yield inputs, wanted.long() if wanted.dtype == torch.uint8 else wanted

    def _batches(self, share: Share) -> Iterator[_Batch]:
        if self._loader is None:
            self._loader = self._make_loader()
        self._loader.sampler.share = share
        with warnings.catch_warnings():
            # torch's loader has always forked beside torch's idle threads; the workers do not use these threads.
            warnings.filterwarnings("ignore", message=".*multi-threaded, use of fork", category=DeprecationWarning)
            batches = iter(self._loader)
        yield from batches

    def _pixels(self, batch: _Batch) -> Tensor:
        if batch.pixels is not None:
            return batch.pixels
        assert self._room is not None
        return self._room.of(batch.number, len(batch.rows))

    def _make_room(self) -> SharedPixels | None:
        """Memory for the batches that workers are at and the one that is used here; None where theirs are sent."""
        augment = self.dataset.x.augment
        # A GPU gets its pixels from pinned memory, into which torch's loader copies what is sent.
        if not (self.num_workers and _FORKS and self.device.type == "cpu" and augment and augment.size):
            return None
        try:
            return SharedPixels(AHEAD * self.num_workers + 1, (max(self.sizes), *augment.size, 3))
        except OSError:
            return None

    def _make_loader(self) -> Any:
        from torch.utils.data import DataLoader

        self._room = self._make_room()
        return DataLoader(
            _Reader(self.dataset, self._room, keep_rows=not self.shuffle),  # type: ignore[arg-type]  # it has all methods that are used
            sampler=_Draws(self.sizes, shuffle=self.shuffle, augmented=self.augmented),
            batch_size=None,  # the sampler draws whole batches
            num_workers=self.num_workers,
            prefetch_factor=AHEAD if self.num_workers else None,
            collate_fn=_as_is,
            persistent_workers=self.num_workers > 0,
            pin_memory=self.device.type == "cuda",
            worker_init_fn=_one_thread if self.num_workers else None,
            # A script without `if __name__ == "__main__"` can only have workers that are forked.
            multiprocessing_context="fork" if self.num_workers and _FORKS else None,
            # Its own generator, so that the seeds of the workers do not change torch's random numbers.
            generator=torch.Generator(),
        )

    def _tell(self, faults: list[str]) -> None:
        for fault in faults:
            if fault not in self._named:
                self._named.add(fault)
                instead = "another one" if self.shuffle else "a grey picture"
                warnings.warn(f"a picture can no longer be read, and {instead} is used instead: {fault}", stacklevel=3)


def default_workers(n: int) -> int:
    """How many processes read n pictures: 0 for fewer than 256 or without fork, otherwise one for each core, up to 8.

    Processes of this machine that train together, as torchrun says, share the cores.

    A process that is not forked starts by importing torch again, and needs a script that is written for that.
    """
    if sys.platform != "linux" or n < 256:
        return 0
    beside = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))  # processes that train together here, see core.distributed
    return min(max(len(os.sched_getaffinity(0)) // beside, 1), 8)


class _Batch(NamedTuple):
    """What a worker sends of a batch: the rows of its labels, and which files could not be read.

    Its pixels, uint8 [B, H, W, 3], come along, or None where they lie in shared memory; and its targets where they lie
    on the pictures. An error is sent as text, because torch wraps exceptions of a worker in its own. `outside` names a
    picture with points outside of it.
    """

    number: int
    pixels: Tensor | None
    rows: list[int]
    faults: list[str]
    error: str = ""
    targets: Tensor | None = None
    outside: str = ""


class _Reader:
    """Reads the pictures of a batch, in a worker or in the main process."""

    def __init__(self, dataset: Labelled, room: SharedPixels | None, *, keep_rows: bool) -> None:
        self.pictures: ImageDataset = dataset.x
        self.labels: OnPictures | None = dataset.y if isinstance(dataset.y, OnPictures) else None
        self.room = room
        self.keep_rows = keep_rows

    def __getitem__(self, batch: tuple[int, list[tuple[int, int]]]) -> _Batch:
        number, drawn = batch
        rows = [position for position, _ in drawn]
        faults: list[str] = []
        outside: list[str] = []
        try:
            pairs = [self._read(position, seed, faults, outside) for position, seed in drawn]
            read, targets = [pixels for pixels, _ in pairs], [target for _, target in pairs]
            good = [i for i, pixels in enumerate(read) if pixels is not None]
            if not good:
                raise DataError(f"none of a batch's pictures can be read: {'; '.join(faults[:FEW])}.")
            for k, i in enumerate(sorted(set(range(len(read))) - set(good))):
                other = good[k % len(good)]
                if self.keep_rows:
                    read[i] = np.full_like(read[other], 128)
                else:
                    read[i], rows[i], targets[i] = read[other], rows[other], targets[other]
            pixels = self._stacked(number, rows, read)
            if self.labels is None:
                return _Batch(number, pixels, rows, faults)
            encoded = [self.labels.encoded(t, p.shape[:2]) for t, p in zip(targets, read, strict=True) if p is not None]
            return _Batch(number, pixels, rows, faults, targets=torch.stack(encoded), outside="".join(outside[:1]))
        except DataError as error:
            return _Batch(number, None, rows, faults, str(error))

    def _read(self, position: int, seed: int, faults: list[str], outside: list[str]) -> tuple[Pixels | None, Any]:
        """The pixels of a picture, None if it cannot be read, and the label that lies on it, if labels do."""
        labels, augment = self.labels, self.pictures.augment
        try:
            picture = self.pictures.opened(position) if labels is None else self.pictures.opened_whole(position)
        except DataError as error:
            item = self.pictures.items[position]
            faults.append(f"{item} ({why_unreadable(item, error)})")
            return None, None
        generator = torch.Generator().manual_seed(seed)
        if labels is None:
            return transformed(picture, augment, generator).pixels, None
        opened = labels.opened(position, picture.size)
        if said := where_outside(opened, self.pictures.items[position]):
            outside.append(said)
        changed, target = transformed_pair(picture, opened, augment, generator)
        return changed.pixels, target

    def _stacked(self, number: int, rows: list[int], read: list[Any]) -> Tensor | None:
        for row, pixels in zip(rows, read, strict=True):
            if pixels.shape != read[0].shape:
                first, other = (
                    f"{self.pictures.items[i]} {p.shape[0]}×{p.shape[1]}"
                    for i, p in ((rows[0], read[0]), (row, pixels))
                )
                raise DataError(
                    f"the pictures of a batch must have one size; these have several: {first}, {other}. "
                    "Give a size: .transform(tfms, size=224)."
                )
        if self.room is None:
            return torch.from_numpy(np.stack(read))
        np.stack(read, out=self.room.of(number, len(read)).numpy())
        return None


class _Draws:
    """Samples batches, each with its number in the epoch: for each picture its position and its seed."""

    def __init__(self, sizes: list[int], *, shuffle: bool, augmented: bool) -> None:
        self.sizes = sizes
        self.shuffle = shuffle
        self.augmented = augmented
        self.share = WHOLE

    def __len__(self) -> int:
        return len(self.sizes)

    def __iter__(self) -> Iterator[tuple[int, list[tuple[int, int]]]]:
        n, share = sum(self.sizes), self.share
        order = torch.randperm(n) if self.shuffle else torch.arange(n)
        seeds = torch.randint(2**62, (n,)) if self.augmented else torch.zeros(n, dtype=torch.int64)
        for number, (rows, some) in enumerate(zip(order.split(self.sizes), seeds.split(self.sizes), strict=True)):
            part = share.rows(len(rows))
            yield number, list(zip(rows[part].tolist(), some[part].tolist(), strict=True))


def _as_is(batch: Any) -> Any:
    return batch


def _one_thread(_: int) -> None:
    import cv2

    cv2.setNumThreads(0)  # the workers share the cores already
