"""Pictures as batches: transformed each time, normalised exactly, repeatable, with worker processes and without."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as Pillow
from torch import Tensor

from handlens.core.labels import CategoryList, FloatList
from handlens.errors import ArtifactError, DataError
from handlens.vision import loader
from handlens.vision.data import ImageDataBunch
from handlens.vision.image import Image, open_image
from handlens.vision.items import ImageItemList
from handlens.vision.loader import default_workers
from handlens.vision.normalization import ChannelStats, imagenet_stats, normalised
from handlens.vision.transform import contrast, flip_lr, get_transforms

PATTERN = r"([^/]+)_\d+.png$"
HALVES = ((0.5, 0.5, 0.5), (0.5, 0.25, 1.0))

MakeData = Callable[..., ImageDataBunch]


def paint(path: Path, colour: tuple[int, int, int], size: tuple[int, int] = (12, 8)) -> None:
    Pillow.new("RGB", size, colour).save(path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Ten plain pictures, 8 high and 12 wide, whose red is 10 times their number and whose blue is 51."""
    for i in range(10):
        paint(tmp_path / f"{'even' if i % 2 == 0 else 'odd'}_{i}.png", (10 * i, 0, 51))
    return tmp_path


@pytest.fixture
def make(folder: Path) -> MakeData:
    def data(
        tfms: Any = None, *, size: Any = 8, valid: Any = (0, 1), bs: int = 4, workers: int = 0, **options: Any
    ) -> ImageDataBunch:
        labelled = ImageItemList.from_folder(folder).split_by_idx(valid).label_from_re(PATTERN)
        made: ImageDataBunch = labelled.transform(tfms, size=size, **options).databunch(bs=bs, num_workers=workers)
        return made

    return data


def epoch(batches: Any) -> tuple[Tensor, Tensor]:
    inputs, targets = zip(*batches, strict=True)
    return torch.cat(inputs), torch.cat(targets)


# Batches


def test_batches_of_plain_pictures(make: MakeData) -> None:
    data = make()
    assert (len(data.train_ds), len(data.valid_ds), data.c, data.classes) == (8, 2, 2, ["even", "odd"])
    assert [len(y) for _, y in data.train_dl] == data.train_dl.sizes == [4, 4]
    inputs, targets = epoch(data.valid_dl)
    assert (inputs.shape, inputs.dtype) == ((2, 3, 8, 8), torch.float32)
    assert inputs.is_contiguous(memory_format=torch.channels_last)
    # Files by name: even_0, even_2, …; red is 0 and 20 of 255.
    assert inputs[:, 0, 3, 3].tolist() == pytest.approx([0, 20 / 255])
    assert inputs[:, 2].unique().tolist() == pytest.approx([0.2])
    assert targets.tolist() == [0, 0]
    inputs, targets = epoch(data.train_dl)
    red = (inputs[:, 0, 0, 0] * 25.5).round().int().tolist()
    assert sorted(red) == [1, 3, 4, 5, 6, 7, 8, 9]
    assert [number % 2 for number in red] == targets.tolist()


def test_training_has_a_new_order_each_epoch_that_repeats_with_the_seed(make: MakeData) -> None:
    data = make()
    torch.manual_seed(3)
    first, second = (epoch(data.train_dl)[0] for _ in range(2))
    torch.manual_seed(3)
    assert torch.equal(epoch(data.train_dl)[0], first)
    assert not torch.equal(first, second)
    once, twice = (epoch(data.train_dl.in_order())[0] for _ in range(2))
    assert torch.equal(once, twice)
    assert (once[:, 0, 0, 0] * 25.5).round().tolist() == [4, 6, 8, 1, 3, 5, 7, 9]


