"""The numbers of photos and gestures by label are kept while labels change, and are those of a count of all photos."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from handlens.studio.label_changes import Change, LabelledPhotos
from handlens.studio.origins import Certificate, Origin

N = 12
KEYS = 3
NOW = datetime.fromtimestamp(0, UTC)
ORIGINS = {
    "by hand": Origin("lasso", "by hand"),
    "imported": Origin("import", "imported", by="a.csv"),
    "certified": Origin("finish", "certified", Certificate(0.05, 0.95, 100), by="0" * 64),
}

ids = st.lists(st.integers(0, N + 1), min_size=1, max_size=N)  # also twice, and of photos that are not known here
steps = st.one_of(
    st.tuples(ids, st.lists(st.integers(-1, KEYS - 1), min_size=N, max_size=N), st.sampled_from([*ORIGINS])),
    st.sampled_from(["undo", "redo", "ask"]),
)


def counted(photos: LabelledPhotos) -> tuple[list[int], list[int], int]:
    """Photos and gestures by label, and photos that were finished, by looking at all photos."""
    changes, by_change = photos.origins
    kinds = {number: change.origin.kind for number, change in by_change.items()}
    by_hand = [-1 if kinds.get(change) == "imported" else change for change in changes.tolist()]
    pairs = {(key, change) for key, change in zip(photos.keys.tolist(), by_hand, strict=True) if key >= 0}
    return (
        [int((photos.keys == key).sum()) for key in range(KEYS)],
        [sum(pair[0] == key for pair in pairs) for key in range(KEYS)],
        sum(kinds.get(change) == "certified" for change in changes.tolist()),
    )


@settings(max_examples=150, deadline=None)
@given(st.lists(steps, max_size=12))
def test_counts_are_those_of_all_photos(done: list) -> None:
    photos, number = LabelledPhotos(N), 0
    labels = [(key, f"label {key}") for key in range(KEYS)]
    for step in done:
        if step == "undo":
            if photos.undoable:
                photos.undo()
        elif step == "redo":
            if photos.redoable:
                photos.redo()
        elif step == "ask":
            counts, gestures = photos.counts_of(range(KEYS))
            assert gestures is not None
            assert (counts, gestures, photos.finished) == counted(photos)
            assert photos.counts == {key: count for key, count in enumerate(counts) if count}
        else:
            number += 1
            wanted, keys, kind = step
            chosen = np.array(wanted, np.int64)
            old = np.append(photos.keys, [-1, -1])[chosen].astype(np.int32)
            new = np.array([*keys, 0, 0], np.int32)[chosen]
            photos.apply(number, Change("", labels, labels, chosen, old, new, ORIGINS[kind]), NOW)
    assert (*photos.counts_of(range(KEYS)), photos.finished) == counted(photos)
