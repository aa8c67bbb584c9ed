"""`handlens export`."""

from __future__ import annotations

import json

from typer.testing import CliRunner

from handlens.cli import app
from handlens.studio import Collection


def run(*arguments: object):
    return CliRunner().invoke(app, ["export", *map(str, arguments)])


def labelled(tmp_path, draw) -> Collection:
    draw(tmp_path / "photos")
    with Collection.create(tmp_path / "c", images=tmp_path / "photos", backbone=None) as collection:
        collection.label([0], "red")
        return collection


def draw(folder):
    from PIL import Image

    folder.mkdir()
    for name in ("1", "2"):
        Image.new("RGB", (8, 8), (int(name), 0, 0)).save(folder / f"{name}.png")


def test_labels_are_written(tmp_path):
    labelled(tmp_path, draw)
    ran = run(tmp_path / "c", tmp_path / "out.json", "--format", "coco")
    assert (ran.exit_code, ran.stdout) == (0, f"1 labels: {tmp_path / 'out.json'}\n"), ran.output
    assert json.loads((tmp_path / "out.json").read_text())["categories"] == [
        {"id": 1, "name": "red", "supercategory": ""}
    ]


def test_what_was_written_is_told_as_json(tmp_path):
    labelled(tmp_path, draw)
    (tmp_path / "photos" / "1.png").unlink()
    ran = run(tmp_path / "c", tmp_path / "out", "--format", "yolo", "--json")
    assert ran.exit_code == 0, ran.output
    assert json.loads(ran.stdout) == {
        "path": str(tmp_path / "out"),
        "format": "yolo",
        "labels": 0,
        "left_out": [{"path": "1.png", "reason": "No such file or directory"}],
    }


def test_a_format_that_is_not_there_is_said(tmp_path):
    labelled(tmp_path, draw)
    ran = run(tmp_path / "c", tmp_path / "out", "--format", "cocoa")
    assert ran.exit_code == 1
    assert "format must be one of csv, spreadsheet" in ran.stderr
