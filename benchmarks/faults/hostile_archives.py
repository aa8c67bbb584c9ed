"""Archives that were made to do harm, each from a seed and a number: names and links that lead out, lies, bombs."""

from __future__ import annotations

import gzip
import io
import stat
import struct
import tarfile
import warnings
import zipfile
from collections.abc import Callable

import numpy as np

_NAMES = (
    "../escaped.txt",
    "../../escaped.txt",
    "photos/../../escaped.txt",
    "..",
    ".",
    "/",
    "./",
    "",
    "..\\escaped.txt",
    "photos\\..\\..\\escaped.txt",
    "C:\\escaped.txt",
    "C:escaped.txt",
    "\\\\server\\share\\escaped.txt",
    "keep.txt/more.txt",
    "a" * 300 + ".png",
    "/".join("d" * 200 for _ in range(30)) + "/deep.png",
    "/".join("d" for _ in range(3000)),
    "new\nline.png",
    "nul\0byte.png",
    "aux.jpg",
    "photos/.hidden.png",
    "\udce9t\udce9.png",
    "\u202egnp.exe",
    " ",
    "photo .png ",
    "photos/1.png",
    "photos",
    "PHOTOS/1.PNG",
    "-rf",
    "~root/escaped.txt",
    "$HOME/escaped.txt",
)


def _name(random: np.random.Generator) -> str:
    name = _NAMES[int(random.integers(len(_NAMES)))]
    return name if random.random() < 0.9 else "../" * int(random.integers(1, 40)) + "tmp/handlens-escaped.txt"


def hostile_tar(seed: int, number: int) -> tuple[bytes, str]:
    """A tar archive of one number, perhaps compressed, and what is wrong with it."""
    random = np.random.default_rng([seed, 1, number])
    buffer, said = io.BytesIO(), []
    form = (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT)[number % 3]
    with tarfile.open(fileobj=buffer, mode="w", format=form, errors="surrogateescape") as tar:
        for name in ("photos/1.png", "photos/2.png"):
            _add(tar, tarfile.TarInfo(name), b"not really a picture")
        for _ in range(int(random.integers(1, 4))):
            trick = _TAR_TRICKS[int(random.integers(len(_TAR_TRICKS)))]
            said.append(trick.__name__.strip("_"))
            try:
                trick(tar, random)
            except ValueError:  # a name that this format cannot hold
                said[-1] += " (not possible)"
    data = buffer.getvalue()
    if random.random() < 0.3:
        data, what = _harmed(data, random)
        said.append(what)
    if random.random() < 0.5 or len(data) > 100 * 2**20:
        data = gzip.compress(data, 1, mtime=0)
        if random.random() < 0.2:
            data, what = _harmed(data, random)
            said.append(f"gz {what}")
    return data, ", ".join(said)


def _add(tar: tarfile.TarFile, info: tarfile.TarInfo, content: bytes = b"") -> None:
    if info.isreg() and not info.size:
        info.size = len(content)
    tar.addfile(info, io.BytesIO(content))


def _odd_name(tar: tarfile.TarFile, random: np.random.Generator) -> None:
    _add(tar, tarfile.TarInfo(_name(random)), b"escaped")


def _odd_folder(tar: tarfile.TarFile, random: np.random.Generator) -> None:
    info = tarfile.TarInfo(_name(random))
    info.type, info.mode = tarfile.DIRTYPE, 0
    _add(tar, info)


def _absolute(tar: tarfile.TarFile, random: np.random.Generator) -> None:
    info = tarfile.TarInfo("x")
    info.name = str(random.choice(["/tmp/handlens-escaped.txt", "//tmp/handlens-escaped.txt"]))
    _add(tar, info, b"escaped")


def _link(tar: tarfile.TarFile, random: np.random.Generator) -> None:
    """A link, and a file through it."""
    info = tarfile.TarInfo("photos/link")
    info.type = tarfile.SYMTYPE if random.random() < 0.6 else tarfile.LNKTYPE
    info.linkname = str(random.choice(["../..", "/tmp", "../../keep.txt", "photos/link", "../../../keep.txt"]))
    _add(tar, info)
    _add(tar, tarfile.TarInfo("photos/link/escaped.txt"), b"escaped")
    _add(tar, tarfile.TarInfo("photos/link"), b"escaped")


