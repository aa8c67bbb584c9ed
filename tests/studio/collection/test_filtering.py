"""The photos of a real collection that filters mean, saved filters, and exports: ids 0–19 circles, 20–39 squares."""

from __future__ import annotations

import json
import sqlite3
import zipfile
from contextlib import closing
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from handlens.errors import CollectionError, TrainingError
from handlens.studio.collection import Collection
from handlens.studio.filters import (
    column,
    disagreement,
    duplicate,
    label,
    labelled,
    left_out,
    origin,
    predicted,
    sureness,
)
from handlens.studio.origins import Origin


def test_labels_and_their_origins(collection):
    labels = collection.parts.labels
    labels.assign([0, 1, 2], "round", origin=Origin("lasso", "by hand"))
    labels.assign([20, 21], "angular", origin=Origin("review", "suggested"))
    labels.assign([3], "round", origin=Origin("check", "checked"))
    assert collection.where(label("round")).tolist() == [0, 1, 2, 3]
    assert collection.where(label("round") & origin("lasso")).tolist() == [0, 1, 2]
    assert collection.where(origin("suggested", "check")).tolist() == [3, 20, 21]
    assert collection.where(label(None)).tolist() == [*range(4, 20), *range(22, 40)]
    hour = timedelta(hours=1)
    now = datetime.now(UTC)
    assert collection.where(labelled(since=now - hour, before=now + hour)).tolist() == [0, 1, 2, 3, 20, 21]
    assert collection.where(labelled(before=now - hour)).tolist() == []
    labels.remove([3])
    assert collection.where(origin("checked")).tolist() == []
    assert collection.where(label("round")).dtype == np.int64


def test_predictions_are_those_of_the_model_in_use(collection, label_some):
    label_some(collection)
    for wanted in (predicted("circle"), sureness(below=0.5), disagreement()):
        with pytest.raises(TrainingError, match="there is no model yet"):
            collection.where(wanted)
    collection.train()
    table = collection.predictions()
    for name in ("circle", "square"):
        assert collection.where(predicted(name)).tolist() == table.index[table["predicted"] == name].tolist()
    middle = float(table["probability"].median())
    expected = table.index[table["probability"] >= middle].tolist()
    assert collection.where(sureness(at_least=middle)).tolist() == expected
    assert collection.where(sureness(below=middle)).tolist() == [i for i in range(40) if i not in expected]
    collection.label([39], "new")
    with pytest.raises(CollectionError, match=r"does not know the label “new”. It knows: “circle”, “square”"):
        collection.where(predicted("new"))
    collection.rename("circle", "round")
    assert collection.where(predicted("round")).tolist() == table.index[table["predicted"] == "circle"].tolist()


def test_a_label_disagrees_with_what_was_predicted_without_it(collection):
    for photo in [*range(12), *range(20, 32)]:
        square = (photo >= 20) != (photo in (3, 25))  # two labels are wrong
        collection.label([photo], "square" if square else "circle")
    collection.train()
    held_out = collection.held_out
    expected = [i for i, t, p in zip(held_out.ids, held_out.truth, held_out.predicted, strict=True) if t != p]
    assert set(held_out.ids) == {*range(12), *range(20, 32)}
    assert {3, 25} <= set(expected)
    assert collection.where(disagreement()).tolist() == sorted(expected)
    # What is labelled later is compared with the prediction of the model in use.
    said = collection.predictions()["predicted"]
    collection.label([15], "square" if said[15] == "circle" else "circle")
    collection.label([16], said[16])
    assert collection.where(disagreement()).tolist() == sorted([*expected, 15])
    collection.label([3], "circle")
    assert 3 not in collection.where(disagreement())
    collection.delete("square")
    assert collection.where(disagreement() & label(None)).tolist() == []


def test_columns(collection, tmp_path):
    with pytest.raises(CollectionError, match="no CSV is attached, so there is no column “camera”"):
        collection.where(column("camera", "old"))
    file = tmp_path / "cameras.csv"
    pd.DataFrame({"path": collection.paths[:4], "camera": ["old", "new", "", "old"], "iso": [1, 2, 3, 4]}).to_csv(
        file, index=False
    )
    collection.attach(file)
    assert collection.where(column("camera", "old")).tolist() == [0, 3]
    assert collection.where(~column("camera", None)).tolist() == [0, 1, 3]
    assert collection.where(column("iso", at_least=2, below=4)).tolist() == [1, 2]
    with pytest.raises(CollectionError, match=r"cameras.csv has no column “size”. Its columns are: “camera”, “iso”."):
        collection.where(column("size", at_least=2))
    collection.detach()
    with pytest.raises(CollectionError, match="no CSV is attached"):
        collection.where(column("camera", "old"))


