"""The labels of a collection: an append-only log of changes in SQLite, with undo and redo without limit."""

from __future__ import annotations

import json
import threading
import unicodedata
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from handlens.errors import CollectionError, StorageError
from handlens.io.problems import reason_of
from handlens.io.sqlite import open_database, storage_errors, transaction

Ids = NDArray[np.int64]

MAX_NAME = 100  # characters

_REFUSED = "the file of the labels could not be read or written"

# Invisible characters that Persian, Indian scripts and composed emoji need.
_JOINERS = {"\u200c", "\u200d", *map(chr, range(0xE0020, 0xE0080))}

_SCHEMA = """
CREATE TABLE IF NOT EXISTS changes (
    seq   INTEGER PRIMARY KEY,                       -- the order of the changes
    at    TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ')),
    kind  TEXT NOT NULL CHECK (kind IN ('change', 'undo', 'redo')),
    text  TEXT NOT NULL,                             -- what a person reads: "label 12 photos front"
    body  BLOB NOT NULL                              -- compressed JSON of the change, empty for undo and redo
);
"""


@dataclass(frozen=True)
class LabelInfo:
    """A label as the page shows it.

    Attributes:
        name: of the label.
        count: how many photos have it.
        colour: the number of its colour, which it keeps when it is renamed; the page has ten colours and repeats them
            with other patterns of the frame.

    Example:
        >>> LabelInfo("front", count=12, colour=0).name
        'front'
    """

    name: str
    count: int
    colour: int


class LabelState(NamedTuple):
    """All labels at one moment: the version, the labels in the order of their creation, and each photo's code.

    A code is the position of the photo's label in `table`, −1 for a photo without a label.
    """

    version: int
    table: list[LabelInfo]
    codes: NDArray[np.int32]

    @property
    def names(self) -> list[str]:
        """The names of the labels, by code."""
        return [info.name for info in self.table]


@dataclass
class _Change:
    """One step of the log, with all that is needed to apply it and to undo it."""

    text: str
    before: list[tuple[int, str]]  # (key, name) of every label before it
    after: list[tuple[int, str]]  # and after it
    ids: Ids  # the photos whose label changes
    old: NDArray[np.int32]  # key of the label of each of `ids` before it, −1 without a label
    new: NDArray[np.int32]  # and after it

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
        try:
            body = json.loads(zlib.decompress(packed))
            return cls(
                text,
                [(key, name) for key, name in body["before"]],
                [(key, name) for key, name in body["after"]],
                np.array(body["ids"], np.int64),
                np.array(body["old"], np.int32),
                np.array(body["new"], np.int32),
            )
        except (zlib.error, KeyError, TypeError, ValueError) as error:
            raise StorageError(
                f"the label log is damaged: “{text}” cannot be read ({reason_of(error)}). Restore "
                "collection.sqlite from a backup."
            ) from error


