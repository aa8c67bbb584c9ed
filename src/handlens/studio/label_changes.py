"""Changes of labels as the label log keeps them, and the labels that a sequence of them leads to."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from handlens.errors import CollectionError, StorageError
from handlens.io.plain_json import unpacked
from handlens.io.problems import reason_of
from handlens.studio.origins import UNKNOWN, LabelChange, LabelOrigins, Origin

Ids = NDArray[np.int64]
Keys = NDArray[np.int32]


@dataclass
class Change:
    """One step of the log, with all that is needed to apply it and to undo it.

    A label has a key that never changes, so that renaming it changes no photo's entry.
    """

    text: str
    before: list[tuple[int, str]]  # (key, name) of every label before it
    after: list[tuple[int, str]]  # and after it
    ids: Ids  # the photos whose label changes
    old: Keys  # key of the label of each of `ids` before it, −1 without a label
    new: Keys  # and after it
    origin: Origin | None = None  # of the labels that it gives; without one, photos keep the origins that they have
    into: int | None = None  # the key of the label that others were merged into
    kept: dict[int, tuple[int, int]] | None = None  # photos that keep their label: its key, and that of a model's doubt

    def pack(self) -> bytes:
        """The change as compressed JSON, without its text."""
        body: dict[str, Any] = {
            "before": self.before,
            "after": self.after,
            "ids": self.ids.tolist(),
            "old": self.old.tolist(),
            "new": self.new.tolist(),
        }
        if self.origin is not None:
            body["origin"] = self.origin.as_json()
        if self.into is not None:
            body["into"] = self.into
        if self.kept is not None:
            body["kept"] = [(photo, *keys) for photo, keys in self.kept.items()]
        return zlib.compress(json.dumps(body, ensure_ascii=False).encode(), 1)

    @classmethod
    def unpack(cls, text: str, packed: bytes) -> Change:
        """Read what `pack` made, also in versions without origins; StorageError, saying why, if it is damaged."""
        try:
            body = json.loads(unpacked(packed))
            ids, old, new = np.array(body["ids"], np.int64), *(np.array(body[k], np.int32) for k in ("old", "new"))
            if not ids.shape == old.shape == new.shape == (ids.size,):
                raise ValueError("its lists of photos and labels do not have the same length")
            before, after = _labels(body["before"]), _labels(body["after"])
            if (
                (ids < 0).any()
                or not {*old.tolist()} <= {-1, *dict(before)}
                or not {*new.tolist()} <= {-1, *dict(after)}
            ):
                raise ValueError("its photos have labels that it does not name")
            return cls(
                text,
                before,
                after,
                ids,
                old,
                new,
                *_origin_and_target(text, body, new),
                kept=_kept(body),
            )
        except (KeyError, TypeError, ValueError, OverflowError, RecursionError, CollectionError) as error:
            raise StorageError(f"{reason_of(error)}.") from error

    @classmethod
    def nothing(cls, text: str, labels: list[tuple[int, str]]) -> Change:
        """A change of nothing, where there are these labels."""
        ids, keys = np.empty(0, np.int64), np.empty(0, np.int32)
        return cls(text, labels, labels, ids, keys, keys)


class LabelledPhotos:
    """The labels of `n` photos and their origins, after a sequence of changes that were applied, undone and redone.

    Attributes:
        labels: key and name of each label, in the order of their creation.
        keys: int32 [n], the key of each photo's label, −1 without one.
        next_key: the key of the next label that is created.
    """

    def __init__(self, n: int) -> None:
        self.labels: list[tuple[int, str]] = []
        self.keys: Keys = np.full(n, -1, np.int32)
        self.next_key = 0
        self._labelled = 0  # how many photos have a label
        self._given = np.zeros(n, np.int64)  # the number of the change that gave each photo its label, 0 without one
        self._by_person: Keys = np.full(n, -1, np.int32)  # as `keys`, without the labels that a finish gave
        self._finishes: list[int] = []  # the numbers of the changes that finished
        self._sum = 0  # of `_by_person`: the same labels have the same sum
        self._first = {0: 0}  # the change after which the labels by persons first had each sum
        self._imports: set[int] = set()  # the numbers of the changes that imported labels
        self._alike: set[int] = set()  # the numbers of the changes that gave duplicates the label of their group
        self._givers: dict[int, dict[int, int]] | None = None  # counted when first asked for; see `_givers_of_all`
        self._changes: dict[int, LabelChange] = {}  # all that ever gave a label, by number
        self._done: list[MadeChange] = []  # undo takes back the last of these
        self._made: set[int] = set()  # of these the numbers of those that changed labels
        self._merges: list[Change] = []  # and those that merged labels
        self._keeps: list[Change] = []  # and those that kept labels
        self._undone: list[MadeChange] = []  # redo makes the last of these again

    @property
    def codes(self) -> Keys:
        """For each photo the position of its label in `labels`, −1 without a label."""
        codes = np.full(self.next_key + 1, -1, np.int32)
        for code, (key, _) in enumerate(self.labels):
            codes[key] = code
        return codes[self.keys]  # key −1 picks the last, spare entry, which is −1

    @property
    def origins(self) -> LabelOrigins:
        """Where the label of each photo comes from."""
        numbers = sorted({number for givers in self._givers_of_all.values() for number in givers})
        return LabelOrigins(self._given.copy(), {number: self._changes[number] for number in numbers if number})

    @property
    def merged(self) -> dict[int, int]:
        """The keys of labels that were merged into others, and the keys of those."""
        merged: dict[int, int] = {}
        for change in self._merges:
            gone, into = {key for key, _ in change.before} - {key for key, _ in change.after}, change.into
            assert into is not None
            merged = {key: into if to in gone else to for key, to in merged.items()} | dict.fromkeys(gone, into)
        return merged

    @property
    def made(self) -> frozenset[int]:
        """The numbers of the changes of labels that were made and not taken back."""
        return frozenset(self._made)

    @property
    def kept(self) -> dict[int, tuple[int, int]]:
        """The photos whose label a person kept: the key of that label, and of the one that a model suggested."""
        kept: dict[int, tuple[int, int]] = {}
        for change in self._keeps:
            kept.update(change.kept or {})
        return kept

    @property
    def last_by_person(self) -> int:
        """The change after which the labels, without those of `finish`, first were as they are; 0 without labels."""
        return self._first[self._sum]

    @property
    def undoable(self) -> Change | None:
        """The change that `undo` takes back."""
        return self._done[-1].change if self._done else None

    @property
    def redoable(self) -> Change | None:
        """The change that `redo` makes again."""
        return self._undone[-1].change if self._undone else None

    def apply(self, number: int, change: Change, at: datetime) -> MadeChange:
        """Make a change, which is number `number` of the log and was made at `at`."""
        inside = change.ids < len(self.keys)  # another process may know more photos
        ids = change.ids[inside]
        made = MadeChange(number, change, ids, inside, self._given[ids])
        self._make(made)
        if change.origin is not None:
            self._changes[number] = LabelChange(change.origin, at, labels=self._labelled)
            if change.origin.gesture == "import":
                self._imports.add(number)
            elif change.origin.gesture == "duplicates":
                self._alike.add(number)
        self._undone.clear()
        return made

    @property
    def counts(self) -> dict[int, int]:
        """How many photos have each label, by key; labels of none are left out."""
        return {key: sum(givers.values()) for key, givers in self._givers_of_all.items()}

    @property
    def finished(self) -> int:
        """How many photos have a label that a finish gave."""
        if not self._finishes:
            return 0
        return sum(givers.get(number, 0) for givers in self._givers_of_all.values() for number in self._finishes)

    def counts_of(self, keys: Sequence[int]) -> tuple[list[int], list[int] | None]:
        """How many photos have each of some labels, and how many gestures gave it to them.

        All imports are one gesture, as in `Duplicates.gestures`.

        Returns:
            None in place of the gestures where photos have labels of their duplicates, whose groups are not known here.
        """
        givers = [self._givers_of_all.get(key, {}) for key in keys]
        counts = [sum(one.values()) for one in givers]
        if self._alike:
            return counts, None
        imports = [len(one.keys() & self._imports) for one in givers]
        return counts, [len(one) - n + (n > 0) for one, n in zip(givers, imports, strict=True)]

    @property
    def _givers_of_all(self) -> dict[int, dict[int, int]]:
        """By key of a label the changes that gave it to photos, and to how many of these that have it now."""
        if self._givers is None:
            self._givers = {}
            self._count(np.flatnonzero(self.keys >= 0), 1)
        return self._givers

    def _count(self, ids: Ids, each: int) -> None:
        """Count photos, all different, in `_givers`; or no longer, with −1 for `each`."""
        if self._givers is None:
            return
        keys = self.keys[ids]
        if (keys < 0).any():
            ids, keys = ids[keys >= 0], keys[keys >= 0]
        if not len(ids):
            return
        given = self._given[ids]
        if (keys == keys[0]).all() and (given == given[0]).all():
            pairs, photos = [(int(keys[0]), int(given[0]))], [len(ids)]
        else:
            base = int(given.max()) + 1
            both, counts = np.unique(keys * np.int64(base) + given, return_counts=True)
            pairs, photos = [divmod(pair, base) for pair in both.tolist()], counts.tolist()
        for (key, number), count in zip(pairs, photos, strict=True):
            of_key = self._givers.setdefault(key, {})
            of_key[number] = of_key.get(number, 0) + each * count
            if not of_key[number]:
                del of_key[number]
                if not of_key:
                    del self._givers[key]

    def undo(self) -> MadeChange:
        """Take back the last change."""
        made = self._done.pop()
        self._made.discard(made.number)
        for of_kind in (self._merges, self._keeps):
            if of_kind and of_kind[-1] is made.change:
                of_kind.pop()
        self._become(made.change.before)
        once = _once(made.ids)
        self._count(once, -1)
        self._put(made.ids, made.change.old[made.inside], once)
        self._given[made.ids] = made.given
        self._count(once, 1)
        self._follow(made)
        self._undone.append(made)
        return made

    def redo(self) -> MadeChange:
        """Make the change again that was taken back last."""
        made = self._undone.pop()
        self._make(made)
        return made

    def certified_otherwise(self, ids: Ids, origin: Origin) -> NDArray[np.bool_]:
        """Which of some photos have a label that the model gave, and of another origin; bool [n]."""
        others = [number for number in self._finishes if self._changes[number].origin != origin]
        return np.isin(self._given[ids], others)

    def origin_before(self, photo: int) -> Origin | None:
        """Where the label came from that a photo had before its present one; None if it had none or has none now."""
        for made in reversed(self._done):
            if made.number == self._given[photo]:
                before = int(made.given[made.ids == photo][0])
                return self._changes[before].origin if before else None
        return None

    def _make(self, made: MadeChange) -> None:
        change = made.change
        self._become(change.after)
        once = _once(made.ids)
        self._count(once, -1)
        self._put(made.ids, change.new[made.inside], once)
        if change.origin is not None:
            self._given[made.ids] = made.number
            if change.origin.kind == "certified" and made.number not in self._finishes:
                self._finishes.append(made.number)
        self._given[made.ids[self.keys[made.ids] < 0]] = 0
        self._count(once, 1)
        self._follow(made)
        self._done.append(made)
        if change.kept is None:
            self._made.add(made.number)
        else:
            self._keeps.append(change)
        if change.into is not None:
            self._merges.append(change)

    def _put(self, ids: Ids, keys: Keys, once: Ids) -> None:
        """Give photos, of which `once` has each once, these labels, and count how many photos have one."""
        before = np.count_nonzero(self.keys[once] >= 0)
        self.keys[ids] = keys
        self._labelled += int(np.count_nonzero(self.keys[once] >= 0) - before)

    def _follow(self, made: MadeChange) -> None:
        """Keep `_by_person` and its sum up to date with the photos of a change."""
        ids = made.ids
        now = self.keys[ids]
        if self._finishes:
            now[np.isin(self._given[ids], self._finishes)] = -1
        self._sum = (self._sum - _sum(ids, self._by_person[ids]) + _sum(ids, now)) % 2**64
        self._by_person[ids] = now
        self._first.setdefault(self._sum, made.number)

    def _become(self, labels: list[tuple[int, str]]) -> None:
        self.labels = labels
        self.next_key = max([self.next_key, *(key + 1 for key, _ in labels)])


class MadeChange(NamedTuple):
    """A change that was made, with the origins that its photos had before."""

    number: int
    change: Change
    ids: Ids  # its photos that are known here
    inside: NDArray[np.bool_]  # which of all its photos these are
    given: Ids  # the numbers of the changes that had given these their labels

    @property
    def label_keys(self) -> set[int]:
        """The keys of the labels that it made, removed or named, and of those that its photos had and have."""
        change = self.change
        named = {key for key, _ in set(change.before) ^ set(change.after)}
        moved = np.unique(np.concatenate([change.old[self.inside], change.new[self.inside]])).tolist()
        return named | set(moved) - {-1}


def _once(ids: Ids) -> Ids:
    """Each of the photos once: a change of a stranger's file may name one twice."""
    return ids if (ids[1:] > ids[:-1]).all() else np.unique(ids)


