"""Tables of predictions: every column has a name of its own, whatever classes and targets are called."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from handlens.core.items import ItemList
from handlens.core.labels import CategoryList, FloatList, LabelList, MultiCategoryList
from handlens.core.predictions import (
    check_prediction_columns,
    class_predictions_frame,
    photo_predictions_frame,
    predictions_frame,
)
from handlens.errors import DataError

NAN = float("nan")


def test_classes_of_rows_by_hand() -> None:
    y = CategoryList(pd.Series(["b", "a"], name="kind"))
    table = predictions_frame(y, torch.tensor([[0.25, 0.75], [0.5, 0.5]]), index=pd.Index([7, 7]))
    assert table.columns.tolist() == ["kind", "probability of a", "probability of b"]
    assert table.index.tolist() == [7, 7]
    assert table["kind"].tolist() == ["b", "a"]
    assert table["probability of b"].tolist() == [0.75, 0.5]


def test_numbers_of_rows_are_on_the_scale_of_the_labels() -> None:
    one = FloatList(pd.Series([1.0, 2.0], name="x"), log=True)
    assert predictions_frame(one, torch.tensor([0.0, np.log(3.0)]))["x"].tolist() == pytest.approx([1, 3])
    two = FloatList(pd.DataFrame({"x": [1.0], "y": [2.0]}))
    table = predictions_frame(two, torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
    assert table.to_dict("list") == {"x": [1.0, 3.0], "y": [2.0, 4.0]}
    empty = predictions_frame(two, torch.empty(0, 2))
    assert (len(empty), empty.dtypes.tolist()) == (0, [float, float])


@pytest.mark.parametrize("delimited", [False, True])
def test_any_number_of_classes_a_row(delimited: bool) -> None:
    columns = MultiCategoryList(pd.DataFrame({"hot": [1, 0], "far": [0, 1]}))
    named = MultiCategoryList(pd.Series(["hot", "far"], name="tags"), label_delim=" ", classes=["hot", "far"])
    table = predictions_frame(named if delimited else columns, torch.tensor([[0.75, 0.25]]))
    assert table.columns.tolist() == ["hot", "far", "probability of hot", "probability of far"]
    assert table.iloc[0].tolist() == [True, False, 0.75, 0.25]


def test_a_row_a_photo_by_hand() -> None:
    # The classes are called like the fixed columns; none collides.
    classes = ["path", "predicted", "probability", "reason", "label", "probability of path"]
    p = np.eye(6, dtype=np.float32)[[4, 5, 0]]
    p[1] = NAN
    table = class_predictions_frame(["a.jpg", "b.jpg", "c.jpg"], classes, p, reasons=["", "not a picture", ""])
    assert table.columns.tolist() == [
        *("path", "predicted", "probability"),
        *(f"probability of {name}" for name in classes),
        "reason",
    ]
    assert table["path"].tolist() == ["a.jpg", "b.jpg", "c.jpg"]
    assert table["predicted"].fillna("none").tolist() == ["label", "none", "path"]
    assert table["probability"].fillna(-1).tolist() == [1, -1, 1]
    assert table["probability of path"].fillna(-1).tolist() == [0, -1, 1]
    assert table["reason"].tolist() == ["", "not a picture", ""]


def test_nothing_read_and_nothing_there_have_the_same_columns() -> None:
    whole = class_predictions_frame(["a"], ["x", "y"], np.array([[0.25, 0.75]], np.float32))
    for n in (0, 2):
        table = class_predictions_frame(["a"] * n, ["x", "y"], np.full((n, 2), NAN, np.float32))
        assert table.columns.tolist() == whole.columns.tolist()
        assert len(table) == n
        assert table["predicted"].isna().all()


@pytest.mark.parametrize(
    ("y", "columns", "row"),
    [
        (CategoryList([3, 7]), ["predicted", "probability", "probability of 3", "probability of 7"], [7, 0.75]),
        (CategoryList([False, True]), ["predicted", "probability", "probability of False"], [True, 0.75]),
        (FloatList(pd.Series([1.0], name="reason")), ["predicted"], [0.25]),
        (FloatList(pd.DataFrame({"path": [1.0], "reason": [1.0]})), ["predicted path", "predicted reason"], [0.25]),
        (
            MultiCategoryList(pd.DataFrame({"path": [1], "b": [0]})),
            ["predicted path", "predicted b", "probability of path"],
            [False, True, 0.25],
        ),
        (MultiCategoryList(pd.DataFrame({"path": [1]})), ["predicted path", "probability of path"], [False, 0.25]),
    ],
)
def test_photos_of_every_kind_of_label(y: LabelList, columns: list[str], row: list[Any]) -> None:
    values = torch.tensor([[0.25, 0.75], [NAN, NAN]])[:, : y.c]
    table = photo_predictions_frame(["a", "b"], y, values[:, 0] if values.shape[1] == 1 else values)
    assert table.columns.tolist()[: len(columns) + 1] == ["path", *columns]
    assert table.columns.tolist()[-1] == "reason"
    assert table.iloc[0, 1 : len(row) + 1].tolist() == row  # whole numbers and booleans stay what they are
    assert table.iloc[1, 1:-1].isna().all()


def test_what_a_column_holds_does_not_depend_on_whether_there_are_predictions() -> None:
    y = CategoryList([], classes=["cat", "dog"])
    read = torch.tensor([[0.25, 0.75]])
    types = [
        photo_predictions_frame(["1.png"] * len(p), y, p).dtypes.to_dict() for p in (read, read * torch.nan, read[:0])
    ]
    assert types[0]["predicted"] == "str"
    assert types[0] == types[1] == types[2]
    assert predictions_frame(y, read).dtypes.equals(predictions_frame(y, read[:0]).dtypes)


@pytest.mark.parametrize(
    ("labels", "label_cls", "message"),
    [
        ([1, "1"], None, r"distinct when written as text.*1 and '1' are not"),
        (["True", True], None, "distinct when written as text"),
        (pd.Series(["p", "q"], name="probability of p"), None, "'probability of p' would be there more than once"),
        (pd.DataFrame({"p": [1, 0], "probability of p": [0, 1]}), MultiCategoryList, "more than once"),
        (pd.DataFrame([[1.0, 2.0], [1.0, 2.0]], columns=["a", "a"]), FloatList, "'a' arrived more than once"),
        (pd.DataFrame([[1.0, 2.0], [1.0, 2.0]], columns=["1", 1]), FloatList, "'1' arrived more than once"),
    ],
)
def test_names_that_collide_are_refused_before_training(labels: Any, label_cls: Any, message: str) -> None:
    items = ItemList(np.arange(2), path=".").split_none()
    empty = labels[:0]
    with pytest.raises(DataError, match=message):
        items.label_from_lists(labels, empty, label_cls=label_cls)


def test_labels_that_were_saved_with_such_names_can_be_read_but_make_no_table() -> None:
    y = CategoryList(["a"])
    y.restore({"kind": "CategoryList", "names": ["y"], "classes": [1, "1"]})
    assert str(y.decode(torch.tensor([1]))[0]) == "1"
    with pytest.raises(DataError, match="distinct when written as text"):
        check_prediction_columns(y)


@pytest.mark.parametrize(
    "classes", [[1, "1"], [1.5, "1.5"], [True, "True"], [1.0, "1.0"], [2**60, str(2**60)]], ids=str
)
@pytest.mark.parametrize("dtype", ["object", "category"])
def test_t8_classes_that_are_the_same_as_text_are_refused_before_training(classes: list[Any], dtype: str) -> None:
    frame = pd.DataFrame({"y": pd.Series(classes * 2, dtype=object).astype(dtype)})
    split = ItemList(np.arange(4), frame=frame).split_none()
    with pytest.raises(DataError, match=r"distinct when written as text.*Rename one, or make both the same"):
        split.label_from_df("y")
    with pytest.raises(DataError, match="distinct when written as text"):
        ItemList(classes * 2).split_none().label_from_func(lambda item: item, label_cls=CategoryList, classes=classes)


def test_t8_a_target_that_is_called_like_a_probability_is_refused_before_training() -> None:
    frame = pd.DataFrame({"probability of p": ["p", "q"] * 2})
    split = ItemList(np.arange(4), frame=frame).split_none()
    with pytest.raises(DataError, match="Rename the target or the class"):
        split.label_from_df("probability of p")


@pytest.mark.parametrize("name", ["reason", "file", "path", "predicted", "probability", "label", "index"])
def test_p4_a_targets_name_overwrites_no_column(name: str) -> None:
    y = CategoryList(pd.Series(["a", "b"], name=name))
    table = photo_predictions_frame(["1.png", "2.png"], y, torch.tensor([[0.25, 0.75], [0.75, 0.25]]), reasons=["", ""])
    assert table["predicted"].tolist() == ["b", "a"]
    assert table["path"].tolist() == ["1.png", "2.png"]
    assert table["reason"].tolist() == ["", ""]
    assert table.columns.is_unique
    several = FloatList(pd.DataFrame({name: [1.0, 2.0], "other": [3.0, 4.0]}))
    table = photo_predictions_frame(["1.png"], several, torch.tensor([[0.25, 0.75]]))
    assert table.columns.tolist() == ["path", f"predicted {name}", "predicted other", "reason"]
    rows = predictions_frame(y, torch.tensor([[0.25, 0.75]]))
    assert rows.columns.tolist() == [name, "probability of a", "probability of b"]
