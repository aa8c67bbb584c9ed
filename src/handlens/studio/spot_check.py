"""The spot check: photos drawn at random that a person labels without seeing what the model says of them.

Draws and answers are kept in the collection's SQLite file and never changed, so that nobody can draw again until the
result suits.
"""

from __future__ import annotations

import threading
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from handlens.errors import CollectionError
from handlens.io.sqlite import open_database, storage_errors, transaction
from handlens.studio.labels import Labels, LabelState
from handlens.studio.origins import CHECKED, certified
from handlens.studio.photos import Photos

Ids = NDArray[np.int64]
Mask = NDArray[np.bool_]

MOST = 10_000
"""Photos that may be drawn at once."""

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
    label  INTEGER                              -- the key of the label, which it keeps when it is renamed
);
"""

_REFUSED = "the file of the spot check could not be read or written"

NONE_OF_THESE = -1
"""The code of a photo that shows none of the labels."""

_UNSURE, _WAITING = -2, -3


class Round(NamedTuple):
    """One draw of photos, with the answers that count.

    Attributes:
        population: the photos that it was drawn from, bool [N] by id.
        ids: the drawn photos that count, in the order of drawing: all answered ones up to the first that still waits,
            without those of which the person was unsure, int64 [n].
        codes: the position of each answer in `LabelState.table`, or NONE_OF_THESE, int64 [n].
    """

    population: Mask
    ids: Ids
    codes: NDArray[np.int64]


@dataclass(frozen=True)
class Check:
    """All that is known from spot checks at one moment.

    Attributes:
        rounds: each draw, the earliest first.
        drawn: the photos that were ever drawn, bool [N] by id.
        open: the photos that no person has labelled, which the next check would be drawn from, bool [N] by id.
        waiting: ids of the photos that wait for an answer, in the order of drawing.
        answered: number of photos with an answer.
        unsure: of these, where the person was unsure.
        none_of_these: of these, those that show none of the labels.
        gone: drawn photos that were not answered and are no longer there as they were.
        labels: the labels at that moment.
    """

    rounds: list[Round]
    drawn: Mask
    open: Mask
    waiting: list[int]
    answered: int
    unsure: int
    none_of_these: int
    gone: int
    labels: LabelState


class SpotCheck:
    """Draws photos and keeps the answers; see `Collection.draw_spot_check`.

    Args:
        database: the collection's SQLite file.
        photos, labels: of the collection.
        seed: of the random order of each draw.
        changed: called after each draw and each answer with the number of photos that wait.
    """

    def __init__(
        self,
        database: Path,
        photos: Photos,
        labels: Labels,
        *,
        seed: int,
        changed: Callable[[int], None] = lambda _waiting: None,
    ) -> None:
        self._photos, self._labels, self._seed, self._changed = photos, labels, seed, changed
        self._lock = threading.RLock()
        with storage_errors(_REFUSED):
            self._db = open_database(database, _SCHEMA)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def draw(self, n: int) -> Ids:
        """Up to n photos to be answered: those that wait already first, then newly drawn ones."""
        if isinstance(n, bool) or not isinstance(n, int | np.integer) or not 1 <= n <= MOST:
            raise CollectionError(f"n must be a whole number from 1 to {MOST:,}; {n!r} arrived.")
        with self._lock, storage_errors(_REFUSED):
            with transaction(self._db):
                now = self.now()
                waiting = now.waiting[:n]
                open = np.flatnonzero(now.open)
                if not waiting and not len(open):
                    raise CollectionError(_nothing_to_check(now))
                if len(waiting) < n and len(open):
                    waiting += self._draw(now, open, n - len(waiting))
            self._changed(len(self.now().waiting))
            return np.array(waiting, np.int64)

    def answer(self, photo: int, name: str | None, *, unsure: bool) -> None:
        """Keep what a person says of a drawn photo; a label becomes the photo's label as well."""
        if unsure and name is not None:
            raise CollectionError(f"an answer is a label or unsure, not both; “{name}” and unsure arrived.")
        self._photos.check(photo)
        with self._lock, storage_errors(_REFUSED):
            drawn = self._db.execute("SELECT stamp FROM spot_check_draws WHERE photo = ?", (int(photo),)).fetchone()
            if drawn is None:
                raise CollectionError(
                    f"{self._photos.paths[photo]} was not drawn for a spot check, so an answer would not be one of a "
                    "random photo. Answer the photos that draw_spot_check gave."
                )
            if drawn[0] != self._stamp(photo):
                raise CollectionError(
                    f"{self._photos.paths[photo]} is gone or has changed since it was drawn, so it is left out of the "
                    "check. Go on with the next photo."
                )
            answer, key = "unsure" if unsure else "none", None
            if name is not None:
                self._labels.assign([photo], name, origin=CHECKED)
                answer, key = "label", self._labels.key_of(name)
            with transaction(self._db):
                self._db.execute(
                    "INSERT INTO spot_check_answers (photo, answer, label) VALUES (?, ?, ?)", (int(photo), answer, key)
                )
        self._changed(len(self.now().waiting))

    def now(self) -> Check:
        """What is known from all checks so far."""
        with self._lock, storage_errors(_REFUSED):
            draws = self._db.execute("SELECT round, photo, stamp FROM spot_check_draws ORDER BY seq").fetchall()
            rounds = self._db.execute("SELECT round, population FROM spot_check_rounds ORDER BY round").fetchall()
            answers = {
                photo: (answer, key)
                for photo, answer, key in self._db.execute(
                    "SELECT photo, answer, label FROM spot_check_answers ORDER BY seq"
                )
            }
        state = self._labels.state
        n = len(self._photos)
        drawn = np.zeros(n, bool)
        given: dict[int, int] = {}
        waiting, gone = [], set()
        for _, photo, stamp in draws:
            drawn[photo] = True
            given[photo] = self._code(photo, answers.get(photo), state)
            if given[photo] == _WAITING:
                if stamp == self._stamp(photo):
                    waiting.append(photo)
                else:
                    gone.add(photo)
        usable = self._photos.usable
        return Check(
            rounds=[
                _round(population, [p for r, p, _ in draws if r == number and p not in gone], given, n)
                for number, population in rounds
            ],
            drawn=drawn,
            open=usable & ~drawn & ((state.codes < 0) | certified(state.origins)),
            waiting=waiting,
            answered=sum(code != _WAITING for code in given.values()),
            unsure=sum(code == _UNSURE for code in given.values()),
            none_of_these=sum(code == NONE_OF_THESE for code in given.values()),
            gone=len(gone),
            labels=state,
        )

    def _draw(self, now: Check, open: Ids, n: int) -> list[int]:
        number = len(now.rounds) + 1
        population = zlib.compress(np.packbits(now.open).tobytes(), 1)
        chosen = np.random.default_rng([self._seed, number]).permutation(open)[:n].tolist()
        self._db.execute(
            "INSERT INTO spot_check_rounds (round, labels, population) VALUES (?, ?, ?)",
            (number, now.labels.version, population),
        )
        self._db.executemany(
            "INSERT INTO spot_check_draws (round, photo, stamp) VALUES (?, ?, ?)",
            [(number, photo, self._stamp(photo)) for photo in chosen],
        )
        return [int(photo) for photo in chosen]

    def _stamp(self, photo: int) -> str:
        """What tells whether a file has changed; "" if it is gone."""
        try:
            found = self._photos.file(photo).stat()
        except OSError:
            return ""
        return f"{found.st_size} {found.st_mtime_ns}"

    def _code(self, photo: int, answer: tuple[str, int | None] | None, state: LabelState) -> int:
        """What a photo's answer means with the labels of now."""
        if answer is None:
            return _WAITING
        said, key = answer
        if said == "unsure":
            return _UNSURE
        now = int(state.codes[photo])
        if said == "none":
            return now if now >= 0 else NONE_OF_THESE
        # Without a label now, the answer was undone, or its label was deleted: the person is asked again.
        code = self._labels.code_of_key(key) if key is not None else -1
        return code if code >= 0 and now >= 0 else _WAITING


def _round(population: bytes, drawn: list[int], given: dict[int, int], n: int) -> Round:
    """A draw with the answers that count: a later one does not count before all earlier ones are given.

    Otherwise the check could be made of the photos that were easiest to answer.
    """
    first = next((i for i, photo in enumerate(drawn) if given[photo] == _WAITING), len(drawn))
    ids = [photo for photo in drawn[:first] if given[photo] != _UNSURE]
    bits = np.unpackbits(np.frombuffer(zlib.decompress(population), np.uint8))[:n]
    mask = np.zeros(n, bool)
    mask[: len(bits)] = bits
    return Round(mask, np.array(ids, np.int64), np.array([given[photo] for photo in ids], np.int64))


def _nothing_to_check(now: Check) -> str:
    if not now.drawn.any() and not (now.labels.codes >= 0).any():
        return "no photo is prepared yet that could be checked. Prepare the photos first, or wait a moment."
    return "a person has labelled or checked every photo, so there is no photo left to check."
