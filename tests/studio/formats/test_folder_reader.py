"""Folders by label, and the lists that Studio writes beside them."""

from __future__ import annotations

import os

import pytest

from handlens.errors import ImportProblem
from handlens.studio.formats.matching import PhotoNames
from handlens.studio.formats.readers.folders import FoldersImporter


@pytest.fixture
def make(tmp_path):
    def make(*files, **texts):
        for file in files:
            path = tmp_path / "sorted" / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        for name, text in texts.items():
            (tmp_path / "sorted" / f"{name.replace('_', ' ')}.csv").write_bytes(text.encode())
        return tmp_path / "sorted"

    return make


def rows(found):
    return found.labels[["photo", "label", "where"]].values.tolist()


def test_each_folder_at_the_top_is_a_label(make):
    folder = make("cat/1.jpg", "cat/x/2.jpg", "dog/3.jpg")
    found = FoldersImporter().read(folder, PhotoNames(["1.jpg", "x/2.jpg", "3.jpg"]))
    assert rows(found) == [
        ["1.jpg", "cat", "cat/1.jpg"],
        ["x/2.jpg", "cat", "cat/x/2.jpg"],
        ["3.jpg", "dog", "dog/3.jpg"],
    ]
    assert found.choices == {"photo_names": ["below the folder of the label", "with the folder of the label"]}


def test_photos_that_lie_in_such_folders_themselves(make):
    folder = make("cat/1.jpg", "dog/1.jpg")
    photos = PhotoNames(["cat/1.jpg", "dog/1.jpg"])
    assert rows(FoldersImporter().read(folder, photos)) == [
        ["cat/1.jpg", "cat", "cat/1.jpg"],
        ["dog/1.jpg", "dog", "dog/1.jpg"],
    ]
    chosen = FoldersImporter().read(folder, photos, photo_names="below the folder of the label")
    assert chosen.labels["photo"].tolist() == ["1.jpg", "1.jpg"]


def test_hidden_files_are_left_out_and_photos_in_no_folder_are_listed(make):
    folder = make("cat/1.jpg", "cat/.hidden.jpg", ".git/2.jpg", "3.jpg", "notes.txt")
    found = FoldersImporter().read(folder, PhotoNames(["1.jpg"]))
    assert rows(found) == [["1.jpg", "cat", "cat/1.jpg"]]
    assert found.problems.values.tolist() == [["3.jpg", "is in no folder, so it has no label"]]


def test_what_studio_renamed_and_left_out_comes_back_as_it_was(make):
    folder = make(
        "left_right/1.png",
        "cat/2.png",
        renamed="path,label,name\r\n1.png,left/right,left_right/1.png\r\n",
        left_out="path,label,reason\r\n x/3.png,'=cat,the file is gone\r\n",
    )
    found = FoldersImporter().read(folder, PhotoNames(["1.png", "2.png", " x/3.png"]))
    assert rows(found) == [
        ["2.png", "cat", "cat/2.png"],
        ["1.png", "left/right", "renamed.csv: 1.png"],
        [" x/3.png", "=cat", "left out.csv:  x/3.png"],
    ]


@pytest.mark.parametrize("text", ["path,label\r\na,b\r\n", "path,label,name\r\na\r\n", "", '"'])
def test_a_list_that_studio_did_not_write_is_a_problem_of_its_own(make, text):
    found = FoldersImporter().read(make("cat/1.jpg", renamed=text), PhotoNames(["1.jpg"]))
    assert rows(found) == [["1.jpg", "cat", "cat/1.jpg"]]
    assert found.problems["where"].tolist() == ["renamed.csv"]


def test_which_folders_are_recognised(make, tmp_path):
    assert FoldersImporter().recognises(make("cat/1.JPG"))
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "1.jpg").touch()
    assert not FoldersImporter().recognises(tmp_path / "other")
    assert not FoldersImporter().recognises(tmp_path / "gone")
    with pytest.raises(ImportProblem, match="must hold folders by label with photos in them"):
        FoldersImporter().read(tmp_path / "other", PhotoNames(["1.jpg"]))
    with pytest.raises(ImportProblem, match=r"gone cannot be read: No such file"):
        FoldersImporter().read(tmp_path / "gone", PhotoNames(["1.jpg"]))


def test_a_folder_of_too_many_files_is_refused(make, monkeypatch):
    monkeypatch.setattr("handlens.studio.formats.readers.folders.MOST_FILES", 1)
    with pytest.raises(ImportProblem, match="must hold at most 1 files"):
        FoldersImporter().read(make("cat/1.jpg", "cat/2.jpg"), PhotoNames(["1.jpg"]))


def test_links_to_folders_are_not_followed(make, tmp_path):
    folder = make("cat/1.jpg")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "2.jpg").touch()
    os.symlink(tmp_path / "outside", folder / "dog", target_is_directory=True)
    assert rows(FoldersImporter().read(folder, PhotoNames(["1.jpg", "2.jpg"]))) == [["1.jpg", "cat", "cat/1.jpg"]]
