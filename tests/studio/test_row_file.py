"""Rows on disk: what is appended is what is read, and a refused write leaves nothing behind."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pytest

from handlens.errors import StorageError
from handlens.studio.row_file import RowFile


def test_rows_come_back_in_order(tmp_path: Path) -> None:
    rows = RowFile(tmp_path / "a.rows", 2)
    assert rows.count == 0
    assert rows.read().shape == (0, 2)
    rows.append([[1, 2]])
    rows.append([[3, 4], [5, 6]])
    assert rows.count == 3
    np.testing.assert_array_equal(rows.read(), [[1, 2], [3, 4], [5, 6]])
    assert RowFile(tmp_path / "a.rows", 2).read().dtype == np.float32


def test_the_file_is_plain_little_endian_numbers(tmp_path: Path) -> None:
    RowFile(tmp_path / "a.rows", 2, np.float16).append([[1, -2]])
    assert (tmp_path / "a.rows").read_bytes() == bytes([0x00, 0x3C, 0x00, 0xC0])


def test_a_row_cut_off_by_a_crash_does_not_count_and_is_overwritten(tmp_path: Path) -> None:
    rows = RowFile(tmp_path / "a.rows", 2)
    rows.append([[1, 2]])
    with rows.path.open("ab") as file:
        file.write(b"\xff\xff\xff")
    assert rows.count == 1
    rows.append([[3, 4]])
    np.testing.assert_array_equal(rows.read(), [[1, 2], [3, 4]])


def test_truncate_keeps_the_first_rows(tmp_path: Path) -> None:
    rows = RowFile(tmp_path / "a.rows", 1)
    rows.truncate(0)
    rows.append([[1], [2], [3]])
    rows.truncate(2)
    np.testing.assert_array_equal(rows.read(), [[1], [2]])
    with pytest.raises(ValueError, match="has 2 rows; cannot keep the first 3"):
        rows.truncate(3)


@pytest.mark.parametrize("wrong", [[1.0, 2.0], [[1.0, 2.0, 3.0]], [[[1.0, 2.0]]]])
def test_rows_of_another_shape_are_refused(tmp_path: Path, wrong: list[object]) -> None:
    rows = RowFile(tmp_path / "a.rows", 2)
    with pytest.raises(ValueError, match=r"takes rows \[k, 2\]"):
        rows.append(wrong)  # type: ignore[arg-type]
    assert rows.count == 0


def test_a_full_disk_is_reported_and_leaves_no_part_of_the_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = RowFile(tmp_path / "a.rows", 2)
    rows.append([[1, 2]])
    real, calls = os.write, []

    def full(descriptor: int, data: bytes) -> int:
        calls.append(len(data))
        if len(calls) > 1:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(descriptor, bytes(data)[:12])  # one whole row and a half

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(StorageError, match="the disk is full"):
        rows.append([[3, 4], [5, 6]])
    monkeypatch.undo()
    assert calls == [16, 4]
    np.testing.assert_array_equal(rows.read(), [[1, 2]])


def test_a_missing_folder_is_a_storage_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="the disk refused"):
        RowFile(tmp_path / "no" / "a.rows", 2).append([[1, 2]])
