"""Labels in a table: which of its columns names the photos, and which one holds the labels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from handlens.errors import ImportProblem
from handlens.studio.formats.found import FoundLabel, FoundLabels, Unreadable, chosen
from handlens.studio.formats.matching import PhotoNames
from handlens.studio.formats.readers.folders import is_picture

PHOTO_NAMES = ("path", "photo", "image", "file", "filename", "file_name", "filepath", "image_path", "image_id", "id")
"""What columns that name photos are often called."""

LABEL_NAMES = (
    *("label", "labels", "class", "classes", "category", "target", "species", "tag"),
    *("label_name", "class_name", "category_name", "ground_truth", "y"),
)
"""What columns of labels are called, the most usual first."""

_NOT_LABELS = ("split", "subset", "fold", "set", "partition")
_PARTS = {"train", "training", "val", "valid", "validation", "test", "testing", "unassigned"}
MOST_COLUMNS = 1_000
_SAMPLE = 1_000  # rows by which the column that names photos is found

Cells = Sequence[str | None]


def found_in_columns(
    title: str,
    name: str,
    columns: Mapping[str, Cells],
    where: Iterable[str],
    photos: PhotoNames,
    choices: Mapping[str, str],
    *,
    problems: Iterable[Unreadable] = (),
    offered: Mapping[str, Sequence[str]] | None = None,
) -> FoundLabels:
    """The labels in the columns of a table.

    The column that names most photos names the photos. Labels are in the one that is called so, or else in the one
    with the fewest values that repeat. Either can be chosen.

    Args:
        title: of the format.
        name: of the file.
        columns: texts by column; a missing cell is None.
        where: the place of each row, for people.
        photos: of the collection.
        choices: "photo_column" and "label_column".
        problems: what could not be read.
        offered: further choices of the format.

    Raises:
        ImportProblem: no column names photos, there is no other one, or the choice is not one of these columns.
    """
    if len(columns) > MOST_COLUMNS:
        raise ImportProblem(
            f"{name} must have at most {MOST_COLUMNS:,} columns; it has {len(columns):,}. Keep those of the photos and "
            "labels."
        )
    known = set(photos.paths)
    named = {column: photos.count(_sample(cells)) for column, cells in columns.items()}
    if not any(named.values()):
        named = {column: photos.count(filter(None, cells)) for column, cells in columns.items()}
    exact = {column: len(known.intersection(cells)) for column, cells in columns.items()}
    # Numbers of rows may be called as photos are; where a table names pictures, they do not name photos.
    has_files = any(any(map(is_picture, _sample(cells))) for cells in columns.values())
    numbers = {column for column, cells in columns.items() if has_files and all(map(str.isdecimal, _sample(cells)))}
    by_photos = sorted(named, key=lambda column: (column in numbers, -named[column], -exact[column]))
    if "photo_column" not in choices and not any(named[column] for column in by_photos if column not in numbers):
        example = f", such as {photos.paths[0]}" if photos.paths else ""
        counts = [
            f" The numbers in “{column}” do if you choose it as photo_column" for column in by_photos if named[column]
        ]
        raise ImportProblem(
            f"a column of {name} must name photos of this collection by path or name{example}; none of its columns "
            f"does: {'.'.join([', '.join([*columns][:20]), *counts[:1]])}."
        )
    wanted = chosen(
        {key: value for key, value in choices.items() if key == "photo_column"},
        {"photo_column": by_photos},
        format=title,
    )
    photo = wanted["photo_column"][0]
    others = {column: cells for column, cells in columns.items() if column != photo}
    if not others:
        raise ImportProblem(f"{name} must have a column of labels beside “{photo}”, which names the photos.")
    wanted = chosen(choices, {**wanted, "label_column": _by_labels(others), **(offered or {})}, format=title)
    label = wanted["label_column"][0]
    found = map(FoundLabel, (cell or "" for cell in columns[photo]), columns[label], where)
    return FoundLabels.of(title, name, found, problems=problems, choices=wanted)


def called(column: str, names: Sequence[str]) -> bool:
    """Whether a column is called one of these names, also with spaces and capital letters."""
    return column.strip().casefold().replace(" ", "_") in names


def _by_labels(columns: Mapping[str, Cells]) -> list[str]:
    """The columns, those that most likely hold labels first."""

    def likely(column: str) -> tuple[float, ...]:
        if called(column, LABEL_NAMES):
            return 0, LABEL_NAMES.index(column.strip().casefold().replace(" ", "_"))
        given = [cell for cell in columns[column] if cell]
        values = len(set(given))
        parts = called(column, _NOT_LABELS) or {cell.casefold() for cell in given} <= _PARTS
        repeat = 1 < values < len(given) and not parts
        return (1, values) if repeat else (2, 0)

    return sorted(columns, key=likely)


def _sample(cells: Cells) -> list[str]:
    """Cells all over a column."""
    step = max(1, len(cells) // _SAMPLE)
    return [cell for cell in cells[::step] if cell]
