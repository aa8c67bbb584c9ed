from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from handlens.studio.server.temporary_folders import TemporaryFolders


def age(folder: Path) -> None:
    os.utime(folder, (0, 0))


def test_its_folder_is_gone_after_the_end(tmp_path: Path) -> None:
    temporary = TemporaryFolders(tmp_path)
    assert temporary.new("upload") != temporary.new("upload")
    temporary.close()
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_is_swept_away(tmp_path: Path) -> None:
    code = (
        "import os, sys, pathlib; from handlens.studio.server.temporary_folders import TemporaryFolders\n"
        f"s = TemporaryFolders(pathlib.Path({str(tmp_path)!r})); (s.new('upload') / 'half.part').write_bytes(b'x')\n"
        "os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -9
    (left,) = tmp_path.iterdir()
    age(left)
    temporary = TemporaryFolders(tmp_path)
    assert list(tmp_path.iterdir()) == [temporary.folder]
    temporary.close()


def test_what_a_living_process_uses_stays(tmp_path: Path) -> None:
    first = TemporaryFolders(tmp_path)
    kept = first.new("upload")
    age(first.folder)
    second = TemporaryFolders(tmp_path)
    assert kept.is_dir()
    first.close()
    second.close()


def test_a_folder_just_made_is_not_taken_for_a_left_one(tmp_path: Path) -> None:
    (tmp_path / "young").mkdir()
    TemporaryFolders(tmp_path).close()
    assert (tmp_path / "young").is_dir()
