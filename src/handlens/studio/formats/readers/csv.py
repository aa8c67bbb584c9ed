"""Labels in text: CSV, TSV, and the CSV files that Studio writes."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from handlens.errors import ImportProblem
from handlens.io.problems import reason_of
from handlens.io.spreadsheets import LABEL_COLUMNS, unguarded
from handlens.studio.formats.found import FoundLabels, Unreadable
from handlens.studio.formats.matching import PhotoNames
from handlens.studio.formats.readers.columns import LABEL_NAMES, PHOTO_NAMES, called, found_in_columns

LARGEST = 2**30
"""Bytes that a file may have."""

_SEPARATORS = {"comma": ",", "semicolon": ";", "tab": "\t"}
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")

_Rows = list[tuple[int, list[str]]]


class CsvImporter:
    """Reads labels from rows of text, whose fields are separated by commas, semicolons or tabs.

    The first row names the columns, unless it names a photo itself. Every text is taken exactly as it is. Choices:
    photo_column, label_column, separator, and encoding, which may be any that Python knows.

    Example:
        >>> _ = Path("labels.csv").write_text("file,site,species\\na.jpg,north,007\\nb.jpg,north,NA\\n")
        >>> found = CsvImporter().read(Path("labels.csv"), PhotoNames(["a.jpg", "b.jpg"]))
        >>> found.labels["label"].tolist(), found.choices["label_column"]
        (['007', 'NA'], ['species', 'site'])
    """

    name, title, endings = "csv", "CSV", (".csv", ".tsv", ".txt")

    def recognises(self, path: Path) -> bool:
        """Whether it is a file: any with such an ending is read, so that the message says what is wrong with it."""
        return path.is_file()

    def read(self, path: Path, photos: PhotoNames, **choices: str) -> FoundLabels:
        """Read labels from the columns of a text; see `found_in_columns`."""
        text, encodings = _text(path, choices.pop("encoding", None))
        first = next((line.rstrip("\r\n") for line in io.StringIO(text, newline="") if line.strip()), "")
        separators = sorted(_SEPARATORS, key=lambda name: -first.count(_SEPARATORS[name]))
        if first.lower().startswith("sep=") and len(first) == 5:  # a line for spreadsheet programs
            text = text.replace(first, "", 1)
            separators = [name for name, mark in _SEPARATORS.items() if mark == first[4]] or separators
        chosen = choices.pop("separator", separators[0])
        if chosen not in _SEPARATORS:
            raise ImportProblem(f"separator must be one of {', '.join(_SEPARATORS)}; {chosen!r} arrived.")
        rows = _rows(text, path.name, _SEPARATORS[chosen])
        heading, rows = _heading(rows, photos)
        whole, problems = [], []
        for line, cells in rows:
            if len(cells) == len(heading):
                whole.append((line, cells))
            else:
                problems.append(Unreadable(f"line {line}", f"has {_values(cells)}, and the first row {len(heading)}"))
        if not whole:
            raise ImportProblem(f"{path.name} must have a row of names and rows of as many values below it.")
        columns = {name: [cells[i] for _, cells in whole] for i, name in enumerate(heading)}
        if set(LABEL_COLUMNS[:-1]) <= {*heading} and text.partition("\n")[0].endswith("\r"):
            columns = {name: [unguarded(cell) for cell in cells] for name, cells in columns.items()}
        return found_in_columns(
            self.title,
            path.name,
            {name: [cell or None for cell in cells] for name, cells in columns.items()},
            [f"line {line}" for line, _ in whole],
            photos,
            choices,
            problems=problems,
            offered={
                "separator": [chosen, *(name for name in separators if name != chosen)],
                "encoding": encodings,
            },
        )


def _text(path: Path, encoding: str | None) -> tuple[str, list[str]]:
    """The text of a file, and encodings: the one that it was read in first."""
    try:
        if path.stat().st_size > LARGEST:
            raise ImportProblem(f"{path.name} must have at most {LARGEST / 1e9:.1f} GB; it has more. Cut it in parts.")
        data = path.read_bytes()
    except OSError as error:
        raise ImportProblem(f"{path.name} cannot be read: {reason_of(error)}.") from error
    guess = "utf-16" if data[:2] in _UTF_16 else "utf-8"
    used = encoding or guess
    try:
        text = data.decode("utf-8-sig" if used == "utf-8" else used)
    except LookupError:
        raise ImportProblem(
            f"encoding must be one that Python knows, such as cp1252, shift_jis or gb18030; {used!r} arrived."
        ) from None
    except (UnicodeError, ValueError) as error:
        at = getattr(error, "start", 0)
        line = data[:at].count(b"\n") + 1
        advice = "Choose its encoding, such as encoding=cp1252 for Western Europe, or save it again as UTF-8."
        if b"\0" in data:
            advice = "It seems not to be a text at all."
        raise ImportProblem(
            f"{path.name} must be text in {used.upper()}; the byte 0x{data[at] if at < len(data) else 0:02x} in line "
            f"{line} is not. {advice}"
        ) from error
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise ImportProblem(f"{path.name} must be text; a zero byte arrived in line {line}. Save it again as UTF-8.")
    return text, [used, *(name for name in ("utf-8", "utf-16", "cp1252") if name != used)]


def _rows(text: str, name: str, separator: str) -> _Rows:
    """The rows that are not empty, each with the number of the line on which it begins."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    rows, line = [], 1
    try:
        for cells in reader:
            if any(cells):
                rows.append((line, cells))
            line = reader.line_num + 1
    except csv.Error as error:
        raise ImportProblem(
            f"{name} cannot be read as CSV from line {line} on: {reason_of(error)}. Are its quotes in pairs?"
        ) from error
    if not rows:
        raise ImportProblem(f"{name} must have a row of names and rows of values below it; it is empty.")
    return rows


def _heading(rows: _Rows, photos: PhotoNames) -> tuple[list[str], _Rows]:
    """The names of the columns, which all differ, and the rows of values."""
    first = rows[0][1]
    said = any(called(cell, (*PHOTO_NAMES, *LABEL_NAMES)) for cell in first)
    if not said and any(photos.find(cell)[0] >= 0 for cell in first):
        return [f"column {i}" for i in range(1, len(first) + 1)], rows
    names: dict[str, None] = {}
    for i, cell in enumerate(first, 1):
        name = cell.strip() or f"column {i}"
        while name in names:
            name += f" (column {i})"
        names[name] = None
    return list(names), rows[1:]


def _values(cells: list[str]) -> str:
    return "1 value" if len(cells) == 1 else f"{len(cells)} values"
