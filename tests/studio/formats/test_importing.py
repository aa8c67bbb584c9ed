"""Importing: a plan that changes nothing, then all of it in one change; what a bad file gets."""

from __future__ import annotations

import json
import zipfile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from handlens.errors import CollectionError, ImportProblem
from handlens.plugins import plugins
from handlens.studio.collection import Collection
from handlens.studio.formats import importer_of
from handlens.studio.formats.found import FoundLabel, FoundLabels


@pytest.fixture
def write(tmp_path):
    def write(text, name="labels.csv"):
        file = tmp_path / name
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return file

    return write


def given_labels(collection):
    """The labels of the photos that have one, by path."""
    labels = collection.labels.dropna()
    return {collection.paths[photo]: label for photo, label in labels.items()}


FILE = """path,label
circles/0.png,circle
circles/1.png,circle
circles/1.png,circle
squares/0.png,square
squares/1.png,square
squares/1.png,circle
gone.png,square
squares/2.png,
0.png,square
"""


def test_a_plan_by_hand(bare, write):
    bare.label([0], "disc")
    bare.label([20], "square")
    before = bare.parts.labels.version
    plan = bare.plan_import(write(FILE))
    assert bare.parts.labels.version == before
    assert (plan.title, plan.name, plan.imported) == ("CSV", "labels.csv", None)
    assert plan.matched.values.tolist() == [
        [0, "circles/0.png", "circle", "line 2", "disc"],
        [1, "circles/1.png", "circle", "line 3", pytest.approx(float("nan"), nan_ok=True)],
        [20, "squares/0.png", "square", "line 5", "square"],
    ]
    assert plan.new["id"].tolist() == [1]
    assert plan.changes["id"].tolist() == [0]
    assert plan.same["id"].tolist() == [20]
    assert plan.conflicting.values.tolist() == [[21, "squares/1.png", ["square", "circle"], ["line 6", "line 7"]]]
    assert plan.unmatched.values.tolist() == [
        ["line 8", "gone.png", "square", "no photo has this name"],
        ["line 9", "squares/2.png", None, "has no label"],
        ["line 10", "0.png", "square", "2 photos have this name"],
    ]
    assert plan.counts == {"matched": 3, "new": 1, "changes": 1, "same": 1, "conflicting": 1, "unmatched": 3}
    assert plan.new_labels == ["circle"]
    assert str(plan).splitlines() == [
        "labels.csv (CSV) gives one label to 3 photos.",
        "Chosen: photo_column = path (or label); label_column = label; separator = comma (or semicolon, tab); "
        "encoding = utf-8 (or utf-16, cp1252).",
        "Without a label until now: 1 photo: circle 1.",
        "With another label, kept unless it is replaced: 1 photo: circles/0.png: disc, not circle.",
        "With this label already: 1 photo.",
        "With several labels in the file, left out: 1 photo: squares/1.png: square, circle.",
        "Not used: 3 places: line 8, gone.png: no photo has this name; line 9, squares/2.png: has no label; line 10, "
        "0.png: 2 photos have this name.",
        "Labels that are new: circle.",
    ]


def test_the_plan_as_json_is_plain(bare, write):
    bare.label([0], "disc")
    plan = bare.plan_import(write(FILE))
    found = json.loads(json.dumps(plan.as_json(), allow_nan=False))
    assert found["counts"] == plan.counts
    assert found["changes"] == [{"id": 0, "path": "circles/0.png", "label": "circle", "where": "line 2", "now": "disc"}]
    assert found["unmatched"][0] == {
        "where": "line 8",
        "photo": "gone.png",
        "label": "square",
        "reason": "no photo has this name",
    }
    assert found["conflicting"][0]["labels"] == ["square", "circle"]


def test_importing_is_one_change_that_undo_takes_back(bare, write):
    bare.label([0], "disc")
    before = given_labels(bare)
    done = bare.import_labels(write(FILE))
    assert done.imported == 2
    after = {"circles/0.png": "disc", "circles/1.png": "circle", "squares/0.png": "square"}
    assert given_labels(bare) == after
    assert bare.parts.labels.undo_text == "import 2 labels from labels.csv"
    assert bare.origins.loc[[1, 20], ["gesture", "kind"]].values.tolist() == [["import", "imported"]] * 2
    assert bare.origins.loc[0, "kind"] == "by hand"
    assert bare.undo()
    assert given_labels(bare) == before
    assert bare.label_names == ["disc"]
    assert bare.redo()
    assert given_labels(bare) == after


