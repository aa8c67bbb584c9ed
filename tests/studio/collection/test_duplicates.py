"""Photos that a collection has more than once."""

from __future__ import annotations

import shutil
import threading

import numpy as np
import pytest
from PIL import Image, ImageDraw

from handlens.errors import Cancelled, CollectionError
from handlens.studio import classifier as learning
from handlens.studio import duplicates, separating
from handlens.studio.collection import Collection
from handlens.studio.origins import Certificate, Origin
from handlens.studio.progress import SearchProgress


@pytest.fixture
def photos(tmp_path):
    """A folder of photos that have duplicates of several kinds."""
    folder = tmp_path / "twice"
    folder.mkdir()
    random = np.random.default_rng(0)
    for name in ("a", "b", "c"):
        ground = Image.fromarray(random.integers(0, 256, (9, 12, 3), np.uint8)).resize((240, 180))
        ImageDraw.Draw(ground).ellipse((60, 40, 150, 130), fill=tuple(random.integers(0, 256, 3).tolist()))
        ground.save(folder / f"{name}.png")
    a, b = Image.open(folder / "a.png"), Image.open(folder / "b.png")
    a.save(folder / "a_saved.png", compress_level=1)  # the same pixels, other bytes
    a.crop((20, 0, 240, 170)).save(folder / "a_cropped.png")
    b.save(folder / "b_40.jpg", quality=40)
    b.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(folder / "b_mirrored.png")
    return folder


@pytest.fixture
def twice(tmp_path, photos, quick):
    with Collection.create(tmp_path / "collection", images=photos, backbone=None) as collection:
        collection.prepare()
        yield collection


def test_each_group_begins_with_the_photo_that_all_others_match(twice):
    found = twice.duplicates()
    assert found.columns.tolist() == ["group", "id", "path", "kind", "distance"]
    assert found[["group", "path", "kind"]].to_numpy().tolist() == [
        [0, "a.png", "first"],
        [0, "a_saved.png", "exact"],
        [0, "a_cropped.png", "near"],
        [1, "b.png", "first"],
        [1, "b_40.jpg", "near"],
    ]
    assert [twice.paths[i] for i in found["id"]] == found["path"].tolist()
    assert found["distance"].tolist()[:2] == [0, 0]
    assert found["distance"].between(0, 0.02).all()


def test_photos_of_a_group_belong_together_once_they_were_searched_for(twice):
    assert twice.parts.duplicates.together().tolist() == list(range(7))
    twice.duplicates()
    together = dict(zip(twice.paths, twice.parts.duplicates.together().tolist(), strict=True))
    first = twice.paths.index
    assert together["a.png"] == together["a_saved.png"] == together["a_cropped.png"] == first("a.png")
    assert together["b.png"] == together["b_40.jpg"] == first("b.png")
    assert together["c.png"] == first("c.png")
    assert together["b_mirrored.png"] == first("b_mirrored.png")


def test_the_groups_are_kept_and_found_again_at_the_next_opening(twice):
    steps = []
    found = twice.duplicates(progress=lambda done, total: steps.append((done, total)))
    assert steps[0][0] == 0
    assert steps[-1][0] == steps[-1][1]
    assert [done for done, _ in steps] == sorted(done for done, _ in steps)
    with Collection.open(twice.folder) as again:
        assert again.parts.duplicates.together().tolist() == twice.parts.duplicates.together().tolist()
        steps.clear()
        assert again.duplicates(progress=lambda done, total: steps.append((done, total))).equals(found)
        assert steps == []


def test_they_are_searched_for_again_when_photos_were_added(twice, photos):
    twice.duplicates()
    shutil.copy(photos / "c.png", photos / "d.png")
    Image.open(photos / "c.png").resize((120, 90)).save(photos / "d.png")
    with Collection.open(twice.folder) as again:
        again.prepare()
        assert again.parts.duplicates.together().tolist() == list(range(8))
        found = again.duplicates()
    assert found.loc[found["group"] == 2, "path"].tolist() == ["c.png", "d.png"]


