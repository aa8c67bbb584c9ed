"""ReviewQueue: predictions that wait for a person, who confirms or overrules them; nothing of it can be unwritten."""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from handlens.audit.event_log import Entry, Ledger
from handlens.audit.table_facts import plain
from handlens.errors import AuditError
from handlens.io.files import atomic_write

WAITING, CONFIRMED, OVERRULED = "waiting", "confirmed", "overruled"

Label = str | int | float | bool
Nearest = Sequence[Mapping[str, Any]] | pd.DataFrame


@dataclass(frozen=True)
class Case:
    """One prediction that waits for a person, or was decided by one.

    Attributes:
        id: its number in the queue, from 1.
        reference: which input it is about: a file's path, a row's key.
        predicted: the class or number that the model put out.
        probabilities: by class; empty where a number was predicted.
        explanation: where the heat map is, or the features that moved the prediction, as they were given.
        nearest: labelled cases that are most alike, each with its reference, label and distance.
        why: the reasons that it is here, in the order they arose.
        contested: whether somebody whom it concerns contests the prediction.
        status: "waiting", "confirmed" or "overruled".
        label, by, reason: what was decided, by whom and why; None while it waits.
    """

    id: int
    reference: str
    predicted: Label
    probabilities: dict[str, float]
    explanation: Any = None
    nearest: list[dict[str, Any]] = field(default_factory=list)
    why: list[str] = field(default_factory=list)
    contested: bool = False
    status: str = WAITING
    label: Label | None = None
    by: str | None = None
    reason: str | None = None

    @property
    def confidence(self) -> float | None:
        """The largest probability, None where a number was predicted."""
        return max(self.probabilities.values(), default=None)


