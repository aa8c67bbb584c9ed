"""Preparing: what is on disk after runs that were cut short, and that it is the same as after one that was not."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from handlens.errors import Cancelled, CollectionError
from handlens.studio.collection import Collection
from handlens.studio.features.extractor import layers_of
from handlens.studio.photos import Photos
from handlens.studio.preparation_run import Preparation, decode, only_one
from handlens.studio.register import Register
from handlens.studio.settings import Settings
from handlens.studio.sources import Source
from handlens.studio.thumbnails import ThumbnailCache


class Means:
    """Features that can be computed by hand: the mean colour, and thirds of it; `size` as one likes."""

    def __init__(self, name: str, size: int) -> None:
        self.name, self.size = name, size
        self.layers = layers_of(name, [("0", 3)])
        self.seen = 0

    def __call__(self, batch):
        assert batch.dtype == torch.uint8
        assert tuple(batch.shape[1:]) == (self.size, self.size, 3)
        self.seen += len(batch)
        mean = batch.float().mean((1, 2))
        return [mean, mean.repeat_interleave(9, 1) / 3]

    def config(self):
        return {"kind": "means"}

    def tensors(self):
        return {"none": torch.zeros(1)}


class Run:
    """A folder being prepared with sources of one's own."""

    def __init__(self, tmp_path: Path, drawn: Path) -> None:
        self.folder = tmp_path / "cache"
        self.settings = Settings(tmp_path / "c.sqlite")
        register = Register(tmp_path / "c.sqlite", drawn, seed=1)
        self.photos = Photos(register, ThumbnailCache(self.folder), self.settings)
        self.told: list = []
        self.cancel = threading.Event()

    def source(self, name: str, size: int) -> Source:
        source = Source(name, name, self.folder / name, name, None)
        source.adopt(Means(name, size))
        return source

    def stream(self, *sources: Source, reached=lambda rows: None) -> None:
        run = Preparation(self.photos, changed=self.told.append, cancel=self.cancel)
        with run.reading():
            run.stream(list(sources), reached)

    def check(self, *sources: Source) -> None:
        n = len(self.photos)
        assert self.photos.prepared == n
        tiles = self.photos.thumbnails.tiles_of(range(n)).astype(int)
        for row in range(n):
            photo = int(self.photos.order[row])
            decoded = decode(self.photos.file(photo), {s.extractor.size for s in sources}, thumbnails=True)
            assert np.abs(tiles[row] - decoded.tile).mean() < 7
            assert self.photos.thumbnails.read(photo, row) == decoded.thumb != b""
            for source in sources:
                expected = decoded.squares[source.extractor.size].reshape(-1, 3).mean(0)
                assert source.rows[0].read().at([row])[0] == pytest.approx(expected, abs=0.1)
                assert source.rows[1].count == n


@pytest.fixture
def run(tmp_path, drawn, monkeypatch):
    monkeypatch.setattr("handlens.studio.preparation_run.BATCH", 4)
    monkeypatch.setattr("handlens.studio.preparation_run.FIRST", 10)
    made = Run(tmp_path, drawn)
    yield made
    made.settings.close()


def test_all_rows_are_right_and_reported_in_order(run):
    source, reached = run.source("one", 16), []
    run.stream(source, reached=reached.append)
    run.check(source)
    assert reached == [4, 8, 10, 14, 18, 22, 26, 30, 34, 38, 40]
    assert [p.done for p in run.told] == reached
    assert run.told[-1].total == 40
    assert run.told[-1].seconds_left == 0
    assert source.extractor.seen == 40


def test_nothing_is_done_twice(run):
    source = run.source("one", 16)
    run.stream(source)
    run.stream(source)
    assert source.extractor.seen == 40


@pytest.mark.parametrize(
    ("thumbnails", "one", "two"), [(4, 0, 0), (0, 9, 3), (17, 5, 40), (40, 0, 13), (10, 10, 10), (7, 40, 8)]
)
def test_sources_and_thumbnails_that_are_not_level(run, thumbnails, one, two):
    """As after a kill, or when a network was added later."""
    first, second = run.source("one", 16), run.source("two", 24)
    run.stream(first, second)
    run.photos.thumbnails.truncate(thumbnails)
    for source, count in ((first, one), (second, two)):
        for file in source.rows:
            file.rows.truncate(count)
    first.rows[0].rows.truncate(max(0, one - 1))  # one layer a row behind the other
    run.stream(first, second)
    run.check(first, second)


def test_a_row_cut_off_by_a_crash_is_written_again(run):
    source = run.source("one", 16)
    run.stream(source)
    rows = source.rows[0].rows
    with rows.path.open("r+b") as file:
        file.truncate(31 * 3 * rows.dtype.itemsize + 5)
    run.stream(source)
    run.check(source)


