from __future__ import annotations

import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from handlens.audit.explanations import feature_moves, nearest_labelled
from handlens.audit.review import ReviewQueue
from handlens.errors import AuditError


def test_features_that_moved_a_prediction_by_hand() -> None:
    background = pd.DataFrame({"a": [1, 2, 9], "b": [0.0, 0.0, 4.0], "c": ["u", "v", "v"]})
    moves = feature_moves(
        lambda df: 2 * df["a"] + df["b"] + 10 * (df["c"] == "u"), {"a": 5, "b": 1.0, "c": "u", "id": 7}, background
    )
    # 2·5 + 1 + 10 = 21; with a = 2: 15, with b = 0: 20, with c = v: 11.
    assert moves["feature"].tolist() == ["c", "a", "b"]
    assert moves["value"].tolist() == ["u", 5, 1]
    assert moves["typical"].tolist() == ["v", 2, 0]
    assert moves["change"].tolist() == [10.0, 6.0, 1.0]


def test_features_of_a_tabular_learner(tmp_path: Path) -> None:
    from handlens.tabular import Categorify, Normalize, TabularList, tabular_learner

    df = pd.DataFrame({"c": ["u", "v"] * 8, "x": np.arange(16.0), "y": ["n", "y"] * 8})
    rows = TabularList.from_df(df, cat_names=["c"], cont_names=["x"], procs=[Categorify, Normalize])
    learn = tabular_learner(rows.split_by_idx([0, 1]).label_from_df("y").databunch(bs=4), layers=[4], seed=0)

    def probability(rows: pd.DataFrame) -> pd.Series:
        return learn.predict_frame(rows)["probability of y"]

    moves = feature_moves(probability, df.iloc[0], df[["c", "x"]])
    assert set(moves["feature"]) == {"c", "x"}
    changed = df.iloc[[0]].assign(x=7.5)
    expected = float(probability(df.iloc[[0]]).iloc[0] - probability(changed).iloc[0])
    assert moves.set_index("feature")["change"]["x"] == pytest.approx(expected, abs=1e-6)
    with ReviewQueue(tmp_path / "review.sqlite") as queue:
        case = queue.add("row 0", {"y": 0.5}, explanation=moves)
        assert case is not None
        assert {line["feature"] for line in case.explanation} == {"c", "x"}


def test_bad_rows_and_predictors_get_a_sentence() -> None:
    background = pd.DataFrame({"a": [1, 2]})
    for row, predict, says in [
        ({"b": 1}, lambda df: df["a"], "row must have every column of background; missing: \\['a'\\]"),
        (background, lambda df: df["a"], "row must be one row; a frame of 2"),
        ({"a": 1}, lambda df: np.zeros((2, 2)), "predict must return a finite number for each of 2 rows"),
        ({"a": 1}, lambda df: [np.nan, 1.0], "predict must return a finite number"),
        ({"a": 1}, lambda df: ["x", "y"], "predict must return a finite number"),
    ]:
        with pytest.raises(AuditError, match=says):
            feature_moves(predict, row, background)  # type: ignore[arg-type]
    with pytest.raises(AuditError, match="background must be a frame"):
        feature_moves(lambda df: df["a"], {"a": 1}, pd.DataFrame({"a": []}))


def test_the_nearest_labelled_cases() -> None:
    features = [[0, 0], [3, 4], [1, 0], [0, 2]]
    found = nearest_labelled(features, ["a", "b", None, "c"], [0, 0], k=2, references=["w", "x", "y", "z"])
    assert found.to_dict("list") == {"reference": ["w", "z"], "label": ["a", "c"], "distance": [0.0, 2.0]}
    assert nearest_labelled(features, ["a", "b", None, "c"], [0, 0], k=9)["reference"].tolist() == [0, 3, 1]


@pytest.mark.parametrize(
    ("arguments", "options", "says"),
    [
        (([1, 2], ["a", "b"], [1]), {}, r"features must be numbers \[N, D\]"),
        (([["a"]], ["a"], [1]), {}, r"features must be numbers \[N, D\]"),
        (([[1]], ["a"], [1, 2]), {}, "query must have as many numbers"),
        (([[np.nan]], ["a"], [1]), {}, "features must be finite"),
        (([[1]], ["a", "b"], [1]), {}, "labels must be as many"),
        (([[1]], ["a"], [1]), {"references": []}, "references must be as many"),
        (([[1]], [None], [1]), {}, "labels must hold at least one label"),
        (([[1]], ["a"], [1]), {"k": 0}, "k must be a whole number"),
    ],
)
def test_bad_features_get_a_sentence(arguments: tuple, options: dict[str, object], says: str) -> None:
    with pytest.raises(AuditError, match=says):
        nearest_labelled(*arguments, **options)


