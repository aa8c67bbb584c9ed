"""Neighbour embeddings: what is alike lies together, each photo has a place, and the work is followed and ended."""

from __future__ import annotations

import numpy as np
import pytest

from handlens.errors import Cancelled
from handlens.studio import nearest as searching
from handlens.studio import neighbour_embedding as embedding
from handlens.studio.nearest import nearest
from handlens.studio.neighbour_embedding import neighbour_embedding, placed_among, turned
from handlens.studio.projections import neighbour_agreement


def clusters(n, *, d=10, seed=0):
    random = np.random.default_rng(seed)
    codes = np.arange(n) % 3
    return (random.normal(size=(n, d)) + 12 * random.normal(size=(3, d))[codes]).astype(np.float32), codes


@pytest.fixture
def small_sample(monkeypatch):
    monkeypatch.setattr(embedding, "SAMPLE", 60)


def test_an_embedding_keeps_clusters_together():
    z, codes = clusters(60)
    seen = []
    xy = neighbour_embedding(z, seed=0, report=lambda done, total: bool(seen.append((done, total))))
    assert xy.shape == (60, 2)
    assert xy.dtype == np.float32
    assert neighbour_agreement(xy, codes, np.arange(len(codes))) == 1.0
    done = [one for one, _ in seen]
    assert done == sorted(set(done))
    assert {total for _, total in seen} == {500}
    assert 450 < done[-1] <= 500


@pytest.mark.usefixtures("small_sample")
def test_of_many_photos_each_has_a_place_of_its_own_that_gets_better():
    z, codes = clusters(240)
    shown, told = [], []
    xy = neighbour_embedding(z, seed=0, show=shown.append, report=lambda *of: bool(told.append(of)))
    assert np.isfinite(xy).all()
    assert len(np.unique(xy, axis=0)) == 240
    assert neighbour_agreement(xy, codes, np.arange(len(codes))) == 1.0
    assert [places.shape for places in shown] == [(240, 2)] * 6
    assert neighbour_agreement(shown[0], codes, np.arange(len(codes))) == 1.0
    done = [one for one, _ in told]
    assert done == sorted(done)
    assert {total for _, total in told} == {500 + 300}
    assert done[-1] == 800


@pytest.mark.usefixtures("small_sample")
def test_the_same_seed_gives_the_same_places():
    z, _ = clusters(150)
    one, two = (neighbour_embedding(z, seed=3) for _ in range(2))
    np.testing.assert_array_equal(one, two)


@pytest.mark.usefixtures("small_sample")
def test_what_began_goes_on_from_where_it_was(monkeypatch):
    z, codes = clusters(240)
    start = neighbour_embedding(z, seed=0)
    start[200:] = np.nan
    monkeypatch.delattr(embedding, "_arranged")  # no sample is arranged
    xy = neighbour_embedding(z, seed=0, start=start)
    assert neighbour_agreement(xy, codes, np.arange(len(codes))) == 1.0
    assert np.corrcoef(xy[:200].ravel(), start[:200].ravel())[0, 1] > 0.5  # not turned


@pytest.mark.usefixtures("small_sample")
@pytest.mark.parametrize("after", [0, 1, 100, 505, 650])
def test_an_embedding_can_be_cancelled_at_every_step(after):
    z, _ = clusters(150)
    told = []

    def report(done, total):
        told.append(done)
        return done >= after

    with pytest.raises(Cancelled):
        neighbour_embedding(z, seed=0, report=report)
    assert sum(done >= after for done in told) <= 2  # it stops at once


@pytest.mark.parametrize("n", [1, 2, 5, 8, 9])
def test_embeddings_of_a_few(n):
    z = np.random.default_rng(0).normal(size=(n, 12)).astype(np.float32)
    xy = neighbour_embedding(z, seed=0)
    assert xy.shape == (n, 2)
    assert np.isfinite(xy).all()


@pytest.mark.usefixtures("small_sample")
@pytest.mark.parametrize("n", [20, 100])
def test_an_embedding_of_photos_that_are_all_alike(n):
    xy = neighbour_embedding(np.zeros((n, 6), np.float32), seed=0)
    assert xy.shape == (n, 2)
    assert np.isfinite(xy).all()


def test_a_place_among_others_is_the_median_of_the_five_nearest():
    z = np.array([[0], [1], [2], [3], [4], [90], [1.6]], np.float32)
    places = np.array([[0, 5], [1, 4], [2, 3], [3, 2], [9, 1], [50, 50], [np.nan, np.nan]], np.float32)
    found = placed_among(z, places, seed=0)
    np.testing.assert_array_equal(found[:6], places[:6])
    assert found[6].tolist() == [2, 3]
    np.testing.assert_array_equal(placed_among(z, found, seed=0), found)


def test_turned_places_by_hand():
    here = np.array([[0, 0], [2, 0], [2, 1], [5, 5]], np.float32)
    like = np.array([[0, 0], [0, 2], [-1, 2], [np.nan, np.nan]], np.float32)  # a quarter to the left
    assert turned(here, like) == pytest.approx(np.array([[0, 0], [0, 2], [-1, 2], [-5, 5]]), abs=1e-5)


def brute_force(z, k, others):
    distance = ((z[:, None].astype(np.float64) - others[None]) ** 2).sum(2)
    if others is z:
        np.fill_diagonal(distance, np.inf)
    return np.sort(np.argsort(distance, axis=1)[:, :k], axis=1)


@pytest.mark.parametrize("n", [7, 300, 2500])
def test_the_nearest_of_a_few_are_exact(n):
    random = np.random.default_rng(n)
    z, others = random.normal(size=(n, 4)).astype(np.float32), random.normal(size=(n + 1, 4)).astype(np.float32)
    np.testing.assert_array_equal(np.sort(nearest(z, 5, seed=0), axis=1), brute_force(z, 5, z))
    np.testing.assert_array_equal(np.sort(nearest(z, 5, seed=0, among=others), axis=1), brute_force(z, 5, others))


def test_the_nearest_of_many_are_found_in_cells(monkeypatch):
    monkeypatch.setattr(searching, "EXACT_TO", 1000)
    monkeypatch.setattr(searching, "_CELL", 25)
    z, _ = clusters(3000, d=6)
    shares = []
    found = np.sort(nearest(z, 10, seed=0, step=shares.append), axis=1)
    exact = brute_force(z, 10, z)
    assert np.mean([len(set(a) & set(b)) / 10 for a, b in zip(found, exact, strict=True)]) > 0.9
    assert shares == sorted(shares)
    assert shares[-1] == 1
    assert (found != np.arange(3000)[:, None]).all()
    np.testing.assert_array_equal(found, np.sort(nearest(z, 10, seed=0), axis=1))
    among = np.sort(nearest(z[:200], 10, seed=0, among=z), axis=1)
    assert (among == np.arange(200)[:, None]).any(1).all()  # each is its own nearest there


def test_cells_with_too_few_points_are_not_enough(monkeypatch):
    monkeypatch.setattr(searching, "EXACT_TO", 10)
    monkeypatch.setattr(searching, "_CELL", 1)
    monkeypatch.setattr(searching, "_PROBED", 1)
    z = np.repeat(np.arange(5, dtype=np.float32), 20)[:, None]  # equal points leave cells empty
    found = nearest(z, 30, seed=0)
    assert found.shape == (100, 30)
    assert all(len(set(row)) == 30 for row in found)


def test_what_a_step_raises_ends_the_search():
    def stop(share):
        raise Cancelled("enough.")

    with pytest.raises(Cancelled, match="enough"):
        nearest(np.zeros((10, 2), np.float32), 3, seed=0, step=stop)
