"""Facts of pictures that can be computed from their files without decoding them: sizes, formats, duplicates, EXIF."""

from __future__ import annotations

import hashlib
import re
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median_low

import pandas as pd
from PIL import ExifTags, Image

from handlens.audit.table_facts import Facts, class_facts, overlap
from handlens.core.description import PictureFile
from handlens.errors import AuditError
from handlens.io.problems import reason_of
from handlens.io.walking import walk

SUFFIXES = {".jpg", ".jpeg", ".png", ".gif", ".bmp", ".tif", ".tiff", ".webp", ".avif", ".jp2", ".ppm", ".pgm"}
# Pillow's other readers may start programs, and their formats are not those of photos.
_FORMATS = ("JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "AVIF", "JPEG2000", "PPM")
LABEL = "label"
"""What the labels of pictures are called."""
_COMMON = 5  # sizes that are listed, the most common ones

_TAKEN = re.compile(r"(\d{4}):(\d{2}):(\d{2})\b")


@dataclass(frozen=True)
class _FileFacts:
    """The facts of one file; of its place only whether EXIF names one."""

    bytes: int
    sha256: str
    format: str
    mode: str
    size: tuple[int, int]
    camera: str
    has_place: bool
    day: str


def picture_facts(parts: Mapping[str, Sequence[PictureFile]], *, hide_labels: bool = False) -> Facts:
    """The facts of pictures in one part or several (train, valid, …), as plain values that YAML keeps exactly.

    Only counts and days are taken from EXIF: how many pictures name a camera or a place, and how many cameras there
    are; never which camera, and never where.

    Args:
        parts: the picture files of each part.
        hide_labels: whether no label may be named.

    Raises:
        AuditError: a part has no pictures.
    """
    for name, pictures in parts.items():
        if not pictures:
            raise AuditError(f"data must hold pictures; {name or 'it'} has none.")
    files = {name: [_read_file(picture.path) for picture in pictures] for name, pictures in parts.items()}
    readable = [file for part in files.values() for file in part if isinstance(file, _FileFacts)]
    unreadable = Counter(reason for part in files.values() for reason in part if isinstance(reason, str))
    facts: Facts = {
        "kind": "pictures",
        "pictures": sum(map(len, parts.values())),
        "unreadable": dict(sorted(unreadable.items())),
        "bytes": sum(file.bytes for file in readable),
        # Within each part: pictures that are in two parts are counted as overlap.
        "identical_files": sum(len(hashes) - len(set(hashes)) for hashes in map(_hashes, files.values())),
        "formats": _most_first(file.format for file in readable),
        "colours": _most_first(file.mode for file in readable),
    }
    if readable:
        facts["sizes"] = _sizes([file.size for file in readable])
    days = sorted(file.day for file in readable if file.day)
    cameras = {file.camera for file in readable if file.camera}
    facts["exif"] = {
        "naming_a_camera": sum(bool(file.camera) for file in readable),
        "different_cameras": len(cameras),
        "naming_a_place": sum(file.has_place for file in readable),
        "dated": len(days),
    } | ({"first": days[0], "last": days[-1]} if days else {})
    labels = {name: pd.Series([picture.label for picture in part], dtype=object) for name, part in parts.items()}
    if any(column.notna().any() for column in labels.values()):
        facts |= class_facts(labels, LABEL, hidden=hide_labels)
    facts["parts"] = {name: {"pictures": len(part), "sha256": _hash(part, files[name])} for name, part in parts.items()}
    if len(parts) > 1:
        facts["overlap"] = overlap({name: _hashes(part) for name, part in files.items()})
    return facts


def find_pictures(folder: Path) -> dict[str, list[PictureFile]]:
    """The pictures below a folder by part, in the order of their names; hidden files and links are left out.

    Folders called train, valid, validation, val or test are parts; if there are none, all pictures are one part,
    "data". A picture's label is the folder, below its part, that directly holds it, if there are two or more such
    folders.

    Raises:
        AuditError: there is no such folder, or it holds no pictures.
    """
    if not folder.is_dir():
        raise AuditError(f"data must be a folder of pictures; there is no folder {folder}.")
    found = sorted(_walk(folder))
    tops = {path.split("/")[0] for path in found if "/" in path}
    parts = [name for name in ("train", "valid", "validation", "val", "test") if name in tops]
    pictures: dict[str, list[PictureFile]] = {name: [] for name in parts}
    for path in found:
        top, _, rest = path.partition("/")
        part, below = (top, rest) if top in parts else ("data", path)
        label = below.split("/")[-2] if "/" in below else None
        pictures.setdefault(part, []).append(PictureFile(folder / path, path, label))
    if not found:
        raise AuditError(f"data must be a folder of pictures or a table's file; {folder} holds no picture.")
    if len({picture.label for part in pictures.values() for picture in part}) == 1:
        return {name: [picture._replace(label=None) for picture in part] for name, part in pictures.items()}
    return pictures


def _walk(folder: Path) -> Iterator[str]:
    for entry in walk(folder):
        if entry.path.suffix.lower() in SUFFIXES:
            yield entry.path.as_posix()


def _read_file(file: Path) -> _FileFacts | str:
    """The facts of a file, or why it cannot be used."""
    try:
        with file.open("rb") as opened:
            digest = hashlib.file_digest(opened, "sha256").hexdigest()
        length = file.stat().st_size
    except OSError as error:
        return f"cannot be opened: {reason_of(error)}"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a very large or slightly malformed picture counts too
            with Image.open(file, formats=_FORMATS) as image:
                kind, mode, size = str(image.format), image.mode, image.size
                exif = _exif(image)
    except Exception:  # Pillow raises nearly any type on a malformed file
        return "empty" if not length else "not a picture that can be read"
    return _FileFacts(length, digest, kind, mode, size, *exif)


def _exif(image: Image.Image) -> tuple[str, bool, str]:
    """The camera, whether a place is named, and the day; empty where EXIF is malformed or does not name them."""
    try:
        exif = image.getexif()
        camera = " ".join(str(exif.get(tag, "")).strip("\0 ") for tag in (ExifTags.Base.Make, ExifTags.Base.Model))
        gps = exif.get_ifd(ExifTags.IFD.GPSInfo)
        has_place = ExifTags.GPS.GPSLatitude in gps and ExifTags.GPS.GPSLongitude in gps
        taken = exif.get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.DateTimeOriginal)
        found = _TAKEN.match(str(taken or exif.get(ExifTags.Base.DateTime, "")))
    except Exception:  # a malformed block says nothing about the picture
        return "", False, ""
    day = "-".join(found.groups()) if found and found[1] != "0000" else ""
    return camera.strip(), has_place, day


