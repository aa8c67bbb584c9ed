"""Archives from strangers: unpacked whole inside their folder, or refused before they fill the disk or the memory."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import shutil
import tarfile
import tracemalloc
from collections import namedtuple
from pathlib import Path

import pytest

from handlens.errors import DownloadError, StorageError
from handlens.io import archives
from handlens.io.archives import unpack_tar


def entry(name: str, content: bytes = b"", kind: bytes = tarfile.REGTYPE, **more: object) -> bytes:
    """One entry as it stands in an archive."""
    info = tarfile.TarInfo(name)
    info.size, info.type = len(content), kind
    for key, value in more.items():
        setattr(info, key, value)
    header = info.tobuf(tarfile.GNU_FORMAT)
    return header + content + bytes(-len(content) % 512)


END = bytes(1024)


def refused(archive: Path, match: str, *, target: str = "set") -> None:
    with pytest.raises(DownloadError, match=match):
        unpack_tar(archive, archive.parent / target)
    assert not (archive.parent / target).exists()
    assert [path.name for path in archive.parent.iterdir() if path != archive] == []


def test_s13_one_gigabyte_from_a_sparse_entry(tmp_path: Path) -> None:
    archive = tmp_path / "set.tar"
    # In the old GNU format a hole is described and its zeros are not there: 1 GB of 1,536 bytes.
    header = bytearray(entry("zeros", kind=tarfile.GNUTYPE_SPARSE))
    header[386:398] = b"00000000000\0"  # no data: at 0
    header[398:410] = b"00000000000\0"
    header[483:495] = b"%011o\0" % 10**9
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header[:512])
    archive.write_bytes(bytes(header) + END)
    with tarfile.open(archive) as tar:
        assert [member.size for member in tar] == [10**9]
    refused(archive, r"would unpack to 1,000 MB or more, which is over 100 times its own size, as no data set has")
    refused(archive, f"unpack it yourself to {tmp_path}/set; otherwise remove it")


def test_s13_a_pax_header_of_512_mb_is_not_read_into_memory(tmp_path: Path) -> None:
    archive = tmp_path / "set.tgz"
    with gzip.open(archive, "wb", compresslevel=1) as file:
        info = tarfile.TarInfo("pax")
        info.type, info.size = tarfile.XHDTYPE, 512 * 2**20
        file.write(info.tobuf(tarfile.USTAR_FORMAT))
        for _ in range(8):
            file.write(bytes(2**20))  # cut off: it is refused before its end is missed
    tracemalloc.start()
    try:
        refused(archive, "a header in it is longer than 1 MB")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 20e6


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK])
@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress, lzma.compress])
def test_s13_long_headers_of_every_kind(kind: bytes, pack: type[bytes], tmp_path: Path) -> None:
    archive = tmp_path / "set.tar"
    before = entry("a.txt", b"a")  # as the first entry, and as a later one
    for first in (b"", before):
        archive.write_bytes(pack(first + entry("x", bytes(2**20 + 512), kind) + entry("b", b"b") + END))
        refused(archive, "a header in it is longer than 1 MB|path of more than")


def test_s13_many_headers_before_one_entry(tmp_path: Path) -> None:
    archive = tmp_path / "set.tar"
    name = entry("x", b"n" * 300_000, tarfile.GNUTYPE_LONGNAME)
    archive.write_bytes(name * 4 + entry("a", b"a") + END)
    refused(archive, "a header in it is longer than 1 MB")


def test_s13_a_small_archive_of_zeros(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "SMALL", 10_000)
    archive = tmp_path / "set.tgz"
    archive.write_bytes(gzip.compress(entry("zeros", bytes(2**20)) + END))
    assert archive.stat().st_size * 100 < 2**20
    refused(archive, "would unpack to 1 MB or more, which is over 100 times")
    monkeypatch.setattr(archives, "SMALL", 2**20)
    unpack_tar(archive, tmp_path / "set")
    assert (tmp_path / "set" / "zeros").stat().st_size == 2**20


def test_s13_many_small_entries_add_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "SMALL", 10_000)
    archive = tmp_path / "set.tgz"
    archive.write_bytes(gzip.compress(b"".join(entry(f"{i}", bytes(9_000)) for i in range(200)) + END))
    refused(archive, "which is over 100 times")


def test_s13_a_size_that_no_disk_has(tmp_path: Path) -> None:
    archive = tmp_path / "set.tar"
    header = bytearray(entry("a"))
    header[124:136] = b"\x80" + (2**62).to_bytes(11, "big")
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header[:512])
    archive.write_bytes(bytes(header) + END)
    refused(archive, "would unpack to")


def test_s13_a_disk_without_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")(10**9, 0, archives.RESERVE + 99)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    archive = tmp_path / "set.tar"
    archive.write_bytes(entry("a", b"a" * 99) + END)
    unpack_tar(archive, tmp_path / "set")
    archive.write_bytes(entry("a", b"a" * 100) + END)
    with pytest.raises(StorageError, match=r"than the disk has room for: 268 MB are left"):
        unpack_tar(archive, tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_s13_many_entries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MOST_ENTRIES", 3)
    archive = tmp_path / "set.tar"
    archive.write_bytes(b"".join(entry(str(i)) for i in range(3)) + END)
    unpack_tar(archive, tmp_path / "three")
    assert len(list((tmp_path / "three").iterdir())) == 3
    shutil.rmtree(tmp_path / "three")
    archive.write_bytes(b"".join(entry(str(i)) for i in range(4)) + END)
    refused(archive, "holds more than 3 files")


def test_s13_zeros_after_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "_LONGEST_END", 2**20)
    archive = tmp_path / "set.tgz"
    archive.write_bytes(gzip.compress(entry("a", b"a") + bytes(2**22)))
    refused(archive, "longer than")


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (entry("a/" * 32 + "a"), "a path of more than 1024 bytes, 255 in a part, or 32 folders"),
        (entry("x", (b"n" * 100 + b"/") * 11 + b"a\0", tarfile.GNUTYPE_LONGNAME) + entry("a"), "of more than 1024"),
        (entry("x", b"n" * 300 + b"\0", tarfile.GNUTYPE_LONGNAME) + entry("a"), "255 in a part"),
        (entry("a", b"1") + entry("a/b", b"2"), "both that of a file and of a folder"),
        (entry("a/b", b"1") + entry("a", b"2"), "both that of a file and of a folder"),
        (entry("a", kind=tarfile.SYMTYPE, linkname="/etc/passwd"), "a link, which no data set needs"),
        (entry("a", kind=tarfile.LNKTYPE, linkname="b"), "a link, which no data set needs"),
        (entry("a", kind=tarfile.CHRTYPE), "a device or special file"),
        (entry("a", kind=tarfile.FIFOTYPE), "a device or special file"),
        (entry("../a"), "a path outside its folder"),
        (entry("/a"), "a path outside its folder"),
        (entry("b\\..\\..\\a"), "a path outside its folder"),
        (entry(".", b"1"), "both that of a file and of a folder"),
    ],
    ids=range(13),
)  # fmt: skip
def test_s13_names_and_kinds(content: bytes, match: str, tmp_path: Path) -> None:
    archive = tmp_path / "set.tar"
    archive.write_bytes(entry("first", b"1") + content + END)
    refused(archive, match)


def test_s13_of_two_entries_of_one_name_the_last_counts_as_in_tar(tmp_path: Path) -> None:
    archive = tmp_path / "set.tar"
    archive.write_bytes(entry("a", b"1") + entry("b", b"2") + entry("a", b"3") + END)
    unpack_tar(archive, tmp_path / "set")
    assert {path.name: path.read_bytes() for path in (tmp_path / "set").iterdir()} == {"a": b"3", "b": b"2"}


@pytest.mark.parametrize("format", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_what_is_right_is_unpacked(format: int, mode: str, tmp_path: Path) -> None:
    files = {"pets/one.txt": b"1" * 700_000, "pets/" + "long " * 30 + ".txt": b"2", "pets/räksmörgås/x": b""}
    if format == tarfile.USTAR_FORMAT:
        files = {name: content for name, content in files.items() if len(name) < 100}
    archive = tmp_path / "set.tar"
    with tarfile.open(archive, mode, format=format) as tar:  # type: ignore[call-overload]
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    unpack_tar(archive, tmp_path / "set")
    found = {
        f"pets/{p.relative_to(tmp_path / 'set').as_posix()}": p for p in (tmp_path / "set").rglob("*") if p.is_file()
    }
    assert {name: path.read_bytes() for name, path in found.items()} == files


def test_an_archive_of_a_persons_own_stays_where_it_is(tmp_path: Path) -> None:
    archive = tmp_path / "own.tgz"
    archive.write_bytes(gzip.compress(entry("pets/a.txt", b"1") + END))
    unpack_tar(archive, tmp_path / "set", as_is=True)
    assert (tmp_path / "set" / "pets" / "a.txt").read_bytes() == b"1"  # by the very path that the archive has
    archive.write_bytes(archive.read_bytes()[:20])
    with pytest.raises(DownloadError, match=r"own\.tgz is damaged \(.*\)\.$"):
        unpack_tar(archive, tmp_path / "other", as_is=True)
    assert archive.exists()
    with pytest.raises(DownloadError, match="was removed"):
        unpack_tar(archive, tmp_path / "other")
    assert not archive.exists()
