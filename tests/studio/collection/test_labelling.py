"""Labels as a collection hands them out."""

from __future__ import annotations

import pandas as pd


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