VALUES = {
    "nan": (float("nan"), None),
    "None": (None, None),
    "pd.NA": (pd.NA, None),
    "NaT": (pd.NaT, None),
    "infinity": (float("inf"), "inf"),
    "numpy": (np.float32(0.5), 0.5),
    "numpy nan": (np.float32("nan"), None),
    "boolean": (np.bool_(True), True),
    "large": (np.uint64(2**64 - 1), 2**64 - 1),
    "decimal": (Decimal("0.5"), 0.5),
    "decimal nan": (Decimal("NaN"), None),
    "timestamp": (pd.Timestamp("2024-01-02", tz="UTC"), "2024-01-02T00:00:00+00:00"),
    "date": (datetime.date(2024, 1, 2), "2024-01-02"),
    "time": (datetime.time(12), "12:00:00"),
    "numpy date": (np.datetime64("2024-01-02"), "2024-01-02"),
    "duration": (pd.Timedelta(1, "D"), "1 days 00:00:00"),
    "period": (pd.Period("2024-01"), "2024-01"),
    "interval": (pd.Interval(0, 1), "(0, 1]"),
    "bytes": (b"x", "b'x'"),
    "half a character": ("a\ud800", "a\\ud800"),
    "path": (Path("a/b"), str(Path("a/b"))),
    "list": ([1, float("nan")], [1, None]),
    "array": (np.array([1.5, np.nan]), [1.5, None]),
    "mapping": ({1: float("nan")}, {"1": None}),
    "set": ({1}, "{1}"),
    "complex": (1 + 2j, "(1+2j)"),
}


@pytest.mark.parametrize("kind", VALUES)
def test_t5_any_value_of_a_frame_survives_in_the_queue(tmp_path: Path, kind: str) -> None:
    value, kept = VALUES[kind]
    frame = pd.DataFrame({"feature": ["a"], "value": pd.Series([value], dtype=object)})
    with ReviewQueue(tmp_path / "review.sqlite") as queue:
        case = queue.add("r", {"x": 0.5}, explanation=frame, nearest=frame)
        assert case is not None
        assert case.explanation == case.nearest == [{"feature": "a", "value": kept}]
    with ReviewQueue(tmp_path / "review.sqlite") as queue:
        queue.verify()
        assert queue.case(1).explanation == [{"feature": "a", "value": kept}]


def test_t5_a_row_with_missing_values_is_explained_and_queued(tmp_path: Path) -> None:
    background = pd.DataFrame(
        {
            "n": [1.0, 2.0, 3.0],
            "s": ["x", "y", "x"],
            "d": pd.to_datetime(["2020-01-01"] * 3),
            "b": [True, False, True],
            "c": pd.Categorical(["u", "v", "u"]),
            "i": [2**53 + 1, 2**53 + 3, 2**53 + 3],
        }
    )
    for missing in (None, float("nan"), pd.NA):
        seen: list[pd.DataFrame] = []

        def predict(rows: pd.DataFrame, seen: list[pd.DataFrame] = seen) -> np.ndarray:
            seen.append(rows)
            return np.arange(len(rows), dtype=float)

        moves = feature_moves(predict, dict.fromkeys(background, missing), background)
        assert seen[0].iloc[0].isna().all()
        assert seen[0]["i"].tolist()[6] == 2**53 + 3  # its typical value, exactly
        with ReviewQueue(tmp_path / "review.sqlite") as queue:
            case = queue.add(str(missing), {"x": 0.5}, explanation=moves)
            assert case is not None
            assert [row["value"] for row in case.explanation] == [None] * 6
            nested = queue.add(f"nested {missing}", {"x": 0.5}, explanation={"rows": [{"value": missing}]})
            assert nested is not None
            assert nested.explanation == {"rows": [{"value": None}]}


def test_t3_an_identifier_is_explained_as_it_is() -> None:
    background = pd.DataFrame({"id": [2**53 + 1, 2**53 + 3, 2**53 + 4]})
    seen: list[int] = []
    feature_moves(lambda rows: (seen.extend(rows["id"]), np.zeros(len(rows)))[1], {"id": 2**53 + 1}, background)
    assert seen == [2**53 + 1, 2**53 + 3]


def test_t5_a_level_that_the_background_does_not_have_is_explained() -> None:
    background = pd.DataFrame({"c": pd.Categorical(["u", "v", "u"])})
    moves = feature_moves(lambda rows: (rows["c"] == "new").to_numpy(float), {"c": "new"}, background)
    assert moves.to_dict("records") == [{"feature": "c", "value": "new", "typical": "u", "change": 1.0}]


@pytest.mark.parametrize("row", [None, [1], 5])
def test_t9_a_row_that_is_none_is_named(row: Any) -> None:
    with pytest.raises(AuditError, match="row must be a mapping by column name"):
        feature_moves(len, row, pd.DataFrame({"a": [1]}))
    with pytest.raises(AuditError, match="background must have distinct column names"):
        feature_moves(len, {"a": 1}, pd.DataFrame([[1, 2]], columns=["a", "a"]))
