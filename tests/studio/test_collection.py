"""The whole way through a collection of 40 drawn shapes: ids 0–19 are circles, 20–39 squares."""

from __future__ import annotations

import csv
import json
import shutil
import threading
import zipfile

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from handlens.errors import Cancelled, CollectionError, DownloadError, TrainingError, WeightsError
from handlens.studio.collection import Collection
from handlens.studio.pictures import LeftOut
from handlens.studio.projections import LABELS, NEIGHBOURS, SEPARATE
from handlens.studio.takeaway import folder_names, model_card

CIRCLES, SQUARES = np.arange(20), np.arange(20, 40)
WHERE = "patches/coarse/where"


def label_some(collection, n=6):
    collection.label(CIRCLES[:n], "circle")
    collection.label(SQUARES[:n], "square")


# --- opening -----------------------------------------------------------------------------------


def test_what_a_new_collection_knows(drawn, tmp_path):
    with Collection.create(tmp_path / "c", images=drawn, seed=3) as collection:
        assert collection.name == drawn.name
        assert collection.paths[:3] == ["circles/0.png", "circles/1.png", "circles/2.png"]
        assert collection.paths[20] == "squares/0.png"
        assert collection.left_out == []
        assert collection.layers == []
        assert collection.prepared == 0
        assert collection.aspects.tolist() == [0] * 40
        assert collection.labels.isna().all()
        assert collection.report is None
        assert collection.progress.phase == "idle"
        assert sorted(collection.order.tolist()) == list(range(40))
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
        Collection.create(drawn / inside, images=drawn)


def test_create_refuses_what_is_in_the_way(drawn, tmp_path):
    with pytest.raises(CollectionError, match="there is no folder"):
        Collection.create(tmp_path / "c", images=tmp_path / "none")
    (tmp_path / "file").write_text("")
    with pytest.raises(CollectionError, match="not an empty folder"):
        Collection.create(tmp_path / "file", images=drawn)
    with pytest.raises(CollectionError, match="not an empty folder"):
        Collection.create(tmp_path, images=drawn)
    with pytest.raises(CollectionError, match="weights need a backbone"):
        Collection.create(tmp_path / "c", images=drawn, weights="w.safetensors")
    with pytest.raises(CollectionError, match="there is no file"):
        Collection.create(tmp_path / "c", images=drawn, backbone="resnet18", weights=tmp_path / "none")
    assert not (tmp_path / "c").exists()


@pytest.mark.parametrize("seed", [-1, 0.5, True])
def test_a_seed_is_a_whole_number(drawn, tmp_path, seed):
    with pytest.raises(CollectionError, match="seed must be a whole number, 0 or more"):
        Collection.create(tmp_path / "c", images=drawn, seed=seed)
    assert not (tmp_path / "c").exists()


def test_create_goes_on_where_one_was_cut_short(drawn, tmp_path):
    Collection.create(tmp_path / "c", images=drawn).close()
    (tmp_path / "c" / "collection.json").rename(tmp_path / "c" / "collection.json.tmp")
    shutil.rmtree(tmp_path / "c" / "cache")
    with pytest.raises(CollectionError, match="is not a collection"):
        Collection.open(tmp_path / "c")
    with Collection.create(tmp_path / "c", images=drawn) as collection:
        assert len(collection.paths) == 40


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "cannot be read"),
        ("[]", "does not describe"),
        ('{"format": "other"}', "does not describe"),
        ('{"format": "handlens-collection", "version": 99}', "newer handlens"),
        ('{"format": "handlens-collection", "version": 1, "name": 3}', "damaged"),
    ],
)
def test_descriptions_that_are_none(folder, text, message):
    (folder / "collection.json").write_text(text)
    with pytest.raises(CollectionError, match=message):
        Collection.open(folder)