class ReviewQueue:
    """Cases for people to decide, kept as an append-only log in the SQLite file at `path`.

    Every entry is on disk before a call returns, carries the hash of the one before it, and can be neither changed
    nor removed; a decision is undone by another entry. Several processes may write the same file, and a process may
    be killed at any time. Methods may be called from several threads.

    Args:
        path: the file, made if there is none.
        below: predictions with less than this probability wait for a person.

    Raises:
        AuditError: `below` is no probability; an entry in the file was tampered with.
        StorageError: the file cannot be opened, or is no SQLite file.
    """

    def __init__(self, path: Path | str, *, below: float = 0.8) -> None:
        if isinstance(below, bool) or not isinstance(below, (int, float)) or not 0 <= below <= 1:
            raise AuditError(f"below must be a probability from 0 to 1; {below!r} arrived")
        self.path = Path(path)
        self.below = below
        self._lock = threading.RLock()
        self._cases: list[Case] = []
        self._by_reference: dict[str, int] = {}
        self._ledger = Ledger(self.path)
        try:
            with self._reading():
                pass
        except BaseException:
            self._ledger.close()
            raise

    def close(self) -> None:
        """Close the file; the queue cannot be used afterwards."""
        self._ledger.close()

    def __enter__(self) -> ReviewQueue:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"ReviewQueue({str(self.path)!r}: {len(self.waiting)} of {len(self.cases)} cases wait)"

    # --- what waits ----------------------------------------------------------------------------

    def add(
        self,
        reference: str | Path,
        probabilities: Mapping[str, float],
        *,
        explanation: Any = None,
        nearest: Nearest = (),
    ) -> Case | None:
        """Queue a prediction if its largest probability is below `below`; returns its case, or None if it may pass.

        A prediction of an input that waits already takes the place of the one before; one that a person has decided
        is not asked again.

        Args:
            reference: which input it is about; one input has one case.
            probabilities: by class, each from 0 to 1.
            explanation: a heat map's path, or the features that moved it: a frame, or what JSON can hold.
            nearest: the nearest labelled cases, a mapping each, or the frame of `nearest_labelled`.

        Raises:
            AuditError: naming the argument that is none of this.
        """
        body = _prediction(reference, probabilities, None, explanation, nearest)
        return self._queue([body])[0]

    def add_all(
        self, references: Sequence[str | Path], probabilities: ArrayLike, *, classes: Sequence[Label]
    ) -> list[Case]:
        """Queue those of many predictions, probabilities [N, classes], that are below; returns their cases.

        All are on disk when it returns, or none. Arguments and errors otherwise as in `add`.
        """
        p = np.asarray(probabilities)
        names = [str(plain(name)) for name in classes]
        if p.dtype.kind not in "iuf" or p.ndim != 2 or p.shape != (len(references), len(names)):
            raise AuditError(
                f"probabilities must be numbers [{len(references)} references, {len(names)} classes]; "
                f"{p.dtype} {list(p.shape)} arrived"
            )
        if len(set(names)) < len(names):
            raise AuditError(f"classes must be distinct; {names} arrived")
        rows = (dict(zip(names, row, strict=True)) for row in p.tolist())
        bodies = [_prediction(reference, row, None, None, ()) for reference, row in zip(references, rows, strict=True)]
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
        """Put a prediction, however confident or decided, before a person (again), because somebody contests it.

        A prediction that the queue has not seen must come with its `probabilities`, or as `predicted` where the model
        puts out a number. Raises AuditError, naming the argument, where `by`, `why` or the prediction is missing.
        """
        said = {"by": _text(by, "by"), "why": _text(why, "why")}
        body = None
        if probabilities is not None or predicted is not None:
            body = _prediction(reference, probabilities, predicted, explanation, nearest)
        name = _reference(reference)
        with self._writing():
            if body is not None:
                case = self._put(body, None)
            elif name in self._by_reference:
                case = self._cases[self._by_reference[name] - 1]
            else:
                raise AuditError(
                    f"probabilities or predicted must be given with what the queue has not seen; {name!r} is new to it"
                )
            self._write("contested", case.id, said)
            return self._cases[case.id - 1]

    @property
    def cases(self) -> list[Case]:
        """Every case, in the order they came."""
        with self._reading():
            return list(self._cases)

    @property
    def waiting(self) -> list[Case]:
        """The cases that wait for a person: contested ones first, then the least sure."""
        waiting = [case for case in self.cases if case.status == WAITING]
        return sorted(waiting, key=lambda case: (not case.contested, case.confidence or 0.0, case.id))

    def case(self, id: int) -> Case:
        """One case as it stands; raises AuditError if there is none of this number."""
        with self._reading():
            return self._known(id)

    # --- deciding ------------------------------------------------------------------------------

    def confirm(self, id: int, *, by: str, reason: str = "") -> Case:
        """The prediction stands. Where somebody contested it, they are owed a reason.

        Raises AuditError if there is no such case, it is decided already, or `by` or an owed `reason` is missing.
        """
        who = _text(by, "by")
        with self._writing():
            case = self._undecided(id)
            told = _text(reason, "reason", empty=not case.contested)
            return self._write(CONFIRMED, id, {"label": case.predicted, "by": who, "reason": told})

    def overrule(self, id: int, label: Label, *, by: str, reason: str) -> Case:
        """The prediction is wrong: the label is this one, for this reason.

        Raises AuditError as `confirm` does, and if `label` is what was predicted.
        """
        who, told, found = _text(by, "by"), _text(reason, "reason"), _label(label, "label")
        with self._writing():
            case = self._undecided(id)
            if case.probabilities:
                found = str(found)  # classes are known by their names
            if found == case.predicted:
                raise AuditError(f"label must differ from the prediction, {found!r}: confirm it instead")
            return self._write(OVERRULED, id, {"label": found, "by": who, "reason": told})

    def undo(self, id: int, *, by: str, reason: str = "") -> Case:
        """Take a decision back: the case waits again, and the log keeps both entries."""
        said = {"by": _text(by, "by"), "reason": _text(reason, "reason", empty=True)}
        with self._writing():
            if self._known(id).status == WAITING:
                raise AuditError(f"id must be that of a decided case; case {id} waits, so there is nothing to undo")
            return self._write("undone", id, said)

    # --- what comes of it ------------------------------------------------------------------------

    def labels(self) -> pd.DataFrame:
        """What people decided, to train on: columns reference, label, predicted, status, by, reason; a row a case."""
        columns = ["reference", "label", "predicted", "status", "by", "reason"]
        decided = [case for case in self.cases if case.status != WAITING]
        return pd.DataFrame([[getattr(case, name) for name in columns] for case in decided], columns=columns)

    def log(self) -> pd.DataFrame:
        """Every entry in order: columns seq, at, kind, case, body (JSON), previous, hash."""
        with self._reading():
            return pd.DataFrame([vars(entry) for entry in self._ledger.entries()], columns=list(Entry.__annotations__))

    def export(self, path: Path | str) -> None:
        """Write the log as .csv, or as .jsonl with an entry a line; raises AuditError for other names."""
        target = Path(path)
        if target.suffix not in (".csv", ".jsonl"):
            raise AuditError(f"path must end in .csv or .jsonl; {target.name} arrived")
        log = self.log()
        with atomic_write(target) as partial:
            if target.suffix == ".csv":
                log.to_csv(partial, index=False)
            else:
                lines = (row | {"body": json.loads(row["body"])} for row in log.to_dict("records"))
                text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
                partial.write_text(text, encoding="utf-8")

    @property
    def seal(self) -> str:
        """The hash of the latest entry, "" for an empty log; kept elsewhere, it shows later whether any are gone."""
        with self._reading():
            return self._ledger.latest

    def verify(self, seal: str | None = None) -> None:
        """Check every entry's hash anew, and that the log still holds the entry of an earlier `seal`.

        Raises AuditError at the first entry that was changed, or if entries are gone.
        """
        with self._lock:
            hashes = {entry.hash for entry in self._ledger.entries()}
        if seal and seal not in hashes:
            raise AuditError(f"seal must be the hash of an entry; there is none of {seal[:12]}…: entries are gone")

    # --- inside ----------------------------------------------------------------------------------

    @contextmanager
    def _reading(self) -> Iterator[None]:
        with self._lock:
            self._catch_up()
            yield

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Hold the file's write lock, so that what is decided rests on the newest state of all processes."""
        with self._lock:
            try:
                with self._ledger.writing():
                    self._catch_up()
                    yield
            except BaseException:
                # Some of it may be applied here and is not on disk: the next call reads everything anew.
                self._cases, self._by_reference = [], {}
                self._ledger.rewind()
                raise

    def _catch_up(self) -> None:
        for entry in self._ledger.news():
            self._apply(entry)

    def _queue(self, bodies: list[dict[str, Any]]) -> list[Case | None]:
        unsure = f"its largest probability is below {self.below:g}"
        with self._writing():
            queued: list[Case | None] = []
            for body in bodies:
                if max(body["probabilities"].values()) >= self.below or self._is_decided(body["reference"]):
                    queued.append(None)
                else:
                    queued.append(self._put(body, unsure))
            return queued

    def _is_decided(self, reference: str) -> bool:
        id = self._by_reference.get(reference)
        return id is not None and self._cases[id - 1].status != WAITING

    def _put(self, body: dict[str, Any], why: str | None) -> Case:
        """The input's case with this prediction; nothing is written if it has it already."""
        id = self._by_reference.get(body["reference"])
        if id is None:
            return self._write("predicted", len(self._cases) + 1, body | {"why": why})
        case = self._cases[id - 1]
        if all(getattr(case, name) == value for name, value in body.items()):
            return case
        return self._write("predicted", id, body | {"why": why})

    def _write(self, kind: str, case: int, body: dict[str, Any]) -> Case:
        self._apply(self._ledger.append(kind, case, body))
        return self._cases[case - 1]

    def _apply(self, entry: Entry) -> None:
        body = json.loads(entry.body)
        if entry.kind == "predicted":
            why = body.pop("why")
            if entry.case > len(self._cases):
                self._cases.append(Case(entry.case, **body))
                self._by_reference[body["reference"]] = entry.case
            case = replace(self._cases[entry.case - 1], **body)
            reasons = case.why if why is None or why in case.why else [*case.why, why]
            case = replace(case, why=reasons)
        else:
            case = self._cases[entry.case - 1]
            if entry.kind == "contested":
                said = f"contested by {body['by']}: {body['why']}"
                case = replace(_open(case), why=[*case.why, said], contested=True)
            elif entry.kind == "undone":
                case = _open(case)
            else:
                case = replace(case, status=entry.kind, **body)
        self._cases[entry.case - 1] = case

    def _known(self, id: int) -> Case:
        if isinstance(id, bool) or not isinstance(id, (int, np.integer)) or not 1 <= id <= len(self._cases):
            raise AuditError(f"id must be a case's number, from 1 to {len(self._cases)}; {id!r} arrived")
        return self._cases[id - 1]

    def _undecided(self, id: int) -> Case:
        case = self._known(id)
        if case.status != WAITING:
            raise AuditError(
                f"id must be that of a waiting case; case {id} is {case.status} by {case.by} already: undo that first"
            )
        return case


