"""From labels to a classifier, and honest estimates of it."""

from __future__ import annotations

import numpy as np
import pytest

from handlens.errors import TrainingError
from handlens.studio import classifier as learning
from handlens.studio.calibration import CAUTION
from handlens.studio.classifier import Classifier, check_labels, stratified_sample, train_classifier
from handlens.studio.gestures import gesture_folds
from handlens.studio.linear_models import fit_mixture, inner_products
from handlens.studio.projections import Scaling


def told_apart(codes, *, d=6, apart=4.0, seed=0):
    random = np.random.default_rng(seed)
    places = apart * random.normal(size=(codes.max() + 1, d))
    return (random.normal(size=(len(codes), d)) + places[codes]).astype(np.float32)


def noise(n, d=6, seed=9):
    return np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32)


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ({}, "there is no labelled photo so far. Label photos of two kinds."),
        ({"a": 0}, "no labelled photo"),
        ({"a": 5}, "there is only “a” so far. Label photos of another kind too."),
        ({"a": 5, "b": 0}, "only “a”"),
        ({"a": 5, "b": 1, "c": 1}, "at least 2 photos for this; “b”, “c” has fewer"),
    ],
)
def test_too_few_labels_are_refused_with_what_is_missing(counts, message):
    with pytest.raises(TrainingError, match=message):
        check_labels(counts, least=2)


def test_two_of_two_are_enough():
    check_labels({"a": 2, "b": 2, "unused": 0}, least=2)
    check_labels({"a": 2, "b": 1})


def train(features, codes, *, gestures=None, checked=None, seed=0, share=1.0, together=None):
    gestures = np.arange(len(codes)) if gestures is None else gestures
    checked = np.zeros(len(codes), bool) if checked is None else checked
    return train_classifier(
        features, codes, gestures=gestures, checked=checked, seed=seed, share=share, together=together
    )


def test_weights_of_all_layers_give_the_scores_of_their_inner_products():
    codes = np.where(np.arange(40) < 20, np.arange(40) % 3, -1)
    features = {"a": told_apart(np.arange(40) % 3), "b": noise(40, d=50)}
    classifier = train(features, codes).classifier
    assert {layer: w.shape for layer, w in classifier.weights.items()} == {"a": (6, 3), "b": (50, 3)}
    products = inner_products(features)
    expected = fit_mixture(products, codes, dims=56).scores(products)
    assert classifier.scores(features) == pytest.approx(expected, rel=1e-3, abs=1e-3)


def test_weights_for_features_that_are_not_standardised():
    weights, bias = np.array([[6, -6], [1, 2]], np.float32), np.array([1, 0], np.float32)
    scaling = Scaling(np.array([10, 5], np.float32), np.array([0.5, 0], np.float32))  # the second column is constant
    raw, shifted = Classifier({"a": weights}, bias, 1.0).for_raw({"a": scaling})
    assert raw["a"].tolist() == [[3, -3], [0, 0]]
    assert shifted.tolist() == [1 - 30, 30]
    assert bias.tolist() == [1, 0]


def test_the_estimate_is_of_unseen_photos():
    # Labels without any relation to the features: a fit looks perfect, the estimate must not.
    codes = np.random.default_rng(1).permutation(np.arange(80) % 2)
    features = {str(i): noise(80, d=100, seed=i) for i in range(6)}
    trained = train(features, codes)
    assert (trained.classifier.scores(features).argmax(1) == codes).mean() > 0.8
    assert trained.rows.tolist() == list(range(80))
    assert abs((trained.scores.argmax(1) == codes).mean() - 0.5) < 0.2


def test_trained_finds_what_is_there():
    truth = np.arange(60) % 3
    codes = np.where(np.arange(60) < 30, truth, -1)
    features = {"noise": noise(60), "good": told_apart(truth)}
    trained = train(features, codes)
    assert trained.rows.tolist() == list(range(30))
    assert (trained.scores.argmax(1) == codes[:30]).mean() > 0.9
    assert (trained.classifier.scores(features).argmax(1) == truth).mean() > 0.9
    assert trained.whole_gestures == trained.single_photos == (30, 30)
    assert trained.one_gesture == []
    assert 0 < trained.classifier.temperature < CAUTION


def test_whole_gestures_are_held_out():
    # The features tell the gesture and not the class: ordinary folds find the class by twins, whole gestures cannot.
    gestures = np.repeat(np.arange(8), 10)
    codes = gestures // 4
    features = {"x": told_apart(gestures, d=20)}
    trained = train(features, codes, gestures=gestures)
    assert trained.single_photos == (80, 80)
    right, tested = trained.whole_gestures
    assert tested == 80
    assert right < 70


def test_a_label_of_one_gesture_is_not_tested():
    codes = np.repeat([0, 1, 2, -1], 6)
    gestures = np.array([1, 1, 1, 2, 2, 2] + [3] * 6 + [4, 4, 5, 5, 6, 6] + [0] * 6)
    trained = train({"x": told_apart(np.repeat(np.arange(4), 6))}, codes, gestures=gestures)
    assert trained.one_gesture == [1]
    assert trained.rows.tolist() == [*range(6), *range(12, 18)]
    assert trained.single_photos[1] == 18