def test_reopening_where_it_was(folder):
    with Collection.open(folder) as collection:
        label_some(collection)
        collection.undo()
        collection.set_view({"zoom": 2})
        collection.label([39], "square")
        before = collection.map(WHERE, "pca-1-2")
        labels = collection.labels
    with Collection.open(folder) as collection:
        assert collection.progress.phase == "done"
        assert collection.view == {"zoom": 2}
        pd.testing.assert_series_equal(collection.labels, labels)
        assert collection.map(WHERE, "pca-1-2").tobytes() == before.tobytes()
        assert collection.undo_text == "label 1 photo “square”"


# --- looking -----------------------------------------------------------------------------------


def test_layers_and_projections(collection):
    assert [layer.id for layer in collection.layers] == [
        f"patches/{stage}/{pooling}" for stage in ("fine", "medium", "coarse") for pooling in ("what", "where")
    ]
    assert collection.projections(WHERE) == ["pca-1-2", "pca-3-4", "pca-5-6", NEIGHBOURS]
    label_some(collection)
    assert collection.projections(WHERE)[4:] == [LABELS]
    collection.separate(["circle", "square"])
    assert collection.projections(WHERE)[4:] == [LABELS, SEPARATE]
    assert set(collection.projections(WHERE)) <= set(collection.projection_titles)


def test_maps_are_by_id_and_framed(collection):
    label_some(collection)
    for layer in collection.layers:
        for projection in collection.projections(layer):
            if projection == NEIGHBOURS and layer.id != WHERE:
                continue  # takes longest, and is the same for each
            xy = collection.map(layer, projection)
            assert xy.shape == (40, 2)
            assert xy.dtype == np.float32
            assert (np.abs(xy) <= 1.0001).all()
    # PCA by hand: standardised features of photo 7 on the first two components.
    x = np.asarray(collection._layer_maps(collection._layer(WHERE)).raw())[collection._register.rows]
    z = (x - x.mean(0)) / np.where(x.std(0) > 1e-6 * x.std(0).max(), x.std(0), np.inf)
    u, s, _ = np.linalg.svd(z, full_matrices=False)
    plane = u[:, :2] * s[:2]
    xy = collection.map(WHERE, "pca-1-2")
    for k in range(2):
        assert abs(np.corrcoef(plane[:, k], xy[:, k])[0, 1]) > 0.999


def test_unknown_layers_and_projections(collection):
    with pytest.raises(CollectionError, match="layer must be one of: patches/fine/what"):
        collection.map("nope", "pca-1-2")
    with pytest.raises(CollectionError, match="projection must be one of pca-1-2"):
        collection.map(WHERE, "nope")
    with pytest.raises(TrainingError, match="Label photos of two kinds"):
        collection.map(WHERE, LABELS)


def test_the_separating_map_follows_the_labels(collection):
    label_some(collection)
    first = collection.map(WHERE, LABELS)
    gap = abs(first[CIRCLES, 0].mean() - first[SQUARES, 0].mean())
    assert gap > first[CIRCLES, 0].std() + first[SQUARES, 0].std()
    collection.label(np.arange(6), "square")
    collection.label(np.arange(20, 26), "circle")
    assert not np.allclose(collection.map(WHERE, LABELS), first)


