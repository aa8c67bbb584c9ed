"""Photos that a collection has more than once: with the same pixels, or slightly cropped, compressed or changed."""

from __future__ import annotations

import hashlib
import io
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from handlens.core.threads import give_way
from handlens.errors import Cancelled, CollectionError
from handlens.io.checksums import DamagedError, read_checked, write_checked
from handlens.studio.discriminant import Floats
from handlens.studio.labels import Labels
from handlens.studio.listeners import Listeners
from handlens.studio.many_duplicates import FROM, candidates_among_many
from handlens.studio.near_duplicates import COARSE, SAME, Pairs, candidates, correlations, grouped, shrunk
from handlens.studio.origins import LabelOrigins, Origin
from handlens.studio.photos import Photos
from handlens.studio.progress import SearchProgress, ended_by
from handlens.studio.spot_check import SpotCheck
from handlens.studio.thumbnails import TILE, ThumbnailCache

KINDS = ("first", "exact", "near")
"""What a photo is in its group: the one that others are compared with, one with the same pixels, or one like it."""

ALIKE = Origin("duplicates", "by hand")
"""A label that a person had given to a duplicate."""

_TINY = 8  # pixels of the longer side below which photos are compared by all their pixels only
_READ = 1024  # tiles at once
_KEPT = 12_288  # tiles that are kept decoded: 151 MB
_FILE = "duplicates-2.npz"  # the number grows when other photos count as duplicates


@dataclass(frozen=True)
class Copies:
    """The photos that have duplicates, group by group, the first of each group first.

    Attributes:
        prepared: how many photos were prepared when it was found.
        ids: int64 [k].
        groups: the number of each photo's group, from 0 on, int64 [k].
        kinds: positions in "first", "exact", "near", int64 [k].
        distances: 1 less the correlation of the gradients with the first of the group, float32 [k].
    """

    prepared: int
    ids: NDArray[np.int64]
    groups: NDArray[np.int64]
    kinds: NDArray[np.int64]
    distances: Floats


