"""Hugging Face data sets: folders with metadata; data sets that the library saved; Parquet files of the hub."""

from __future__ import annotations

import contextlib
import json
import os
import zlib

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from handlens.errors import ImportProblem
from handlens.studio.formats import PhotoNames
from handlens.studio.formats.readers.hugging_face import HuggingFaceImporter

PHOTOS = ("a.jpg", "x/b.jpg")


def metadata(tmp_path, content, name="metadata.csv"):
    file = tmp_path / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return tmp_path


def jsonl(*records):
    return "".join(f"{json.dumps(record)}\n" for record in records)


# --- folders with metadata -----------------------------------------------------------------------


def test_metadata_csv(tmp_path, rows, problems, format_of):
    folder = metadata(tmp_path, 'file_name,site,label\na.jpg,north,007\nx/b.jpg,north," NA, 1\n2"\ngone.jpg,south,\n')
    assert format_of(folder) == "hugging-face"
    assert rows(HuggingFaceImporter(), folder, PHOTOS) == [
        ("a.jpg", "007", "metadata.csv line 2"),
        ("x/b.jpg", " NA, 1\n2", "metadata.csv line 4"),
        ("gone.jpg", None, "metadata.csv line 5"),
    ]
    assert problems(HuggingFaceImporter(), folder, PHOTOS) == []
    assert [row[1] for row in rows(HuggingFaceImporter(), folder, PHOTOS, label_column="site")] == [
        "north",
        "north",
        "south",
    ]


def test_metadata_of_splits_name_photos_below_their_folders(tmp_path, rows, format_of):
    metadata(tmp_path, jsonl({"file_name": "a.jpg", "label": "cat"}), "train/metadata.jsonl")
    metadata(tmp_path, jsonl({"label": 3, "file_name": "a.jpg"}, {"file_name": "b.jpg"}), "test/metadata.jsonl")
    assert format_of(tmp_path) == "hugging-face"
    assert rows(HuggingFaceImporter(), tmp_path, ("train/a.jpg", "test/a.jpg")) == [
        ("test/a.jpg", "3", "test/metadata.jsonl line 1"),
        ("test/b.jpg", None, "test/metadata.jsonl line 2"),
        ("train/a.jpg", "cat", "train/metadata.jsonl line 1"),
    ]


def test_boxes_in_metadata_have_the_size_of_their_photo(tmp_path, rows, problems):
    objects = {"bbox": [[10, 5, 20, 10], [0, 0, 50, 1]], "categories": ["cat", "dog"]}
    folder = metadata(
        tmp_path,
        jsonl(
            {"file_name": "a.png", "objects": objects},
            {"file_name": "gone.png", "objects": objects},
            {"file_name": "gone.png", "objects": objects, "width": 100, "height": 20},
            {"file_name": "a.png", "objects": {"bbox": [], "categories": []}},
            {"file_name": "a.png", "objects": {"bbox": [[0, 0, 1, 1]], "categories": [0]}},
            {"file_name": "a.png", "objects": {"bbox": [[0, 0, 1, 1]], "categories": []}},
            {"file_name": "a.png", "objects": {"bbox": [[0, 0, 1, 1]]}},
            {"file_name": "a.png", "objects": [{"bbox": [0, 0, 1, 1], "label": "cow"}, {"bbox": 5, "label": "cow"}]},
            {"file_name": "a.png", "objects": [5]},
            {"file_name": "gone.png", "objects": objects, "width": 0, "height": 20},
            {"file_name": "gone.png", "objects": objects, "width": "x", "height": 20},
        ),
        "metadata.jsonl",
    )
    Image.new("RGB", (50, 20)).save(folder / "a.png")
    assert rows(HuggingFaceImporter(), folder, ("a.png",)) == [
        ("a.png", "cat", "metadata.jsonl line 1 object 1", (0.2, 0.25, 0.4, 0.5)),
        ("a.png", "dog", "metadata.jsonl line 1 object 2", (0, 0, 1, 0.05)),
        ("gone.png", "cat", "metadata.jsonl line 3 object 1", (0.1, 0.25, 0.2, 0.5)),
        ("gone.png", "dog", "metadata.jsonl line 3 object 2", (0, 0, 0.5, 0.05)),
        ("a.png", None, "metadata.jsonl line 4"),
        ("a.png", "cow", "metadata.jsonl line 8 object 1", (0, 0, 0.02, 0.05)),
    ]
    assert problems(HuggingFaceImporter(), folder, ("a.png",)) == [
        (
            "metadata.jsonl line 2",
            "its boxes need the size of the picture, and 'gone.png' cannot be read: there is no such file",
        ),
        ("metadata.jsonl line 5 object 1", "class 0 has no name in the data set"),
        ("metadata.jsonl line 6", "it must have a category for each box, in lists of one length"),
        ("metadata.jsonl line 7", "its objects must have a category; {'bbox': [[...]]} arrived"),
        ("metadata.jsonl line 8 object 2", "its box must have x, y, width and height; 5 arrived"),
        ("metadata.jsonl line 9", "its objects must have a bbox each; [5] arrived"),
        ("metadata.jsonl line 10", "the picture's width and height must be numbers above 0; ['0', '20'] arrived"),
        ("metadata.jsonl line 11", "the picture's width and height must be numbers above 0; ['x', '20'] arrived"),
    ]


