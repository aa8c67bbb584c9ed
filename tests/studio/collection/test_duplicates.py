"""Photos that a collection has more than once."""

from __future__ import annotations

import shutil
import threading

import numpy as np
import pytest
from PIL import Image, ImageDraw

from handlens.errors import Cancelled, CollectionError
from handlens.studio import classifier as learning
from handlens.studio.collection import Collection


@pytest.fixture
def photos(tmp_path):
    """A folder of photos that have duplicates of several kinds."""
    folder = tmp_path / "twice"
    folder.mkdir()
    random = np.random.default_rng(0)
    for name in ("a", "b", "c"):
        ground = Image.fromarray(random.integers(0, 256, (9, 12, 3), np.uint8)).resize((240, 180))
        ImageDraw.Draw(ground).ellipse((60, 40, 150, 130), fill=tuple(random.integers(0, 256, 3).tolist()))
        ground.save(folder / f"{name}.png")
    a, b = Image.open(folder / "a.png"), Image.open(folder / "b.png")
    a.save(folder / "a_saved.png", compress_level=1)  # the same pixels, other bytes
    a.crop((20, 0, 240, 170)).save(folder / "a_cropped.png")
    b.save(folder / "b_40.jpg", quality=40)
    b.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(folder / "b_mirrored.png")
    return folder


@pytest.fixture
def twice(tmp_path, photos, quick):
    with Collection.create(tmp_path / "collection", images=photos, backbone=None) as collection:
        collection.prepare()
        yield collection


def test_each_group_begins_with_the_photo_that_all_others_match(twice):
    found = twice.duplicates()
    assert found.columns.tolist() == ["group", "id", "path", "kind", "distance"]
    assert found[["group", "path", "kind"]].to_numpy().tolist() == [
        [0, "a.png", "first"],
        [0, "a_saved.png", "exact"],
        [0, "a_cropped.png", "near"],
        [1, "b.png", "first"],
        [1, "b_40.jpg", "near"],
    ]
    assert [twice.paths[i] for i in found["id"]] == found["path"].tolist()
    assert found["distance"].tolist()[:2] == [0, 0]
    assert found["distance"].between(0, 0.02).all()


def test_photos_of_a_group_belong_together_once_they_were_searched_for(twice):
    assert twice.parts.duplicates.together().tolist() == list(range(7))
    twice.duplicates()
    together = dict(zip(twice.paths, twice.parts.duplicates.together().tolist(), strict=True))
    first = twice.paths.index
    assert together["a.png"] == together["a_saved.png"] == together["a_cropped.png"] == first("a.png")
    assert together["b.png"] == together["b_40.jpg"] == first("b.png")
    assert together["c.png"] == first("c.png")
    assert together["b_mirrored.png"] == first("b_mirrored.png")


def test_the_groups_are_kept_and_found_again_at_the_next_opening(twice):
    steps = []
    found = twice.duplicates(progress=lambda done, total: steps.append((done, total)))
    assert steps[0][0] == 0
    assert steps[-1][0] == steps[-1][1]
    assert [done for done, _ in steps] == sorted(done for done, _ in steps)
    with Collection.open(twice.folder) as again:
        assert again.parts.duplicates.together().tolist() == twice.parts.duplicates.together().tolist()
        steps.clear()
        assert again.duplicates(progress=lambda done, total: steps.append((done, total))).equals(found)
        assert steps == []


def test_they_are_searched_for_again_when_photos_were_added(twice, photos):
    twice.duplicates()
    shutil.copy(photos / "c.png", photos / "d.png")
    Image.open(photos / "c.png").resize((120, 90)).save(photos / "d.png")
    with Collection.open(twice.folder) as again:
        again.prepare()
        assert again.parts.duplicates.together().tolist() == list(range(8))
        found = again.duplicates()
    assert found.loc[found["group"] == 2, "path"].tolist() == ["c.png", "d.png"]


