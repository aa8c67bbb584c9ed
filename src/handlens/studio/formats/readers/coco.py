"""Labels from COCO files: categories of whole photos, or of boxes in them."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from pathlib import Path
from typing import Any

from handlens.errors import ImportProblem
from handlens.studio.formats.checked import (
    box_in,
    fields,
    json_mentions,
    photo_name,
    pixels,
    read_json,
    shown,
    text,
)
from handlens.studio.formats.found import FoundLabel, FoundLabels, Unreadable, chosen
from handlens.studio.formats.matching import PhotoNames


class CocoImporter:
    """Reads a COCO file, or all COCO files in a folder.

    An annotation without `bbox` is about the whole photo. `bbox` is x, y, width and height in pixels of the size that
    the file says for the picture.
    """

    name, title, endings = "coco", "COCO", (".json", "/")

    def recognises(self, path: Path) -> bool:
        """Whether a file, or one in the folder or in a folder in it, has images, annotations and categories."""
        return next(_files(path), None) is not None

    def read(self, path: Path, photos: PhotoNames, **choices: str) -> FoundLabels:  # noqa: ARG002
        """The annotations with their categories' names."""
        chosen(choices, {}, format=self.title)
        files = list(_files(path)) if path.is_dir() else [path]
        if not files:
            raise ImportProblem(
                f"{path.name} must hold a COCO file, JSON with images, annotations and categories; none is in it."
            )
        labels: list[FoundLabel] = []
        problems: list[Unreadable] = []
        for file in files:
            prefix = "" if file == path else f"{file.relative_to(path).as_posix()}, "
            _read(file, prefix, labels, problems)
        return FoundLabels.of(self.title, path.name, labels, problems=problems)


def _files(path: Path) -> Iterator[Path]:
    """The COCO files at a path, which may be one or a folder of photos and such files."""
    try:
        candidates = sorted([*path.glob("*.json"), *path.glob("*/*.json")]) if path.is_dir() else [path]
    except OSError:
        return
    for file in candidates:
        if file.is_file() and json_mentions(file, "{", "images", "annotations", "categories"):
            yield file


def _read(file: Path, prefix: str, labels: list[FoundLabel], problems: list[Unreadable]) -> None:
    document = read_json(file)
    known = document if isinstance(document, dict) else {}
    parts = [part for part in map(known.get, _PARTS) if isinstance(part, list)]
    if len(parts) < len(_PARTS):
        raise ImportProblem(f"{file.name} must be a COCO file, a JSON object with the lists {', '.join(_PARTS)}.")
    images, annotations, categories = parts
    pictures = _by_id(images, f"{prefix}image", _picture, problems)
    names = _by_id(categories, f"{prefix}category", lambda entry: text(entry.get("name"), "its name"), problems)
    for position, entry in enumerate(annotations, 1):
        try:
            annotation = fields(entry, "an annotation")
            image, category = _id(annotation.get("image_id")), _id(annotation.get("category_id"))
            if category not in names:
                raise ValueError(f"category {shown(category)} has no name in the file")
            if image not in pictures:
                raise ValueError(f"image {shown(image)} is not among the images of the file")
            photo, width, height = pictures[image]
            box, picture = annotation.get("bbox"), None
            if box is not None and box != []:
                picture = pixels(width, height)
                box = box_in(box, *picture)
            labels.append(
                FoundLabel(photo, names[category], _where(prefix, entry, position), box or None, picture=picture)
            )
        except ValueError as error:
            problems.append(Unreadable(_where(prefix, entry, position), str(error)))


_PARTS = ("images", "annotations", "categories")


def _where(prefix: str, entry: Any, position: int) -> str:
    id = entry.get("id") if isinstance(entry, dict) else None
    return f"{prefix}annotation {id}" if isinstance(id, int) else f"{prefix}annotation number {position}"


def _id(value: Any) -> Hashable:
    """A number or text by which entries name each other; 7.0, as some programs write it, is 7."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise ValueError(f"an id must be a number or text; {shown(value)} arrived")
    return value


def _picture(entry: dict[str, Any]) -> tuple[str, Any, Any]:
    """The photo's name, and the size that the file says it has."""
    return photo_name(entry.get("file_name")), entry.get("width"), entry.get("height")


def _by_id(
    entries: list[Any], what: str, read: Callable[[dict[str, Any]], Any], problems: list[Unreadable]
) -> dict[Hashable, Any]:
    """What each entry says, by its id; entries of one id that say different things are left out and listed."""
    found: dict[Hashable, Any] = {}
    twice = set()
    for position, entry in enumerate(entries, 1):
        try:
            known = fields(entry, "an entry")
            id, value = _id(known.get("id")), read(known)
            if found.setdefault(id, value) != value:
                twice.add(id)
                raise ValueError(f"another one has the id {shown(id)} too, and neither is used")
        except ValueError as error:
            problems.append(Unreadable(f"{what} number {position}", str(error)))
    return {id: value for id, value in found.items() if id not in twice}