def test_a_column_of_labels_comes_before_boxes_which_can_be_chosen(tmp_path, rows):
    record = {"file_name": "a.jpg", "label": "photo", "objects": {"bbox": [[0, 0, 1, 1]], "category": ["box"]}}
    folder = metadata(tmp_path, jsonl(record | {"width": 1, "height": 2}), "metadata.jsonl")
    found = HuggingFaceImporter().read(folder, PhotoNames(PHOTOS))
    assert found.labels["label"].tolist() == ["photo"]
    assert found.choices["label_column"][0] == "label"
    assert "objects" in found.choices["label_column"]
    assert rows(HuggingFaceImporter(), folder, PHOTOS, label_column="objects") == [
        ("a.jpg", "box", "metadata.jsonl line 1 object 1", (0, 0, 1, 0.5))
    ]
    with pytest.raises(ImportProblem, match="label_column must be one of "):
        HuggingFaceImporter().read(folder, PhotoNames(PHOTOS), label_column="x")


def test_lines_that_are_not_json_and_paths_out_of_the_folder_are_listed(tmp_path, rows, problems):
    lines = [
        '{"file_name": "a.jpg", "label": "cat"}',
        "{",
        "[1]",
        '{"a": 1e999}',
        "[" * 100_000,
        "",
        '{"a": 1, "a": 2}',
    ]
    folder = metadata(tmp_path, "\n".join([*lines, jsonl({"file_name": "../a.jpg", "label": "x"})]), "metadata.jsonl")
    assert rows(HuggingFaceImporter(), folder, PHOTOS) == [("a.jpg", "cat", "metadata.jsonl line 1")]
    found = problems(HuggingFaceImporter(), folder, PHOTOS)
    assert found[0][0] == "metadata.jsonl line 2"
    assert found[0][1].startswith("must be a JSON object: Expecting property name")
    assert found[1:] == [
        ("metadata.jsonl line 3", "must be a JSON object: it must be a JSON object; it is a list"),
        ("metadata.jsonl line 4", "must be a JSON object: numbers must be finite; 1e999 arrived"),
        ("metadata.jsonl line 5", "must be a JSON object: it is nested too deeply"),
        ("metadata.jsonl line 7", "must be a JSON object: the key 'a' is there twice"),
        ("metadata.jsonl line 8", "'../a.jpg' leads out of the folder"),
    ]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"file_name,label\na.jpg,\xff", "it must be text in UTF-8; its byte 23 is not. Save it again as UTF-8"),
        (b"", "none can be read"),
        (b'file_name,label\n"a.jpg', "line 2 cannot be read as CSV: unexpected end of data"),
    ],
)
def test_metadata_without_rows_that_can_be_read_are_refused(tmp_path, content, reason):
    with pytest.raises(ImportProblem, match="must be a Hugging Face data set with rows; none can be read") as caught:
        HuggingFaceImporter().read(metadata(tmp_path, content), PhotoNames(PHOTOS))
    assert reason in str(caught.value)


