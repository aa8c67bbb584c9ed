"""Pieces of bytes in one file: what is appended is what is read, and what is damaged is known."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from handlens.errors import StorageError
from handlens.studio.blob_file import BlobFile

PIECES = [b"one", b"", b"three", b"\x00" * 9]


@pytest.fixture
def made(tmp_path: Path) -> Path:
    BlobFile(tmp_path / "a.pack").append(PIECES)
    return tmp_path / "a.pack"


def test_pieces_come_back(made: Path) -> None:
    pieces = BlobFile(made)
    assert made.read_bytes() == b"".join(PIECES)
    assert pieces.count == 4
    assert pieces.read([3, 0, 1, 0]) == [PIECES[3], b"one", b"", b"one"]
    assert pieces.read(np.empty(0, np.int64)) == []
    pieces.append([])
    pieces.append([b"five"])
    assert BlobFile(made).read([4, 2]) == [b"five", b"three"]


def test_a_piece_is_replaced_and_the_others_stay(made: Path) -> None:
    pieces = BlobFile(made)
    before = pieces.mark(4)
    pieces.replace(0, b"another one")
    assert BlobFile(made).read(range(4)) == [b"another one", *PIECES[1:]]
    assert pieces.mark(4) != before
    pieces.append([b"last"])
    assert BlobFile(made).read([0, 4]) == [b"another one", b"last"]


def test_truncate_keeps_the_first_pieces(made: Path) -> None:
    pieces = BlobFile(made)
    pieces.truncate(3)
    assert made.read_bytes() == b"onethree"
    pieces.append([b"four"])
    assert pieces.read(range(4)) == [b"one", b"", b"three", b"four"]
    with pytest.raises(ValueError, match="has 4 rows; cannot keep the first 5"):
        pieces.truncate(5)


@pytest.mark.parametrize("length", range(18))
def test_s10_a_file_that_is_cut_off_has_fewer_pieces(made: Path, length: int) -> None:
    """The end of each piece by hand: 3, 3, 8 and 17."""
    os.truncate(made, length)
    pieces = BlobFile(made)
    assert pieces.count == sum(end <= length for end in (3, 3, 8, 17))
    pieces.append([b"new"])
    again = BlobFile(made)
    assert again.read(range(again.count)) == [*PIECES[: again.count - 1], b"new"]


def test_s10_killed_after_the_bytes_and_before_their_row(made: Path) -> None:
    with made.open("ab") as file:
        file.write(b"half of a pie")
    pieces = BlobFile(made)
    assert pieces.count == 4
    pieces.append([b"five"])
    assert BlobFile(made).read(range(5)) == [*PIECES, b"five"]


def test_s11_each_bit_that_is_flipped_is_found(made: Path) -> None:
    for bit in range(8 * 17):
        data = bytearray(made.read_bytes())
        data[bit // 8] ^= 1 << bit % 8
        made.write_bytes(data)
        damaged = 0 if bit // 8 < 3 else 2 if bit // 8 < 8 else 3
        assert BlobFile(made).read(range(4)) == [None if i == damaged else p for i, p in enumerate(PIECES)]
        data[bit // 8] ^= 1 << bit % 8
        made.write_bytes(data)


def test_without_the_file_no_piece_is_there(made: Path) -> None:
    pieces = BlobFile(made)
    assert pieces.count == 4
    made.unlink()
    assert pieces.read([0, 1]) == [None, None]
    assert BlobFile(made).count == 0


def test_a_missing_folder_is_a_storage_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="the disk refused"):
        BlobFile(tmp_path / "no" / "a.pack").append([b"one"])