class Duplicates:
    """Finds the photos that a collection has more than once; methods may be called from several threads.

    Args:
        photos, labels, spot_check: of the collection.
        listeners: called with the progress of a search in the background.
        cache: the folder in which the groups are kept until other photos are prepared.

    Attributes:
        progress: how far the current or latest search in the background is.
    """

    def __init__(
        self, photos: Photos, labels: Labels, spot_check: SpotCheck, listeners: Listeners, *, cache: Path
    ) -> None:
        self._photos, self._labels, self._spot_check = photos, labels, spot_check
        self._listeners, self._file = listeners, cache / _FILE
        self._starting, self._searching = threading.Lock(), threading.Lock()
        self._cancel = threading.Event()
        self._thread: threading.Thread | None = None
        self._found: Copies | None = None
        self._version = photos.version  # of the photos in which these were found
        self.progress = SearchProgress()

    def table(self, *, report: Callable[[int, int], bool]) -> pd.DataFrame:
        """The groups; see `Collection.duplicates`.

        Args:
            report: called as `report(done, total)`; if it returns True, the work is cancelled.

        Raises:
            Cancelled: `report` returned True.
            CollectionError: no photo is prepared.
        """
        found = self._searched(report)
        paths = self._photos.paths
        return pd.DataFrame(
            {
                "group": found.groups,
                "id": found.ids,
                "path": pd.Series([paths[i] for i in found.ids], dtype="str"),
                "kind": pd.Series([KINDS[kind] for kind in found.kinds], dtype="str"),
                "distance": found.distances,
            }
        )

    def start(self) -> None:
        """Search in the background, unless that is under way; how far it is and errors are in `progress`.

        It first waits for the end of a search that was cancelled, which takes a moment.
        """
        with self._starting:
            if self._cancel.is_set():
                self.join()
            if self._thread and self._thread.is_alive():
                return
            self._cancel.clear()
            self._tell(SearchProgress(running=True, phase="searching"))
            self._thread = threading.Thread(target=self._search_quietly, name="handlens-duplicates", daemon=True)
            self._thread.start()

    def cancel(self) -> None:
        """Ask a search in the background to stop."""
        self._cancel.set()

    def join(self, seconds: float | None = None) -> None:
        """Wait for a search in the background to end, so many seconds at most."""
        if self._thread:
            self._thread.join(seconds)

    def label_alike(self) -> NDArray[np.int64]:
        """Give photos the label of their group; see `Collection.label_duplicates`."""
        found, check = self.found, self._spot_check.now()
        if found is None:
            raise CollectionError("the duplicates are not known yet. Search for them first: duplicates().")
        state = check.labels
        codes = state.by_person[found.ids]
        # A photo that shows none of the labels, as a person said in a check, is a contradiction to a label.
        codes[np.isin(found.ids, check.none_of_these)] = len(state.names)
        alike: dict[int, list[int]] = defaultdict(list)
        for group in np.unique(found.groups[codes >= 0]):
            members = found.groups == group
            (label, *others) = np.unique(codes[members & (codes >= 0)])
            if not others and label < len(state.names):
                alike[label] += found.ids[members & (state.codes[found.ids] < 0)].tolist()
        given = [(photos, state.names[label]) for label, photos in alike.items() if photos]
        ids = np.array(sorted(photo for photos, _ in given for photo in photos), np.int64)
        if given:
            text = f"label {len(ids):,} {'duplicate' if len(ids) == 1 else 'duplicates'} like their group"
            self._labels.assign_many(given, origin=ALIKE, text=text)
        return ids

    @property
    def found(self) -> Copies | None:
        """The groups, None if they have not been searched for since photos were prepared."""
        if self._version != self._photos.version:  # photos were replaced
            self._found, self._version = None, self._photos.version
        found = self._found
        if found is None and self._file.exists():
            try:
                content = io.BytesIO(read_checked(self._file, of=self._of))
            except (OSError, DamagedError):
                return None  # what is damaged, or of other photos, is computed again
            with np.load(content, allow_pickle=False) as stored:
                found = self._found = Copies(**{field.name: stored[field.name] for field in fields(Copies)})
        return found if found is not None and found.prepared == self._photos.prepared else None

    def _searched(self, report: Callable[[int, int], bool]) -> Copies:
        """The groups, searched for unless they are known."""
        if not self._photos.prepared:
            raise CollectionError("duplicates are found among prepared photos; none is prepared. Call prepare() first.")
        with self._searching:
            found = self.found
            if found is None:
                found = self._found = self._search(report)
                self._photos.check_in_place()
                content = io.BytesIO()
                np.savez(content, **vars(found))
                write_checked(self._file, content.getvalue(), of=self._of)
        return found

    @property
    def _of(self) -> str:
        """Tells the photos that are prepared from others."""
        return f"duplicates {self._photos.thumbnails.mark(self._photos.prepared)}"

    def _search_quietly(self) -> None:
        """Search, and tell how far it is."""
        give_way()
        started = time.monotonic()

        def report(done: int, total: int) -> bool:
            now = time.monotonic() - started
            left = now * (total - done) / done if done and now >= 1 else None
            self._tell(SearchProgress(running=True, phase="searching", done=done, total=total, seconds_left=left))
            return self._cancel.is_set()

        ended: dict[str, Any] = {"phase": "failed"}
        try:
            self._searched(report)
            ended = {"phase": "done", "seconds_left": 0.0}
        except Exception as error:
            ended = ended_by(error, "the search for duplicates")
        finally:
            self._tell(replace(self.progress, running=False, **ended))

    def _tell(self, progress: SearchProgress) -> None:
        self.progress = progress
        self._listeners.tell("state")

    def together(self) -> NDArray[np.int64]:
        """A number for each photo, int64 [N]: the same for the photos of a group, where groups have been searched for.

        It waits for no search: photos of which no groups are known have numbers of their own.
        """
        numbers = np.arange(len(self._photos))
        found = self.found
        if found is not None:
            first = found.ids[found.kinds == KINDS.index("first")]
            numbers[found.ids] = first[found.groups]
        return numbers

    def groups(self, *, report: Callable[[int, int], bool]) -> NDArray[np.int64]:
        """As `together`, after a search for duplicates if photos are prepared and it was not done yet.

        Args:
            report: as in `table`.
        """
        if self._photos.prepared:
            self._searched(report)
        return self.together()

    def gestures(self, origins: LabelOrigins) -> NDArray[np.int64]:
        """The change that gave each photo its label, int64 [N]; 0 without a label.

        A label that a photo got as a duplicate was given with the first label of its group: it is no other gesture,
        since the photos are the same. All imports are one gesture: nobody knows how their photos were selected, and
        files may be parts of one selection.
        """
        changes, together = origins.changes.copy(), self.together()
        imports = [n for n, change in origins.by_change.items() if change.origin.gesture == "import"]
        changes[np.isin(changes, imports)] = min(imports, default=0)
        alike = np.isin(
            changes, [n for n, change in origins.by_change.items() if change.origin.gesture == "duplicates"]
        )
        first, given = np.full(len(changes), np.iinfo(np.int64).max), changes > 0
        np.minimum.at(first, together[given], changes[given])
        changes[alike] = first[together[alike]]
        return changes

    def _search(self, report: Callable[[int, int], bool]) -> Copies:
        prepared = self._photos.prepared
        ids = np.flatnonzero(self._photos.usable)
        ids = ids[self._photos.rows[ids] < prepared]
        rows = self._photos.rows[ids]
        tiles, n = _Tiles(self._photos.thumbnails), len(ids)
        total = 3 * n

        def reading(done: int) -> None:
            if report(done, total):
                raise Cancelled("the search for duplicates was cancelled.")

        def searching(done: int, of: int) -> bool:
            return report(n + n * done // of, total)

        def comparing(done: int, of: int) -> bool:
            return report(2 * n + n * done // of, total)

        digests, small = self._read(ids, rows, tiles, reading)
        copies = self._same_pixels(ids, digests)
        kept = np.flatnonzero(~np.isin(ids, [copy for others in copies.values() for copy in others]))
        ids, small = ids[kept], small[kept] if len(kept) < n else small
        rows, aspects = self._photos.rows[ids], self._photos.aspects[ids]

        def compare(pairs: Pairs) -> Floats:
            return correlations(tiles, aspects, pairs, rows=rows, report=comparing)

        pairs = (candidates if len(small) < FROM else candidates_among_many)(small, report=searching)
        pairs = pairs[compare(pairs) >= SAME]
        ends = np.unique(pairs)
        tiny = [end for end in ends if max(self._size(int(ids[end]))) < _TINY]
        pairs = pairs[~np.isin(pairs, tiny).any(1)]
        near = {int(ids[c]): (ids[others], r) for c, others, r in grouped(pairs, compare)}
        report(total, total)
        return _table(prepared, near, copies)

    def _read(
        self, ids: NDArray[np.int64], rows: NDArray[np.int64], tiles: _Tiles, reading: Callable[[int], None]
    ) -> tuple[NDArray[np.void], NDArray[np.float16]]:
        """A digest of the tile and the shape of each photo [n], and its tile in grey, as small as it is searched."""
        aspects = self._photos.aspects[ids]
        digests, small = np.empty(len(ids), "V16"), np.empty((len(ids), COARSE, COARSE), np.float16)
        in_order = np.argsort(rows)  # as they are on disk
        for start in range(0, len(ids), _READ):
            reading(start)
            some = in_order[start : start + _READ]
            found = tiles[rows[some]]
            small[some] = shrunk(found, COARSE)
            for i, tile in zip(some.tolist(), found, strict=True):
                digests[i] = hashlib.blake2b(tile.tobytes() + aspects[i].tobytes(), digest_size=16).digest()
        return digests, small

    def _same_pixels(self, ids: NDArray[np.int64], digests: NDArray[np.void]) -> dict[int, list[int]]:
        """Photos with the same pixels as an earlier one, by the earlier one."""
        _, first, counts = np.unique(digests, return_inverse=True, return_counts=True)
        by_tile: dict[int, list[int]] = defaultdict(list)
        for i in np.flatnonzero(counts[first] > 1).tolist():
            by_tile[int(first[i])].append(int(ids[i]))
        copies = {}
        for photos in by_tile.values():
            by_thumbnail: dict[bytes, list[int]] = defaultdict(list)
            for photo in photos:
                by_thumbnail[self._photos.thumbnail(photo)].append(photo)
            copies.update({same[0]: same[1:] for same in by_thumbnail.values() if len(same) > 1})
        return copies

    def _size(self, photo: int) -> tuple[int, int]:
        with Image.open(io.BytesIO(self._photos.thumbnail(photo))) as image:
            return image.size


class _Tiles:
    """The tiles of photos by row; the latest stay decoded, since each is compared with several."""

    def __init__(self, thumbnails: ThumbnailCache) -> None:
        n = thumbnails.prepared
        self._thumbnails, self._next = thumbnails, 0
        self._kept = np.empty((min(n, _KEPT), TILE, TILE, 3), np.uint8)
        self._places, self._rows = np.full(n, -1, np.int32), np.full(len(self._kept), -1, np.int64)

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        out, places = np.empty((len(rows), TILE, TILE, 3), np.uint8), self._places[rows]
        kept = places >= 0
        out[kept] = self._kept[places[kept]]
        if not kept.all():
            new, which = np.unique(rows[~kept], return_inverse=True)
            decoded = self._thumbnails.tiles_of(new)
            out[~kept] = decoded[which]
            self._keep(new, decoded)
        return out

    def _keep(self, rows: NDArray[np.int64], tiles: NDArray[np.uint8]) -> None:
        """Put tiles in the places of those that were put there longest ago."""
        rows, tiles = rows[: len(self._rows)], tiles[: len(self._rows)]
        places = (self._next + np.arange(len(rows))) % len(self._rows)
        gone = self._rows[places]
        self._places[gone[gone >= 0]] = -1
        self._rows[places], self._kept[places], self._places[rows] = rows, tiles, places
        self._next = (self._next + len(rows)) % len(self._rows)


def _table(prepared: int, near: dict[int, tuple[NDArray[np.int64], Floats]], copies: dict[int, list[int]]) -> Copies:
    """The groups as a table: photos near a first one, each with those that have the same pixels as it."""
    grouped_ids = {int(photo) for others, _ in near.values() for photo in others}
    photos: list[tuple[int, int, int, float]] = []  # group, kind, id, distance
    for group, first in enumerate(sorted({*near, *copies} - grouped_ids)):
        members = [(0, first, 0.0)] + [(1, copy, 0.0) for copy in copies.get(first, [])]
        others, correlation = near.get(first, (np.empty(0, np.int64), np.empty(0, np.float32)))
        for other, r in zip(others.tolist(), correlation.tolist(), strict=True):
            members += [(2, photo, max(0.0, 1 - r)) for photo in (other, *copies.get(other, []))]
        photos += [(group, *member) for member in sorted(members, key=lambda m: (m[0], m[2], m[1]))]
    groups, kinds, ids, distances = np.array(photos, np.float64).reshape(-1, 4).T
    whole = (ids.astype(np.int64), groups.astype(np.int64), kinds.astype(np.int64))
    return Copies(prepared, *whole, distances.astype(np.float32))
