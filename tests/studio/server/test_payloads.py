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
from handlens.studio.server.encoding import readable, selected
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
    ],
)
def test_what_is_no_selection_is_refused(mask: str, count: int, message: str) -> None:
    with pytest.raises(CollectionError, match=message):
        selected(mask, count)


@given(st.integers(1, 200).flatmap(lambda n: st.tuples(st.just(n), st.sets(st.integers(0, n - 1)))))
def test_a_selection_is_read_as_it_was_written(selection: Callable[..., str], case: tuple[int, set[int]]) -> None:
    count, ids = case
    assert selected(selection(sorted(ids), count), count).tolist() == sorted(ids)


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