@pytest.fixture
def striped(tmp_path: Path) -> MakeData:
    """Pictures all alike, of which each transformed one shows its own random numbers."""
    (tmp_path / "alike").mkdir()
    rows = np.random.default_rng(0).integers(0, 256, (20, 20, 3), np.uint8)
    for i in range(24):
        Pillow.fromarray(rows).save(tmp_path / "alike" / f"a_{i}.png")

    def data(workers: int = 0, size: int = 16) -> ImageDataBunch:
        labelled = ImageItemList.from_folder(tmp_path / "alike").split_by_idx(range(4)).label_from_re(PATTERN)
        made: ImageDataBunch = labelled.transform(get_transforms(p_affine=1, p_lighting=1), size=size).databunch(
            bs=5, num_workers=workers
        )
        return made

    return data


def test_random_numbers_differ_from_picture_to_picture_and_epoch_to_epoch_and_repeat(striped: MakeData) -> None:
    seen: dict[int, list[Tensor]] = {}
    for workers in (0, 1, 3):
        data = striped(workers)
        torch.manual_seed(7)
        seen[workers] = [epoch(data.train_dl)[0] for _ in range(2)]
        torch.manual_seed(7)
        assert torch.equal(epoch(data.train_dl)[0], seen[workers][0])
        assert len(epoch(data.valid_dl)[0].unique(dim=0)) == 1
    everything = torch.cat(seen[0])
    assert len(everything.unique(dim=0)) == len(everything) == 40
    for workers in (1, 3):
        assert torch.equal(torch.cat(seen[workers]), everything)


def test_validating_in_between_does_not_change_what_training_draws(striped: MakeData) -> None:
    data = striped()
    torch.manual_seed(1)
    epoch(data.train_dl)
    expected = epoch(data.train_dl)[0]
    torch.manual_seed(1)
    epoch(data.train_dl)
    epoch(data.valid_dl)
    epoch(data.train_dl.in_order())
    assert torch.equal(epoch(data.train_dl)[0], expected)


def test_a_dataset_transforms_each_time(striped: MakeData) -> None:
    data = striped()
    torch.manual_seed(0)
    first, second = (data.train_ds[3][0].pixels for _ in range(2))
    assert first.shape == (16, 16, 3)
    assert not np.array_equal(first, second)
    assert np.array_equal(data.valid_ds[3][0].pixels, data.valid_ds[3][0].pixels)
    assert str(data.train_ds[3][1]) == str(data.train_ds.y[3]) == "a"


def test_pictures_augmented_for_averaging_predictions(striped: MakeData) -> None:
    data = striped()
    dl = data.augmented("valid")
    one, two = epoch(dl)[0], epoch(dl)[0]
    assert one.shape == (4, 3, 16, 16)
    assert len(torch.cat([one, two]).unique(dim=0)) == 8


def test_stopping_within_an_epoch_of_workers(striped: MakeData) -> None:
    data = striped(2)
    for _ in data.train_dl:
        break
    data.one_batch()
    assert len(epoch(data.train_dl)[0]) == 20


def test_how_many_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr(loader.os, "sched_getaffinity", lambda _: set(range(2)), raising=False)
    assert [default_workers(n) for n in (0, 255, 256)] == [0, 0, 2]
    monkeypatch.setattr(loader.os, "sched_getaffinity", lambda _: set(range(64)), raising=False)
    assert default_workers(10**6) == 8
    monkeypatch.setattr("sys.platform", "darwin")
    assert default_workers(10**6) == 0


# Sizes


@pytest.mark.parametrize("size", [7, (5, 9), 33, 1])
def test_sizes_of_all_kinds(make: MakeData, size: Any) -> None:
    high, wide = (size, size) if isinstance(size, int) else size
    assert make(get_transforms(), size=size).one_batch()[0].shape == (4, 3, high, wide)


def test_pictures_of_several_sizes_need_one(make: MakeData, folder: Path) -> None:
    assert make(size=None).one_batch()[0].shape == (4, 3, 8, 12)
    paint(folder / "odd_99.png", (1, 2, 3), (5, 6))
    for workers in (0, 1):
        with pytest.raises(DataError, match=r"_\d+\.png (8×12|6×5), .*_\d+\.png (8×12|6×5)\. Give a size") as error:
            epoch(make(size=None, bs=9, workers=workers).train_dl)
        assert "Traceback" not in str(error.value)