def test_of_two_files_the_one_that_cannot_be_read_is_listed(tmp_path, rows, problems):
    metadata(tmp_path, "file_name,label\na.jpg,cat\n", "test/metadata.csv")
    metadata(tmp_path, b"\xff", "train/metadata.csv")
    metadata(tmp_path, "file_name,label\n", "other.csv")
    (tmp_path / "test/metadata.jsonl").symlink_to(metadata(tmp_path.parent, "{}", "outside.jsonl") / "outside.jsonl")
    assert rows(HuggingFaceImporter(), tmp_path, PHOTOS) == [("test/a.jpg", "cat", "test/metadata.csv line 2")]
    assert problems(HuggingFaceImporter(), tmp_path, PHOTOS) == [
        ("test/metadata.jsonl", "'test/metadata.jsonl' leads out of the folder"),
        ("train/metadata.csv", "it must be text in UTF-8; its byte 1 is not. Save it again as UTF-8"),
    ]


# --- data sets that the library saved ------------------------------------------------------------


def picture_files(tmp_path):
    for i in range(3):
        (tmp_path / "photos").mkdir(exist_ok=True)
        Image.new("RGB", (10, 20), (i, 0, 0)).save(tmp_path / f"photos/{i}.png")
    return [str(tmp_path / f"photos/{i}.png") for i in range(3)]


NAMES = ("0.png", "1.png", "2.png")


@pytest.fixture
def datasets(monkeypatch, tmp_path_factory):
    """The library, which writes nothing outside of the test's folder."""
    monkeypatch.setenv("HF_HOME", str(tmp_path_factory.mktemp("hub")))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    import datasets

    datasets.disable_progress_bars()
    return datasets


def test_a_data_set_on_disk(tmp_path, rows, problems, format_of, datasets):
    features = datasets.Features(
        {
            "image": datasets.Image(),
            "label": datasets.ClassLabel(names=["Käfer", "007"]),
            "note": datasets.Value("string"),
            "score": datasets.Value("float32"),
        }
    )
    columns = {"image": picture_files(tmp_path), "label": [1, 0, -1], "note": ["x", "y", None], "score": [0.5] * 3}
    data = datasets.Dataset.from_dict(columns, features=features)
    data.save_to_disk(str(tmp_path / "set"), num_shards=2)
    assert format_of(tmp_path / "set") == "hugging-face"
    found = rows(HuggingFaceImporter(), tmp_path / "set", NAMES)
    assert [(photo.rpartition("/")[2], label, where) for photo, label, where in found] == [
        ("0.png", "007", "row 1"),
        ("1.png", "Käfer", "row 2"),
        ("2.png", None, "row 1"),
    ]
    assert problems(HuggingFaceImporter(), tmp_path / "set", NAMES) == []


def test_a_data_set_with_splits_and_pictures_in_it(tmp_path, rows, format_of, datasets):
    def part(*photos):
        columns = {"image": [{"bytes": b"not read", "path": photo} for photo in photos], "label": ["cat"] * len(photos)}
        features = datasets.Features({"image": datasets.Image(decode=False), "label": datasets.Value("string")})
        return datasets.Dataset.from_dict(columns, features=features)

    parts = datasets.DatasetDict({"train": part("0.png", "1.png"), "test": part("2.png")})
    parts.save_to_disk(str(tmp_path / "set"))
    assert format_of(tmp_path / "set") == "hugging-face"
    assert rows(HuggingFaceImporter(), tmp_path / "set", NAMES) == [
        ("0.png", "cat", "train row 1"),
        ("1.png", "cat", "train row 2"),
        ("2.png", "cat", "test row 1"),
    ]


def test_objects_in_a_data_set_on_disk(tmp_path, rows, problems, datasets):
    objects = {"bbox": datasets.Sequence(datasets.Value("float32"), 4), "category": datasets.ClassLabel(names=["cat"])}
    features = datasets.Features(
        {
            "file_name": datasets.Value("string"),
            "width": datasets.Value("int32"),
            "height": datasets.Value("int32"),
            "objects": datasets.Sequence(objects),
        }
    )
    columns = {
        "file_name": ["0.png", "1.png"],
        "width": [100, 100],
        "height": [50, 50],
        "objects": [{"bbox": [[10, 5, 20, 10], [0, 0, 1, 1]], "category": [0, 0]}, {"bbox": [], "category": []}],
    }
    datasets.Dataset.from_dict(columns, features=features).save_to_disk(str(tmp_path / "set"))
    assert rows(HuggingFaceImporter(), tmp_path / "set", NAMES) == [
        ("0.png", "cat", "row 1 object 1", (0.1, 0.1, 0.2, 0.2)),
        ("0.png", "cat", "row 1 object 2", (0, 0, 0.01, 0.02)),
        ("1.png", None, "row 2"),
    ]
    assert problems(HuggingFaceImporter(), tmp_path / "set", NAMES) == []


