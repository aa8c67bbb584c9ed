"""What to label next, on a collection: ids 0–19 are circles, 20–39 squares."""

from __future__ import annotations

import numpy as np
import pytest

from handlens.errors import CollectionError
from handlens.studio.collection import Collection


def kinds(ids):
    return {int(photo) // 20 for photo in ids}


def test_without_labels_they_are_of_different_groups(collection):
    first = collection.next(4)
    assert first.dtype == np.int64
    assert len(set(first.tolist())) == 4
    assert kinds(first) == {0, 1}
    assert collection.next(4).tolist() == first.tolist()


def test_what_has_a_label_is_not_suggested(collection, label_some):
    label_some(collection)
    collection.train()
    found = collection.next(200)
    assert sorted(found.tolist()) == sorted(set(range(40)) - {*range(6), *range(20, 26)})


def test_groups_without_labels_come_first(collection):
    collection.label(range(15), "circle")
    assert kinds(collection.next(5)[:3]) == {1}


def test_photos_that_wait_in_a_check_are_left_out(collection, label_some):
    label_some(collection)
    drawn = collection.draw_spot_check(10)
    assert not np.isin(collection.next(200), drawn).any()
    collection.draw_spot_check(28)
    with pytest.raises(CollectionError, match="the 28 photos that are left wait for an answer of the spot check"):
        collection.next()


def test_with_nearly_as_many_labels_as_photos_of_any_script(collection):
    for photo in range(38):
        collection.label([photo], f"{'あ' * 90} {photo}")
    collection.train()
    assert sorted(collection.next().tolist()) == [38, 39]


def test_nothing_is_left(collection):
    collection.label(range(40), "shape")
    with pytest.raises(CollectionError, match="every photo has a label"):
        collection.next()


@pytest.mark.parametrize("n", [0, -1, 201, 1.5, True, "3", None])
def test_a_number_that_cannot_be(collection, n):
    with pytest.raises(CollectionError, match="n must be a whole number from 1 to 200"):
        collection.next(n)


def test_before_anything_is_prepared(tmp_path, drawn):
    missing = "no photo without a label is prepared yet"
    with Collection.create(tmp_path / "new", images=drawn) as new, pytest.raises(CollectionError, match=missing):
        new.next()
