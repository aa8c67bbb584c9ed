"""An index of millions of rows: the nearest ones to a query, from a few of many lists; how many are found is measured.

Rows are grouped around the centres of k-means, and written group by group; a query reads the groups whose centres are
nearest, and measures the distances in them exactly (inverted lists: Sivic & Zisserman 2003; Jégou, Douze & Schmid 2011,
without the compression). All is plain numbers with checksums in files that are memory-mapped: no code is read, the
index may be larger than memory, and building it needs no more than some hundred megabytes.
"""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from handlens.core.half_precision import Floats
from handlens.core.products import product
from handlens.core.row_blocks import Report, each_block
from handlens.core.threads import one_blas_thread
from handlens.errors import ArtifactError, Cancelled
from handlens.io.checksums import DamagedError, with_checksum, without_checksum
from handlens.io.files import atomic_write
from handlens.io.plain_json import read_json
from handlens.io.problems import reason_of, reporting_disk_errors

Block = Callable[[int, int], NDArray[Any]]
Numbers = NDArray[np.int64]

MANIFEST = "index.json"
VERSION = 1

NEIGHBOURS = 50
"""Of so many nearest rows the recall is measured."""

QUERIES = 200
"""Rows that the recall is measured with, a random sample."""

_LISTS = 0.65  # lists are so many times the square root of the number of rows
_MOST_LISTS = 2**16 - 2
_NO_LIST = 2**16 - 1  # of rows that are not numbers, such as those of photos that cannot be read
_ROUNDS = 8  # of k-means
_PER_LIST = 64  # rows that k-means sees for each list
_AT_ONCE = 4096  # rows that are compared with all centres at once
_HALF = float(np.finfo(np.float16).max)
_MEMBERS = frozenset({"format", "version", "of", "rows", "dim", "starts", "probes", "recall", "sums"})


class NearestRows(NamedTuple):
    """The nearest rows to a query, the nearest first: their numbers, int64 [k], and squared distances, float32 [k]."""

    rows: Numbers
    squared: Floats


@dataclass(frozen=True)
class IndexFacts:
    """What the manifest of an index holds.

    Attributes:
        of: tells its rows from others.
        rows, dim: their number, with those that are not numbers, and their length.
        starts: where each list begins in the file of rows, and where the last one ends.
        probes, recall: as in `SearchIndex`.
        sums: the CRC-32 of the centres, and of each list.
    """

    of: str
    rows: int
    dim: int
    starts: list[int]
    probes: int
    recall: float
    sums: dict[str, list[int]]
    format: str = "handlens-search-index"
    version: int = VERSION