class Labels:
    """The labels of `n` photos, kept in a SQLite file; every change is on disk before its method returns.

    Other processes may write the same file: each call first reads what is new. A label has a key that never changes,
    so that renaming it changes no photo's entry.

    Args:
        path: the collection's SQLite file; created if it does not exist.
        n: the number of photos.
        changed: called with the new version after each method that changes labels.

    Raises:
        CollectionError: (methods that change labels) there is no such label or photo, or a name is not a valid one.
        StorageError: (all methods) the file cannot be read or written.

    Example:
        >>> labels = Labels(Path("labels.sqlite"), 4)
        >>> labels.assign([0, 2], "front")
        >>> labels.codes.tolist(), labels.undo_text
        ([0, -1, 0, -1], 'label 2 photos “front”')
        >>> labels.undo(), labels.codes.tolist()
        (True, [-1, -1, -1, -1])
        >>> labels.close()
    """

    def __init__(self, path: Path, n: int, *, changed: Callable[[int], None] = lambda _version: None) -> None:
        self._lock = threading.RLock()
        self._n = n
        self._on_change = changed
        self._seq = 0  # the last change that was read
        self._next_key = 0
        self._labels: list[tuple[int, str]] = []  # (key, name), in the order of their creation
        self._keys = np.full(n, -1, np.int32)  # of each photo's label, −1 without one
        self._done: list[_Change] = []  # undo takes back the last of these
        self._undone: list[_Change] = []  # redo makes the last of these again
        with storage_errors(_REFUSED):
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
        """Version, labels and codes of one moment, also while other threads and processes change labels."""
        with self._synced():
            return LabelState(self._seq, self._table(), self._codes())

    @property
    def version(self) -> int:
        """A number that grows with every change, undo and redo."""
        with self._synced():
            return self._seq

    @property
    def names(self) -> list[str]:
        """The labels in the order of their creation."""
        with self._synced():
            return [name for _, name in self._labels]

    @property
    def codes(self) -> NDArray[np.int32]:
        """For each photo the position of its label in `names`, −1 without a label; int32 [N]."""
        with self._synced():
            return self._codes()

    @property
    def table(self) -> list[LabelInfo]:
        """Every label with its count and colour, in the order of their creation."""
        with self._synced():
            return self._table()

    @property
    def series(self) -> pd.Series[str]:
        """The label of each photo by its id; a missing value without a label."""
        state = self.state
        values = pd.Categorical.from_codes(state.codes, pd.Index(state.names, dtype="str"))
        return pd.Series(values, name="label", index=pd.RangeIndex(len(values), name="id")).astype("str")

    @property
    def undo_text(self) -> str | None:
        """The change that `undo` would take back, in words; None when there is nothing to undo."""
        with self._synced():
            return self._done[-1].text if self._done else None

    @property
    def redo_text(self) -> str | None:
        """The change that `redo` would make again, in words; None when there is nothing to redo."""
        with self._synced():
            return self._undone[-1].text if self._undone else None

    # --- changing ------------------------------------------------------------------------------

    def assign(self, ids: Sequence[int] | NDArray[np.integer], name: str) -> None:
        """Give the photos `ids` the label `name`, which is created if it is new."""
        name = check_name(name)
        wanted = self._check_ids(ids)
        with self._writing():
            key, labels = self._key(name), list(self._labels)
            if key is None:
                key = self._next_key
                labels.append((key, name))
            self._change(f"label {_photos(len(wanted))} “{name}”", labels, wanted, key)

    def remove(self, ids: Sequence[int] | NDArray[np.integer]) -> None:
        """Remove the labels of the photos `ids`."""
        wanted = self._check_ids(ids)
        with self._writing():
            self._change(f"take the label off {_photos(len(wanted))}", list(self._labels), wanted, -1)

    def rename(self, name: str, to: str) -> None:
        """Rename the label `name` to `to`; a name in use is refused (merge instead)."""
        to = check_name(to)
        with self._writing():
            key = self._known(name)
            if to != name and self._key(to) is not None:
                raise CollectionError(f"the label “{to}” exists already. Merge “{name}” into it instead.")
            labels = [(k, to if k == key else n) for k, n in self._labels]
            self._change(f"rename “{name}” to “{to}”", labels, np.empty(0, np.int64), -1)

    def merge(self, names: Sequence[str], into: str) -> None:
        """Give the photos of all `names` the label `into` and delete the labels that are left empty."""
        into = check_name(into)
        with self._writing():
            keys = {self._known(name) for name in names}
            if not keys:
                raise CollectionError("names must have at least one label to merge; none arrived.")
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
        """Take back the latest change, also one made before a restart; False when there is nothing to undo."""
        with self._writing():
            found = bool(self._done)
            if found:
                self._write("undo", self._done[-1].text, b"")
        return found

    def redo(self) -> bool:
        """Make the change again that undo took back last; False when there is nothing to redo."""
        with self._writing():
            found = bool(self._undone)
            if found:
                self._write("redo", self._undone[-1].text, b"")
        return found

    # --- inside --------------------------------------------------------------------------------

    def _table(self) -> list[LabelInfo]:
        return [LabelInfo(name, int((self._keys == key).sum()), key) for key, name in self._labels]

    def _codes(self) -> NDArray[np.int32]:
        codes = np.full(self._next_key + 1, -1, np.int32)
        for code, (key, _) in enumerate(self._labels):
            codes[key] = code
        return codes[self._keys]  # key −1 picks the last, spare entry, which is −1

    @contextmanager
    def _synced(self) -> Iterator[None]:
        with self._lock:
            with storage_errors(_REFUSED):
                self._catch_up()
            yield

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Hold the file's write lock, so that a change is based on the newest state of all processes.

        Afterwards `changed` is called with the new version.
        """
        with self._lock, storage_errors(_REFUSED):
            with transaction(self._db):
                self._catch_up()
                yield
            self._catch_up()
            version = self._seq
        self._on_change(version)

    def _catch_up(self) -> None:
        """Apply the changes in the file that this object has not read yet."""
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

    def _check_ids(self, ids: Sequence[int] | NDArray[np.integer]) -> Ids:
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
    """Check the name of a label, and return it as it is kept.

    Runs of white space become one space, white space at the ends is removed, and the text is normalised (Unicode NFC),
    so that no two labels look the same.

    Raises:
        CollectionError: it is not text, has more than 100 characters, or has characters that cannot be printed.

    Example:
        >>> check_name("  front   left ")
        'front left'
    """
    if not isinstance(name, str):
        raise CollectionError(f"a label must be text; {type(name).__name__} arrived.")
    name = unicodedata.normalize("NFC", " ".join(name.split()))
    visible = "".join(character for character in name if character not in _JOINERS)
    if not visible or len(name) > MAX_NAME or not visible.isprintable():
        arrived = f"{len(name)} characters" if len(name) > MAX_NAME else ascii(name)
        raise CollectionError(
            f"a label must have 1 to {MAX_NAME} printable characters; {arrived} arrived. Choose another name."
        )
    return name


def _photos(n: int) -> str:
    return "1 photo" if n == 1 else f"{n:,} photos"
