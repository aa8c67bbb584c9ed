"""What a collection will cost, by hand, beside what one takes, and where the disk has too little room."""

from __future__ import annotations

import io
import json
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from handlens.errors import CollectionError, StorageError
from handlens.studio import Collection, Cost, costs
from handlens.studio.costs import cost_of, cost_of_copies
from handlens.studio.features import backbone_extractor, patches_extractor


@pytest.fixture
def machine(monkeypatch):
    """A machine whose products take 10 ms and whose disk has 1 GB left."""
    monkeypatch.setattr(costs, "product_seconds", lambda: 0.01)
    monkeypatch.setattr(costs, "free_on_disk", lambda _folder: 10**9)
    return monkeypatch


def test_by_hand(machine, tmp_path):
    machine.setitem(costs.SOURCES, "net", costs.Described(numbers=100, layers=2, megabytes=0.5, products=3.0))
    assert cost_of_copies(10, 4000, backbone=["net"], folder=tmp_path) == Cost(
        photos=10,
        bytes=10 * (250 + 6000 + 1000 + 2 * 100 + 4 * 2) + 500_000 + 4000,
        seconds=pytest.approx(10 * 3 * 0.01),
        free=10**9,
    )
    machine.setitem(costs.SOURCES, "patches", costs.Described(1000, 6, 0.5, 5.0))
    machine.setitem(costs.SOURCES, "tf_efficientnet_lite0", costs.Described(500, 10, 19, 2.0))
    dearest = cost_of_copies(1, 0, backbone=["auto"], folder=tmp_path)
    assert dearest.bytes == 250 + 7000 + 2 * 1000 + 4 * 10 + 19_000_000
    assert dearest.seconds == pytest.approx(0.05)


def test_a_few_photos_are_read(machine, tmp_path):
    for i in range(3):
        Image.new("RGB", (300, 200), (90 * i, 10, 10)).save(tmp_path / f"{i}.png")
    (tmp_path / "notes.txt").write_text("no photo")
    (tmp_path / ".hidden.png").write_bytes((tmp_path / "1.png").read_bytes())
    found = cost_of(tmp_path, backbone="patches")
    assert found is not None
    assert found.photos == 3
    kept = []
    for i in range(3):
        with Image.open(tmp_path / f"{i}.png") as picture:
            small, tile = io.BytesIO(), io.BytesIO()
            picture.resize((256, 171), Image.Resampling.BICUBIC, reducing_gap=2.0).save(small, "JPEG", quality=85)
            picture.resize((64, 64), Image.Resampling.BILINEAR, reducing_gap=3.0).save(
                tile, "JPEG", quality=90, subsampling=0
            )
            kept.append(len(small.getvalue()) + len(tile.getvalue()) - 623)
    one = costs.SOURCES["patches"]
    expected = 3 * (250 + np.mean(kept) + 2 * one.numbers + 4 * one.layers) + one.megabytes * 1e6
    assert found.bytes == pytest.approx(expected, rel=0.01)
    assert found.seconds > 3 * 0.01 * one.products


def test_the_table_knows_what_extractors_have():
    pictures = np.random.default_rng(0).integers(0, 256, (8, 96, 96, 3), np.uint8)
    known = [patches_extractor(pictures, seed=0)]
    known.append(backbone_extractor("tf_efficientnet_lite0", random=True))
    for extractor in known:
        found = costs.SOURCES[extractor.name]
        assert (found.numbers, found.layers) == (sum(layer.dim for layer in extractor.layers), len(extractor.layers))
    size = sum(tensor.nbytes for tensor in known[0].tensors().values()) / 1e6
    assert costs.SOURCES["patches"].megabytes == pytest.approx(size, rel=0.1)


