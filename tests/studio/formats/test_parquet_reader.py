"""Parquet: the columns that can hold names of photos and labels, and what is wrong with a file."""

from __future__ import annotations

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from handlens.errors import ImportProblem
from handlens.studio.formats.matching import PhotoNames
from handlens.studio.formats.readers.parquet import ParquetImporter

PHOTOS = PhotoNames(["a.jpg", "b.jpg"])


@pytest.fixture
def read(tmp_path):
    def read(columns, **choices):
        pq.write_table(pa.table(columns), tmp_path / "labels.parquet")
        return ParquetImporter().read(tmp_path / "labels.parquet", PHOTOS, **choices)

    return read


def rows(found):
    return found.labels[["photo", "label", "where"]].values.tolist()


def test_texts_are_exact(read):
    labels = ["NA", " =1 "]
    assert rows(read({"file": ["a.jpg", "b.jpg"], "label": labels})) == [
        ["a.jpg", "NA", "row 1"],
        ["b.jpg", " =1 ", "row 2"],
    ]


@pytest.mark.parametrize(
    ("column", "labels"),
    [
        (pa.array([7, None]), ["7", None]),
        (pa.array([True, False]), ["True", "False"]),
        (pa.array(["cat", "cat"]).dictionary_encode(), ["cat", "cat"]),
        (pa.array(["cat", ""], pa.large_string()), ["cat", None]),
        (pa.array([2**63, 0], pa.uint64()), ["9223372036854775808", "0"]),
    ],
)
def test_kinds_of_columns(read, column, labels):
    assert read({"file": ["a.jpg", "b.jpg"], "label": column}).labels["label"].tolist() == labels


def test_other_kinds_of_columns_are_not_offered(read):
    found = read({"file": ["a.jpg", "b.jpg"], "x": [0.5, 1.5], "y": [[1], [2]], "bytes": [b"1", b"2"], "kind": [1, 1]})
    assert found.choices == {"photo_column": ["file", "kind"], "label_column": ["kind"]}


def test_what_pandas_writes(tmp_path):
    table = pd.DataFrame({"path": ["a.jpg", "b.jpg"], "label": pd.Categorical(["cat", None])})
    table.to_parquet(tmp_path / "labels.parquet")
    found = ParquetImporter().read(tmp_path / "labels.parquet", PHOTOS)
    assert found.labels["label"].tolist() == ["cat", None]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"file": ["q.jpg"], "label": ["cat"]}, "none of its columns does: file, label"),
        ({"file": ["a.jpg"]}, "must have a column of labels beside “file”"),
        ({"x": [0.5]}, "must have rows with texts or whole numbers"),
        ({"file": pa.array([], pa.string())}, "must have rows with texts or whole numbers"),
    ],
)
def test_tables_without_labels_say_why(read, columns, message):
    with pytest.raises(ImportProblem, match=message):
        read(columns)


def test_files_that_are_not_parquet_say_so(tmp_path, monkeypatch):
    file = tmp_path / "labels.parquet"
    file.write_bytes(b"PAR1 and then nothing of the kind PAR1")
    with pytest.raises(ImportProblem, match=r"labels.parquet cannot be read as a table"):
        ParquetImporter().read(file, PHOTOS)
    pq.write_table(pa.table({"file": ["a.jpg"] * 3, "label": ["x"] * 3}), file)
    monkeypatch.setattr("handlens.studio.formats.readers.parquet.MOST_ROWS", 2)
    with pytest.raises(ImportProblem, match="must have at most 2 rows; it has 3"):
        ParquetImporter().read(file, PHOTOS)


def test_columns_of_one_name_are_refused(tmp_path):
    table = pa.table([pa.array(["a.jpg"]), pa.array(["x"]), pa.array(["y"])], names=["file", "label", "label"])
    pq.write_table(table, tmp_path / "labels.parquet")
    with pytest.raises(ImportProblem, match="must have distinct names"):
        ParquetImporter().read(tmp_path / "labels.parquet", PHOTOS)