def test_several_imports_are_one_gesture(bare, write):
    bare.label([5], "circle")
    for number in (1, 2):
        bare.import_labels(write(f"path,label\ncircles/{number}.png,circle\nsquares/{number}.png,square\n"))
    gestures = bare.parts.duplicates.gestures(bare.parts.labels.state.origins)
    assert gestures[[1, 2, 5, 21, 22, 30]].tolist() == [2, 2, 1, 2, 2, 0]


def test_labels_are_replaced_only_if_that_is_asked_for(bare, write):
    bare.label([0], "disc")
    done = bare.import_labels(write(FILE), replace=True)
    assert done.imported == 3
    assert given_labels(bare)["circles/0.png"] == "circle"
    assert bare.undo()
    assert given_labels(bare) == {"circles/0.png": "disc"}


def test_a_label_that_is_the_same_keeps_its_origin(bare, write):
    bare.label([20], "square")
    bare.import_labels(write(FILE), replace=True)
    assert bare.origins.loc[20, "kind"] == "by hand"


def test_importing_again_changes_nothing(bare, write):
    bare.import_labels(write(FILE))
    version = bare.parts.labels.version
    again = bare.import_labels(write(FILE))
    assert (again.imported, len(again.same)) == (0, 3)
    assert bare.parts.labels.version == version


def test_a_plan_can_be_carried_out_later(bare, write):
    plan = bare.plan_import(write(FILE))
    bare.label([1], "ring")  # in the meantime
    done = bare.import_labels(plan)
    assert done.imported == 2
    assert given_labels(bare)["circles/1.png"] == "ring"
    assert done.changes["path"].tolist() == ["circles/1.png"]
    assert "Imported: 2 labels." in str(done).splitlines()


def test_a_plan_comes_with_its_choices(bare, write):
    plan = bare.plan_import(write(FILE))
    with pytest.raises(CollectionError, match="a plan was made with a format and choices already"):
        bare.import_labels(plan, label_column="label")


def test_choices_reach_the_importer(bare, write):
    file = write("path,label,kind\ncircles/0.png,a,b\n")
    assert bare.import_labels(file, format="csv", label_column="kind").imported == 1
    assert bare.label_names == ["b"]


@pytest.mark.parametrize("name", ["self", "path", "photos"])
def test_what_importers_are_called_with_is_not_a_choice(bare, write, name):
    with pytest.raises(ImportProblem, match=f"no choice of an import is called {name}"):
        bare.plan_import(write(FILE), **{name: "x"})


def test_labels_are_kept_as_the_collection_keeps_them_and_the_plan_says_so(bare, write):
    file = write("path,label\ncircles/0.png, left  side \ncircles/1.png,left side\ncircles/2.png,e\u0301\n")
    plan = bare.import_labels(file)
    assert plan.respelled == {" left  side ": "left side", "e\u0301": "é"}
    assert bare.label_names == ["left side", "é"]
    assert "Kept in another form: ' left  side ' as 'left side'." in str(plan).splitlines()


def test_labels_that_cannot_be_kept_are_listed(bare, write):
    long, bell = "x" * 101, "a\x07b"
    plan = bare.plan_import(
        write(f"path,label\ncircles/0.png,{long}\ncircles/1.png,{bell}\ncircles/2.png,  \ncircles/3.png,{'x' * 100}\n")
    )
    reason = "its label must have 1 to 100 printable characters"
    assert plan.unmatched["reason"].tolist() == [reason, reason, "has no label"]
    assert plan.matched["label"].tolist() == ["x" * 100]


def test_several_boxes_of_one_label_give_the_photo_that_label(bare, write, monkeypatch):
    class Boxes:
        name, title, endings = "boxes", "boxes", (".boxes",)

        def recognises(self, path):
            return True

        def read(self, path, photos, **choices):
            box = (0.1, 0.1, 0.5, 0.5)
            labels = [FoundLabel("circles/0.png", "disc", f"box {i}", box) for i in range(2)]
            return FoundLabels.of(self.title, path.name, labels)

    monkeypatch.setattr("handlens.studio.formats.importers", lambda: {"boxes": Boxes()})
    plan = bare.plan_import(write("", "a.boxes"))
    assert plan.matched[["path", "label", "where"]].values.tolist() == [["circles/0.png", "disc", "box 0"]]
    assert "Chosen" not in str(plan)