def test_pictures_for_the_page(collection):
    import io

    thumb = Image.open(io.BytesIO(collection.thumb(0)))
    assert thumb.size == (64, 48)
    assert Image.open(io.BytesIO(collection.view_photo(0))).size == (64, 48)
    assert collection.aspects == pytest.approx(np.full(40, 64 / 48))
    sheet = np.asarray(Image.open(io.BytesIO(collection.sheet(0))))
    assert sheet.shape == (1024, 1024, 3)
    row = int(collection._register.rows[3])
    place = sheet[row // 16 * 64 :, row % 16 * 64 :][:64, :64].astype(int)
    tile = np.asarray(collection._looks.tiles.read())[row].reshape(64, 64, 3).astype(int)
    other = np.asarray(collection._looks.tiles.read())[(row + 1) % 40].reshape(64, 64, 3).astype(int)
    assert np.abs(place - tile).mean() < 10 < 15 < np.abs(place - other).mean()
    for number in (-1, 1):
        with pytest.raises(CollectionError, match="no sheet"):
            collection.sheet(number)
    for photo in (-1, 40):
        with pytest.raises(CollectionError, match="between 0 and 39"):
            collection.thumb(photo)


# --- labelling ---------------------------------------------------------------------------------


def test_labels_by_id(collection):
    heard = []
    stop = collection.subscribe(lambda kind, payload: heard.append((kind, payload)))
    collection.label([3, 1], "a")
    collection.label(pd.Index([5]), "b")
    collection.rename("b", "c")
    assert collection.labels.dropna().to_dict() == {1: "a", 3: "a", 5: "c"}
    assert collection.labels.name == "label"
    assert collection.label_names == ["a", "c"]
    assert [(i.name, i.count) for i in collection.label_table] == [("a", 2), ("c", 1)]
    collection.merge(["a", "c"], "all")
    collection.unlabel([1])
    assert collection.undo()
    assert collection.undo()
    assert collection.redo()
    assert collection.labels.dropna().to_dict() == {1: "all", 3: "all", 5: "all"}
    collection.delete("all")
    assert collection.labels.isna().all()
    assert [payload["version"] for kind, payload in heard if kind == "labels"] == list(range(1, 10))[: len(heard)]
    stop()
    collection.label([0], "x")
    assert len(heard) == 9
    assert collection.label_state.names == ["x"]


# --- finding -----------------------------------------------------------------------------------


@pytest.mark.parametrize("projection", [None, "pca-1-2", LABELS])
def test_similar_is_what_a_loop_finds(collection, projection):
    label_some(collection)
    ids = [2, 30, 7]
    found = collection.similar(ids, layer=WHERE, projection=projection)
    raw = np.asarray(collection._layer_maps(collection._layer(WHERE)).raw(), np.float64)[collection._register.rows]
    deviation = raw.std(0)
    z = (raw - raw.mean(0)) / np.where(deviation > 1e-6 * deviation.max(), deviation, np.inf)
    centre = z[ids].mean(0)
    squared = {i: float(((z[i] - centre) ** 2).mean()) for i in range(40)}
    if projection:
        xy = collection.map(WHERE, projection).astype(np.float64)
        spread = ((xy - xy.mean(0)) ** 2).sum(1).mean()
        squared = {i: (squared[i] + ((xy[i] - xy[ids].mean(0)) ** 2).sum() / spread) / 2 for i in squared}
    labelled = {i: not isinstance(collection.labels[i], str) for i in range(40)}
    expected = sorted((i for i in range(40) if i not in ids), key=lambda i: (not labelled[i], squared[i]))
    assert found["id"].tolist() == expected
    assert found["distance"].to_numpy() == pytest.approx([np.sqrt(squared[i]) for i in expected], abs=1e-3)
    assert found["path"].tolist() == [collection.paths[i] for i in expected]
    assert collection.similar(ids, layer=WHERE, projection=projection, k=4)["id"].tolist() == expected[:4]


def test_similar_finds_shapes(collection):
    assert (collection.similar(CIRCLES[:5], layer=WHERE, k=10)["id"] < 20).mean() > 0.8


def test_spread_puts_the_odd_one_first(collection):
    found = collection.spread([*CIRCLES[:8], 33], layer=WHERE)
    assert found["id"].tolist()[0] == 33
    assert sorted(found["id"]) == [*range(8), 33]
    assert (np.diff(found["distance"]) <= 0).all()


@pytest.mark.parametrize("ids", [[], [40], [-1], [0.5], [[1]]])
def test_similar_to_nothing(collection, ids):
    with pytest.raises(CollectionError):
        collection.similar(ids, layer=WHERE)


def test_separate_finds_where_the_difference_is(collection):
    label_some(collection)
    layer, projection = collection.separate(["circle", "square"])
    assert projection == SEPARATE
    xy = collection.map(layer, projection)
    gap = abs(xy[6:20, 0].mean() - xy[26:, 0].mean())
    assert gap > 2 * max(xy[6:20, 0].std(), xy[26:, 0].std())
    assert collection.separating == ["circle", "square"]
    scores = collection.scores()
    assert scores["layers"][layer] == max(scores["layers"].values())
    assert set(scores["maps"][layer]) == {"pca-1-2", "pca-3-4", "pca-5-6", NEIGHBOURS}
    assert scores["maps"][layer][NEIGHBOURS] is None  # not looked at yet
    json.dumps(scores)


def test_separating_needs_labels_that_exist(collection):
    collection.label([0, 1], "a")
    collection.label([2], "b")
    with pytest.raises(CollectionError, match="no label is called “c”"):
        collection.separate(["a", "c"])
    with pytest.raises(TrainingError, match="two or more"):
        collection.separate(["a", "a"])
    with pytest.raises(TrainingError, match="“b” has only one"):
        collection.separate(["a", "b"])
    assert collection.separating is None
    assert all(value is None for value in collection.scores()["layers"].values())


# --- training ----------------------------------------------------------------------------------


def test_training_and_predictions(collection):
    label_some(collection)
    report = collection.train()
    assert report.n_labelled == 12
    assert report.n_photos == 40
    assert report.accuracy == report.per_class["correct"].sum() / 12
    assert report.interval[0] <= report.accuracy <= report.interval[1]
    assert report.confusion.to_numpy().sum() == 12
    assert report.per_class["thin"].all()
    assert any("flatters" in warning for warning in report.warnings)
    assert any("circle, square" in warning for warning in report.warnings)
    assert 1 <= len(report.layers) <= 3
    table = collection.predictions()
    assert table.columns.tolist() == ["path", "label", "predicted", "probability", "circle", "square"]
    assert table["path"].tolist() == collection.paths
    assert table[["circle", "square"]].sum(axis=1).to_numpy() == pytest.approx(1, abs=1e-5)
    assert (table["probability"] == table[["circle", "square"]].max(axis=1)).all()
    truth = ["circle"] * 20 + ["square"] * 20
    assert (table["predicted"] == truth).mean() > 0.9
    assert table["label"].notna().sum() == 12


def test_the_report_and_the_model_survive_a_restart(folder):
    with Collection.open(folder) as collection:
        label_some(collection)
        report, table = collection.train(), collection.predictions()
    with Collection.open(folder) as collection:
        again = collection.report
        pd.testing.assert_frame_equal(again.per_class, report.per_class)
        pd.testing.assert_frame_equal(again.confusion, report.confusion)
        assert again.interval == report.interval
        assert again.warnings == report.warnings
        pd.testing.assert_frame_equal(collection.predictions(), table)


def test_a_model_older_than_its_report_is_taken_for_what_it_is(folder):
    """As after a kill between keeping the new model and keeping its report."""
    with Collection.open(folder) as collection:
        label_some(collection)
        collection.train()
        old = collection._log.kept("report")
        collection.label([10, 11, 12], "third")
        collection.train()
        collection._log.keep("report", old)
    with Collection.open(folder) as collection:
        assert collection.predictions().columns.tolist()[4:] == ["circle", "square", "third"]


def test_what_was_learned_follows_a_renamed_label(collection, tmp_path):
    label_some(collection)
    collection.train()
    collection.separate(["circle", "square"])
    collection.rename("circle", "round")
    assert collection.separating == ["round", "square"]
    assert collection.report.per_class.index.tolist() == ["round", "square"]
    assert collection.report.confusion.columns.tolist() == ["round", "square"]
    assert set(collection.predictions()["predicted"]) == {"round", "square"}
    collection.export_model(tmp_path / "model")
    described = json.loads((tmp_path / "model" / "model.json").read_text())
    assert described["config"]["classes"] == ["round", "square"]
    collection.undo()
    assert collection.separating == ["circle", "square"]
    assert set(collection.predictions()["predicted"]) == {"circle", "square"}


def test_the_model_has_a_card_that_keeps_its_answers(collection, tmp_path):
    label_some(collection)
    report = collection.train()
    collection.export_model(tmp_path / "model")
    file = tmp_path / "model" / "README.md"
    card = model_card("shapes", report)
    card.answer(card.unanswered[0], "For counting only.")
    card.save(file)
    collection.export_model(tmp_path / "model")
    text = file.read_text(encoding="utf-8")
    assert "For counting only." in text
    assert "photos labelled circle" in text
    assert "features" in text


def test_a_name_given_anew_is_no_second_class_of_that_name(collection):
    label_some(collection)
    collection.train()
    collection.delete("circle")
    collection.rename("square", "circle")
    assert collection.report.per_class.index.tolist() == ["circle", "square"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "no labelled photo"),
        ({"a": [0]}, "only “a”"),
        ({"a": list(range(40))}, "only “a”"),
        ({"a": [0, 1], "b": [2]}, "“b” has only one"),
    ],
)
def test_training_on_too_little(collection, given, message):
    for name, ids in given.items():
        collection.label(ids, name)
    with pytest.raises(TrainingError, match=message):
        collection.train()
    with pytest.raises(TrainingError, match="no model yet"):
        collection.predictions()
    with pytest.raises(TrainingError, match="no model yet"):
        collection.export_model(collection.folder.parent / "model")


