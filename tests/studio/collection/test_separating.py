"""The layer that tells labels apart best."""

from __future__ import annotations

import json
import threading

import numpy as np
import pytest

from handlens.errors import Cancelled, CollectionError, TrainingError
from handlens.studio import separating
from handlens.studio.discriminant import fit_discriminant, folds
from handlens.studio.projections import NEIGHBOURS, SEPARATE
from handlens.studio.separating import balanced_accuracy, cross_validated_logits, layer_quality


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


def test_separating_says_how_far_it_is_and_can_be_cancelled(collection, label_some):
    label_some(collection)
    told = []
    collection.separate(["circle", "square"], progress=lambda done, total: told.append((done, total)))
    layers = len(collection.layers)
    assert told == [(done, 2 * layers) for done in range(2 * layers)]
    before = collection.parts.maps.separating
    for at in (0, layers, 2 * layers - 1):
        stop = threading.Event()
        with pytest.raises(Cancelled):
            collection.separate(
                ["square", "circle"],
                progress=lambda done, _, at=at, stop=stop: stop.set() if done == at else None,
                cancel=stop,
            )
        assert collection.parts.maps.separating == before


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
    monkeypatch.setattr(separating, "layer_quality", lambda scores, codes: tested.append(codes.tolist()) or (1.0, 1.0))
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
    with pytest.raises(TrainingError, match="at least 2 photos for this; “b” has fewer"):
        collection.separate(["a", "b"])
    assert collection.parts.maps.separating is None
    assert all(value is None for value in collection.scores()["layers"].values())


# --- of one layer ----------------------------------------------------------------------------------


def two_classes():
    random = np.random.default_rng(0)
    codes = np.arange(20) % 2
    return random.normal(size=(20, 5)).astype(np.float32) + codes[:, None], codes


def test_cross_validation_never_sees_its_own_row():
    x, codes = two_classes()
    fold = folds(codes)
    scores = cross_validated_logits(x, codes, fold)
    for k in range(5):
        model = fit_discriminant(x[fold != k], codes[fold != k])
        assert scores[fold == k] == pytest.approx(model.logits(x[fold == k]), rel=1e-5)


def test_a_class_absent_from_a_fold_cannot_be_predicted_there():
    x = np.array([[0], [0.1], [5], [5.1], [9]], np.float32)
    codes = np.array([0, 0, 1, 1, 2])
    scores = cross_validated_logits(x, codes, np.array([0, 1, 0, 1, 0]))
    assert np.isneginf(scores[[0, 2, 4], 2]).all()
    assert np.isfinite(scores[[1, 3]]).all()
    assert scores[:4].argmax(1).tolist() == [0, 0, 1, 1]


def test_rows_of_no_fold_are_learned_from_and_not_tested():
    x, codes = two_classes()
    fold = np.where(np.arange(len(codes)) < 6, 0, -1)
    scores = cross_validated_logits(x, codes, fold)
    assert np.isneginf(scores[6:]).all()
    model = fit_discriminant(x[6:], codes[6:])
    assert scores[:6] == pytest.approx(model.logits(x[:6]), rel=1e-5)


def test_balanced_accuracy_by_hand():
    scores = np.eye(3, dtype=np.float32)[[0, 0, 1, 1, 2, 0]]
    codes = np.array([0, 0, 0, 1, 1, 2])  # right: 2 of 3, 1 of 2, 0 of 1
    assert balanced_accuracy(scores, codes) == pytest.approx((2 / 3 + 1 / 2 + 0) / 3)


def test_quality_breaks_ties_by_sureness():
    codes = np.array([0, 1])
    sure = layer_quality(np.array([[9, 0], [0, 9]], np.float32), codes)
    unsure = layer_quality(np.array([[9, 8.9], [8.9, 9]], np.float32), codes)
    assert sure[0] == unsure[0] == 1
    assert sure > unsure
    with_inf = layer_quality(np.array([[1, -np.inf], [0, 1]], np.float32), codes)
    assert np.isfinite(with_inf).all()


def test_duplicates_of_tested_rows_are_not_learned_from():
    x, codes = np.array([[0], [0], [5], [4], [9]], np.float32), np.array([0, 0, 0, 1, 1])
    fold, together = np.array([0, 1, 1, 0, 1]), np.array([0, 0, 2, 3, 4])
    scores = cross_validated_logits(x, codes, fold, together)
    first = fit_discriminant(x[[2, 4]], codes[[2, 4]])
    assert scores[[0, 3]] == pytest.approx(first.logits(x[[0, 3]]))
    assert np.isneginf(scores[[1, 2, 4]]).all()  # only the row 3, of one class, could be learned from