def _device(tar: tarfile.TarFile, random: np.random.Generator) -> None:
    info = tarfile.TarInfo("photos/device")
    info.type = bytes(random.choice([tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, b"Z"]))
    info.devmajor, info.devminor, info.mode = 1, 3, 0o666
    _add(tar, info)


def _rights(tar: tarfile.TarFile, random: np.random.Generator) -> None:
    info = tarfile.TarInfo("photos/tool")
    info.mode, info.uid, info.gid, info.mtime = int(random.choice([0, 0o7777, 0o4755])), 0, 0, 2**33
    _add(tar, info, b"#!/bin/sh\n")


def _file_and_folder(tar: tarfile.TarFile, random: np.random.Generator) -> None:
    names = ["photos/both", "photos/both/inner"]
    for name in names if random.random() < 0.5 else names[::-1]:
        _add(tar, tarfile.TarInfo(name), b"both")


def _twice(tar: tarfile.TarFile, random: np.random.Generator) -> None:
    for content in (b"one", b"other"):
        _add(tar, tarfile.TarInfo("photos/1.png"), content * int(random.integers(1, 5)))


def _pax(tar: tarfile.TarFile, random: np.random.Generator) -> None:
    """Extended headers that say other things than the header does."""
    info = tarfile.TarInfo("photos/pax.png")
    info.pax_headers = {
        str(random.choice(["path", "linkpath", "size", "GNU.sparse.name", "GNU.sparse.realsize", "mtime", "uid"])): str(
            random.choice(["../escaped.txt", "/tmp/handlens-escaped.txt", "99999999999999", "-1", "x" * 5000, "1e999"])
        )
    }
    _add(tar, info, b"escaped")


def _sparse(tar: tarfile.TarFile, random: np.random.Generator) -> None:
    """A file of terabytes that is all holes."""
    info = tarfile.TarInfo("photos/holes")
    size = int(random.choice([10**9, 10**12, 2**62]))
    if random.random() < 0.5:
        info.pax_headers = {
            "GNU.sparse.major": "1",
            "GNU.sparse.minor": "0",
            "GNU.sparse.realsize": str(size),
            "GNU.sparse.name": "photos/holes",
        }
        _add(tar, info, f"1\n{size - 1}\n1\n".encode().ljust(512, b"\0") + b"x" * 512)
    else:
        info.pax_headers = {"GNU.sparse.map": f"0,1,{size - 1},1", "GNU.sparse.size": str(size)}
        _add(tar, info, b"ab")


def _long_header(tar: tarfile.TarFile, random: np.random.Generator) -> None:
    """An extended header or a long name of tens of megabytes."""
    assert tar.fileobj is not None
    size = int(random.choice([2**20, 2**26]))
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = bytes(random.choice([tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE, tarfile.XGLTYPE])), size
    tar.fileobj.write(info.tobuf(tarfile.GNU_FORMAT) + (b"9" * size))
    tar.offset += 512 + size
    _add(tar, tarfile.TarInfo("photos/after.png"), b"after")


def _lying_size(tar: tarfile.TarFile, random: np.random.Generator) -> None:
    assert tar.fileobj is not None
    info = tarfile.TarInfo("photos/lies.png")
    header = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    header[124:136] = [
        b"77777777777\0",
        b"\xff" * 12,  # below zero
        b"\x80" + b"\x7f" + b"\xff" * 10,
        b"not digits\0\0",
    ][int(random.integers(4))]
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    tar.fileobj.write(bytes(header))
    tar.offset += 512


def _bomb(tar: tarfile.TarFile, random: np.random.Generator) -> None:
    if random.random() < 0.15:  # it takes a while to make
        info = tarfile.TarInfo("photos/zeros")
        info.size = 700 * 2**20
        tar.addfile(info, _Zeros(info.size))


def _many(tar: tarfile.TarFile, random: np.random.Generator) -> None:
    for i in range(int(random.choice([100, 1000]))):
        _add(tar, tarfile.TarInfo(f"photos/{i}/{i}.png"))


class _Zeros(io.RawIOBase):
    def __init__(self, left: int) -> None:
        self._left = left

    def read(self, size: int = -1) -> bytes:
        given = min(size, self._left)
        self._left -= given
        return bytes(given)


_TAR_TRICKS: tuple[Callable[[tarfile.TarFile, np.random.Generator], None], ...] = (
    _odd_name,
    _odd_name,
    _odd_name,
    _odd_folder,
    _absolute,
    _link,
    _link,
    _device,
    _rights,
    _file_and_folder,
    _twice,
    _pax,
    _sparse,
    _long_header,
    _lying_size,
    _bomb,
    _many,
)


