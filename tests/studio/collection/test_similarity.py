"""Photos like others."""

from __future__ import annotations

import numpy as np
import pytest

from handlens.errors import CollectionError
from handlens.studio.projections import LABELS

CIRCLES, SQUARES = np.arange(20), np.arange(20, 40)
WHERE = "patches/coarse/where"


@pytest.mark.parametrize("projection", [None, "pca-1-2", LABELS])
def test_similar_is_what_a_loop_finds(collection, projection, label_some):
    label_some(collection)
    ids = [2, 30, 7]
    found = collection.similar(ids, layer=WHERE, projection=projection)
    raw = (
        collection.parts.layers.maps_of(collection.parts.layers.get(WHERE))
        .raw()
        .at(collection.parts.photos.register.rows)
        .astype(np.float64)
    )
    deviation = raw.std(0)
    z = (raw - raw.mean(0)) / np.where(deviation > 1e-6 * deviation.max(), deviation, np.inf)
    centre = z[ids].mean(0)
    squared = {i: float(((z[i] - centre) ** 2).mean()) for i in range(40)}
    if projection:
        xy = collection.map(WHERE, projection).astype(np.float64)
        spread = ((xy - xy.mean(0)) ** 2).sum(1).mean()
        squared = {i: (squared[i] + ((xy[i] - xy[ids].mean(0)) ** 2).sum() / spread) / 2 for i in squared}
    labelled = {i: not isinstance(collection.labels[i], str) for i in range(40)}
    expected = sorted((i for i in range(40) if i not in ids), key=lambda i: (not labelled[i], squared[i]))
    assert found["id"].tolist() == expected
    assert found["distance"].to_numpy() == pytest.approx([np.sqrt(squared[i]) for i in expected], abs=1e-3)
    assert found["path"].tolist() == [collection.paths[i] for i in expected]
    assert collection.similar(ids, layer=WHERE, projection=projection, k=4)["id"].tolist() == expected[:4]


def test_similar_finds_shapes(collection):
    assert (collection.similar(CIRCLES[:5], layer=WHERE, k=10)["id"] < 20).mean() > 0.8


def test_spread_puts_the_odd_one_first(collection):
    found = collection.spread([*CIRCLES[:8], 33], layer=WHERE)
    assert found["id"].tolist()[0] == 33
    assert sorted(found["id"]) == [*range(8), 33]
    assert (np.diff(found["distance"]) <= 0).all()


@pytest.mark.parametrize("ids", [[], [40], [-1], [0.5], [[1]]])
def test_similar_to_nothing(collection, ids):
    with pytest.raises(CollectionError):
        collection.similar(ids, layer=WHERE)
