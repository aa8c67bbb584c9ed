"""The spot check: photos drawn at random that a person labels without seeing what the model says of them.

Draws and answers are kept in the collection's SQLite file and never changed, so that nobody can draw again until the
result suits.
"""

from __future__ import annotations

import itertools
import logging
import threading
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from handlens.errors import CollectionError, StorageError
from handlens.io.plain_json import unpacked
from handlens.io.problems import reason_of
from handlens.io.sqlite import open_database, storage_errors, transaction
from handlens.studio.estimates import pool_rounds
from handlens.studio.labels import Labels, LabelState
from handlens.studio.origins import CHECKED, certified
from handlens.studio.photos import Photos

Ids = NDArray[np.int64]
Mask = NDArray[np.bool_]

_log = logging.getLogger(__name__)

MOST = 10_000
"""Photos that may be drawn at once."""

BLOCK = 30
"""Answers of a round count so many at a time, and all of them once none of its photos waits. If each answer counted at
once, people who stop when the accuracy looks best would see one that is too high more often than the interval says."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS spot_check_rounds (
    round      INTEGER PRIMARY KEY,
    at         TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ')),
    labels     INTEGER NOT NULL,                -- version of the labels at the draw
    population BLOB NOT NULL                    -- the photos that it was drawn from: compressed bits by id
);
CREATE TABLE IF NOT EXISTS spot_check_draws (
    seq   INTEGER PRIMARY KEY,                  -- the order of drawing, which is random
    round INTEGER NOT NULL REFERENCES spot_check_rounds,
    photo INTEGER NOT NULL UNIQUE,
    stamp TEXT NOT NULL                         -- size and time of the file when it was drawn
);
CREATE TABLE IF NOT EXISTS spot_check_answers (
    seq    INTEGER PRIMARY KEY,                 -- the latest answer of a photo counts
    at     TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ')),
    photo  INTEGER NOT NULL,
    answer TEXT NOT NULL CHECK (answer IN ('label', 'none', 'unsure')),
    label  INTEGER,                             -- the key of the label, which it keeps when it is renamed
    change INTEGER NOT NULL                     -- the change of labels that it made; once undone, it does not count
);
"""

_TABLES = {
    "spot_check_rounds": "rounds are",
    "spot_check_draws": "drawn photos are",
    "spot_check_answers": "answers, which are asked for again, are",
}
"""The tables, and what their rows are."""

_LAST = "SELECT (SELECT MAX(seq) FROM spot_check_draws), (SELECT MAX(seq) FROM spot_check_answers)"

_REFUSED = "the file of the spot check could not be read or written"

NONE_OF_THESE = -1
"""The code of a photo that shows none of the labels."""

_UNSURE, _WAITING, _AGAIN = -2, -3, -4  # codes of other answers; _AGAIN: there was an answer, but it holds no longer


class Round(NamedTuple):
    """One draw of photos, with the answers that count.

    Attributes:
        population: the photos that it was drawn from, bool [N] by id.
        ids: the drawn photos that count, in the order of drawing: of the answered ones up to the first that still
            waits complete blocks of `BLOCK`, or all once none waits; without those of which the person was unsure,
            int64 [n].
        codes: the position of each answer in `LabelState.table`, or NONE_OF_THESE, int64 [n].
        unsure: the photos in these blocks that are left out of `ids`, as the person was unsure, int64 [u].
        current: whether it tells about the photos that are left; see `pool_rounds`.
    """

    population: Mask
    ids: Ids
    codes: NDArray[np.int64]
    unsure: Ids
    current: bool


@dataclass(frozen=True)
class Check:
    """All that is known from spot checks at one moment; the same object as long as nothing changes.

    Attributes:
        rounds: each draw, the earliest first, with the answers that count; these may be fewer than were given.
        moved: the share of the photos of the current rounds that a person has labelled since, other than in a check.
        added: the share of the photos that are left that the current rounds could not be drawn from.
        drawn: the photos that were ever drawn, bool [N] by id.
        open: the photos that no person has labelled and that were never drawn, which the next check would be drawn
            from, bool [N] by id.
        waiting: ids of the photos that wait for an answer, in the order of drawing.
        again: of these, those that had an answer: it was undone, or its label was deleted or taken off. Until they are
            answered again, no answer counts, since what is left would be a selection and not a random sample.
        answered: number of photos with an answer, also where it does not count yet.
        unsure: of these, where the person was unsure.
        none_of_these: ids of those that show none of the labels, in the order of drawing.
        gone: drawn photos that were not answered and are no longer there as they were.
        labels: the labels at that moment.
    """

    rounds: list[Round]
    moved: float
    added: float
    drawn: Mask
    open: Mask
    waiting: list[int]
    again: int
    answered: int
    unsure: int
    none_of_these: list[int]
    gone: int
    labels: LabelState

    @property
    def answers(self) -> dict[int, int]:
        """The answers that count: for each photo its code as in `Round.codes`, a lower one if the person was unsure."""
        return {
            photo: code
            for r in self.rounds
            for ids, codes in ((r.ids, r.codes), (r.unsure, np.full(len(r.unsure), _UNSURE)))
            for photo, code in zip(ids.tolist(), codes.tolist(), strict=True)
        }

    @property
    def withheld(self) -> str:
        """Why no answer counts, as a sentence; "" if answers count."""
        if not self.again:
            return ""
        if self.again == 1:
            return "1 checked photo has no answer any more: it was undone, or its label deleted. Answer again first."
        return (
            f"{self.again:,} checked photos have no answer any more: these were undone, or their labels deleted. "
            "Answer again first."
        )