def test_formats_are_recognised_or_named(bare, write, tmp_path):
    assert importer_of(write("", "a.CSV")).name == "csv"
    assert importer_of(write("", "a.parquet")).name == "parquet"
    (tmp_path / "sorted" / "cat").mkdir(parents=True)
    (tmp_path / "sorted" / "cat" / "0.png").touch()
    assert importer_of(tmp_path / "sorted").name == "folders"
    with pytest.raises(ImportProblem, match=r"a.docx must hold labels in one of the formats .* CSV, "):
        bare.plan_import(write("", "a.docx"))
    with pytest.raises(ImportProblem, match=r"format must be one of coco, croissant, csv, .*; 'docx' arrived\.$"):
        bare.plan_import(write("", "a.csv"), format="docx")
    for path in (tmp_path / "gone.csv", "~nobody-of-this-name/a.csv", "/dev/zero", "a\0b.csv", "a\ud800.csv"):
        with pytest.raises(ImportProblem, match="a file or folder with labels is needed; there is no such file"):
            bare.plan_import(path, format="csv")


def test_a_plugin_that_is_left_out_is_named_with_its_reason(bare, write, monkeypatch):
    monkeypatch.setitem(plugins("importers").failed, "acme", "“acme” of acme 1.0 cannot be loaded: ImportError: x")
    with pytest.raises(ImportProblem, match=r"the plugin for acme cannot be used: “acme” of acme 1.0 cannot"):
        bare.plan_import(write("", "a.csv"), format="acme")


# --- bad input: nothing of it is imported -----------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("labels.csv", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"),
        ("labels.parquet", b"path,label\ncircles/0.png,circle\n"),
        ("labels.csv", "path,label\ncircles/0.png,caf\u00e9\n".encode("latin-1")),
        ("labels.csv", b"path,label\nother/0.jpg,circle\n"),
        ("labels.csv", b'path,label\ncircles/0.png,circle\ncircles/1.png,"x\n'),
    ],
    ids=["a picture", "another format", "another encoding", "other photos", "quotes"],
)
@pytest.mark.parametrize("as_truth", [False, True])
def test_a_file_that_cannot_be_read_changes_nothing(bare, write, name, data, as_truth):
    bare.label([0], "disc")
    version = bare.parts.labels.version
    with pytest.raises(ImportProblem):
        bare.import_labels(write(data, name), replace=True, as_truth=as_truth)
    assert bare.parts.labels.version == version
    assert bare.truth is None


def test_formulas_stay_text(bare, write):
    bare.import_labels(write('path,label\ncircles/0.png,"=HYPERLINK(""http://x"")"\n'))
    assert bare.label_names == ['=HYPERLINK("http://x")']


def test_paths_that_leave_the_folder_name_no_photo(bare, write):
    lines = ["path,label", "../circles/1.png,x", "/etc/passwd,x", "squares/../../2.png,x", "circles/0.png,circle"]
    plan = bare.import_labels(write("\n".join(lines)))
    out = "leads out of the folder"
    assert plan.unmatched["reason"].tolist() == [out, "no photo has this name", out]
    assert given_labels(bare) == {"circles/0.png": "circle"}


def test_more_labels_than_a_collection_can_have_are_refused(bare, write, monkeypatch):
    monkeypatch.setattr("handlens.studio.formats.importing.MOST_LABELS", 12)
    bare.label([39], "number 3")
    lines = [f"circles/{i}.png,number {i}" for i in range(12)]
    assert len(bare.plan_import(write("\n".join(["path,label", *lines]))).new_labels) == 11
    lines.append("circles/12.png,number 12")
    with pytest.raises(
        ImportProblem, match=r"at most 12 labels; labels.csv has 12 new ones, such as number 0 and number 1\. Are these"
    ):
        bare.import_labels(write("\n".join(["path,label", *lines])))
    assert bare.label_names == ["number 3"]


def test_a_change_that_fails_leaves_nothing_behind(bare, write, monkeypatch):
    def fail(*_args, **_options):
        raise RuntimeError("killed")

    monkeypatch.setattr(bare.parts.labels, "_write", fail)
    with pytest.raises(RuntimeError, match="killed"):
        bare.import_labels(write(FILE))
    assert given_labels(bare) == {}
    assert bare.label_names == []


