"""Ready batches a second from JPEG files, beside the plain way and torchvision: a section of vision.py.

The plain way is torch's loader with workers that send 8-bit pixels, which become numbers in three passes over new
memory. The limit is what as many processes as there are cores do that only decode, and that decode and transform.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from PIL import Image as Pillow
from report import Bench
from torch import Tensor, nn
from torch.utils.data import DataLoader

from handlens.vision import ImageDataBunch, ImageItemList, get_transforms, imagenet_stats, open_image
from handlens.vision.dataset import ImageDataset, decode_size, transformed
from handlens.vision.normalization import ChannelStats, normalised

SIZE, BS = 224, 64
PHOTOS, COPIES = 64, 16
ROUNDS = 7
WORKERS = len(os.sched_getaffinity(0))
SIDES = {"500×375": (500, 375), "1024×768": (1024, 768)}
STATS = ChannelStats(*imagenet_stats)

Batches = Iterable[tuple[Tensor, Tensor]]


def loading(bench: Any) -> None:
    """Batches of 64 pictures of 224², by consumers that do nothing and that train, each way in turn, ROUNDS times."""
    for title, sides in SIDES.items():
        folder = photos(bench, bench.scratch / title, sides)
        data = ours(folder)
        ways: dict[str, Batches] = {
            "handlens": data.train_dl,
            "the plain way": Plain(data.train_ds.x, data.train_ds.y.data),
            "torchvision": of_torchvision(folder),
        }
        for consumer, consume in {"that does nothing": rest, "that trains a small net": train}.items():
            rates = in_turn({name: partial(consume, batches) for name, batches in ways.items()}, COPIES)
            name = f"ready batches of 64 at 224² from {title}, a consumer {consumer}"
            bench.add(f"{name}, {WORKERS} workers", rates["handlens"], unit="batches/s")
            for other in list(ways)[1:]:
                bench.add(f"… {other}", rates[other], unit="batches/s")
            ratios = [a / b for a, b in zip(rates["handlens"], rates["the plain way"], strict=True)]
            bench.add("… over the plain way", ratios, at_least=1.25, unit="×")
        limits(bench, data.train_ds.x, statistics.median(in_turn({"": partial(rest, data.train_dl)}, COPIES)[""]))


def photos(bench: Bench, folder: Path, sides: tuple[int, int]) -> Path:
    """The photos at this width and height as JPEG files of quality 90 in two folders, each COPIES times."""
    for kind in "ab":
        (folder / kind).mkdir(parents=True)
    for i, photo in enumerate(bench.photos):  # type: ignore[attr-defined]
        first = folder / "ab"[i % 2] / f"{i}_0.jpg"
        Pillow.fromarray(cv2.resize(photo, sides, interpolation=cv2.INTER_CUBIC)).save(first, quality=90)
        for copy in range(1, COPIES):
            os.link(first, first.with_name(f"{i}_{copy}.jpg"))
    return folder


def ours(folder: Path) -> ImageDataBunch:
    labelled = ImageItemList.from_folder(folder).split_by_idx([]).label_from_folder()
    data: ImageDataBunch = labelled.transform(get_transforms(), size=SIZE).databunch(bs=BS, num_workers=WORKERS)
    return data.normalize(imagenet_stats)


class Plain:
    """Torch's loader over the same reading and transforming: its workers send pixels."""

    def __init__(self, pictures: ImageDataset, targets: Tensor) -> None:
        self.pixels: Any = DataLoader(
            Stacked(pictures),  # type: ignore[arg-type]  # it has all methods that are used
            sampler=Drawn(len(pictures)),  # type: ignore[arg-type]
            batch_size=None,
            num_workers=WORKERS,
            collate_fn=as_it_is,
            persistent_workers=True,
            worker_init_fn=one_thread,
            multiprocessing_context="fork",
        )
        self.targets = targets

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        for pixels, rows in self.pixels:
            yield normalised(pixels, STATS), self.targets[rows]


class Stacked:
    """Rows → the pixels of their pictures as one tensor, and the rows."""

    def __init__(self, pictures: ImageDataset) -> None:
        self.pictures = pictures

    def __getitem__(self, rows: list[int]) -> tuple[Tensor, list[int]]:
        read = [transformed(self.pictures.opened(row), self.pictures.augment).pixels for row in rows]
        return torch.from_numpy(np.stack(read)), rows


class Drawn:
    """The rows of each batch, in a new order each time."""

    def __init__(self, count: int) -> None:
        self.count = count

    def __iter__(self) -> Iterator[list[int]]:
        return iter([rows.tolist() for rows in torch.randperm(self.count).split(BS)])


def as_it_is(batch: Any) -> Any:
    return batch


def of_torchvision(folder: Path) -> Batches:
    """ImageFolder with the transforms of torchvision that come nearest."""
    from torchvision.datasets import ImageFolder
    from torchvision.transforms import v2

    tfms = v2.Compose(
        [
            v2.PILToTensor(),
            v2.Resize(SIZE, antialias=True),
            v2.RandomCrop(SIZE),
            v2.RandomHorizontalFlip(),
            v2.RandomApply([v2.RandomPerspective(0.2, p=1.0)], p=0.75),
            v2.RandomApply([v2.RandomAffine(10, scale=(1.0, 1.1))], p=0.75),
            v2.RandomApply([v2.ColorJitter(0.2, 0.2)], p=0.75),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize(*imagenet_stats),
        ]
    )
    return DataLoader(
        ImageFolder(str(folder), tfms),
        batch_size=BS,
        shuffle=True,
        num_workers=WORKERS,
        persistent_workers=True,
        multiprocessing_context="fork",
    )


def rest(batches: Batches) -> None:
    for _ in batches:
        pass


def train(batches: Batches) -> None:
    """A convolution of 16 filters with a linear layer, SGD."""
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(3, 16, 7, stride=4), nn.ReLU(), nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(256, 2)
    )
    sgd = torch.optim.SGD(net.parameters(), lr=0.01)
    for inputs, targets in batches:
        nn.functional.cross_entropy(net(inputs), targets).backward()
        sgd.step()
        sgd.zero_grad()


def in_turn(ways: dict[str, Callable[[], None]], count: int) -> dict[str, list[float]]:
    """How often each way does `count` things a second, in each of ROUNDS turns after one to start the workers."""
    found: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(ROUNDS + 1):
        for name, call in ways.items():
            started = time.perf_counter()
            call()
            if turn:
                found[name].append(count / (time.perf_counter() - started))
    return found


def limits(bench: Bench, pictures: ImageDataset, reached: float) -> None:
    """As many processes as there are cores, which send nothing."""
    share = [np.arange(len(pictures))[i::WORKERS] for i in range(WORKERS)]
    with ProcessPoolExecutor(WORKERS, get_context("fork"), one_thread, (0,)) as pool:
        for what, work in {"only decode": decode, "only decode and transform": decode_and_transform}.items():
            calls = {"": lambda work=work: list(pool.map(partial(work, pictures), share))}
            found = in_turn(calls, len(pictures) // BS)[""]
            bench.add(f"… the limit, {WORKERS} processes that {what}", found, unit="batches/s")
    bench.add("… of which are reached", [100 * reached / statistics.median(found)], unit="%")


def decode(pictures: ImageDataset, rows: Any) -> None:
    for row in rows:
        open_image(pictures.items[row], at_least=decode_size(pictures.augment))


def decode_and_transform(pictures: ImageDataset, rows: Any) -> None:
    for row in rows:
        transformed(pictures.opened(row), pictures.augment)


def one_thread(_: int) -> None:
    torch.set_num_threads(1)
    cv2.setNumThreads(0)
