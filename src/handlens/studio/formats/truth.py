"""Labels that are kept aside: predictions are measured against them, and no model learns from them."""

from __future__ import annotations

import json
import threading
import zlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from handlens.audit.intervals import wilson
from handlens.io.plain_json import unpacked
from handlens.io.sqlite import open_database, storage_errors, transaction
from handlens.studio.duplicates import Duplicates
from handlens.studio.labels import Labels, LabelState
from handlens.studio.models.model import Model
from handlens.studio.models.registry import Models
from handlens.studio.photos import Photos
from handlens.studio.report import Interval, confusion_table

_SCHEMA = """
CREATE TABLE IF NOT EXISTS truth (
    id   INTEGER PRIMARY KEY CHECK (id = 0),         -- one row at most
    at   TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ')),
    name TEXT NOT NULL,                              -- of the file that the labels came from
    body BLOB NOT NULL                               -- compressed JSON: photos, and names and keys of their labels
);
"""
_REFUSED = "the labels that are kept aside could not be read or written"


@dataclass(frozen=True)
class TruthReport:
    """How often the model in use predicts the labels that are kept aside.

    Attributes:
        accuracy: the share (0–1) of the tested photos that are predicted correctly; None without tested photos.
        interval: its 95 % interval by Wilson (1927), if these photos are a random sample; None without tested photos.
        tested: photos that were compared.
        right: of these, those predicted correctly.
        learned: photos left out, as a person or a file has labelled them or a duplicate of them, so that the model may
            have learned from them.
        unpredicted: photos left out, as they have no prediction.
        unknown: tested photos with a label that the model does not know, so that their prediction is wrong.
        confusion: counts of tested photos by true label (rows) and prediction (columns), for the labels that the model
            knows.

    Example:
        >>> counts = pd.DataFrame([[5, 0], [1, 4]], ["cat", "dog"], ["cat", "dog"])
        >>> report = TruthReport(0.9, (0.6, 0.98), 10, 9, 0, 0, 0, counts)
        >>> print(report)
        9 of 10 photos are predicted as labelled: 90.0 %, between 60.0 and 98.0 % if they are a random sample.
    """

    accuracy: float | None
    interval: Interval | None
    tested: int
    right: int
    learned: int
    unpredicted: int
    unknown: int
    confusion: pd.DataFrame

    def __str__(self) -> str:
        """What it means, in sentences."""
        out = [f"{self.learned:,} that the model may have learned from" if self.learned else ""]
        out.append(f"{self.unpredicted:,} without a prediction" if self.unpredicted else "")
        left_out = " and ".join(part for part in out if part)
        then = f" Left out: {left_out}." if left_out else ""
        if self.accuracy is None or self.interval is None:
            return f"No photo can be compared with the labels that are kept aside.{then}"
        low, high = self.interval
        return (
            f"{self.right:,} of {self.tested:,} photos are predicted as labelled: {100 * self.accuracy:.1f} %, "
            f"between {100 * low:.1f} and {100 * high:.1f} % if they are a random sample.{then}"
        )


class Truth:
    """Labels that are kept aside to measure against.

    Args:
        name: of the file that they came from.
        at: when they were imported, in UTC.
        labels: DataFrame with columns id, path and label, as labels are called now.
        models, duplicates, state: of the collection.

    Attributes:
        name, at, labels: as given.

    Example:
        >>> from handlens.studio import Collection
        >>> from handlens.studio.builtin import write_builtin
        >>> names = write_builtin("digits", Path("digits"))
        >>> with Collection.create("my-digits", images="digits", backbone=None) as collection:
        ...     rows = [f"{path},{i % 2}" for i, path in enumerate(collection.paths)]
        ...     size = Path("truth.csv").write_text("\\n".join(["path,label", *rows]))
        ...     plan = collection.import_labels("truth.csv", as_truth=True)
        ...     print(collection.truth, len(collection.labels.dropna()))
        Truth('truth.csv': 1,797 labels) 0
    """

    def __init__(
        self,
        name: str,
        at: datetime,
        labels: pd.DataFrame,
        *,
        models: Models,
        duplicates: Duplicates,
        state: LabelState,
    ) -> None:
        self.name, self.at, self.labels = name, at, labels
        self._models, self._duplicates, self._state = models, duplicates, state

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self) -> str:
        return f"Truth({self.name!r}: {len(self):,} labels)"

    def report(self) -> TruthReport:
        """Compare the predictions of the model in use with these labels.

        Raises:
            TrainingError: there is no model yet.
        """
        return self._models.with_model(self._report)

    def _report(self, model: Model) -> TruthReport:
        ids, names = self.labels["id"].to_numpy(np.int64), self._models.classes(model)
        scores = self._models.scores(model)[ids]
        learned, predicted = self._learned(model)[ids], np.isfinite(scores).all(1)
        tested = predicted & ~learned
        said = np.nan_to_num(scores).argmax(1)[tested]
        codes = {name: code for code, name in enumerate(names)}
        truth = np.array([codes.get(label, -1) for label in self.labels["label"][tested]], np.int64)
        n, right = int(tested.sum()), int((truth == said).sum())
        low, high = (float(end) for end in wilson(right, n)) if n else (0.0, 1.0)
        return TruthReport(
            accuracy=right / n if n else None,
            interval=(low, high) if n else None,
            tested=n,
            right=right,
            learned=int(learned.sum()),
            unpredicted=int((~learned & ~predicted).sum()),
            unknown=int((truth < 0).sum()),
            confusion=confusion_table(names, truth, said),
        )

    def _learned(self, model: Model) -> Any:
        """Which photos a model may have learned from, or from a duplicate of them; bool [N]."""
        learned = self._state.by_person >= 0
        held_out = self._models.held_out(model)
        if held_out is not None:  # their labels may have been removed since
            learned[held_out.ids] = True
        together = self._duplicates.together()
        return np.isin(together, together[learned])


