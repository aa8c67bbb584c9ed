"""What a collection remembers besides its labels: one typed accessor for each thing, in the collection's SQLite file.

Values are small JSON documents by key. The keys are part of the file format, so they stay as they are.
"""

from __future__ import annotations

import json
import logging
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from handlens.io.deep_pictures import Limits, ValueRange
from handlens.io.sqlite import open_database, storage_errors, transaction

_SCHEMA = "CREATE TABLE IF NOT EXISTS keep (name TEXT PRIMARY KEY, value TEXT NOT NULL);"

_NOT_WRITTEN = "the collection's settings could not be written"

FIRST_NAME = "attributes.csv"
"""The file of the attached CSV in earlier versions."""

VIEW_DEPTH = 32  # a filter has up to 8 levels, each of which is an object in a list

_log = logging.getLogger(__name__)

RequestedSource = dict[str, str | None]
"""A source of features that was asked for: its "backbone" (None for learned features, "auto" to choose by the photos),
file of "weights" and, if it was chosen by the photos or is a CLIP or SigLIP model, the "reason"."""

SavedFilter = dict[str, Any]
"""A saved filter: the "filter" as JSON, and the "keys" of the labels that it names, which outlive their names."""


class Settings:
    """Settings and results of a collection; each assignment is on disk before it returns.

    Other processes may read and write the same file. A value that is damaged, because somebody edited the file, counts
    as missing, with a line in the log. All accessors raise StorageError when the disk refuses.

    Args:
        database: the collection's SQLite file; created if it does not exist.

    Attributes:
        damage: what is damaged, by key, as sentences.

    Example:
        >>> settings = Settings(Path("collection.sqlite"))
        >>> settings.view = {"zoom": 2}
        >>> settings.view
        {'zoom': 2}
        >>> settings.close()
    """

    def __init__(self, database: Path) -> None:
        self._lock = threading.Lock()
        self.damage: dict[str, str] = {}
        with storage_errors(f"the settings in {database} could not be opened"):
            self._db = open_database(database, _SCHEMA)
            self._db.keep_checksums("keep")
            if gone := self._db.gone("keep"):
                self.damage[""] = f"The settings of the collection are damaged: {len(gone)} cannot be found any more."

    @property
    def read_only(self) -> bool:
        """Whether they are on a disk that cannot be written."""
        return self._db.read_only

    def close(self) -> None:
        """Close the file; the settings cannot be used afterwards."""
        with self._lock:
            self._db.close()

    def check_in_place(self) -> None:
        """Raise StorageError if the collection was deleted, moved or replaced since it was opened."""
        self._db.check_in_place()

    def has_table(self, name: str) -> bool:
        """Whether the collection's file has a table, such as one that is made when it is first needed."""
        with self._lock, storage_errors("the collection's settings could not be read"):
            return self._db.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (name,)).fetchone() is not None

    # --- the page ------------------------------------------------------------------------------

    @property
    def view(self) -> dict[str, Any] | None:
        """The state in which the page was left, any JSON object; None at first."""
        return self._get("view", _is_view)

    @view.setter
    def view(self, view: dict[str, Any]) -> None:
        self._put({"view": view})

    @property
    def saved_filters(self) -> dict[str, SavedFilter]:
        """The filters that were saved, by name, in the order in which they were first saved."""
        return self._get("filters", _are_filters) or {}

    @contextmanager
    def changing_filters(self) -> Iterator[dict[str, SavedFilter]]:
        """The saved filters, which are kept as the block leaves them; no other process changes them meanwhile."""
        with self._lock, storage_errors(_NOT_WRITTEN), transaction(self._db):
            filters: dict[str, SavedFilter] = self._read("filters", _are_filters) or {}
            yield filters
            self._write({"filters": filters})

    # --- photos and features -------------------------------------------------------------------

    @property
    def place(self) -> str | None:
        """The folder in which the collection was opened last; None if it never was."""
        return self._get("place", _is_text)

    @place.setter
    def place(self, folder: str) -> None:
        self._put({"place": folder})

    @property
    def requested_sources(self) -> list[RequestedSource]:
        """The sources of features that were asked for, in order; learned features unless something else was."""
        return self._get("sources", _are_sources) or [{"backbone": None, "weights": None}]

    @requested_sources.setter
    def requested_sources(self, sources: list[RequestedSource]) -> None:
        self._put({"sources": sources})

    @property
    def photos_version(self) -> int:
        """How often prepared photos were read again and had changed."""
        return self._get("photos version", _is_count) or 0

    @photos_version.setter
    def photos_version(self, version: int) -> None:
        self._put({"photos version": version})

    @property
    def unreadable(self) -> dict[int, str]:
        """Photos that could not be read when they were prepared, by id, with the reason."""
        return {int(id): reason for id, reason in (self._get("refused", _are_reasons) or {}).items()}

    @unreadable.setter
    def unreadable(self, reasons: dict[int, str]) -> None:
        self._put({"refused": reasons})

    @property
    def limits(self) -> dict[str, ValueRange] | None:
        """The ranges in which photos of more than 8 bits are shown; None before the first preparation."""
        found = self._get("limits", _are_limits)
        return None if found is None else {kind: ValueRange(*ends) for kind, ends in found.items()}

    @limits.setter
    def limits(self, limits: Limits) -> None:
        self._put({"limits": limits})

    @property
    def separating(self) -> list[int]:
        """The labels that the projection "separate" pulls apart, by the numbers of their colours."""
        return self._get("separating", _are_numbers) or []

    @separating.setter
    def separating(self, colours: list[int]) -> None:
        self._put({"separating": colours})

    # --- models --------------------------------------------------------------------------------

    @property
    def model_in_use(self) -> str | None:
        """The kind of the model in use; None before the first training."""
        return self._get("in use", _is_text)

    @model_in_use.setter
    def model_in_use(self, kind: str) -> None:
        self._put({"in use": kind})

    def model_record(self, kind: str) -> dict[str, Any] | None:
        """What was kept of the model of a kind when it was trained, None if there is no such model."""
        return self._get(_RECORDS.get(kind, kind), _is_object)

    def held_out(self, kind: str) -> dict[str, Any] | None:
        """The predictions of held-out photos that were kept with the model of a kind, None if they were not."""
        return self._get(f"held out {kind}", _is_object)

    def replace_model(
        self, kind: str, record: dict[str, Any], held_out: dict[str, Any], *, use: str, outcome: str = ""
    ) -> None:
        """Replace the model of a kind, its held-out predictions, the kind in use, and what came out of the training.

        All of it changes in one transaction.
        """
        self._put({_RECORDS.get(kind, kind): record, f"held out {kind}": held_out, "in use": use, "outcome": outcome})

    @property
    def outcome(self) -> str:
        """Whether the latest training helped, as a sentence; "" if there was no other model."""
        return self._get("outcome", _is_text) or ""

    # --- checks and review ---------------------------------------------------------------------

    @property
    def attached(self) -> tuple[str, str] | None:
        """The name of the attached CSV, and of the file in the collection's folder that holds it; None without one."""
        name = self._get("attached", _is_text)
        return None if name is None else (name, self._get("attached file", _is_own_csv) or FIRST_NAME)

    @attached.setter
    def attached(self, names: tuple[str, str] | None) -> None:
        name, file = names or (None, None)
        self._put({"attached": name, "attached file": file})

    def answer(self, question: str) -> str:
        """The answer to a question of the datasheet, "" without one."""
        return self._get(f"datasheet {question}", _is_text) or ""

    def set_answer(self, question: str, text: str) -> None:
        """Keep the answer to a question of the datasheet."""
        self._put({f"datasheet {question}": text})

    def label_before_review(self, case: int) -> str | None:
        """The label that the photo of a decided case had before, "" for none; None if the case is not settled."""
        return self._get(f"review {case}: label before", _is_text)

    def review_begun(self, case: int) -> bool:
        """Whether a decided case is not settled yet, though the label before it is known."""
        return bool(self._get(f"review {case}: begun", _is_truth))

    def set_label_before_review(self, case: int, label: str | None, *, begun: bool) -> None:
        """Keep the label that a photo had before its case was decided; None when the case waits again.

        Args:
            case: its number.
            label: the label, "" for none.
            begun: the photo does not have the label of the decision yet.
        """
        self._put({f"review {case}: label before": label, f"review {case}: begun": begun})

    # --- inside --------------------------------------------------------------------------------

    def _put(self, values: dict[str, object]) -> None:
        with self._lock, storage_errors(_NOT_WRITTEN), transaction(self._db):
            self._write(values)

    def _write(self, values: dict[str, object]) -> None:
        rows = [(key, json.dumps(value)) for key, value in values.items()]
        self._db.executemany("INSERT OR REPLACE INTO keep VALUES (?, ?)", rows)

    def _get(self, key: str, fits: Callable[[Any], bool]) -> Any:
        with self._lock, storage_errors("the collection's settings could not be read"):
            return self._read(key, fits)

    def _read(self, key: str, fits: Callable[[Any], bool]) -> Any:
        """The value of a key; None if there is none, or if it is damaged."""
        query = f"SELECT value, {self._db.right('keep')} FROM keep WHERE name = ?"
        row = self._db.execute(query, (key,)).fetchone()
        if row is None:
            return None
        with suppress(TypeError, ValueError, RecursionError):
            value = json.loads(row[0])
            if row[1] and (value is None or fits(value)):
                return value
        if key not in self.damage:
            self.damage[key] = f"The setting “{key}” of the collection is damaged, so it is ignored."
            _log.warning("The setting “%s” of the collection is damaged, so it is ignored: %.100s.", key, row[0])
        return None