def test_a_damaged_cache_is_made_again(twice):
    found = twice.duplicates()
    (kept,) = (twice.folder / "cache").glob("duplicates-*.npz")
    kept.write_bytes(b"damaged")
    with Collection.open(twice.folder) as again:
        assert again.parts.duplicates.together().tolist() == list(range(7))
        assert again.duplicates().equals(found)


def test_the_search_can_be_cancelled(twice):
    cancel = threading.Event()
    cancel.set()
    with pytest.raises(Cancelled, match="the search for duplicates was cancelled"):
        twice.duplicates(cancel=cancel)
    assert len(twice.duplicates()) == 5


def test_photos_that_differ_have_no_duplicates(collection):
    found = collection.duplicates()
    assert found.columns.tolist() == ["group", "id", "path", "kind", "distance"]
    assert len(found) == 0


def test_without_prepared_photos_there_is_nothing_to_search(tmp_path, photos):
    with (
        Collection.create(tmp_path / "new", images=photos, backbone=None) as collection,
        pytest.raises(CollectionError, match=r"none is prepared. Call prepare\(\) first"),
    ):
        collection.duplicates()


def test_an_empty_collection_has_none_prepared(tmp_path):
    (tmp_path / "nothing").mkdir()
    with (
        Collection.create(tmp_path / "new", images=tmp_path / "nothing", backbone=None) as collection,
        pytest.raises(CollectionError, match="none is prepared"),
    ):
        collection.duplicates()


def test_blank_and_tiny_photos_are_duplicates_only_with_the_same_pixels(tmp_path, quick):
    folder = tmp_path / "small"
    folder.mkdir()
    Image.new("RGB", (64, 64), "white").save(folder / "white.png")
    Image.new("RGB", (64, 64), "white").save(folder / "white_saved.png", compress_level=0)
    Image.new("RGB", (64, 64), "black").save(folder / "black.png")
    pixels = np.random.default_rng(0).integers(60, 200, (4, 4, 3), np.uint8)
    Image.fromarray(pixels).save(folder / "tiny.png")
    Image.fromarray(pixels).save(folder / "tiny_saved.png", compress_level=0)
    Image.fromarray(pixels + 1).save(folder / "tiny_brighter.png")
    with Collection.create(tmp_path / "collection", images=folder, backbone=None) as collection:
        collection.prepare()
        found = collection.duplicates()
    assert found[["path", "kind"]].to_numpy().tolist() == [
        ["tiny.png", "first"],
        ["tiny_saved.png", "exact"],
        ["white.png", "first"],
        ["white_saved.png", "exact"],
    ]


def test_photos_that_cannot_be_read_are_not_compared(twice, photos):
    (photos / "e.png").write_bytes((photos / "c.png").read_bytes()[:3000])
    (photos / "f.png").write_bytes((photos / "c.png").read_bytes()[:3001])
    with Collection.open(twice.folder) as again:
        again.prepare()
        assert {"e.png", "f.png"} <= {out.path for out in again.left_out}
        assert set(again.duplicates()["group"]) == {0, 1}


def test_training_knows_the_duplicates_that_were_found(twice, monkeypatch):
    seen = []
    train = learning.train_classifier

    def watched(*args, together, **options):
        seen.append(together.tolist())
        return train(*args, together=together, **options)

    monkeypatch.setattr(learning, "train_classifier", watched)
    by_path = {path: i for i, path in enumerate(twice.paths)}
    twice.label([by_path["a.png"], by_path["a_cropped.png"], by_path["a_saved.png"]], "a")
    twice.label([by_path["b.png"], by_path["b_40.jpg"], by_path["c.png"], by_path["b_mirrored.png"]], "b")
    twice.train()
    twice.duplicates()
    twice.train()
    a, b, c, mirrored = (by_path[name] for name in ("a.png", "b.png", "c.png", "b_mirrored.png"))
    assert seen[0] == list(range(7))
    assert sorted(seen[1]) == sorted([a, a, a, b, b, c, mirrored])
