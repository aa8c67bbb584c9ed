"""ReviewQueue: predictions that wait for a person, who confirms or overrules them; its log keeps every step."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from handlens.audit.columns import as_array, plain
from handlens.audit.review.arguments import Nearest, label_value, prediction_body, reference_text, text
from handlens.audit.review.case import CONFIRMED, CONTESTED, OVERRULED, PREDICTED, UNDONE, WAITING, Case, Cases, Label
from handlens.audit.review.event_log import Event, EventLog
from handlens.audit.review.export import write_log
from handlens.core.checks import listed
from handlens.errors import AuditError
from handlens.io.problems import reason_of

DECISION = ("reference", "label", "predicted", "status", "by", "reason")
"""The columns of `ReviewQueue.labels`."""


class ReviewQueue:
    """Cases for people to decide, kept as an append-only event log in a SQLite file.

    Every event is on disk before a call returns, has the hash of the event before it, and can be neither changed nor
    removed; undoing a decision is another event. Several processes may write the same file, and a process may be
    killed at any time. Methods may be called from several threads.

    Args:
        path: the file; it is made if it does not exist.
        below: predictions with a probability below this wait for a person.

    Raises:
        AuditError: `below` is not a probability; an event in the file was changed.
        StorageError: the file cannot be opened, or is not a SQLite file.

    Example:
        >>> with ReviewQueue("review.sqlite", below=0.8) as queue:
        ...     case = queue.add("photos/13.jpg", {"cat": 0.55, "dog": 0.45})
        ...     queue.overrule(case.id, "dog", by="Kim", reason="It has floppy ears.").label
        'dog'
    """

    def __init__(self, path: Path | str, *, below: float = 0.8) -> None:
        if isinstance(below, bool) or not isinstance(below, (int, float)) or not 0 <= below <= 1:
            raise AuditError(f"below must be a probability from 0 to 1; {below!r} arrived.")
        self.path = Path(path)
        self.below = below
        self._lock = threading.RLock()
        self._cases = Cases()
        self._log = EventLog(self.path)
        try:
            with self._reading():
                pass
        except BaseException:
            self._log.close()
            raise

    def close(self) -> None:
        """Close the file; the queue cannot be used afterwards."""
        self._log.close()

    def __enter__(self) -> ReviewQueue:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"ReviewQueue({str(self.path)!r}: {len(self.waiting)} of {len(self.cases)} cases wait)"

    # Adding predictions

    def add(
        self,
        reference: str | Path,
        probabilities: Mapping[str, float],
        *,
        explanation: Any = None,
        nearest: Nearest = (),
    ) -> Case | None:
        """Queue a prediction if its largest probability is below `below`.

        A new prediction for an input that waits replaces the one before; an input that a person has decided is not
        queued again.

        Args:
            reference: which input it is about; one input has one case.
            probabilities: by class, each from 0 to 1.
            explanation: the path of a heat map, or how much each feature changed the prediction: a frame, or values
                that JSON has.
            nearest: the nearest labelled cases, a mapping each, or the frame of `nearest_labelled`.

        Returns:
            The case; None if the prediction is not queued.

        Raises:
            AuditError: naming the argument that is wrong.
        """
        return self._queue([prediction_body(reference, probabilities, None, explanation, nearest)])[0]

    def add_all(
        self, references: Sequence[str | Path], probabilities: ArrayLike, *, classes: Sequence[Label]
    ) -> list[Case]:
        """Queue those of many predictions whose largest probability is below `below`; all are on disk, or none.

        Args:
            references: which inputs they are about, [N].
            probabilities: from 0 to 1, [N, classes].
            classes: the classes in the order of the columns.

        Returns:
            The cases of the predictions that are queued.

        Raises:
            AuditError: naming the argument that is wrong.
        """
        references = listed(references, "references", "['photos/13.jpg']", AuditError)
        names = [str(plain(name)) for name in listed(classes, "classes", "['cat', 'dog']", AuditError)]
        try:
            p = np.asarray(as_array(probabilities))
        except ValueError as error:  # rows of different lengths
            raise AuditError(f"probabilities must have a row for each reference: {reason_of(error)}.") from error
        if p.dtype.kind not in "iuf" or p.ndim != 2 or p.shape != (len(references), len(names)):
            raise AuditError(
                f"probabilities must be numbers [{len(references)} references, {len(names)} classes]; "
                f"{p.dtype} {list(p.shape)} arrived."
            )
        if len(set(names)) < len(names):
            raise AuditError(f"classes must be distinct; {names} arrived.")
        rows = (dict(zip(names, row, strict=True)) for row in p.tolist())
        bodies = [
            prediction_body(reference, row, None, None, ()) for reference, row in zip(references, rows, strict=True)
        ]
        return [case for case in self._queue(bodies) if case is not None]

    def contest(
        self,
        reference: str | Path,
        *,
        by: str,
        why: str,
        probabilities: Mapping[str, float] | None = None,
        predicted: Label | None = None,
        explanation: Any = None,
        nearest: Nearest = (),
    ) -> Case:
        """Queue a prediction because somebody contests it, however confident it is, also if it was decided before.

        Args:
            reference: which input it is about.
            by: who contests it.
            why: the reason that they give.
            probabilities, predicted: the prediction, needed if the queue has no case for the input; `predicted` if
                the model predicts a number.
            explanation, nearest: as in `add`.

        Returns:
            The case, which waits.

        Raises:
            AuditError: naming the argument that is wrong or missing.
        """
        body = {"by": text(by, "by"), "why": text(why, "why")}
        prediction = None
        if probabilities is not None or predicted is not None:
            prediction = prediction_body(reference, probabilities, predicted, explanation, nearest)
        name = reference_text(reference)
        with self._writing():
            case = self._cases.of(name) if prediction is None else self._put(prediction, None)
            if case is None:
                raise AuditError(
                    f"probabilities or predicted must be given for an input without a case; {name!r} has none."
                )
            return self._write(CONTESTED, case.id, body)

    # Cases

    @property
    def cases(self) -> list[Case]:
        """Every case, in the order in which they were added."""
        with self._reading():
            return self._cases.all()

    @property
    def waiting(self) -> list[Case]:
        """The cases that wait for a person: contested ones first, then those with the lowest confidence."""
        waiting = [case for case in self.cases if case.status == WAITING]
        return sorted(waiting, key=lambda case: (not case.contested, case.confidence or 0.0, case.id))

    def case(self, id: int) -> Case:
        """One case as it is now.

        Raises:
            AuditError: there is no case with this number.
        """
        with self._reading():
            return self._cases.get(id)

    # Deciding

    def confirm(self, id: int, *, by: str, reason: str = "") -> Case:
        """Decide that the prediction is right.

        Args:
            id: the case's number.
            by: who decides.
            reason: why; required if the prediction is contested.

        Raises:
            AuditError: there is no such case, it is decided already, or `by` or a required `reason` is missing.
        """
        who = text(by, "by")
        with self._writing():
            case = self._cases.undecided(id)
            why = text(reason, "reason", may_be_empty=not case.contested)
            return self._write(CONFIRMED, id, {"label": case.predicted, "by": who, "reason": why})

    def overrule(self, id: int, label: Label, *, by: str, reason: str = "") -> Case:
        """Decide that the prediction is wrong, and what the label is.

        Args:
            id: the case's number.
            label: the class's name, or the number.
            by: who decides.
            reason: why; required if the prediction is contested.

        Raises:
            AuditError: as `confirm`, and if `label` is what was predicted.
        """
        who, found = text(by, "by"), label_value(label, "label")
        with self._writing():
            case = self._cases.undecided(id)
            why = text(reason, "reason", may_be_empty=not case.contested)
            if case.probabilities:
                found = str(found)  # the names of classes are text
            if found == case.predicted:
                raise AuditError(f"label must differ from the prediction, {found!r}: confirm it instead.")
            return self._write(OVERRULED, id, {"label": found, "by": who, "reason": why})

    def undo(self, id: int, *, by: str, reason: str = "") -> Case:
        """Undo a decision: the case waits again, and the log keeps both events.

        Args:
            id: the case's number.
            by: who undoes it.
            reason: why; may be empty.

        Returns:
            The case as it is now.

        Raises:
            AuditError: there is no such case, it is not decided, or `by` is missing.
        """
        body = {"by": text(by, "by"), "reason": text(reason, "reason", may_be_empty=True)}
        with self._writing():
            if self._cases.get(id).status == WAITING:
                raise AuditError(f"id must be that of a decided case; case {id} waits, so there is nothing to undo.")
            return self._write(UNDONE, id, body)

    # Results

    def labels(self) -> pd.DataFrame:
        """The decisions, to train on: a row for each decided case.

        Returns:
            Columns reference, label, predicted, status, by, reason.
        """
        decided = [case for case in self.cases if case.status != WAITING]
        return pd.DataFrame([[getattr(case, name) for name in DECISION] for case in decided], columns=list(DECISION))

    def log(self) -> pd.DataFrame:
        """Every event, oldest first.

        Returns:
            Columns seq, at, kind, case, body (JSON), previous, hash.
        """
        with self._reading():
            return pd.DataFrame([vars(event) for event in self._log.read_all()], columns=list(Event.__annotations__))

    def export(self, path: Path | str) -> None:
        """Write the log as .csv, or as .jsonl with a line for each event.

        Raises:
            AuditError: the name does not end in .csv or .jsonl.
            StorageError: the file cannot be written.
        """
        write_log(self.log(), path)

    @property
    def seal(self) -> str:
        """The hash of the latest event, "" for an empty log. Kept elsewhere, it shows later if events are gone."""
        with self._reading():
            return self._log.latest

    def verify(self, seal: str | None = None) -> None:
        """Check the hash of every event, and that the log still has the event of an earlier `seal`.

        Raises:
            AuditError: an event was changed, or events are gone.
        """
        with self._lock:
            hashes = {event.hash for event in self._log.read_all()}
        if seal and seal not in hashes:
            raise AuditError(f"seal must be the hash of an event; no event has {seal[:12]}…: events are gone.")

    # Inside

    @contextmanager
    def _reading(self) -> Iterator[None]:
        with self._lock:
            self._catch_up()
            yield

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Hold the file's write lock, so that decisions are based on the newest events of all processes."""
        with self._lock:
            try:
                with self._log.writing():
                    self._catch_up()
                    yield
            except BaseException:
                # Events may have been applied here that are not on disk: the next call reads them all again.
                self._cases = Cases()
                self._log.start_over()
                raise

    def _catch_up(self) -> None:
        for event in self._log.read_new():
            self._cases.apply(event)

    def _queue(self, bodies: list[dict[str, Any]]) -> list[Case | None]:
        why = f"its largest probability is below {self.below:g}"
        with self._writing():
            return [self._put(body, why) if self._must_wait(body) else None for body in bodies]

    def _must_wait(self, body: Mapping[str, Any]) -> bool:
        case = self._cases.of(body["reference"])
        decided = case is not None and case.status != WAITING
        return not decided and max(body["probabilities"].values()) < self.below

    def _put(self, body: dict[str, Any], why: str | None) -> Case:
        """The input's case with this prediction; nothing is written if it has this prediction already."""
        case = self._cases.of(body["reference"])
        if case is None:
            return self._write(PREDICTED, len(self._cases) + 1, body | {"why": why})
        if all(getattr(case, name) == value for name, value in body.items()):
            return case
        return self._write(PREDICTED, case.id, body | {"why": why})

    def _write(self, kind: str, case: int, body: dict[str, Any]) -> Case:
        return self._cases.apply(self._log.append(kind, case, body))