def test_grey_and_transparent_pictures_share_a_batch(folder: Path, make: MakeData) -> None:
    Pillow.new("L", (9, 9), 77).save(folder / "odd_1.png")
    Pillow.new("RGBA", (9, 9), (0, 0, 0, 0)).save(folder / "odd_3.png")
    inputs, _ = epoch(make(valid=[5, 6]).valid_dl)  # odd_1 and odd_3
    assert inputs[:, :, 4, 4].tolist() == [pytest.approx([77 / 255] * 3), [1, 1, 1]]


def test_a_source_labelled_twice_shares_nothing(folder: Path) -> None:
    source = ImageItemList.from_folder(folder).random_split_by_pct(0.2, seed=2)

    def data(size: int, mode: str) -> ImageDataBunch:
        made: ImageDataBunch = (
            source.label_from_re(PATTERN)
            .transform(get_transforms(), size=size, padding_mode=mode)
            .databunch(bs=2, num_workers=0)
            .normalize(imagenet_stats if size == 4 else HALVES)
        )
        return made

    small, large = data(4, "zeros"), data(6, "border")
    assert (small.one_batch()[0].shape, large.one_batch()[0].shape) == ((2, 3, 4, 4), (2, 3, 6, 6))
    assert (small.train_ds.x.augment.padding_mode, large.train_ds.x.augment.padding_mode) == ("zeros", "border")
    assert small.state()["stats"] != large.state()["stats"]
    labelled = source.label_from_re(PATTERN)
    labelled.transform(None, size=4)
    assert labelled.train.x.augment is None


@pytest.mark.parametrize("tfms", [[flip_lr()], "flip", (1, 2, 3), flip_lr()])
def test_transforms_that_are_no_pair(make: MakeData, tfms: Any) -> None:
    with pytest.raises(DataError, match="tfms must be a pair"):
        make(tfms)