def hostile_zip(seed: int, number: int) -> tuple[bytes, str]:
    """A zip of one number, and what is wrong with it."""
    random = np.random.default_rng([seed, 2, number])
    buffer, said = io.BytesIO(), []
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("photos/1.png", b"not really a picture")
        archive.writestr("photos/2.png", b"not really another", zipfile.ZIP_DEFLATED)
        for _ in range(int(random.integers(1, 4))):
            trick = _ZIP_TRICKS[int(random.integers(len(_ZIP_TRICKS)))]
            said.append(trick.__name__.removeprefix("_zip_"))
            try:
                trick(archive, random)
            except ValueError:
                said[-1] += " (not possible)"
    data = buffer.getvalue()
    if random.random() < 0.6:
        patch = _ZIP_PATCHES[int(random.integers(len(_ZIP_PATCHES)))]
        data = patch(data, random)
        said.append(patch.__name__.strip("_"))
    if random.random() < 0.25:
        data, what = _harmed(data, random)
        said.append(what)
    return data, ", ".join(said)


def _put(archive: zipfile.ZipFile, info: zipfile.ZipInfo, content: bytes) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a name that is there twice
        archive.writestr(info, content)


def _zip_name(archive: zipfile.ZipFile, random: np.random.Generator) -> None:
    info = zipfile.ZipInfo("x")
    info.filename = _name(random).encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    _put(archive, info, b"escaped")


def _zip_absolute(archive: zipfile.ZipFile, random: np.random.Generator) -> None:
    info = zipfile.ZipInfo("x")
    info.filename = str(random.choice(["/tmp/handlens-escaped.txt", "//tmp/handlens-escaped.txt"]))
    _put(archive, info, b"escaped")


def _zip_link(archive: zipfile.ZipFile, random: np.random.Generator) -> None:
    info = zipfile.ZipInfo("photos/link")
    kinds = [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFIFO, stat.S_IFSOCK]
    info.create_system, info.external_attr = 3, (int(random.choice(kinds)) | 0o777) << 16
    _put(archive, info, b"../../../keep.txt")
    _put(archive, zipfile.ZipInfo("photos/link/escaped.txt"), b"escaped")


def _zip_twice(archive: zipfile.ZipFile, random: np.random.Generator) -> None:
    for name in ("photos/1.png", "photos/1.PNG", "photos/1.png/more.png"):
        _put(archive, zipfile.ZipInfo(name), b"other" * int(random.integers(1, 5)))


def _zip_bomb(archive: zipfile.ZipFile, random: np.random.Generator) -> None:
    size = int(random.choice([2**20, 2**24, 2**24, 300 * 2**20]))
    archive.writestr(f"photos/{random.integers(10**9)}.png", bytes(size), zipfile.ZIP_DEFLATED)


def _zip_many(archive: zipfile.ZipFile, random: np.random.Generator) -> None:
    for i in range(int(random.choice([100, 1000]))):
        _put(archive, zipfile.ZipInfo(f"photos/{i}/{i}.png"), b"")


def _zip_inside(archive: zipfile.ZipFile, random: np.random.Generator) -> None:
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as other:
        other.writestr("../escaped.txt", b"escaped" * int(random.integers(1, 9)))
    _put(archive, zipfile.ZipInfo("photos/inner.zip"), inner.getvalue())


def _zip_packed_oddly(archive: zipfile.ZipFile, random: np.random.Generator) -> None:
    info = zipfile.ZipInfo("photos/odd.png")
    info.compress_type = int(random.choice([zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]))
    _put(archive, info, b"x" * 5000)


def _zip_extra(archive: zipfile.ZipFile, random: np.random.Generator) -> None:
    info = zipfile.ZipInfo("photos/extra.png")
    info.extra = [
        struct.pack("<HH", 1, 24) + struct.pack("<QQQ", 2**63, 2**63, 2**63),
        struct.pack("<HH", 0x7075, 21) + struct.pack("<BL", 1, 0) + b"../../escaped.tx",
        struct.pack("<HH", 1, 60000),
        b"\xff",
        random.bytes(400),
    ][int(random.integers(5))]
    _put(archive, info, b"extra")


