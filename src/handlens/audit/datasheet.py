"""Datasheet: what a dataset is, half of it worked out from the data and half answered by people."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self, TypeGuard

from handlens.audit import questionnaire as forms
from handlens.audit.data_facts import facts_of, paths_of
from handlens.audit.questions import DATASHEET
from handlens.errors import AuditError, HandlensError
from handlens.io.files import atomic_write

FORMAT = "handlens-datasheet"
FORMAT_VERSION = 1


class Datasheet:
    """A datasheet for a dataset, kept as a Markdown file that people edit too.

    Attributes:
        name: what the dataset is called.
        facts: what was worked out from the data, as plain values.
        answers: what people answered, by the question's key; "notes" holds what they wrote elsewhere in the file.
        source: the files or folders that the facts are of; none for data in memory.
    """

    sections = DATASHEET

    def __init__(
        self, name: str, facts: dict[str, Any], answers: dict[str, str] | None = None, source: list[Path] | None = None
    ) -> None:
        self.name = " ".join(name.split())
        self.facts = facts
        self.answers: dict[str, str] = answers or {}
        self.source = source or []

    @classmethod
    def from_data(cls, data: Any, *, name: str | None = None, target: str | None = None) -> Self:
        """A sheet with all that can be worked out from the data, and every question still open.

        Args:
            data: a data frame; the path of a .csv, .csv.gz or .parquet file or of a folder of pictures; a list of
                such paths or a mapping of frames or paths by name, one for each part (train, valid, …); a DataBunch
                of a table or of pictures; a Studio collection. A folder's subfolders train, valid and test are
                parts, and the folders that the pictures lie in are their labels.
            name: what the dataset is called; the file's or folder's name unless given.
            target: the column to predict, whose classes are counted; a DataBunch knows it.

        Raises:
            AuditError, TableError: `data` is none of these, cannot be read or is empty; there is no such column.
        """
        facts = facts_of(data, target=target)
        paths = paths_of(data)
        if name is None:
            name = getattr(data, "name", None) if not paths and hasattr(data, "images") else None
            name = name or (" and ".join(path.name for path in paths) if paths else "data")
        if not isinstance(name, str):
            raise AuditError(f"name must be text; {type(name).__name__} arrived")
        return cls(name, facts, source=paths)

    @property
    def questions(self) -> dict[str, str]:
        """The questions by key, in their order."""
        return dict(_each(self.sections))

    @property
    def unanswered(self) -> list[str]:
        """The keys of the questions without an answer, in their order."""
        return [key for key in self.questions if not self.answers.get(key)]

    @property
    def hash(self) -> str:
        """SHA-256 over the hashes of all parts: which data this sheet is of, in 64 characters."""
        parts = {name: part["sha256"] for name, part in self.facts["parts"].items()}
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    def answer(self, key: str, text: str) -> None:
        """Answer a question; an empty text takes the answer back.

        Raises AuditError if there is no such question, or the text is none that a file can hold.
        """
        forms.answer(self.answers, self.questions, key, text)

    def refresh(self, data: Any = None, *, target: str | None = None) -> None:
        """Work the facts out anew, of `data` or of the files that the sheet is of; every answer stays."""
        source = self._data(data)
        self.facts = facts_of(source, target=target or self.facts.get("target"))
        self.source = paths_of(source)

    def check(self, data: Any = None) -> list[str]:
        """What is missing, or no longer matches the data: a sentence each; nothing if all is well.

        `data` are compared as in `from_data`; without them the files are, that the sheet was made of.
        """
        asked = self.questions
        found = [f"not answered: {asked[key]} ({key})" for key in self.unanswered]
        try:
            now = facts_of(self._data(data), target=self.facts.get("target"))
        except HandlensError as error:
            return [*found, f"the facts cannot be compared: {error}"]
        return [*found, *_differences(self.facts, now)]

    def to_markdown(self) -> str:
        """The sheet as Markdown with YAML front matter; `from_markdown` reads it."""
        return self._markdown(self.source)

    def _markdown(self, source: list[Path] | list[str]) -> str:
        from handlens.audit.report.datasheet_tables import facts_as_markdown

        about: dict[str, Any] = {"format": FORMAT, "format_version": FORMAT_VERSION, "name": self.name}
        if source:
            about["data"] = [str(path) for path in source]
        about |= {"sha256": self.hash, "facts": self.facts}
        form = forms.Form(f"Datasheet: {self.name}", about, facts_as_markdown(self.facts), self.answers)
        return forms.write(form, self.sections)

    @classmethod
    def from_markdown(cls, text: str) -> Self:
        """The sheet that `to_markdown` wrote and people may have edited; raises AuditError if it is none."""
        form = forms.read(text, cls.sections)
        about = form.about
        if about.get("format") != FORMAT:
            raise AuditError(f"it is not a datasheet: its front matter does not say format: {FORMAT}")
        version = about.get("format_version")
        if not isinstance(version, int) or not 1 <= version <= FORMAT_VERSION:
            raise AuditError(f"it is a datasheet of format {version}; this handlens reads format {FORMAT_VERSION}")
        name, facts, source = about.get("name"), about.get("facts"), about.get("data", [])
        if not isinstance(name, str) or not _has_parts(facts) or not _is_texts(source):
            raise AuditError("its front matter is damaged: name, data or facts are not what handlens writes")
        return cls(name, facts, form.answers, [Path(path) for path in source])

    def save(self, path: Path | str) -> None:
        """Write the sheet, whole or not at all; the data's place is written relative to it. StorageError if refused."""
        target = Path(path).absolute()
        text = self._markdown([_relative(source, target.parent) for source in self.source])
        with atomic_write(target) as partial:
            partial.write_text(text, encoding="utf-8", newline="\n")

    @classmethod
    def load(cls, path: Path | str) -> Self:
        """Read a saved sheet; raises AuditError if there is none, or it is not one."""
        file = Path(path).absolute()
        try:
            with file.open(encoding="utf-8", newline="") as opened:
                sheet = cls.from_markdown(opened.read())
        except FileNotFoundError:
            raise AuditError(
                f"there is no datasheet {path}; make one: handlens audit datasheet DATA --out {path}"
            ) from None
        except (OSError, UnicodeDecodeError) as error:
            raise AuditError(f"{path} cannot be read: {error}") from error
        except AuditError as error:
            raise AuditError(f"{path} cannot be read as a datasheet: {error}") from error
        sheet.source = [Path(os.path.normpath(file.parent / source)) for source in sheet.source]
        return sheet

    def _data(self, data: Any) -> Any:
        if data is not None:
            return data
        if not self.source:
            raise AuditError("data must be given; this sheet was made of data in memory and remembers no file")
        gone = next((source for source in self.source if not source.exists()), None)
        if gone is not None:
            raise AuditError(f"data must be given; they are no longer at {gone}")
        return self.source[0] if len(self.source) == 1 else self.source

    def __repr__(self) -> str:
        return f"Datasheet of {self.name}: {len(self.unanswered)} of {len(self.questions)} questions not answered yet"

    def _repr_markdown_(self) -> str:
        return self.to_markdown().split("---\n", 2)[2]


def _each(sections: Mapping[str, Mapping[str, str]]) -> Iterator[tuple[str, str]]:
    for questions in sections.values():
        yield from questions.items()


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
    """Each fact that differs, named by its place: "columns, age, missing: 3 in the sheet, 4 in the data"."""
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
