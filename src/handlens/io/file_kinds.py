"""What a file is by its first bytes, whatever it is called: a file that holds photos, or a picture."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Literal

Kind = Literal["zip", "tar", "pdf", "video", "dicom"]

KINDS: dict[Kind, str] = {
    "zip": "an archive",
    "tar": "an archive",
    "pdf": "a PDF document",
    "video": "a video",
    "dicom": "a DICOM file",
}
"""What a file of each kind is called."""

_DICOM_AT = 128
_ZIPS = (b"PK\x03\x04", b"PK\x05\x06")
_PICTURES = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"II*\0", b"MM\0*")
_TAR_ENDING = re.compile(r"\.(tar|tgz|tbz2?|txz|tar\.(gz|bz2|xz))$", re.IGNORECASE)
# Only containers: what FFmpeg also reads, such as a playlist, may name other files and addresses.
_VIDEOS = (b"\x1aE\xdf\xa3", b"OggS", b"FLV\x01", b"\0\0\x01\xba", b"0&\xb2u\x8ef\xcf\x11")
_STILL_BRANDS = (b"avif", b"avis", b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_MOVIE_BOXES = (b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")

_PACKED = {
    b"7z\xbc\xaf\x27\x1c": "7-Zip",
    b"Rar!\x1a\x07": "RAR",
    b"\x28\xb5\x2f\xfd": "Zstandard",
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\0": "xz",
}

CALLED = {
    ".zip": "a zip archive",
    ".pdf": "a PDF document",
    ".dcm": "a DICOM file",
    ".heic": "a HEIC picture",
    **dict.fromkeys((".mp4", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".m4v", ".wmv"), "a video"),
}
"""What a file should be that has one of these endings."""


def kind_of(file: Path) -> Kind | None:
    """What kind of file that may hold several photos it is, by its content; None for a picture and anything else.

    Raises:
        OSError: it cannot be read.

    Example:
        >>> _ = Path("pages.dat").write_bytes(b"%PDF-1.7 ...")
        >>> kind_of(Path("pages.dat"))
        'pdf'
    """
    with file.open("rb") as opened:
        head = opened.read(1024)
    if head.startswith(_ZIPS):
        return "zip"
    if b"%PDF-" in head:  # readers of PDF accept it anywhere in the first 1,024 bytes
        return "pdf"
    if head[_DICOM_AT : _DICOM_AT + 4] == b"DICM":
        return "dicom"
    if _is_video(head):
        return "video"
    # A compressed file is not decompressed to see what it is, and the oldest archives have no mark.
    is_called_so = _TAR_ENDING.search(file.name) is not None
    return "tar" if head[257:262] == b"ustar" or (is_called_so and not head.startswith(_PICTURES)) else None


def packed_with(file: Path) -> str | None:
    """The program whose archives begin like this file, if they are not opened here; None for anything else.

    Raises:
        OSError: it cannot be read.

    Example:
        >>> _ = Path("photos.rar").write_bytes(b"Rar!\\x1a\\x07 ...")
        >>> packed_with(Path("photos.rar"))
        'RAR'
    """
    with file.open("rb") as opened:
        head = opened.read(8)
    return next((name for magic, name in _PACKED.items() if head.startswith(magic)), None)


def stem_of(name: str) -> str:
    """The path of a file without its ending, or both of a compressed tar archive.

    Example:
        >>> stem_of("a.b/holiday.tar.gz"), stem_of("scan.pdf"), stem_of("pages")
        ('a.b/holiday', 'scan', 'pages')
    """
    stem = _TAR_ENDING.sub("", name)
    return stem if stem != name else os.path.splitext(name)[0]


def _is_video(head: bytes) -> bool:
    if head.startswith(b"RIFF"):
        return head[8:12] == b"AVI "
    if head[4:8] == b"ftyp":
        return head[8:12] not in _STILL_BRANDS
    is_transport_stream = len(head) > 376 and head[0] == head[188] == head[376] == 0x47
    return head.startswith(_VIDEOS) or head[4:8] in _MOVIE_BOXES or is_transport_stream
