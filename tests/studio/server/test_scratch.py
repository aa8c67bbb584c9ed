from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from handlens.studio.server.scratch import Scratch


def age(folder: Path) -> None:
    os.utime(folder, (0, 0))


def test_its_folder_is_gone_after_the_end(tmp_path: Path) -> None:
    scratch = Scratch(tmp_path)
    assert scratch.new("upload") != scratch.new("upload")
    scratch.close()
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_is_swept_away(tmp_path: Path) -> None:
    code = (
        "import os, sys, pathlib; from handlens.studio.server.scratch import Scratch\n"
        f"s = Scratch(pathlib.Path({str(tmp_path)!r})); (s.new('upload') / 'half.part').write_bytes(b'x')\n"
        "os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -9
    (left,) = tmp_path.iterdir()
    age(left)
    scratch = Scratch(tmp_path)
    assert list(tmp_path.iterdir()) == [scratch.folder]
    scratch.close()


def test_what_a_living_process_uses_stays(tmp_path: Path) -> None:
    first = Scratch(tmp_path)
    kept = first.new("upload")
    age(first.folder)
    second = Scratch(tmp_path)
    assert kept.is_dir()
    first.close()
    second.close()


def test_a_folder_just_made_is_not_taken_for_a_left_one(tmp_path: Path) -> None:
    (tmp_path / "young").mkdir()
    Scratch(tmp_path).close()
    assert (tmp_path / "young").is_dir()