def test_training_with_everything_labelled(collection):
    label_some(collection, 20)
    report = collection.train()
    assert report.n_labelled == 40
    assert any("nothing left" in warning for warning in report.warnings)


def test_labels_named_like_columns(collection):
    collection.label(CIRCLES[:4], "path")
    collection.label(SQUARES[:4], "class path")
    collection.label(SQUARES[4:8], "label")
    collection.train()
    table = collection.predictions()
    assert table.columns.tolist()[4:] == ["class class path", "class path", "class label"]
    assert not table.columns.duplicated().any()


# --- taking away -------------------------------------------------------------------------------


def test_exports_come_back(collection, tmp_path):
    nasty = {
        "../../etc": [0, 1],
        "con": [20, 21],
        "a/b": [2, 3],
        "a:b": [22, 23],
        "五\u200d六": [4, 5],
        "=1+1": [24, 25],
    }
    for name, ids in nasty.items():
        collection.label(ids, name)
    collection.train()
    collection.export_labels(tmp_path / "labels.csv")
    with (tmp_path / "labels.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["path"]: row["label"] for row in rows} == {
        collection.paths[i]: name for name, ids in nasty.items() for i in ids
    }
    collection.export_predictions(tmp_path / "predictions.csv")
    back = pd.read_csv(tmp_path / "predictions.csv")
    table = collection.predictions()
    assert back.columns.tolist() == table.columns.tolist()
    assert back["predicted"].tolist() == table["predicted"].tolist()
    assert back.iloc[:, 3:].to_numpy() == pytest.approx(table.iloc[:, 3:].to_numpy(), abs=1e-6)
    collection.export_folders(tmp_path / "folders.zip")
    folders = folder_names(list(nasty))
    with zipfile.ZipFile(tmp_path / "folders.zip") as archive:
        found = {name: archive.read(name) for name in archive.namelist()}
    assert found == {
        f"{folders[name]}/{collection.paths[i]}": (collection.images / collection.paths[i]).read_bytes()
        for name, ids in nasty.items()
        for i in ids
    }
    assert not any(part in ("..", "con") for name in found for part in name.split("/"))


