"""Labels: what is encoded how, by hand; what is refused, and how it is said."""

from __future__ import annotations

import json
import math
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from handlens.core.labels import (
    CategoryList,
    FloatList,
    LabelList,
    MultiCategoryList,
    label_class_for,
    labels_from_state,
)
from handlens.errors import ArtifactError, DataError


def test_classes_are_sorted_and_coded() -> None:
    y = CategoryList(pd.Series(["dog", "cat", "dog"], name="pet"))
    assert (y.classes, y.c, y.data.tolist(), y.names) == (["cat", "dog"], 2, [1, 0, 1], ["pet"])
    assert str(y[0]) == "dog"
    assert int(y[-2]) == 0
    assert y.new(["cat"]).data.tolist() == [0]


def test_categories_of_pandas_keep_their_order() -> None:
    sizes = pd.Categorical(["S", "L"], categories=["S", "M", "L"], ordered=True)
    assert CategoryList(pd.Series(sizes)).classes == ["S", "L"]


@pytest.mark.parametrize(
    ("values", "classes"),
    [([3, 1, 3], [1, 3]), ([True, False], [False, True]), (["b", 2, "a"], [2, "a", "b"])],
)
def test_classes_of_other_kinds(values: list[object], classes: list[object]) -> None:
    y = CategoryList(values)
    assert y.classes == classes
    assert [y[i].name for i in range(len(y))] == values
    assert all(type(name) in (bool, int, str) for name in y.classes)


def test_probabilities_and_decisions_of_classes() -> None:
    y = CategoryList(["a", "b"])
    p = y.activate(torch.tensor([[0.0, np.log(3)]]))
    assert p[0].tolist() == pytest.approx([0.25, 0.75])
    assert y.decode(y.decide(p))[0].name == "b"
    assert float(y.loss_func(torch.tensor([[0.0, np.log(3)]]), torch.tensor([1]))) == pytest.approx(-np.log(0.75))


def test_several_classes_an_item() -> None:
    y = MultiCategoryList(pd.DataFrame({"red": [True, False], "round": [1, 1]}))
    assert y.data.tolist() == [[1, 1], [0, 1]]
    assert (y[0], y[1], y.c) == (["red", "round"], ["round"], 2)
    assert y.decode(y.decide(torch.tensor([[0.5, 0.4]]))) == [["red"]]


def test_text_that_names_several_classes() -> None:
    y = MultiCategoryList(pd.Series(["sky sea", "", "sea  sea"], name="tags"), label_delim=" ")
    assert (y.names, y.classes, y.c) == (["tags"], ["sea", "sky"], 2)
    assert y.data.tolist() == [[1, 1], [0, 0], [1, 0]]
    assert (y[0], y[1]) == (["sea", "sky"], [])
    assert y.new(["sky"]).data.tolist() == [[0, 1]]
    assert y.decode(y.decide(torch.tensor([[0.5, 0.4]]))) == [["sea"]]
    assert MultiCategoryList(["b; a"], label_delim=";", classes=["a", "b", "c"]).data.tolist() == [[1, 1, 0]]
    with pytest.raises(DataError, match=r"'car' at position 1 is not\. Split otherwise"):
        y.new(["sky", "sea car"])
    with pytest.raises(DataError, match=r"1 of 2 are missing in 'label', the first at position 1.*fillna\(''\)"):
        MultiCategoryList(["a", None], label_delim=" ")
    with pytest.raises(DataError, match="it is empty"):
        MultiCategoryList(["a"], label_delim="")
    with pytest.raises(DataError, match="splits the text of one column"):
        MultiCategoryList(pd.DataFrame({"a": ["x"], "b": ["y"]}), label_delim=" ")
    with pytest.raises(DataError, match="goes with label_delim="):
        MultiCategoryList(pd.DataFrame({"a": [True]}), classes=["a"])


def test_several_classes_are_decided_by_their_thresholds() -> None:
    y = MultiCategoryList(["a b", "c"], label_delim=" ")
    p = torch.tensor([[0.5, 0.3, 0.4], [0.1, 0.9, 0.49]])
    assert y.decode(y.decide(p)) == [["a"], ["b"]]
    y.thresholds = [0.6, 0.3, 0.45]
    assert y.decode(y.take(torch.tensor([0])).decide(p)) == [["b"], ["b", "c"]]
    again = labels_from_state(json.loads(json.dumps(y.state())))
    assert isinstance(again, MultiCategoryList)
    assert again.thresholds == [0.6, 0.3, 0.45]
    assert again.decide(p).tolist() == y.decide(p).tolist()
    y.thresholds = 0.2
    assert y.thresholds == [0.2, 0.2, 0.2]
    without = {key: value for key, value in y.state().items() if key != "thresholds"}  # of a model saved before
    assert labels_from_state(without).decide(p).tolist() == [[1, 0, 0], [0, 1, 0]]
    for wrong in ([0.5, 0.5], [0.5, 0.5, 1.5], [0.5, 0.5, float("nan")], ["a", "b", "c"], -0.1):
        with pytest.raises(DataError, match="a probability, 0 to 1, for each of the 3 classes"):
            y.thresholds = wrong  # type: ignore[assignment]


