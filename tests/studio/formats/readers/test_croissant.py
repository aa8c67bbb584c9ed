"""Croissant metadata: the table that they describe beside them is read; nothing is downloaded."""

from __future__ import annotations

import json

import pytest

from handlens.errors import ImportProblem
from handlens.studio.formats import PhotoNames
from handlens.studio.formats.readers.croissant import CroissantImporter

PHOTOS = ("a.jpg", "b.jpg")
CSV = "path,label\na.jpg,cat\nb.jpg,007\n"


def write(folder, *addresses, files=(("labels.csv", CSV),), name="croissant.json"):
    document = {
        "@context": {},
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "distribution": [{"@type": "cr:FileObject", "contentUrl": address} for address in addresses],
    }
    (folder / name).write_text(json.dumps(document))
    for file, content in files:
        (folder / file).write_text(content)
    return folder


def test_the_table_beside_the_metadata_is_read(tmp_path, rows, problems, format_of):
    folder = write(tmp_path, "https://example.org/photos.zip", "labels.csv")
    assert format_of(folder) == format_of(folder / "croissant.json") == "croissant"
    for path in (folder, folder / "croissant.json"):
        assert rows(CroissantImporter(), path, PHOTOS) == [("a.jpg", "cat", "line 2"), ("b.jpg", "007", "line 3")]
        assert problems(CroissantImporter(), path, PHOTOS) == []
    found = CroissantImporter().read(folder, PhotoNames(PHOTOS))
    assert (found.title, found.name) == ("Croissant", tmp_path.name)
    assert list(found.choices) == ["photo_column", "label_column", "separator", "encoding"]


def test_one_of_several_tables_can_be_chosen(tmp_path, rows):
    folder = write(
        tmp_path, "labels.csv", "./other.csv", files=(("labels.csv", CSV), ("other.csv", "path,label\na.jpg,dog\n"))
    )
    assert CroissantImporter().read(folder, PhotoNames(PHOTOS)).choices["table"] == ["labels.csv", "other.csv"]
    assert rows(CroissantImporter(), folder, PHOTOS, table="other.csv") == [("a.jpg", "dog", "line 2")]
    with pytest.raises(ImportProblem, match=r"table must be one of labels\.csv, other\.csv; 'x' arrived"):
        rows(CroissantImporter(), folder, PHOTOS, table="x")


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("../labels.csv", "'../labels.csv' leads out of the folder"),
        ("/etc/labels.csv", "'/etc/labels.csv' leads out of the folder"),
        ("https://example.org/labels.csv", "'https://example.org/labels.csv' is not in the folder, and nothing is"),
        ("gone.csv", "'gone.csv' is not in the folder"),
        (7, "contentUrl must be text; 7 arrived"),
    ],
)
def test_tables_that_are_elsewhere_are_not_read(tmp_path, problems, address, reason):
    inner = tmp_path / "inner"
    inner.mkdir()
    (tmp_path / "labels.csv").write_text(CSV)
    ((place, said),) = problems(CroissantImporter(), write(inner, address, "labels.csv"), PHOTOS)
    assert place == "distribution 1"
    assert said.startswith(reason)
    with pytest.raises(ImportProblem, match="must describe a table, Parquet or CSV, in its folder; ") as error:
        CroissantImporter().read(write(inner, address), PhotoNames(PHOTOS))
    assert reason in str(error.value)


def test_metadata_that_are_none_are_refused(tmp_path):
    (tmp_path / "croissant.json").write_text('{"distribution": {}}')
    with pytest.raises(ImportProblem, match="must be Croissant metadata: distribution must be a list; "):
        CroissantImporter().read(tmp_path, PhotoNames(PHOTOS))
    (tmp_path / "croissant.json").write_text("[]")
    with pytest.raises(ImportProblem, match="must be Croissant metadata: what it says must be a JSON object"):
        CroissantImporter().read(tmp_path, PhotoNames(PHOTOS))
