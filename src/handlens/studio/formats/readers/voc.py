"""Labels from Pascal VOC annotations: an XML file for each photo, with the objects in it and their boxes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from handlens.errors import ImportProblem
from handlens.io.walking import walk
from handlens.studio.formats.checked import Box, box_in, file_in, photo_name, pixels, read_bytes, shown, text
from handlens.studio.formats.found import FoundLabel, FoundLabels, Unreadable, chosen
from handlens.studio.formats.matching import PhotoNames

_LARGEST = 4 * 2**20
"""Bytes of one XML file, which is about one photo."""


class VocImporter:
    """Reads a Pascal VOC annotation, or all of them below a folder.

    Pixels are counted from 1, and the last pixel of a box is part of it: a box from 1 to the picture's width is as wide
    as the picture. Programs that count from 0 are off by one pixel at most.
    """

    name, title, endings = "voc", "Pascal VOC", (".xml", "/")

    def recognises(self, path: Path) -> bool:
        """Whether the file, or the first XML file below the folder, begins with an annotation."""
        try:
            file = next(_files(path), None) if path.is_dir() else path
            return file is not None and b"<annotation" in read_bytes(file, _LARGEST)[:4096].replace(b"\0", b"")
        except (OSError, ValueError):
            return False

    def read(self, path: Path, photos: PhotoNames, **choices: str) -> FoundLabels:  # noqa: ARG002
        """The objects' names; a photo without objects has no label."""
        chosen(choices, {}, format=self.title)
        labels: list[FoundLabel] = []
        problems: list[Unreadable] = []
        files = sorted(_files(path)) if path.is_dir() else [path]
        for file in files:
            where = file.relative_to(path).as_posix() if path.is_dir() else file.name
            try:
                root = parse_xml(read_bytes(file_in(path, where) if path.is_dir() else file, _LARGEST))
                if root.tag != "annotation":
                    raise ValueError(f"its outermost element must be annotation; {shown(root.tag)} arrived")
                photo = photo_name(_text(root, "filename") or file.stem)
            except ValueError as error:
                problems.append(Unreadable(where, str(error)))
                continue
            objects = root.findall("object")
            if not objects:
                labels.append(FoundLabel(photo, None, where))
            for position, entry in enumerate(objects, 1):
                place = f"{where} object {position}"
                try:
                    labels.append(_label(root, entry, photo, place))
                except ValueError as error:
                    problems.append(Unreadable(place, str(error)))
        if not labels and len(problems) == len(files):
            why = f": {problems[0].reason}" if len(files) == 1 else ""
            raise ImportProblem(f"{path.name} must hold Pascal VOC annotations in XML; none can be read{why}.")
        return FoundLabels.of(self.title, path.name, labels, problems=problems)


def _files(folder: Path) -> Iterator[Path]:
    return (folder / entry.path for entry in walk(folder) if entry.path.suffix.lower() == ".xml" and not entry.linked)


def _label(root: Element, entry: Element, photo: str, where: str) -> FoundLabel:
    label = text(_text(entry, "name"), "the object's name")
    bounds = entry.find("bndbox")
    if bounds is None:
        return FoundLabel(photo, label, where)
    size = root.find("size")
    if size is None:
        raise ValueError("its box needs the size of the picture, and the file does not say it")
    picture = pixels(_number(size, "width"), _number(size, "height"))
    return FoundLabel(photo, label, where, _box(bounds, *picture), picture=picture)


def _box(bounds: Element, width: float, height: float) -> Box:
    left, top, right, bottom = (_number(bounds, name) for name in ("xmin", "ymin", "xmax", "ymax"))
    left, top = (1.0 if 0 <= start < 1 else start for start in (left, top))  # where pixels are counted from 0
    return box_in([left - 1, top - 1, right - left + 1, bottom - top + 1], width, height)


def _text(parent: Element, name: str) -> str | None:
    found = parent.find(name)
    return None if found is None else (found.text or "").strip()


def _number(parent: Element, name: str) -> float:
    found = _text(parent, name)
    try:
        return float(found or "")
    except ValueError:
        raise ValueError(f"{name} must be a number; {shown(found)} arrived") from None


# --- XML -----------------------------------------------------------------------------------------


def parse_xml(data: bytes) -> Element:
    """The outermost element of XML that cannot be trusted.

    A document type is refused, so there are no entities of its own to expand and no other files to read.

    Raises:
        ValueError: it is not XML, or has a document type.

    Example:
        >>> parse_xml(b"<a><b>1</b></a>").findtext("b")
        '1'
    """
    builder = TreeBuilder()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _refuse_doctype
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise ValueError(f"it must be XML; {error}") from error
    except LookupError as error:
        raise ValueError(f"its encoding is not known: {error}") from error
    return builder.close()


def _refuse_doctype(*_: object) -> NoReturn:
    raise ValueError("it has a document type (<!DOCTYPE …>), which these files do not need; it is refused")