def test_logarithms_go_in_and_numbers_come_out() -> None:
    y = FloatList(pd.Series([1.0, np.e, 100], name="Sales"), log=True)
    assert y.data.tolist() == pytest.approx([0, 1, np.log(100)])
    assert y.data.dtype == torch.float32
    assert y[2] == pytest.approx(100, rel=1e-6)


def test_whole_numbers_and_several_targets() -> None:
    y = FloatList(pd.DataFrame({"a": [1, 2], "b": [3.5, 4]}))
    assert (y.c, y.names, y.data.tolist(), y[1]) == (2, ["a", "b"], [[1, 3.5], [2, 4]], [2, 4])
    assert float(y.loss_func(torch.zeros(2, 2), y.data)) == pytest.approx((1 + 3.5**2 + 4 + 16) / 4)


def test_the_loss_of_one_target_takes_a_column() -> None:
    assert float(FloatList.loss_func(torch.tensor([[1.0], [2]]), torch.tensor([0.0, 0]))) == 2.5


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([1.0, np.nan, 2], r"1 of 3 are missing in 'label', the first at position 1"),
        ([1.0, np.inf], r"1 of 2 are not .* position 1"),
        ([1e39, 1.0], "finite"),
        (["a", "b"], "leave label_cls out"),
    ],
)
def test_numbers_that_cannot_be_learned(values: list[object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        FloatList(values)


def test_logarithms_of_what_has_none() -> None:
    with pytest.raises(DataError, match=r"2 of 3 in 'Sales' are not, the first, 0, at position 1.*df\['Sales'\] > 0"):
        FloatList(pd.Series([1.0, 0, -3], name="Sales"), log=True)


def test_missing_and_unknown_classes() -> None:
    with pytest.raises(DataError, match=r"1 of 2 are missing in 'pet'.*notna"):
        CategoryList(pd.Series(["cat", None], name="pet"))
    with pytest.raises(DataError, match="1 are not, such as 'cow'"):
        CategoryList(["cat", "dog"]).new(["cow"])
    with pytest.raises(DataError, match="astype"):
        CategoryList([pd.Timestamp("2020-01-01")])
    with pytest.raises(DataError, match="one class"):
        CategoryList(pd.DataFrame({"a": ["x"], "b": ["y"]}))
    with pytest.raises(DataError, match="'red'"):
        MultiCategoryList(pd.DataFrame({"red": [2, 0]}))


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (pd.Series([1, 2]), CategoryList),
        (pd.Series([1.0, 2]), FloatList),
        (pd.Series([1.0, None], dtype="Float64"), FloatList),
        (pd.Series([True, False]), CategoryList),
        (pd.Series(["a"]), CategoryList),
        (pd.Series([1.5, 2.0], dtype=object), FloatList),
        (pd.DataFrame({"a": [1.0], "b": [2.0]}), FloatList),
        (pd.DataFrame({"a": [True], "b": [False]}), MultiCategoryList),
    ],
)
def test_what_labels_are_taken_for(values: object, kind: type[LabelList]) -> None:
    assert label_class_for(values) is kind


def test_several_whole_numbers_need_a_word() -> None:
    with pytest.raises(DataError, match="label_cls=FloatList"):
        label_class_for(pd.DataFrame({"a": [1], "b": [2]}))


@pytest.mark.parametrize(
    "y",
    [
        CategoryList(["b", "a"]),
        CategoryList([3, 1]),
        MultiCategoryList(pd.DataFrame({"x": [True], "y": [False]})),
        MultiCategoryList(["b a", "c"], label_delim=" "),
        FloatList([1.0], log=True),
        FloatList(pd.DataFrame({"a": [1.0], "b": [2.0]})),
    ],
)
def test_round_trip_of_the_encoding(y: LabelList) -> None:
    back = labels_from_state(json.loads(json.dumps(y.state())))
    assert type(back) is type(y)
    assert (back.names, back.classes, back.c, len(back)) == (y.names, y.classes, y.c, 0)
    assert back.state() == y.state()
    assert back.blank(2).data.shape == y.data[:1].expand(2, *y.data.shape[1:]).shape


