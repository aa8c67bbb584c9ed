"""The labels of a collection: an append-only log of changes in SQLite, with undo and redo without limit."""

from __future__ import annotations

import logging
import threading
import unicodedata
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from handlens.errors import CollectionError, StorageError
from handlens.io.problems import reason_of
from handlens.io.sqlite import open_database, storage_errors, transaction
from handlens.studio.label_changes import Change, Ids, Keys, LabelledPhotos, MadeChange
from handlens.studio.label_differences import AlteredLabel, LabelDifference, RecentChanges
from handlens.studio.origins import CALL, LabelOrigins, Origin, certified

MAX_NAME = 100  # characters

MOST_LABELS = 10_000
"""Labels that a collection may have."""

_log = logging.getLogger(__name__)

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
        colour: its key, a number that it keeps when it is renamed, which gives its colour; the page has ten colours
            and repeats them with other patterns of the frame.

    Example:
        >>> LabelInfo("front", count=12, colour=0).name
        'front'
    """

    name: str
    count: int
    colour: int


class LabelState(NamedTuple):
    """All labels at one moment, also while other threads and processes change them.

    Attributes:
        version: grows with every change, undo and redo.
        table: the labels in the order of their creation.
        codes: the position of each photo's label in `table`, −1 for a photo without a label; int32 [N].
        origins: where the label of each photo comes from.
        merged: the keys of labels that were merged into others, and the keys of those.
        made: the numbers of the changes that were made and not taken back.
        last_by_person: the change after which the labels that persons gave first were as they are, 0 without labels:
            a model of the same number has learned from the same ones.
        kept: the photos whose label a person kept: the key of that label, and of the one that a model suggested.
    """

    version: int
    table: list[LabelInfo]
    codes: NDArray[np.int32]
    origins: LabelOrigins
    merged: dict[int, int]
    made: frozenset[int]
    last_by_person: int
    kept: dict[int, tuple[int, int]]

    @property
    def names(self) -> list[str]:
        """The names of the labels, by code."""
        return [info.name for info in self.table]

    @property
    def by_person(self) -> NDArray[np.int32]:
        """As `codes`, with −1 also for photos whose label the model gave."""
        return np.where(certified(self.origins), np.int32(-1), self.codes)

    def code_of_key(self, key: int) -> int:
        """The position in `table` of the label with a key, or of the one it was merged into; −1 once deleted."""
        key = self.merged.get(key, key)
        return next((code for code, info in enumerate(self.table) if info.colour == key), -1)

    @property
    def series(self) -> pd.Series[str]:
        """The label of each photo by its id; a missing value without a label."""
        values = pd.Categorical.from_codes(self.codes, pd.Index(self.names, dtype="str"))
        return pd.Series(values, name="label", index=pd.RangeIndex(len(values), name="id")).astype("str")


class Labels:
    """The labels of `n` photos, kept in a SQLite file; every change is on disk before its method returns.

    Other processes may write the same file: each call first reads what is new. A label has a key that never changes,
    so that renaming it changes no photo's entry. A change that is damaged on the disk changes nothing; all others are
    read.

    Args:
        path: the collection's SQLite file; created if it does not exist.
        n: the number of photos.
        changed: called with the new version after each method that changes labels.

    Attributes:
        damage: what is damaged, as sentences.

    Raises:
        CollectionError: (methods that change labels) there is no such label or photo, or a name is not a valid one.
        StorageError: (all methods) the file cannot be read or written.

    Example:
        >>> labels = Labels(Path("labels.sqlite"), 4)
        >>> change = labels.assign([0, 2], "front")
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
        self._photos = LabelledPhotos(n)
        self._at = datetime.fromtimestamp(0, UTC)  # of the last change whose time is known
        self._told: set[int] = set()
        self._recent: RecentChanges | None = None  # while the file is read for the first time
        self.damage: list[str] = []
        with storage_errors(_REFUSED):
            self._db = open_database(path, _SCHEMA)
            try:
                self._db.keep_checksums("changes")
                for seq in self._db.gone("changes"):
                    self._damaged(seq, "", "it cannot be found any more")
                self._catch_up()
            except BaseException:
                self._db.close()
                raise
        self._recent = RecentChanges(self._seq)

    def close(self) -> None:
        """Close the file; the log cannot be used afterwards."""
        with self._lock:
            self._db.close()

    # --- reading -------------------------------------------------------------------------------

    @property
    def state(self) -> LabelState:
        """All that is known of the labels at this moment."""
        with self._synced():
            known = self._photos
            return LabelState(
                self._seq,
                self._table(),
                known.codes,
                known.origins,
                known.merged,
                known.made,
                known.last_by_person,
                known.kept,
            )

    @property
    def version(self) -> int:
        """A number that grows with every change, undo and redo."""
        with self._synced():
            return self._seq

    def since(self, version: int) -> LabelDifference | None:
        """What has changed since the labels had this version; takes time for what changed, and not for all photos.

        Returns:
            None where that is no longer known, or where no labels had the version.
        """
        with self._synced():
            known = self._photos
            changed = self._recent.since(version) if self._recent else None
            if changed is None:
                return None
            ids, touched = changed
            places = {key: place for place, (key, _) in enumerate(known.labels)}
            keys = sorted(touched & places.keys(), key=lambda key: places[key])
            counts, given = known.counts_of(keys)
            if touched and given is None:  # a photo's label says how labels of its duplicates are counted
                keys = list(places)
                counts, _ = known.counts_of(keys)
            unknown: list[int | None] = [None] * len(keys)
            return LabelDifference(
                version,
                self._seq,
                known.last_by_person,
                ids,
                known.keys[ids],
                [
                    AlteredLabel(places[key], key, known.labels[places[key]][1], count, gestures)
                    for key, count, gestures in zip(keys, counts, unknown if given is None else given, strict=True)
                ],
                sorted(touched - places.keys()),
                known.undoable.text if known.undoable else None,
                known.redoable.text if known.redoable else None,
            )

    @property
    def names(self) -> list[str]:
        """The labels in the order of their creation."""
        with self._synced():
            return [name for _, name in self._photos.labels]

    @property
    def codes(self) -> NDArray[np.int32]:
        """For each photo the position of its label in `names`, −1 without a label; int32 [N]."""
        with self._synced():
            return self._photos.codes

    @property
    def table(self) -> list[LabelInfo]:
        """Every label with its count and colour, in the order of their creation."""
        with self._synced():
            return self._table()

    @property
    def finished(self) -> int:
        """How many photos have a label that a finish gave."""
        with self._synced():
            return self._photos.finished

    @property
    def series(self) -> pd.Series[str]:
        """The label of each photo by its id; a missing value without a label."""
        return self.state.series

    @property
    def undo_text(self) -> str | None:
        """The change that `undo` would take back, in words; None when there is nothing to undo."""
        with self._synced():
            change = self._photos.undoable
            return change.text if change else None

    @property
    def redo_text(self) -> str | None:
        """The change that `redo` would make again, in words; None when there is nothing to redo."""
        with self._synced():
            change = self._photos.redoable
            return change.text if change else None

    def origin_before(self, photo: int) -> Origin | None:
        """Where the label came from that a photo had before its present one; None if it had none or has none now."""
        with self._synced():
            return self._photos.origin_before(photo)

    def key_of(self, name: str) -> int:
        """The key of the label `name`: a number that it keeps when it is renamed, and that no later label gets."""
        with self._synced():
            return self._known(name)

    # --- changing ------------------------------------------------------------------------------

    @contextmanager
    def held(self) -> Iterator[None]:
        """Other threads neither read nor change labels while the block runs.

        A block that holds the file's write lock and reads labels must hold them first: otherwise another thread, which
        holds them and waits for the file, would wait for ever.
        """
        with self._lock:
            yield

    def assign(self, ids: Sequence[int] | NDArray[np.integer], name: str, *, origin: Origin = CALL) -> int:
        """Give the photos `ids` the label `name`, which is created if it is new.

        Photos that have it already keep the origin of their label, unless the model gave it.

        Returns:
            the number of the change, 0 if nothing changed.
        """
        name = check_name(name)
        wanted = self._check_ids(ids)
        return self._assign([(wanted, name)], origin, f"label {_photos(len(wanted))} “{name}”") or 0

    def assign_many(
        self,
        groups: Sequence[tuple[Sequence[int] | NDArray[np.integer], str | None]],
        *,
        origin: Origin,
        text: str,
        version: int | None = None,
    ) -> bool:
        """Give photos of several labels their labels in one change, which one `undo` takes back.

        Args:
            groups: photos and their label, for each label; None takes the label off. No photo twice.
            origin: of all these labels.
            text: the change in words.
            version: of the labels that this was decided on; if they have changed since, nothing is done.

        Returns:
            whether it was done.
        """
        checked = [(self._check_ids(ids), None if name is None else check_name(name)) for ids, name in groups]
        if not checked:
            raise CollectionError("groups must have photos of at least one label; none arrived.")
        photos, times = np.unique(np.concatenate([ids for ids, _ in checked]), return_counts=True)
        if times.max() > 1:
            raise CollectionError(f"each photo must be in one group; photo {photos[times.argmax()]} is in several.")
        return self._assign(checked, origin, text, version=version) is not None

    def remove(self, ids: Sequence[int] | NDArray[np.integer]) -> int:
        """Remove the labels of the photos `ids`.

        Returns:
            the number of the change, 0 if nothing changed.
        """
        wanted = self._check_ids(ids)
        with self._writing():
            return self._change(f"take the label off {_photos(len(wanted))}", self._photos.labels, wanted, -1)

    def keep(self, suggested: Mapping[int, int]) -> int:
        """Remember that a person looked at labels that a model doubts, and kept them.

        Args:
            suggested: for each photo the key of the label that the model suggests.

        Returns:
            the number of the change, 0 if nothing changed.
        """
        wanted = self._check_ids(list(suggested))
        with self._writing():
            keys = self._photos.keys[wanted].tolist()
            kept = {photo: (key, suggested[photo]) for photo, key in zip(wanted.tolist(), keys, strict=True)}
            if -1 in keys:
                bare = next(photo for photo, key in zip(kept, keys, strict=True) if key < 0)
                raise CollectionError(f"only labels can be kept, and photo {bare} has none.")
            known = self._photos.kept
            if all(known.get(photo) == keys for photo, keys in kept.items()):
                return 0
            text = f"keep the label of {_photos(len(wanted))}"
            nothing = np.empty(0, np.int64)
            labels = self._photos.labels
            change = Change(
                text, labels, labels, nothing, nothing.astype(np.int32), nothing.astype(np.int32), kept=kept
            )
            return self._write("change", text, change.pack())

    def rename(self, name: str, to: str) -> None:
        """Rename the label `name` to `to`; a name in use is refused (merge instead)."""
        to = check_name(to)
        with self._writing():
            key = self._known(name)
            if to != name and self._key(to) is not None:
                raise CollectionError(f"the label “{to}” exists already. Merge “{name}” into it instead.")
            labels = [(k, to if k == key else n) for k, n in self._photos.labels]
            self._change(f"rename “{name}” to “{to}”", labels, np.empty(0, np.int64), -1)

    def merge(self, names: Sequence[str], into: str) -> None:
        """Give the photos of all `names` the label `into` and delete the labels that are left empty.

        The photos keep the origins of their labels.
        """
        into = check_name(into)
        if isinstance(names, str) or not isinstance(names, Collection):
            raise CollectionError(f"names must be a list of labels; {names!r} arrived.")
        with self._writing():
            keys = {self._known(name) for name in names}
            if not keys:
                raise CollectionError("names must have at least one label to merge; none arrived.")
            target, labels = self._key(into), list(self._photos.labels)
            if target is None:
                target = self._photos.next_key
                labels.append((target, into))
            labels = [(k, n) for k, n in labels if k == target or k not in keys]
            moved = np.flatnonzero(np.isin(self._photos.keys, list(keys - {target})))
            text = f"merge {', '.join(f'“{n}”' for n in names)} into “{into}”"
            self._change(text, labels, moved, target, into=target)

    def delete(self, name: str) -> None:
        """Delete the label `name`; its photos become unlabelled."""
        with self._writing():
            key = self._known(name)
            labels = [(k, n) for k, n in self._photos.labels if k != key]
            photos = np.flatnonzero(self._photos.keys == key)
            self._change(f"delete the label “{name}”", labels, photos, -1)

    def undo(self) -> bool:
        """Take back the latest change, also one made before a restart; False when there is nothing to undo."""
        with self._writing():
            change = self._photos.undoable
            if change:
                self._write("undo", change.text, b"")
        return change is not None

    def redo(self) -> bool:
        """Make the change again that undo took back last; False when there is nothing to redo."""
        with self._writing():
            change = self._photos.redoable
            if change:
                self._write("redo", change.text, b"")
        return change is not None

    # --- inside --------------------------------------------------------------------------------

    def _table(self) -> list[LabelInfo]:
        counts = self._photos.counts
        return [LabelInfo(name, counts.get(key, 0), key) for key, name in self._photos.labels]

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
        right = self._db.right("changes")
        query = f"SELECT seq, at, kind, text, body, {right} FROM changes WHERE seq > ? ORDER BY seq"
        for seq, at, kind, text, body, whole in self._db.execute(query, (self._seq,)).fetchall():
            made: MadeChange | None = None
            if kind == "undo" and not body:
                if self._photos.undoable:
                    made = self._photos.undo()
                else:
                    self._damaged(seq, text, "there is nothing to undo")
            elif kind == "redo" and not body:
                if self._photos.redoable:
                    made = self._photos.redo()
                else:
                    self._damaged(seq, text, "there is nothing to redo")
            else:
                made = self._apply(seq, at, text, body)
            if self._recent:
                self._recent.add(seq, made.ids if made else np.empty(0, np.int32), made.label_keys if made else ())
            if not whole and seq not in self._told:
                self._damaged(seq, text, "it is not as it was written, but can be read")
            self._seq = seq

    def _apply(self, seq: int, at: str, text: str, body: bytes) -> MadeChange:
        """Make a change; in place of one that is damaged one of nothing, which `undo` takes back in its turn."""
        try:
            change = Change.unpack(text, body)
        except StorageError as error:
            change = Change.nothing(text, self._photos.labels)
            self._damaged(seq, text, f"its labels are not known: {reason_of(error)}")
        try:
            self._at = _time(at)
        except (TypeError, ValueError):
            self._damaged(seq, text, f"its time cannot be {at!r}")
        return self._photos.apply(seq, change, self._at)

    def _damaged(self, seq: int, text: str, why: str) -> None:
        """Tell that a change is damaged; those before and after it are not."""
        named = f"{seq}, “{text}”," if text else f"{seq}"
        self._told.add(seq)
        self.damage.append(f"Change {named} of the label log is damaged ({why}). All others are read.")
        _log.warning("%s", self.damage[-1])

    def _assign(
        self, groups: Sequence[tuple[Ids, str | None]], origin: Origin, text: str, *, version: int | None = None
    ) -> int | None:
        """The number of the change, 0 if nothing changes, None if the labels no longer have that version."""
        with self._writing():
            if version is not None and version != self._seq:
                return None
            labels, ids, keys = list(self._photos.labels), [], []
            known: dict[str | None, int] = {None: -1, **{name: key for key, name in labels}}
            next_key = max([self._photos.next_key, *(key + 1 for key, _ in labels)])
            for photos, name in groups:
                if name is not None and name not in known:
                    known[name] = next_key
                    labels.append((next_key, name))
                    next_key += 1
                ids.append(photos)
                keys.append(np.full(len(photos), known[name], np.int32))
            if len(labels) > max(MOST_LABELS, len(self._photos.labels)):
                raise CollectionError(
                    f"a collection can have at most {MOST_LABELS:,} labels; it would have {len(labels):,}. Use fewer."
                )
            return self._change(text, labels, np.concatenate(ids), np.concatenate(keys), origin=origin)

    def _change(
        self,
        text: str,
        labels: list[tuple[int, str]],
        ids: Ids,
        keys: Keys | int,
        *,
        origin: Origin | None = None,
        into: int | None = None,
    ) -> int:
        """Write the change after which there are these `labels` and photos `ids` have `keys`, unless they do now.

        Returns its number, 0 if nothing changes.
        """
        old, new = self._photos.keys[ids], np.broadcast_to(np.asarray(keys, np.int32), ids.shape)
        moved = old != new
        if origin is not None:  # a label that the model gave is confirmed by a person, or certified again
            moved |= (new >= 0) & self._photos.certified_otherwise(ids, origin)
        if labels == self._photos.labels and not moved.any():
            return 0
        change = Change(text, self._photos.labels, labels, ids[moved], old[moved], new[moved], origin, into)
        return self._write("change", text, change.pack())

    def _write(self, kind: str, text: str, body: bytes) -> int:
        row = self._db.execute("INSERT INTO changes (kind, text, body) VALUES (?, ?, ?)", (kind, text, body))
        return int(row.lastrowid or 0)

    def _key(self, name: str) -> int | None:
        return next((key for key, known in self._photos.labels if known == name), None)

    def _known(self, name: str) -> int:
        key = self._key(name)
        if key is None:
            have = ", ".join(f"“{n}”" for _, n in self._photos.labels) or "none yet"
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


def check_name(name: str, *, of: str = "a label") -> str:
    """Check the name of a label or of something else, and return it as it is kept.

    Runs of white space become one space, white space at the ends is removed, and the text is normalised (Unicode NFC),
    so that no two names look the same.

    Raises:
        CollectionError: it is not text, has more than 100 characters, or has characters that cannot be printed.

    Example:
        >>> check_name("  front   left ")
        'front left'
    """
    if not isinstance(name, str):
        raise CollectionError(f"{of} must be text; {type(name).__name__} arrived.")
    name = unicodedata.normalize("NFC", " ".join(name.split()))
    visible = "".join(character for character in name if character not in _JOINERS)
    if not visible or len(name) > MAX_NAME or not visible.isprintable():
        arrived = f"{len(name)} characters" if len(name) > MAX_NAME else ascii(name)
        raise CollectionError(
            f"{of} must have 1 to {MAX_NAME} printable characters; {arrived} arrived. Choose another name."
        )
    return name


def _time(at: str) -> datetime:
    found = datetime.fromisoformat(at)
    if found.tzinfo is None:
        raise ValueError("it has no time zone")
    return found


def _photos(n: int) -> str:
    return "1 photo" if n == 1 else f"{n:,} photos"
