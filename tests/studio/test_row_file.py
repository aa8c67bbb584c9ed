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


def flip(file: Path, bit: int) -> None:
    data = bytearray(file.read_bytes())
    data[bit // 8] ^= 1 << bit % 8
    file.write_bytes(data)


@pytest.mark.parametrize(("name", "row_bits"), [("a.rows", 64), ("a.rows.crc32", 32)])
def test_s11_a_row_counts_unless_one_of_its_bits_is_flipped(tmp_path: Path, name: str, row_bits: int) -> None:
    RowFile(tmp_path / "a.rows", 2).append([[1, 2], [3, 4], [5, 6]])
    for bit in range(3 * row_bits):
        flip(tmp_path / name, bit)
        rows = RowFile(tmp_path / "a.rows", 2)
        assert rows.count == bit // row_bits
        assert rows.read().tolist() == [[1, 2], [3, 4], [5, 6]][: bit // row_bits]
        flip(tmp_path / name, bit)
    assert RowFile(tmp_path / "a.rows", 2).count == 3


def test_s11_rows_after_a_damaged_one_are_made_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    RowFile(tmp_path / "a.rows", 1).append([[1], [2], [3]])
    flip(tmp_path / "a.rows", 40)
    rows = RowFile(tmp_path / "a.rows", 1)
    assert (rows.count, rows.count) == (1, 1)
    assert [record.getMessage() for record in caplog.records] == [
        f"{tmp_path / 'a.rows'} is damaged at row 1; it is made again from there on."
    ]
    rows.append([[7]])
    np.testing.assert_array_equal(RowFile(tmp_path / "a.rows", 1).read(), [[1], [7]])


@pytest.mark.parametrize("length", range(13))
def test_s11_a_file_that_is_cut_off_has_fewer_rows(tmp_path: Path, length: int) -> None:
    for name in ("a.rows", "a.rows.crc32"):
        RowFile(tmp_path / "a.rows", 1).append([[1], [2], [3]])
        os.truncate(tmp_path / name, length)
        assert RowFile(tmp_path / "a.rows", 1).count == length // 4
        (tmp_path / "a.rows").unlink()


def test_s11_zeros_and_the_rows_of_another_file_do_not_count(tmp_path: Path) -> None:
    for name in ("a.rows", "b.rows"):
        RowFile(tmp_path / name, 1).append([[0], [2]])
    os.replace(tmp_path / "b.rows.crc32", tmp_path / "a.rows.crc32")
    assert RowFile(tmp_path / "a.rows", 1).count == 0
    (tmp_path / "c.rows").write_bytes(bytes(8))
    (tmp_path / "c.rows.crc32").write_bytes(bytes(8))
    assert RowFile(tmp_path / "c.rows", 1).count == 0


def test_s11_rows_from_before_there_were_checksums_get_them(tmp_path: Path) -> None:
    RowFile(tmp_path / "a.rows", 2).append([[1, 2], [3, 4]])
    before = (tmp_path / "a.rows.crc32").read_bytes()
    (tmp_path / "a.rows.crc32").unlink()
    np.testing.assert_array_equal(RowFile(tmp_path / "a.rows", 2).read(), [[1, 2], [3, 4]])
    assert (tmp_path / "a.rows.crc32").read_bytes() == before


def test_a_row_is_replaced(tmp_path: Path) -> None:
    rows = RowFile(tmp_path / "a.rows", 2)
    rows.append([[1, 2], [3, 4], [5, 6]])
    mark, first = rows.mark(3), rows.mark(1)
    rows.replace(1, [7, 8])
    np.testing.assert_array_equal(RowFile(tmp_path / "a.rows", 2).read(), [[1, 2], [7, 8], [5, 6]])
    assert rows.mark(3) != mark
    assert rows.mark(1) == first
    with pytest.raises(ValueError, match="has 3 rows; cannot replace row 3"):
        rows.replace(3, [7, 8])


def test_removed_with_its_checksums(tmp_path: Path) -> None:
    rows = RowFile(tmp_path / "a.rows", 2)
    rows.append([[1, 2]])
    rows.remove()
    rows.remove()
    assert not list(tmp_path.iterdir())
    assert rows.count == 0