def _sizes(sizes: list[tuple[int, int]]) -> Facts:
    widths, heights = sorted(width for width, _ in sizes), sorted(height for _, height in sizes)
    common = Counter(f"{width}×{height}" for width, height in sizes)
    return {
        "width": {"least": widths[0], "median": median_low(widths), "greatest": widths[-1]},
        "height": {"least": heights[0], "median": median_low(heights), "greatest": heights[-1]},
        "different": len(common),
        "most_common": dict(sorted(common.items(), key=lambda item: (-item[1], item[0]))[:_COMMON]),
    }


def _most_first(values: Iterator[str]) -> dict[str, int]:
    return dict(sorted(Counter(values).items(), key=lambda item: (-item[1], item[0])))


def _hashes(files: Sequence[_FileFacts | str]) -> list[str]:
    return [file.sha256 for file in files if isinstance(file, _FileFacts)]


def _hash(pictures: Sequence[PictureFile], files: Sequence[_FileFacts | str]) -> str:
    """SHA-256 over the name, label and content of every picture, in the order of the names."""
    digest = hashlib.sha256()
    lines = (
        f"{picture.name}\0{'' if picture.label is None else picture.label}\0{getattr(file, 'sha256', '')}\n"
        for picture, file in zip(pictures, files, strict=True)
    )
    for line in sorted(lines):
        digest.update(line.encode("utf-8", "surrogateescape"))
    return digest.hexdigest()