_ZIP_TRICKS: tuple[Callable[[zipfile.ZipFile, np.random.Generator], None], ...] = (
    _zip_name,
    _zip_name,
    _zip_name,
    _zip_absolute,
    _zip_link,
    _zip_twice,
    _zip_bomb,
    _zip_many,
    _zip_inside,
    _zip_packed_oddly,
    _zip_extra,
)
_NUMBERS = (0, 1, 2**31 - 1, 2**31, 2**32 - 1)


def _central(data: bytes, random: np.random.Generator, offset: int, size: int) -> bytes:
    """Another number in the table of contents, `offset` bytes from the begin of one of its entries."""
    places = [at for at in range(len(data) - 46) if data[at : at + 4] == b"PK\x01\x02"]
    if not places:
        return data
    at = places[int(random.integers(len(places)))] + offset
    value = int(random.choice(_NUMBERS)) % 2 ** (8 * size)
    return data[:at] + value.to_bytes(size, "little") + data[at + size :]


def _lying_unpacked_size(data: bytes, random: np.random.Generator) -> bytes:
    return _central(data, random, 24, 4)


def _lying_packed_size(data: bytes, random: np.random.Generator) -> bytes:
    return _central(data, random, 20, 4)


def _lying_sum(data: bytes, random: np.random.Generator) -> bytes:
    return _central(data, random, 16, 4)


def _lying_place(data: bytes, random: np.random.Generator) -> bytes:
    return _central(data, random, 42, 4)


def _lying_flags(data: bytes, random: np.random.Generator) -> bytes:
    return _central(data, random, 8, 2)


def _lying_method(data: bytes, random: np.random.Generator) -> bytes:
    return _central(data, random, 10, 2)


def _lying_length(data: bytes, random: np.random.Generator) -> bytes:
    return _central(data, random, int(random.choice([28, 30, 32])), 2)


def _lying_end(data: bytes, random: np.random.Generator) -> bytes:
    """Another count, size or place of the table of contents in the record at the end."""
    at = data.rfind(b"PK\x05\x06") + int(random.choice([4, 8, 10, 12, 16, 20]))
    return data[:at] + int(random.choice(_NUMBERS)).to_bytes(4, "little") + data[at + 4 :]


def _zip64_end(data: bytes, random: np.random.Generator) -> bytes:
    """A record of large zips that leads nowhere."""
    at = data.rfind(b"PK\x05\x06")
    place = int(random.choice([0, at, 2**40])) if random.random() < 0.5 else 2**64 - int(random.integers(1, 2**62))
    record = b"PK\x06\x06" + struct.pack("<QHHLLQQQQ", 44, 45, 45, 0, 0, 2**62, 2**62, 2**63, 2**63)
    where = b"PK\x06\x07" + struct.pack("<LQL", 0, place, 1)
    return data[:at] + record + where + data[at:]


def _local_name(data: bytes, random: np.random.Generator) -> bytes:
    """Other bytes in the name of an entry's own header."""
    places = [at for at in range(len(data) - 30) if data[at : at + 4] == b"PK\x03\x04"]
    at = places[int(random.integers(len(places)))] + 30
    return data[:at] + random.bytes(3) + data[at + 3 :]


def _overlapping(data: bytes, random: np.random.Generator) -> bytes:
    """All entries at the same place."""
    place = bytes([int(random.integers(2)), 0, 0, 0])
    for at in range(len(data) - 46):
        if data[at : at + 4] == b"PK\x01\x02":
            data = data[: at + 42] + place + data[at + 46 :]
    return data


def _something_before(data: bytes, random: np.random.Generator) -> bytes:
    return random.bytes(int(random.integers(1, 500))) + data


_ZIP_PATCHES: tuple[Callable[[bytes, np.random.Generator], bytes], ...] = (
    _lying_unpacked_size,
    _lying_packed_size,
    _lying_sum,
    _lying_place,
    _lying_flags,
    _lying_method,
    _lying_length,
    _lying_end,
    _zip64_end,
    _local_name,
    _overlapping,
    _something_before,
)


def _harmed(data: bytes, random: np.random.Generator) -> tuple[bytes, str]:
    if random.random() < 0.5:
        return data[: int(random.integers(len(data)))], "cut off"
    harmed = bytearray(data)
    for _ in range(int(random.integers(1, 9))):
        harmed[int(random.integers(len(harmed)))] = int(random.integers(256))
    return bytes(harmed), "bytes flipped"