@pytest.mark.parametrize(("options", "message"), [({"bs": 0}, "bs must be"), ({"workers": -1}, "num_workers must be")])
def test_impossible_batches(make: MakeData, options: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        make(**options)


# Normalising


def test_normalising_by_hand() -> None:
    pixels = torch.tensor([[[[0, 51, 255], [255, 204, 0]]]], dtype=torch.uint8)  # one picture, 1 high and 2 wide
    assert normalised(pixels, None).tolist() == [[[[0, 1]], [[pytest.approx(0.2), pytest.approx(0.8)]], [[1, 0]]]]
    out = normalised(pixels, ChannelStats(*HALVES))
    assert out[0, 0, 0].tolist() == pytest.approx([-1, 1])
    assert out[0, 1, 0].tolist() == pytest.approx([-1.2, 1.2])
    assert out[0, 2, 0].tolist() == pytest.approx([0.5, -0.5])
    assert pixels[0, 0, 0].tolist() == [0, 51, 255]


def test_normalising_data_and_back(make: MakeData) -> None:
    data = make().normalize(imagenet_stats)
    plain, _ = epoch(make().valid_dl)
    inputs, _ = epoch(data.valid_dl)
    mean, std = (torch.tensor(part)[:, None, None] for part in imagenet_stats)
    torch.testing.assert_close(inputs, (plain - mean) / std)
    torch.testing.assert_close(data.denorm(inputs), plain)
    torch.testing.assert_close(data.denorm(inputs[0]), plain[0])
    assert data.denorm(inputs).max() <= 1
    assert data.denorm(inputs).min() >= 0
    assert torch.equal(make().denorm(plain), plain)


def test_statistics_of_a_batch(make: MakeData) -> None:
    state = torch.random.get_rng_state()
    data = make(bs=8).normalize()
    assert torch.equal(torch.random.get_rng_state(), state)
    red = torch.tensor([4.0, 6, 8, 1, 3, 5, 7, 9]) / 25.5
    assert data.stats is not None
    assert data.stats.mean.tolist() == pytest.approx([red.mean().item(), 0, 0.2], abs=1e-6)
    assert data.stats.std[0].item() == pytest.approx(red.repeat_interleave(64).std().item(), abs=1e-6)
    assert data.stats.std[1:].tolist() == pytest.approx([1 / 255] * 2)  # what never changes is not blown up
    assert make(bs=2).normalize().state() == make(bs=2).normalize().state()


@pytest.mark.parametrize("stats", [((0.5,), (0.5,)), ((0, 0, 0), (1, 0, 1)), ((0, 0, 0), (1, 1, float("nan")))])
def test_statistics_that_are_none(make: MakeData, stats: Any) -> None:
    with pytest.raises(DataError, match="mean and the standard deviation"):
        make().normalize(stats)


# One picture, other pictures


def test_one_item_is_what_its_batch_has(make: MakeData, folder: Path) -> None:
    data = make(get_transforms(), size=6).normalize(imagenet_stats)
    inputs, _ = epoch(data.valid_dl)
    picture, _ = data.valid_ds[1]
    path = folder / "even_2.png"
    opened = open_image(path)
    for item in (picture, path, str(path), opened, opened.data):
        x, y = data.one_item(item)
        torch.testing.assert_close(x, inputs[1:])
        assert y.tolist() == [-100]
    with pytest.raises(DataError, match=r"none\.png cannot be read as a picture: there is no such file\."):
        data.one_item(folder / "none.png")


def test_a_picture_of_a_dataset_is_not_transformed_again(make: MakeData) -> None:
    data = make(([], [contrast(2.0)]))
    picture = data.valid_ds[1][0]
    torch.testing.assert_close(data.one_item(picture)[0], epoch(data.valid_dl)[0][1:])
    again = data.one_item(Image(picture.data))[0]
    assert not torch.allclose(again, data.one_item(picture)[0])


def test_other_pictures(make: MakeData, folder: Path) -> None:
    data = make().normalize(HALVES)
    data.add_test([folder / "odd_9.png", str(folder / "even_0.png")])
    inputs, targets = epoch(data.dl("test"))
    torch.testing.assert_close(inputs[:, 0, 0, 0], torch.tensor([90 / 127.5 - 1, -1]))
    assert targets.tolist() == [-100, -100]
    assert "test 2" in repr(data)
    data.normalize(imagenet_stats)
    assert epoch(data.dl("test"))[0][1, 0, 0, 0].item() == pytest.approx(-0.485 / 0.229)
    assert len(data.loader(ImageItemList.from_folder(folder)).dataset) == 10


def test_numbers_and_several_classes_as_targets(folder: Path) -> None:
    split = ImageItemList.from_folder(folder).split_by_idx([0])
    data = split.label_from_func(lambda path: float(path.stem[-1])).transform(None, size=4).databunch(bs=3)
    inputs, targets = epoch(data.train_dl)
    assert isinstance(data.y, FloatList)
    torch.testing.assert_close(inputs[:, 0, 0, 0] * 25.5, targets)
    assert data.one_item(folder / "odd_9.png")[1].isnan().all()


# Pictures that go bad after they were found


def spoiled(folder: Path, *names: str) -> None:
    for name in names:
        whole = bytearray((folder / name).read_bytes())
        whole[41:43] = b"\0\0"
        (folder / name).write_bytes(whole)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_picture_that_goes_bad_does_not_end_training(make: MakeData, folder: Path, workers: int) -> None:
    data = make(workers=workers)
    spoiled(folder, "odd_5.png")
    (folder / "odd_7.png").unlink()
    with pytest.warns(UserWarning, match="another one is used instead: .*odd_[57]") as told:
        inputs, targets = epoch(data.train_dl)
    assert sum("is used instead" in str(one.message) for one in told) == 2
    red = (inputs[:, 0, 0, 0] * 25.5).round().int().tolist()
    assert len(red) == 8
    assert set(red) == {1, 3, 4, 6, 8, 9}
    assert [number % 2 for number in red] == targets.tolist()
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="a picture can no longer")  # each is named once
        epoch(data.train_dl)


