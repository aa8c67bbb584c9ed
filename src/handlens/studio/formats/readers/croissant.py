"""Labels in a table that Croissant metadata describe."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from handlens.errors import ImportProblem
from handlens.io.problems import reason_of
from handlens.studio.formats.checked import fields, file_in, json_mentions, read_json, shown, text
from handlens.studio.formats.found import FoundLabels, Unreadable, chosen
from handlens.studio.formats.matching import PhotoNames
from handlens.studio.formats.readers.csv import CsvImporter
from handlens.studio.formats.readers.parquet import ParquetImporter

_TABLES = (ParquetImporter(), CsvImporter())


class CroissantImporter:
    """Reads a table, Parquet or text, that lies beside Croissant metadata: croissant.json, or the folder with it.

    Nothing is downloaded: files that are elsewhere are listed as problems. Choices: `table`, if there are several, and
    those of its format.
    """

    name, title, endings = "croissant", "Croissant", (".json", "/")

    def recognises(self, path: Path) -> bool:
        """Whether it is such a file, or a folder with croissant.json."""
        return json_mentions(_file(path), "{", "@context", "conformsTo", "distribution")

    def read(self, path: Path, photos: PhotoNames, **choices: str) -> FoundLabels:
        """The labels in the columns of a table; see `found_in_columns`."""
        file, problems = _file(path), []
        try:
            described = fields(read_json(file), "what it says").get("distribution")
            if not isinstance(described, list):
                raise ValueError(f"distribution must be a list; {shown(described)} arrived")
        except ValueError as error:
            raise ImportProblem(f"{file.name} must be Croissant metadata: {reason_of(error)}.") from error
        tables: list[str] = []
        for number, entry in enumerate(described, 1):
            try:
                address = _address(entry)
                if address is not None:
                    if not file_in(file.parent, address).is_file():
                        raise ValueError(f"{shown(address)} is not in the folder, and nothing is downloaded")
                    tables.append(address)
            except ValueError as error:
                problems.append(Unreadable(f"distribution {number}", str(error)))
        if not tables:
            why = problems[0].reason if problems else "none of its files is one"
            raise ImportProblem(f"{path.name} must describe a table, Parquet or CSV, in its folder; {why}.")
        table = choices.pop("table", tables[0])
        wanted = chosen({"table": table}, {"table": tables}, format=self.title)
        reader = next(one for one in _TABLES if Path(table).suffix.lower() in one.endings)
        found = reader.read(file_in(file.parent, table), photos, **choices)
        both = FoundLabels.of(
            self.title, path.name, [], problems=[*problems, *map(Unreadable._make, found.problems.values)]
        )
        return replace(both, labels=found.labels, choices={**(wanted if len(tables) > 1 else {}), **found.choices})


def _file(path: Path) -> Path:
    return path / "croissant.json" if path.is_dir() else path


def _address(entry: object) -> str | None:
    """Where a file of the data set is, if it is a table."""
    address = text(fields(entry, "an entry").get("contentUrl", ""), "contentUrl").removeprefix("./")
    return address if any(Path(address).suffix.lower() in one.endings for one in _TABLES) else None
