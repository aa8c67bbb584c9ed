"""What a person takes away."""

from __future__ import annotations

import csv
import zipfile

import pandas as pd
import pytest

from handlens.studio.exports import folder_names


def test_exports_come_back(collection, tmp_path):
    nasty = {
        "../../etc": [0, 1],
        "con": [20, 21],
        "a/b": [2, 3],
        "a:b": [22, 23],
        "五\u200d六": [4, 5],
        "=1+1": [24, 25],
    }
    for name, ids in nasty.items():
        collection.label(ids, name)
    collection.train()
    collection.export_labels(tmp_path / "labels.csv")
    with (tmp_path / "labels.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["path"]: row["label"] for row in rows} == {
        collection.paths[i]: name for name, ids in nasty.items() for i in ids
    }
    collection.export_predictions(tmp_path / "predictions.csv")
    back = pd.read_csv(tmp_path / "predictions.csv")
    table = collection.predictions()
    assert back.columns.tolist() == table.columns.tolist()
    assert back["predicted"].tolist() == table["predicted"].tolist()
    assert back.iloc[:, 3:-1].to_numpy() == pytest.approx(table.iloc[:, 3:-1].to_numpy(), abs=1e-6)
    assert back["reason"].isna().all()
    collection.export_folders(tmp_path / "folders.zip")
    folders = folder_names(list(nasty))
    with zipfile.ZipFile(tmp_path / "folders.zip") as archive:
        found = {name: archive.read(name) for name in archive.namelist()}
    assert found == {
        f"{folders[name]}/{collection.paths[i]}": (collection.images / collection.paths[i]).read_bytes()
        for name, ids in nasty.items()
        for i in ids
    }
    assert not any(part in ("..", "con") for name in found for part in name.split("/"))
