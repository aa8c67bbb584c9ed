"""Labels from Hugging Face data sets: folders of photos with metadata, and data sets saved as Arrow or Parquet."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from handlens.errors import ImportProblem, PhotoError
from handlens.io.plain_json import parse_json
from handlens.io.problems import reason_of
from handlens.studio.formats.checked import box_in, file_in, photo_name, pixels, read_bytes, read_text, shown, text
from handlens.studio.formats.found import FoundLabel, FoundLabels, Unreadable, chosen
from handlens.studio.formats.matching import PhotoNames
from handlens.studio.formats.readers.arrow import BOXES, DatasetRows, category_name, is_of_library, read_arrow
from handlens.studio.formats.readers.columns import LABEL_NAMES, called, found_in_columns
from handlens.studio.pictures import open_picture

_METADATA = ("metadata.csv", "metadata.jsonl")
_ENDINGS = (".parquet", ".arrow")

_LARGEST_INFO = 64 * 2**20
"""Bytes of the files that describe a saved data set, most of them the names of its classes."""

_CATEGORIES = ("category", "categories", "category_id", "label", "labels")
"""What the categories are called in a column of objects."""


class HuggingFaceImporter:
    """Reads Hugging Face data sets, without the library.

    A folder of photos with metadata.csv or metadata.jsonl in it or in the folders of its splits; a folder that
    `save_to_disk` wrote; or Parquet files as on the hub. A number is read as the name that its ClassLabel has. Of a
    column of objects, such as {"bbox": [[x, y, width, height]], "category": [0]} in pixels, the boxes are read: if
    there is no column of labels, or if `label_column` names it. The choice `photo_column` names the photos.
    """

    name, title, endings = "hugging-face", "Hugging Face", ("/", *_ENDINGS)

    def recognises(self, path: Path) -> bool:
        """Whether it is such a folder, or a file of such a data set."""
        try:
            return next(_tables(path), None) is not None
        except (OSError, ValueError):
            return False

    def read(self, path: Path, photos: PhotoNames, **choices: str) -> FoundLabels:
        """The labels of the rows, or of the objects in them."""
        rows = DatasetRows()
        try:
            for where, read in _tables(path):
                try:
                    read(rows)
                except ValueError as error:
                    rows.problems.append(Unreadable(where, reason_of(error)))
        except (OSError, ValueError) as error:
            raise ImportProblem(f"{path.name} must be a Hugging Face data set: {reason_of(error)}.") from error
        if not rows.where:
            why = "".join(f": {where}: {reason}" for where, reason in rows.problems[:1])
            raise ImportProblem(f"{path.name} must be a Hugging Face data set with rows; none can be read{why}.")
        has_labels = any(called(column, LABEL_NAMES) for column in rows.columns)
        if choices.get("label_column") in rows.objects or (
            "label_column" not in choices and not has_labels and rows.objects
        ):
            return self._of_objects(path, photos, rows, choices)
        found = found_in_columns(
            self.title, path.name, rows.columns, rows.where, photos, choices, problems=rows.problems
        )
        found.choices["label_column"] += rows.objects
        return _without_wrong(found, rows)

    def _of_objects(self, path: Path, photos: PhotoNames, rows: DatasetRows, choices: dict[str, str]) -> FoundLabels:
        named = {column: photos.count(filter(None, cells)) for column, cells in rows.columns.items()}
        by_photos = sorted(named, key=lambda column: -named[column])
        offered = {"photo_column": by_photos, "label_column": [*rows.objects, *rows.columns]}
        wanted = chosen(choices, offered, format=self.title)
        if not by_photos:
            raise ImportProblem(f"{path.name} must have a column of text that names the photos; it has none.")
        column = wanted["label_column"][0]
        labels: list[FoundLabel] = []
        problems = list(rows.problems)
        folder = path if path.is_dir() else path.parent
        for i, (photo, value) in enumerate(
            zip(rows.columns[wanted["photo_column"][0]], rows.objects[column], strict=True)
        ):
            try:
                name, objects = photo_name(photo), _objects(value)
                picture = _size(folder, name, rows, i) if objects else None
            except ValueError as error:
                problems.append(Unreadable(rows.where[i], str(error)))
                continue
            if picture is None:
                labels.append(FoundLabel(name, None, rows.where[i]))
                continue
            for number, (category, box) in enumerate(objects, 1):
                where = f"{rows.where[i]} object {number}"
                try:
                    label = category_name(category, rows.names.get(column, []))
                    labels.append(FoundLabel(name, label, where, box_in(box, *picture), picture=picture))
                except ValueError as error:
                    problems.append(Unreadable(where, str(error)))
        return FoundLabels.of(self.title, path.name, labels, problems=problems, choices=wanted)


def _without_wrong(found: FoundLabels, rows: DatasetRows) -> FoundLabels:
    """The labels without the rows whose label has no name, or whose photo's name leads out of the folder."""
    wrong = dict(rows.wrong.get(found.choices["label_column"][0], {}))
    for i, photo in enumerate(found.labels["photo"]):
        try:
            photo_name(photo)
        except ValueError as error:
            wrong[i] = str(error)
    if not wrong:
        return found
    listed = pd.DataFrame([(rows.where[i], wrong[i]) for i in sorted(wrong)], columns=["where", "reason"], dtype=object)
    return replace(
        found,
        labels=found.labels.drop(index=sorted(wrong)).reset_index(drop=True),
        problems=pd.concat([found.problems, listed], ignore_index=True),
    )


