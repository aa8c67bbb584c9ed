"""A collection on shards: a random sample, searches of all photos, and what happens when shards change."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from handlens.errors import Cancelled, CollectionError, FolderGoneError, PhotoError, ShardError, TrainingError
from handlens.io.manifests import MANIFEST
from handlens.scale.manifest import SHARDS, read_manifest, write_manifest
from handlens.scale.sample import random_sample
from handlens.scale.shard_set import ShardSet
from handlens.studio.collection import Collection
from handlens.studio.manifest import read_content
from tests.scale.made_shards import write_made_shards
from tests.studio.drawn_shards import SAMPLE, write_again

Opened = Callable[[], Collection]


def is_circle(path: str) -> bool:
    return "circles" in path


# --- a sample ----------------------------------------------------------------------------------------------


def test_a_new_collection_has_a_random_sample_and_what_the_shards_have_of_it(sampled: Opened, shards: Path) -> None:
    all_photos = ShardSet.open(shards)
    rows = random_sample(all_photos.manifest.shards, SAMPLE, seed=0).rows
    with sampled() as collection:
        assert collection.paths == all_photos.paths(rows)
        assert (collection.progress.phase, collection.progress.done) == ("done", SAMPLE)
        assert [layer.id for layer in collection.layers] == [layer.id for layer in all_photos.layers]
        for layer in collection.layers:
            kept = collection.parts.layers.maps_of(layer).raw().block(0, SAMPLE)
            assert np.array_equal(kept, all_photos.features(layer.id, rows).astype(np.float32))
        assert [collection.parts.photos.thumbnail(i) for i in range(3)] == [
            all_photos.thumbnail(row) for row in rows[:3]
        ]
        assert np.isfinite(collection.map(collection.layers[0], "pca-1-2")).all()
        assert collection.shards is not None
        assert (collection.shards.total, collection.shards.sampled.sum()) == (40, SAMPLE)
        assert collection.notices == []


def test_labels_survive_a_restart(sampled: Opened) -> None:
    with sampled() as collection:
        collection.label([3, 5], "circle")
        paths = [collection.paths[3], collection.paths[5]]
    with sampled() as collection:
        found = collection.labels.dropna()
        assert [collection.paths[i] for i in found.index] == paths
        assert collection.progress.phase == "done"
        assert collection.scan() == 0


def test_all_photos_are_taken_where_they_are_few(shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("handlens.studio.shards.register.SAMPLE", 100)
    with Collection.create(tmp_path / "all", images=shards) as collection:
        collection.prepare()
        assert sorted(collection.paths) == sorted(ShardSet.open(shards).paths(range(40)))
        assert collection.shards is not None
        assert collection.shards.sampled.all()
        ids = collection.look_closer([0], layer=collection.layers[0])
        assert ids.tolist() == []


def test_no_backbone_is_chosen_or_added(sampled: Opened, shards: Path, tmp_path: Path) -> None:
    with pytest.raises(CollectionError, match="no backbone can be chosen"):
        Collection.create(tmp_path / "other", images=shards, backbone="resnet18")
    assert not (tmp_path / "other").exists()
    with sampled() as collection, pytest.raises(CollectionError, match="those of its shards"):
        collection.add_features("resnet18")


def test_an_earlier_version_does_not_take_the_shards_for_photos(sampled: Opened) -> None:
    with sampled() as collection:
        content = read_content(collection.folder)
        assert (content["version"], content["shards"]) == (3, True)


# --- all photos --------------------------------------------------------------------------------------------


def test_similar_photos_are_found_among_all_and_join_the_collection(sampled: Opened, shards: Path) -> None:
    everything = ShardSet.open(shards)
    with sampled() as collection:
        layer, before = collection.layers[0], list(collection.paths)
        place = collection.map(layer, "pca-1-2")
        collection.label([0], "first")
        found = collection.similar_everywhere([0], layer=layer, k=9)
        x = everything.features(layer.id, range(40)).astype(np.float64)
        of = x[[everything.paths(range(40)).index(path) for path in before]]
        std = of.std(0)
        z = (x - of.mean(0)) * np.divide(1, std, out=np.zeros(layer.dim), where=std > 1e-6 * std.max())
        row = everything.paths(range(40)).index(before[0])
        away = np.sqrt(((z - z[row]) ** 2).mean(1))
        away[row] = np.inf
        assert found["path"].tolist() == everything.paths(np.argsort(away)[:9])
        np.testing.assert_allclose(found["distance"], np.sort(away)[:9], rtol=1e-2)
        assert collection.paths[:SAMPLE] == before
        assert len(collection.paths) == SAMPLE + sum(path not in before for path in found["path"])
        assert np.array_equal(collection.map(layer, "pca-1-2")[:SAMPLE], place)
        assert collection.labels[0] == "first"
        assert collection.shards is not None
        assert collection.shards.sampled.sum() == SAMPLE
        again = collection.similar([0], layer=layer).set_index("path")["distance"]
        np.testing.assert_allclose(found["distance"], again[found["path"]], rtol=1e-2)
        count = len(collection.paths)
        assert collection.similar_everywhere([0], layer=layer, k=9)["id"].tolist() == found["id"].tolist()
        assert len(collection.paths) == count


def test_looking_closer_adds_the_nearest_of_each_by_turns(sampled: Opened) -> None:
    with sampled() as collection:
        layer = collection.layers[0]
        circle = next(i for i, path in enumerate(collection.paths) if is_circle(path))
        square = next(i for i, path in enumerate(collection.paths) if not is_circle(path))
        ids = collection.look_closer([circle, square], layer=layer, k=6)
        assert ids.tolist() == list(range(SAMPLE, SAMPLE + 6))
        alone = collection.similar([circle], layer=layer)
        nearest_new = alone[alone["id"] >= SAMPLE]["id"].iloc[0]
        assert nearest_new in ids
        rest = collection.look_closer(range(len(collection.paths)), layer=layer, k=5000)
        assert len(collection.paths) == 40
        assert len(rest) == 40 - SAMPLE - 6


def test_predicted_photos_are_found_among_all(sampled: Opened, shards: Path) -> None:
    with sampled() as collection:
        with pytest.raises(TrainingError, match="no model yet"):
            collection.predicted_everywhere("circle")
        circles = [i for i, path in enumerate(collection.paths) if is_circle(path)]
        squares = [i for i in range(SAMPLE) if i not in circles]
        collection.label(circles[:5], "circle")
        collection.label(squares[:5], "square")
        collection.train()
        with pytest.raises(CollectionError, match="the model knows circle, square"):
            collection.predicted_everywhere("triangle")
        found = collection.predicted_everywhere("circle", at_least=0, k=40)
        assert sum(found.counts.values()) == 40
        assert len(found.ids) == found.counts["circle"]
        assert found.added == len(collection.paths) - SAMPLE
        assert (np.diff(found.probability) <= 0).all()
        table = collection.predictions()
        here = table.loc[found.ids]
        assert (here["predicted"] == "circle").all()
        np.testing.assert_allclose(here["probability"], found.probability, atol=2e-3)
        others = table.drop(index=found.ids)
        assert (others["predicted"] == "square").all()


def test_a_search_can_be_cancelled_and_adds_nothing(sampled: Opened) -> None:
    stop = threading.Event()
    stop.set()
    with sampled() as collection:
        with pytest.raises(Cancelled):
            collection.similar_everywhere([0], layer=collection.layers[0], cancel=stop)
        assert len(collection.paths) == SAMPLE


@pytest.mark.parametrize("k", [0, 5001, 2.5, True])
def test_how_many_must_be_right(sampled: Opened, k: int) -> None:
    with sampled() as collection, pytest.raises(CollectionError, match="k must be a whole number from 1 to 5,000"):
        collection.similar_everywhere([0], layer=collection.layers[0], k=k)


def test_a_collection_of_all_its_photos_searches_no_shards(collection: Collection) -> None:
    assert collection.shards is None
    with pytest.raises(CollectionError, match="has all of its photos"):
        collection.look_closer([0], layer=collection.layers[0])


# --- honest estimates --------------------------------------------------------------------------------------


def test_only_the_random_sample_is_checked_and_finished(sampled: Opened) -> None:
    with sampled() as collection:
        added = collection.look_closer([0, 1], layer=collection.layers[0], k=10)
        drawn = collection.draw_spot_check(40)
        assert sorted(drawn.tolist()) == list(range(SAMPLE))
        assert not np.isin(added, drawn).any()
        assert not collection.spot_check.open[added].any()


# --- shards that change ------------------------------------------------------------------------------------


def test_photos_that_are_embedded_later_enter_the_sample_and_labels_stay(shards: Path, tmp_path: Path) -> None:
    whole = read_manifest(shards)
    write_manifest(shards, replace(whole, shards=whole.shards[2:5]))
    with Collection.create(tmp_path / "c", images=shards) as collection:
        collection.prepare()
        before = list(collection.paths)
        collection.label([0, 7], "kept")
        assert collection.shards is not None
        assert (collection.shards.total, len(before)) == (18, SAMPLE)
        write_manifest(shards, whole)
        added = collection.scan()
        collection.prepare()
        in_all = ShardSet.open(shards)
        sample = set(in_all.paths(random_sample(whole.shards, SAMPLE, seed=0).rows))
        assert collection.paths[:SAMPLE] == before
        assert added == len(sample - set(before)) > 0
        assert {path for path, yes in zip(collection.paths, collection.shards.sampled, strict=True) if yes} == sample
        assert collection.labels.dropna().index.tolist() == [0, 7]
        assert collection.shards.total == 40
        assert collection.scan() == 0


def test_photos_are_found_again_after_all_were_embedded_again(sampled: Opened, shards: Path) -> None:
    """In shards of another size, the same photos have other places; their paths and hashes tell which they are."""
    with sampled() as collection:
        collection.label([2], "two")
        before = list(collection.paths)
    earlier = shutil.move(shards, shards.parent / "earlier")
    write_again(ShardSet.open(earlier), shards, [*range(20, 40), *range(20)], a_shard=15)
    with sampled() as collection:
        collection.scan()
        assert collection.paths[:SAMPLE] == before
        assert collection.labels.dropna().to_dict() == {2: "two"}
        assert collection.shards is not None
        rows = collection.shards.rows_of(np.arange(len(collection.paths)))
        assert ShardSet.open(shards).paths(rows) == collection.paths
        assert collection.shards.sampled.sum() == SAMPLE


def test_a_damaged_shard_leaves_out_its_photos_until_it_is_restored(shards: Path, tmp_path: Path) -> None:
    name = read_manifest(shards).shards[1].name
    file = shards / SHARDS / name
    right = file.read_bytes()
    with Collection.create(tmp_path / "c", images=shards) as collection:
        file.write_bytes(right[: len(right) // 2])
        collection.prepare()
        lost = collection.left_out
        mine = set(ShardSet.open(shards).paths([*range(6), *range(12, 40)]))
        assert 0 < len(lost) < SAMPLE
        assert {out.path for out in lost} == set(collection.paths) - mine
        assert all("is damaged" in out.reason for out in lost)
        with pytest.raises(ShardError, match=name):
            collection.similar_everywhere([0], layer=collection.layers[0])
    file.write_bytes(right)
    with Collection.open(tmp_path / "c") as collection:
        collection.prepare()
        assert collection.left_out == []
        assert np.isfinite(collection.map(collection.layers[0], "pca-1-2")).all()


def test_shards_that_go_away_while_they_are_open_are_said(sampled: Opened, shards: Path) -> None:
    with sampled() as collection:
        shutil.move(shards, shards.parent / "elsewhere")
        assert collection.shards is not None
        assert not collection.shards.is_there
        collection.label([1], "still")
        with pytest.raises(ShardError, match="is missing"):
            collection.look_closer([0], layer=collection.layers[0])
    with pytest.raises(FolderGoneError, match="no such folder now; the labels are safe"):
        sampled()
    with Collection.open(collection.folder, images=shards.parent / "elsewhere") as moved:
        assert moved.labels[1] == "still"
        assert len(moved.look_closer([0], layer=moved.layers[0], k=3)) == 3


def test_other_shards_are_not_taken_for_these(sampled: Opened, tmp_path: Path) -> None:
    with sampled() as collection:
        folder = collection.folder
    write_made_shards(tmp_path / "other")
    (tmp_path / "bare").mkdir()
    with pytest.raises(CollectionError, match="are not those of this collection"):
        Collection.open(folder, images=tmp_path / "other")
    with pytest.raises(ShardError, match="does not hold shards"):
        Collection.open(folder, images=tmp_path / "bare")


def test_a_manifest_of_a_newer_version_is_said(sampled: Opened, shards: Path) -> None:
    sampled().close()
    content = json.loads((shards / MANIFEST).read_text())
    (shards / MANIFEST).write_text(json.dumps(content | {"version": 99}))
    with pytest.raises(ShardError, match="newer handlens"):
        sampled()


def test_a_folder_of_shards_is_never_written(sampled: Opened, shards: Path) -> None:
    def content() -> dict[Path, bytes]:
        return {file: file.read_bytes() for file in shards.rglob("*") if file.is_file()}

    before = content()
    with sampled() as collection:
        collection.look_closer([0], layer=collection.layers[0], k=3)
        collection.label([0], "a")
    assert content() == before


# --- originals ---------------------------------------------------------------------------------------------


def test_the_original_is_shown_where_it_is_a_file_of_what_was_embedded(sampled: Opened, shards: Path) -> None:
    with sampled() as collection:
        photos = collection.parts.photos
        assert photos.file(0) == Path(collection.paths[0])
        assert photos.view(0) != photos.thumbnail(0)
        whole = read_manifest(shards)
        write_manifest(shards, replace(whole, source=(str(shards / "elsewhere"),)))
    with sampled() as collection:
        photos = collection.parts.photos
        with pytest.raises(PhotoError, match="not a file in a folder of this machine that was embedded"):
            photos.file(0)
        assert photos.view(0) == photos.thumbnail(0)