class SearchIndex:
    """An index on disk; `build_index` makes one, and `open_index` opens it.

    Args:
        folder: that it is in.
        facts: the manifest.
        centres: of the lists, float32 [lists, D].
        rows: list by list, float16 [n, D].
        numbers: of these rows, uint32 [n].

    Attributes:
        folder: as given.
        recall: the share (0–1) of the 50 nearest rows that a search finds: the mean of a sample of queries, each
            compared with an exact search.
        probes: lists that a query reads.

    Example:
        >>> rows = np.random.default_rng(0).normal(size=(1000, 8)).astype(np.float32)
        >>> index = build_index(Path("index"), lambda start, stop: rows[start:stop], rows.shape, of="example")
        >>> index.nearest(rows[7], 3).rows[0].item(), index.recall >= 0.95
        (7, True)
    """

    def __init__(
        self,
        folder: Path,
        facts: IndexFacts,
        centres: Floats,
        rows: NDArray[np.float16],
        numbers: NDArray[np.uint32],
    ) -> None:
        self.folder, self.recall, self.probes = folder, facts.recall, facts.probes
        self._facts, self._centres, self._rows, self._numbers = facts, centres, rows, numbers
        self._checked: set[int] = set()

    def __len__(self) -> int:
        """How many rows there are, with those that are not numbers."""
        return self._facts.rows

    @property
    def about(self) -> str:
        """What a person who searches should know, as a sentence."""
        return (
            f"{len(self):,} rows, of which a search reads about {100 * self.probes / len(self._centres):.2g} %: it "
            f"finds {100 * self.recall:.1f} % of the {NEIGHBOURS} nearest ones, as measured with "
            f"{min(QUERIES, len(self._rows))} of them."
        )

    def nearest(self, query: Floats, k: int, *, probes: int | None = None) -> NearestRows:
        """The nearest rows to a query.

        Args:
            query: float32 [D].
            k: how many at most.
            probes: lists to read; as many as the recall was measured with unless given, and all for an exact search.

        Raises:
            ArtifactError: the index is damaged.
            ValueError: the query has another length.
        """
        query = np.asarray(query, np.float32)
        if query.shape != (self._facts.dim,):
            raise ValueError(f"a query must have {self._facts.dim} numbers; the shape {query.shape} arrived.")
        far = ((self._centres - query) ** 2).sum(1)
        lists = np.sort(np.argsort(far, kind="stable")[: self.probes if probes is None else max(1, probes)]).tolist()
        rows = np.concatenate([np.empty((0, len(query)), np.float16), *(self._list(one) for one in lists)])
        starts = self._facts.starts
        numbers = np.concatenate([self._numbers[:0], *(self._numbers[starts[i] : starts[i + 1]] for i in lists)])
        squared = np.empty(len(rows), np.float32)

        def measure(start: int, block: Floats) -> None:
            away = block - query
            np.einsum("ij,ij->i", away, away, out=squared[start : start + len(block)])

        each_block(lambda start, stop: rows[start:stop], rows.shape, measure)
        if 0 < k < len(squared):
            near = np.flatnonzero(squared <= np.partition(squared, k - 1)[k - 1])
            squared, numbers = squared[near], numbers[near]
        order = np.lexsort((numbers, squared))[: max(k, 0)]
        return NearestRows(numbers[order].astype(np.int64), squared[order])

    def _list(self, number: int) -> NDArray[np.float16]:
        """The rows of a list, compared with its checksum when it is first read."""
        start, end = self._facts.starts[number : number + 2]
        rows = self._rows[start:end]
        if number not in self._checked:
            if _sum(rows, self._numbers[start:end]) != self._facts.sums["lists"][number]:
                raise ArtifactError(f"{_damaged(self.folder)} Some of its rows are not those that were written.")
            self._checked.add(number)
        return rows


def open_index(folder: Path, *, of: str) -> SearchIndex | None:
    """Open the index in a folder.

    Args:
        folder: that `build_index` wrote.
        of: tells the rows from others; an index of others is as none.

    Returns:
        None if there is no index of these rows, or it is not complete.

    Raises:
        ArtifactError: it is damaged, cut short, or comes from a newer version.
    """
    try:
        content = read_json(folder / MANIFEST)
        if isinstance(content, dict) and isinstance(content.get("version"), int) and content["version"] > VERSION:
            raise ArtifactError(
                f"the search index in {folder} comes from a newer version of handlens. Install that version, or remove "
                "the folder: the index can be built again."
            )
        facts = IndexFacts(**without_checksum(content, known=_MEMBERS, of=MANIFEST))
        if facts.of != of:
            return None
        lists = len(facts.starts) - 1
        centres = _mapped(folder / "centres.f4", "<f4", (lists, facts.dim))
        rows = _mapped(folder / "rows.f2", "<f2", (facts.starts[-1], facts.dim))
        numbers = _mapped(folder / "numbers.u4", "<u4", (facts.starts[-1],))
        if [_sum(centres)] != facts.sums["centres"] or len(facts.sums["lists"]) != lists:
            raise ValueError("its centres are not those that were written")
    except FileNotFoundError:
        if (folder / MANIFEST).exists():
            raise ArtifactError(f"{_damaged(folder)} A file of it is missing.") from None
        return None
    except (OSError, DamagedError, ValueError, TypeError, KeyError, IndexError) as error:
        raise ArtifactError(f"{_damaged(folder)} What was found: {reason_of(error)}.") from error
    return SearchIndex(folder, facts, np.array(centres), rows, numbers)


