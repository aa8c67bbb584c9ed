"""Datasheet: what a dataset is; half of it is computed from the data, and half is answered by people."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Self, TypeGuard

from handlens.audit.data_facts import columns_of, describe_data, facts_of, paths_of
from handlens.audit.questionnaire import Document, Questionnaire, read, write
from handlens.audit.questions import DATASHEET
from handlens.core.checks import listed
from handlens.core.description import DataDescription
from handlens.errors import AuditError, HandlensError
from handlens.io.files import atomic_write
from handlens.io.problems import reason_of

FORMAT = "handlens-datasheet"
FORMAT_VERSION = 1


class Datasheet(Questionnaire):
    """A datasheet for a dataset, kept as a Markdown file that people edit too.

    Args:
        name: what the dataset is called.
        facts: what was computed from the data, as plain values.
        answers: what people answered, by the question's key; "notes" holds what they wrote elsewhere in the file.
        source: the files or folders that the facts are of; none for data in memory.

    Example:
        >>> import pandas as pd
        >>> sheet = Datasheet.from_data(pd.DataFrame({"age": [38, 53, None]}), name="three people")
        >>> sheet.facts["columns"]["age"]
        {'type': 'number', 'missing': 1, 'distinct': 2, 'least': 38, 'greatest': 53}
        >>> sheet.answer("uses.never", "Decisions about people.")
        >>> sheet
        Datasheet of three people: 37 of 38 questions not answered yet
    """

    sections = DATASHEET

    def __init__(
        self, name: str, facts: dict[str, Any], answers: dict[str, str] | None = None, source: list[Path] | None = None
    ) -> None:
        self.name = " ".join(name.split())
        self.facts = facts
        self.answers = answers or {}
        self.source = source or []

    @classmethod
    def from_data(
        cls, data: Any, *, name: str | None = None, target: str | None = None, hide: Iterable[str] = ()
    ) -> Self:
        """A datasheet with all facts that can be computed from the data, and no question answered yet.

        Args:
            data: a data frame; the path of a .csv, .csv.gz or .parquet file or of a folder of pictures; a list of
                such paths or a mapping of frames or paths by name, one for each part (train, valid, …); an object
                that describes itself: a DataBunch, a TabularList, an ImageItemList or a Studio collection. A folder's
                subfolders train, valid and test are parts, and the folders that hold the pictures are their labels.
            name: what the dataset is called; its own name, or that of the file or folder, unless given.
            target: the column to predict, whose classes are counted; a DataBunch knows it.
            hide: columns of which no value may be in the datasheet, such as ["employee"]; ["label"] for the labels of
                pictures. Values that look like names of people, e-mail addresses, phone numbers, identifiers or free
                text are left out in any case, and the facts say so.

        Returns:
            The datasheet.

        Raises:
            AuditError: `data` is none of these or is empty; there is no such column to predict or to hide.
            TableError: a file cannot be read.
            DataError: a DataBunch has no items, or they are neither rows nor files.
        """
        described, source = describe_data(data), paths_of(data)
        facts = facts_of(described, target=target, hide=listed(hide, "hide", "['employee']", AuditError))
        if name is None:
            name = described.name or " and ".join(path.name for path in source) or "data"
        if not isinstance(name, str):
            raise AuditError(f"name must be text; {type(name).__name__} arrived.")
        return cls(name, facts, source=source)

    @property
    def hash(self) -> str:
        """SHA-256 over the hashes of all parts, in 64 characters: it says which data this datasheet is of."""
        parts = {name: part["sha256"] for name, part in self.facts["parts"].items()}
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    def refresh(self, data: Any = None, *, target: str | None = None, hide: Iterable[str] = ()) -> None:
        """Compute the facts again, and keep every answer.

        Args:
            data: as in `from_data`; the files that the datasheet was made from unless given.
            target: as in `from_data`; the same as before unless given.
            hide: as in `from_data`; in addition to those that are hidden already.

        Raises:
            AuditError: there are no such files any more; otherwise as `from_data`.
        """
        source = self._data(data)
        described = describe_data(source)
        hidden = [*self._hidden(described), *listed(hide, "hide", "['employee']", AuditError)]
        target = target or self.facts.get("target")
        self.facts = facts_of(described, target=target, hide=list(dict.fromkeys(hidden)))
        self.source = paths_of(source)

    def check(self, data: Any = None) -> list[str]:
        """List what is missing and what no longer matches the data.

        Args:
            data: as in `from_data`; the files that the datasheet was made from unless given.

        Returns:
            A line for each question without an answer and for each fact that differs; none if there are none.
        """
        questions = self.questions
        found = [f"not answered: {questions[key]} ({key})" for key in self.unanswered]
        try:
            described = describe_data(self._data(data))
            now = facts_of(described, target=self.facts.get("target"), hide=self._hidden(described))
        except HandlensError as error:
            return [*found, f"the facts cannot be compared: {error}"]
        return [*found, *_differences(self.facts, now)]

    def to_markdown(self) -> str:
        """The datasheet as Markdown with YAML front matter; `from_markdown` reads it."""
        return self._markdown(self.source)

    def _markdown(self, source: list[Path] | list[str]) -> str:
        from handlens.audit.report.datasheet_tables import facts_as_markdown

        front_matter: dict[str, Any] = {"format": FORMAT, "format_version": FORMAT_VERSION, "name": self.name}
        if source:
            front_matter["data"] = [str(path) for path in source]
        front_matter |= {"sha256": self.hash, "facts": self.facts}
        computed = facts_as_markdown(self.facts)
        return write(Document(f"Datasheet: {self.name}", front_matter, computed, self.answers), self.sections)

    @classmethod
    def from_markdown(cls, text: str) -> Self:
        """The datasheet that `to_markdown` wrote and people may have edited.

        Raises:
            AuditError: the text is not a datasheet.
        """
        document = read(text, cls.sections)
        fields = document.front_matter
        if fields.get("format") != FORMAT:
            raise AuditError(f"it is not a datasheet: its front matter does not say format: {FORMAT}.")
        version = fields.get("format_version")
        if not isinstance(version, int) or not 1 <= version <= FORMAT_VERSION:
            raise AuditError(f"it is a datasheet of format {version}; this handlens reads format {FORMAT_VERSION}.")
        name, facts, source = fields.get("name"), fields.get("facts"), fields.get("data", [])
        if not isinstance(name, str) or not _has_parts(facts) or not _is_texts(source):
            raise AuditError("its front matter is damaged: name, data or facts are not what handlens writes.")
        return cls(name, facts, document.answers, [Path(path) for path in source])

    def save(self, path: Path | str) -> None:
        """Write the datasheet to a file, completely or not at all, with the place of the data relative to the file.

        Raises:
            StorageError: the file cannot be written.
        """
        target = Path(path).absolute()
        text = self._markdown([_relative(source, target.parent) for source in self.source])
        with atomic_write(target) as partial:
            partial.write_text(text, encoding="utf-8", newline="\n")

    @classmethod
    def load(cls, path: Path | str) -> Self:
        """Read a saved datasheet.

        Raises:
            AuditError: there is no such file, or it is not a datasheet.
        """
        file = Path(path).absolute()
        try:
            with file.open(encoding="utf-8", newline="") as opened:
                sheet = cls.from_markdown(opened.read())
        except FileNotFoundError:
            raise AuditError(
                f"there is no datasheet {path}. Make one: handlens audit datasheet DATA --out {path}."
            ) from None
        except (OSError, UnicodeDecodeError) as error:
            raise AuditError(f"{path} cannot be read: {reason_of(error)}.") from error
        except AuditError as error:
            raise AuditError(f"{path} cannot be read as a datasheet: {error}") from error
        sheet.source = [Path(os.path.normpath(file.parent / source)) for source in sheet.source]
        return sheet

    def _data(self, data: Any) -> Any:
        if data is not None:
            return data
        if not self.source:
            raise AuditError("data must be given, because this datasheet was made from data in memory.")
        gone = next((source for source in self.source if not source.exists()), None)
        if gone is not None:
            raise AuditError(f"data must be given, because they are no longer at {gone}.")
        return self.source[0] if len(self.source) == 1 else self.source

    def _hidden(self, data: DataDescription) -> list[str]:
        """The columns that are hidden and that the data still have."""
        return [name for name in self.facts.get("hidden", []) if name in columns_of(data)]

    def __repr__(self) -> str:
        return f"Datasheet of {self.name}: {self._progress()}"

    def _repr_markdown_(self) -> str:
        return self.to_markdown().split("---\n", 2)[2]


def _relative(source: Path, folder: Path) -> str:
    try:
        return Path(os.path.relpath(source, folder)).as_posix()
    except ValueError:  # another drive
        return str(source)


def _has_parts(facts: object) -> TypeGuard[dict[str, Any]]:
    if not isinstance(facts, dict) or not isinstance(facts.get("parts"), dict) or not facts["parts"]:
        return False
    return all(isinstance(part, dict) and isinstance(part.get("sha256"), str) for part in facts["parts"].values())


def _is_texts(source: object) -> TypeGuard[list[str]]:
    return isinstance(source, list) and all(isinstance(path, str) for path in source)


def _differences(before: object, now: object, where: str = "") -> list[str]:
    """A line for each fact that differs, such as "columns, age, missing: 3 in the sheet, 4 in the data"."""
    if isinstance(before, dict) and isinstance(now, dict):
        found = []
        for key in [*before, *(key for key in now if key not in before)]:
            here = f"{where}, {key}" if where else str(key)
            if key not in now:
                found.append(f"{here}: in the sheet, and no longer in the data")
            elif key not in before:
                found.append(f"{here}: in the data, and not in the sheet")
            else:
                found += _differences(before[key], now[key], here)
        return found
    if before == now:
        return []
    return [f"{where}: {before} in the sheet, {now} in the data"]
