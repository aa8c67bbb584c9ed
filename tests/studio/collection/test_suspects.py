"""Labels that may be wrong: ids 0–19 are circles, 20–39 squares."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import softmax

from handlens.errors import TrainingError


def label_one_by_one(collection, wrong=()):
    for photo in [*range(12), *range(20, 32)]:
        square = (photo >= 20) != (photo in wrong)
        collection.label([photo], "square" if square else "circle")


def test_the_wrong_label_comes_first(collection):
    label_one_by_one(collection, wrong=[3, 25])
    collection.train()
    found = collection.suspects()
    assert sorted(found.index[:2]) == [3, 25]
    assert found.loc[3, ["path", "label", "suggested"]].tolist() == [collection.paths[3], "square", "circle"]
    assert len(found) == 24
    assert found["probability"].is_monotonic_increasing


def test_probabilities_are_those_of_the_model_that_had_not_seen_the_label(collection):
    label_one_by_one(collection)
    collection.train()
    held_out, found = collection.held_out, collection.suspects()
    p = softmax(held_out.scores.astype(float), axis=1)
    given = [["circle", "square"].index(label) for label in held_out.truth]
    expected = dict(zip(held_out.ids.tolist(), p[np.arange(len(p)), given], strict=True))
    assert found["probability"].to_dict() == pytest.approx(expected)
    assert found["suggested_probability"].to_dict() == pytest.approx(
        dict(zip(held_out.ids.tolist(), p.max(1), strict=True))
    )


def test_what_was_changed_since_is_left_out(collection):
    label_one_by_one(collection, wrong=[3])
    collection.train()
    collection.label([3], "circle")
    collection.unlabel([5])
    assert not {3, 5} & set(collection.suspects().index)
    collection.rename("circle", "round")
    assert set(collection.suspects()["label"]) == {"round", "square"}


def test_labels_of_one_gesture_cannot_be_judged(collection, label_some):
    label_some(collection)
    collection.train()
    assert collection.suspects().empty
    assert collection.suspects().columns.tolist() == [
        "path", "label", "probability", "suggested", "suggested_probability",
    ]  # fmt: skip


def test_without_a_model(collection):
    with pytest.raises(TrainingError, match="no model yet"):
        collection.suspects()
