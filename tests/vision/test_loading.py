"""How batches of pictures get into memory: numbers from a table, memory used again, pixels shared with workers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as Pillow
from torch import Tensor
from torch.utils.data import TensorDataset

from handlens.core.loaders import ItemLoader
from handlens.vision import loader
from handlens.vision.data import ImageDataBunch
from handlens.vision.float_batches import FloatBatches
from handlens.vision.items import ImageItemList
from handlens.vision.normalization import ChannelStats, imagenet_stats
from handlens.vision.shared_pixels import SharedPixels
from handlens.vision.transform import get_transforms

CPU = torch.device("cpu")


def every_level() -> Tensor:
    """One picture with each of the 256 levels in each channel, in another order in each."""
    levels = np.stack([np.random.default_rng(c).permutation(256) for c in range(3)], axis=1)
    return torch.from_numpy(levels.astype(np.uint8).reshape(1, 16, 16, 3))


@pytest.mark.parametrize("stats", [None, ChannelStats(*imagenet_stats), ChannelStats((0, 0.9, 1), (0.01, 1, 3))])
def test_each_level_is_the_formulas_number(stats: ChannelStats | None) -> None:
    pixels = every_level()
    found = FloatBatches(stats, CPU)(pixels)
    assert (found.dtype, found.shape) == (torch.float32, (1, 3, 16, 16))
    assert found.is_contiguous(memory_format=torch.channels_last)
    mean, std = (np.zeros(3), np.ones(3)) if stats is None else (stats.mean.numpy(), stats.std.numpy())
    expected = (pixels.numpy() / 255 - mean) / std
    # As exact as float32 can be: within half a step of the exact number.
    np.testing.assert_allclose(found.permute(0, 2, 3, 1).numpy(), expected, rtol=2**-24, atol=0)


def test_memory_is_used_again_once_nobody_holds_it() -> None:
    batches = FloatBatches(None, CPU)
    pixels = torch.full((2, 4, 4, 3), 255, dtype=torch.uint8)
    first = batches(pixels)
    place = first.data_ptr()
    part = first[1, 0]  # a view holds the memory too
    del first
    second = batches(pixels // 5)
    assert second.data_ptr() != place
    assert (part == 1).all()
    del part
    third = batches(pixels[:1])  # a smaller batch fits in
    assert third.data_ptr() == place
    assert third.shape == (1, 3, 4, 4)
    del third
    assert batches(torch.zeros(3, 4, 4, 3, dtype=torch.uint8)).abs().max() == 0  # a larger one does not
    assert second.unique().tolist() == [pytest.approx(0.2)]


def test_shared_pixels_have_a_place_for_each_batch_until_it_is_used() -> None:
    room = SharedPixels(3, (2, 1, 1, 3))
    for number in range(3):
        room.of(number, 2).fill_(number)
    assert [room.of(number, 1).unique().tolist() for number in range(5)] == [[0], [1], [2], [0], [1]]


@pytest.fixture
def numbered(tmp_path: Path) -> Path:
    """29 plain pictures, whose red is 8 times their number."""
    for i in range(29):
        Pillow.new("RGB", (9, 6), (8 * i, 0, 0)).save(tmp_path / f"{'ab'[i % 2]}_{i:02}.png")
    return tmp_path


def data_of(folder: Path, *, size: Any = 6, workers: int = 2, bs: int = 2) -> ImageDataBunch:
    split = ImageItemList.from_folder(folder).split_by_idx([]).label_from_re(r"([ab])_\d+.png$")
    data: ImageDataBunch = split.transform(get_transforms(max_lighting=0), size=size).databunch(
        bs=bs, num_workers=workers
    )
    return data


def numbers_in(batches: list[Any]) -> list[float]:
    """The number of each picture, by its red in the middle."""
    return (torch.cat([inputs[:, 0, 3, 3] for inputs, _ in batches]) * 255 / 8).round().tolist()


IN_ORDER = [*range(0, 29, 2), *range(1, 29, 2)]  # by name: all of a, then all of b


@pytest.mark.parametrize("size", [6, None])
def test_batches_that_are_kept_stay_as_they_were(numbered: Path, size: Any) -> None:
    """Fourteen batches, the last of three, from two workers, which have room for five."""
    dl = data_of(numbered, size=size).train_dl.in_order()
    for _ in range(2):
        kept = list(dl)
        assert [len(inputs) for inputs, _ in kept] == [2] * 13 + [3]
        assert numbers_in(kept) == IN_ORDER
        assert len({inputs.data_ptr() for inputs, _ in kept}) == 14


def test_an_epoch_that_was_broken_off_leaves_nothing_behind(numbered: Path) -> None:
    dl = data_of(numbered).train_dl.in_order()
    for stop in (1, 4):
        for i, _ in enumerate(dl):
            if i == stop:
                break
        assert numbers_in(list(dl)) == IN_ORDER


def test_workers_and_none_give_the_same_batches(numbered: Path) -> None:
    found = []
    for workers in (0, 1, 2):
        torch.manual_seed(5)
        found.append(torch.cat([inputs for inputs, _ in data_of(numbered, workers=workers, bs=5).train_dl]))
    assert torch.equal(found[1], found[0])
    assert torch.equal(found[2], found[0])


def test_pixels_are_sent_where_no_memory_can_be_shared(numbered: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: Any) -> None:
        raise OSError("out of memory")

    monkeypatch.setattr(loader, "SharedPixels", refused)
    assert numbers_in(list(data_of(numbered).train_dl.in_order())) == IN_ORDER


def test_pictures_that_go_bad_leave_the_other_batches_alone(numbered: Path) -> None:
    """One is gone in each of the last batches, while the first ones are still waiting to be used."""
    data = data_of(numbered, bs=3)
    gone = [3 * batch for batch in range(4, 9)]  # by position: a grey picture takes its place
    for position in gone:
        data.train_ds.x.items[position].unlink()
    with pytest.warns(UserWarning, match="a grey picture is used instead") as told:
        found = numbers_in(list(data.train_dl.in_order()))
    assert sum("grey" in str(one.message) for one in told) == len(gone)
    assert found == [16 if position in gone else number for position, number in enumerate(IN_ORDER)]


def test_there_are_at_most_as_many_workers_as_cores(numbered: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0}, raising=False)
    data = data_of(numbered, workers=4)  # torch warns of more, and a warning is an error here
    assert (data.train_dl.num_workers, data.valid_dl.num_workers) == (1, 1)
    assert numbers_in(list(data.train_dl.in_order())) == IN_ORDER
    items = TensorDataset(torch.zeros(4, 1))
    assert ItemLoader(items, bs=2, device=CPU, num_workers=3)._loader.num_workers == 1
