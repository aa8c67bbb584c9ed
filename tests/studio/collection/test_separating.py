"""The layer that tells labels apart best."""

from __future__ import annotations

import json

import pytest

from handlens.errors import CollectionError, TrainingError
from handlens.studio import classifier as learning
from handlens.studio.projections import NEIGHBOURS, SEPARATE


def test_separate_finds_where_the_difference_is(collection, label_some):
    label_some(collection)
    collection.label([6, 7], "circle")
    collection.label([26, 27], "square")
    layer, projection = collection.separate(["circle", "square"])
    assert projection == SEPARATE
    xy = collection.map(layer, projection)
    gap = abs(xy[8:20, 0].mean() - xy[28:, 0].mean())
    assert gap > 2 * max(xy[8:20, 0].std(), xy[28:, 0].std())
    assert collection.parts.maps.separating == ["circle", "square"]
    scores = collection.scores()
    assert scores["layers"][layer] == max(scores["layers"].values())
    assert set(scores["maps"][layer]) == {"pca-1-2", "pca-3-4", "pca-5-6", NEIGHBOURS}
    assert scores["maps"][layer][NEIGHBOURS] is None  # not looked at yet
    json.dumps(scores)


def test_labels_of_one_gesture_each_are_separated_without_a_score(collection, label_some):
    label_some(collection)
    layer, projection = collection.separate(["circle", "square"])
    assert (layer in {of.id for of in collection.layers}, projection) == (True, SEPARATE)
    assert collection.parts.separating.latest_score is None
    scores = collection.scores()
    assert set(scores["layers"].values()) == {None}
    assert not any(scores["maps"].values())


def test_scores_are_of_the_labels_with_two_gestures(collection, monkeypatch):
    tested = []
    monkeypatch.setattr(learning, "layer_quality", lambda scores, codes: tested.append(codes.tolist()) or (1.0, 1.0))
    collection.label(range(5), "circle")
    collection.label(range(5, 10), "circle")
    collection.label(range(20, 25), "square")
    collection.scores()
    assert tested == [[0] * 10] * len(collection.layers)


def test_separating_needs_labels_that_exist(collection):
    collection.label([0, 1], "a")
    collection.label([2], "b")
    with pytest.raises(CollectionError, match="no label is called “c”"):
        collection.separate(["a", "c"])
    with pytest.raises(TrainingError, match="two or more"):
        collection.separate(["a", "a"])
    with pytest.raises(TrainingError, match="“b” has only one"):
        collection.separate(["a", "b"])
    assert collection.parts.maps.separating is None
    assert all(value is None for value in collection.scores()["layers"].values())
