"""Passes over all rows in blocks, against the same in one piece."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handlens.core import row_blocks
from handlens.core.row_blocks import each_block
from handlens.errors import Cancelled


def row_products(rows, weights, **more):
    return row_blocks.row_products(lambda start, stop: rows[start:stop], rows.shape, weights, **more)


@settings(max_examples=60, deadline=None)
@given(
    n=st.integers(0, 40),
    dim=st.integers(1, 9),
    read=st.integers(1, 60),
    block=st.integers(1, 50),
    stride=st.integers(1, 90),
    threads=st.integers(1, 3),
    kind=st.sampled_from([np.float16, np.float32]),
    classes=st.sampled_from([None, 1, 3]),
    worth=st.sampled_from([0, 2**26]),
)
def test_products_are_those_of_the_whole(n, dim, read, block, stride, threads, kind, classes, worth):
    generator = np.random.default_rng(n * 31 + dim)
    rows = generator.integers(-8, 9, (n, dim)).astype(kind)  # whole numbers: all sums are exact
    weights = generator.integers(-8, 9, dim if classes is None else (dim, classes)).astype(np.float32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(row_blocks, "READ", read)
        patch.setattr(row_blocks, "BLOCK", block)
        patch.setattr(row_blocks, "STRIDE", stride)
        patch.setattr(row_blocks, "reading_threads", lambda _numbers: threads)
        patch.setattr(row_blocks, "_WORTH_LOADING", worth)
        found = row_products(rows, weights)
    assert found.dtype == np.float32
    assert found.tolist() == (rows.astype(np.float64) @ weights).tolist()


def test_every_row_is_given_once_and_in_its_place(monkeypatch):
    monkeypatch.setattr(row_blocks, "BLOCK", 6)
    monkeypatch.setattr(row_blocks, "READ", 8)
    monkeypatch.setattr(row_blocks, "STRIDE", 14)
    monkeypatch.setattr(row_blocks, "reading_threads", lambda _numbers: 2)
    rows, seen = np.arange(34, dtype=np.float16).reshape(17, 2), np.zeros((17, 2), np.float32)

    def add(start, block):
        seen[start : start + len(block)] += block

    each_block(lambda start, stop: rows[start:stop], rows.shape, add)
    assert seen.tolist() == rows.tolist()


def test_a_file_that_must_not_be_written_is_read(tmp_path):
    np.arange(8, dtype="<f2").tofile(tmp_path / "rows")
    rows = np.memmap(tmp_path / "rows", "<f2", "r", shape=(4, 2))
    assert row_products(rows, np.array([1, 10], np.float32)).tolist() == [10, 32, 54, 76]


def test_half_precision_is_converted_exactly_also_by_pytorch(monkeypatch):
    every = np.arange(2**16, dtype=np.uint16).view(np.float16)[:, None]  # each value that there is
    monkeypatch.setattr(row_blocks, "_WORTH_LOADING", 0)
    with np.errstate(invalid="ignore"):
        expected = every.astype(np.float32)[:, 0]
    assert np.array_equal(row_products(every, np.ones(1, np.float32)), expected, equal_nan=True)


@pytest.mark.parametrize("kind", [np.float16, np.float32])
@pytest.mark.parametrize("worth", [0, 2**26])
def test_nan_stays_in_its_row(monkeypatch, kind, worth):
    monkeypatch.setattr(row_blocks, "_WORTH_LOADING", worth)
    rows = np.array([[1, 2], [np.nan, 1], [3, 4]], kind)
    assert np.isnan(row_products(rows, np.array([1, 1], np.float32))).tolist() == [False, True, False]
    both = row_products(rows, np.array([[1, 1], [1, 2]], np.float32))
    assert np.isnan(both).tolist() == [[False, False], [True, True], [False, False]]


@pytest.mark.parametrize("kind", [np.float16, np.float32])
def test_it_tells_how_far_it_is_and_stops_when_it_is_to(monkeypatch, kind):
    monkeypatch.setattr(row_blocks, "_WORTH_LOADING", 0)  # in half precision PyTorch converts
    monkeypatch.setattr(row_blocks, "READ", 4)
    monkeypatch.setattr(row_blocks, "STRIDE", 4)
    told: list[tuple[int, int]] = []

    def report(done, total):
        told.append((done, total))
        return len(told) == 3 and stop

    for stop, expected in ((False, [(0, 5), (2, 5), (4, 5), (5, 5)]), (True, [(0, 5), (2, 5), (4, 5)])):
        told.clear()
        if stop:
            with pytest.raises(Cancelled, match=r"^the search was cancelled\.$"):
                row_products(np.zeros((5, 2), kind), np.ones(2, np.float32), report=report, what="the search")
        else:
            row_products(np.zeros((5, 2), kind), np.ones(2, np.float32), report=report)
        assert told == expected


def test_an_error_of_a_thread_arrives(monkeypatch):
    monkeypatch.setattr(row_blocks, "reading_threads", lambda _numbers: 2)

    def refuse(_start, _block):
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        each_block(lambda start, stop: np.zeros((stop - start, 2), np.float32), (5, 2), refuse)
