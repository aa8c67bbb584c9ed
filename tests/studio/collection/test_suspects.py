"""Labels that may be wrong: ids 0–19 are circles, 20–39 squares."""

from __future__ import annotations

from contextlib import closing

import numpy as np
import pytest
from scipy.special import softmax

from handlens.errors import CollectionError, TrainingError
from handlens.studio.collection import Collection
from handlens.studio.labels import Labels
from handlens.studio.models.held_out import HeldOut
from handlens.studio.suspects import NOTHING, judge


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


# --- by hand: labels 0 “car”, 1 “van”, 2 “bus”; photos 0–4 ------------------------------------------


def state_of(tmp_path, labels, kept=()):
    with closing(Labels(tmp_path / "labels.sqlite", 5)) as log:
        for name in ("car", "van", "bus"):
            log.assign([0], name)
        for photo, name in enumerate(labels):
            log.assign([photo], name)
        for photo, key in kept:
            log.keep({photo: key})
        return log.state


def held_out_of(truth, probabilities):
    p = np.array(probabilities)
    classes = np.array(["car", "van", "bus"])
    return HeldOut(np.arange(len(truth)), list(truth), classes[p.argmax(1)].tolist(), np.log(p), np.zeros(len(p), bool))


LABELS = ["car", "car", "van", "van", "bus"]
SAID = [[0.2, 0.7, 0.1], [0.8, 0.1, 0.1], [0.5, 0.4, 0.1], [0.1, 0.6, 0.3], [0.3, 0.65, 0.05]]


def judged_of(state, *, truth=LABELS, said=SAID, keys=(0, 1, 2)):
    names = {info.colour: info.name for info in state.table}
    classes = [names.get(key, "gone") for key in keys]
    return judge(held_out_of(truth, said), classes, np.array(keys), state, version="1")


def test_the_less_probable_a_label_the_earlier_it_comes(tmp_path):
    found = judged_of(state_of(tmp_path, LABELS))
    assert found.ids.tolist() == [4, 0, 2, 3, 1]
    assert found.given.tolist() == [2, 0, 1, 1, 0]
    assert found.suggested.tolist() == [1, 1, 0, 1, 0]
    assert found.probability == pytest.approx([0.05, 0.2, 0.4, 0.6, 0.8])
    assert found.suggested_probability == pytest.approx([0.65, 0.7, 0.5, 0.6, 0.8])
    assert found.doubted.ids.tolist() == [4, 0, 2]


def test_labels_that_changed_since_are_not_judged(tmp_path):
    found = judged_of(state_of(tmp_path, ["van", "car", "van", "van", "bus"]))
    assert found.ids.tolist() == [4, 2, 3, 1]


def test_a_kept_label_comes_again_only_with_another_suggestion(tmp_path):
    state = state_of(tmp_path, LABELS, kept=[(4, 1), (2, 2)])
    assert judged_of(state).ids.tolist() == [0, 2, 3, 1]  # photo 2 was kept when “bus” was suggested
    other = [*SAID[:4], [0.9, 0.05, 0.05]]
    assert judged_of(state, said=other).ids.tolist() == [4, 0, 2, 3, 1]


def test_merged_labels_are_one(tmp_path):
    with closing(Labels(tmp_path / "labels.sqlite", 5)) as log:
        for photo, name in enumerate(LABELS):
            log.assign([photo], name)
        log.merge(["car", "van"], "car")
        state = log.state
    # The classes car and van both have the key of “car” now, so their probabilities add up.
    truth = ["car", "car", "car", "car", "bus"]
    found = judge(held_out_of(truth, SAID), ["car", "car", "bus"], np.array([0, 0, 2]), state, version="1")
    assert found.doubted.ids.tolist() == [4]
    assert found.doubted.suggested_probability == pytest.approx([0.95])


