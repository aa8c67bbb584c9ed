"""How the accuracy changed from one trained model to the next."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast, get_args

from handlens.io.sqlite import open_database, storage_errors, transaction
from handlens.studio.evaluation import Evaluation
from handlens.studio.models.model import Model, ModelKind
from handlens.studio.models.registry import Models
from handlens.studio.report import Interval

_SCHEMA = """
CREATE TABLE IF NOT EXISTS history (
    seq        INTEGER PRIMARY KEY,             -- the order of training
    version    TEXT NOT NULL UNIQUE,            -- of the model
    at         TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ')),
    kind       TEXT NOT NULL,
    n_labelled INTEGER NOT NULL,
    drawn      INTEGER NOT NULL,                -- of the labelled photos, those that were drawn at random
    accuracy   REAL, low REAL, high REAL,       -- from the spot check
    guess_low  REAL, guess_high REAL,           -- without one
    checked    INTEGER NOT NULL,
    unsure     INTEGER NOT NULL DEFAULT 0
);
"""

_REFUSED = "the history of the models could not be read or written"

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Point:
    """A model that was trained, as it was known while it was in use.

    Attributes:
        at: when it was trained (UTC, ISO 8601).
        kind: of the model.
        n_labelled: labelled photos that it learned from.
        drawn: of these, the photos that were drawn at random for a spot check.
        accuracy, interval: from the spot check, None without one.
        guess: low and high guess without a check; None if there is not even a guess.
        checked: answers that the accuracy rests on.
        unsure: photos beside these of which the person was unsure.
    """

    at: str
    kind: ModelKind
    n_labelled: int
    drawn: int
    accuracy: float | None
    interval: Interval | None
    guess: Interval | None
    checked: int
    unsure: int = 0


class History:
    """The models that were trained, in the collection's SQLite file.

    Args:
        database: the file.
        models, evaluation: of the collection.

    Attributes:
        damage: what is damaged on the disk, as a sentence.
    """

    def __init__(self, database: Path, models: Models, evaluation: Evaluation) -> None:
        self._models, self._evaluation = models, evaluation
        self._lock = threading.Lock()
        with storage_errors(_REFUSED):
            self._db = open_database(database, _SCHEMA)
            columns = [name for _, name, *_ in self._db.execute("PRAGMA table_info(history)")]
            if "unsure" not in columns and not self._db.read_only:
                self._db.execute("ALTER TABLE history ADD COLUMN unsure INTEGER NOT NULL DEFAULT 0")
            self._db.keep_checksums("history")
            wrong = f"SELECT count(*) FROM history WHERE NOT {self._db.right('history')}"
            damaged = self._db.execute(wrong).fetchone()[0] + len(self._db.gone("history"))
        self.damage = [f"The history of the models is damaged: {damaged} left out."] if damaged else []

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    def update(self) -> None:
        """Keep what is known now of the models that there are; a model that has a point keeps its place.

        An accuracy that was known stays when the check no longer tells about the photos that are left. The ensemble,
        which nobody trains, has a point only if it is in use.
        """
        if self._db.read_only:
            return
        used = self._models.in_use
        for model in self._models.all.values():
            if model.kind == "both" and (used is None or used.kind != "both"):
                continue
            report = self._evaluation.report(model)
            low, high = report.interval or (None, None)
            guess_low, guess_high = report.guess or (None, None)
            known = (report.accuracy, low, high, guess_low, guess_high, report.checked, report.unsure)
            with self._lock, storage_errors(_REFUSED):
                row = self._db.execute(
                    "SELECT accuracy, low, high, guess_low, guess_high, checked, unsure, "
                    f"{self._db.right('history')} FROM history WHERE version = ?",
                    (model.version,),
                ).fetchone()
                if row is not None and not row[-1]:
                    continue  # it is damaged
                kept = row and row[:-1]
                if kept is None or (kept != known and (report.accuracy is not None or kept[0] is None)):
                    self._keep(model, report.n_labelled, known)

    @property
    def points(self) -> list[Point]:
        """The models in the order of training, with what is known now."""
        self.update()
        with self._lock, storage_errors(_REFUSED):
            rows = self._db.execute(
                "SELECT at, kind, n_labelled, drawn, accuracy, low, high, guess_low, guess_high, checked, unsure "
                f"FROM history WHERE {self._db.right('history')} ORDER BY seq"
            ).fetchall()
            (kept,) = self._db.execute("SELECT count(*) FROM history").fetchone()
            kept += len(self._db.gone("history"))
        points = [
            Point(
                at,
                cast(ModelKind, kind),
                n_labelled=n,
                drawn=drawn,
                accuracy=accuracy,
                interval=_interval(low, high),
                guess=_interval(*guess),
                checked=checked,
                unsure=unsure,
            )
            for at, kind, n, drawn, accuracy, low, high, *guess, checked, unsure in filter(_fits, rows)
        ]
        if len(points) < kept:
            _log.warning("%d models in the history are damaged, so they are left out.", kept - len(points))
        return points

    def _keep(self, model: Model, n_labelled: int, known: tuple[float | None, ...]) -> None:
        """Write what is known of a model."""
        with transaction(self._db):
            self._db.execute(
                "INSERT OR IGNORE INTO history (version, kind, n_labelled, drawn, checked) VALUES (?, ?, ?, ?, 0)",
                (model.version, model.kind, n_labelled, model.record.training.drawn),
            )
            self._db.execute(
                "UPDATE history SET accuracy = ?, low = ?, high = ?, guess_low = ?, guess_high = ?, checked = ?, "
                "unsure = ? WHERE version = ?",
                (*known, model.version),
            )


def why_it_moved(points: list[Point]) -> list[str]:
    """For each point a sentence on why its accuracy differs from the one before it; "" where that is not known.

    The one before it is of the same kind of model, or the latest of any kind if there is none.

    Example:
        >>> first = Point("2026-01-01T10:00:00Z", "quick", 92, 0, 0.48, (0.31, 0.65), None, 30)
        >>> then = Point("2026-01-01T11:00:00Z", "quick", 152, 30, 0.70, (0.58, 0.80), None, 60)
        >>> why_it_moved([first, then])[1]
        'From 48 % to 70 % with 60 more labels, 30 of them of photos drawn at random. Chance could explain the change.'
    """
    sentences = []
    latest: Point | None = None
    latest_of: dict[ModelKind, Point] = {}
    for point in points:
        before = latest_of.get(point.kind, latest)
        sentences.append("" if before is None else _sentence(before, point))
        if point.accuracy is not None:
            latest = latest_of[point.kind] = point
    return sentences


def _sentence(before: Point, point: Point) -> str:
    if point.accuracy is None or point.interval is None or before.accuracy is None or before.interval is None:
        return ""
    from_, to = f"{100 * before.accuracy:.0f} %", f"{100 * point.accuracy:.0f} %"
    moved = f"From {from_} to {to}" if from_ != to else f"{to} as before"
    labels, drawn = point.n_labelled - before.n_labelled, point.drawn - before.drawn
    why = []
    if point.kind != before.kind:
        why.append("another kind of model")
    if labels > 0:
        why.append(f"{_labels(labels, 'more')}{_random(drawn, labels)}")
    elif labels < 0:
        why.append(_labels(-labels, "fewer"))
    sentence = f"{moved} with {' and '.join(why)}." if why else f"{moved}; labels were changed."
    if before.interval[0] <= point.interval[1] and point.interval[0] <= before.interval[1] and from_ != to:
        sentence += " Chance could explain the change."
    return sentence


def _random(drawn: int, labels: int) -> str:
    """How many of the labels are of photos drawn at random; "" if none are."""
    if drawn <= 0:
        return ""
    if drawn >= labels:
        return ", of a photo drawn at random" if labels == 1 else ", all of photos drawn at random"
    return f", {drawn:,} of them of {'a photo' if drawn == 1 else 'photos'} drawn at random"


def _labels(n: int, more: str) -> str:
    return f"1 {more} label" if n == 1 else f"{n:,} {more} labels"


def _fits(row: tuple[Any, ...]) -> bool:
    """Whether a row of the table holds what it should."""
    at, kind, *counts = row[:4] + row[-2:]
    numbers = all(value is None or isinstance(value, float) for value in row[4:-2])
    whole = all(isinstance(value, int) for value in counts)
    return isinstance(at, str) and kind in get_args(ModelKind) and numbers and whole


def _interval(low: float | None, high: float | None) -> Interval | None:
    return None if low is None or high is None else (low, high)