def test_a_damaged_cache_is_made_again(twice):
    found = twice.duplicates()
    (kept,) = (twice.folder / "cache").glob("duplicates-*.npz")
    kept.write_bytes(b"damaged")
    with Collection.open(twice.folder) as again:
        assert again.parts.duplicates.together().tolist() == list(range(7))
        assert again.duplicates().equals(found)


def test_the_search_can_be_cancelled(twice):
    cancel = threading.Event()
    cancel.set()
    with pytest.raises(Cancelled, match="the search for duplicates was cancelled"):
        twice.duplicates(cancel=cancel)
    assert len(twice.duplicates()) == 5


def test_photos_that_differ_have_no_duplicates(collection):
    found = collection.duplicates()
    assert found.columns.tolist() == ["group", "id", "path", "kind", "distance"]
    assert len(found) == 0


def test_without_prepared_photos_there_is_nothing_to_search(tmp_path, photos):
    with (
        Collection.create(tmp_path / "new", images=photos, backbone=None) as collection,
        pytest.raises(CollectionError, match=r"none is prepared. Call prepare\(\) first"),
    ):
        collection.duplicates()


def test_an_empty_collection_has_none_prepared(tmp_path):
    (tmp_path / "nothing").mkdir()
    with (
        Collection.create(tmp_path / "new", images=tmp_path / "nothing", backbone=None) as collection,
        pytest.raises(CollectionError, match="none is prepared"),
    ):
        collection.duplicates()


def test_blank_and_tiny_photos_are_duplicates_only_with_the_same_pixels(tmp_path, quick):
    folder = tmp_path / "small"
    folder.mkdir()
    Image.new("RGB", (64, 64), "white").save(folder / "white.png")
    Image.new("RGB", (64, 64), "white").save(folder / "white_saved.png", compress_level=0)
    Image.new("RGB", (64, 64), "black").save(folder / "black.png")
    pixels = np.random.default_rng(0).integers(60, 200, (4, 4, 3), np.uint8)
    Image.fromarray(pixels).save(folder / "tiny.png")
    Image.fromarray(pixels).save(folder / "tiny_saved.png", compress_level=0)
    Image.fromarray(pixels + 1).save(folder / "tiny_brighter.png")
    with Collection.create(tmp_path / "collection", images=folder, backbone=None) as collection:
        collection.prepare()
        found = collection.duplicates()
    assert found[["path", "kind"]].to_numpy().tolist() == [
        ["tiny.png", "first"],
        ["tiny_saved.png", "exact"],
        ["white.png", "first"],
        ["white_saved.png", "exact"],
    ]


def test_photos_that_cannot_be_read_are_not_compared(twice, photos):
    (photos / "e.png").write_bytes((photos / "c.png").read_bytes()[:3000])
    (photos / "f.png").write_bytes((photos / "c.png").read_bytes()[:3001])
    with Collection.open(twice.folder) as again:
        again.prepare()
        assert {"e.png", "f.png"} <= {out.path for out in again.left_out}
        assert set(again.duplicates()["group"]) == {0, 1}


def test_training_knows_the_duplicates_that_were_found(twice, monkeypatch):
    seen = []
    train = learning.train_classifier

    def watched(*args, together, **options):
        seen.append(together.tolist())
        return train(*args, together=together, **options)

    monkeypatch.setattr(learning, "train_classifier", watched)
    by_path = {path: i for i, path in enumerate(twice.paths)}
    twice.label([by_path["a.png"], by_path["a_cropped.png"], by_path["a_saved.png"]], "a")
    twice.label([by_path["b.png"], by_path["b_40.jpg"], by_path["c.png"], by_path["b_mirrored.png"]], "b")
    twice.train()
    twice.duplicates()
    twice.train()
    a, b, c, mirrored = (by_path[name] for name in ("a.png", "b.png", "c.png", "b_mirrored.png"))
    assert seen[0] == list(range(7))
    assert sorted(seen[1]) == sorted([a, a, a, b, b, c, mirrored])


# --- labelled alike ---------------------------------------------------------------------------------


def ids_of(collection, *names):
    return [collection.paths.index(name) for name in names]


