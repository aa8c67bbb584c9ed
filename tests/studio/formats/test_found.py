"""What importers give."""

from __future__ import annotations

from datetime import UTC, datetime

import pandas as pd
import pytest

from handlens.errors import ImportProblem
from handlens.studio.formats import importers
from handlens.studio.formats.found import COLUMNS, FoundLabel, FoundLabels, Unreadable, chosen


def test_statements_become_a_table():
    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    found = FoundLabels.of(
        "COCO",
        "labels.json",
        [
            FoundLabel("a.jpg", "cat", "annotation 1", (0.1, 0.2, 0.3, 0.4), by="Ann", at=at, picture=(640, 480)),
            FoundLabel("b.jpg", None, "annotation 2"),
        ],
        problems=[Unreadable("annotation 3", "has no category")],
        choices={"names": ["a", "b"]},
    )
    assert tuple(found.labels.columns) == COLUMNS
    first = ["a.jpg", "cat", "annotation 1", 0.1, 0.2, 0.3, 0.4, "Ann", pd.Timestamp(at), 640, 480]
    assert found.labels.loc[0].tolist() == first
    assert found.labels.loc[1, ["photo", "label", "by"]].tolist() == ["b.jpg", None, None]
    assert found.labels.loc[1, ["x", "y", "width", "height", "at", "picture_width", "picture_height"]].isna().all()
    assert found.problems.values.tolist() == [["annotation 3", "has no category"]]
    assert found.choices == {"names": ["a", "b"]}


def test_a_file_without_statements_has_an_empty_table_of_the_same_kinds():
    empty, one = FoundLabels.of("CSV", "a.csv", []), FoundLabels.of("CSV", "a.csv", [FoundLabel("a", "b", "line 2")])
    assert tuple(empty.labels.columns) == COLUMNS
    assert len(empty.labels) == len(empty.problems) == 0
    assert empty.labels.dtypes.tolist() == one.labels.dtypes.tolist()


def test_what_was_chosen_comes_first():
    offered = {"label_column": ["a", "b", "c"], "encoding": ["utf-8"]}
    assert chosen({}, offered, format="CSV") == offered
    assert chosen({"label_column": "c"}, offered, format="CSV") == {
        "label_column": ["c", "a", "b"],
        "encoding": ["utf-8"],
    }


def test_a_choice_that_is_not_offered_is_refused():
    with pytest.raises(ImportProblem, match="label_column must be one of a, b; 'c' arrived"):
        chosen({"label_column": "c"}, {"label_column": ["a", "b"]}, format="CSV")
    with pytest.raises(ImportProblem, match="importing CSV offers these choices: a; b arrived"):
        chosen({"b": "c"}, {"a": ["c"]}, format="CSV")
    with pytest.raises(ImportProblem, match="importing Pascal VOC offers no choices; b arrived"):
        chosen({"b": "c"}, {}, format="Pascal VOC")


def test_each_importer_has_what_is_asked_of_importers():
    for name, importer in importers().items():
        assert importer.name == name
        assert importer.title
        assert all(ending == ending.lower() and ending[0] in "./" for ending in importer.endings)