# --- objects -------------------------------------------------------------------------------------


def _objects(value: Any) -> list[tuple[Any, Any]]:
    """The category and box of each object, given as lists in one object or as a list of objects."""
    if value is None:
        return []
    entries = value if isinstance(value, list) else [value]
    if not all(isinstance(entry, dict) and BOXES in entry for entry in entries):
        raise ValueError(f"its objects must have a {BOXES} each; {shown(value)} arrived")
    if isinstance(value, list):
        return [(_category(entry), entry[BOXES]) for entry in value]
    categories, boxes = _category(value), value[BOXES]
    if not isinstance(categories, list) or not isinstance(boxes, list) or len(categories) != len(boxes):
        raise ValueError("it must have a category for each box, in lists of one length")
    return list(zip(categories, boxes, strict=True))


def _category(value: dict[str, Any]) -> Any:
    found = next((name for name in _CATEGORIES if name in value), None)
    if found is None:
        raise ValueError(f"its objects must have a category; {shown(value)} arrived")
    return value[found]


def _size(folder: Path, photo: str, rows: DatasetRows, i: int) -> tuple[float, float]:
    """The size of a picture: as columns say it, or that of the file."""
    said = [rows.columns[name][i] if name in rows.columns else None for name in ("width", "height")]
    if all(said):
        try:
            return pixels(*(float(value or 0) for value in said))
        except ValueError as error:
            raise ValueError(
                f"the picture's width and height must be numbers above 0; {shown(said)} arrived"
            ) from error
    try:
        with open_picture(file_in(folder, photo)) as picture:
            return float(picture.width), float(picture.height)
    except PhotoError as error:
        raise ValueError(
            f"its boxes need the size of the picture, and {shown(photo)} cannot be read: {error}"
        ) from error


# --- what a folder holds -------------------------------------------------------------------------

_Read = Callable[[DatasetRows], None]


