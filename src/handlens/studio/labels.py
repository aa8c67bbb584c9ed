"""The labels of a collection: an append-only log of changes in SQLite, with undo and redo without limit."""

from __future__ import annotations

import json
import sqlite3
import threading
import unicodedata
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from handlens.errors import CollectionError, StorageError
from handlens.io.sqlite import open_database, transaction

Ids = NDArray[np.int64]

MAX_NAME = 100

# Invisible, but Persian, Indian scripts and composed emoji cannot be written without them.
_JOINERS = {"\u200c", "\u200d", *map(chr, range(0xE0020, 0xE0080))}

_SCHEMA = """
CREATE TABLE IF NOT EXISTS changes (
    seq   INTEGER PRIMARY KEY,                       -- order of acknowledgement
    at    TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ')),
    kind  TEXT NOT NULL CHECK (kind IN ('change', 'undo', 'redo')),
    text  TEXT NOT NULL,                             -- what a person reads: "label 12 photos front"
    body  BLOB NOT NULL                              -- compressed JSON of the change, empty for undo and redo
);
CREATE TABLE IF NOT EXISTS keep (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""


@dataclass(frozen=True)
class LabelInfo:
    """A label as the page shows it: its name, how many photos carry it, and its colour's number."""

    name: str
    count: int
    colour: int


class LabelState(NamedTuple):
    """All labels at one moment: its version, the labels in the order made, and each photo's code, −1 none."""

    version: int
    table: list[LabelInfo]
    codes: NDArray[np.int32]

    @property
    def names(self) -> list[str]:
        """The names of the labels, which `codes` counts through."""
        return [info.name for info in self.table]


@dataclass
class _Change:
    """One step of the log, told so that it can be walked both ways."""

    text: str
    before: list[tuple[int, str]]  # (key, name) of every label that exists
    after: list[tuple[int, str]]
    ids: Ids
    old: NDArray[np.int32]  # the key each of `ids` carried, −1 none
    new: NDArray[np.int32]

    def pack(self) -> bytes:
        body = {
            "before": self.before,
            "after": self.after,
            "ids": self.ids.tolist(),
            "old": self.old.tolist(),
            "new": self.new.tolist(),
        }
        return zlib.compress(json.dumps(body, ensure_ascii=False).encode(), 1)

    @classmethod
    def unpack(cls, text: str, packed: bytes) -> _Change:
        body = json.loads(zlib.decompress(packed))
        return cls(
            text,
            [(key, name) for key, name in body["before"]],
            [(key, name) for key, name in body["after"]],
            np.array(body["ids"], np.int64),
            np.array(body["old"], np.int32),
            np.array(body["new"], np.int32),
        )


