from __future__ import annotations

import os
import shutil
import stat
import struct
import zipfile
import zlib
from collections import namedtuple
from errno import ENOSPC
from pathlib import Path
from typing import Any

import pytest

from handlens.errors import StorageError, UploadError
from handlens.io import zips
from handlens.io.zips import TooLarge, ZipLimits, unpack


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    inside = tmp_path / "outer" / "inside"
    inside.mkdir(parents=True)
    return inside


def make(path: Path, files: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in files.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = compression
            info.filename = name  # as it is, also where ZipInfo would correct it
            archive.writestr(info, data)
    return path


def everything_below(folder: Path) -> set[str]:
    return {file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()}


def test_files_come_out_where_the_zip_says(tmp_path: Path, folder: Path) -> None:
    files = {"a.jpg": b"one", "deep/er/b.jpg": b"two", "写真/日本.jpg": b"three", "leer/": b""}
    result = unpack(make(tmp_path / "z.zip", files, zipfile.ZIP_DEFLATED), folder)
    assert (result.count, result.left_out) == (3, [])
    assert everything_below(folder) == {"a.jpg", "deep/er/b.jpg", "写真/日本.jpg"}
    assert (folder / "写真/日本.jpg").read_bytes() == b"three"


def test_what_systems_add_for_themselves_is_ignored(tmp_path: Path, folder: Path) -> None:
    files = {"a.jpg": b"1", "__MACOSX/._a.jpg": b"2", ".DS_Store": b"3", "b/.hidden/c.jpg": b"4"}
    result = unpack(make(tmp_path / "z.zip", files), folder)
    assert (result.count, result.left_out) == (1, [])
    assert everything_below(folder) == {"a.jpg"}


@pytest.mark.parametrize(
    "name", ["../out.jpg", "a/../../out.jpg", "/tmp/out.jpg", "C:\\out.jpg", "a\\..\\..\\out.jpg", "..\\out.jpg"]
)
def test_a_name_that_leads_out_refuses_the_whole_zip(tmp_path: Path, folder: Path, name: str) -> None:
    archive = make(tmp_path / "z.zip", {"good.jpg": b"1", name: b"2"})
    before = everything_below(tmp_path)
    with pytest.raises(UploadError, match=r"relative|inside"):
        unpack(archive, folder)
    assert everything_below(tmp_path) == before


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
def test_links_and_special_files_refuse_the_zip(tmp_path: Path, folder: Path, kind: int) -> None:
    with zipfile.ZipFile(tmp_path / "z.zip", "w") as archive:
        archive.writestr("good.jpg", b"1")
        info = zipfile.ZipInfo("link.jpg")
        info.external_attr = (kind | 0o777) << 16
        archive.writestr(info, "/etc/passwd")
    with pytest.raises(UploadError, match="link"):
        unpack(tmp_path / "z.zip", folder)
    assert list(folder.iterdir()) == []


def test_an_encrypted_zip_is_refused(tmp_path: Path, folder: Path) -> None:
    data = bytearray(make(tmp_path / "z.zip", {"a.jpg": b"1"}).read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(signature) + offset] |= 1
    (tmp_path / "z.zip").write_bytes(data)
    with pytest.raises(UploadError, match="encrypted"):
        unpack(tmp_path / "z.zip", folder)


def test_a_zip_that_declares_too_much_is_refused_before_writing(tmp_path: Path, folder: Path) -> None:
    archive = make(tmp_path / "z.zip", {"a.bmp": bytes(50_000), "b.bmp": bytes(50_000)}, zipfile.ZIP_DEFLATED)
    with pytest.raises(TooLarge, match="at most"):
        unpack(archive, folder, limits=ZipLimits(total=99_999))
    with pytest.raises(TooLarge, match="times its size"):
        unpack(archive, folder, limits=ZipLimits(ratio=100, small=99_999))
    with pytest.raises(TooLarge, match="at most 1 files"):
        unpack(archive, folder, limits=ZipLimits(count=1))
    assert list(folder.iterdir()) == []
    assert unpack(archive, folder, limits=ZipLimits(total=100_000, ratio=100, small=100_000, count=2)).count == 2


def test_a_zip_that_declares_too_little_gives_no_more_than_that(tmp_path: Path, folder: Path) -> None:
    data = bytearray(
        make(tmp_path / "z.zip", {"a.bmp": bytes(10**6), "b.jpg": b"1"}, zipfile.ZIP_DEFLATED).read_bytes()
    )
    for signature, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        struct.pack_into("<L", data, data.index(signature) + offset, 100)
    (tmp_path / "z.zip").write_bytes(data)
    result = unpack(tmp_path / "z.zip", folder)
    assert result.count == 1
    assert [path for path, _ in result.left_out] == ["a.bmp"]
    assert everything_below(folder) == {"b.jpg"}


def test_entries_that_share_their_bytes_are_refused(tmp_path: Path, folder: Path) -> None:
    data = make(tmp_path / "z.zip", {"a.bmp": bytes(9000), "b.bmp": bytes(9000)}).read_bytes()
    twice = bytearray(data)
    second = twice.rindex(b"PK\x01\x02")
    struct.pack_into("<L", twice, second + 42, 0)  # b's bytes are said to be a's
    (tmp_path / "z.zip").write_bytes(twice)
    with pytest.raises(UploadError, match="overlap"):
        unpack(tmp_path / "z.zip", folder)


def test_a_table_of_contents_too_long_to_read_is_refused_unread(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = bytearray(make(tmp_path / "z.zip", {"a.jpg": b"1"}).read_bytes())
    struct.pack_into("<HH", data, data.index(b"PK\x05\x06") + 8, 60_000, 60_000)
    (tmp_path / "z.zip").write_bytes(data)
    monkeypatch.setattr(zips.zipfile, "ZipFile", None)
    with pytest.raises(TooLarge, match="60,000"):
        unpack(tmp_path / "z.zip", folder, limits=ZipLimits(count=1000))


def test_a_long_table_of_contents_in_a_large_zip_is_seen_too(tmp_path: Path, folder: Path) -> None:
    end = struct.pack("<4sQHHLLQQQQ", b"PK\x06\x06", 44, 45, 45, 0, 0, 10**7, 10**7, 46 * 10**7, 0)
    where = struct.pack("<4sLQL", b"PK\x06\x07", 0, 0, 1)
    old = struct.pack("<4sHHHHLLH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 2**32 - 1, 2**32 - 1, 0)
    (tmp_path / "z.zip").write_bytes(end + where + old)
    with pytest.raises(TooLarge, match="10,000,000"):
        unpack(tmp_path / "z.zip", folder)


@pytest.mark.parametrize(
    "data", [b"", b"PK", b"no zip at all" * 100, b"PK\x05\x06" + bytes(10), b"PK\x05\x06" + b"\xff" * 18]
)
def test_what_is_no_zip_is_refused(tmp_path: Path, folder: Path, data: bytes) -> None:
    (tmp_path / "z.zip").write_bytes(data)
    with pytest.raises(UploadError):
        unpack(tmp_path / "z.zip", folder)


def test_a_zip_cut_off_on_its_way_is_refused(tmp_path: Path, folder: Path) -> None:
    data = make(tmp_path / "z.zip", {"a.jpg": bytes(1000)}).read_bytes()
    (tmp_path / "z.zip").write_bytes(data[:-30])
    with pytest.raises(UploadError, match="cut off"):
        unpack(tmp_path / "z.zip", folder)


def test_a_damaged_entry_is_left_out_and_the_rest_kept(tmp_path: Path, folder: Path) -> None:
    data = bytearray(make(tmp_path / "z.zip", {"a.jpg": b"A" * 100, "b.jpg": b"B" * 100}).read_bytes())
    data[data.index(b"A" * 100) + 5] ^= 1
    (tmp_path / "z.zip").write_bytes(data)
    result = unpack(tmp_path / "z.zip", folder)
    assert result.count == 1
    assert result.left_out[0][0] == "a.jpg"
    assert "damaged" in result.left_out[0][1]
    assert everything_below(folder) == {"b.jpg"}


def test_doubles_and_unusual_compression_are_left_out(tmp_path: Path, folder: Path) -> None:
    (folder / "kept.jpg").write_bytes(b"was here")
    make(tmp_path / "z.zip", {"kept.jpg": b"1", "a": b"2", "a/b.jpg": b"3", "c.jpg": b"4"})
    with zipfile.ZipFile(tmp_path / "z.zip", "a") as archive:
        archive.writestr("C.jpg", b"5")
        archive.writestr("d.jpg", b"6", zipfile.ZIP_LZMA)
    data = (tmp_path / "z.zip").read_bytes()
    (tmp_path / "z.zip").write_bytes(data.replace(b"C.jpg", b"c.jpg"))
    result = unpack(tmp_path / "z.zip", folder)
    assert result.count == 2
    assert [path for path, _ in result.left_out] == ["kept.jpg", "a/b.jpg", "c.jpg", "d.jpg"]
    assert (folder / "kept.jpg").read_bytes() == b"was here"
    assert (folder / "c.jpg").read_bytes() == b"4"


def test_names_without_the_unicode_flag_are_read_rightly(tmp_path: Path, folder: Path) -> None:
    data = make(tmp_path / "z.zip", {"ab.jpg": b"1"}).read_bytes()
    (tmp_path / "z.zip").write_bytes(data.replace(b"ab.jpg", "é.jpg".encode()))
    assert unpack(tmp_path / "z.zip", folder).count == 1
    assert everything_below(folder) == {"é.jpg"}


def test_the_unicode_name_beside_an_old_one_is_used(tmp_path: Path, folder: Path) -> None:
    with zipfile.ZipFile(tmp_path / "z.zip", "w") as archive:
        info = zipfile.ZipInfo("x.jpg")
        name = "犬.jpg".encode()
        info.extra = struct.pack("<HHBL", 0x7075, 5 + len(name), 1, zlib.crc32(b"x.jpg")) + name
        archive.writestr(info, b"1")
    unpack(tmp_path / "z.zip", folder)
    assert everything_below(folder) == {"犬.jpg"}


def test_no_room_is_said_before_writing(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**9, 10**9 - 10**6, 10**6))
    with pytest.raises(StorageError, match="room"):
        unpack(make(tmp_path / "z.zip", {"a.jpg": b"1"}), folder)
    assert list(folder.iterdir()) == []


def test_a_disk_that_fills_up_keeps_nothing_of_the_zip(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "before.jpg").write_bytes(b"0")
    archive = make(tmp_path / "z.zip", {"a.jpg": b"1", "b.jpg": b"2"})
    copy = zips._copy

    def full(opened: zipfile.ZipFile, info: zipfile.ZipInfo, *others: Any) -> int:
        if info.filename == "b.jpg":
            raise OSError(ENOSPC, os.strerror(ENOSPC))
        return copy(opened, info, *others)

    monkeypatch.setattr(zips, "_copy", full)
    with pytest.raises(StorageError, match="disk is full"):
        unpack(archive, folder)
    assert everything_below(folder) == {"before.jpg"}


@pytest.mark.parametrize("where", [2**63, 2**64 - 1, 2**62, 10**6, 1])
def test_s9_a_zip64_locator_that_points_beyond_the_end(tmp_path: Path, folder: Path, where: int) -> None:
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, where, 1)
    old = struct.pack("<4sHHHHLLH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 2**32 - 1, 2**32 - 1, 0)
    (tmp_path / "z.zip").write_bytes(bytes(100) + locator + old)
    with pytest.raises(UploadError, match="table of contents is damaged"):
        unpack(tmp_path / "z.zip", folder)


@pytest.mark.parametrize("value", [0, 1, 2**31, 2**62, 2**63, 2**64 - 1])
@pytest.mark.parametrize("place", range(6))
def test_s9_any_number_in_the_records_of_zip64(tmp_path: Path, folder: Path, place: int, value: int) -> None:
    data = make(tmp_path / "z.zip", {"a.jpg": b"1"}).read_bytes()
    start = data.index(b"PK\x01\x02")
    end = data.index(b"PK\x05\x06")
    numbers = [44, 1, 1, end - start, start, end]  # its length, files here, files, bytes of the table, its place, where
    numbers[place] = value
    record = struct.pack("<4sQHHLLQQQQ", b"PK\x06\x06", numbers[0], 45, 45, 0, 0, *numbers[1:5])
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, numbers[5], 1)
    old = struct.pack("<4sHHHHLLH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 2**32 - 1, 2**32 - 1, 0)
    (tmp_path / "z.zip").write_bytes(data[:end] + record + locator + old)
    try:
        result = unpack(tmp_path / "z.zip", folder)
    except UploadError:
        assert everything_below(folder) == set()
    else:
        assert result.count == len(everything_below(folder))


@pytest.mark.parametrize("value", [2**31, 2**63, 2**64 - 1])
@pytest.mark.parametrize("place", range(3))
def test_s9_any_number_in_the_extra_field_of_an_entry(tmp_path: Path, folder: Path, place: int, value: int) -> None:
    with zipfile.ZipFile(tmp_path / "z.zip", "w") as archive:
        archive.writestr("a.jpg", b"1")
        info = zipfile.ZipInfo("b.jpg")
        info.extra = struct.pack("<HHQQQ", 0x7777, 24, *(value if i == place else 1 for i in range(3)))
        archive.writestr(info, b"2")
    data = bytearray((tmp_path / "z.zip").read_bytes())
    at = data.rindex(b"PK\x01\x02")
    data[at + 20 : at + 28] = b"\xff" * 8  # sizes
    data[at + 42 : at + 46] = b"\xff" * 4  # the place of the entry
    data[at + 46 + 5 : at + 46 + 7] = struct.pack("<H", 1)  # the extra field is that of Zip64
    (tmp_path / "z.zip").write_bytes(data)
    with pytest.raises(UploadError):
        unpack(tmp_path / "z.zip", folder)
    assert everything_below(folder) == set()


def test_s9_a_local_name_that_is_not_utf_8_leaves_out_that_entry(tmp_path: Path, folder: Path) -> None:
    data = make(tmp_path / "z.zip", {"å.jpg": b"1", "b.jpg": b"2"}).read_bytes()
    name = "å.jpg".encode()
    at = data.index(name)  # that of the entry comes before that of the table of contents
    (tmp_path / "z.zip").write_bytes(data[:at] + b"\xff\xfe" + data[at + 2 :])
    result = unpack(tmp_path / "z.zip", folder)
    assert result.count == 1
    assert [path for path, _ in result.left_out] == ["å.jpg"]
    assert "damaged inside the zip" in result.left_out[0][1]
    assert everything_below(folder) == {"b.jpg"}


def test_s9_a_listed_name_that_is_not_utf_8_keeps_the_other_photos(tmp_path: Path, folder: Path) -> None:
    data = make(tmp_path / "z.zip", {"å.jpg": b"1", "b.jpg": b"2"}).read_bytes()
    (tmp_path / "z.zip").write_bytes(data.replace("å.jpg".encode(), b"\xff\xfe.jpg"))
    before = (tmp_path / "z.zip").read_bytes()
    result = unpack(tmp_path / "z.zip", folder)
    assert (tmp_path / "z.zip").read_bytes() == before  # it may be a person's own
    # Some versions of Python take the name as another encoding, others do not.
    assert result.count + len(result.left_out) == 2
    assert (folder / "b.jpg").read_bytes() == b"2"


def test_s13_a_limit_says_what_to_do_otherwise(tmp_path: Path, folder: Path) -> None:
    archive = make(tmp_path / "z.zip", {"a.jpg": bytes(10_000), "b.jpg": b"1"}, zipfile.ZIP_DEFLATED)
    otherwise = "Unpack it yourself and give the folder, which has no such limit"
    for limits, what in (
        (ZipLimits(count=1), "at most 1 files"),
        (ZipLimits(total=5000), "at most 0 MB"),
        (ZipLimits(ratio=2, small=10), "at most 2 times its size"),
    ):
        with pytest.raises(TooLarge, match=f"{what}.*{otherwise}"):
            unpack(archive, folder, limits=limits)
    assert everything_below(folder) == set()