def test_labels_that_are_none_have_losses_that_are_nan() -> None:
    for y, outputs in ((CategoryList(["a", "b"]), torch.zeros(3, 2)), (FloatList([1.0]), torch.zeros(3, 1))):
        assert y.loss_func(outputs, y.blank(3).data).isnan()


def test_a_whole_number_among_floats_is_a_number() -> None:
    assert label_class_for(pd.Series([1, 2.5, None], dtype=object)) is FloatList
    assert label_class_for(pd.Series([Decimal("1.5")])) is FloatList
    assert label_class_for(pd.Series([1, 2], dtype=object)) is CategoryList


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (pd.Series([pd.NaT, pd.Timestamp("2020-01-02")]), r"holds Timestamp values such as '2020-01-02.*dt\.days"),
        (pd.Series([pd.Timedelta("2h"), pd.NaT]), r"Timedelta values .*dt\.total_seconds\(\)"),
        (pd.Series([np.timedelta64(1, "D")], dtype=object), r"total_seconds\(\)"),
        (pd.Series([pd.NaT, pd.NaT]), "2 of 2 are missing in 'label'"),
        (pd.Series(["8"]), r"holds str values such as '8': leave label_cls out .*pd\.to_numeric\(df\['label'\]\)"),
        (pd.Series([1, "8"], dtype=object), "holds str values such as '8'"),
        (pd.Series(["8"], dtype="category"), "holds str values"),
        (pd.Series([1 + 2j]), r"holds complex values such as '\(1\+2j\)'"),
        (pd.Series([[1], [2]]), r"holds list values such as '\[1\]'"),
        (pd.Series([1, 10**400], dtype=object), r"finite numbers; 1 of 2 are not .* position 1"),
    ],
)
def test_what_is_no_number(values: pd.Series, message: str) -> None:
    with pytest.raises(DataError, match=message):
        FloatList(values)


@pytest.mark.parametrize(
    "values",
    [
        pd.Series([1, 2.5], dtype=object),
        pd.Series([Decimal(1), Decimal("2.5")]),
        pd.Series([1, 2.5], dtype="category"),
        pd.Series(pd.arrays.SparseArray([1, 2.5])),
        pd.Series([1, 2.5], dtype="double[pyarrow]"),
        pd.Series([np.float32(1), np.float64(2.5)], dtype=object),
    ],
)
def test_numbers_in_other_dresses(values: pd.Series) -> None:
    assert FloatList(values).data.tolist() == [1, 2.5]


def test_a_constant_target() -> None:
    assert FloatList([3, 3]).data.tolist() == [3, 3]
    assert CategoryList(["a", "a"]).classes == ["a"]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (pd.Series([[1], [2]], name="t"), r"classes of 't' must be text.*unhashable.*df\['t'\]\.astype\(str\)"),
        (pd.Series([1j, 2j], name="t"), r"classes of 't' .*complex values arrived \(1j\)"),
        (pd.Series(["a", np.inf], dtype=object, name="t"), "classes of 't' must be finite numbers; inf"),
        (pd.Series(["a\ud800"], dtype=object, name="t"), "classes of 't' must be Unicode text"),
        (["a\ud800"], "labels must be Unicode text"),
    ],
)
def test_what_is_no_class(values: object, message: str) -> None:
    with pytest.raises(DataError, match=message):
        CategoryList(values)


def test_classes_that_are_given() -> None:
    assert CategoryList(["lo"], classes=np.array(["hi", "lo"])).classes == ["hi", "lo"]  # type: ignore[arg-type]
    for classes, message in (
        (["hi", "lo", "lo"], "'lo' arrived more than once"),
        ("lo", r"such as \['no', 'yes'\]; 'lo' arrived"),
        (["lo", None], "NoneType values arrived"),
        ([["lo"]], "list values arrived"),
    ):
        with pytest.raises(DataError, match=message):
            CategoryList(["lo"], classes=classes)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="'a' arrived more than once"):
        MultiCategoryList(["a"], label_delim=" ", classes=["a", "a"])
    with pytest.raises(DataError, match=r"1 are not, such as 'x.ud800'"):
        CategoryList(["a"]).new(pd.Series(["x\ud800"], dtype=object))
    with pytest.raises(DataError, match=r"list"):
        CategoryList(["a"]).new(pd.Series([["a"]]))


NUMBERS, CLASSES = {"kind": "FloatList", "names": ["y"]}, {"kind": "CategoryList", "names": ["y"]}
TAGS = {"kind": "MultiCategoryList", "names": ["y"], "label_delim": " "}