# --- sources -----------------------------------------------------------------------------------


def test_a_failing_download_gives_way_to_learned_features(quick, drawn, tmp_path, monkeypatch):
    def offline(name, *, weights=None, random=False):
        raise DownloadError("the hub cannot be reached.")

    monkeypatch.setattr("handlens.studio.features.backbone_extractor", offline)
    with Collection.create(tmp_path / "c", images=drawn, backbone="resnet18") as collection:
        collection.prepare()
        assert [(s.name, s.state) for s in collection.sources] == [("resnet18", "failed"), ("patches", "ready")]
        assert collection.notices == [
            "resnet18 cannot be used, so features learned on these photos are in use instead. "
            "The hub cannot be reached. To try again: Sources in the page, or add_features and prepare."
        ]
        assert collection.layers[0].id == "patches/fine/what"
        assert np.isfinite(collection.map(WHERE, "pca-1-2")).all()
        label_some(collection)
        collection.train()
        table = collection.predictions()
    with Collection.open(tmp_path / "c") as collection:  # what is in use instead is still there
        assert collection.layers[0].id == "patches/fine/what"
        pd.testing.assert_frame_equal(collection.predictions(), table)
        collection.add_features("resnet50")
        collection.prepare()
        assert any(
            "resnet50 cannot be used; in use: learned on these photos." in notice for notice in collection.notices
        )
        assert [s.state for s in collection.sources] == ["failed", "ready", "failed"]