@settings(max_examples=20, deadline=None)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), min_size=1, max_size=5, unique=True))
def test_any_label_comes_back_from_a_file_with_the_features_in_it(tmp_path_factory, labels):
    file = tmp_path_factory.mktemp("hub") / "train.parquet"
    hub_file(file, labels, list(range(len(labels))))
    names = [f"{i}.png" for i in range(len(labels))]
    found = HuggingFaceImporter().read(file, PhotoNames(names)).labels
    assert found["label"].tolist() == labels


# --- files of the hub ----------------------------------------------------------------------------


def hub_file(file, names, codes, *, compression="snappy"):
    features = {"image": {"_type": "Image"}, "label": {"names": names, "_type": "ClassLabel"}}
    photos = pa.array(
        [{"bytes": b"", "path": f"{i}.png"} for i in range(len(codes))],
        pa.struct({"bytes": pa.binary(), "path": pa.string()}),
    )
    table = pa.table({"image": photos, "label": pa.array(codes, pa.int64())})
    table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    file.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, file, compression=compression)


def test_parquet_files_of_the_hub(tmp_path, rows, problems, format_of):
    hub_file(tmp_path / "data/train-00000.parquet", ["cat", "dog"], [1, 0, 2, -1])
    hub_file(tmp_path / "data/test-00000.parquet", ["dog"], [0])
    pq.write_table(pa.table({"a": [1]}), tmp_path / "other.parquet")
    assert format_of(tmp_path) == format_of(tmp_path / "data/train-00000.parquet") == "hugging-face"
    assert rows(HuggingFaceImporter(), tmp_path, NAMES) == [
        ("0.png", "dog", "data/test-00000.parquet row 1"),
        ("0.png", "dog", "data/train-00000.parquet row 1"),
        ("1.png", "cat", "data/train-00000.parquet row 2"),
        ("3.png", None, "data/train-00000.parquet row 4"),
    ]
    assert problems(HuggingFaceImporter(), tmp_path, NAMES) == [
        ("data/train-00000.parquet row 3", "class 2 has no name in the data set")
    ]


def test_other_parquet_files_are_of_another_format(tmp_path, format_of):
    pq.write_table(pa.table({"path": ["a.jpg"], "label": ["cat"]}), tmp_path / "labels.parquet")
    assert format_of(tmp_path / "labels.parquet") == "parquet"


# --- what is not as it must be -------------------------------------------------------------------


def saved(tmp_path, content, *, files=("data.arrow",), info=None):
    (tmp_path / "data.arrow").write_bytes(content)
    (tmp_path / "state.json").write_text(json.dumps({"_data_files": [{"filename": file} for file in files]}))
    (tmp_path / "dataset_info.json").write_text(json.dumps(info or {}))
    return tmp_path


def arrow(columns, **metadata):
    table = pa.table(columns).replace_schema_metadata(metadata)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return sink.getvalue().to_pybytes()


def test_a_data_set_without_features_has_labels_as_they_are(tmp_path, rows):
    folder = saved(tmp_path, arrow({"path": ["a.jpg", "x/b.jpg"], "label": [5, None], "other": [[1], [2]]}))
    assert rows(HuggingFaceImporter(), folder, PHOTOS) == [("a.jpg", "5", "row 1"), ("x/b.jpg", None, "row 2")]


GOOD = arrow({"path": ["a.jpg"] * 100, "label": ["cat"] * 100})


@pytest.mark.parametrize(
    "content", [b"", b"PK\x03\x04", b"\xff" * 1000, GOOD[:300], GOOD.replace(b"a.jpg", b"\xff.jpg")]
)
def test_a_damaged_file_is_refused(tmp_path, content):
    with pytest.raises(ImportProblem, match=r"none can be read: data\.arrow: it cannot be read: "):
        HuggingFaceImporter().read(saved(tmp_path, content), PhotoNames(PHOTOS))


