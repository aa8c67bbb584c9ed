from __future__ import annotations

import base64
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlens.errors import CollectionError
from handlens.serving.encoding import finite, packed
from handlens.studio.collection import Collection
from handlens.studio.progress import Progress
from handlens.studio.server.encoding import packed_ids, packed_values, readable, selected
from handlens.studio.server.payloads import state


def test_a_selection_is_a_bitmask_with_the_least_bit_first() -> None:
    mask = base64.b64encode(bytes([0b0000_0101, 0b0000_0010])).decode()
    assert selected(mask, 10).tolist() == [0, 2, 9]
    assert selected("", 0).tolist() == []


@pytest.mark.parametrize(
    ("mask", "count", "message"),
    [
        ("AA==", 9, "2 bytes"),
        ("AAA=", 8, "1 bytes"),
        ("!!!", 8, "base64"),
        ("BA==", 2, "beyond the 2"),
        ("é", 8, "base64"),
        ("runs:!", 8, "base64"),
        ("runs:", 8, "whole numbers"),
        ("runs:gA==", 8, "whole numbers"),
        ("runs:gICAgIAB", 8, "at most 5 bytes"),
        ("runs:AQ==", 8, "its 1 runs"),
        ("runs:AQE=", 8, "its 1 runs"),
        ("runs:AQAA", 8, "its 1 runs"),
        ("runs:ARA=", 8, "beyond the 8"),
        ("runs:AQEH", 8, "beyond the 8"),
        ("runs:Av7//38A", 8, "beyond the 8"),
    ],
)
def test_what_is_no_selection_is_refused(mask: str, count: int, message: str) -> None:
    with pytest.raises(CollectionError, match=message):
        selected(mask, count)


@given(st.integers(1, 200).flatmap(lambda n: st.tuples(st.just(n), st.sets(st.integers(0, n - 1)))))
def test_a_selection_is_read_as_it_was_written(selection: Callable[..., str], case: tuple[int, set[int]]) -> None:
    count, ids = case
    assert selected(selection(sorted(ids), count), count).tolist() == sorted(ids)
    assert selected(packed_ids(np.array(sorted(ids), np.int64), count), count).tolist() == sorted(ids)


def test_a_selection_is_written_in_the_shorter_form() -> None:
    assert packed_ids(np.array([0, *range(7, 14)]), 1_000_000) == "runs:AgANBQ=="
    assert packed_ids(np.arange(0, 1000, 2), 1000) == base64.b64encode(b"U" * 125).decode()
    assert packed_ids(np.array([], np.int64), 0) == ""
    assert selected(packed_ids(np.array([2**20]), 2**21), 2**21).tolist() == [2**20]
    scattered = np.random.default_rng(0).choice(1_000_000, 50, replace=False)
    assert len(packed_ids(np.sort(scattered), 1_000_000)) < 200


def test_equal_values_are_written_once() -> None:
    assert packed_values(np.array([3, 3, 3, -1])) == base64.b64encode(bytes([2, 4, 0, 3, 1])).decode()
    assert len(packed_values(np.full(1_000_000, 7))) == 8


def test_arrays_are_little_endian() -> None:
    assert base64.b64decode(packed([1, -1], "<i2")) == b"\x01\x00\xff\xff"
    assert base64.b64decode(packed(np.array([1.0]), "<f4")) == b"\x00\x00\x80\x3f"


def test_numbers_json_cannot_hold_are_none() -> None:
    assert finite(float("nan")) is None
    assert finite(float("inf")) is None
    assert finite(0.25) == 0.25
    assert finite(None) is None


def test_a_name_that_is_no_text_can_still_be_sent() -> None:
    assert readable("a\udcff.jpg") == "a?.jpg"
    assert readable("日本.jpg") == "日本.jpg"


def test_preparing_says_which_sources_are_being_computed(collection: Collection) -> None:
    collection.sources[0].state = "preparing"
    collection.parts.preparing.progress = Progress(
        running=True, phase="features", done=10, total=40, rate=5.0, seconds_left=6.0
    )
    assert state("x", collection).preparation.model_dump() == {
        "running": True,
        "phase": "features",
        "done": 10,
        "total": 40,
        "rate": 5.0,
        "seconds_left": 6.0,
        "error": None,
        "current_sources": ["patches"],
    }
