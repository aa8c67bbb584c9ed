from __future__ import annotations

import errno
import sqlite3
from pathlib import Path

import pytest

from handlens.errors import StorageError
from handlens.io.home import home_folder
from handlens.io.problems import is_disk_full, reason_of, reporting_disk_errors, storage_error


def on_windows(code: int, text: str) -> OSError:
    error = OSError(errno.EACCES, text)
    error.winerror = code  # type: ignore[attr-defined]  # which only Windows sets by itself
    return error


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "the disk is full"),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), "the disk is full"),
        (on_windows(112, "There is not enough space on the disk"), "the disk is full"),
        (on_windows(32, "The process cannot access the file"), "another program has it open"),
        (PermissionError(errno.EACCES, "Permission denied", "a.csv"), "Permission denied"),
        (OSError("what arrived is not a table."), "what arrived is not a table"),
        (TimeoutError(), "TimeoutError"),
    ],
)
def test_what_the_system_refused_in_words(error: OSError, words: str) -> None:
    assert reason_of(error) == words


def test_a_full_disk_as_sqlite_says_it(tmp_path: Path) -> None:
    db = sqlite3.connect(tmp_path / "a.sqlite")
    db.execute("PRAGMA max_page_count = 2")
    db.execute("CREATE TABLE t (x)")
    with pytest.raises(sqlite3.OperationalError) as caught:
        db.execute("INSERT INTO t VALUES (zeroblob(100000))")
    db.close()
    assert is_disk_full(caught.value)
    assert reason_of(caught.value) == "the disk is full"
    assert not is_disk_full(sqlite3.OperationalError("no such table"))


def test_a_storage_error_says_what_why_and_what_to_do() -> None:
    with pytest.raises(StorageError) as caught, reporting_disk_errors("the model", "Choose another folder."):
        raise PermissionError(errno.EACCES, "Permission denied")
    assert str(caught.value) == "the model could not be written: Permission denied. Choose another folder."
    assert str(storage_error("x", OSError(errno.ENOSPC, ""))).endswith(
        ": the disk is full. Make room or check the disk."
    )


def test_other_errors_pass() -> None:
    with pytest.raises(KeyError), reporting_disk_errors("the model"):
        raise KeyError


def test_home_is_named_by_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HANDLENS_HOME", str(tmp_path))
    assert home_folder() == tmp_path
    monkeypatch.setenv("HANDLENS_HOME", "~/lens")
    assert home_folder() == Path.home() / "lens"
    monkeypatch.delenv("HANDLENS_HOME")
    assert home_folder().name == "handlens"