def test_a_deleted_label_is_not_suggested(tmp_path):
    with closing(Labels(tmp_path / "labels.sqlite", 5)) as log:
        for photo, name in enumerate(LABELS):
            log.assign([photo], name)
        log.delete("van")
        state = log.state
    found = judge(held_out_of(LABELS, SAID), ["car", "van", "bus"], np.array([0, -1, 2]), state, version="1")
    assert found.ids.tolist() == [4, 0, 1]
    assert found.suggested.tolist() == [0, 0, 0]
    assert found.suggested_probability == pytest.approx([0.3, 0.2, 0.8])


def test_nothing_is_judged_without_held_out_labels(tmp_path):
    state = state_of(tmp_path, LABELS)
    assert len(judge(NOTHING, ["car", "van", "bus"], np.array([0, 1, 2]), state, version="1")) == 0


def test_two_hundred_labels_with_names_in_any_script(tmp_path):
    names = ["é" * 100, "名前" * 50, "اسم", "नाम", *(f"label {i}" for i in range(196))]
    with closing(Labels(tmp_path / "labels.sqlite", 200)) as log:
        for photo, name in enumerate(names):
            log.assign([photo], name)
        state = log.state
    scores = np.zeros((200, 200), np.float32)
    scores[np.arange(200), (np.arange(200) + 1) % 200] = 9.0  # each photo is taken for the next label
    held_out = HeldOut(np.arange(200), names, names[1:] + names[:1], scores, np.zeros(200, bool))
    found = judge(held_out, names, np.arange(200), state, version="1")
    assert sorted(found.ids.tolist()) == list(range(200))
    assert found.suggested.tolist() == ((found.ids + 1) % 200).tolist()
    assert [found.names[key] for key in found.given.tolist()] == [names[photo] for photo in found.ids]


# --- looking at them --------------------------------------------------------------------------------


def test_kept_labels_are_left_out_until_another_is_suggested(collection):
    label_one_by_one(collection, wrong=[3, 25])
    report = collection.train()
    origins = collection.origins
    collection.keep([3])
    assert 3 not in collection.suspects().index
    assert 25 in collection.suspects().index
    assert collection.origins.equals(origins)  # its label is as it was, and so is where it comes from
    assert collection.parts.labels.state.last_by_person == report.labels_version  # nothing to train again for
    collection.train()
    assert 3 not in collection.suspects().index
    with Collection.open(collection.folder) as again:
        assert 3 not in again.suspects().index
    collection.undo()
    assert 3 in collection.suspects().index
    collection.redo()
    assert 3 not in collection.suspects().index


def test_a_kept_label_that_is_changed_and_given_again_is_still_kept(collection):
    label_one_by_one(collection, wrong=[3])
    collection.train()
    collection.keep([3])
    collection.label([3], "circle")
    collection.label([3], "square")
    assert 3 not in collection.suspects().index


def test_only_doubted_labels_can_be_kept(collection):
    label_one_by_one(collection, wrong=[3])
    collection.train()
    for photo in (0, 15):  # the model agrees; without a label
        with pytest.raises(CollectionError, match=f"must be photos whose label the model doubts.*; {photo} is not one"):
            collection.keep([photo])
    collection.label([3], "circle")
    with pytest.raises(CollectionError, match="Its label may have changed"):
        collection.keep([3])


def test_taking_what_is_suggested_is_one_change_with_its_own_origin(collection):
    label_one_by_one(collection, wrong=[3, 25])
    collection.train()
    collection.parts.suspects.take([3, 25])
    assert collection.labels[[3, 25]].tolist() == ["circle", "square"]
    assert collection.origins.loc[3, ["gesture", "kind"]].tolist() == ["review", "suggested"]
    assert collection.parts.labels.undo_text == "label 2 photos as suggested"
    collection.undo()
    assert collection.labels[[3, 25]].tolist() == ["square", "circle"]


def test_what_was_suggested_by_an_earlier_model_is_refused(collection):
    label_one_by_one(collection, wrong=[3])
    collection.train()
    version = collection.parts.suspects.judged().version
    collection.train()
    for change in (collection.parts.suspects.keep, collection.parts.suspects.take):
        with pytest.raises(CollectionError, match="the model was trained again"):
            change([3], version=version)
    assert collection.labels[3] == "square"