def test_a_label_of_one_gesture_is_tested_once_other_photos_are_checked():
    codes = np.repeat([0, 1], 6)
    checked = np.arange(12) % 6 == 5
    trained = train({"x": told_apart(codes)}, codes, gestures=codes + 10 * checked, checked=checked)
    assert trained.one_gesture == []
    assert trained.rows.tolist() == [0, 1, 2, 3, 4, 6, 7, 8, 9, 10]


def test_without_anything_tested_the_temperature_is_cautious():
    codes = np.repeat([0, 1], 6)
    trained = train({"x": told_apart(codes)}, codes, gestures=codes)
    assert (trained.rows.tolist(), trained.scores.shape) == ([], (0, 2))
    assert trained.one_gesture == [0, 1]
    assert trained.classifier.temperature == CAUTION


def test_a_checked_answer_has_no_part_in_its_own_scores():
    truth = np.arange(60) % 2
    features = {"x": told_apart(truth, apart=0.7)}
    checked = np.arange(60) == 40
    codes = np.where(np.arange(60) <= 40, truth, -1)
    other_answer = np.where(checked, 1 - truth, codes)
    one, other = (train(features, c, checked=checked) for c in (codes, other_answer))
    assert one.checked_rows.tolist() == other.checked_rows.tolist() == [40]
    assert one.checked_scores == pytest.approx(other.checked_scores)
    assert (one.classifier.bias != other.classifier.bias).any()  # it is learned from all the same


def test_rows_without_a_label_are_scored_by_the_models_that_are_tested_on_checked_rows(monkeypatch):
    learned = []
    monkeypatch.setattr(
        learning,
        "fit_mixture",
        lambda p, c, dims: learned.append([(c >= 0).sum(), (c < 0).sum()]) or fit_mixture(p, c, dims=dims),
    )
    truth = np.arange(60) % 2
    codes = np.where(np.arange(60) < 30, truth, -1)
    trained = train({"x": told_apart(truth)}, codes, checked=(codes >= 0) & (np.arange(60) >= 20))
    assert trained.unlabelled_scores.shape == (30, 2)
    assert (trained.unlabelled_scores.argmax(1) == truth[30:]).all()
    # The last five before the final one: of 10 checked rows each leaves out 2, and of 30 rows without a label none, as
    # all of them take part; in the order in which they are held out, with their labels forgotten.
    assert learned[-6:-1] == [[28, 32]] * 5
    learned.clear()
    train({"x": told_apart(truth)}, codes, checked=(codes >= 0) & (np.arange(60) >= 20), share=0.0)
    assert learned[-6:-1] == [[28, 24]] * 5  # a fifth is dealt to each model, and does not take part
    assert train({"x": told_apart(truth)}, codes).unlabelled_scores.shape == (0, 2)


def test_checked_rows_alone_can_be_learned_from():
    codes = np.where(np.arange(30) < 20, np.arange(30) % 2, -1)
    trained = train({"x": told_apart(np.arange(30) % 2)}, codes, checked=codes >= 0)
    assert trained.rows.tolist() == []
    assert trained.checked_rows.tolist() == list(range(20))
    assert (trained.checked_scores.argmax(1) == codes[:20]).all()
    assert trained.single_photos == trained.whole_gestures == (0, 0)


def test_a_class_that_only_the_held_out_row_has_gets_no_score():
    codes = np.array([0, 0, 0, 1, 1, 1, 2])
    trained = train({"x": told_apart(codes)}, codes, checked=codes == 2)
    assert np.isneginf(trained.checked_scores[0, 2])
    assert np.isfinite(trained.checked_scores[0, :2]).all()


def test_a_class_of_one_photo_is_learned_and_not_tested():
    codes = np.array([0, 0, 0, 0, 1, 1, 1, 1, 2])
    features = {"x": told_apart(codes)}
    trained = train(features, codes)
    assert trained.classifier.scores(features).argmax(1).tolist() == codes.tolist()
    assert trained.single_photos[1] == 8
    assert trained.one_gesture == [2]
    alone = train(features, np.arange(9))
    assert alone.classifier.scores(features).argmax(1).tolist() == list(range(9))
    assert (alone.single_photos, alone.whole_gestures) == ((0, 0), (0, 0))


def test_two_photos_a_class_train():
    codes = np.array([0, 0, 1, 1])
    trained = train({"x": told_apart(codes)}, codes)
    assert trained.scores.shape == (4, 2)


def test_no_more_labelled_rows_than_a_limit_are_learned_from_to_be_tested(monkeypatch):
    monkeypatch.setattr(learning, "_ESTIMATING", 20)
    learned = []
    monkeypatch.setattr(
        learning, "fit_mixture", lambda p, c, dims: learned.append((c >= 0).sum()) or fit_mixture(p, c, dims=dims)
    )
    codes = np.arange(60) % 2
    trained = train({"x": told_apart(codes)}, codes)
    assert trained.single_photos == (60, 60)
    assert learned == [20] * 10 + [60]