class SpotCheck:
    """Draws photos and keeps the answers; see `Collection.draw_spot_check`.

    Args:
        database: the collection's SQLite file.
        photos, labels: of the collection.
        seed: of the random order of each draw.
        changed: called after each draw and each answer with whether other answers count than before.

    Attributes:
        damage: what is damaged on the disk, as sentences.

    Raises:
        StorageError: (all methods) the file cannot be read or written, or is damaged.
    """

    def __init__(
        self,
        database: Path,
        photos: Photos,
        labels: Labels,
        *,
        seed: int,
        changed: Callable[[bool], None] = lambda _counted: None,
    ) -> None:
        self._photos, self._labels, self._seed, self._changed = photos, labels, seed, changed
        self._lock = threading.RLock()
        self._kept: _Kept | None = None
        self.damage: list[str] = []
        with storage_errors(_REFUSED):
            self._db = open_database(database, _SCHEMA)
            self._db.keep_checksums(*_TABLES)
            self._tell_damage()

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    def draw(self, n: int) -> Ids:
        """Up to n photos to be answered: those that wait already first, then newly drawn ones."""
        if isinstance(n, bool) or not isinstance(n, int | np.integer) or not 1 <= n <= MOST:
            raise CollectionError(f"n must be a whole number from 1 to {MOST:,}; {n!r} arrived.")
        # No label changes between the choice of the photos and its end.
        with self._lock, self._labels.held(), storage_errors(_REFUSED), transaction(self._db):
            now = self.now()
            waiting = now.waiting[:n]
            if len(waiting) < n:
                waiting += self._draw(now, n - len(waiting))
            if not waiting:
                raise CollectionError(self._nothing_to_check(now))
        self._changed(False)
        return np.array(waiting, np.int64)

    def answer(self, photo: int, name: str | None, *, unsure: bool) -> None:
        """Keep what a person says of a drawn photo; its label changes with it, which `undo` takes back."""
        if not isinstance(unsure, bool | np.bool_):
            raise CollectionError(f"unsure must be True or False; {unsure!r} arrived.")
        if unsure and name is not None:
            raise CollectionError(f"an answer is a label or unsure, not both; “{name}” and unsure arrived.")
        self._photos.check(photo)
        photo = int(photo)
        with self._lock, storage_errors(_REFUSED):
            before = self.now()
            drawn = self._db.execute("SELECT stamp FROM spot_check_draws WHERE photo = ?", (photo,)).fetchone()
            if drawn is None:
                raise CollectionError(
                    f"{self._photos.paths[photo]} was not drawn for a spot check, so an answer would not be one of a "
                    "random photo. Answer the photos that draw_spot_check gave."
                )
            if drawn[0] != self._photos.register.stamp(photo):
                self._photos.register.check_there()
                raise CollectionError(
                    f"{self._photos.paths[photo]} is gone or has changed since it was drawn, so it is left out of the "
                    "check. Go on with the next photo."
                )
            if name is not None:
                said = "label", *self._give(photo, name)
            else:
                said = "unsure" if unsure else "none", None, self._take_off(photo, any_kind=not unsure)
            with transaction(self._db):
                self._db.execute(
                    "INSERT INTO spot_check_answers (photo, answer, label, change) VALUES (?, ?, ?, ?)", (photo, *said)
                )
            counted = self.now().answers != before.answers
        self._changed(counted)

    def now(self) -> Check:
        """What is known from all checks so far."""
        with self._lock, storage_errors(_REFUSED):
            key = (self._labels.version, *self._db.execute(_LAST).fetchone(), self._photos.prepared)
            if self._kept is None or self._kept.key != key:
                self._kept = self._read(*key[1:])
            kept = self._kept
            gone = {photo for photo, stamp in kept.waiting.items() if self._photos.register.stamp(photo) != stamp}
            if gone and not self._photos.register.is_there:
                gone = set()  # the check goes on once the folder is back
            if kept.check is None or kept.gone != gone:
                kept.check, kept.gone = self._check(kept, gone), gone
            return kept.check

    # --- inside ----------------------------------------------------------------------------------

    def _tell_damage(self) -> None:
        """Say what is left out: rounds with their photos, photos that can be drawn again, and answers, to be asked for.

        Damage does not depend on what a photo shows, so what is left is a random sample still.
        """
        known, self.damage = self.damage, []
        for table, what in _TABLES.items():
            wrong = f"SELECT count(*) FROM {table} WHERE NOT {self._db.right(table)}"
            count = self._db.execute(wrong).fetchone()[0] + len(self._db.gone(table))
            if count:
                self.damage.append(f"The spot check is damaged on the disk: {what} left out ({count}).")
                if self.damage[-1] not in known:
                    _log.warning("%s", self.damage[-1])

    def _draw(self, now: Check, n: int) -> list[int]:
        """Up to n new photos, of those whose files are there."""
        (number,) = self._db.execute("SELECT coalesce(max(round), 0) + 1 FROM spot_check_rounds").fetchone()
        population = zlib.compress(np.packbits(now.open).tobytes(), 1)
        order = np.random.default_rng([self._seed, number]).permutation(np.flatnonzero(now.open)).tolist()
        there = ((photo, stamp) for photo in order if (stamp := self._photos.register.stamp(photo)))
        chosen = list(itertools.islice(there, n))
        if not chosen:
            return []
        self._db.execute(
            "INSERT INTO spot_check_rounds (round, labels, population) VALUES (?, ?, ?)",
            (number, now.labels.version, population),
        )
        self._db.executemany(
            "INSERT OR REPLACE INTO spot_check_draws (round, photo, stamp) VALUES (?, ?, ?)",  # a damaged one
            [(number, photo, stamp) for photo, stamp in chosen],
        )
        return [photo for photo, _ in chosen]

    def _give(self, photo: int, name: str) -> tuple[int | None, int]:
        """Give a photo a label: its key, and the number of the change that gave it."""
        self._labels.assign([photo], name, origin=CHECKED)
        state = self._labels.state
        code = int(state.codes[photo])  # negative if another process has just taken the label off
        return (state.table[code].colour if code >= 0 else None), int(state.origins.changes[photo])

    def _take_off(self, photo: int, *, any_kind: bool) -> int:
        """Take the label off a photo, if a check gave it or it is of any kind: the number of the change, 0 without."""
        state = self._labels.state
        given = state.origins.by_change.get(int(state.origins.changes[photo]))
        if given is None or not (any_kind or given.origin == CHECKED):
            return 0
        return self._labels.remove([photo])

    def _read(self, last_draw: int | None, last_answer: int | None, prepared: int) -> _Kept:
        """All that the file and the labels say."""
        state, n = self._labels.state, len(self._photos)
        # Draws before rounds: another process may draw meanwhile, and writes the round first.
        right = {table: self._db.right(table) for table in _TABLES}
        draws = self._db.execute(
            f"SELECT round, photo, stamp FROM spot_check_draws WHERE {right['spot_check_draws']} ORDER BY seq"
        ).fetchall()
        rounds = self._db.execute(
            f"SELECT round, population FROM spot_check_rounds WHERE {right['spot_check_rounds']} ORDER BY round"
        ).fetchall()
        populations = {number: _mask(number, population, n) for number, population in rounds}
        answers: dict[int, list[tuple[str, int | None, int]]] = {}
        query = (
            "SELECT photo, answer, label, change FROM spot_check_answers "
            f"WHERE {right['spot_check_answers']} ORDER BY seq"
        )
        for photo, *said in self._db.execute(query):
            answers.setdefault(photo, []).append(tuple(said))
        codes = _Codes(state)
        kept = _Kept((state.version, last_draw, last_answer, prepared), state, codes.by_model, populations)
        if any(number not in populations for number, *_ in draws):
            self._tell_damage()  # which may have come since the file was opened
        for number, photo, stamp in draws:
            if number not in populations and self.damage:
                continue  # the round is damaged
            if number not in populations or not isinstance(photo, int) or photo < 0:
                raise _damaged(f"photo {photo} was drawn in round {number}, which is not kept")
            if photo >= n:
                continue  # another process knows more photos
            kept.given[photo] = code = codes.of(photo, answers.get(photo, []))
            kept.drawn.setdefault(number, []).append(photo)
            if code in (_WAITING, _AGAIN):
                kept.waiting[photo] = stamp
        return kept

    def _check(self, kept: _Kept, gone: set[int]) -> Check:
        state, given = kept.state, kept.given
        drawn = np.zeros(len(self._photos), bool)
        drawn[list(given)] = True
        by_person = (state.codes >= 0) & ~kept.by_model
        sampled = self._photos.register.sampled
        open = self._photos.usable & sampled & ~drawn & ~by_person
        waiting = [photo for photo in kept.waiting if photo not in gone]
        again = sum(given[photo] == _AGAIN for photo in waiting)
        codes = list(given.values())
        rounds, labelled_since, added_since, later = [], [], [], drawn.copy()
        for number, population in kept.populations.items():
            photos = [] if again else [photo for photo in kept.drawn.get(number, []) if photo not in gone]
            first = next((i for i, photo in enumerate(photos) if given[photo] <= _WAITING), len(photos))
            # A later answer does not count before all earlier ones are given: otherwise the check could be made of the
            # photos that were easiest to answer.
            counted = photos if first == len(photos) else photos[: first - first % BLOCK]
            ids = np.array(counted, np.int64)
            answers = np.array([given[photo] for photo in counted], np.int64)
            sure = answers != _UNSURE
            rounds.append(Round(population, ids[sure], answers[sure], ids[~sure], False))
            later[kept.drawn.get(number, [])] = False
            labelled_since.append(int((population & by_person & ~drawn).sum()))
            added_since.append(int(((open | later) & ~population).sum()))
        pooled = pool_rounds([len(r.ids) + len(r.unsure) for r in rounds], labelled_since, added_since, int(open.sum()))
        return Check(
            rounds=[r._replace(current=bool(counts)) for r, counts in zip(rounds, pooled.current, strict=True)],
            moved=pooled.moved,
            added=pooled.added,
            drawn=drawn,
            open=open,
            waiting=waiting,
            again=again,
            answered=sum(code > _WAITING for code in codes),
            unsure=codes.count(_UNSURE),
            none_of_these=[photo for photo, code in given.items() if code == NONE_OF_THESE],
            gone=len(gone),
            labels=state,
        )

    def _nothing_to_check(self, now: Check) -> str:
        if not self._photos.usable.any():
            return "no photo is prepared yet that could be checked. Prepare the photos first, or wait a moment."
        if now.open.any():
            return "the files of the photos that are left are gone, so none of them can be checked. Put them back."
        left_out = f", except for {now.gone:,} that were drawn and are gone or have changed since" if now.gone else ""
        return f"a person has labelled or checked every photo{left_out}, so there is no photo left to check."