def test_it_is_about_what_a_collection_takes(machine, prepared_folder, drawn):
    layers = json.loads((prepared_folder / "cache" / "sources" / "patches" / "layers.json").read_text())["layers"]
    weights = (prepared_folder / "cache" / "sources" / "patches" / "extractor" / "tensors.safetensors").stat().st_size
    made = costs.Described(sum(layer["dim"] for layer in layers), len(layers), weights / 1e6, 1.0)
    machine.setitem(costs.SOURCES, "patches", made)  # smaller than usual, as tests have little time
    expected = cost_of(drawn, backbone=None)
    assert expected is not None
    taken = sum(file.stat().st_size for file in (prepared_folder / "cache").rglob("*") if file.is_file())
    # Drawings have a layer that is kept in float32, and a fixed part that photographs in their thousands dwarf.
    assert 0.7 * taken < expected.bytes < 1.3 * taken


def test_a_disk_without_room_is_refused_before_anything_is_written(machine, drawn, tmp_path):
    machine.setattr(costs, "free_on_disk", lambda _folder: 50_000)
    with pytest.raises(
        StorageError, match=r"too full: 40 photos need about .* MB there, and 50 kB are free\. Make room"
    ):
        Collection.create(tmp_path / "c", images=drawn, backbone=None)
    assert list(tmp_path.iterdir()) == []
    found = cost_of(drawn, backbone=None, folder=tmp_path / "c")
    assert found is not None
    assert not found.fits
    assert str(found).endswith("That does not fit: make room, or choose fewer networks or photos.")


def test_where_it_is_not_known(machine, drawn, tmp_path):
    shutil.make_archive(str(tmp_path / "photos"), "zip", drawn)
    assert cost_of(tmp_path / "photos.zip") is None
    with pytest.raises(CollectionError, match="there is no such folder"):
        cost_of(tmp_path / "none")
    other = cost_of(drawn, backbone=["a-network", None])
    alone = cost_of(drawn, backbone=[None])
    assert other is not None
    assert alone is not None
    assert other.bytes == alone.bytes
    assert str(other).endswith("What a-network adds is not known before it is loaded.")
    (tmp_path / "empty").mkdir()
    assert cost_of(tmp_path / "empty", backbone=None) == Cost(0, 500_000, 0.0, 10**9)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (59, "less than a minute"),
        (61, "about 1 minute"),
        (600, "about 10 minutes"),
        (2 * 3600, "about 2 hours"),
        (30 * 3600, "about 30 hours"),
    ],
)
def test_times(seconds, text):
    cost = Cost(photos=1_000_000, bytes=17_000_000_000, seconds=seconds, free=61_200_000_000)
    assert str(cost) == (
        f"1,000,000 photos take about 17 GB of the disk (61.2 GB are free), and {text} to prepare on this machine."
    )


def test_one_photo():
    cost = Cost(photos=1, bytes=17_000, seconds=59, free=61_200_000_000)
    assert str(cost).startswith("1 photo takes about 17 kB of the disk (61.2 GB are free), and less than a minute ")


def test_no_photos():
    assert str(Cost(photos=0, bytes=19_000_000, seconds=1, free=61_200_000_000)) == "No photos were found there."


def test_this_machine_is_measured_once(monkeypatch):
    assert 0 < costs.product_seconds() == costs.product_seconds()


def test_the_disk_of_a_folder_that_is_not_there_yet(monkeypatch, tmp_path):
    def usage(folder: Path) -> SimpleNamespace:
        if not folder.exists():
            raise FileNotFoundError
        return SimpleNamespace(free=len(str(folder)))

    monkeypatch.setattr(costs.shutil, "disk_usage", usage)
    assert costs.free_on_disk(tmp_path / "a" / "b") == len(str(tmp_path))


@pytest.mark.parametrize("terminal", [True, False])
def test_a_terminal_says_it(machine, drawn, tmp_path, capsys, terminal):
    from handlens.cli.studio import _say_cost
    from handlens.studio import PhotoSource

    machine.setattr(sys.stderr, "isatty", lambda: terminal, raising=False)
    _say_cost(PhotoSource(drawn), (None,), tmp_path)
    said = capsys.readouterr().err
    assert said.startswith("40 photos take about ") if terminal else said == ""
