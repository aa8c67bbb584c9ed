"""Labels from YOLO data sets: class folders in folders for each split, or text files of boxes with a list of names."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from handlens.errors import ImportProblem
from handlens.io.problems import reason_of
from handlens.io.walking import Entry, walk
from handlens.studio.formats.checked import Box, box_in, file_in, photo_name, read_text, shown, text
from handlens.studio.formats.found import FoundLabel, FoundLabels, Unreadable, chosen
from handlens.studio.formats.matching import PhotoNames
from handlens.studio.formats.readers.folders import RENAMED, is_picture

SPLITS = ("train", "val", "valid", "validation", "test")
"""Names of the folders of a split data set."""

_LARGEST_YAML = 2 * 2**20
_LARGEST_TEXT = 16 * 2**20
"""Bytes of a list of names, and of the boxes of one photo."""

_NAMES = ("classes.txt", "obj.names", "_darknet.labels")
_LISTED = ["name", "path", "label"]
"""The first columns of the labels.csv that Studio writes: names in the folder, and the photos and labels they have."""

_LISTS_OF_NAMES = (".yaml", ".yml")


class YoloImporter:
    """Reads a YOLO data set: a folder, or the YAML file in it.

    For classification, a folder with the folders train and val or test, in which a folder for each class holds photos.
    For detection, text files in folders called labels, or beside the photos, with a line for each box: the class, and
    the middle, width and height of its box in shares of the picture, or the corners of an outline, whose surrounding
    box is read. The names of the classes are in data.yaml or in classes.txt.
    """

    name, title, endings = "yolo", "YOLO", ("/", ".yaml", ".yml")

    def recognises(self, path: Path) -> bool:
        """Whether there are class folders in splits, or text files of boxes and a list of names."""
        try:
            if not path.is_dir():
                return _is_list(path) and next(_box_files(path.parent), None) is not None
            if (path / RENAMED).is_file():
                return False
            if _list_of_names(path) is not None:
                return next(_box_files(path), None) is not None
            return any(len(entry.path.parts) > 1 for split in _splits(path) for entry in _pictures(split))
        except (OSError, ValueError):
            return False

    def read(self, path: Path, photos: PhotoNames, **choices: str) -> FoundLabels:
        """The classes' names of the photos or of the boxes in them."""
        chosen(choices, {}, format=self.title)
        root = path if path.is_dir() else path.parent
        try:
            names = _list_of_names(path) if path.is_dir() else path
        except OSError as error:
            raise ImportProblem(f"{path.name} cannot be read: {reason_of(error)}.") from error
        labels: list[FoundLabel] = []
        problems: list[Unreadable] = []
        if names is not None:
            _read_boxes(root, names, labels, problems)
        else:
            _read_folders(root, photos, labels, problems)
        if not labels and not problems:
            raise ImportProblem(
                f"{path.name} must be a YOLO data set: class folders in folders such as train and val, or text files "
                "of boxes with data.yaml or classes.txt; neither is there."
            )
        return FoundLabels.of(self.title, path.name, labels, problems=problems)


# --- classification ------------------------------------------------------------------------------


def _splits(root: Path) -> list[Path]:
    return [root / split for split in SPLITS if (root / split).is_dir() and not (root / split).is_symlink()]


def _pictures(folder: Path) -> Iterator[Entry]:
    for entry in walk(folder):
        if not entry.linked and (entry.problem or is_picture(entry.path.name)):
            yield entry