def build_index(
    folder: Path,
    block: Block,
    shape: tuple[int, int],
    *,
    of: str,
    seed: int = 0,
    recall: float = 0.95,
    report: Report | None = None,
) -> SearchIndex:
    """Build an index of rows, or go on where an earlier call was interrupted.

    Args:
        folder: for its files, of its own.
        block: gives the rows from one number up to another one [k, D]; rows with NaN are left out.
        shape: the number of rows n, up to 2³² − 1, and D.
        of: tells these rows from others.
        seed: of the centres, and of the queries that the recall is measured with.
        recall: the share (0–1) of the 50 nearest rows to find, with two standard errors to spare.
        report: called as `report(done, total)` with steps; if it returns True, building is cancelled, and what was done
            stays.

    Raises:
        Cancelled: `report` returned True.
        StorageError: the disk refuses.
    """
    return _Building(folder, block, shape, of=of, seed=seed, report=report).run(recall)


class _Building:
    """The steps of building; each leaves a file that the next call finds."""

    def __init__(
        self, folder: Path, block: Block, shape: tuple[int, int], *, of: str, seed: int, report: Report | None
    ) -> None:
        self.folder, self._block, (self.n, self.dim) = folder, block, shape
        self._of, self._seed, self._report = of, seed, report
        self.lists = min(max(1, round(_LISTS * math.sqrt(self.n))), _MOST_LISTS)
        self._total, self._done = 3 * self.n + self.lists * _ROUNDS, 0

    @one_blas_thread()
    def run(self, recall: float) -> SearchIndex:
        with reporting_disk_errors(self.folder, "What was built of the index stays."):
            self.folder.mkdir(parents=True, exist_ok=True)
            (self.folder / MANIFEST).unlink(missing_ok=True)
            self._begin()
            centres = self._centres()
            assigned = self._assigned(centres)
            starts = np.cumsum([0, *np.bincount(assigned[assigned != _NO_LIST], minlength=len(centres))])
            sums = self._placed(assigned, starts)
            probes, found = self._measured(centres, assigned, recall)
            facts = IndexFacts(
                self._of, self.n, self.dim, starts.tolist(), probes, found, {"centres": [_sum(centres)], "lists": sums}
            )
            with atomic_write(self.folder / MANIFEST) as partial:
                partial.write_text(json.dumps(with_checksum(asdict(facts), of=MANIFEST)), encoding="utf-8")
            for name in ("begun.json", "lists.u2", "placed.json"):
                (self.folder / name).unlink(missing_ok=True)
        self._tell(self._total - self._done)
        opened = open_index(self.folder, of=self._of)
        assert opened is not None
        return opened

    def _begin(self) -> None:
        """Remove what was built of other rows."""
        begun = {"of": self._of, "rows": self.n, "dim": self.dim, "seed": self._seed, "version": VERSION}
        if _kept(self.folder / "begun.json") != begun:
            for name in ("centres.f4", "lists.u2", "placed.json", "rows.f2", "numbers.u4"):
                (self.folder / name).unlink(missing_ok=True)
            _keep(self.folder / "begun.json", begun)

    def _tell(self, steps: int) -> None:
        self._done += steps
        if self._report and self._report(self._done, self._total):
            raise Cancelled("building the search index was cancelled; it goes on from here the next time.")

    def _at(self, start: int, stop: int) -> Floats:
        return np.asarray(self._block(start, stop), np.float32)

    def _centres(self) -> Floats:
        """The centres of k-means on a random sample (Lloyd 1982), float32 [lists, D]."""
        file = self.folder / "centres.f4"
        if file.exists() and file.stat().st_size == 4 * self.lists * self.dim:
            self._tell(self.lists * _ROUNDS)
            return np.fromfile(file, "<f4").reshape(self.lists, self.dim)
        generator = np.random.default_rng(self._seed)
        sample = self._sample(generator, _PER_LIST * self.lists)
        centres = np.zeros((self.lists, self.dim), np.float32)
        if len(sample):
            centres = sample[generator.choice(len(sample), self.lists, replace=len(sample) < self.lists)]
        for _ in range(_ROUNDS):
            nearest = np.empty(len(sample), np.int64)
            for start in range(0, len(sample), _AT_ONCE):
                nearest[start : start + _AT_ONCE] = _nearest(sample[start : start + _AT_ONCE], centres)
                self._tell(0)
            order = np.argsort(nearest, kind="stable")
            present, first = np.unique(nearest[order], return_index=True)
            if len(present):
                sums = np.add.reduceat(sample[order], first, axis=0)
                centres[present] = sums / np.diff([*first, len(order)])[:, None]
                bare = np.setdiff1d(np.arange(self.lists), present)
                centres[bare] = sample[generator.integers(0, len(sample), len(bare))]
            self._tell(self.lists)
        with atomic_write(file) as partial:
            partial.write_bytes(centres.astype("<f4").tobytes())
        return centres

    def _sample(self, generator: np.random.Generator, most: int) -> Floats:
        """Some rows without NaN, random ones: runs of a few rows each, so that a file is read in few places."""
        if most >= self.n:
            found = [self._at(start, start + _AT_ONCE) for start in range(0, self.n, _AT_ONCE)]
        else:
            run = 16
            starts = np.sort(generator.choice(self.n // run, min(most // run + 1, self.n // run), replace=False)) * run
            found = [self._at(int(start), int(start) + run) for start in starts]
        rows = np.concatenate([np.empty((0, self.dim), np.float32), *found])
        return rows[np.isfinite(rows).all(1)]

    def _assigned(self, centres: Floats) -> NDArray[np.uint16]:
        """The list of each row, uint16 [n]; rows are added to a file, so that an interrupted run goes on there."""
        file = self.folder / "lists.u2"
        done = min(file.stat().st_size // 2 if file.exists() else 0, self.n) // _AT_ONCE * _AT_ONCE
        self._tell(done)
        with file.open("r+b" if file.exists() else "w+b") as out:
            out.truncate(2 * done)
            out.seek(2 * done)
            for start in range(done, self.n, _AT_ONCE):
                rows = self._at(start, min(start + _AT_ONCE, self.n))
                good = np.isfinite(rows).all(1)
                lists = np.full(len(rows), _NO_LIST, "<u2")
                lists[good] = _nearest(rows[good], centres)
                out.write(lists.tobytes())
                out.flush()
                self._tell(len(rows))
        assigned = np.fromfile(file, "<u2")
        if len(assigned) != self.n or ((assigned >= len(centres)) & (assigned != _NO_LIST)).any():
            file.unlink()
            raise ArtifactError(f"{_damaged(self.folder)} Some rows were not given a list.")
        return assigned

    def _placed(self, assigned: NDArray[np.uint16], starts: Numbers) -> list[int]:
        """Write the rows list by list, and give the checksum of each list."""
        size = int(starts[-1])
        there = all((self.folder / name).exists() for name in ("rows.f2", "numbers.u4"))
        done = int((_kept(self.folder / "placed.json") or {}).get("rows", 0)) if there else 0
        rows = _writable(self.folder / "rows.f2", "<f2", (size, self.dim))
        numbers = _writable(self.folder / "numbers.u4", "<u4", (size,))
        before = assigned[:done]
        filled = starts[:-1] + np.bincount(before[before != _NO_LIST], minlength=len(starts) - 1)
        self._tell(done)
        step = 16 * _AT_ONCE
        for start in range(done, self.n, step):
            lists = assigned[start : start + step]
            order = np.argsort(lists, kind="stable")
            order = order[: len(order) - int((lists == _NO_LIST).sum())]  # which come last
            block = np.clip(self._at(start, min(start + step, self.n))[order], -_HALF, _HALF).astype(np.float16)
            of = lists[order].astype(np.int64)
            present, first, counts = np.unique(of, return_index=True, return_counts=True)
            places = filled[of] + np.arange(len(of)) - np.repeat(first, counts)
            rows[places], numbers[places] = block, start + order
            filled[present] += counts
            if start // step % 16 == 15:
                _flush(rows, numbers)
                _keep(self.folder / "placed.json", {"rows": start + len(lists)})
            self._tell(len(lists))
        _flush(rows, numbers)
        _keep(self.folder / "placed.json", {"rows": self.n})
        sums = []
        for first, end in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True):
            sums.append(_sum(rows[first:end], numbers[first:end]))
            self._tell(0)
        return sums

    def _measured(self, centres: Floats, assigned: NDArray[np.uint16], recall: float) -> tuple[int, float]:
        """How many lists a search must read for a recall, and the recall that it then has on a sample of queries.

        A row is found if its list is read. So one exact search for each query tells the recall of every number of
        lists.
        """
        generator = np.random.default_rng([self._seed, 1])
        good = np.flatnonzero(assigned != _NO_LIST)
        chosen = (
            np.sort(generator.permutation(good)[:QUERIES])
            if len(good) < 2**20
            else np.unique(generator.choice(good, QUERIES))
        )
        if len(chosen) < 2:
            self._tell(self.n)
            return 1, 1.0
        queries = np.concatenate([self._at(int(row), int(row) + 1) for row in chosen])
        near = np.full((len(queries), 0), 0, np.int64)
        far = np.full((len(queries), 0), 0, np.float32)
        for start in range(0, self.n, _AT_ONCE):
            rows = self._at(start, min(start + _AT_ONCE, self.n))
            squared = np.einsum("ij,ij->i", rows, rows) - 2 * product(queries, rows.T)
            squared[:, ~np.isfinite(rows).all(1)] = np.inf
            mine = np.flatnonzero((chosen >= start) & (chosen < start + len(rows)))
            squared[mine, chosen[mine] - start] = np.inf  # not itself
            far = np.hstack([far, squared])
            near = np.hstack([near, np.broadcast_to(np.arange(start, start + len(rows)), squared.shape)])
            if far.shape[1] > NEIGHBOURS:
                best = np.argpartition(far, NEIGHBOURS - 1, axis=1)[:, :NEIGHBOURS]
                far, near = np.take_along_axis(far, best, 1), np.take_along_axis(near, best, 1)
            self._tell(len(rows))
        away = ((queries**2).sum(1)[:, None] - 2 * product(queries, centres.T)) + (centres**2).sum(1)
        rank = np.argsort(np.argsort(away, axis=1, kind="stable"), axis=1, kind="stable")
        there = np.isfinite(far)
        ranks = np.where(there, np.take_along_axis(rank, np.where(there, assigned[near], 0).astype(np.int64), 1), 0)
        for probes in range(1, len(centres) + 1):
            found = (ranks < probes).mean(1)
            spare = 2 * float(found.std(ddof=1)) / math.sqrt(len(found))
            if found.mean() - spare >= recall or probes == len(centres):
                break
        return probes, float(found.mean())


@one_blas_thread()
def _nearest(rows: Floats, centres: Floats) -> Numbers:
    """The nearest centre of each row."""
    return np.argmin((centres**2).sum(1) - 2 * product(rows, centres.T), axis=1)


def _sum(*arrays: NDArray[Any]) -> int:
    found = 0
    for array in arrays:
        found = zlib.crc32(np.ascontiguousarray(array).data if array.size else b"", found)
    return found


def _mapped(file: Path, kind: str, shape: tuple[int, ...]) -> NDArray[Any]:
    """A file of numbers, memory-mapped; ValueError unless it is as long as it must be."""
    size = np.dtype(kind).itemsize * math.prod(shape)
    if file.stat().st_size != size:
        raise ValueError(f"{file.name} has {file.stat().st_size:,} bytes, not {size:,}")
    return np.memmap(file, kind, "r", shape=shape) if size else np.empty(shape, kind)


def _writable(file: Path, kind: str, shape: tuple[int, ...]) -> NDArray[Any]:
    """A file of numbers to be written, memory-mapped; made, or as long as it must be."""
    size = np.dtype(kind).itemsize * math.prod(shape)
    with file.open("r+b" if file.exists() else "w+b") as out:
        out.truncate(size)
    return np.memmap(file, kind, "r+", shape=shape) if size else np.empty(shape, kind)  # what is empty is not mapped


def _flush(*arrays: NDArray[Any]) -> None:
    for array in arrays:
        if isinstance(array, np.memmap):
            array.flush()


def _kept(file: Path) -> dict[str, Any] | None:
    try:
        return without_checksum(
            read_json(file), known=frozenset({"of", "rows", "dim", "seed", "version"}), of=file.name
        )
    except (OSError, ValueError):
        return None


def _keep(file: Path, content: dict[str, Any]) -> None:
    with atomic_write(file) as partial:
        partial.write_text(json.dumps(with_checksum(content, of=file.name)), encoding="utf-8")


def _damaged(folder: Path) -> str:
    return f"the search index in {folder} is damaged. Remove the folder, and build the index again."
