"""From labels to a classifier: intervals by hand, choices that have to come out one way, honest estimates."""

from __future__ import annotations

import numpy as np
import pytest

from handlens.errors import TrainingError
from handlens.studio import classifier as learning
from handlens.studio.calibration import fit_temperature
from handlens.studio.classifier import (
    _joined,
    check_labels,
    cross_validate,
    fit_layers,
    layer_quality,
    rank_layers,
    stratified_sample,
    sum_scores,
    train_classifier,
)


def told_apart(codes, *, d=6, apart=4.0, seed=0):
    random = np.random.default_rng(seed)
    places = apart * random.normal(size=(codes.max() + 1, d))
    return (random.normal(size=(len(codes), d)) + places[codes]).astype(np.float32)


def noise(n, d=6, seed=9):
    return np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32)


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ({}, "no labelled photo"),
        ({"a": 0}, "no labelled photo"),
        ({"a": 5}, "only “a”"),
        ({"a": 5, "b": 0}, "only “a”"),
        ({"a": 5, "b": 1, "c": 1}, "“b”, “c” has only one"),
    ],
)
def test_too_few_labels_are_refused_with_what_is_missing(counts, message):
    with pytest.raises(TrainingError, match=message):
        check_labels(counts)


def test_two_of_two_are_enough():
    check_labels({"a": 2, "b": 2, "unused": 0})


def test_layers_are_ranked_by_how_well_they_tell_apart():
    codes = np.array([0, 1, 2, -1] * 10)
    features = {"noise": noise(40), "good": told_apart(np.maximum(codes, 0)), "copy": noise(40, seed=3)}
    assert rank_layers(features, codes, seed=0)[0] == "good"


def test_quality_breaks_ties_by_sureness():
    codes = np.array([0, 1])
    sure = layer_quality(np.array([[9, 0], [0, 9]], np.float32), codes)
    unsure = layer_quality(np.array([[9, 8.9], [8.9, 9]], np.float32), codes)
    assert sure[0] == unsure[0] == 1
    assert sure > unsure
    with_inf = layer_quality(np.array([[1, -np.inf], [0, 1]], np.float32), codes)
    assert np.isfinite(with_inf).all()


def test_no_more_layers_than_three_and_their_scores_add_up():
    codes = np.arange(30) % 2
    features = {str(i): told_apart(codes, seed=i) for i in range(5)}
    fitted = fit_layers(features, codes, seed=0)
    assert len(fitted) == learning.LAYERS == 3
    scores = sum_scores(fitted, features)
    assert scores == pytest.approx(sum(fitted[k].logits(features[k]) for k in fitted), rel=1e-5)
    assert (scores.argmax(1) == codes).all()


def test_the_surest_of_each_class_join():
    # Unlabelled rows 1–4 are predicted as 0 with margins 4, 3, 2, 1 and 5–6 as 1 with margins 1, 2.
    scores = np.array([[9, 0], [4, 0], [3, 0], [2, 0], [1, 0], [0, 1], [0, 2]], np.float32)
    codes = np.array([1, -1, -1, -1, -1, -1, -1])  # a label stays, whatever is predicted for it
    assert _joined(scores, codes, 0.5).tolist() == [1, 0, 0, -1, -1, -1, 1]
    assert _joined(scores, codes, 0.2).tolist() == codes.tolist()


def test_unlabelled_photos_help_where_clusters_are_plain():
    truth = np.arange(200) % 2
    features = {"x": told_apart(truth, d=40, apart=0.5, seed=4)}
    codes = np.where(np.arange(200) < 8, truth, -1)

    def right(rounds):
        fitted = fit_layers(features, codes, seed=0, rounds=rounds)
        return (sum_scores(fitted, features).argmax(1) == truth).mean()

    assert right(learning.ROUNDS) >= right(())


def test_the_estimate_is_of_unseen_photos():
    # Labels without any relation to the features: a fit looks perfect, the estimate must not.
    codes = np.random.default_rng(1).permutation(np.arange(80) % 2)
    features = {str(i): noise(80, d=100, seed=i) for i in range(6)}
    fitted = fit_layers(features, codes, seed=0)
    assert (sum_scores(fitted, features).argmax(1) == codes).mean() > 0.8
    rows, scores = cross_validate(features, codes, seed=0)
    assert rows.tolist() == list(range(80))
    assert abs((scores.argmax(1) == codes).mean() - 0.5) < 0.2


def test_trained_finds_what_is_there():
    truth = np.arange(60) % 3
    codes = np.where(np.arange(60) < 30, truth, -1)
    features = {"noise": noise(60), "good": told_apart(truth)}
    trained = train_classifier(features, codes, seed=0)
    assert trained.rows.tolist() == list(range(30))
    assert (trained.scores.argmax(1) == codes[:30]).mean() > 0.9
    assert (sum_scores(trained.classifier.discriminants, features).argmax(1) == truth).mean() > 0.9
    assert trained.classifier.temperature > 0


def test_two_photos_a_class_train():
    codes = np.array([0, 0, 1, 1])
    trained = train_classifier({"x": told_apart(codes)}, codes, seed=0)
    assert trained.scores.shape == (4, 2)


def test_the_same_seed_gives_the_same_model():
    codes = np.where(np.arange(60) < 20, np.arange(60) % 2, -1)
    features = {"a": noise(60), "b": told_apart(np.arange(60) % 2)}
    one, two = (train_classifier(features, codes, seed=5) for _ in range(2))
    assert one.scores.tobytes() == two.scores.tobytes()
    assert one.classifier.temperature == two.classifier.temperature


def test_stratified_sample_keeps_proportions_and_rare_classes():
    codes = np.repeat([0, 1, 2], [800, 190, 10])
    rows = stratified_sample(codes, 100, seed=0)
    assert np.bincount(codes[rows]).tolist() == [80, 19, 2]
    assert len(set(rows.tolist())) == len(rows)
    assert stratified_sample(codes, 1000, seed=0).tolist() == list(range(1000))


def test_temperature_matches_how_often_the_scores_are_right():
    # Scores ±1, right 3 times of 4: the log loss is least where the probability is 3/4, at 2 / ln 3.
    scores = np.tile(np.array([[1, -1]], np.float32), (400, 1))
    codes = (np.arange(400) % 4 == 0).astype(np.int64)
    assert fit_temperature(scores, codes) == pytest.approx(2 / np.log(3), rel=0.1)
