"""What a collection remembers beside its labels: one typed accessor for each thing, in the collection's SQLite file.

Values are small JSON documents by key. The keys are part of the file format, so they stay as they are.
"""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

from handlens.io.sqlite import open_database, storage_errors, transaction

_SCHEMA = "CREATE TABLE IF NOT EXISTS keep (name TEXT PRIMARY KEY, value TEXT NOT NULL);"

RequestedSource = dict[str, str | None]
"""A source of features that was asked for: its "backbone" (None for learned features) and file of "weights"."""


class Settings:
    """Settings and results of a collection; each assignment is on disk before it returns.

    Other processes may read and write the same file. All accessors raise StorageError when the disk refuses.

    Args:
        database: the collection's SQLite file; created if it does not exist.

    Example:
        >>> settings = Settings(Path("collection.sqlite"))
        >>> settings.view = {"zoom": 2}
        >>> settings.view
        {'zoom': 2}
        >>> settings.close()
    """

    def __init__(self, database: Path) -> None:
        self._lock = threading.Lock()
        with storage_errors(f"the settings in {database} could not be opened"):
            self._db = open_database(database, _SCHEMA)

    def close(self) -> None:
        """Close the file; the settings cannot be used afterwards."""
        self._db.close()

    # --- the page ------------------------------------------------------------------------------

    @property
    def view(self) -> dict[str, Any] | None:
        """The state in which the page was left, any JSON object; None at first."""
        found = self._get("view")
        return found if isinstance(found, dict) else None

    @view.setter
    def view(self, view: dict[str, Any]) -> None:
        self._put({"view": view})

    # --- photos and features -------------------------------------------------------------------

    @property
    def requested_sources(self) -> list[RequestedSource]:
        """The sources of features that were asked for, in order; learned features unless something else was."""
        found = self._get("sources")
        return found if isinstance(found, list) else [{"backbone": None, "weights": None}]

    @requested_sources.setter
    def requested_sources(self, sources: list[RequestedSource]) -> None:
        self._put({"sources": sources})

    @property
    def unreadable(self) -> dict[int, str]:
        """Photos that could not be read when they were prepared, by id, with the reason."""
        found = self._get("refused")
        return {int(id): reason for id, reason in found.items()} if isinstance(found, dict) else {}

    @unreadable.setter
    def unreadable(self, reasons: dict[int, str]) -> None:
        self._put({"refused": reasons})

    @property
    def separating(self) -> list[int]:
        """The labels that the projection "separate" pulls apart, by the numbers of their colours."""
        found = self._get("separating")
        return found if isinstance(found, list) else []

    @separating.setter
    def separating(self, colours: list[int]) -> None:
        self._put({"separating": colours})

    # --- models --------------------------------------------------------------------------------

    @property
    def model_in_use(self) -> str | None:
        """The kind of the model in use; None before the first training."""
        found = self._get("in use")
        return found if isinstance(found, str) else None

    @model_in_use.setter
    def model_in_use(self, kind: str) -> None:
        self._put({"in use": kind})

    def model_record(self, kind: str) -> dict[str, Any] | None:
        """What was kept of the model of a kind when it was trained, None if there is no such model."""
        found = self._get(_RECORDS.get(kind, kind))
        return found if isinstance(found, dict) else None

    def held_out(self, kind: str) -> Any:
        """The predictions of held-out photos that were kept with the model of a kind."""
        return self._get(f"held out {kind}")

    def replace_model(self, kind: str, record: dict[str, Any], held_out: dict[str, Any]) -> None:
        """Replace the model of a kind: record, held-out predictions and use in one transaction, all or nothing."""
        self._put({_RECORDS.get(kind, kind): record, f"held out {kind}": held_out, "in use": kind})

    # --- checks and review ---------------------------------------------------------------------

    @property
    def attached_name(self) -> str | None:
        """The name of the attached CSV, None without one."""
        found = self._get("attached")
        return found if isinstance(found, str) else None

    @attached_name.setter
    def attached_name(self, name: str | None) -> None:
        self._put({"attached": name})

    def answer(self, question: str) -> str:
        """The answer to a question of the datasheet, "" without one."""
        found = self._get(f"datasheet {question}")
        return found if isinstance(found, str) else ""

    def set_answer(self, question: str, text: str) -> None:
        """Keep the answer to a question of the datasheet."""
        self._put({f"datasheet {question}": text})

    def label_before_review(self, case: int) -> str | None:
        """The label that the photo of a decided case had before, "" for none; None if the case is not settled."""
        found = self._get(f"review {case}: label before")
        return found if isinstance(found, str) else None

    def set_label_before_review(self, case: int, label: str | None) -> None:
        """Keep the label that a photo had before its case was decided; None when the case waits again."""
        self._put({f"review {case}: label before": label})

    # --- inside --------------------------------------------------------------------------------

    def _put(self, values: dict[str, object]) -> None:
        rows = [(key, json.dumps(value)) for key, value in values.items()]
        with self._lock, storage_errors("the collection's settings could not be written"), transaction(self._db):
            self._db.executemany("INSERT OR REPLACE INTO keep VALUES (?, ?)", rows)

    def _get(self, key: str) -> Any:
        with self._lock, storage_errors("the collection's settings could not be read"):
            row = self._db.execute("SELECT value FROM keep WHERE name = ?", (key,)).fetchone()
        return None if row is None else json.loads(row[0])


_RECORDS = {"quick": "report"}
"""Keys of model records that differ from the kind of the model."""
