"""Labels as the names of folders, each of which holds the photos of one label."""

from __future__ import annotations

import csv
import io
import itertools
import os
from collections.abc import Iterator
from pathlib import Path

from handlens.errors import ImportProblem
from handlens.io.problems import reason_of
from handlens.io.spreadsheets import unguarded
from handlens.studio.formats.found import FoundLabel, FoundLabels, Unreadable, chosen
from handlens.studio.formats.matching import PhotoNames

_PICTURES = {
    *(".jpg", ".jpeg", ".png", ".gif", ".bmp", ".tif", ".tiff", ".webp"),
    *(".avif", ".heic", ".heif", ".jp2", ".dcm"),
}
MOST_FILES = 1_000_000
"""Files that are looked at."""

_BELOW, _WITH = "below the folder of the label", "with the folder of the label"
RENAMED = "renamed.csv"
_LISTS = {RENAMED: ["path", "label", "name"], "left out.csv": ["path", "label", "reason"]}
"""What Studio writes beside the folders: photos that have another name there, and photos that could not be read."""


class FoldersImporter:
    """Reads labels from folders by label: each folder at the top is a label, and the photos in it have it.

    No photo is opened. What Studio lists in renamed.csv and left out.csv beside the folders is read too, so that every
    label comes back as it was. The choice photo_names says whether photos are named by their path below the folder of
    the label, as in Studio's own folders, or with that folder, if the photos of the collection lie in such folders
    themselves.

    Example:
        >>> for path in ("sorted/cat/1.jpg", "sorted/dog/x/2.jpg"):
        ...     Path(path).parent.mkdir(parents=True)
        ...     Path(path).touch()
        >>> found = FoldersImporter().read(Path("sorted"), PhotoNames(["1.jpg", "x/2.jpg"]))
        >>> found.labels[["photo", "label"]].values.tolist()
        [['1.jpg', 'cat'], ['x/2.jpg', 'dog']]
    """

    name, title, endings = "folders", "folders by label", ("/",)

    def recognises(self, path: Path) -> bool:
        """Whether a folder in it holds a picture."""
        try:
            return any(is_picture(file) and "/" in file for file in itertools.islice(_files(path), MOST_FILES))
        except OSError:
            return False

    def read(self, path: Path, photos: PhotoNames, **choices: str) -> FoundLabels:
        """Read labels from the names of folders."""
        try:
            files = sorted(itertools.islice(_files(path), MOST_FILES + 1))
            listed, problems = _listed(path)
        except OSError as error:
            raise ImportProblem(f"{path.name} cannot be read: {reason_of(error)}.") from error
        if len(files) > MOST_FILES:
            raise ImportProblem(f"{path.name} must hold at most {MOST_FILES:,} files; it holds more.")
        renamed = {name for name, _ in listed if name}
        sorted_by_label = [file for file in files if "/" in file and file not in renamed]
        below = [file.partition("/")[2] for file in sorted_by_label]
        if not sorted_by_label and not listed:
            raise ImportProblem(f"{path.name} must hold folders by label with photos in them; it has no such folder.")
        # A photo's own folders may be those of labels too; then fewer photos have a name without them.
        ways = [_BELOW, _WITH] if photos.count(below) >= photos.count(sorted_by_label) else [_WITH, _BELOW]
        wanted = chosen(choices, {"photo_names": ways}, format=self.title)
        names = below if wanted["photo_names"][0] == _BELOW else sorted_by_label
        found = [
            FoundLabel(name, file.partition("/")[0], file) for name, file in zip(names, sorted_by_label, strict=True)
        ]
        top = [file for file in files if "/" not in file and is_picture(file)]
        problems += [Unreadable(file, "is in no folder, so it has no label") for file in top]
        return FoundLabels.of(
            self.title, path.name, [*found, *(label for _, label in listed)], problems=problems, choices=wanted
        )


def is_picture(file: str) -> bool:
    """Whether a file is called as a picture is."""
    return os.path.splitext(file)[1].lower() in _PICTURES


def _files(folder: Path) -> Iterator[str]:
    """The paths of all files below a folder that are not hidden, without links to folders."""
    for parent, folders, files in os.walk(folder, onerror=_fail if not folder.is_dir() else None):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        below = os.path.relpath(parent, folder)
        for name in files:
            if not name.startswith("."):
                yield name if below == "." else f"{below.replace(os.sep, '/')}/{name}"


def _fail(error: OSError) -> None:
    raise error


def _listed(folder: Path) -> tuple[list[tuple[str, FoundLabel]], list[Unreadable]]:
    """What the lists that Studio writes say: names in the folder, "" of photos that are not there, and their labels."""
    found: list[tuple[str, FoundLabel]] = []
    problems: list[Unreadable] = []
    for name, columns in _LISTS.items():
        if not (folder / name).is_file():
            continue
        try:
            text = (folder / name).read_bytes().decode()
            rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
            if rows[:1] != [columns] or any(len(row) != len(columns) for row in rows):
                raise ValueError(f"its columns must be {', '.join(columns)}")
        except (csv.Error, ValueError) as error:
            problems.append(Unreadable(name, reason_of(error)))
            continue
        for path, label, third in ([unguarded(cell) for cell in row] for row in rows[1:]):
            found.append((third if name == RENAMED else "", FoundLabel(path, label, f"{name}: {path}")))
    return found, problems
