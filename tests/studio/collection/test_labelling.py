"""Labels as a collection hands them out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd

from handlens.studio.origins import Certificate, Origin


def test_labels_by_id(collection):
    heard = []
    stop = collection.parts.listeners.subscribe(lambda kind, payload: heard.append((kind, payload)))
    collection.label([3, 1], "a")
    collection.label(pd.Index([5]), "b")
    collection.rename("b", "c")
    assert collection.labels.dropna().to_dict() == {1: "a", 3: "a", 5: "c"}
    assert collection.labels.name == "label"
    assert collection.label_names == ["a", "c"]
    assert [(i.name, i.count) for i in collection.parts.labels.table] == [("a", 2), ("c", 1)]
    collection.merge(["a", "c"], "all")
    collection.unlabel([1])
    assert collection.undo()
    assert collection.undo()
    assert collection.redo()
    assert collection.labels.dropna().to_dict() == {1: "all", 3: "all", 5: "all"}
    collection.delete("all")
    assert collection.labels.isna().all()
    assert [payload["version"] for kind, payload in heard if kind == "labels"] == list(range(1, 10))[: len(heard)]
    stop()
    collection.label([0], "x")
    assert len(heard) == 9
    assert collection.parts.labels.state.names == ["x"]


def test_origins_of_all_photos_by_id(collection):
    assert collection.origins[["label", "gesture", "kind", "at", "error", "confidence", "by"]].isna().all(axis=None)
    labels = collection.parts.labels
    labels.assign([3, 1], "a", origin=Origin("lasso", "by hand"))
    labels.assign([5], "b", origin=Origin("finish", "certified", Certificate(error=0.05, confidence=0.95, checked=30)))
    collection.label([1, 7], "b")
    collection.merge(["a"], "c")
    found = collection.origins
    assert found.columns.tolist() == ["path", "label", "gesture", "kind", "at", "error", "confidence", "by"]
    assert found.index.name == "id"
    assert found["path"].tolist() == collection.paths
    pd.testing.assert_series_equal(found["label"], collection.labels)
    known = found.dropna(subset="label")
    assert known["label"].to_dict() == {1: "b", 3: "c", 5: "b", 7: "b"}
    assert known["gesture"].to_dict() == {1: "call", 3: "lasso", 5: "finish", 7: "call"}
    assert known["kind"].to_dict() == {1: "by hand", 3: "by hand", 5: "certified", 7: "by hand"}
    np.testing.assert_array_equal(known["error"], [np.nan, np.nan, 0.05, np.nan])
    np.testing.assert_array_equal(known["confidence"], [np.nan, np.nan, 0.95, np.nan])
    assert found["at"].dtype == "datetime64[us, UTC]"
    assert (abs(known["at"] - datetime.now(UTC)) < timedelta(minutes=10)).all()
    assert known["at"][1] == known["at"][7] >= known["at"][5]
    assert found.drop(index=known.index).drop(columns="path").isna().all(axis=None)
