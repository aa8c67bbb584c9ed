"""`handlens import`: a preview, then the import."""

from __future__ import annotations

import json

import pytest
from PIL import Image
from typer.testing import CliRunner

from handlens.cli import app
from handlens.studio.collection import Collection


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "photos").mkdir()
    for shade in range(3):
        Image.new("L", (8, 8), 40 * shade).save(tmp_path / "photos" / f"{shade}.png")
    Collection.create(tmp_path / "collection", images=tmp_path / "photos", backbone=None).close()
    (tmp_path / "labels.csv").write_text("file,kind,label\n0.png,x,dark\n1.png,x,grey\ngone.png,y,light\n")
    return tmp_path


@pytest.fixture
def run(folder):
    def run(*options, file="labels.csv"):
        return CliRunner().invoke(app, ["import", str(folder / "collection"), str(folder / file), *options])

    return run


def labels(folder):
    with Collection.open(folder / "collection") as collection:
        return collection.labels.dropna().to_dict()


def test_a_preview_changes_nothing(run, folder):
    result = run()
    assert result.exit_code == 0
    assert result.stdout.splitlines()[0] == "labels.csv (CSV) gives one label to 2 photos."
    assert "line 4, gone.png: no photo has this name" in result.stdout
    assert result.stderr == "This is a preview, and nothing has changed. Add --apply to import.\n"
    assert labels(folder) == {}


def test_apply_imports(run, folder):
    result = run("--apply")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[-1] == "Imported: 2 labels."
    assert result.stderr == ""
    assert labels(folder) == {0: "dark", 1: "grey"}


def test_labels_are_replaced_or_kept_aside_if_asked(run, folder):
    run("--apply", "--choose", "label_column=kind", "--format", "csv")
    assert labels(folder) == {0: "x", 1: "x"}
    run("--apply")
    assert labels(folder) == {0: "x", 1: "x"}
    run("--apply", "--as-truth")
    assert labels(folder) == {0: "x", 1: "x"}
    with Collection.open(folder / "collection") as collection:
        assert collection.truth.labels["label"].tolist() == ["dark", "grey"]
    run("--apply", "--replace")
    assert labels(folder) == {0: "dark", 1: "grey"}


def test_json(run):
    result = run("--json")
    assert result.stderr == ""
    found = json.loads(result.stdout)
    assert found["counts"] == {"matched": 2, "new": 2, "changes": 0, "same": 0, "conflicting": 0, "unmatched": 1}
    assert found["imported"] is None
    assert json.loads(run("--json", "--apply").stdout)["imported"] == 2


@pytest.mark.parametrize(
    ("options", "file", "message"),
    [
        (
            ["--choose", "kind"],
            "labels.csv",
            "--choose must be NAME=VALUE, such as label_column=species; 'kind' arrived",
        ),
        (["--choose", "format=x"], "labels.csv", "--choose must be NAME=VALUE"),
        (["--choose", "label_column=x"], "labels.csv", "label_column must be one of label, kind; 'x' arrived"),
        (["--format", "x"], "labels.csv", "format must be one of"),
        ([], "gone.csv", "there is no"),
    ],
)
def test_what_is_wrong_is_said(run, options, file, message):
    result = run(*options, file=file)
    assert result.exit_code == 1
    assert message in result.stderr
    assert result.stdout == ""


def test_boxes_are_cut_out_if_asked(run, folder):
    document = {
        "images": [{"id": 1, "file_name": "0.png", "width": 8, "height": 8}],
        "categories": [{"id": 1, "name": "cat"}],
        "annotations": [
            {"id": 5, "image_id": 1, "category_id": 1, "bbox": [0, 0, 4, 2]},
            {"id": 6, "image_id": 1, "category_id": 1, "bbox": [0, 0, 0.1, 2]},
        ],
    }
    (folder / "coco.json").write_text(json.dumps(document))
    result = run("--crops", str(folder / "crops"), file="coco.json")
    assert result.exit_code == 0
    assert result.stdout == f"1 crop: {folder / 'crops'}\n"
    assert result.stderr == "annotation 6: no pixel's middle lies in the box\n"
    with Image.open(folder / "crops/0 1.png") as crop:
        assert crop.size == (4, 2)
    assert labels(folder) == {}
    result = run("--crops", str(folder / "again"), "--json", file="coco.json")
    said = json.loads(result.stdout)
    assert said["crops"] == [{"path": "0 1.png", "label": "cat", "where": "annotation 5"}]
    assert said["problems"] == [{"where": "annotation 6", "reason": "no pixel's middle lies in the box"}]
