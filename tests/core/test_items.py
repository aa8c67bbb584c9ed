"""Items: split and labelled by position, at random, by a column, by a function of the item."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from handlens.core.bunch import DataBunch
from handlens.core.items import ItemList, SplitItems
from handlens.core.labels import CategoryList, FloatList, MultiCategoryList
from handlens.errors import DataError


def letters() -> ItemList:
    frame = pd.DataFrame(
        {"held": [False, True, False, True], "n": [1, 2, 3, 4], "x": [0.5, 1.5, 2.5, 3.5], "odd": [1, 0, 2, 1]},
        index=[7, 7, 3, 1],
    )
    return ItemList(list("abcd"), frame=frame)


def parts(split: SplitItems) -> tuple[str, str]:
    return "".join(split.train.items), "".join(split.valid.items)


@pytest.mark.parametrize("idx", [range(2), [1, 0], np.array([0, 1, 1]), pd.Series([0, 1]), iter([0, 1])])
def test_split_by_position_keeps_the_order(idx: object) -> None:
    assert parts(letters().split_by_idx(idx)) == ("cd", "ab")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("idx", "message"),
    [([4], "from 0 to 3; 4 arrived"), ([-1], "-1 arrived"), ([0.5], "whole numbers"), (range(4), "left to train on")],
)
def test_positions_that_cannot_be(idx: object, message: str) -> None:
    with pytest.raises(DataError, match=message):
        letters().split_by_idx(idx)  # type: ignore[arg-type]


def test_a_random_split_repeats_with_its_seed() -> None:
    items = ItemList(range(100))
    first, again, other = (items.random_split_by_pct(0.2, seed=seed) for seed in (1, 1, 2))
    assert first.valid.items.tolist() == again.valid.items.tolist() != other.valid.items.tolist()
    assert (len(first.train), len(first.valid)) == (80, 20)
    assert sorted([*first.train.items, *first.valid.items]) == list(range(100))


@pytest.mark.parametrize("share", [0, 1, -0.5])
def test_shares_that_are_none(share: float) -> None:
    with pytest.raises(DataError, match="between 0 and 1"):
        letters().random_split_by_pct(share)


def test_numpy_s_own_seed_repeats_a_random_split_without_one() -> None:
    before = np.random.get_state()  # noqa: NPY002
    try:
        held_out = []
        for seed in (42, 42, 43):
            np.random.seed(seed)  # noqa: NPY002
            held_out.append(ItemList(range(50)).random_split_by_pct(0.2).valid.items.tolist())
            np.random.seed(seed)  # noqa: NPY002
            assert held_out[-1] == sorted(np.random.permutation(50)[:10])  # noqa: NPY002 — the course's own draw
    finally:
        np.random.set_state(before)  # noqa: NPY002
    assert held_out[0] == held_out[1] != held_out[2]


def test_a_split_that_would_hold_out_nothing() -> None:
    with pytest.raises(DataError, match=r"0\.2 of 4 items is less than one: give a larger share, or use"):
        letters().random_split_by_pct(0.2)
    assert len(letters().random_split_by_pct(0.25, seed=0).valid) == 1


def test_arguments_that_are_no_lists() -> None:
    with pytest.raises(DataError, match=r"valid_idx must be a list, such as range\(100\); 3 arrived"):
        letters().split_by_idx(3)  # type: ignore[arg-type]
    with pytest.raises(DataError, match=r"cols must be a list, such as \['sales'\]; None arrived"):
        letters().split_none().label_from_df(None)  # type: ignore[arg-type]


def test_options_that_the_labels_do_not_have() -> None:
    with pytest.raises(DataError, match=r"of CategoryList.*unexpected keyword argument 'log'.*label_cls=FloatList"):
        letters().split_none().label_from_df("n", log=True)


@pytest.mark.parametrize(
    ("value", "message"), [(np.nan, "missing"), (np.inf, "finite"), (0.0, "above 0"), (-1, "above 0")]
)
@pytest.mark.parametrize(("row", "part", "position"), [(2, "training", 1), (3, "validation", 1)])
def test_which_part_a_target_is_in_that_cannot_be(
    value: float, message: str, row: int, part: str, position: int
) -> None:
    items = letters()
    assert items.frame is not None
    items.frame.iloc[row, items.frame.columns.get_loc("x")] = value
    with pytest.raises(DataError, match=rf"^{part} labels: .*{message}.*at position {position}"):
        items.split_by_col("held").label_from_df("x", log=True)


def test_text_that_is_not_unicode_is_no_class() -> None:
    frame = pd.DataFrame({"t": pd.Series(["a\ud800", "b"], dtype=object)})
    with pytest.raises(DataError, match=r"^training labels: the classes of 't' must be Unicode text"):
        ItemList(["a", "b"], frame=frame).split_none().label_from_df("t")


def test_split_by_a_column_of_the_frame() -> None:
    assert parts(letters().split_by_col("held")) == ("ac", "bd")
    with pytest.raises(DataError, match="'odd' must say of each row"):
        letters().split_by_col("odd")
    with pytest.raises(DataError, match=r"'none' must be a column of the frame; it is missing"):
        letters().split_by_col("none")
    with pytest.raises(DataError, match="come from no table"):
        ItemList(["a"]).split_by_col("held")


def test_split_none_holds_nothing_out() -> None:
    assert parts(letters().split_none()) == ("abcd", "")


def test_labels_from_columns() -> None:
    split = letters().split_by_idx([0])
    numbers = split.label_from_df("x")
    assert isinstance(numbers.train.y, FloatList)
    assert numbers.train.y.data.tolist() == [1.5, 2.5, 3.5]
    assert numbers.valid.y.data.tolist() == [0.5]
    classes = letters().split_by_col("held").label_from_df("odd", label_cls=FloatList)
    assert classes.train.y.data.tolist() == [1, 2]
    both = split.label_from_df(["n", "x"], label_cls=FloatList)
    assert both.train.y.data.tolist() == [[2, 1.5], [3, 2.5], [4, 3.5]]
    logs = split.label_from_df("n", label_cls=FloatList, log=True)
    assert logs.valid.y.data.tolist() == [0]
    with pytest.raises(DataError, match="say what they are"):
        split.label_from_df(["n", "x"])


def test_whole_numbers_default_to_classes() -> None:
    labelled = letters().split_none().label_from_df("n")
    assert isinstance(labelled.train.y, CategoryList)
    assert labelled.train.y.classes == [1, 2, 3, 4]


def test_a_class_that_only_the_validation_items_have() -> None:
    with pytest.raises(DataError, match="such as 1"):
        letters().split_by_idx([0]).label_from_df("n")


def test_labels_from_items() -> None:
    paths = ItemList([Path("pets/great_dane_1.jpg"), Path("pets/pug_20.jpg"), Path("cars/pug_3.jpg")])
    split = paths.split_none()
    assert split.label_from_re(r"([^/]+)_\d+.jpg$").train.y.classes == ["great_dane", "pug"]
    assert split.label_from_folder().train.y.classes == ["cars", "pets"]
    assert split.label_from_func(lambda p: len(p.name), label_cls=FloatList).train.y.data.tolist() == [16, 10, 9]
    with pytest.raises(DataError, match=r"not in 3 of 3: 'pets/great_dane_1\.jpg', 'pets/pug_20\.jpg'"):
        split.label_from_re("(cow)")
    with pytest.raises(DataError, match=r"not in 2 of 3: 'pets/pug_20\.jpg', 'cars/pug_3\.jpg'"):
        split.label_from_re(r"(great)|pug")  # found, but without the label
    with pytest.raises(DataError, match="must have a group"):
        split.label_from_re("pug")


def test_labels_that_do_not_match_the_items() -> None:
    with pytest.raises(DataError, match="4 items and 1 labels"):
        letters().split_none().label_from_lists([1.0], [])


def test_no_items_at_all() -> None:
    with pytest.raises(DataError, match="no items to split"):
        ItemList([]).split_none()


def test_a_bunch_of_vectors_from_items_to_batches() -> None:
    class Vectors(ItemList):
        def __getitem__(self, position: int) -> torch.Tensor:
            return torch.full((2,), float(self.items[position]))

    data = Vectors(range(10)).split_by_idx([0, 1]).label_from_func(float, label_cls=FloatList).databunch(bs=4)
    assert isinstance(data, DataBunch)
    assert (len(data.train_ds), len(data.valid_ds), data.c, data.classes) == (8, 2, 1, None)
    x, y = data.one_batch()
    assert x.shape == (4, 2)
    assert torch.equal(x[:, 0], y)
    x, y = data.one_item(data.valid_ds[1][0])
    assert x.tolist() == [[1, 1]]
    assert y.isnan().all()
    with pytest.raises(DataError, match="it has train, valid"):
        _ = data.test_ds
    assert "train 8, valid 2" in repr(data)


def test_flags_of_several_classes() -> None:
    frame = pd.DataFrame({"red": [True, False], "big": [True, True]})
    labelled = ItemList(["a", "b"], frame=frame).split_none().label_from_df(["red", "big"])
    assert isinstance(labelled.train.y, MultiCategoryList)


def test_text_of_several_classes() -> None:
    frame = pd.DataFrame({"tags": ["red big", "big"]})
    labelled = ItemList(["a", "b"], frame=frame).split_none().label_from_df("tags", label_delim=" ")
    assert isinstance(labelled.train.y, MultiCategoryList)
    assert labelled.train.y.data.tolist() == [[1, 1], [1, 0]]


def test_a_frame_of_another_length() -> None:
    with pytest.raises(DataError, match="1 rows for 2 items"):
        ItemList(["a", "b"], frame=pd.DataFrame({"x": [1]}))


def test_labels_of_no_column() -> None:
    with pytest.raises(DataError, match="none were named"):
        letters().split_none().label_from_df([])
