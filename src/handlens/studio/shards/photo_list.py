"""Which photos of the shards a collection has, kept in its SQLite file."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, NamedTuple

from handlens.errors import StorageError
from handlens.io.sqlite import Database

HowFound = Literal["sampled", "near", "alike", "predicted"]
"""How a photo came into the collection: drawn at random, near what was looked at, alike, or predicted to be something.
"""

SCHEMA = """
CREATE TABLE IF NOT EXISTS shard_files (
    number INTEGER PRIMARY KEY,
    name   TEXT NOT NULL,       -- of the file
    head   TEXT NOT NULL,       -- SHA-256 of its first part, which has the checksums of the rest
    UNIQUE (name, head)
);
CREATE TABLE IF NOT EXISTS shard_photos (
    id     INTEGER PRIMARY KEY, -- also the place in the preparing order
    path   TEXT NOT NULL,       -- where the photo came from
    digest BLOB NOT NULL,       -- BLAKE2b of its file
    shard  INTEGER NOT NULL,    -- number in shard_files
    inside INTEGER NOT NULL,    -- its row in the shard
    how    TEXT NOT NULL,       -- how it came into the collection
    again  INTEGER NOT NULL     -- 1 while it is to be read again
);
CREATE UNIQUE INDEX IF NOT EXISTS shard_photos_at ON shard_photos (shard, inside);
CREATE TABLE IF NOT EXISTS shard_sample (
    id     INTEGER PRIMARY KEY CHECK (id = 0),
    size   INTEGER NOT NULL,    -- photos that are to be in the random sample
    first  INTEGER NOT NULL,    -- photos in it when the collection was made: the first ids
    drawn_from TEXT NOT NULL,   -- a hash of the shards that it was drawn from
    last   TEXT NOT NULL        -- the largest key in it, a number
);
"""

CHECKED = ("shard_files", "shard_photos", "shard_sample")
"""The tables that have a checksum of each row."""


class ShardFileId(NamedTuple):
    """What tells one shard from others: the name of its file, and SHA-256 of its first part."""

    name: str
    head: str


@dataclass
class ListedPhoto:
    """A photo of the collection.

    Attributes:
        path: where it came from.
        digest: BLAKE2b of its file.
        shard: which shard has it.
        inside: its row there.
        how: how it came into the collection.
        again: whether it is to be read again.
    """

    path: str
    digest: bytes
    shard: ShardFileId
    inside: int
    how: HowFound
    again: bool = False


class SampleFacts(NamedTuple):
    """The random sample.

    Attributes:
        size: how many photos it should have.
        first: how many it had when the collection was made.
        drawn_from: a hash of the shards that it was drawn from.
        last: the largest key in it.
    """

    size: int
    first: int
    drawn_from: str
    last: int


def read_sample(db: Database) -> SampleFacts | None:
    """The random sample; None in a new collection."""
    _check(db, "shard_sample")
    row = db.execute("SELECT size, first, drawn_from, last FROM shard_sample").fetchone()
    if row is None:
        return None
    size, first, drawn_from, last = row
    return SampleFacts(size, first, drawn_from, int(last))


def write_sample(db: Database, facts: SampleFacts) -> None:
    """Keep what the random sample is; to be called in a transaction."""
    db.execute("INSERT OR REPLACE INTO shard_sample VALUES (0, ?, ?, ?, ?)", (*facts[:3], str(facts.last)))


def read_photos(db: Database) -> list[ListedPhoto]:
    """The photos by id; StorageError if the list is damaged."""
    _check(db, "shard_files", "shard_photos")
    shards = {number: ShardFileId(name, head) for number, name, head in db.execute("SELECT * FROM shard_files")}
    rows = db.execute("SELECT id, path, digest, shard, inside, how, again FROM shard_photos ORDER BY id").fetchall()
    if any(id != at or number not in shards for at, (id, _, _, number, *_) in enumerate(rows)):
        raise _damaged("its photos are not in one row")
    return [
        ListedPhoto(path, digest, shards[number], inside, how, again == 1)
        for _, path, digest, number, inside, how, again in rows
    ]


def add_photos(db: Database, photos: Iterable[ListedPhoto]) -> int:
    """Add photos that are not there yet, with the next ids, and tell how many; to be called in a transaction."""
    (count,) = before = db.execute("SELECT count(*) FROM shard_photos").fetchone()
    numbers: dict[ShardFileId, int] = {}
    for photo in photos:
        number = numbers.get(photo.shard)
        if number is None:
            number = numbers[photo.shard] = _number(db, photo.shard)
        values = (count, photo.path, photo.digest, number, photo.inside, photo.how, photo.again)
        count += db.execute("INSERT OR IGNORE INTO shard_photos VALUES (?, ?, ?, ?, ?, ?, ?)", values).rowcount
    return int(count - before[0])


def write_places(db: Database, photos: dict[int, ListedPhoto]) -> None:
    """Keep in which shards photos are now; to be called in a transaction."""
    for id in photos:  # two photos may have swapped their places, which must differ at any time
        db.execute("UPDATE shard_photos SET inside = ? WHERE id = ?", (-1 - id, id))
    for id, photo in photos.items():
        at = (_number(db, photo.shard), photo.inside, id)
        db.execute("UPDATE OR IGNORE shard_photos SET shard = ?, inside = ? WHERE id = ?", at)


def write_again(db: Database, again: dict[int, bool]) -> None:
    """Keep which photos are to be read again; to be called in a transaction."""
    db.executemany("UPDATE shard_photos SET again = ? WHERE id = ?", [(int(yes), id) for id, yes in again.items()])


def _number(db: Database, shard: ShardFileId) -> int:
    db.execute("INSERT OR IGNORE INTO shard_files (name, head) VALUES (?, ?)", shard)
    (number,) = db.execute("SELECT number FROM shard_files WHERE name = ? AND head = ?", shard).fetchone()
    return int(number)


def _check(db: Database, *tables: str) -> None:
    for table in tables:
        wrong = db.execute(f"SELECT count(*) FROM {table} WHERE NOT {db.right(table)}").fetchone()[0]
        if wrong or db.gone(table):
            raise _damaged("rows of it are not those that were written")


def _damaged(why: str) -> StorageError:
    return StorageError(f"the list of photos is damaged: {why}. Restore collection.sqlite from a backup.")
