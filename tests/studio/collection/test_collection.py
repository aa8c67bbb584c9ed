"""Making a collection and opening it again, of photos of every kind."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from handlens.errors import CollectionError, TrainingError
from handlens.studio.collection import Collection
from handlens.studio.projections import LABELS
from handlens.studio.scanning import LeftOut

CIRCLES, SQUARES = np.arange(20), np.arange(20, 40)
WHERE = "patches/coarse/where"


def test_what_a_new_collection_knows(drawn, tmp_path, label_some):
    with Collection.create(tmp_path / "c", images=drawn, seed=3, backbone=None) as collection:
        assert collection.name == drawn.name
        assert collection.paths[:3] == ["circles/0.png", "circles/1.png", "circles/2.png"]
        assert collection.paths[20] == "squares/0.png"
        assert collection.left_out == []
        assert collection.layers == []
        assert collection.parts.photos.prepared == 0
        assert collection.parts.photos.aspects.tolist() == [0] * 40
        assert collection.labels.isna().all()
        assert collection.report is None
        assert collection.progress.phase == "idle"
        assert sorted(collection.parts.photos.order.tolist()) == list(range(40))
        assert "40 photos" in repr(collection)
        with pytest.raises(CollectionError, match="layer must be one of: none before prepare"):
            collection.map("patches/fine/what", "pca-1-2")
        label_some(collection)  # labelling needs no features
        with pytest.raises(TrainingError, match="Prepare the photos first"):
            collection.train()
        with pytest.raises(TrainingError, match="Prepare the photos first"):
            collection.separate(["circle", "square"])
        assert collection.scores()["layers"] == {}
    assert sorted(p.name for p in drawn.iterdir()) == ["circles", "squares"]


@pytest.mark.parametrize("inside", ["", "deep/er"])
def test_a_collection_never_lies_among_the_photos(drawn, inside):
    with pytest.raises(CollectionError, match="among the photos"):
        Collection.create(drawn / inside, images=drawn, backbone=None)


def test_create_refuses_what_is_in_the_way(drawn, tmp_path):
    with pytest.raises(CollectionError, match="there is no such folder or file"):
        Collection.create(tmp_path / "c", images=tmp_path / "none", backbone=None)
    (tmp_path / "file").write_text("")
    with pytest.raises(CollectionError, match="not an empty folder"):
        Collection.create(tmp_path / "file", images=drawn, backbone=None)
    with pytest.raises(CollectionError, match="not an empty folder"):
        Collection.create(tmp_path, images=drawn, backbone=None)
    with pytest.raises(CollectionError, match="weights need a backbone"):
        Collection.create(tmp_path / "c", images=drawn, weights="w.safetensors")
    with pytest.raises(CollectionError, match="there is no file"):
        Collection.create(tmp_path / "c", images=drawn, backbone="resnet18", weights=tmp_path / "none")
    assert not (tmp_path / "c").exists()


@pytest.mark.parametrize("seed", [-1, 0.5, True])
def test_a_seed_is_a_whole_number(drawn, tmp_path, seed):
    with pytest.raises(CollectionError, match="seed must be a whole number, 0 or more"):
        Collection.create(tmp_path / "c", images=drawn, seed=seed, backbone=None)
    assert not (tmp_path / "c").exists()


def test_create_goes_on_where_one_was_cut_short(drawn, tmp_path):
    Collection.create(tmp_path / "c", images=drawn, backbone=None).close()
    (tmp_path / "c" / "collection.json").rename(tmp_path / "c" / "collection.json.tmp")
    shutil.rmtree(tmp_path / "c" / "cache")
    with pytest.raises(CollectionError, match="is not a collection"):
        Collection.open(tmp_path / "c")
    with Collection.create(tmp_path / "c", images=drawn, backbone=None) as collection:
        assert len(collection.paths) == 40


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "cannot be read"),
        ("[]", "cannot be read"),
        ('{"format": "other"}', "does not describe"),
        ('{"format": "handlens-collection", "version": 99}', "newer handlens"),
        ('{"format": "handlens-collection", "version": 1, "name": 3}', "damaged"),
    ],
)
def test_descriptions_that_are_none(folder, text, message):
    (folder / "collection.json").write_text(text)
    with pytest.raises(CollectionError, match=message):
        Collection.open(folder)


def test_s11_what_has_checksums_is_refused_by_versions_that_would_not_keep_them(folder, monkeypatch):
    file = folder / "collection.json"
    made = json.loads(file.read_text())
    earlier = {key: value for key, value in made.items() if key != "crc32"} | {"version": 1}
    file.write_text(json.dumps(earlier))
    Collection.open(folder).close()
    assert json.loads(file.read_text()) == made
    assert made["version"] == 2
    monkeypatch.setattr("handlens.studio.manifest.FORMAT_VERSION", 1)
    with pytest.raises(CollectionError, match=r"made by a newer handlens \(version 2\)\. Update handlens"):
        Collection.open(folder)


def test_reopening_where_it_was(folder, label_some):
    with Collection.open(folder) as collection:
        label_some(collection)
        collection.undo()
        collection.parts.settings.view = {"zoom": 2}
        collection.label([39], "square")
        before = collection.map(WHERE, "pca-1-2")
        labels = collection.labels
    with Collection.open(folder) as collection:
        assert collection.progress.phase == "done"
        assert collection.parts.settings.view == {"zoom": 2}
        pd.testing.assert_series_equal(collection.labels, labels)
        assert collection.map(WHERE, "pca-1-2").tobytes() == before.tobytes()
        assert collection.parts.labels.undo_text == "label 1 photo “square”"


def test_broken_photos_in_the_middle(quick, drawn, tmp_path):
    shutil.copytree(drawn, tmp_path / "images")
    broken = [5, 6, 25, 31]
    with Collection.create(tmp_path / "c", images=tmp_path / "images", backbone=None) as collection:
        for i in broken:
            file = tmp_path / "images" / collection.paths[i]
            file.write_bytes(file.read_bytes()[:-400])
        collection.prepare()
        assert [out.path for out in collection.left_out] == [collection.paths[i] for i in broken]
        assert not any(out.reason == "" for out in collection.left_out)
        assert np.flatnonzero(~collection.parts.photos.usable).tolist() == broken
        collection.label(CIRCLES[:8], "circle")
        collection.label(SQUARES[:8], "square")
        good = [i for i in range(40) if i not in broken]
        for layer in collection.layers[-2:]:
            for projection in collection.projections(layer):
                xy = collection.map(layer, projection)
                assert np.flatnonzero(np.isnan(xy).any(1)).tolist() == broken
                found = collection.similar([0, 5], layer=layer, projection=projection)
                assert sorted(found["id"]) == [i for i in good if i != 0]
        with pytest.raises(CollectionError, match="none of the selected"):
            collection.similar([5, 6], layer=WHERE)
        assert collection.spread([0, 5], layer=WHERE)["id"].tolist() == [0, 5]
        collection.separate(["circle", "square"])
        assert np.isfinite([v for v in collection.scores()["layers"].values() if v is not None]).all()
        report = collection.train()
        assert report.n_labelled == 13
        assert report.n_photos == 36
        table = collection.predictions()
        assert table["path"].tolist() == collection.paths
        assert np.flatnonzero(table["predicted"].notna()).tolist() == good
        assert np.flatnonzero(table["reason"] == "").tolist() == good
        collection.export_predictions(tmp_path / "p.csv")
        collection.export(tmp_path / "f.zip", "folders")
        collection.export_model(tmp_path / "model")
        collection.delete("square")
        collection.label([25, 31], "square")
        with pytest.raises(TrainingError, match="cannot be read, and without them training needs at least two"):
            collection.train()
        with pytest.raises(TrainingError, match="cannot be read"):
            collection.separate(["circle", "square"])
        with pytest.raises(TrainingError, match="two or more labels"):
            collection.map(WHERE, LABELS)
        collection.delete("circle")
        collection.label([5, 6], "circle")
        with pytest.raises(TrainingError, match="two or more labels"):
            collection.map(WHERE, LABELS)
    with Collection.open(tmp_path / "c") as collection:
        assert {out.path for out in collection.left_out} == {collection.paths[i] for i in broken}


def test_no_photo_can_be_read(quick, tmp_path, drawn):
    shutil.copytree(drawn, tmp_path / "images")
    with Collection.create(tmp_path / "c", images=tmp_path / "images", backbone=None) as collection:
        for path in collection.paths:
            file = collection.images / path
            file.write_bytes(file.read_bytes()[:-400])
        with pytest.raises(CollectionError, match="none of the 40 photos could be read"):
            collection.prepare()
        assert collection.progress.phase == "failed"


def test_no_photos(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "notes.txt").write_text("no picture")
    with Collection.create(tmp_path / "c", images=tmp_path / "images", backbone=None) as collection:
        assert collection.paths == []
        assert collection.left_out == [LeftOut("notes.txt", "not a picture")]
        with pytest.raises(CollectionError, match="there are no photos"):
            collection.prepare()
        assert len(collection.labels) == 0
        with pytest.raises(TrainingError):
            collection.train()
        collection.export(tmp_path / "labels.csv", "csv")
    assert (tmp_path / "labels.csv").read_text() == (
        "path,label,origin,gesture,labelled_at,error_at_most,confidence,by\n"
    )


@pytest.mark.parametrize("n", [1, 2, 3])
def test_one_two_and_three_photos(quick, draw_photo, tmp_path, n):
    for i in range(n):
        draw_photo(tmp_path / "images" / f"{i}.png", kind="circle", seed=i)
    with Collection.create(tmp_path / "c", images=tmp_path / "images", backbone=None) as collection:
        collection.prepare()
        for projection in collection.projections(WHERE):
            assert np.isfinite(collection.map(WHERE, projection)).all()
        assert len(collection.similar([0], layer=WHERE, projection="pca-1-2")) == n - 1
        for i in range(n):
            collection.label([i], f"label {i}")
        if n == 1:
            with pytest.raises(TrainingError):
                collection.train()
        else:
            assert collection.train().accuracy is None
            assert collection.predictions()["predicted"].tolist() == [f"label {i}" for i in range(n)]
        for projection in collection.projections(WHERE):
            assert np.isfinite(collection.map(WHERE, projection)).all()
        assert len(collection.similar([0], layer=WHERE, k=0)) == 0


def test_photos_of_one_plain_colour_each(quick, tmp_path):
    (tmp_path / "images").mkdir()
    for i in range(12):
        Image.new("RGB", (32, 32), (i * 20, i, 255 - i * 20)).save(tmp_path / "images" / f"{i}.png")
    with Collection.create(tmp_path / "c", images=tmp_path / "images", backbone=None) as collection:
        collection.prepare()
        collection.label(range(6), "a")
        collection.label(range(6, 12), "b")
        for projection in collection.projections(WHERE):
            assert np.isfinite(collection.map(WHERE, projection)).all()
        collection.separate(["a", "b"])
        report = collection.train()
        assert (report.n_labelled, report.unlabelled) == (12, 0)
        assert np.isfinite(collection.parts.models.probabilities()[1]).all()