def test_wrong_weights_are_an_error_and_not_given_way_to(quick, drawn, tmp_path, monkeypatch):
    def refuse(name, *, weights=None, random=False):
        raise WeightsError("these weights do not fit")

    monkeypatch.setattr("handlens.studio.features.backbone_extractor", refuse)
    (tmp_path / "w.safetensors").write_bytes(b"")
    with Collection.create(
        tmp_path / "c", images=drawn, backbone="resnet18", weights=tmp_path / "w.safetensors"
    ) as collection:
        with pytest.raises(WeightsError):
            collection.prepare()
        assert collection.progress.phase == "failed"
        assert collection.progress.error == "these weights do not fit"
        assert not collection.progress.running
        assert collection.layers == []
        collection.start_preparing()  # tries again, and says the same
        collection._thread.join()
        assert collection.progress.error == "these weights do not fit"
        collection.add_features(None)
        collection.prepare()  # goes on with what there is
        assert [s.state for s in collection.sources] == ["failed", "ready"]


def test_features_added_later_stand_beside_the_others(collection, monkeypatch, draw_photo):
    import torch

    from handlens.studio.features.extractor import layers_of

    class Means:
        name, size, layers = "means", 16, layers_of("means", [("0", 3)])

        def __call__(self, batch):
            mean = batch.float().mean((1, 2))
            return [mean, mean.repeat_interleave(9, 1)]

        def config(self):
            return {}

        def tensors(self):
            return {"none": torch.zeros(1)}

    monkeypatch.setattr("handlens.studio.features.backbone_extractor", lambda name, weights=None: Means())
    label_some(collection)
    # Photo 3 was prepared for the first source and is gone now: it takes part in neither from here on.
    (collection.images / collection.paths[3]).unlink()
    collection.add_features("means")
    assert collection.sources[1].state == "waiting"
    collection.prepare()
    assert [layer.id for layer in collection.layers[-2:]] == ["means/0/what", "means/0/where"]
    xy = collection.map("means/0/what", "pca-1-2")
    assert np.flatnonzero(np.isnan(xy[:, 0])).tolist() == [3]
    report = collection.train()
    assert report.n_labelled == 11
    assert np.isfinite(collection.probabilities()[1]).all(1).sum() >= 39
    assert collection.separate(["circle", "square"])[1] == SEPARATE
    collection.add_features("means")  # known and ready: nothing to do
    assert [s.state for s in collection.sources] == ["ready", "ready"]


def test_photos_count_as_soon_as_they_are_prepared(quick, drawn, tmp_path, monkeypatch):
    monkeypatch.setattr("handlens.studio.prepare.BATCH", 4)
    for module in ("prepare", "collection"):
        monkeypatch.setattr(f"handlens.studio.{module}.FIRST", 12)
    stop = threading.Event()
    with Collection.create(tmp_path / "c", images=drawn) as collection:
        with pytest.raises(Cancelled):
            collection.prepare(
                cancel=stop,
                progress=lambda now: stop.set() if now.phase == "features" and now.done == 24 else None,
            )
        there = collection.order[:24]
        label_some(collection, 20)
        assert len(collection.similar(there[:2], layer=WHERE)) == 22
        embedded = collection.map(WHERE, NEIGHBOURS)
        assert np.isfinite(embedded[:, 0]).sum() == 12  # the maps hold still meanwhile
        assert len(collection.similar(there[:2], layer=WHERE, projection=NEIGHBOURS)) == 22
        assert len(collection.similar(there[20:22], layer=WHERE, projection=NEIGHBOURS)) == 22
        assert collection.train().n_labelled == 24
        assert np.isfinite(collection.map(WHERE, LABELS)[:, 0]).sum() == 24


