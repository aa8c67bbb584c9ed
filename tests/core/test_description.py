from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from handlens.core.description import DataDescription, ModelDescription, PictureFile, description_of, picture_files
from handlens.core.items import ItemList
from handlens.core.metrics import accuracy, f1
from handlens.errors import DataError
from handlens.tabular import Categorify, TabularList, tabular_learner

DF = pd.DataFrame({"shop": ["a", "b"] * 4, "x": np.arange(8.0), "y": ["n", "y", "y", "n"] * 2})


def rows(**options):
    return TabularList.from_df(DF, cat_names=["shop"], cont_names=["x"], procs=[Categorify], **options)


def test_a_picture_is_called_by_its_path_below_the_folder(tmp_path):
    assert PictureFile.below(tmp_path, "cats/1.jpg", "cat") == (tmp_path / "cats/1.jpg", "cats/1.jpg", "cat")
    assert PictureFile.below(tmp_path, tmp_path / "1.jpg", float("nan")) == (tmp_path / "1.jpg", "1.jpg", None)
    assert PictureFile.below(tmp_path / "a", tmp_path / "b" / "1.jpg").name == "1.jpg"
    # A relative folder is not added twice.
    assert PictureFile.below(Path("photos"), Path("photos/1.jpg")) == (Path("photos/1.jpg"), "1.jpg", None)
    with pytest.raises(DataError, match=r"data of files or of tables; items such as 3 arrived\."):
        picture_files([3], tmp_path)


def test_items_and_data_of_files_describe_themselves(tmp_path):
    items = ItemList(["a/1.jpg", "b/2.jpg", "b/3.jpg"], path=tmp_path)
    assert items.describe().parts == {"data": picture_files(items.items.tolist(), tmp_path)}
    data = items.split_by_idx([2]).label_from_folder().databunch(bs=1)
    found = {part: [(file.name, file.label) for file in files] for part, files in data.describe().parts.items()}
    assert found == {"train": [("a/1.jpg", "a"), ("b/2.jpg", "b")], "valid": [("b/3.jpg", "b")]}
    numbers = ItemList([1, 2, 3]).split_by_idx([2]).label_from_lists(["a", "b"], ["a"]).databunch(bs=1)
    with pytest.raises(DataError, match="describe needs data of files or of tables"):
        numbers.describe()


def test_a_table_describes_itself_by_its_rows():
    data = rows().split_by_idx([0, 1]).label_from_df("y").databunch(bs=2)
    found = data.describe()
    assert found.target == "y"
    pd.testing.assert_frame_equal(
        found.parts["valid"].astype({"x": float, "shop": str, "y": str}), DF[:2].astype({"shop": str, "y": str})
    )
    pd.testing.assert_frame_equal(rows().describe().parts["data"], DF)
    data.add_test(pd.DataFrame({"shop": ["c"], "x": [1.0]}))
    test = data.describe().parts["test"]
    assert test.iloc[0].tolist() == [None, 1.0, None]


def test_a_learner_describes_its_data_recipe_and_metrics():
    data = rows().split_by_idx([0, 1]).label_from_df("y").databunch(bs=2)
    learn = tabular_learner(data, layers=[4], metrics=[accuracy, f1], seed=0)
    found = learn.describe()
    assert (found.name, found.task, found.held_out) == ("tabular model of y", "tabular-classification", 2)
    assert found.data == {
        "train items": 6,
        "valid items": 2,
        "target": "y",
        "classes": "n, y",
        "categorical columns": "shop",
        "continuous columns": "x",
    }
    assert found.recipe["layers"] == [4]
    assert "emb_szs" not in found.recipe
    assert found.recipe["training"] == "none since it was made or loaded"
    assert [(metric.name, metric.is_share) for metric in found.metrics] == [("accuracy", True), ("f1", False)]
    predictions, targets = learn.get_preds("valid")
    assert found.metrics[0].of(slice(None)) == accuracy(predictions, targets)
    assert found.metrics[0].of(np.array([1, 1, 1])) == float((predictions[1].argmax() == targets[1]).item())
    learn.fit(1, 0.01, wd=0.1, seed=0)
    assert learn.describe().recipe["steps of the latest fit"] == 3
    assert learn.describe().recipe["optimizer"] == "AdamW"


def test_what_does_not_describe_itself():
    for thing in (3, DF, DF["x"], DF[[]], torch.zeros(2), DataDescription, TabularList):
        assert description_of(thing) is None
    assert isinstance(description_of(rows()), DataDescription)
    data = rows().split_none().label_from_df("y").databunch(bs=2)
    found = description_of(tabular_learner(data, layers=[4], seed=0))
    assert isinstance(found, ModelDescription)
    assert (found.held_out, found.metrics) == (0, [])