def test_in_order_rows_keep_their_places(make: MakeData, folder: Path) -> None:
    data = make()
    spoiled(folder, "even_0.png")
    with pytest.warns(UserWarning, match=r"a grey picture is used instead: .*even_0\.png \(a damaged picture"):
        inputs, targets = epoch(data.valid_dl)
    assert (inputs[:, 1, 0, 0] * 255).tolist() == [128, 0]
    assert targets.tolist() == [0, 0]


@pytest.mark.parametrize("workers", [0, 1])
def test_when_all_go_bad_there_is_no_training(make: MakeData, folder: Path, workers: int) -> None:
    data = make(workers=workers)
    for path in folder.iterdir():
        path.unlink()
    with pytest.raises(DataError, match=r"none of a batch's pictures can be read: .*\.png \(there is no such file\)"):
        epoch(data.train_dl)


# Kept with a model


def test_what_a_model_needs_to_predict_comes_back(make: MakeData, folder: Path) -> None:
    for data in (
        make(get_transforms(), size=(6, 5), padding_mode="zeros", resize_method="squish").normalize(imagenet_stats),
        make(),
        make(None, size=None),
    ):
        back = ImageDataBunch.from_state(json.loads(json.dumps(data.state())), path=folder)
        assert (back.classes, back.c, back.path, len(back.train_dl)) == (["even", "odd"], 2, folder, 0)
        assert torch.equal(back.one_item(folder / "odd_9.png")[0], data.one_item(folder / "odd_9.png")[0])
        assert back.state() == data.state()
        with pytest.raises(DataError, match="these data have none"):
            back.one_batch()
        with pytest.raises(DataError, match="needs training pictures, and there are none"):
            back.normalize()


def test_data_that_were_never_transformed_come_back(folder: Path) -> None:
    data = ImageItemList.from_folder(folder).split_none().label_from_re(PATTERN).databunch(bs=4)
    back = ImageDataBunch.from_state(data.state())
    assert back.one_item(folder / "odd_9.png")[0].shape == (1, 3, 8, 12)


def test_transforms_of_ones_own_cannot_be_kept(make: MakeData) -> None:
    with pytest.raises(DataError, match="contrast"):
        make(([], [contrast(2.0)])).state()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda s: s.pop("labels"),
        lambda s: s.update(stats={"mean": [0], "std": [1]}),
        lambda s: s.update(transform={"size": "big"}),
        lambda s: s.update(transform={"code": "print()"}),
        lambda s: s.update(transform=[1]),
    ],
)
def test_damaged_states(make: MakeData, spoil: Callable[[dict[str, Any]], object]) -> None:
    state = make().normalize(imagenet_stats).state()
    spoil(state)
    with pytest.raises(ArtifactError, match="damaged"):
        ImageDataBunch.from_state(state)


# Shown


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("MPLBACKEND", "agg")
    plt = pytest.importorskip("matplotlib.pyplot")
    plt.switch_backend("agg")
    yield plt
    plt.close("all")


def test_show_batch_draws_pictures_with_their_labels(make: MakeData, drawn: Any) -> None:
    make().show_batch(2)
    axes = drawn.gcf().axes
    assert len(axes) == 4
    assert {ax.get_title() for ax in axes} <= {"even", "odd"}
    assert all(ax.images[0].get_array().shape == (8, 8, 3) for ax in axes)
    make().show_batch(3)  # eight pictures for nine places
    assert sum(bool(ax.images) for ax in drawn.gcf().axes) == 8


def test_words(make: MakeData) -> None:
    data = make(size=4).normalize(imagenet_stats)
    assert repr(data).startswith("ImageDataBunch: train 8, valid 2 items, CategoryList of label")
    assert repr(data.stats) == "mean [0.485, 0.456, 0.406], std [0.229, 0.224, 0.225]"
    assert isinstance(data.y, CategoryList)
