"""The record of a study: what is written is read again, and a newer database is refused."""

from __future__ import annotations

import pytest

from handlens.errors import ExperimentError
from handlens.experiments.store import SCHEMA, Place, Store, read, written
from tests.experiments.made_studies import combinations_of, make_study


def test_what_is_written_is_read_again(tmp_path):
    combinations = combinations_of({"layers": [[200, 100], [1000, 500]], "ps": [0.0, 0.5]})
    store = make_study(tmp_path, combinations, lambda choices, seed: choices["ps"] + seed, epochs=3)
    runs = store.runs("made")
    assert [read(run["choices"]) for run in runs[::3]] == combinations
    assert [run["value"] for run in runs[:6]] == [0, 1, 2, 0.5, 1.5, 2.5]
    epochs = store.epochs("made", [2])
    assert [row["epoch"] for row in epochs] == [1, 2, 3]
    assert read(epochs[-1]["numbers"])["valid_loss"] == 1
    assert [row["name"] for row in Store(Place.of(tmp_path)).studies()] == ["made"]


def test_nan_and_infinities_are_kept():
    found = read(written({"a": float("nan"), "b": float("-inf"), "é": [1, "x", None, True]}))
    assert found["a"] != found["a"]
    assert found["b"] == float("-inf")
    assert found["é"] == [1, "x", None, True]


def test_a_database_of_a_newer_version_is_refused(tmp_path):
    store = Store(Place.of(tmp_path))
    with store.writing() as connection:
        connection.execute(SCHEMA.update().values(version=2))
    with pytest.raises(ExperimentError, match=r"newer handlens.*version 2.*Update handlens"):
        Store(Place.of(tmp_path))
