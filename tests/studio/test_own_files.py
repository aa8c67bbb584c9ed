"""What is taken for a part of a collection, also while another process works on it."""

from __future__ import annotations

import os
from contextlib import nullcontext
from pathlib import Path

import pytest

from handlens.errors import CollectionError
from handlens.studio.own_files import check_own_files


def test_a_file_that_another_process_removes_meanwhile_is_not_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "collection.sqlite").touch()
    for name in ("collection.sqlite-shm", "pipe"):
        os.mkfifo(tmp_path / name)  # of a file system that does not tell kinds, which are looked up one by one
    (tmp_path / "cache").mkdir()
    listed = {folder: list(os.scandir(folder)) for folder in (tmp_path, tmp_path / "cache")}
    monkeypatch.setattr(os, "scandir", lambda folder: nullcontext(listed[folder]))
    (tmp_path / "pipe").unlink()
    (tmp_path / "collection.sqlite-shm").unlink()
    check_own_files(tmp_path, tmp_path / "photos")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(CollectionError, match="pipe is a pipe or a device"):
        check_own_files(tmp_path, tmp_path / "photos")


def test_a_folder_that_another_process_removes_meanwhile_is_not_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cache").mkdir()
    real = os.scandir

    def removing(folder: Path) -> object:
        if folder.name == "cache":
            folder.rmdir()
        return real(folder)

    monkeypatch.setattr(os, "scandir", removing)
    check_own_files(tmp_path, tmp_path / "photos")