class LabelLog:
    """Labels of `n` photos, kept in the SQLite file at `path`; every change is on disk before it returns.

    Another process may write the same file: each call first reads what is new. A label is known
    inside by a key that never changes, so renaming moves no photo. Errors: CollectionError for a
    request that makes no sense, StorageError when the disk refuses.
    """

    def __init__(self, path: Path, n: int) -> None:
        self._lock = threading.RLock()
        self._n = n
        self._seq = 0
        self._next_key = 0
        self._labels: list[tuple[int, str]] = []
        self._keys = np.full(n, -1, np.int32)
        self._done: list[_Change] = []
        self._undone: list[_Change] = []
        with self._storing():
            self._db = open_database(path, _SCHEMA)
            try:
                self._catch_up()
            except BaseException:
                self._db.close()
                raise

    def close(self) -> None:
        """Close the file; the log cannot be used afterwards."""
        self._db.close()

    # --- reading -------------------------------------------------------------------------------

    @property
    def state(self) -> LabelState:
        """Version, labels and codes of one and the same moment, whatever other threads and processes do."""
        with self._synced():
            return LabelState(self._seq, self._table(), self._codes())

    @property
    def version(self) -> int:
        """A number that grows with every change, undo and redo."""
        with self._synced():
            return self._seq

    @property
    def names(self) -> list[str]:
        """The labels in the order in which they were made."""
        with self._synced():
            return [name for _, name in self._labels]

    @property
    def codes(self) -> NDArray[np.int32]:
        """For each photo the position of its label in `names`, −1 where none; int32 [N]."""
        with self._synced():
            return self._codes()

    @property
    def table(self) -> list[LabelInfo]:
        """Every label with its count and colour, in the order in which they were made."""
        with self._synced():
            return self._table()

    @property
    def undo_text(self) -> str | None:
        """What `undo` would take back, None when there is nothing."""
        with self._synced():
            return self._done[-1].text if self._done else None

    @property
    def redo_text(self) -> str | None:
        """What `redo` would bring back, None when there is nothing."""
        with self._synced():
            return self._undone[-1].text if self._undone else None

    # --- changing ------------------------------------------------------------------------------

    def assign(self, ids: Sequence[int] | Ids, name: str) -> None:
        """Give the photos `ids` the label `name`, made if it is new."""
        name = check_name(name)
        wanted = self._check_ids(ids)
        with self._writing():
            key, labels = self._key(name), list(self._labels)
            if key is None:
                key = self._next_key
                labels.append((key, name))
            self._change(f"label {_photos(len(wanted))} “{name}”", labels, wanted, key)

    def remove(self, ids: Sequence[int] | Ids) -> None:
        """Take the label off the photos `ids`."""
        wanted = self._check_ids(ids)
        with self._writing():
            self._change(f"take the label off {_photos(len(wanted))}", list(self._labels), wanted, -1)

    def rename(self, name: str, to: str) -> None:
        """Call the label `name` `to` from now on; a name in use is refused (merge instead)."""
        to = check_name(to)
        with self._writing():
            key = self._known(name)
            if to != name and self._key(to) is not None:
                raise CollectionError(f"the label “{to}” exists already. Merge “{name}” into it instead.")
            labels = [(k, to if k == key else n) for k, n in self._labels]
            self._change(f"rename “{name}” to “{to}”", labels, np.empty(0, np.int64), -1)

    def merge(self, names: Sequence[str], into: str) -> None:
        """Give the photos of `names` the label `into` and drop the labels left empty."""
        into = check_name(into)
        with self._writing():
            keys = {self._known(name) for name in names}
            if not keys:
                raise CollectionError("pick at least one label to merge; none arrived.")
            target, labels = self._key(into), list(self._labels)
            if target is None:
                target = self._next_key
                labels.append((target, into))
            labels = [(k, n) for k, n in labels if k == target or k not in keys]
            moved = np.flatnonzero(np.isin(self._keys, list(keys - {target})))
            self._change(f"merge {', '.join(f'“{n}”' for n in names)} into “{into}”", labels, moved, target)

    def delete(self, name: str) -> None:
        """Delete the label `name`; its photos become unlabelled."""
        with self._writing():
            key = self._known(name)
            labels = [(k, n) for k, n in self._labels if k != key]
            self._change(f"delete the label “{name}”", labels, np.flatnonzero(self._keys == key), -1)

    def undo(self) -> bool:
        """Take the latest change back; False when there is none."""
        with self._writing():
            if not self._done:
                return False
            self._write("undo", self._done[-1].text, b"")
            return True

    def redo(self) -> bool:
        """Bring the change that was last taken back again; False when there is none."""
        with self._writing():
            if not self._undone:
                return False
            self._write("redo", self._undone[-1].text, b"")
            return True

    # --- small things that must survive too -----------------------------------------------------

    def keep(self, name: str, value: object) -> None:
        """Keep a small JSON value under `name` (the view, what was asked to be separated)."""
        with self._lock, self._storing():
            self._db.execute("INSERT OR REPLACE INTO keep VALUES (?, ?)", (name, json.dumps(value)))

    def kept(self, name: str) -> object | None:
        """The value kept under `name`, None when there is none."""
        with self._lock, self._storing():
            row = self._db.execute("SELECT value FROM keep WHERE name = ?", (name,)).fetchone()
        return None if row is None else json.loads(row[0])

    # --- inside --------------------------------------------------------------------------------

    def _table(self) -> list[LabelInfo]:
        return [LabelInfo(name, int((self._keys == key).sum()), key) for key, name in self._labels]

    def _codes(self) -> NDArray[np.int32]:
        codes = np.full(self._next_key + 1, -1, np.int32)
        for code, (key, _) in enumerate(self._labels):
            codes[key] = code
        return codes[self._keys]  # key −1 picks the last, spare entry: none

    @contextmanager
    def _storing(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            raise StorageError(
                f"the labels' file on disk refused ({error}). Nothing that was saved before is lost; "
                "make room or check the disk, then try again."
            ) from error

    @contextmanager
    def _synced(self) -> Iterator[None]:
        with self._lock:
            with self._storing():
                self._catch_up()
            yield

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Hold the file's write lock, so that what is decided rests on the newest state of all processes."""
        with self._lock, self._storing():
            with transaction(self._db):
                self._catch_up()
                yield
            self._catch_up()

    def _catch_up(self) -> None:
        rows = self._db.execute("SELECT seq, kind, text, body FROM changes WHERE seq > ? ORDER BY seq", (self._seq,))
        for seq, kind, text, body in rows.fetchall():
            if kind == "change":
                change = _Change.unpack(text, body)
                self._apply(change.after, change.ids, change.new)
                self._done.append(change)
                self._undone.clear()
            elif kind == "undo":
                change = self._done.pop()
                self._apply(change.before, change.ids, change.old)
                self._undone.append(change)
            else:
                change = self._undone.pop()
                self._apply(change.after, change.ids, change.new)
                self._done.append(change)
            self._seq = seq

    def _apply(self, labels: list[tuple[int, str]], ids: Ids, keys: NDArray[np.int32]) -> None:
        self._labels = labels
        self._next_key = max([self._next_key, *(key + 1 for key, _ in labels)])
        inside = ids < self._n
        self._keys[ids[inside]] = keys[inside]

    def _change(self, text: str, labels: list[tuple[int, str]], ids: Ids, key: int) -> None:
        old = self._keys[ids]
        moved = old != key
        if labels == self._labels and not moved.any():
            return
        ids, old = ids[moved], old[moved]
        change = _Change(text, self._labels, labels, ids, old, np.full(len(ids), key, np.int32))
        self._write("change", text, change.pack())

    def _write(self, kind: str, text: str, body: bytes) -> None:
        self._db.execute("INSERT INTO changes (kind, text, body) VALUES (?, ?, ?)", (kind, text, body))

    def _key(self, name: str) -> int | None:
        return next((key for key, known in self._labels if known == name), None)

    def _known(self, name: str) -> int:
        key = self._key(name)
        if key is None:
            have = ", ".join(f"“{n}”" for _, n in self._labels) or "none yet"
            raise CollectionError(f"no label is called “{name}”. The labels are: {have}.")
        return key

    def _check_ids(self, ids: Sequence[int] | Ids) -> Ids:
        wanted = np.asarray(ids)
        if wanted.ndim != 1 or (wanted.size and wanted.dtype.kind not in "iu"):
            raise CollectionError(f"ids must be a flat list of whole numbers; {wanted.dtype} {wanted.shape} arrived.")
        wanted = np.unique(wanted.astype(np.int64))
        if wanted.size and (wanted[0] < 0 or wanted[-1] >= self._n):
            bad = int(wanted[0] if wanted[0] < 0 else wanted[-1])
            raise CollectionError(f"ids must lie between 0 and {self._n - 1}, the positions in paths; {bad} arrived.")
        if not wanted.size:
            raise CollectionError("at least one photo is needed; the selection is empty.")
        return wanted


def check_name(name: str) -> str:
    """The label name as it is kept, or CollectionError if it cannot be one.

    White space is made single and taken off the ends, and what looks the same is spelled the same
    (Unicode NFC), so that no two labels differ in what nobody can see.
    """
    if not isinstance(name, str):
        raise CollectionError(f"a label must be text; {type(name).__name__} arrived.")
    name = unicodedata.normalize("NFC", " ".join(name.split()))
    seen = "".join(character for character in name if character not in _JOINERS)
    if not seen or len(name) > MAX_NAME or not seen.isprintable():
        raise CollectionError(
            f"a label must have 1 to {MAX_NAME} printable characters; {len(name)} arrived. Choose another name."
        )
    return name


def _photos(n: int) -> str:
    return "1 photo" if n == 1 else f"{n:,} photos"
