"""FiftyOne: samples.json with fields of labels, and labels.json for classification and detection.

The library itself starts a database, so these files are written by hand, as its documentation describes them.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from handlens.errors import ImportProblem
from handlens.studio.formats import PhotoNames
from handlens.studio.formats.readers.fiftyone import FiftyOneImporter


def written(tmp_path, document, name="samples.json"):
    file = tmp_path / name
    file.write_text(json.dumps(document))
    return file


def sample(photo="data/1.jpg", **fields):
    return {"_id": {"$oid": "5f"}, "filepath": photo, "tags": [], "metadata": None, **fields}


def classification(label, **more):
    return {"_cls": "Classification", "label": label, **more}


def test_classifications(tmp_path, rows, problems, format_of):
    samples = [
        sample("/home/me/1.jpg", ground_truth=classification("cat", confidence=None)),
        sample("2.jpg", ground_truth=None),
        sample("3.jpg", ground_truth=classification(None)),
        sample("4.jpg"),
    ]
    file = written(tmp_path, {"samples": samples})
    assert format_of(file) == format_of(tmp_path) == "fiftyone"
    assert rows(FiftyOneImporter(), file) == rows(FiftyOneImporter(), tmp_path)
    assert rows(FiftyOneImporter(), file) == [("/home/me/1.jpg", "cat", "sample 1"), ("3.jpg", None, "sample 3")]
    assert problems(FiftyOneImporter(), file) == []


def test_several_labels_of_one_photo(tmp_path, rows):
    both = {"_cls": "Classifications", "classifications": [classification("cat"), classification("dog")]}
    none = {"_cls": "Classifications", "classifications": []}
    file = written(tmp_path, {"samples": [sample(tags_of=both), sample("2.jpg", tags_of=none)]})
    assert rows(FiftyOneImporter(), file) == [
        ("data/1.jpg", "cat", "sample 1 classification 1"),
        ("data/1.jpg", "dog", "sample 1 classification 2"),
        ("2.jpg", None, "sample 2"),
    ]


def test_detections_have_boxes_in_shares(tmp_path, rows):
    found = [
        {"_cls": "Detection", "label": "car", "bounding_box": [0.25, 0.5, 0.5, 0.25]},
        {"_cls": "Detection", "label": "man", "bounding_box": [0, 0, 1, 1], "mask": None},
    ]
    boxes = {"_cls": "Detections", "detections": found}
    metadata = {"_cls": "ImageMetadata", "width": 640, "height": 480}
    file = written(tmp_path, {"samples": [sample(ground_truth=boxes, metadata=metadata)]})
    assert rows(FiftyOneImporter(), file) == [
        ("data/1.jpg", "car", "sample 1 detection 1", (0.25, 0.5, 0.5, 0.25)),
        ("data/1.jpg", "man", "sample 1 detection 2", (0, 0, 1, 1)),
    ]
    table = FiftyOneImporter().read(file, PhotoNames([])).labels
    assert table[["picture_width", "picture_height"]].values.tolist() == [[640, 480], [640, 480]]


def test_a_field_can_be_chosen_and_ground_truth_comes_first(tmp_path, rows):
    samples = [
        sample(a=classification("1"), predictions=classification("2")),
        sample("2.jpg", predictions=classification("3"), ground_truth=classification("4")),
    ]
    file = written(tmp_path, {"samples": samples})
    found = FiftyOneImporter().read(file, PhotoNames([]))
    assert found.choices == {"label_column": ["ground_truth", "predictions", "a"]}
    assert found.labels["label"].tolist() == ["4"]
    assert rows(FiftyOneImporter(), file, label_column="predictions") == [
        ("data/1.jpg", "2", "sample 1"),
        ("2.jpg", "3", "sample 2"),
    ]
    with pytest.raises(ImportProblem, match="label_column must be one of ground_truth, predictions, a; 'b' arrived"):
        FiftyOneImporter().read(file, PhotoNames([]), label_column="b")


def test_times_are_read_as_mongodb_writes_them(tmp_path):
    times = [{"$date": 1714557600000}, {"$date": "2024-05-01T10:00:00Z"}, "2024-05-01T12:00:00+02:00", 10**30, "x", []]
    samples = [sample(f"{i}.jpg", y=classification("a", created_at=at)) for i, at in enumerate(times)]
    table = FiftyOneImporter().read(written(tmp_path, {"samples": samples}), PhotoNames([])).labels
    noon = datetime(2024, 5, 1, 10, tzinfo=UTC)
    assert [None if at != at else at.to_pydatetime() for at in table["at"]] == [noon, noon, noon, None, None, None]


@pytest.mark.parametrize(
    ("bad", "where", "reason"),
    [
        (5, "sample 2", "a sample must be a JSON object; 5 arrived"),
        (sample(5, y=classification("a")), "sample 2", "the photo's name must be text; 5 arrived"),
        (sample("../1.jpg", y=classification("a")), "sample 2", "'../1.jpg' leads out of the folder"),
        (sample(y=classification(5)), "sample 2", "its label must be text; 5 arrived"),
        (
            sample(metadata={"width": -1, "height": 5}, y=classification("a")),
            "sample 2",
            "the picture's width and height must be more than 0; -1×5 arrived",
        ),
        (
            sample(y={"_cls": "Detections", "detections": {}}),
            "sample 2",
            "detections must be a list; {} arrived",
        ),
        (sample(y={"_cls": "Detections"}), "sample 2", "detections must be a list; None arrived"),
        (
            sample(y={"_cls": "Detections", "detections": ["a"]}),
            "sample 2 detection 1",
            "a label must be a JSON object; 'a' arrived",
        ),
        (
            sample(y={"_cls": "Detection", "label": "a", "bounding_box": [0.5, 0, 1, 1]}),
            "sample 2",
            "its box must lie in the picture; [0.5, 0, 1, 1] reaches out of it",
        ),
    ],
)
def test_a_sample_that_cannot_be_used_is_listed(tmp_path, rows, problems, bad, where, reason):
    file = written(tmp_path, {"samples": [sample("0.jpg", y=classification("x")), bad]})
    assert rows(FiftyOneImporter(), file) == [("0.jpg", "x", "sample 1")]
    assert problems(FiftyOneImporter(), file) == [(where, reason)]


def test_samples_without_labels_are_refused(tmp_path):
    with pytest.raises(ImportProblem, match=r"the samples in samples\.json must have a field of labels; none has one"):
        FiftyOneImporter().read(written(tmp_path, {"samples": [sample()]}), PhotoNames([]))


# --- labels.json ---------------------------------------------------------------------------------


def test_classes_by_position_or_by_name(tmp_path, rows, problems, format_of):
    labels = {"a": 1, "b": "cat", "c": None, "x/d": {"label": 0, "confidence": 0.5}, "e": [0, 1], "f": []}
    file = written(tmp_path, {"classes": ["cat", "dog"], "labels": labels}, "labels.json")
    assert format_of(file) == format_of(tmp_path) == "fiftyone"
    assert rows(FiftyOneImporter(), tmp_path) == [
        ("a", "dog", "labels 'a'"),
        ("b", "cat", "labels 'b'"),
        ("c", None, "labels 'c'"),
        ("x/d", "cat", "labels 'x/d'"),
        ("e", "cat", "labels 'e' number 1"),
        ("e", "dog", "labels 'e' number 2"),
        ("f", None, "labels 'f'"),
    ]
    assert problems(FiftyOneImporter(), file) == []


def test_detections_by_photo(tmp_path, rows):
    labels = {"a": [{"label": 0, "bounding_box": [0.1, 0.2, 0.3, 0.4]}, {"label": "x", "bounding_box": [0, 0, 1, 1]}]}
    file = written(tmp_path, {"classes": ["cat"], "labels": labels}, "labels.json")
    assert rows(FiftyOneImporter(), file) == [
        ("a", "cat", "labels 'a' number 1", (0.1, 0.2, 0.3, 0.4)),
        ("a", "x", "labels 'a' number 2", (0, 0, 1, 1)),
    ]


@pytest.mark.parametrize(
    ("target", "where", "reason"),
    [
        (2, "labels 'a'", "class 2 has no name in the file's classes"),
        (-1, "labels 'a'", "class -1 has no name in the file's classes"),
        (1, "labels 'a'", "the name of class 1 must be text; 5 arrived"),
        (True, "labels 'a'", "its label must be text; True arrived"),
        (0.5, "labels 'a'", "its label must be text; 0.5 arrived"),
        ([[0]], "labels 'a' number 1", "its label must be text; [0] arrived"),
        ({"label": 0, "bounding_box": [0, 0, 9, 9]}, "labels 'a'",
         "its box must lie in the picture; [0, 0, 9, 9] reaches out of it"),
        ("\udc00", "labels 'a'", r"its label must be text; '\udc00', which has half a character, arrived"),
    ],
)  # fmt: skip
def test_a_target_that_cannot_be_used_is_listed(tmp_path, rows, problems, target, where, reason):
    file = written(tmp_path, {"classes": ["cat", 5], "labels": {"a": target, "b": 0}}, "labels.json")
    assert rows(FiftyOneImporter(), file) == [("b", "cat", "labels 'b'")]
    assert problems(FiftyOneImporter(), file) == [(where, reason)]


def test_classes_by_position_without_a_list_of_them_are_listed(tmp_path, rows, problems):
    file = written(tmp_path, {"labels": {"../a": "x", "b": 0, "c": "cat"}}, "labels.json")
    assert FiftyOneImporter().recognises(file)
    assert rows(FiftyOneImporter(), file) == [("c", "cat", "labels 'c'")]
    assert problems(FiftyOneImporter(), file) == [
        ("labels '../a'", "'../a' leads out of the folder"),
        ("labels 'b'", "class 0 has no name in the file's classes"),
    ]


def test_two_labels_under_one_name_are_refused(tmp_path):
    file = tmp_path / "labels.json"
    file.write_text('{"classes": [], "labels": {"a": "cat", "a": "dog"}}')
    with pytest.raises(ImportProblem, match=r"^labels\.json must be a file of JSON: the key 'a' is there twice\.$"):
        FiftyOneImporter().read(file, PhotoNames([]))


@pytest.mark.parametrize("document", [[], {}, {"samples": {}}, {"labels": []}, 5])
def test_json_of_another_kind_is_refused(tmp_path, document):
    with pytest.raises(ImportProblem, match=r"^samples\.json must be exported by FiftyOne: JSON with the list samples"):
        FiftyOneImporter().read(written(tmp_path, document), PhotoNames([]))


def test_what_is_not_recognised(tmp_path):
    with pytest.raises(ImportProblem, match="must be exported by FiftyOne"):
        FiftyOneImporter().read(tmp_path, PhotoNames([]))
    assert not FiftyOneImporter().recognises(tmp_path)
    for name, document in (("samples.json", {"samples": []}), ("other.json", {"labels": {}}), ("samples.json", 5)):
        assert not FiftyOneImporter().recognises(written(tmp_path, document, name))
