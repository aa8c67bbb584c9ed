"""Label Studio: JSON with the answers of several annotators, and JSON-MIN.

The program itself is a server, so these files are written by hand, as its documentation describes them.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pandas as pd
import pytest

from handlens.errors import ImportProblem
from handlens.studio.formats import PhotoNames
from handlens.studio.formats.readers.label_studio import LabelStudioImporter


def written(tmp_path, document):
    file = tmp_path / "export.json"
    file.write_text(json.dumps(document))
    return file


def choice(*labels, control="kind"):
    return {"from_name": control, "to_name": "image", "type": "choices", "value": {"choices": [*labels]}}


def rectangle(x, y, width, height, *labels, **more):
    value = {"x": x, "y": y, "width": width, "height": height, "rotation": 0, "rectanglelabels": [*labels]}
    region = {"from_name": "box", "to_name": "image", "type": "rectanglelabels", "value": value | more}
    return region | {"original_width": 640, "original_height": 480, "image_rotation": 0}


def task(*results, image="a.jpg", id=1, **more):
    annotations = [{"id": i, "result": result, **more} for i, result in enumerate(results)]
    return {"id": id, "data": {"image": image}, "annotations": annotations, "predictions": []}


def test_choices(tmp_path, rows, problems, format_of):
    tasks = [task([choice("cat")], id=4), task([choice("cat", "dog")], image="b.jpg", id=5), task([], id=6)]
    file = written(tmp_path, tasks)
    assert format_of(file) == "label-studio"
    assert rows(LabelStudioImporter(), file) == [
        ("a.jpg", "cat", "task 4"),
        ("b.jpg", "cat", "task 5"),
        ("b.jpg", "dog", "task 5"),
        ("a.jpg", None, "task 6"),
    ]
    assert problems(LabelStudioImporter(), file) == []


def test_rectangles_are_in_hundredths_of_the_picture(tmp_path, rows):
    bare = {"id": "r", "type": "rectangle", "value": {"x": 0, "y": 0, "width": 50, "height": 50}}
    labels = {"id": "r", "type": "labels", "value": bare["value"] | {"labels": ["bird"]}}
    file = written(tmp_path, [task([rectangle(25, 50, 12.5, 25, "car", "red")]), task([bare, labels])])
    assert rows(LabelStudioImporter(), file) == [
        ("a.jpg", "car", "task 1", (0.25, 0.5, 0.125, 0.25)),
        ("a.jpg", "red", "task 1", (0.25, 0.5, 0.125, 0.25)),
    ]
    table = LabelStudioImporter().read(file, PhotoNames([])).labels
    assert table[["picture_width", "picture_height"]].values.tolist() == [[640, 480], [640, 480]]
    assert rows(LabelStudioImporter(), file, label_column="labels") == [("a.jpg", "bird", "task 1", (0, 0, 0.5, 0.5))]


def test_what_each_annotator_said_with_who_it_was_and_when(tmp_path):
    people = [
        ({"id": 7, "email": "ann@example.org", "first_name": "Ann"}, "2024-05-01T10:00:00Z"),
        (12, "2024-05-01T12:00:00.5+02:00"),
        ("bob", None),
        (None, "yesterday"),
        (True, 5),
        ({"id": 3, "email": ""}, "0001-01-01T00:00:00+14:00"),
    ]
    annotations = [
        {"completed_by": by, "created_at": at, "result": [choice(str(i))]} for i, (by, at) in enumerate(people)
    ]
    annotations[0]["updated_at"] = "2024-05-01T11:00:00Z"
    file = written(tmp_path, [{"id": 1, "data": {"image": "a.jpg"}, "annotations": annotations}])
    table = LabelStudioImporter().read(file, PhotoNames([])).labels
    assert table["label"].tolist() == ["0", "1", "2", "3", "4", "5"]
    assert table["by"].tolist() == ["ann@example.org", "12", "bob", None, None, "3"]
    assert [None if pd.isna(at) else at.to_pydatetime() for at in table["at"]] == [
        datetime(2024, 5, 1, 11, tzinfo=UTC),
        datetime(2024, 5, 1, 10, 0, 0, 500_000, tzinfo=UTC),
        *[None] * 4,
    ]
    assert table["where"].tolist() == [f"task 1 annotation {i}" for i in range(1, 7)]


def test_a_control_can_be_chosen_and_the_one_with_most_answers_comes_first(tmp_path, rows):
    results = [[choice("good", control="quality"), choice("cat")], [choice("dog")]]
    file = written(tmp_path, [task(*results)])
    found = LabelStudioImporter().read(file, PhotoNames([]))
    assert found.choices == {"label_column": ["kind", "quality"]}
    assert found.labels["label"].tolist() == ["cat", "dog"]
    assert rows(LabelStudioImporter(), file, label_column="quality") == [("a.jpg", "good", "task 1 annotation 1")]
    with pytest.raises(ImportProblem, match="label_column must be one of kind, quality; 'x' arrived"):
        LabelStudioImporter().read(file, PhotoNames([]), label_column="x")


def test_completions_of_old_versions_are_read_and_predictions_are_not(tmp_path, rows, problems):
    old = {"id": 1, "data": {"image": "a.jpg"}, "completions": [{"result": [choice("cat")]}]}
    predicted = {"id": 2, "data": {"image": "b.jpg"}, "predictions": [{"result": [choice("dog")]}]}
    file = written(tmp_path, [old, predicted])
    assert rows(LabelStudioImporter(), file) == [("a.jpg", "cat", "task 1")]
    assert problems(LabelStudioImporter(), file) == []


@pytest.mark.parametrize(
    ("address", "photos", "name"),
    [
        ("/data/upload/3/0a1b2c3d-a.jpg", (), "/data/upload/3/a.jpg"),
        ("/data/upload/0a1b2c3d-a.jpg", ("a.jpg",), "a.jpg"),
        ("/data/upload/3/0a1b2c3d-a.jpg", ("sets/a.jpg",), "a.jpg"),
        ("/data/upload/3/0a1b2c3d-a.jpg", ("0a1b2c3d-a.jpg",), "0a1b2c3d-a.jpg"),
        ("/data/local-files/?d=photos/x%20y/%C3%A4%2B.jpg", (), "photos/x y/ä+.jpg"),
        ("http://localhost:8080/data/local-files/?d=photos/a.jpg&x=1", (), "photos/a.jpg"),
        ("https://example.org/sets/a%20b.jpg?token=1#2", (), "/sets/a b.jpg"),
        ("s3://bucket/sets/a%20b.jpg", (), "sets/a%20b.jpg"),
        ("gs://bucket/a?b#c.jpg", (), "a?b#c.jpg"),
        ("http://[/a.jpg", (), "[/a.jpg"),
        ("photos/a 100%.jpg", (), "photos/a 100%.jpg"),
    ],
)
def test_a_photo_is_found_by_its_address(tmp_path, rows, address, photos, name):
    file = written(tmp_path, [task([choice("cat")], image=address)])
    assert rows(LabelStudioImporter(), file, photos) == [(name, "cat", "task 1")]


def test_which_part_of_a_task_names_its_photo(tmp_path, rows):
    def name_in(*photos, **data):
        file = written(tmp_path, [{"id": 1, "data": data, "annotations": [{"result": [choice("cat")]}]}])
        ((name, _, _),) = rows(LabelStudioImporter(), file, photos)
        return name

    assert name_in(text="hello", scan="x/a.jpg") == "x/a.jpg"
    assert name_in(text="hello.jpg", image="a") == "a"
    assert name_in("a.jpg", text="b.jpg", scan="a") == "a"
    assert name_in("a.jpg", "x/a.jpg", image="photos/a.jpg", path="a.jpg") == "a.jpg"


@pytest.mark.parametrize(
    ("bad", "where", "reason"),
    [
        (5, "task number 2", "a task must be a JSON object; 5 arrived"),
        ({"id": 9, "data": []}, "task 9", "a task's data must be a JSON object; [] arrived"),
        ({"data": {"text": "x"}}, "task number 2", "its data name no photo: {'text': 'x'}"),
        ({"data": {"image": 5}}, "task number 2", "its data name no photo: {}"),
        (task([], image="../a.jpg", id=9), "task 9", "'../a.jpg' leads out of the folder"),
        ({"data": {"image": "b.jpg"}, "annotations": {}}, "task number 2",
         "its annotations must be a list; {} arrived"),
        ({"data": {"image": "b"}, "annotations": [5]}, "task number 2",
         "an annotation must be a JSON object; 5 arrived"),
        (task(5, id=9), "task 9", "its result must be a list; 5 arrived"),
        (task([], id=9, was_cancelled=True), "task 9", "its annotator skipped it"),
        (task([5], id=9), "task 9", "a region must be a JSON object; 5 arrived"),
        (task([{"type": "polygonlabels", "value": {}}], id=9), "task 9",
         "only choices and rectangles can be read; 'polygonlabels' arrived"),
        (task([{"type": ["choices"], "value": {}}], id=9), "task 9",
         "only choices and rectangles can be read; ['choices'] arrived"),
        (task([{"type": "choices", "value": 5}], id=9), "task 9", "a region's value must be a JSON object; 5 arrived"),
        (task([{"from_name": 5, **choice("a", control=5)}], id=9), "task 9", "from_name must be text; 5 arrived"),
        (task([choice(["Animal", "Cat"])], id=9), "task 9", "its label must be text; ['Animal', 'Cat'] arrived"),
        (task([rectangle(90, 0, 20, 20, "car")], id=9), "task 9",
         "its box must lie in the picture; [90, 0, 20, 20] reaches out of it"),
        (task([rectangle(None, 0, 20, 20, "car")], id=9), "task 9",
         "each number of its box must be a number, and a finite one; None arrived"),
        (task([rectangle(0, 0, 20, 20, "car", rotation=30)], id=9), "task 9",
         "a rectangle that is turned by 30° cannot be read"),
        (task([rectangle(0, 0, 20, 20, "car", original_width=0)], id=9), "task 9",
         "the picture's width and height must be more than 0; 0×480 arrived"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_listed(tmp_path, rows, problems, bad, where, reason):
    file = written(tmp_path, [task([choice("cat")]), bad])
    assert rows(LabelStudioImporter(), file) == [("a.jpg", "cat", "task 1")]
    assert problems(LabelStudioImporter(), file) == [(where, reason)]


def test_relations_between_regions_are_left_out(tmp_path, rows, problems):
    file = written(tmp_path, [task([choice("cat"), {"type": "relation", "from_id": "a", "to_id": "b"}])])
    assert rows(LabelStudioImporter(), file) == [("a.jpg", "cat", "task 1")]
    assert problems(LabelStudioImporter(), file) == []


# --- JSON-MIN ------------------------------------------------------------------------------------


def row(**more):
    own = {"annotator": 3, "annotation_id": 7, "created_at": "2024-05-01T10:00:00Z", "lead_time": 1.5}
    return {"image": "a.jpg", "id": 1, **more, **own}


def test_rows_of_json_min(tmp_path, rows, problems, format_of):
    box = {"x": 25, "y": 50, "width": 12.5, "height": 25, "rotation": 0, "rectanglelabels": ["car"]}
    sizes = {"original_width": 640, "original_height": 480}
    entries = [row(kind="cat", box=[box | sizes]), row(kind={"choices": ["dog", "cow"]}, id=2)]
    file = written(tmp_path, entries)
    assert format_of(file) == "label-studio"
    assert rows(LabelStudioImporter(), file, label_column="kind") == [
        ("a.jpg", "cat", "task 1"),
        ("a.jpg", "dog", "task 2"),
        ("a.jpg", "cow", "task 2"),
    ]
    assert rows(LabelStudioImporter(), file, label_column="box") == [
        ("a.jpg", "car", "task 1", (0.25, 0.5, 0.125, 0.25))
    ]
    assert problems(LabelStudioImporter(), file) == []
    table = LabelStudioImporter().read(file, PhotoNames([])).labels
    assert table["by"].tolist() == ["3"] * 3
    assert table["at"].tolist() == [pd.Timestamp("2024-05-01T10:00:00Z")] * 3


def test_texts_may_be_data_so_controls_come_first_then_names_of_labels_then_few_values(tmp_path):
    texts = [{"note": "x1", "site": "s", "Label": "b"}, {"note": "x2", "site": "s", "Label": "c"}]
    entries = [row(**values, id=i) for i, values in enumerate(texts)]
    found = LabelStudioImporter().read(written(tmp_path, entries), PhotoNames([]))
    assert found.choices == {"label_column": ["Label", "site", "note"]}
    entries[0]["answer"] = {"choices": ["a"]}
    found = LabelStudioImporter().read(written(tmp_path, entries), PhotoNames([]))
    assert found.choices["label_column"][0] == "answer"
    assert found.labels["label"].tolist() == ["a"]


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"kind": {"choices": [5]}}, "'kind': its label must be text; 5 arrived"),
        ({"kind": {"answer": "x"}}, "'kind': only choices and rectangles can be read; {'answer': 'x'"),
        ({"kind": [5]}, "'kind': a region must be a JSON object; 5 arrived"),
        ({"kind": "\ud800"}, r"'kind': its label must be text; '\ud800', which has half a character, arrived"),
        ({"\ud800": "x"}, r"'\ud800': a name must be text; "),
    ],
)
def test_a_row_that_cannot_be_used_is_listed(tmp_path, rows, problems, more, reason):
    file = written(tmp_path, [row(kind="cat"), row(**more)])
    assert rows(LabelStudioImporter(), file, label_column="kind") == [("a.jpg", "cat", "task 1")]
    ((where, found),) = problems(LabelStudioImporter(), file, label_column="kind")
    assert where == "task 1"
    assert found.startswith(reason)


@pytest.mark.parametrize("document", [{}, [], 5, None])
def test_json_of_another_kind_is_refused(tmp_path, document):
    with pytest.raises(ImportProblem, match=r"^export\.json must be exported by Label Studio: a JSON list of tasks\.$"):
        LabelStudioImporter().read(written(tmp_path, document), PhotoNames([]))


def test_what_is_not_recognised(tmp_path):
    assert not LabelStudioImporter().recognises(tmp_path / "gone.json")
    for document in ([], {"data": 1, "annotations": 2}, [{"image": "a.jpg", "label": "cat"}]):
        assert not LabelStudioImporter().recognises(written(tmp_path, document))