@dataclass
class _Kept:
    """What was read of the file, and the check that it makes while the photos `gone` are gone.

    Attributes:
        key: tells whether it is still up to date.
        state: the labels.
        by_model: the photos whose label the model gave, bool [N].
        populations: of each round.
        drawn: the photos of each round, in the order of drawing.
        given: the code of each drawn photo's answer.
        waiting: the photos without an answer that counts, and their stamps.
    """

    key: tuple[int, int | None, int | None, int]
    state: LabelState
    by_model: Mask
    populations: dict[int, Mask]
    drawn: dict[int, list[int]] = field(default_factory=dict)
    given: dict[int, int] = field(default_factory=dict)
    waiting: dict[int, str] = field(default_factory=dict)
    gone: set[int] = field(default_factory=set)
    check: Check | None = None


class _Codes:
    """What answers mean with the labels of one moment.

    Attributes:
        by_model: the photos whose label the model gave, bool [N].
    """

    def __init__(self, state: LabelState) -> None:
        self.by_model = certified(state.origins)
        self._state = state
        self._by_key: dict[int, int] = {}

    def of(self, photo: int, answers: list[tuple[str, int | None, int]]) -> int:
        """The code of a photo, from its answers, the latest last."""
        now = int(self._state.codes[photo])
        for answer, key, change in reversed(answers):
            if change and change not in self._state.made:
                continue  # it was undone
            if answer == "unsure":
                return _UNSURE
            if answer == "none":
                # A label that a person gave later tells more, such as one that was made for such photos.
                return now if now >= 0 and not self.by_model[photo] else NONE_OF_THESE
            # The answer counts also if the photo has another label now: nobody can correct the check afterwards.
            code = self._code_of(key) if answer == "label" and key is not None and now >= 0 else -1
            return code if code >= 0 else _AGAIN
        return _AGAIN if answers else _WAITING

    def _code_of(self, key: int) -> int:
        if key not in self._by_key:
            self._by_key[key] = self._state.code_of_key(key)
        return self._by_key[key]


_MOST_BYTES = 2**23
"""What a kept population may unpack to: a bit for each photo; another process may know more photos than this one."""


def _mask(number: int, population: bytes, n: int) -> Mask:
    """The photos that a round was drawn from."""
    try:
        bits = np.unpackbits(np.frombuffer(unpacked(population, most=_MOST_BYTES), np.uint8))[:n]
    except (TypeError, ValueError) as error:
        raise _damaged(f"the photos of round {number} cannot be read: {reason_of(error)}") from error
    return np.pad(bits, (0, n - len(bits))).astype(bool)


def _damaged(why: str) -> StorageError:
    return StorageError(f"the spot check is damaged ({why}). Restore collection.sqlite from a backup.")