def test_the_map_stays_while_new_photos_come(folder, draw_photo):
    draw_photo(folder / "photos" / "circles" / "new.png", kind="circle", seed=99)
    with Collection.open(folder) as collection:
        assert np.isfinite(collection.map(WHERE, "pca-1-2")[:, 0]).sum() == 40
        collection.prepare()
        assert np.isfinite(collection.map(WHERE, "pca-1-2")[:, 0]).sum() == 41


# --- odd collections ---------------------------------------------------------------------------


def test_broken_photos_in_the_middle(quick, drawn, tmp_path):
    shutil.copytree(drawn, tmp_path / "images")
    broken = [5, 6, 25, 31]
    with Collection.create(tmp_path / "c", images=tmp_path / "images") as collection:
        for i in broken:
            file = tmp_path / "images" / collection.paths[i]
            file.write_bytes(file.read_bytes()[:-400])
        collection.prepare()
        assert [out.path for out in collection.left_out] == [collection.paths[i] for i in broken]
        assert not any(out.reason == "" for out in collection.left_out)
        assert np.flatnonzero(~collection.usable).tolist() == broken
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
        assert collection.predictions()["path"].tolist() == [collection.paths[i] for i in good]
        collection.export_predictions(tmp_path / "p.csv")
        collection.export_folders(tmp_path / "f.zip")
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
    with Collection.create(tmp_path / "c", images=tmp_path / "images") as collection:
        for path in collection.paths:
            file = collection.images / path
            file.write_bytes(file.read_bytes()[:-400])
        with pytest.raises(CollectionError, match="none of the 40 photos could be read"):
            collection.prepare()
        assert collection.progress.phase == "failed"


def test_no_photos(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "notes.txt").write_text("no picture")
    with Collection.create(tmp_path / "c", images=tmp_path / "images") as collection:
        assert collection.paths == []
        assert collection.left_out == [LeftOut("notes.txt", "not a picture")]
        with pytest.raises(CollectionError, match="there are no photos"):
            collection.prepare()
        assert len(collection.labels) == 0
        with pytest.raises(TrainingError):
            collection.train()
        collection.export_labels(tmp_path / "labels.csv")
    assert (tmp_path / "labels.csv").read_text() == "path,label\n"


@pytest.mark.parametrize("n", [1, 2, 3])
def test_one_two_and_three_photos(quick, draw_photo, tmp_path, n):
    for i in range(n):
        draw_photo(tmp_path / "images" / f"{i}.png", kind="circle", seed=i)
    with Collection.create(tmp_path / "c", images=tmp_path / "images") as collection:
        collection.prepare()
        for projection in collection.projections(WHERE):
            assert np.isfinite(collection.map(WHERE, projection)).all()
        assert len(collection.similar([0], layer=WHERE, projection="pca-1-2")) == n - 1
        for i in range(n):
            collection.label([i], f"label {i}")
        with pytest.raises(TrainingError):
            collection.train()
        for projection in collection.projections(WHERE):
            assert np.isfinite(collection.map(WHERE, projection)).all()
        assert len(collection.similar([0], layer=WHERE, k=0)) == 0


def test_photos_of_one_plain_colour_each(quick, tmp_path):
    (tmp_path / "images").mkdir()
    for i in range(12):
        Image.new("RGB", (32, 32), (i * 20, i, 255 - i * 20)).save(tmp_path / "images" / f"{i}.png")
    with Collection.create(tmp_path / "c", images=tmp_path / "images") as collection:
        collection.prepare()
        collection.label(range(6), "a")
        collection.label(range(6, 12), "b")
        for projection in collection.projections(WHERE):
            assert np.isfinite(collection.map(WHERE, projection)).all()
        collection.separate(["a", "b"])
        report = collection.train()
        assert 0 <= report.accuracy <= 1
        assert np.isfinite(collection.probabilities()[1]).all()