def test_duplicates_get_the_label_of_their_group(twice):
    twice.duplicates()
    twice.label(ids_of(twice, "a_cropped.png"), "a")
    twice.label(ids_of(twice, "c.png"), "c")
    given = twice.label_duplicates()
    assert given.tolist() == sorted(ids_of(twice, "a.png", "a_saved.png"))
    assert set(twice.labels[given]) == {"a"}
    assert twice.origins.loc[given[0], ["gesture", "kind"]].tolist() == ["duplicates", "by hand"]
    assert twice.parts.labels.undo_text == "label 2 duplicates like their group"
    assert twice.label_duplicates().tolist() == []
    twice.undo()
    assert twice.labels[given].isna().all()


def test_a_group_with_two_labels_gives_none(twice):
    twice.duplicates()
    twice.label(ids_of(twice, "a.png"), "a")
    twice.label(ids_of(twice, "a_saved.png"), "other")
    assert twice.label_duplicates().tolist() == []


def test_labels_that_the_model_gave_are_not_given_on(twice):
    twice.duplicates()
    certificate = Certificate(error=0.05, confidence=0.95, checked=100)
    origin = Origin("finish", "certified", certificate)
    twice.parts.labels.assign(ids_of(twice, "a.png"), "a", origin=origin)
    assert twice.label_duplicates().tolist() == []
    twice.label(ids_of(twice, "a_saved.png"), "other")  # a person's label counts, and the model's stays as it is
    assert twice.label_duplicates().tolist() == ids_of(twice, "a_cropped.png")
    assert twice.labels[ids_of(twice, "a.png")[0]] == "a"


def test_what_a_check_said_is_not_overruled(twice):
    first, saved, cropped = ids_of(twice, "a.png", "a_saved.png", "a_cropped.png")
    twice.duplicates()
    twice.draw_spot_check(7)
    for photo in twice.spot_check.waiting:
        twice.answer_spot_check(photo, None, unsure=photo not in (first, cropped))
    assert set(twice.spot_check.none_of_these) == {first, cropped}
    assert twice.label_duplicates().tolist() == []
    twice.label([saved], "a")
    assert twice.label_duplicates().tolist() == []  # the group is “a” and none of the labels
    assert set(twice.spot_check.none_of_these) == {first, cropped}
    twice.label([first], "a")
    assert twice.label_duplicates().tolist() == []
    twice.label([cropped], "a")  # what a person says of the photo itself counts
    assert twice.spot_check.none_of_these == []


def test_duplicates_are_no_gesture_of_their_own(twice):
    a, b, c = ids_of(twice, "a.png", "b.png", "c.png")
    saved, cropped, b_40 = ids_of(twice, "a_saved.png", "a_cropped.png", "b_40.jpg")
    labels, search = twice.parts.labels, twice.parts.duplicates
    of_a, of_b = labels.assign([a, c], "a"), labels.assign([b], "b")
    twice.duplicates()
    assert twice.label_duplicates().tolist() == sorted([saved, cropped, b_40])
    gestures = search.gestures(labels.state.origins)
    assert [gestures[i] for i in (a, c, saved, cropped)] == [of_a] * 4
    assert [gestures[i] for i in (b, b_40)] == [of_b] * 2
    twice.train()
    assert "all photos of a label were selected together: “a”, “b”" in twice.report.reason
    assert twice.report.guess is None


def test_a_group_that_was_labelled_as_one_is_a_gesture(twice):
    labels, search = twice.parts.labels, twice.parts.duplicates
    twice.duplicates()
    a, saved, cropped = ids_of(twice, "a.png", "a_saved.png", "a_cropped.png")
    change = labels.assign([a, saved], "a", origin=duplicates.ALIKE)
    assert search.gestures(labels.state.origins)[[a, saved, cropped]].tolist() == [change, change, 0]
    labels.assign([cropped], "a", origin=duplicates.ALIKE)
    assert search.gestures(labels.state.origins)[[a, saved, cropped]].tolist() == [change] * 3