def test_the_same_seed_gives_the_same_model():
    codes = np.where(np.arange(60) < 20, np.arange(60) % 2, -1)
    features = {"a": noise(60), "b": told_apart(np.arange(60) % 2)}
    one, two = (train(features, codes, seed=5) for _ in range(2))
    assert one.scores.tobytes() == two.scores.tobytes()
    assert one.classifier.temperature == two.classifier.temperature


def test_stratified_sample_keeps_proportions_and_rare_classes():
    codes = np.repeat([0, 1, 2], [800, 190, 10])
    rows = stratified_sample(codes, 100, seed=0)
    assert np.bincount(codes[rows]).tolist() == [80, 19, 2]
    assert len(set(rows.tolist())) == len(rows)
    assert stratified_sample(codes, 1000, seed=0).tolist() == list(range(1000))


def margins(scores):
    two = np.sort(scores, axis=1)[:, -2:]
    return float((two[:, 1] - two[:, 0]).mean())


@pytest.mark.parametrize("seed", range(3))
def test_scores_of_checked_rows_are_like_those_of_unlabelled_ones(seed):
    """A model is surer of rows that took part in its self-training; so these and the checked ones must be alike."""
    random = np.random.default_rng(seed)
    truth, n = np.arange(240) % 2, 240
    x = random.standard_normal((n, 600)).astype(np.float32)
    x[:, 0] += 3 * truth
    checked = (np.arange(n) >= 40) & (np.arange(n) < 120)
    codes = np.where(np.arange(n) < 120, truth, -1)
    given = {"codes": codes, "gestures": np.arange(n), "checked": checked, "seed": 0}
    alike, apart = train_classifier({"x": x}, **given), train_classifier({"x": x}, **given, share=0.0)
    unlabelled = margins(alike.classifier.scores({"x": x[codes < 0]}))
    assert margins(alike.checked_scores) == pytest.approx(unlabelled, rel=0.25)
    assert margins(apart.checked_scores) < 0.73 * unlabelled
    assert (alike.classifier.scores({"x": x}) == apart.classifier.scores({"x": x})).all()
    assert (alike.scores == apart.scores).all()


def test_no_row_is_tested_by_a_model_that_learned_a_duplicate_of_it():
    codes, together = np.arange(30) % 3, np.arange(30) // 2 * 2  # duplicates have different labels here
    features = {"a": told_apart(codes)}
    trained = train(features, codes, together=together)
    fold, products = gesture_folds(codes, np.arange(30), seed=0), inner_products(features)
    expected = np.empty((30, 3))
    for k in range(5):
        tested = fold == k
        rest = np.flatnonzero(~np.isin(together, together[tested]))
        model = fit_mixture(products[np.ix_(rest, rest)], codes[rest], dims=6)
        expected[tested] = model.scores(products[np.ix_(np.flatnonzero(tested), rest)])
    assert trained.rows.tolist() == list(range(30))
    assert trained.scores == pytest.approx(expected, rel=1e-4, abs=1e-4)


def test_copies_of_noise_are_not_recognised_by_their_copies():
    codes = np.repeat(np.arange(60) % 2, 2)
    features = {"a": np.repeat(noise(60, d=200), 2, axis=0)}
    right, n = train(features, codes).whole_gestures
    assert right / n > 0.7
    right, n = train(features, codes, together=np.repeat(np.arange(60), 2)).whole_gestures
    assert n == 120
    assert right / n < 0.65


def test_a_class_of_duplicates_of_one_photo_is_not_tested():
    codes, together = np.repeat([0, 1, 2], 10), np.arange(30)
    together[20:] = 20
    trained = train({"a": told_apart(codes)}, codes, together=together)
    assert trained.rows.tolist() == list(range(20))
    assert trained.whole_gestures == (20, 20)


def test_checked_rows_whose_class_has_only_duplicates_count_as_wrong():
    codes, together = np.repeat([0, 1, 2], 10), np.arange(30)
    together[20:] = 20
    checked = np.arange(30) % 2 == 0
    trained = train({"a": told_apart(codes)}, codes, checked=checked, together=together)
    assert trained.checked_rows.tolist() == list(range(0, 30, 2))
    assert trained.checked_scores.argmax(1).tolist()[:10] == [0] * 5 + [1] * 5
    assert np.isneginf(trained.checked_scores[10:, 2]).all()


def test_two_photos_and_their_copies_can_be_learned_but_not_tested():
    codes = np.repeat([0, 1], 4)
    trained = train({"a": told_apart(codes)}, codes, together=codes)
    assert trained.rows.tolist() == []
    assert trained.classifier.scores({"a": told_apart(codes)}).argmax(1).tolist() == codes.tolist()