def test_duplicates_and_photos_left_out(folder):
    copy = folder / "photos" / "circles" / "zz.png"
    copy.write_bytes((folder / "photos/circles/7.png").read_bytes() + b"\0")  # other bytes, the same pixels
    (folder / "photos/squares/0.png").unlink()
    with Collection.open(folder) as collection:
        for wanted in (duplicate(), ~duplicate("exact")):
            with pytest.raises(
                CollectionError, match=r"duplicates have not been searched for .* Search for duplicates"
            ):
                collection.where(wanted)
        collection.prepare()
        collection.duplicates()
        seven, copied = collection.paths.index("circles/7.png"), collection.paths.index("circles/zz.png")
        assert collection.where(duplicate("exact")).tolist() == [copied]
        assert {seven, copied} <= set(collection.where(duplicate()))
        assert collection.where(left_out()).tolist() == [collection.paths.index("squares/0.png")]


def test_only_filters_are_taken(collection):
    for use in (collection.where, lambda wanted: collection.save_filter("cars", wanted)):
        with pytest.raises(CollectionError, match=r"a filter must be made of conditions .*; 'car' arrived"):
            use("car")
    for levels in (4, 1000):
        everything = label(None)
        for _ in range(levels):
            everything = ~(everything & label(None))
        with pytest.raises(CollectionError, match="at most 8 levels"):
            collection.where(everything)


# --- saved -----------------------------------------------------------------------------------------


def test_saved_filters_outlive_a_restart_and_follow_renamed_labels(folder):
    with Collection.open(folder) as collection:
        assert collection.filters == {}
        collection.label([0, 1], "round")
        collection.label([20], "angular")
        collection.save_filter("  my   round ", label("round") & ~label("angular"))
        collection.save_filter("Ümläute 左", left_out())
        collection.save_filter("Ümläute 左", label("round", None))
    with Collection.open(folder) as collection:
        assert collection.filters == {
            "my round": label("round") & ~label("angular"),
            "Ümläute 左": label("round", None),
        }
        collection.rename("round", "ball")
        collection.label([5], "round")  # another label, which happens to have the old name
        assert collection.filters["Ümläute 左"] == label("ball", None)
        collection.merge(["ball", "angular"], "angular")
        assert collection.filters["my round"] == label("angular") & ~label("angular")
        assert collection.where(collection.filters["Ümläute 左"]).tolist() == [i for i in range(40) if i != 5]
        collection.delete("angular")
        with pytest.raises(CollectionError, match="no label is called “angular”"):
            collection.where(collection.filters["my round"])
        collection.delete_filter("my round")
        assert list(collection.filters) == ["Ümläute 左"]
        with pytest.raises(CollectionError, match="no filter is called “my round”"):
            collection.delete_filter("my round")


def test_names_and_number_of_saved_filters_are_limited(collection):
    with pytest.raises(CollectionError, match="1 to 100 printable characters"):
        collection.save_filter(" ", left_out())
    with pytest.raises(CollectionError, match="1 to 100 printable characters"):
        collection.save_filter("x" * 101, left_out())
    for i in range(100):
        collection.save_filter(str(i), left_out())
    with pytest.raises(CollectionError, match=r"at most 100 filters are kept. Delete one first."):
        collection.save_filter("one more", left_out())
    collection.save_filter("7", label(None))  # in place of the earlier one
    assert collection.filters["7"] == label(None)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("not json", []),
        ("[]", []),
        ('{"a": {"filter": 3, "keys": {}}}', []),
        ('{"a": {"filter": {}, "keys": {"x": "y"}}}', []),
        (json.dumps({n: {"filter": {"field": f}, "keys": {}} for n, f in (("a", "left_out"), ("b", "no"))}), ["a"]),
    ],
)
def test_damaged_saved_filters_count_as_missing(collection, text, left):
    with closing(sqlite3.connect(collection.folder / "collection.sqlite")) as db:
        db.execute("INSERT INTO keep VALUES ('filters', ?)", (text,))
        db.commit()
    assert list(collection.filters) == left
    collection.save_filter("new", left_out())
    assert collection.filters["new"] == left_out()


# --- exports ---------------------------------------------------------------------------------------


def test_exports_of_the_photos_of_a_filter(collection, label_some, tmp_path):
    label_some(collection)
    collection.train()
    collection.export(tmp_path / "labels.csv", "csv", where=label("circle"))
    assert pd.read_csv(tmp_path / "labels.csv")["path"].tolist() == collection.paths[:6]
    wanted = predicted("square") & label(None)
    collection.export_predictions(tmp_path / "predictions.csv", where=wanted)
    ids = collection.where(wanted)
    assert pd.read_csv(tmp_path / "predictions.csv")["path"].tolist() == [collection.paths[i] for i in ids]
    collection.export(tmp_path / "folders.zip", "folders", where=~label("circle"))
    with zipfile.ZipFile(tmp_path / "folders.zip") as archive:
        photos = sorted(f"square/{path}" for path in collection.paths[20:26])
        assert sorted(archive.namelist()) == ["labels.csv", "renamed.csv", *photos]
    collection.export(tmp_path / "none.csv", "csv", where=left_out())
    assert len((tmp_path / "none.csv").read_text().splitlines()) == 1
