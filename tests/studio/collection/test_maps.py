"""Layers, their projections and where the photos lie on them."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from handlens.errors import Cancelled, CollectionError, StorageError, TrainingError
from handlens.studio.collection import Collection
from handlens.studio.projections import LABELS, NEIGHBOURS, SEPARATE, TITLES

CIRCLES, SQUARES = np.arange(20), np.arange(20, 40)
WHERE = "patches/coarse/where"


def test_layers_and_projections(collection, label_some):
    assert [layer.id for layer in collection.layers] == [
        f"patches/{stage}/{pooling}" for stage in ("fine", "medium", "coarse") for pooling in ("what", "where")
    ]
    assert collection.projections(WHERE) == ["pca-1-2", "pca-3-4", "pca-5-6", NEIGHBOURS]
    label_some(collection)
    assert collection.projections(WHERE)[4:] == [LABELS]
    collection.separate(["circle", "square"])
    assert collection.projections(WHERE)[4:] == [LABELS, SEPARATE]
    assert set(collection.projections(WHERE)) <= set(TITLES)


def test_maps_are_by_id_and_framed(collection, label_some):
    label_some(collection)
    for layer in collection.layers:
        for projection in collection.projections(layer):
            if projection == NEIGHBOURS and layer.id != WHERE:
                continue  # takes longest, and is the same for each
            xy = collection.map(layer, projection)
            assert xy.shape == (40, 2)
            assert xy.dtype == np.float32
            assert (np.abs(xy) <= 1.0001).all()
    # PCA by hand: standardised features of photo 7 on the first two components.
    layers, rows = collection.parts.layers, collection.parts.photos.register.rows
    x = layers.maps_of(layers.get(WHERE)).raw().at(rows)
    z = (x - x.mean(0)) / np.where(x.std(0) > 1e-6 * x.std(0).max(), x.std(0), np.inf)
    u, s, _ = np.linalg.svd(z, full_matrices=False)
    plane = u[:, :2] * s[:2]
    xy = collection.map(WHERE, "pca-1-2")
    for k in range(2):
        assert abs(np.corrcoef(plane[:, k], xy[:, k])[0, 1]) > 0.999


def test_unknown_layers_and_projections(collection):
    with pytest.raises(CollectionError, match="layer must be one of: patches/fine/what"):
        collection.map("nope", "pca-1-2")
    with pytest.raises(CollectionError, match="projection must be one of pca-1-2"):
        collection.map(WHERE, "nope")
    with pytest.raises(TrainingError, match="Label photos of two kinds"):
        collection.map(WHERE, LABELS)


def test_the_separating_map_follows_the_labels(collection, label_some):
    label_some(collection)
    first = collection.map(WHERE, LABELS)
    gap = abs(first[CIRCLES, 0].mean() - first[SQUARES, 0].mean())
    assert gap > first[CIRCLES, 0].std() + first[SQUARES, 0].std()
    collection.label(np.arange(6), "square")
    collection.label(np.arange(20, 26), "circle")
    assert not np.allclose(collection.map(WHERE, LABELS), first)


def test_the_map_stays_while_new_photos_come(folder, draw_photo):
    draw_photo(folder / "photos" / "circles" / "new.png", kind="circle", seed=99)
    with Collection.open(folder) as collection:
        assert np.isfinite(collection.map(WHERE, "pca-1-2")[:, 0]).sum() == 40
        collection.prepare()
        assert np.isfinite(collection.map(WHERE, "pca-1-2")[:, 0]).sum() == 41


def test_neighbours_can_be_cancelled_and_are_computed_when_asked_again(collection):
    stop, steps = threading.Event(), []

    def progress(done: int, total: int) -> None:
        steps.append((done, total))
        if done >= 10:
            stop.set()

    with pytest.raises(Cancelled):
        collection.map(WHERE, NEIGHBOURS, progress=progress, cancel=stop)
    assert steps == [(0, 500), (1, 500), (5, 500), (10, 500)]
    assert not collection.parts.layers.maps_of(collection.parts.layers.get(WHERE)).has_neighbours
    assert np.isfinite(collection.map(WHERE, NEIGHBOURS)).all()
    stop.set()
    assert np.isfinite(collection.map(WHERE, NEIGHBOURS, cancel=stop)).all()  # it is computed already


@pytest.fixture
def small_sample(monkeypatch):
    monkeypatch.setattr("handlens.studio.neighbour_embedding.SAMPLE", 20)


@pytest.mark.usefixtures("small_sample")
def test_neighbours_are_shown_before_they_are_done(collection):
    maps, layer = collection.parts.maps, collection.parts.layers.get(WHERE)
    over, better = threading.Event(), []

    def heard(kind, payload):
        if kind == "map":
            better.append((payload["layer"], payload["projection"]))
            if len(better) == 7:
                over.set()

    collection.parts.listeners.subscribe(heard)
    assert np.isfinite(maps.so_far(WHERE, NEIGHBOURS)).all()
    assert over.wait(300)
    assert better == [(WHERE, NEIGHBOURS)] * 7
    done = collection.parts.layers.maps_of(layer)
    assert done.has_neighbours
    np.testing.assert_array_equal(maps.so_far(WHERE, NEIGHBOURS), collection.map(WHERE, NEIGHBOURS))


@pytest.mark.usefixtures("small_sample")
def test_a_map_that_cannot_be_kept_says_so(collection, monkeypatch):
    from handlens.studio import layer_maps

    def full(*_args, **_more):
        raise StorageError("the disk is full; nothing was written.")

    said = threading.Event()
    collection.parts.listeners.subscribe(lambda kind, _payload: said.set() if kind == "state" else None)
    with monkeypatch.context() as there:
        there.setattr(layer_maps, "write_checked", full)
        collection.parts.maps.so_far(WHERE, NEIGHBOURS)  # the first view is shown from memory, or what failed is raised
        assert said.wait(300)
    fault = f"The map of neighbours of {WHERE} is not finished: the disk is full; nothing was written."
    assert fault in collection.notices
    assert np.isfinite(collection.map(WHERE, NEIGHBOURS)).all()
    assert fault not in collection.notices


@pytest.mark.usefixtures("small_sample")
def test_what_was_arranged_before_cancelling_is_kept_on_disk(folder, collection):
    stop = threading.Event()
    with pytest.raises(Cancelled):
        collection.map(WHERE, NEIGHBOURS, progress=lambda done, _: stop.set() if done > 600 else None, cancel=stop)
    layer = collection.parts.layers.get(WHERE)
    reached = collection.parts.layers.maps_of(layer).neighbours_so_far
    collection.close()
    with Collection.open(folder) as again:
        maps = again.parts.layers.maps_of(again.parts.layers.get(WHERE))
        assert not maps.has_neighbours
        np.testing.assert_array_equal(maps.neighbours_so_far, reached)
        told = []
        again.map(WHERE, NEIGHBOURS, progress=lambda done, total: told.append(total))
        assert set(told) == {300}  # the sample is not arranged again
        assert maps.has_neighbours


def test_new_photos_get_a_place_among_the_others(folder, collection, draw_photo):
    before = collection.map(WHERE, NEIGHBOURS)
    collection.close()
    draw_photo(folder / "photos" / "circles" / "new.png", kind="circle", seed=99)
    with Collection.open(folder) as again:
        again.prepare()
        told = []
        after = again.map(WHERE, NEIGHBOURS, progress=lambda *of: told.append(of))
        assert told == []  # nothing is arranged again
        assert np.isfinite(after).all()
        moved = np.linalg.norm(after[:40] - before, axis=1)
        assert moved.max() < 0.1  # but for the frame
        near = np.linalg.norm(after[:40] - after[40], axis=1).argsort()[:3]
        assert np.isin(near, CIRCLES).sum() >= 2


def test_a_damaged_map_is_made_again(folder, collection):
    collection.map(WHERE, NEIGHBOURS)
    collection.close()
    for file in (folder / "cache").glob("neighbours-*.places"):
        file.write_bytes(file.read_bytes()[:-9])
    with Collection.open(folder) as again:
        assert not again.parts.layers.maps_of(again.parts.layers.get(WHERE)).has_neighbours
        assert np.isfinite(again.map(WHERE, NEIGHBOURS)).all()


def test_a_map_of_principal_components_is_computed_once_until_photos_change(collection):
    maps = collection.parts.layers.maps_of(collection.layers[0])
    first = maps.rows_of("pca-1-2")
    assert maps.rows_of("pca-1-2") is first
    assert not first.flags.writeable
    assert maps.rows_of("pca-3-4").tolist() != first.tolist()
    again = maps.rows_of("pca-1-2")
    assert again is not first
    assert again.tolist() == first.tolist()
    maps.forget()
    assert maps.rows_of("pca-1-2") is not again