class Truths:
    """The labels of a collection that are kept aside; at most those of one file.

    Args:
        database: the collection's SQLite file.
        photos, labels, models, duplicates: of the collection.

    Attributes:
        damage: that they are damaged, as a sentence.

    Raises:
        StorageError: (all methods) the file cannot be read or written.
    """

    def __init__(self, database: Path, photos: Photos, labels: Labels, models: Models, duplicates: Duplicates) -> None:
        self._photos, self._labels, self._models, self._duplicates = photos, labels, models, duplicates
        self._lock = threading.Lock()
        self.damage: list[str] = []
        with storage_errors(_REFUSED):
            self._db = open_database(database, _SCHEMA)
            self._db.keep_checksums("truth")

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    def keep(self, name: str, ids: Sequence[int], labels: Sequence[str]) -> None:
        """Keep labels aside, in place of earlier ones.

        Args:
            name: of the file that they come from.
            ids: the photos.
            labels: the label of each.
        """
        names = list(dict.fromkeys(labels))
        code = {name: i for i, name in enumerate(names)}
        # A label that the collection has keeps its key when it is renamed.
        keys = {info.name: info.colour for info in self._labels.table}
        body = {
            "ids": list(ids),
            "codes": [code[label] for label in labels],
            "labels": [(keys.get(name, -1), name) for name in names],
        }
        packed = zlib.compress(json.dumps(body, ensure_ascii=False).encode(), 1)
        with self._lock, storage_errors(_REFUSED), transaction(self._db):
            self._db.execute("INSERT OR REPLACE INTO truth (id, name, body) VALUES (0, ?, ?)", (name, packed))
        self.damage = []

    def remove(self) -> None:
        """Forget the labels that are kept aside."""
        with self._lock, storage_errors(_REFUSED), transaction(self._db):
            self._db.execute("DELETE FROM truth")
        self.damage = []

    @property
    def now(self) -> Truth | None:
        """The labels that are kept aside, as they are called now; None without any, or if they are damaged."""
        query = f"SELECT at, name, body, {self._db.right('truth')} FROM truth"
        with self._lock, storage_errors(_REFUSED):
            row = self._db.execute(query).fetchone()
        if row is None:
            return None
        at, name, body, right = row
        state = self._labels.state
        if right:
            with suppress(KeyError, TypeError, ValueError, IndexError, RecursionError):
                labels, when = self._read(body, state), datetime.fromisoformat(at)
                return Truth(name, when, labels, models=self._models, duplicates=self._duplicates, state=state)
        self.damage = ["The labels that are kept aside are damaged. Import them again."]
        return None

    def _read(self, body: bytes, state: LabelState) -> pd.DataFrame:
        kept = json.loads(unpacked(body))
        names = []
        for key, name in kept["labels"]:
            code = state.code_of_key(key) if key >= 0 else -1
            names.append(state.names[code] if code >= 0 else name)
        ids = np.array(kept["ids"], np.int64)
        labels = np.array(names, object)[np.array(kept["codes"], np.int64)]
        here = ids < len(self._photos)  # another process may know more photos
        paths = np.array(self._photos.paths, object)
        return pd.DataFrame({"id": ids[here], "path": paths[ids[here]], "label": labels[here]})
