"""Tables as data: from a frame to batches, what is shown, what is refused, and the round trip of an export."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from handlens.errors import ArtifactError, DataError, TableError
from handlens.io.checksums import with_checksum
from handlens.tabular import (
    Categorify,
    CategoryList,
    FillMissing,
    FloatList,
    MultiCategoryList,
    Normalize,
    TabularDataBunch,
    TabularList,
    TabularProc,
    load_data,
)

PROCS = [FillMissing, Categorify, Normalize]


def shops(n: int = 12) -> pd.DataFrame:
    """Rows whose index is neither ordered nor unique."""
    return pd.DataFrame(
        {
            "shop": ["a", "b", "c"] * (n // 3),
            "open": [True, False] * (n // 2),
            "near": [1.0, np.nan, 3, 5] * (n // 4),
            "sales": range(1, n + 1),
            "late": [False] * (n - 4) + [True] * 4,
        },
        index=[5, 3] * (n // 2),
    )


def bunch(df: pd.DataFrame, path: Path | str = ".", **options: Any) -> TabularDataBunch:
    items = TabularList.from_df(df, path=path, cat_names=["shop", "open"], cont_names=["near"], procs=PROCS)
    return items.split_by_col("late").label_from_df("sales", label_cls=FloatList, log=True).databunch(**options)


def test_from_a_frame_to_tensors_by_hand() -> None:
    df = shops()
    before = df.copy()
    data = bunch(df, bs=4)
    pd.testing.assert_frame_equal(df, before)
    assert data.cat_names == ["shop", "open", "near_na"]
    assert data.train_ds.cont_names == ["near"]
    assert (len(data.train_ds), len(data.valid_ds)) == (8, 4)
    # near: 1, missing → 3 (the median of 1 3 5 1 3 5), 3, 5; mean 3 and deviation √2
    codes, numbers, y = data.train_dl.tensors
    assert codes[:4].tolist() == [[1, 2, 1], [2, 1, 2], [3, 2, 1], [1, 1, 1]]
    assert numbers[:4, 0].tolist() == pytest.approx([-(2**0.5), 0, 0, 2**0.5])
    assert y.tolist() == pytest.approx(np.log(range(1, 9)))
    assert (codes.dtype, numbers.dtype, y.dtype) == (torch.int64, torch.float32, torch.float32)
    (codes, numbers), y = data.one_batch()
    assert (codes.shape, numbers.shape, y.shape) == ((4, 3), (4, 1), (4,))


def test_the_validation_rows_teach_nothing() -> None:
    df = shops()
    df.loc[df.late, ["shop", "near"]] = ["d", 1000.0]
    data = bunch(df)
    codes, numbers, _ = data.valid_dl.tensors
    assert codes[:, 0].tolist() == [0] * 4
    assert numbers[0, 0] == pytest.approx((1000 - 3) / 2**0.5)


def test_an_inner_holdout_is_of_the_training_rows_and_encoded_alike() -> None:
    data = bunch(shops(), bs=4)
    inner = data.hold_out([6, 1, 1])
    assert (len(inner.train_ds), len(inner.valid_ds), inner.train_dl.bs) == (6, 2, 4)
    assert inner.encoder is data.encoder
    codes, numbers, y = data.train_dl.tensors
    for mine, whole in zip(inner.valid_dl.tensors, (codes, numbers, y), strict=True):
        assert torch.equal(mine, whole[[1, 6]])
    for mine, whole in zip(inner.train_dl.tensors, (codes, numbers, y), strict=True):
        assert torch.equal(mine, whole[[0, 2, 3, 4, 5, 7]])
    assert [inner.valid_ds.y[i] for i in range(2)] == pytest.approx([2, 7])
    assert (len(data.train_ds), len(data.valid_ds)) == (8, 4)


@pytest.mark.parametrize(
    ("valid_idx", "message"),
    [
        ([], "0 of 8 were named"),
        (range(8), "8 of 8 were named"),
        ([8], "positions from 0 to 7; 8 arrived"),
        ([0.5], "whole numbers; float64 values arrived"),
        ("all", "must be a list"),
    ],
)
def test_inner_holdouts_that_cannot_be(valid_idx: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        bunch(shops()).hold_out(valid_idx)


def test_rows_are_shown_with_their_levels(capsys: pytest.CaptureFixture[str]) -> None:
    data = bunch(shops())
    row, sales = data.train_ds[1]
    assert repr(row) == "shop b; open False; near_na True; near 0.0000"
    assert sales == pytest.approx(2, rel=1e-6)
    data.show_batch(2)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["shop", "open", "near_na", "near", "sales"]
    assert len(lines) == 3
    assert repr(data) == "TabularDataBunch: train 8, valid 4 items, FloatList of sales, on cpu"


@pytest.mark.parametrize("kind", ["terminal", "notebook"])
@pytest.mark.parametrize(
    ("targets", "options", "head", "labels"),
    [
        ("grade", {}, "grade", ["hi", "lo"]),
        ("count", {"label_cls": CategoryList}, "count", ["7", "5"]),
        (["sales", "near"], {"label_cls": FloatList}, "label", ["[1.0, 0.5]", "[2.0, 2.5]"]),
        (["new", "late"], {}, "label", ["new", ""]),
        ("tags", {"label_cls": MultiCategoryList, "label_delim": " "}, "tags", ["a;b", "b"]),
    ],
)
def test_labels_are_shown_as_they_read(
    kind: str,
    targets: Any,
    options: dict[str, Any],
    head: str,
    labels: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    df = pd.DataFrame({"shop": ["a", "b"], "grade": ["hi", "lo"], "count": [7, 5], "sales": [1.0, 2.0]})
    df = df.assign(near=[0.5, 2.5], new=[True, False], late=False, tags=["a b", "b"])
    items = TabularList.from_df(df, cat_names=["shop"], procs=[Categorify])
    data = items.split_none().label_from_df(targets, **options).databunch(bs=2)
    if kind == "notebook":
        monkeypatch.setattr("handlens.core.display.in_notebook", lambda: True)
        monkeypatch.setattr("handlens.core.display.show_html", print)
    data.show_batch()
    shown = capsys.readouterr().out
    if kind == "notebook":
        cells = re.findall("<t[hd]>(.*?)</t[hd]>", shown)
    else:
        cells = [part for line in shown.splitlines() for part in [*line.split(maxsplit=1), ""][:2]]
    assert cells == ["shop", head, "a", labels[0], "b", labels[1]]


def test_one_row_in_all_its_forms() -> None:
    data = bunch(shops())
    expected = data.train_ds[1][0]
    given = {"shop": "b", "open": False, "near": None}
    for row in (expected, given, pd.Series(given), pd.DataFrame([given])):
        (codes, numbers), y = data.one_item(row)
        assert codes.tolist() == [expected.codes.tolist()]
        assert numbers.tolist() == [expected.numbers.tolist()]
        assert y.isnan().all()
    with pytest.raises(TableError, match=r"a frame of 12 arrived: use predict_frame"):
        data.one_item(shops())
    with pytest.raises(TableError, match=r"missing: \['near'\]"):
        data.one_item({"shop": "a", "open": True})


def test_test_rows_with_and_without_labels() -> None:
    data = bunch(shops())
    data.add_test(shops().drop(columns="sales"))
    assert len(data.test_ds) == 12
    assert data.dl("test").tensors[-1].isnan().all()  # type: ignore[attr-defined]
    data.add_test(shops())
    assert data.dl("test").tensors[-1].tolist() == pytest.approx(np.log(range(1, 13)))  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cat_names": ["shop", "shop2"]}, r"cat_names must be columns of the frame; missing: \['shop2'\]"),
        ({"cont_names": ["far"]}, r"cont_names must be columns of the frame; missing: \['far'\]"),
        ({"cat_names": "shop"}, r"write \['shop'\]"),
        ({"cat_names": ["shop"], "cont_names": ["shop"]}, r"both cat_names and cont_names have \['shop'\]"),
        ({}, "at least one column"),
    ],
)
def test_columns_that_cannot_be(options: dict[str, Any], message: str) -> None:
    with pytest.raises(TableError, match=message):
        TabularList.from_df(shops(), **options)


@pytest.mark.parametrize("procs", [Categorify, None, "Categorify"])
def test_preprocessors_that_are_no_list(procs: Any) -> None:
    with pytest.raises(TableError, match=r"procs must be a list, such as \[FillMissing, Categorify, Normalize\]"):
        TabularList.from_df(shops(), cat_names=["shop"], procs=procs)


def test_frames_without_rows() -> None:
    with pytest.raises(TableError, match="the frame is empty"):
        TabularList.from_df(shops().iloc[:0], cat_names=["shop"])
    data = bunch(shops())
    assert len(data.loader(shops().iloc[:0])) == 0


def test_categorical_columns_without_levels() -> None:
    items = TabularList.from_df(shops(), cat_names=["shop"], procs=[Normalize])
    with pytest.raises(TableError, match="Put Categorify into procs"):
        items.split_none().label_from_df("sales")


def test_infinite_and_missing_numbers_name_the_column() -> None:
    df = shops()
    df.iloc[0, df.columns.get_loc("near")] = np.inf
    with pytest.raises(TableError, match="'near' must hold finite numbers"):
        bunch(df)
    items = TabularList.from_df(shops(), cont_names=["near"], procs=[Normalize])
    with pytest.raises(TableError, match="Put FillMissing into procs"):
        items.split_none().label_from_df("sales")


@pytest.mark.parametrize(("value", "message"), [(np.nan, "missing in 'sales'"), (np.inf, "finite"), (-1.0, "above 0")])
def test_targets_that_cannot_be(value: float, message: str) -> None:
    df = shops().astype({"sales": float})
    df.iloc[2, df.columns.get_loc("sales")] = value
    with pytest.raises(DataError, match=message):
        bunch(df)


@pytest.mark.parametrize("dtype", ["Int64", "int64[pyarrow]", "float32", "Float64"])
def test_targets_of_other_dtypes(dtype: str) -> None:
    assert bunch(shops().astype({"sales": dtype})).train_ds.y.data.tolist() == pytest.approx(np.log(range(1, 9)))


def test_missing_only_in_the_validation_rows() -> None:
    df = shops()
    df["near"] = np.where(df["late"], np.nan, df["near"].fillna(7.0))
    with pytest.warns(UserWarning, match=r"training median: near \(4\)") as warned:
        data = bunch(df)
    assert [one.filename for one in warned] == [__file__]
    assert data.cat_names == ["shop", "open"]
    # near: 1 7 3 5 1 7 3 5; median 4, which is the mean too, and deviation √5
    assert data.valid_dl.tensors[1][:, 0].tolist() == [0] * 4
    assert data.train_dl.tensors[1][:2, 0].tolist() == pytest.approx([-3 / 5**0.5, 3 / 5**0.5])


def test_rows_and_columns_with_several_levels() -> None:
    df = shops()
    plain = bunch(df)
    df.index = pd.MultiIndex.from_product([[1, 2], range(6)])
    data = bunch(df)
    for a, b in zip(data.valid_dl.tensors, plain.valid_dl.tensors, strict=True):
        assert torch.equal(a, b)
    df.columns = pd.MultiIndex.from_tuples([(name, "x") for name in df.columns])
    with pytest.raises(TableError, match=r"\[str\(name\) for name in df\.columns\]"):
        TabularList.from_df(df, cat_names=[("shop", "x")])  # type: ignore[list-item]
    df.columns = [str(name) for name in df.columns]
    assert len(TabularList.from_df(df, cat_names=["('shop', 'x')"], procs=PROCS)) == 12


def test_a_frame_that_changes_later_changes_nothing() -> None:
    df = shops()
    data = bunch(df)
    numbers = data.train_dl.tensors[1].clone()
    df["near"] = 7.0
    assert torch.equal(data.train_dl.tensors[1], numbers)


def test_round_trip_of_the_export(tmp_path: Path) -> None:
    data = bunch(shops(), tmp_path)
    folder = data.export()
    assert folder == tmp_path / "databunch"
    back = load_data(folder)
    assert (back.cat_names, back.cont_names, back.c, back.path) == (data.cat_names, data.cont_names, 1, tmp_path)
    df = shops().drop(columns="sales")
    assert all(torch.equal(a, b) for a, b in zip(back.loader(df).tensors[:2], data.loader(df).tensors[:2], strict=True))
    assert back.y.decode(torch.tensor([0.0])) == [1]
    with pytest.raises(DataError, match="no"):
        back.one_batch()


class Double(TabularProc):
    """A preprocessor that is not part of the library."""

    def fit(self, df: pd.DataFrame) -> dict[str, Any]:
        return {"by": 2 * len(df) / len(df)}

    def apply(self, df: pd.DataFrame) -> None:
        for name in self.cont_names:
            df[name] = df[name] * self.fitted["by"]


def test_a_preprocessor_of_ones_own_is_named_when_loading(tmp_path: Path) -> None:
    items = TabularList.from_df(shops(), path=tmp_path, cont_names=["sales"], procs=[Double])
    folder = items.split_none().label_from_df("open").databunch().export()
    with pytest.raises(ArtifactError, match=r"own_procs=\[Double\]"):
        load_data(folder)
    (_, numbers), _ = load_data(folder, own_procs=[Double]).one_item({"sales": 4})
    assert numbers.tolist() == [[8]]


@pytest.mark.parametrize("part", ["encoder", "labels"])
@pytest.mark.parametrize("value", [None, 3, [], {}, {"kind": "FloatList"}])
def test_damaged_exports(tmp_path: Path, part: str, value: object) -> None:
    folder = bunch(shops(), tmp_path).export()
    path = folder / "model.json"
    description = json.loads(path.read_text(encoding="utf-8"))
    description["config"][part] = value
    del description["crc32"]
    path.write_text(json.dumps(with_checksum(description)), encoding="utf-8")
    with pytest.raises(ArtifactError, match="damaged"):
        load_data(folder)


def test_a_pickle_in_place_of_an_export_is_not_run(tmp_path: Path, bomb: bytes) -> None:
    folder = bunch(shops(), tmp_path).export()
    for name in ("tensors.safetensors", "model.json"):
        (folder / name).write_bytes(bomb)
        with pytest.raises(ArtifactError, match="damaged"):
            load_data(folder)


@pytest.mark.parametrize("names", [{"cont_names": ["x", "y"]}, {"cont_names": ["x"], "cat_names": ["y"]}])
@pytest.mark.parametrize("target", ["y", ["z", "y"]])
def test_t11_a_target_that_is_an_input_too_is_refused(names: dict[str, Any], target: Any) -> None:
    df = pd.DataFrame({"x": [1.0, 2.0, 3.0], "y": [1.0, 2.0, 1.0], "z": [0.5, 1.5, 2.5]})
    split = TabularList.from_df(df, **names, procs=[Categorify]).split_none()
    with pytest.raises(DataError, match=r"a target cannot be an input as well.*'y' is also among cat_names or"):
        split.label_from_df(target)
    assert split.label_from_df("z").train.y.names == ["z"]


def test_t10_an_integer_target_with_many_values() -> None:
    df = pd.DataFrame({"x": np.arange(1000.0), "price": np.arange(1000) % 469})
    items = TabularList.from_df(df, cont_names=["x"])
    with pytest.warns(UserWarning, match="469 classes; for amounts to predict give label_cls=FloatList"):
        items.split_none().label_from_df("price")
    with (
        pytest.warns(UserWarning, match="taken for"),
        pytest.raises(DataError, match="For numbers to predict, give label_cls=FloatList"),
    ):
        items.split_by_idx([0, 469, 938]).label_from_df("price")  # all rows of one price
    assert items.split_none().label_from_df("price", label_cls=FloatList).train.y.c == 1
    assert items.split_none().label_from_df("price", label_cls=CategoryList).train.y.c == 469