@pytest.mark.parametrize(
    "state",
    [
        *({}, {"kind": "Path"}, {"kind": "FloatList"}, {"kind": ["CategoryList"]}),
        NUMBERS | {"log": "no"},
        NUMBERS | {"log": 1},
        {"kind": "FloatList", "names": "y", "log": True},
        {"kind": "FloatList", "names": [], "log": True},
        {"kind": "FloatList", "names": [1], "log": True},
        *(
            CLASSES | {"classes": classes}
            for classes in (["a", "a"], [["a"]], [None], "ab", [], [float("inf")], [1, True])
        ),
        {"kind": "CategoryList", "names": ["a", "b"], "classes": ["a"]},
        *(TAGS | {"classes": classes} for classes in (["a", "a"], [["a"]], {"a": 1})),
        TAGS | {"classes": ["a"], "label_delim": 3},
        *(TAGS | {"classes": ["a", "b"], "thresholds": wrong} for wrong in ([0.5], [0.5, 2], ["0.5", "0.5"], None)),
        TAGS | {"classes": ["a"], "label_delim": ""},
        {"kind": "MultiCategoryList", "names": ["a", "a"]},
    ],
)
def test_damaged_states(state: dict[str, object]) -> None:
    with pytest.raises(ArtifactError, match="damaged"):
        labels_from_state(state)


def test_predictions_are_scaled_and_targets_are_not() -> None:
    y = FloatList([1.0, math.e], log=True, scale=0.5)
    assert y.data.tolist() == pytest.approx([0, 1])
    assert [y[0], y[1]] == pytest.approx([1, math.e])
    outputs = torch.tensor([[0.0], [1.0]])
    assert y.decode(y.activate(outputs)) == pytest.approx([0.5, math.e / 2])
    assert float(y.loss_func(outputs, y.data)) == pytest.approx(0)
    assert FloatList([1.0, 2.0], scale=3).activate(outputs).tolist() == [0, 3]
    assert labels_from_state(y.state()).scale == 0.5
    older = {key: value for key, value in y.state().items() if key != "scale"}
    assert labels_from_state(older).activate(outputs).tolist() == [0, 1]


@pytest.mark.parametrize("scale", [0, -1, math.inf, math.nan, "1", None])
def test_scales_that_cannot_be(scale: object) -> None:
    with pytest.raises(DataError, match="scale must be a finite number above 0"):
        FloatList([1.0], scale=scale)  # type: ignore[arg-type]
    with pytest.raises(ArtifactError):
        labels_from_state(FloatList([1.0]).state() | {"scale": scale})


def test_labels_of_other_items_are_found_by_name() -> None:
    y = FloatList(pd.DataFrame({"y": [1.0, 2], "z": [3.0, 4]}))
    assert y.new(pd.DataFrame({"z": [30.0], "other": [0.0], "y": [10.0]})).data.tolist() == [[10, 30]]
    with pytest.raises(DataError, match=r"labels must have the columns .*; missing: \['z'\]"):
        y.new(pd.DataFrame({"y": [1.0]}))
    with pytest.raises(DataError, match=r"each item has 2 labels, \['y', 'z'\]; 3 arrived"):
        y.new([[1.0, 2, 3]])


@pytest.mark.parametrize("log", [1, "yes", None])
def test_log_is_true_or_false(log: object) -> None:
    with pytest.raises(DataError, match="log must be True or False"):
        FloatList([1.0], log=log)  # type: ignore[arg-type]


PRICES = [100 + 7 * i for i in range(60)]


@pytest.mark.parametrize("dtype", ["int64", "uint16", "Int64", "int32[pyarrow]", object])
def test_t10_whole_numbers_that_seem_to_be_amounts_are_said_to_be_taken_for_classes(dtype: Any) -> None:
    column = pd.Series(PRICES * 2, dtype=dtype, name="price")
    with pytest.warns(UserWarning, match=r"'price' are taken for 60 classes; .* give label_cls=FloatList"):
        assert label_class_for(column) is CategoryList
    with pytest.warns(UserWarning, match="taken for 30 classes"):  # fewer values, but of few rows each
        label_class_for(pd.Series(PRICES[:30] * 9, dtype=dtype))


@pytest.mark.parametrize(
    "values", [PRICES[:30] * 10, PRICES[:20], [str(price) for price in PRICES], [True, False] * 40]
)
def test_t10_classes_are_taken_without_a_word(values: list[Any]) -> None:
    assert label_class_for(values) is CategoryList


def test_t10_a_number_that_the_training_rows_lack_leads_to_float_list() -> None:
    with pytest.raises(DataError, match=r"such as 3\. For numbers to predict, give label_cls=FloatList\. Split"):
        CategoryList([1, 2]).new([1, 3])
    with pytest.raises(DataError, match=r"such as 'c'\. Split otherwise"):
        CategoryList(["a", "b"]).new(["c"])
