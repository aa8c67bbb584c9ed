"""Checksums: every flipped bit is found, and what was written before there were any is read."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest

from handlens.io.checksums import (
    DamagedError,
    checksum,
    read_checked,
    read_npz,
    with_checksum,
    without_checksum,
    write_checked,
)

KNOWN = frozenset({"name", "seed"})


def test_the_checksum_is_crc_32() -> None:
    assert checksum(b"123456789") == 0xCBF43926
    assert checksum(b"9", of="12345678") == 0xCBF43926
    assert checksum(b"") == 0


def test_a_checked_file_holds_its_content_and_four_bytes(tmp_path: Path) -> None:
    write_checked(tmp_path / "a", b"123456789", of="")
    assert (tmp_path / "a").read_bytes() == b"123456789" + bytes([0x26, 0x39, 0xF4, 0xCB])
    assert read_checked(tmp_path / "a", of="") == b"123456789"
    with pytest.raises(DamagedError):
        read_checked(tmp_path / "a", of="another")
    with pytest.raises(FileNotFoundError):
        read_checked(tmp_path / "b", of="")


def test_each_bit_of_a_file_and_each_of_its_beginnings(tmp_path: Path) -> None:
    file = tmp_path / "a"
    write_checked(file, bytes(range(20)), of="a")
    whole = file.read_bytes()
    for bit in range(8 * len(whole)):
        flipped = bytearray(whole)
        flipped[bit // 8] ^= 1 << bit % 8
        file.write_bytes(flipped)
        with pytest.raises(DamagedError):
            read_checked(file, of="a")
    for length in range(len(whole)):
        file.write_bytes(whole[:length])
        with pytest.raises(DamagedError):
            read_checked(file, of="a")


def test_each_bit_of_json_is_found_or_changes_nothing() -> None:
    content = {"name": "cars é", "seed": 0}
    text = json.dumps(with_checksum(content), ensure_ascii=False).encode()
    found = 0
    for bit in range(8 * len(text)):
        flipped = bytearray(text)
        flipped[bit // 8] ^= 1 << bit % 8
        try:
            assert without_checksum(json.loads(flipped), known=KNOWN) == content
        except ValueError:  # not JSON, not UTF-8, or DamagedError
            found += 1
    assert found > 7 * len(text)


def test_json_may_be_spaced_and_ordered_otherwise() -> None:
    kept = with_checksum({"name": "cars", "seed": 0}, of="x")
    assert without_checksum(dict(reversed(kept.items())), known=KNOWN, of="x") == {"name": "cars", "seed": 0}
    with pytest.raises(DamagedError, match="not that of its content"):
        without_checksum(kept, known=KNOWN, of="y")
    with pytest.raises(DamagedError, match="“seed” is not known"):
        without_checksum(kept, known=frozenset({"name"}), of="x")


def test_numbers_as_keys_are_text_once_they_are_read() -> None:
    kept = with_checksum({"seed": {10: 1, 9: 2}})
    assert without_checksum(json.loads(json.dumps(kept)), known=KNOWN) == {"seed": {"10": 1, "9": 2}}


def test_json_from_before_there_were_checksums() -> None:
    assert without_checksum({"name": "cars"}, known=KNOWN) == {"name": "cars"}


def test_npz_files_have_checksums_of_their_own() -> None:
    file = io.BytesIO()
    np.savez(file, xy=np.array([[1.0, 2.0]]))
    data = file.getvalue()
    assert read_npz(data)["xy"].tolist() == [[1, 2]]
    at = data.index(np.array([2.0]).tobytes())
    for damaged in (data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :], data[:-30], b"", b"PK", np.zeros(3).tobytes()):
        with pytest.raises(DamagedError):
            read_npz(damaged)
