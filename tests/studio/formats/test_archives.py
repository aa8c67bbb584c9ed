"""Data sets in zips and tars: unpacked safely while they are read, and never taken for something else."""

from __future__ import annotations

import io
import json
import tarfile
import tempfile
import zipfile
from pathlib import Path

import pytest

from handlens.errors import ImportProblem
from handlens.studio.formats.archives import data_set_in

COCO = json.dumps(
    {
        "images": [{"id": 1, "file_name": "circles/0.png"}],
        "categories": [{"id": 1, "name": "ring"}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1}],
    }
)
FOLDERS = {"pets/ring/circles/0.png": "", "pets/dot/squares/0.png": ""}


def pack(file: Path, contents: dict[str, str]) -> Path:
    """A zip, or a tar if it is called so, with these files."""
    if file.suffix == ".zip":
        with zipfile.ZipFile(file, "w") as archive:
            for name, text in contents.items():
                archive.writestr(name, text)
        return file
    with tarfile.open(file, "w:gz" if file.suffix == ".tgz" else "w") as archive:
        for name, text in contents.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text.encode())
            archive.addfile(entry, io.BytesIO(text.encode()))
    return file


@pytest.fixture
def scratch(tmp_path, monkeypatch):
    """The folder of temporary files."""
    (tmp_path / "scratch").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "scratch"))
    return tmp_path / "scratch"


@pytest.mark.parametrize("name", ["pets.zip", "pets.tar", "pets.tgz"])
@pytest.mark.parametrize(
    ("contents", "title", "labels"),
    [
        ({"coco.json": COCO}, "COCO", {0: "ring"}),
        ({"pets/annotations/coco.json": COCO, "pets/images/circles/0.png": ""}, "COCO", {0: "ring"}),
        ({"labels.csv": "path,label\ncircles/0.png,ring\n", "__MACOSX/._labels.csv": "x"}, "CSV", {0: "ring"}),
        (FOLDERS, "folders by label", {0: "ring", 20: "dot"}),
        ({"ring/0.png": "", "ring/circles/1.png": ""}, "folders by label", {1: "ring"}),
        ({"train/ring/circles/0.png": "", "val/dot/squares/0.png": ""}, "YOLO", {0: "ring", 20: "dot"}),
        (
            {"data.yaml": "names: [ring]\n", "images/0.txt": "", "labels/circles/0.txt": "0 0.5 0.5 1 1\n"},
            "YOLO",
            {0: "ring"},
        ),
        ({"x/metadata.csv": "file_name,label\ncircles/0.png,ring\n", "x/1.png": ""}, "Hugging Face", {0: "ring"}),
    ],
)
def test_a_data_set_in_an_archive_is_read(bare, tmp_path, scratch, name, contents, title, labels):
    done = bare.import_labels(pack(tmp_path / name, contents))
    assert (done.title, done.name) == (title, name)
    assert bare.labels.dropna().to_dict() == labels
    assert bare.parts.labels.undo_text == f"import {len(labels)} label{'s' * (len(labels) > 1)} from {name}"
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "contents", "reason"),
    [
        ("out.zip", {"../labels.csv": "path,label\n"}, "out.zip cannot be unpacked: .* leads out of it by “..”"),
        ("out.tar", {"../labels.csv": "path,label\n"}, "a path outside its folder, which no data set needs"),
        ("empty.zip", {}, "^empty must hold labels in one of the formats"),
        ("other.zip", {"a/notes.md": "no labels"}, "must hold labels in one of the formats"),
    ],
)
def test_an_archive_that_cannot_be_used_changes_nothing(bare, tmp_path, scratch, name, contents, reason):
    with pytest.raises(ImportProblem, match=reason):
        bare.import_labels(pack(tmp_path / name, contents))
    assert bare.parts.labels.version == 0
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize("name", ["cut.zip", "cut.tar", "cut.tgz"])
def test_an_archive_that_was_cut_off_is_refused(bare, tmp_path, scratch, name):
    whole = pack(tmp_path / name, {"labels.csv": "path,label\n" + "circles/0.png,ring\n" * 500}).read_bytes()
    (tmp_path / name).write_bytes(whole[: len(whole) // 3])
    with pytest.raises(ImportProblem, match=f"{name} (is damaged|cannot be unpacked)"):
        bare.plan_import(tmp_path / name)
    assert list(scratch.iterdir()) == []


def test_a_link_in_a_tar_is_refused(bare, tmp_path):
    with tarfile.open(tmp_path / "links.tar", "w") as archive:
        entry = tarfile.TarInfo("labels.csv")
        entry.type, entry.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(entry)
    with pytest.raises(ImportProblem, match="a link, which no data set needs"):
        bare.plan_import(tmp_path / "links.tar")


def test_a_file_that_cannot_be_unpacked_is_listed(bare, tmp_path):
    with zipfile.ZipFile(tmp_path / "pets.zip", "w") as archive:
        archive.writestr("ring/circles/0.png", "")
        archive.writestr("dot/squares/0.png", "picture", compress_type=zipfile.ZIP_BZIP2)
    plan = bare.plan_import(tmp_path / "pets.zip")
    assert plan.matched["path"].tolist() == ["circles/0.png"]
    assert plan.unmatched[["where", "reason"]].values.tolist() == [
        ["dot/squares/0.png", "is compressed in a way that cannot be opened here"]
    ]


def test_a_file_with_an_ending_of_an_importer_is_not_unpacked(bare, tmp_path):
    pack(tmp_path / "pets.zip", FOLDERS).rename(tmp_path / "pets.csv")
    with pytest.raises(ImportProblem, match="It seems not to be a text at all"):
        bare.plan_import(tmp_path / "pets.csv")


def test_a_folder_of_pictures_is_not_entered(tmp_path):
    (tmp_path / "ring").mkdir()
    (tmp_path / "ring/1.png").touch()
    (tmp_path / ".hidden").touch()
    assert data_set_in(tmp_path) == tmp_path