@given(st.integers(0, len(GOOD) - 1), st.integers(0, 255))
@settings(max_examples=60, deadline=None)
def test_a_file_with_a_wrong_byte_is_read_or_refused(tmp_path_factory, place, value):
    content = GOOD[:place] + bytes([value]) + GOOD[place + 1 :]
    folder = saved(tmp_path_factory.mktemp("saved"), content)
    with contextlib.suppress(ImportProblem):
        assert len(HuggingFaceImporter().read(folder, PhotoNames(PHOTOS)).labels) <= 100


def test_files_out_of_the_folder_are_not_read(tmp_path):
    (tmp_path / "outside.arrow").write_bytes(GOOD)
    (tmp_path / "set").mkdir()
    folder = saved(tmp_path / "set", GOOD, files=["../outside.arrow"])
    with pytest.raises(ImportProblem, match=r"\.\./outside\.arrow: '\.\./outside\.arrow' leads out of the folder"):
        HuggingFaceImporter().read(folder, PhotoNames(PHOTOS))
    (tmp_path / "dataset_dict.json").write_text(json.dumps({"splits": ["../set"]}))
    with pytest.raises(ImportProblem, match=r"must be a Hugging Face data set: '\.\./set' leads out of the folder"):
        HuggingFaceImporter().read(tmp_path, PhotoNames(PHOTOS))
    assert not HuggingFaceImporter().recognises(tmp_path)


@pytest.mark.parametrize(
    ("file", "content", "reason"),
    [
        ("state.json", "[]", "it must be a JSON object; it is a list"),
        ("state.json", "{}", "state.json must have the list _data_files; None arrived"),
        ("state.json", '{"_data_files": [5]}', "the name of a file must be text; 5 arrived"),
        ("dataset_info.json", "{", "Expecting property name"),
        ("dataset_dict.json", '{"splits": 5}', "dataset_dict.json must have the list splits; 5 arrived"),
        ("dataset_dict.json", '{"splits": [{}]}', "a split must be text; {} arrived"),
        ("dataset_dict.json", '{"splits": ["gone"]}', "there is no such file"),
    ],
)
def test_files_about_the_data_set_that_are_wrong_are_refused(tmp_path, file, content, reason):
    saved(tmp_path, GOOD)
    (tmp_path / file).write_text(content)
    with pytest.raises(ImportProblem, match="must be a Hugging Face data set: ") as caught:
        HuggingFaceImporter().read(tmp_path, PhotoNames(PHOTOS))
    assert reason in str(caught.value)


def test_what_few_bytes_stand_for_is_not_unpacked_without_end(tmp_path):
    """Millions of rows of one value take a few kilobytes."""
    file = tmp_path / "train.parquet"
    features = json.dumps({"info": {"features": {"label": {"dtype": "int64", "_type": "Value"}}}})
    schema = pa.schema({"label": pa.int64(), "path": pa.string()}, metadata={"huggingface": features})
    group = pa.table({"label": pa.array([7] * 1_000_000), "path": pa.array(["a.jpg"] * 1_000_000)}, schema=schema)
    with pq.ParquetWriter(file, schema) as writer:
        for _ in range(6):
            writer.write_table(group)
    assert file.stat().st_size < 100_000
    with pytest.raises(ImportProblem, match="a data set must have at most 5,000,000 rows; it has 6,000,000"):
        HuggingFaceImporter().read(file, PhotoNames(PHOTOS))


def test_what_is_not_recognised(tmp_path):
    (tmp_path / "a.parquet").write_bytes(zlib.compress(b"x"))
    (tmp_path / "b.arrow").write_bytes(GOOD)
    (tmp_path / "state.json").write_text("{}")
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.parquet")
    for path in (tmp_path, tmp_path / "a.parquet", tmp_path / "b.arrow", tmp_path / "gone.arrow"):
        assert not HuggingFaceImporter().recognises(path)
    with pytest.raises(ImportProblem, match="must be a Hugging Face data set with rows; none can be read"):
        HuggingFaceImporter().read(tmp_path, PhotoNames(PHOTOS))