def _read_folders(root: Path, photos: PhotoNames, labels: list[FoundLabel], problems: list[Unreadable]) -> None:
    listed = _listed(root, problems)
    splits = _splits(root)
    others = [entry for entry in root.iterdir() if entry not in splits and entry.is_dir() and not entry.is_symlink()]
    for folder in sorted(other for other in others if splits and not other.name.startswith(".")):
        if next(_pictures(folder), None) is not None:
            problems.append(
                Unreadable(folder.name, f"its photos are not read, as it is not called {', '.join(SPLITS)}")
            )
    for split in _splits(root):
        for entry in sorted(_pictures(split)):
            where = (split.relative_to(root) / entry.path).as_posix()
            try:
                if entry.problem:
                    raise ValueError(entry.problem)
                if len(entry.path.parts) < 2:
                    raise ValueError("it is in no class folder")
                # The folders of the parts and classes may be none of the photo's own.
                names = (where, "/".join(entry.path.parts[1:]))
                name = next((name for name in names if photos.find(name)[0] >= 0), where)
                photo, label = listed.get(where, (name, entry.path.parts[0]))
                labels.append(FoundLabel(photo_name(photo), text(label, "the folder's name"), where))
            except ValueError as error:
                problems.append(Unreadable(where, str(error)))


def _listed(root: Path, problems: list[Unreadable]) -> dict[str, tuple[str, str]]:
    """The photo and the label of each file, as labels.csv says that Studio writes beside the folders."""
    file = root / "labels.csv"
    if not file.is_file():
        return {}
    try:
        rows = csv.DictReader(io.StringIO(read_text(file), newline=""), strict=True)
        if (rows.fieldnames or [])[: len(_LISTED)] == _LISTED:
            return {row["name"]: (row["path"], row["label"]) for row in rows}
    except (csv.Error, ValueError) as error:
        problems.append(Unreadable(file.name, reason_of(error)))
    return {}


# --- detection -----------------------------------------------------------------------------------


def _list_of_names(root: Path) -> Path | None:
    """The file that names the classes; data.yaml before others."""
    lists = sorted(
        (file for file in root.iterdir() if _is_list(file)), key=lambda file: (file.name != "data.yaml", file.name)
    )
    texts = [folder / name for folder in (root, root / "labels", *_splits(root)) for name in _NAMES]
    return next(iter(lists + [file for file in texts if file.is_file()]), None)


def _is_list(file: Path) -> bool:
    """Whether a file seems to be the YAML file of a data set."""
    if file.suffix.lower() not in _LISTS_OF_NAMES or not file.is_file():
        return False
    with file.open("rb") as opened:
        return any(line.startswith(b"names:") for line in opened.read(_LARGEST_YAML).splitlines())


def _box_files(root: Path) -> Iterator[PurePosixPath]:
    """The text files of boxes below a folder: in a folder called labels, or beside a picture of their name."""
    stems: set[str] = set()
    beside = []
    for entry in walk(root):
        path, ending = PurePosixPath(entry.path.as_posix()), entry.path.suffix.lower()
        if entry.linked or path.name in _NAMES:
            continue
        if is_picture(path.name):
            stems.add(str(path.with_suffix("")))
        elif ending == ".txt" and "labels" in path.parts[:-1]:
            yield path
        elif ending == ".txt":
            beside.append(path)
    yield from (path for path in beside if str(path.with_suffix("")) in stems)


def _read_boxes(root: Path, file: Path, labels: list[FoundLabel], problems: list[Unreadable]) -> None:
    names, has_points = _names(file, root, problems)
    pictures: dict[str, list[str]] = defaultdict(list)
    for entry in _pictures(root):
        if entry.problem:
            problems.append(Unreadable(entry.path.as_posix(), entry.problem))
            continue
        pictures[entry.path.with_suffix("").as_posix()].append(entry.path.as_posix())
    for path in sorted(_box_files(root)):
        try:
            photo = photo_name(_photo_of(path, pictures))
            lines = read_text(file_in(root, str(path)), _LARGEST_TEXT).split("\n")
        except ValueError as error:
            problems.append(Unreadable(str(path), str(error)))
            continue
        if not any(map(str.strip, lines)):
            labels.append(FoundLabel(photo, None, str(path)))
        for number, line in enumerate(lines, 1):
            if line.strip():
                where = f"{path} line {number}"
                try:
                    label, box = _box(line, names, has_points)
                    labels.append(FoundLabel(photo, label, where, box))
                except ValueError as error:
                    problems.append(Unreadable(where, f"{error}"))