def _open(case: Case) -> Case:
    return replace(case, status=WAITING, label=None, by=None, reason=None)


def _prediction(
    reference: str | Path,
    probabilities: Mapping[str, float] | None,
    predicted: Label | None,
    explanation: Any,
    nearest: Nearest,
) -> dict[str, Any]:
    """A prediction as the log keeps it; raises AuditError for what is none."""
    p: dict[str, float] = {}
    if probabilities is not None:
        if not isinstance(probabilities, Mapping) or not probabilities:
            raise AuditError(f"probabilities must be a mapping by class; {probabilities!r} arrived")
        p = {str(name): _probability(value, str(name)) for name, value in probabilities.items()}
    found = max(p, key=lambda name: p[name]) if predicted is None else _label(predicted, "predicted")
    if isinstance(explanation, Path):
        explanation = str(explanation)
    return {
        "reference": _reference(reference),
        "predicted": found,
        "probabilities": p,
        "explanation": _json(explanation, "explanation"),
        "nearest": _json(nearest, "nearest") or [],
    }


def _probability(value: object, name: str) -> float:
    found = plain(value)
    if isinstance(found, bool) or not isinstance(found, (int, float)) or not 0 <= found <= 1:
        raise AuditError(f"probabilities must be numbers from 0 to 1; {found!r} arrived for {name!r}")
    return float(found)


