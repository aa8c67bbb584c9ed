"""What is taken for a part of a collection, also while another process works on it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from handlens.errors import CollectionError
from handlens.studio.own_files import check_own_files


def test_a_file_that_another_process_removes_meanwhile_is_not_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "collection.sqlite").touch()
    os.mkfifo(tmp_path / "pipe")
    listed = [(str(tmp_path), [], ["collection.sqlite-shm", "collection.sqlite"])]
    monkeypatch.setattr(os, "walk", lambda _: listed)
    check_own_files(tmp_path, tmp_path / "photos")
    listed[0][2].append("pipe")
    with pytest.raises(CollectionError, match="pipe is a pipe or a device"):
        check_own_files(tmp_path, tmp_path / "photos")