def _photo_of(path: PurePosixPath, pictures: dict[str, list[str]]) -> str:
    """The photo that a text file is about: the picture of its name, or what the collection's photo may be called."""
    parts = path.with_suffix("").parts
    at = max((i for i, part in enumerate(parts[:-1]) if part == "labels"), default=None)
    stem = "/".join(parts)
    if at is not None:
        stem = "/".join((*parts[:at], "images", *parts[at + 1 :]))
        parts = (*parts[:at], *parts[at + 1 :])
    found = pictures.get(stem) or pictures.get("/".join(path.with_suffix("").parts)) or []
    if len(found) > 1:
        raise ValueError(f"several pictures have its name: {', '.join(found)}")
    return found[0] if found else "/".join(parts)


def _names(file: Path, root: Path, problems: list[Unreadable]) -> tuple[dict[int, Any], bool]:
    """The names of the classes by number, and whether the boxes are followed by points of a pose."""
    try:
        if file.suffix.lower() not in _LISTS_OF_NAMES:
            lines = read_text(file, _LARGEST_YAML).removesuffix("\n").split("\n")
            return dict(enumerate(line.removesuffix("\r") for line in lines)), False
        settings = _yaml(file)
        names = settings.get("names")
        if isinstance(names, list):
            names = dict(enumerate(names))
        if not isinstance(names, dict):
            raise ValueError(f"its names must be a list, or numbers with names; {shown(names)} arrived")
        found = {int(key): value for key, value in names.items()}
    except ValueError as error:
        raise ImportProblem(f"{file.name} must name the classes of a YOLO data set: {reason_of(error)}.") from error
    for key in ("path", *SPLITS):
        folders = settings.get(key)
        for folder in folders if isinstance(folders, list) else [folders]:
            try:
                if isinstance(folder, str) and folder:
                    file_in(root, folder)
            except ValueError as error:
                problems.append(Unreadable(f"{file.name} {key}", f"{error}; only what is in the folder is read"))
    return found, "kpt_shape" in settings


def _yaml(file: Path) -> dict[str, Any]:
    """What a YAML file says, all of it as text: a class may be called “no” or “007”."""
    try:
        found = yaml.load(read_text(file, _LARGEST_YAML), yaml.BaseLoader)
    except yaml.YAMLError as error:
        raise ValueError(f"it must be YAML; {' '.join(str(error).split())}") from error
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    if not isinstance(found, dict):
        raise ValueError(f"it must hold names with values; {shown(found)} arrived")
    return found


def _box(line: str, names: dict[int, Any], has_points: bool) -> tuple[str, Box]:
    """The label and box of a line: class, x, y, width and height; or class and the corners of an outline."""
    values = line.split()
    try:
        number = int(values[0])
        numbers = [float(value) for value in values[1:]]
    except ValueError:
        raise ValueError(f"a line must have a class and numbers; {shown(line.strip())} arrived") from None
    if number not in names:
        raise ValueError(f"class {number} has no name in the list of names")
    label = text(names[number], f"the name of class {number}")
    if has_points or len(numbers) in (4, 5):  # a fifth is how sure a model is
        x, y, width, height = numbers[:4] if len(numbers) > 3 else _refuse(line)
        return label, box_in([x - width / 2, y - height / 2, width, height])
    if len(numbers) < 6 or len(numbers) % 2:
        _refuse(line)
    across, down = numbers[::2], numbers[1::2]
    return label, box_in([min(across), min(down), max(across) - min(across), max(down) - min(down)])


def _refuse(line: str) -> Any:
    raise ValueError(f"a line must have a class and 4 numbers, or 3 corners or more; {shown(line.strip())} arrived")
