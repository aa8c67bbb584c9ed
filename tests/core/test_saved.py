"""One function opens every saved model, and imports only what that model takes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import handlens.core.saved
import handlens.tabular
import handlens.vision
from handlens.core.artifact import save_artifact
from handlens.core.saved import PhotoModel, TableModel, load_learner
from handlens.errors import ArtifactError, CollectionError, DataError
from handlens.studio.predictor import Predictor, load_predictor, predict_folder
from handlens.tabular import Categorify, TabularLearner, TabularList, tabular_learner
from handlens.vision import ImageItemList, VisionLearner, create_cnn

HEADER = ["path", "predicted", "probability", "probability of dark", "probability of light", "reason"]


def test_it_is_the_same_function_everywhere() -> None:
    assert handlens.tabular.load_learner is load_learner
    assert handlens.vision.load_learner is load_learner


def test_a_model_of_a_table(tmp_path: Path) -> None:
    table = pd.DataFrame({"x": ["a", "b"] * 4, "y": [0.5, 2.5] * 4})
    rows = TabularList.from_df(table, path=tmp_path, cat_names=["x"], procs=[Categorify])
    learn = tabular_learner(rows.split_none().label_from_df("y").databunch(bs=4), layers=[4], seed=0)
    found = handlens.vision.load_learner(learn.export())
    assert isinstance(found, TabularLearner)
    assert isinstance(found, TableModel)
    assert not isinstance(found, PhotoModel)
    pd.testing.assert_frame_equal(found.predict_frame(table), learn.predict_frame(table))


def photos(folder: Path) -> Path:
    """Nine files: three copies of one photo, two of another, three that are not photos, and one alone."""
    (folder / "below").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for i, name in enumerate(["1.png", "2.png", "10.png"]):
        pixels = rng.integers(0, 256, (24, 24, 3)).astype(np.uint8)
        copies = [folder / name, *[folder / "below" / f"{name}-{copy}.png" for copy in range((2, 1, 0)[i])]]
        for file in copies:
            Image.fromarray(pixels).save(file)
    (folder / "empty.png").touch()
    (folder / "notes.txt").write_text("not a picture")
    (folder / "half.png").write_bytes((folder / "1.png").read_bytes()[:200])
    return folder


def vision_model(folder: Path) -> Path:
    for name, grey in (("dark", 30), ("light", 220)):
        (folder / name).mkdir(parents=True)
        for i in range(3):
            Image.new("RGB", (24, 24), (grey + i,) * 3).save(folder / name / f"{i}.png")
    data = ImageItemList.from_folder(folder).split_none().label_from_folder().transform(size=32).databunch(bs=3)
    return create_cnn(data, "mobilenetv2_035", pretrained=False, seed=0).export()


class Brightness:
    """An extractor of one number: how bright a photo is."""

    name, size = "brightness", 8

    def __init__(self) -> None:
        from handlens.studio.features.extractor import layers_of

        self.layers = layers_of("brightness", [("0", 1)])

    def __call__(self, batch):  # type: ignore[no-untyped-def]
        mean = batch.float().mean((1, 2, 3))[:, None]
        return [mean, mean.repeat_interleave(9, 1)]

    def config(self) -> dict[str, str]:
        return {}

    def tensors(self) -> dict[str, object]:
        return {}


def quick_model(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("handlens.studio.predictor.rebuild", lambda config, tensors: Brightness())
    weights = {"brightness/0/what": np.array([[-0.01, 0.01]], np.float32)}
    Predictor(["dark", "light"], [Brightness()], weights, np.zeros(2, np.float32), 1.0).save(folder)  # type: ignore[list-item]
    assert isinstance(load_predictor(folder), Predictor)
    return folder


@pytest.mark.parametrize("kind", [VisionLearner, Predictor])
def test_models_of_photos_give_the_same_table(kind: type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = vision_model(tmp_path / "train") if kind is VisionLearner else quick_model(tmp_path / "model", monkeypatch)
    model = load_learner(folder)
    assert type(model) is kind
    assert isinstance(model, PhotoModel)
    assert not isinstance(model, TableModel)
    root = photos(tmp_path / "photos")

    with pytest.raises(DataError, match="own_procs is for models of tables"):
        load_learner(folder, own_procs=[Categorify])

    files = [root / "notes.txt", root / "2.png", root / "gone.png"]
    seen: list[tuple[int, int]] = []
    table = model.predict_files(files, progress=lambda done, total: seen.append((done, total)))
    assert table.columns.tolist() == HEADER
    assert table["path"].tolist() == [str(file) for file in files]
    assert table["predicted"].isna().tolist() == [True, False, True]
    assert (table["reason"] == "").tolist() == [False, True, False]
    assert seen[-1] == (3, 3)

    table = predict_folder(model, root)
    assert table.columns.tolist() == HEADER
    names = ["1.png", "2.png", "10.png", "below/1.png-0.png", "below/1.png-1.png", "below/2.png-0.png"]
    bad = ["empty.png", "half.png", "notes.txt"]
    assert sorted(table["path"]) == sorted([*names, *bad])
    assert table["path"].tolist().index("2.png") < table["path"].tolist().index("10.png")
    by_path = table.set_index("path")
    assert by_path.loc[names, "reason"].eq("").all()
    assert by_path.loc[bad, "reason"].ne("").all()
    assert by_path.loc[bad].drop(columns="reason").isna().all(axis=None)
    assert by_path["probability"].dtype == np.float32
    same = by_path.loc[["1.png", "below/1.png-0.png", "below/1.png-1.png"], "probability of dark"]
    assert same.max() - same.min() < 1e-6

    (tmp_path / "nothing").mkdir()
    nothing = predict_folder(model, tmp_path / "nothing")
    assert (nothing.columns.tolist(), len(nothing)) == (HEADER, 0)
    with pytest.raises(CollectionError, match="no such folder"):
        predict_folder(model, tmp_path / "none")


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("weights", r"a saved weights, which predicts nothing by itself: learn\.load\(name\) reads it"),
        ("tabular-data", "load_data"),
        ("feature-extractor", "which predicts nothing by itself: a collection reads it"),
        ("something else", "a saved something else, which this version of handlens does not know"),
    ],
)
def test_what_predicts_nothing_by_itself(kind: str, message: str, tmp_path: Path) -> None:
    save_artifact(tmp_path / "saved", kind, {}, {})
    with pytest.raises(ArtifactError, match=message):
        load_learner(tmp_path / "saved")


@pytest.mark.parametrize(("name", "advice"), [("model.zip", "unpack the zip"), ("model.bin", "give the folder")])
def test_a_file_is_not_a_saved_model(name: str, advice: str, tmp_path: Path) -> None:
    (tmp_path / name).touch()
    with pytest.raises(ArtifactError, match=f"it is a file, and a saved model is a folder; {advice}"):
        load_learner(tmp_path / name)


def test_every_loader_is_where_the_registry_says() -> None:
    import importlib

    for target in handlens.core.saved._LOADERS.values():
        module, name = target.split(":")
        assert callable(getattr(importlib.import_module(module), name))


def test_importing_it_imports_no_model() -> None:
    code = (
        "import sys, handlens.core.saved; "
        "assert not {'torch', 'handlens.tabular', 'handlens.vision', 'handlens.studio'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
