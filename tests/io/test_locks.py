from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from handlens.errors import CollectionError, StorageError
from handlens.io.locks import process_lock

BUSY = CollectionError("another process prepares it. Wait for it.")
HOLD = """
import sys, time
from pathlib import Path
from handlens.io.locks import process_lock
with process_lock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


def test_another_process_is_told_at_once_and_a_killed_one_lets_go(tmp_path: Path) -> None:
    file = tmp_path / "new" / "work.lock"
    with subprocess.Popen([sys.executable, "-c", HOLD, str(file)], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(CollectionError, match="another process prepares it"), process_lock(file, busy=BUSY):
            pass
        other.kill()
    with process_lock(file, busy=BUSY):
        pass


def test_without_an_error_to_raise_it_waits(tmp_path: Path) -> None:
    file, steps = tmp_path / "work.lock", []

    def work() -> None:
        with process_lock(file):
            steps.append("second")

    with process_lock(file):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join(0.2)
        steps.append("first")
    thread.join()
    assert steps == ["first", "second"]


def test_it_is_let_go_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(KeyError), process_lock(tmp_path / "work.lock"):
        raise KeyError
    with process_lock(tmp_path / "work.lock", busy=BUSY):
        pass


def test_what_the_file_holds_does_not_matter(tmp_path: Path) -> None:
    (tmp_path / "work.lock").write_bytes(b"SQLite format 3\0 or anything else")
    second = process_lock(tmp_path / "work.lock", busy=BUSY)
    with process_lock(tmp_path / "work.lock", busy=BUSY), pytest.raises(CollectionError), second:
        pass


def test_a_folder_in_its_place(tmp_path: Path) -> None:
    (tmp_path / "work.lock").mkdir()
    with pytest.raises(StorageError, match=r"work\.lock could not be written"), process_lock(tmp_path / "work.lock"):
        pass