# --- round trips ------------------------------------------------------------------------------------

LABELS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=100)


def coco(folder, *annotations):
    """A COCO file about circles/0.png and circles/1.png, in whose categories 1 is “ring” and 2 is “dot”."""
    document = {
        "images": [{"id": i, "file_name": f"circles/{i}.png", "width": 2, "height": 2} for i in range(2)],
        "categories": [{"id": 1, "name": "ring"}, {"id": 2, "name": "dot"}],
        "annotations": [
            {"id": i, "image_id": image, "category_id": category, "bbox": [0, 0, 1, 1]}
            for i, (image, category) in enumerate(annotations)
        ],
    }
    (folder / "coco.json").write_text(json.dumps(document))
    return folder / "coco.json"


def test_boxes_of_one_label_label_their_photo_and_those_of_several_conflict(bare, tmp_path):
    plan = bare.import_labels(coco(tmp_path, (0, 1), (0, 1), (1, 1), (1, 2)))
    assert given_labels(bare) == {"circles/0.png": "ring"}
    assert plan.conflicting[["path", "labels"]].values.tolist() == [["circles/1.png", ["ring", "dot"]]]


def test_boxes_become_photos_of_another_collection(bare, tmp_path):
    file = coco(tmp_path, (0, 1), (1, 2))
    crops = bare.crop_boxes(bare.plan_import(file), tmp_path / "crops")
    assert crops.labels["photo"].tolist() == ["circles/0 1.png", "circles/1 1.png"]
    assert bare.crop_boxes(file, tmp_path / "again").labels["photo"].tolist() == crops.labels["photo"].tolist()
    assert given_labels(bare) == {}
    with Collection.create(tmp_path / "of-crops", images=tmp_path / "crops", backbone=None) as other:
        other.import_labels(tmp_path / "crops/labels.csv")
        assert given_labels(other) == {"circles/0 1.png": "ring", "circles/1 1.png": "dot"}


def test_crops_are_not_written_among_the_photos(bare, tmp_path):
    with pytest.raises(CollectionError, match="the folder of crops must not be among the photos"):
        bare.crop_boxes(coco(tmp_path, (0, 1)), bare.images / "crops")
    assert not (bare.images / "crops").exists()


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(LABELS, min_size=1, max_size=8), st.booleans())
def test_any_label_comes_back_from_labels_csv(bare, tmp_path, names, spreadsheet):
    given = give(bare, names)
    bare.export(tmp_path / "labels.csv", "spreadsheet" if spreadsheet else "csv")
    forget(bare, given)
    bare.import_labels(tmp_path / "labels.csv")
    assert given_labels(bare) == given


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(LABELS, min_size=1, max_size=8))
def test_any_label_comes_back_from_folders(bare, tmp_path_factory, names):
    folder = tmp_path_factory.mktemp("out")
    given = give(bare, names)
    bare.export(folder / "folders.zip", "folders")
    with zipfile.ZipFile(folder / "folders.zip") as archive:
        archive.extractall(folder / "folders")
    forget(bare, given)
    bare.import_labels(folder / "folders")
    assert given_labels(bare) == given


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(LABELS, min_size=1, max_size=8))
def test_any_label_comes_back_from_parquet(bare, tmp_path, names):
    given = give(bare, names)
    bare.origins[["path", "label"]].to_parquet(tmp_path / "labels.parquet")
    forget(bare, given)
    bare.import_labels(tmp_path / "labels.parquet")
    assert given_labels(bare) == given


def give(collection: Collection, names: list[str]) -> dict[str, str]:
    """Labels photos with those names that a label may have; what they are then."""
    for label in collection.label_names:
        collection.delete(label)
    for photo, name in enumerate(names):
        try:
            collection.label([photo, 39 - photo], name)
        except CollectionError:
            collection.label([photo], "another")
    return given_labels(collection)


def forget(collection: Collection, given: dict[str, str]) -> None:
    collection.unlabel([collection.paths.index(path) for path in given])


def test_imported_labels_know_their_file(bare, write):
    bare.import_labels(write("path,label\n0.png,x\ncircles/1.png,007\n", "mine.csv"))
    assert bare.origins[["label", "kind", "by"]].dropna().values.tolist() == [["007", "imported", "mine.csv"]]