def test_cancelled_at_any_batch_and_resumed(run):
    source = run.source("one", 16)

    def stop(rows):
        run.cancel.set()

    for _ in range(3):
        with pytest.raises(Cancelled):
            run.stream(source, reached=stop)
        run.cancel.clear()
    assert source.prepared == 10  # 4, 8, and then the first photos by themselves
    run.stream(source)
    run.check(source)
    assert source.extractor.seen == 40


def test_broken_photos_are_blank_and_refused(run, tmp_path, drawn):
    import shutil

    images = tmp_path / "images"
    shutil.copytree(drawn, images)
    register = Register(tmp_path / "d.sqlite", images, seed=1)
    run.photos = Photos(register, ThumbnailCache(run.folder), run.settings)
    data = (images / "circles" / "3.png").read_bytes()
    (images / "circles" / "3.png").write_bytes(data[: len(data) // 2])
    (images / "squares" / "5.png").unlink()
    source = run.source("one", 16)
    run.stream(source)
    row = int(run.photos.rows[3])
    assert set(run.settings.unreadable) == {3, 25}
    assert "truncated" in run.settings.unreadable[3]
    assert run.settings.unreadable[25] == "there is no such file"
    assert np.isnan(source.rows[0].read().at([row])).all()
    assert (run.photos.thumbnails.tiles_of([row]) == 0).all()
    assert run.photos.thumbnails.aspects.read()[row] == 0
    assert np.isfinite(source.rows[0].read().block(0, 40)).all(1).sum() == 38


@pytest.mark.parametrize("looked_at", [False, True])
def test_what_was_looked_at_or_learned_on_is_not_read_twice(run, monkeypatch, looked_at):
    import handlens.studio.preparation_run as module

    read: list[Path] = []

    def counting(path, sizes, **wanted):
        read.append(path)
        return decode(path, sizes, **wanted)

    monkeypatch.setattr(module, "decode", counting)
    source = run.source("one", 96)
    preparation = Preparation(run.photos, changed=run.told.append, cancel=run.cancel)
    monkeypatch.setattr(module, "LOOKED_AT", 6)
    with preparation.reading():
        if looked_at:
            assert len(preparation.photographs({96, 224})) == 6
        pictures = preparation.learn_pictures(set())
        assert pictures.shape == (10, 96, 96, 3)
        preparation.stream([source], lambda rows: None)
    assert len(read) == len(set(read)) == 40
    run.check(source)


def test_what_was_learned_on_at_another_size_is_read_again(run):
    source = run.source("one", 16)
    preparation = Preparation(run.photos, changed=run.told.append, cancel=run.cancel)
    with preparation.reading():
        preparation.learn_pictures(set())
        preparation.stream([source], lambda rows: None)
    run.check(source)


def test_a_new_extractor_never_mixes_with_the_features_of_an_old_one(run):
    source = run.source("one", 16)
    run.stream(source)
    source.adopt(Means("one", 24))
    assert source.prepared == 0
    run.stream(source)
    run.check(source)


def test_layers_are_known_again_without_the_network(run):
    source = run.source("one", 16)
    again = Source("one", "one", source.folder, "one", None)
    again.read_layers()
    assert again.layers == list(source.extractor.layers)
    (source.folder / "layers.json").write_text("{ not json")
    again.read_layers()
    assert again.layers == []
    assert again.prepared == 0
    assert again.load() is False


def test_one_at_a_time(tmp_path):
    with only_one(tmp_path), pytest.raises(CollectionError, match="by another process already"), only_one(tmp_path):
        pass
    with only_one(tmp_path):
        pass
    (tmp_path / "preparing.lock").write_bytes(b"damaged " * 100)
    with only_one(tmp_path):
        pass


def test_progress_of_a_collection(quick, drawn, tmp_path):
    told = []
    with Collection.create(tmp_path / "c", images=drawn, backbone=None) as collection:
        collection.prepare(progress=told.append)
        assert collection.progress == told[-1]
    assert told[0].phase == "reading"
    assert [p.phase for p in told][-2:] == ["features", "done"]
    assert "fitting" in [p.phase for p in told]
    assert all(p.running for p in told[:-1])
    assert replace(told[-1], rate=0) == replace(
        told[-1], running=False, phase="done", done=40, total=40, seconds_left=0, error=None, rate=0
    )


@pytest.mark.parametrize(
    "change",
    [{"id": True}, {"stage": None}, {"pooling": "both"}, {"dim": "9"}, {"dim": 0}, {"colour": "red"}],
)
def test_layers_that_cannot_be_are_made_again(run, change):
    source = run.source("one", 16)
    file = source.folder / "layers.json"
    found = json.loads(file.read_text())
    layers = found["layers"] if isinstance(found, dict) else found
    layers[0] |= change
    file.write_text(json.dumps(layers))
    source.read_layers()
    assert source.layers == []
