"""The index against exact search, interrupted at every step, and damaged in every file."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from handlens.errors import ArtifactError, Cancelled
from handlens.io.checksums import with_checksum
from handlens.scale import index as module
from handlens.scale.index import build_index, open_index


def clusters(n: int = 3000, dim: int = 16, seed: int = 0):
    """Rows around 40 centres, with some that are not numbers."""
    generator = np.random.default_rng(seed)
    rows = generator.normal(size=(40, dim))[generator.integers(0, 40, n)] * 3 + generator.normal(size=(n, dim))
    rows[::500] = np.nan
    return rows.astype(np.float16).astype(np.float32)


def exact(rows, query, k):
    """By full sort in float64; ties by number."""
    squared = ((rows.astype(np.float64) - query) ** 2).sum(1)
    order = np.lexsort((np.arange(len(rows)), np.nan_to_num(squared, nan=np.inf)))
    return [i for i in order.tolist() if np.isfinite(squared[i])][:k]


def built(folder, rows, **more):
    return build_index(folder, lambda start, stop: rows[start:stop], rows.shape, of="rows", **more)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(module, "_AT_ONCE", 97)


def test_all_lists_give_the_exact_neighbours(tmp_path):
    rows = clusters()
    index = built(tmp_path / "index", rows)
    for photo in (1, 77, 2998):
        found = index.nearest(rows[photo], 20, probes=10**6)
        assert found.rows.tolist() == exact(rows, rows[photo], 20)
        assert found.squared == pytest.approx(((rows[found.rows] - rows[photo]) ** 2).sum(1), rel=1e-5)


def test_the_recall_is_that_of_other_queries_too(tmp_path):
    rows = clusters()
    index = built(tmp_path / "index", rows, recall=0.9)
    assert 1 <= index.probes < 36  # of 36 lists, so not all are read
    queries = [i for i in range(3, 3000, 37) if np.isfinite(rows[i, 0])]
    hits = []
    for i in queries:
        wanted = {*exact(rows, rows[i], 51)} - {i}
        found = index.nearest(rows[i], 51).rows.tolist()
        hits.append(len(wanted.intersection(found)) / len(wanted))
    assert np.mean(hits) >= 0.9
    assert np.mean(hits) == pytest.approx(index.recall, abs=0.05)


def test_ties_are_given_by_number(tmp_path):
    rows = np.repeat(np.array([[0, 0], [5, 5]], np.float32), 30, axis=0)
    index = built(tmp_path / "index", rows)
    assert index.nearest(np.zeros(2, np.float32), 4, probes=99).rows.tolist() == [0, 1, 2, 3]
    assert index.nearest(np.zeros(2, np.float32), 31, probes=99).rows.tolist() == list(range(31))


@pytest.mark.parametrize("n", [0, 1, 2, 5])
def test_few_rows(tmp_path, n):
    rows = np.arange(2 * n, dtype=np.float32).reshape(n, 2)
    index = built(tmp_path / "index", rows)
    assert len(index) == n
    assert sorted(index.nearest(np.zeros(2, np.float32), 10, probes=9).rows.tolist()) == list(range(n))


def test_rows_that_are_all_unreadable(tmp_path):
    index = built(tmp_path / "index", np.full((30, 3), np.nan, np.float32))
    assert index.nearest(np.zeros(3, np.float32), 5).rows.tolist() == []


def test_it_is_the_same_however_often_it_was_interrupted(tmp_path):
    rows = clusters(1500)
    whole = built(tmp_path / "whole", rows)
    calls, limit, interrupted = 0, 0, 0

    def stop(_done, _total):
        nonlocal calls
        calls += 1
        return calls > limit

    while True:
        calls = 0
        try:
            index = built(tmp_path / "index", rows, report=stop)
            break
        except Cancelled:
            assert open_index(tmp_path / "index", of="rows") is None
            limit, interrupted = limit + 3, interrupted + 1
    assert interrupted > 20
    for name in ("centres.f4", "rows.f2", "numbers.u4", "index.json"):
        assert (tmp_path / "index" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert index.recall == whole.recall
    assert sorted(path.name for path in (tmp_path / "index").iterdir()) == [
        "centres.f4",
        "index.json",
        "numbers.u4",
        "rows.f2",
    ]


def test_progress_grows_to_its_total(tmp_path):
    told: list[tuple[int, int]] = []

    def report(done, total):
        told.append((done, total))
        return False

    built(tmp_path / "index", clusters(500), report=report)
    assert len({total for _, total in told}) == 1
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert told[-1][0] == told[-1][1]


def test_of_other_rows_nothing_is_used(tmp_path):
    rows = clusters(400)
    built(tmp_path / "index", rows)
    assert open_index(tmp_path / "index", of="others") is None
    other = clusters(300, seed=1)
    index = build_index(tmp_path / "index", lambda a, b: other[a:b], other.shape, of="others")
    assert index.nearest(other[7], 1, probes=99).rows.tolist() == [7]


def test_without_an_index_there_is_none(tmp_path):
    assert open_index(tmp_path / "nothing", of="rows") is None


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-1])


def flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 4
    file.write_bytes(content)


@pytest.mark.parametrize("name", ["centres.f4", "rows.f2", "numbers.u4", "index.json"])
@pytest.mark.parametrize("damage", [cut, flip, Path.unlink, lambda file: file.write_bytes(b"")])
def test_damage_is_refused(tmp_path, name, damage):
    rows = clusters(400)
    built(tmp_path / "index", rows)
    damage(tmp_path / "index" / name)
    if name == "index.json" and not (tmp_path / "index" / name).exists():
        assert open_index(tmp_path / "index", of="rows") is None
        return

    def search():
        index = open_index(tmp_path / "index", of="rows")
        assert index is not None
        index.nearest(rows[1], 5, probes=99)

    with pytest.raises(ArtifactError, match=r"damaged\. Remove the folder, and build the index again\."):
        search()


def test_a_newer_version_is_refused(tmp_path):
    built(tmp_path / "index", clusters(400))
    file = tmp_path / "index" / "index.json"
    content = json.loads(file.read_text(encoding="utf-8"))
    content.pop("crc32")
    file.write_text(json.dumps(with_checksum(content | {"version": 2}, of="index.json")), encoding="utf-8")
    with pytest.raises(ArtifactError, match="newer version"):
        open_index(tmp_path / "index", of="rows")


def test_a_query_of_another_length_is_refused(tmp_path):
    index = built(tmp_path / "index", clusters(400))
    with pytest.raises(ValueError, match="a query must have 16 numbers"):
        index.nearest(np.zeros(3, np.float32), 5)


def test_it_says_how_good_it_is(tmp_path):
    index = built(tmp_path / "index", clusters(3000))
    assert index.about.startswith("3,000 rows, of which a search reads about ")
    assert f"it finds {100 * index.recall:.1f} % of the 50 nearest ones, as measured with 200 of them." in index.about