def _sum(ids: Ids, keys: NDArray[np.integer]) -> int:
    """The sum, modulo 2⁶⁴, of a well mixed number for each photo with a label (SplitMix64, Steele et al. 2014)."""
    labelled = keys >= 0
    if not labelled.any():
        return 0
    z = (ids[labelled].astype(np.uint64) << np.uint64(32)) + keys[labelled].astype(np.uint64) + np.uint64(1)
    z *= np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return int((z ^ (z >> np.uint64(31))).sum(dtype=np.uint64))


def _origin_and_target(text: str, body: dict[str, Any], new: Keys) -> tuple[Origin | None, int | None]:
    """The `origin` of a change and what it merges `into`; versions without origins wrote neither."""
    if "origin" in body:
        return Origin.from_json(body["origin"]), None
    if "into" in body:
        if type(body["into"]) is not int:
            raise TypeError(f"the merged label is {body['into']!r}, not a key")
        return None, body["into"]
    if text.startswith("merge "):
        return None, int(new[0]) if new.size else None
    return UNKNOWN if (new >= 0).any() else None, None


def _labels(kept: Any) -> list[tuple[int, str]]:
    """The key and the name of each label; most changes name the same ones as the change before."""
    return _checked_labels(tuple((key, name) for key, name in kept))


@lru_cache(maxsize=8)
def _checked_labels(kept: tuple[tuple[int, str], ...]) -> list[tuple[int, str]]:
    found = list(kept)
    if not all(type(key) is int and 0 <= key < 2**31 and isinstance(name, str) for key, name in found):
        raise TypeError(f"its labels are {found}, not keys and names")
    return found


def _kept(body: dict[str, Any]) -> dict[int, tuple[int, int]] | None:
    """The photos that keep their label in a change; most changes keep none."""
    if "kept" not in body:
        return None
    kept = {photo: (label, suggested) for photo, label, suggested in body["kept"]}
    if not all(type(number) is int for photo, keys in kept.items() for number in (photo, *keys)):
        raise TypeError(f"the kept labels are {body['kept']!r}, not numbers of photos and keys")
    return kept