def _reference(reference: str | Path) -> str:
    return _text(reference.as_posix() if isinstance(reference, Path) else reference, "reference")


def _text(value: object, name: str, *, empty: bool = False) -> str:
    if not isinstance(value, str):
        raise AuditError(f"{name} must be text; {type(value).__name__} arrived")
    if not value.strip() and not empty:
        raise AuditError(f"{name} must say something; empty text arrived")
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise AuditError(f"{name} must be valid Unicode; it holds half a character")
    return value.strip()


def _label(value: Any, name: str) -> Label:
    found = plain(value)
    if isinstance(found, str):
        return _text(found, name)
    if isinstance(found, (bool, int, float)) and math.isfinite(found):
        return found
    raise AuditError(f"{name} must be a class's name or a finite number; {value!r} arrived")


def _json(value: Any, name: str) -> Any:
    """A value as JSON gives it back; frames as a list of rows."""
    if isinstance(value, pd.DataFrame):
        value = [{str(column): plain(cell) for column, cell in row.items()} for row in value.to_dict("records")]
    try:
        text = json.dumps(value, allow_nan=False, default=_plain_or_fail, ensure_ascii=False)
        text.encode()
        return json.loads(text)
    except (TypeError, ValueError, RecursionError) as error:
        raise AuditError(f"{name} must be what JSON can hold, a path or a frame: {error}") from error


def _plain_or_fail(value: object) -> object:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"a {type(value).__name__} is not")
