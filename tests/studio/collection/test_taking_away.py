"""What a person takes away."""

from __future__ import annotations

import csv
import zipfile

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from handlens.io.spreadsheets import unguarded
from handlens.studio.collection import Collection
from handlens.studio.formats.writers.folders import zipped_photos
from handlens.studio.origins import Certificate, Origin
from handlens.vision import ImageItemList


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
    collection.export(tmp_path / "labels.csv", "csv")
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
    assert back.iloc[:, 3:-1].to_numpy() == pytest.approx(table.iloc[:, 3:-1].to_numpy(), abs=1e-6)
    assert back["reason"].isna().all()
    collection.export(tmp_path / "folders.zip", "folders")
    photos = zipped_photos({collection.paths[i]: name for name, ids in nasty.items() for i in ids})
    with zipfile.ZipFile(tmp_path / "folders.zip") as archive:
        found = {name: archive.read(name) for name in archive.namelist()}
    assert "renamed.csv" in found
    del found["renamed.csv"], found["labels.csv"]
    assert found == {photo.name: (collection.images / photo.path).read_bytes() for photo in photos}
    assert not any(part in ("..", "con") for name in found for part in name.split("/"))


def label_three(collection):
    collection.parts.labels.assign([0], "circle", origin=Origin("lasso", "by hand"))
    bound = Certificate(error=0.05, confidence=0.95, checked=30)
    collection.parts.labels.assign([1, 2], "square", origin=Origin("finish", "certified", bound))


def test_labels_are_taken_away_with_their_origins(collection, tmp_path):
    label_three(collection)
    collection.export(tmp_path / "labels.csv", "csv")
    lines = (tmp_path / "labels.csv").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "path,label,origin,gesture,labelled_at,error_at_most,confidence,by"
    times = [f"{at:%Y-%m-%dT%H:%M:%S}Z" for at in collection.origins["at"].dropna()]
    assert lines[1:] == [
        f"{collection.paths[0]},circle,by hand,lasso,{times[0]},,,",
        f"{collection.paths[1]},square,certified,finish,{times[1]},0.050000,0.950000,",
        f"{collection.paths[2]},square,certified,finish,{times[2]},0.050000,0.950000,",
    ]
    back = pd.read_csv(tmp_path / "labels.csv", parse_dates=["labelled_at"])
    assert (abs(back["labelled_at"] - collection.origins["at"].dropna()) < pd.Timedelta(seconds=1)).all()


@pytest.mark.parametrize("columns", [["path", "label"], slice(None)], ids=["without origins", "with origins"])
def test_labels_with_and_without_origins_are_read(collection, tmp_path, columns):
    label_three(collection)
    collection.export(tmp_path / "all.csv", "csv")
    table = pd.read_csv(tmp_path / "all.csv")
    table.loc[:, columns].to_csv(tmp_path / "labels.csv", index=False)
    items = ImageItemList.from_csv(collection.images, str(tmp_path / "labels.csv"))
    assert [item.relative_to(collection.images).as_posix() for item in items.items] == collection.paths[:3]
    assert items.frame["label"].tolist() == ["circle", "square", "square"]
    assert items.split_by_idx([1]).label_from_df("label").train.y.classes == ["circle", "square"]
    attached = collection.attach(tmp_path / "labels.csv")
    assert (attached.column, attached.matched) == ("path", 3)
    assert attached.table["label"].dropna().tolist() == ["circle", "square", "square"]
    if "confidence" in attached.table:
        np.testing.assert_array_equal(attached.table["confidence"][:3], [np.nan, 0.95, 0.95])


NAMES = ["NA", "None", "null", "nan", "1e5", "01", "1", "True"]
NAMES += ["=1+1", "-1", "+x", "@x", "'=x", "''-", 'a "b", c', "左", "–"]


@pytest.mark.parametrize("spreadsheet", [False, True])
def test_p3_labels_read_back_the_same_whatever_they_are_called(collection, tmp_path, spreadsheet):
    for photo, name in enumerate(NAMES):
        collection.label([photo, photo + 20], name)
    collection.export(collection.images / "labels.csv", "spreadsheet" if spreadsheet else "csv")
    given = ImageItemList.from_csv(collection.images)
    items = given.split_none().label_from_df("label")
    assert [items.train.y.classes[code] for code in items.train.y.data] == [*NAMES, *NAMES]
    back = pd.read_csv(collection.images / "labels.csv", keep_default_na=False, dtype=str)
    assert back["label"].map(unguarded if spreadsheet else str).tolist() == [*NAMES, *NAMES]


def test_p3_names_of_photos_are_read_back_too(tmp_path, quick):
    names = ["=1.png", "'=2.png", "NA", "01", "-3", "a,b.png", 'c"d.png', "e\nf.png", "g\rh.png"]
    (tmp_path / "photos").mkdir()
    for i, name in enumerate(names):
        Image.new("RGB", (8, 8), (i, 0, 0)).save(tmp_path / "photos" / name, "PNG")
    with Collection.create(tmp_path / "c", images=tmp_path / "photos", backbone=None) as collection:
        collection.label(range(len(names)), "x")
        for format in ("csv", "spreadsheet"):
            collection.export(tmp_path / "photos" / ".labels.csv", format)
            items = ImageItemList.from_csv(tmp_path / "photos", ".labels.csv")
            assert [path.name for path in items.items] == collection.paths
    assert sorted(names) == sorted(path.name for path in items.items)
