"""Photos of more than 8 bits: a collection and all of its models see them in one range."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from handlens.core.saved import load_learner
from handlens.studio import Collection
from handlens.studio.photos import Photos

SAID = "Pictures of more than 8 bits are shown in the range that they have here: 1000 is black and 1500 white."


def ramps(folder: Path, *, n: int = 24) -> Path:
    """Photos of 16 bits, each through its part of 1000–1500: half of them dark, half of them bright."""
    folder.mkdir()
    ends = np.linspace(1000, 1500, n + 1)
    for i in range(n):
        row = np.round(np.linspace(ends[i], ends[i + 1], 48)).astype(np.uint16)
        Image.fromarray(np.tile(row, (48, 1))).save(folder / f"{i:02}.png")
    return folder


def seen(collection: Collection) -> list[np.ndarray]:
    """The thumbnails, and the features of each layer by id."""
    parts = collection.parts
    thumbs = [np.frombuffer(parts.photos.thumbnail(i), np.uint8) for i in range(len(collection.paths))]
    return [*thumbs, *(parts.layers.maps_of(layer).raw().at(parts.photos.rows) for layer in parts.layers.all)]


def test_p7_photos_that_were_prepared_before_there_was_a_range_are_prepared_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, random_network: tuple[str, Path]
) -> None:
    photos, (name, weights) = ramps(tmp_path / "photos"), random_network
    with monkeypatch.context() as earlier:
        earlier.setattr(Photos, "find_limits", lambda *_: None)
        with Collection.create(tmp_path / "old", images=photos, backbone=name, weights=weights) as collection:
            collection.prepare()
            collection.label(range(12), "dark")
            collection.label(range(12, 24), "bright")
            before = seen(collection)
    with Collection.create(tmp_path / "new", images=photos, backbone=name, weights=weights) as collection:
        collection.prepare()
        expected = seen(collection)
    with Collection.open(tmp_path / "old") as collection:
        # So that a person is asked to prepare the 24 photos.
        assert (collection.progress.phase, collection.progress.done, collection.progress.total) == ("idle", 0, 24)
        collection.prepare()
        assert SAID in collection.notices
        found = seen(collection)
        assert not any(np.array_equal(a, b) for a, b in zip(found[:24], before[:24], strict=True))
        for now, wanted in zip(found, expected, strict=True):
            np.testing.assert_allclose(now, wanted, rtol=1e-5, atol=1e-6)
        assert collection.labels.value_counts().to_dict() == {"dark": 12, "bright": 12}
        assert collection.parts.photos.register.again == []
        assert collection.parts.photos.register.replaced == {}
    with Collection.open(tmp_path / "old") as collection:
        assert collection.progress.phase == "done"


@pytest.mark.parametrize("ending", ["jpg", "png", "tif"])
@pytest.mark.usefixtures("quick")
def test_p7_photos_of_8_bits_are_not_prepared_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    (tmp_path / "photos").mkdir()
    for i in range(12):
        Image.new("RGB", (32, 32), (20 * i, 0, 9)).save(tmp_path / "photos" / f"{i}.{ending}")
    with monkeypatch.context() as earlier:
        earlier.setattr(Photos, "find_limits", lambda *_: None)
        with Collection.create(tmp_path / "own", images=tmp_path / "photos", backbone=None) as collection:
            collection.prepare()
            version = collection.parts.photos.version
    with Collection.open(tmp_path / "own") as collection:
        assert collection.progress.phase == "done"
        collection.prepare()
        assert (collection.parts.photos.limits, collection.parts.photos.version) == ({}, version)


def test_p7_a_fine_tuned_network_sees_photos_as_the_collection_does_and_so_does_its_export(
    tmp_path: Path, random_network: tuple[str, Path]
) -> None:
    photos, (name, weights) = ramps(tmp_path / "photos"), random_network
    with Collection.create(tmp_path / "own", images=photos, backbone=name, weights=weights) as collection:
        collection.prepare()
        collection.label(range(12), "dark")
        collection.label(range(12, 24), "bright")
        assert SAID in collection.train().warnings
        report = collection.fine_tune(epochs=1)
        assert SAID in report.warnings
        collection.use_model("fine-tuned")
        inside = collection.predictions()
        collection.export_model(tmp_path / "model")
    assert SAID in (tmp_path / "model" / "README.md").read_text()
    model = load_learner(tmp_path / "model")
    assert model.data.state()["limits"] == {"whole": [1000, 1500]}
    picture = model.data.one_item(photos / "00.png")[0]
    levels = np.asarray(model.data.denorm(picture)[0, 0]) * 255
    assert levels.min() < 2  # 1000 is black, and not 1000 / 1023
    assert levels.max() < 14
    outside = model.predict_files([photos / path for path in collection.paths])
    np.testing.assert_allclose(outside["probability"], inside["probability"], atol=1e-5)
    batch, _ = next(iter(model.data.loader([photos / "00.png"])))
    np.testing.assert_array_equal(batch, picture)
    assert SAID in str(model.describe())