_RECORDS = {"quick": "report"}
"""Keys of model records that differ from the kind of the model."""


def is_deep(view: object) -> bool:
    """Whether there is something more than VIEW_DEPTH levels deep; without calls that are as deep."""
    level = [view]
    for _ in range(VIEW_DEPTH + 1):
        insides = [one.values() if isinstance(one, dict) else one for one in level if isinstance(one, (dict, list))]
        level = [part for inside in insides for part in inside]
    return bool(level)


def _is_view(value: Any) -> bool:
    return _is_object(value) and not is_deep(value)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_own_csv(value: Any) -> bool:
    return _is_text(value) and re.fullmatch(r"attributes(-[0-9a-f]{8})?\.csv", value) is not None


def _is_truth(value: Any) -> bool:
    return isinstance(value, bool)


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 0


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


def _are_numbers(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(number, int) for number in value)


def _are_limits(value: Any) -> bool:
    return _is_object(value) and all(
        isinstance(ends, list) and len(ends) == 2 and all(isinstance(end, (int, float)) for end in ends)
        for ends in value.values()
    )


def _are_reasons(value: Any) -> bool:
    return isinstance(value, dict) and all(id.isdecimal() and _is_text(reason) for id, reason in value.items())


def _are_filters(value: Any) -> bool:
    return isinstance(value, dict) and all(
        isinstance(kept, dict)
        and isinstance(kept.get("filter"), dict)
        and isinstance(kept.get("keys"), dict)
        and all(type(key) is int for key in kept["keys"].values())
        for kept in value.values()
    )


def _are_sources(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(source, dict)
        and all(isinstance(source.get(k, 0), str | None) for k in ("backbone", "weights"))
        and isinstance(source.get("reason"), str | None)
        for source in value
    )