def _tables(path: Path) -> Iterator[tuple[str, _Read]]:
    """The tables of a data set: the place of each, and what reads its rows."""
    if not path.is_dir():
        if path.suffix.lower() in _ENDINGS and is_of_library(path):
            yield path.name, partial(read_arrow, path, "")
        return
    if (path / "dataset_dict.json").is_file():
        for split in _list_in(path / "dataset_dict.json", "splits"):
            yield from _saved(file_in(path, text(split, "a split")), f"{split} ")
    elif (path / "state.json").is_file() and (path / "dataset_info.json").is_file():
        yield from _saved(path, "")
    else:
        files = [folder / name for folder in (path, *_folders(path)) for name in _METADATA]
        for file in files:
            if file.is_file():
                where = file.relative_to(path).as_posix()
                yield where, partial(_read_metadata, path, where)
        for file in sorted([*path.glob("*.parquet"), *path.glob("*/*.parquet")]):
            where = file.relative_to(path).as_posix()
            if is_of_library(file):
                yield where, partial(_read_hub, path, where)


def _folders(path: Path) -> list[Path]:
    return sorted(folder for folder in path.iterdir() if folder.is_dir() and not folder.is_symlink())


def _saved(folder: Path, place: str) -> Iterator[tuple[str, _Read]]:
    """The files of a data set that `save_to_disk` wrote."""
    info = parse_json(read_bytes(folder / "dataset_info.json", _LARGEST_INFO))
    features = info.get("features")
    for entry in _list_in(folder / "state.json", "_data_files"):
        name = text(entry.get("filename") if isinstance(entry, dict) else entry, "the name of a file")
        where = f"{place}{name}"
        yield where, partial(_read_saved, folder, name, place, features if isinstance(features, dict) else None)


def _read_saved(folder: Path, name: str, place: str, features: dict[str, Any] | None, rows: DatasetRows) -> None:
    read_arrow(file_in(folder, name), place, rows, features)


def _read_hub(path: Path, where: str, rows: DatasetRows) -> None:
    read_arrow(file_in(path, where), f"{where} ", rows)


def _list_in(file: Path, name: str) -> list[Any]:
    found = parse_json(read_bytes(file, _LARGEST_INFO)).get(name)
    if not isinstance(found, list):
        raise ValueError(f"{file.name} must have the list {name}; {shown(found)} arrived")
    return found


# --- metadata ------------------------------------------------------------------------------------


def _read_metadata(path: Path, where: str, rows: DatasetRows) -> None:
    """Add the rows of metadata.csv or metadata.jsonl, whose file names are below its folder."""
    content = read_text(file_in(path, where))
    folder = where.rpartition("/")[0]
    records = _csv_records(content) if where.endswith(".csv") else _json_records(content, where, rows.problems)
    places, found = [], []
    for line, record in records:
        places.append(f"{where} line {line}")
        found.append(record)
    names = list(dict.fromkeys(name for record in found for name in record))
    columns: dict[str, list[str | None]] = {}
    objects: dict[str, list[Any]] = {}
    for name in names:
        values = [record.get(name) for record in found]
        if any(isinstance(value, (dict, list)) for value in values):
            if any(BOXES in value for value in values if isinstance(value, dict)):
                objects[name] = values
        elif name == "file_name" or name.endswith("_file_name"):
            columns[name] = [f"{folder}/{value}".lstrip("/") if value else None for value in values]
        else:
            columns[name] = [
                None if value in (None, "") else value if isinstance(value, str) else json.dumps(value)
                for value in values
            ]
    rows.add(places, columns, objects)


def _csv_records(content: str) -> Iterator[tuple[int, dict[str, Any]]]:
    reader = csv.reader(io.StringIO(content, newline=""), strict=True)
    try:
        heading = next(reader, [])
        for cells in reader:
            if cells:
                yield reader.line_num, dict(zip(heading, cells, strict=False))
    except csv.Error as error:
        raise ValueError(f"line {reader.line_num} cannot be read as CSV: {reason_of(error)}") from error


def _json_records(content: str, where: str, problems: list[Unreadable]) -> Iterator[tuple[int, dict[str, Any]]]:
    for line, entry in enumerate(content.split("\n"), 1):
        if entry.strip():
            try:
                yield line, parse_json(entry.encode())
            except ValueError as error:
                problems.append(Unreadable(f"{where} line {line}", f"must be a JSON object: {reason_of(error)}"))