def test_they_are_labelled_alike_only_once_they_are_known(twice):
    with pytest.raises(CollectionError, match=r"the duplicates are not known yet. Search for them first"):
        twice.label_duplicates()


# --- in the background ------------------------------------------------------------------------------


def test_a_search_in_the_background_says_how_far_it_is(twice):
    search, heard = twice.parts.duplicates, []
    twice.parts.listeners.subscribe(lambda kind, _: heard.append((kind, search.progress)))
    search.start()
    search.join()
    assert {kind for kind, _ in heard} == {"state"}
    assert heard[0][1] == SearchProgress(running=True, phase="searching")
    steps = [now.done for _, now in heard]
    assert steps == sorted(steps)
    last = heard[-1][1]
    assert last == search.progress
    assert (last.running, last.phase, last.done, last.error) == (False, "done", last.total, None)
    assert last.total > 0
    assert len(search.found.ids) == 5


def test_a_search_in_the_background_can_be_cancelled_and_started_again(twice):
    search, started = twice.parts.duplicates, threading.Event()

    def cancel(kind, _):
        if search.progress.done == 0 and search.progress.total:
            started.set()
            search.cancel()

    unsubscribe = twice.parts.listeners.subscribe(cancel)
    search.start()
    search.join()
    assert started.is_set()
    assert (search.progress.running, search.progress.phase, search.found) == (False, "cancelled", None)
    unsubscribe()
    search.start()
    search.join()
    assert search.progress.phase == "done"


def test_a_search_that_is_asked_for_while_another_is_being_cancelled_begins_anew(twice, monkeypatch):
    search, begun, released = twice.parts.duplicates, threading.Event(), threading.Event()
    correlations, join = duplicates.correlations, search.join

    def slow(*args, **options):
        begun.set()
        assert released.wait(300)
        return correlations(*args, **options)

    def wait_for_it(seconds: float | None = None) -> None:
        released.set()
        join(seconds)

    monkeypatch.setattr(duplicates, "correlations", slow)
    monkeypatch.setattr(search, "join", wait_for_it)
    search.start()
    assert begun.wait(300)
    search.cancel()
    search.start()
    search.join()
    assert (search.progress.phase, len(search.found.ids)) == ("done", 5)


def test_a_search_that_fails_says_why(tmp_path, photos):
    with Collection.create(tmp_path / "new", images=photos, backbone=None) as collection:
        collection.parts.duplicates.start()
        collection.parts.duplicates.join()
        progress = collection.parts.duplicates.progress
    assert (progress.running, progress.phase) == (False, "failed")
    assert "none is prepared" in progress.error


def test_closing_stops_a_search(twice, monkeypatch):
    search = twice.parts.duplicates
    begun = threading.Event()
    correlations = duplicates.correlations

    def slow(*args, **options):
        begun.set()
        assert search._cancel.wait(300)
        return correlations(*args, **options)

    monkeypatch.setattr(duplicates, "correlations", slow)
    search.start()
    assert begun.wait(300)
    twice.close()
    assert search.progress.phase == "cancelled"


def test_maps_are_scored_without_the_duplicates_that_were_found(twice, monkeypatch):
    seen = []
    logits, agreement = separating.cross_validated_logits, separating.neighbour_agreement
    monkeypatch.setattr(
        separating,
        "cross_validated_logits",
        lambda *args: seen.append(args[3].tolist()) or logits(*args),
    )
    monkeypatch.setattr(
        separating,
        "neighbour_agreement",
        lambda *args, together: seen.append(together.tolist()) or agreement(*args, together=together),
    )
    a, a_saved, a_cropped, b, b_40, c, mirrored = ids_of(
        twice, *("a.png", "a_saved.png", "a_cropped.png", "b.png", "b_40.jpg", "c.png", "b_mirrored.png")
    )
    for photo in (a, a_saved, a_cropped, c):
        twice.label([photo], "a")
    for photo in (b, b_40, mirrored):
        twice.label([photo], "b")
    twice.duplicates()
    twice.scores()
    assert seen
    assert all(sorted(together) == sorted([a, a, a, b, b, c, mirrored]) for together in seen)
