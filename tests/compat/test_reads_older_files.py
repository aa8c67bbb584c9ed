"""What older versions left on disk is read by this one: files in data/, which write_fixtures.py wrote back then.

A test here that fails says that people's collections or models would no longer open, or would say something else.
Correct the code, not the files. Predictions may differ by what processors round differently.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image as Picture

from handlens.core.checkpoint import Checkpoint
from handlens.studio.collection import Collection
from handlens.studio.predictor import load_predictor
from handlens.tabular import Categorify, FillMissing, FloatList, Normalize, TabularList, accuracy, rmse, tabular_learner
from handlens.tabular import load_learner as load_tabular
from handlens.tabular.learner import TabularLearner
from handlens.vision import (
    ImageItemList,
    VisionLearner,
    create_cnn,
    error_rate,
    get_transforms,
    imagenet_stats,
    open_image,
)
from handlens.vision import load_learner as load_vision

DATA = Path(__file__).parent / "data"
Unpack = Callable[[str], tuple[Path, dict[str, Any]]]


@pytest.fixture
def unpack(tmp_path: Path) -> Unpack:
    """A fixture's files in a folder of its own, and what its version said about them."""

    def one(name: str) -> tuple[Path, dict[str, Any]]:
        with zipfile.ZipFile(DATA / f"{name}.zip") as archive:
            archive.extractall(tmp_path / name)
        return tmp_path / name, json.loads((DATA / f"{name}.json").read_text(encoding="utf-8"))

    return one


@pytest.fixture
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


# --- a collection ------------------------------------------------------------------------------------


@pytest.fixture
def old(unpack: Unpack) -> Iterator[tuple[Collection, dict[str, Any]]]:
    """A collection that an older version wrote, opened."""
    folder, said = unpack("collection")
    with Collection.open(folder) as collection:
        yield collection, said


def labels_of(collection: Collection) -> list[str | None]:
    return [name if isinstance(name, str) else None for name in collection.labels]


def test_photos_and_layers(old: tuple[Collection, dict[str, Any]]) -> None:
    collection, said = old
    assert collection.name == said["name"]
    assert collection.seed == said["seed"]
    assert collection.paths == said["paths"]
    assert collection.scan() == 0
    assert [[file.path, file.reason] for file in collection.left_out] == said["left_out"]
    assert [[layer.id, layer.dim] for layer in collection.layers] == said["layers"]
    assert collection.parts.photos.prepared == len(said["paths"])
    assert collection.parts.photos.usable.all()
    assert collection.networks == ["test_efficientnet"]


def test_labels_and_their_history(old: tuple[Collection, dict[str, Any]]) -> None:
    collection, said = old
    assert labels_of(collection) == said["labels"]
    assert [[info.name, info.count, info.colour] for info in collection.parts.labels.table] == said["label_table"]
    assert collection.parts.labels.version == said["label_version"]
    assert collection.parts.labels.undo_text == said["undo_text"]
    assert collection.parts.labels.redo_text == said["redo_text"]
    assert collection.redo()
    assert "late" in collection.label_names
    steps = 0
    while collection.undo():
        steps += 1
    assert steps == 8  # three labels, a wrong one, rename, merge, the reviewed one, and what was redone
    assert collection.label_names == []
    assert labels_of(collection) == [None] * len(said["paths"])
    for _ in range(steps - 1):
        assert collection.redo()
    assert labels_of(collection) == said["labels"]


def test_labels_whose_origins_were_not_kept(old: tuple[Collection, dict[str, Any]]) -> None:
    collection, _ = old
    origins = collection.origins.dropna(subset="label")
    assert len(origins) == collection.labels.notna().sum() > 0
    assert set(origins["gesture"]) == {"unknown"}
    assert set(origins["kind"]) == {"by hand"}
    assert origins["at"].notna().all()
    photo = int(np.flatnonzero(collection.labels.isna())[0])
    collection.label([photo], "ring")
    assert collection.origins["gesture"][photo] == "call"


def test_the_view_and_what_was_separated(
    old: tuple[Collection, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    collection, said = old
    monkeypatch.delattr("handlens.studio.layer_maps.neighbour_embedding")
    assert collection.parts.settings.view == said["view"]
    assert collection.parts.maps.separating == said["separating"]
    layer = said["view"]["layer"]
    assert "separate" in collection.projections(layer)
    assert np.isfinite(collection.map(layer, "separate")).all()
    # The embedding on disk is read, not made again.
    np.testing.assert_allclose(collection.map(layer, "neighbours"), said["neighbours"], atol=1e-6)


def test_models_reports_and_predictions(old: tuple[Collection, dict[str, Any]]) -> None:
    collection, said = old
    assert collection.model == said["model"] == "quick"
    assert collection.parts.models.version == said["model_version"]
    assert set(collection.models) == {"quick", "fine-tuned", "both"}
    for kind, expected in said["models"].items():
        report = collection.models[kind]
        for name in ("n_labelled", "layers", "labels_version", "seconds", "network"):
            assert getattr(report, name) == expected[name]
        # The accuracy and the warnings of that version were about photos that people chose: no accuracy is shown.
        assert (report.accuracy, report.interval, report.guess, report.warnings) == (None, None, None, [])
        assert report.reason.startswith("Nothing is checked yet.")
        assert report.confusion.to_numpy().tolist() == expected["confusion"]
        for column in ("label", "count", "thin"):
            assert report.per_class.reset_index()[column].tolist() == expected["per_class"][column]
    found = collection.held_out
    assert found is not None
    assert [found.ids.tolist(), list(found.truth), list(found.predicted)] == said["held_out"]
    for kind in ("quick", "fine-tuned"):
        collection.use_model(kind)
        names, p = collection.parts.models.probabilities()
        assert names == said[kind]["classes"]
        np.testing.assert_allclose(p, said[kind]["probabilities"], atol=1e-4)
        table = collection.predictions()
        assert table["path"].tolist() == said["paths"]
        assert table["predicted"].tolist() == [names[i] for i in p.argmax(1)]


def test_the_fine_tuned_model_predicts_the_same_again(old: tuple[Collection, dict[str, Any]], tmp_path: Path) -> None:
    collection, said = old
    collection.use_model("fine-tuned")
    collection.export_model(tmp_path / "taken-away")
    learn = load_vision(tmp_path / "taken-away")
    assert learn.data.classes == said["fine-tuned"]["classes"]
    for id in (0, 12):
        values = learn.predict(open_image(collection.images / said["paths"][id])).values
        np.testing.assert_allclose(values, said["fine-tuned"]["probabilities"][id], atol=1e-3)


def test_work_goes_on(old: tuple[Collection, dict[str, Any]]) -> None:
    collection, said = old
    collection.label([8], "block")
    collection.label([22], "odd")
    assert collection.train().per_class["count"].to_dict() == {"circle": 8, "block": 9, "odd": 2}
    assert len(collection.predictions()) == len(said["paths"])
    collection.close()
    with Picture.open(collection.images / said["paths"][12]) as ring:
        ring.rotate(180).save(collection.images / "rings" / "new.png")
    with Collection.open(collection.folder) as again:
        again.prepare()
        assert again.parts.photos.prepared == len(again.paths) == len(said["paths"]) + 1
        assert [path for path in again.paths if path.endswith("new.png")] == ["rings/new.png"]
        assert len(again.predictions()) == len(said["paths"]) + 1


def test_what_was_checked(old: tuple[Collection, dict[str, Any]]) -> None:
    collection, said = old
    attached = collection.attached
    assert attached is not None
    assert [attached.name, attached.column, list(attached.columns)] == said["attached"]
    assert attached.matched == len(said["paths"])
    split = collection.subgroups("place").frame
    assert split["group"].tolist() == said["subgroups"]["group"]
    assert split["n"].tolist() == said["subgroups"]["n"]
    assert split["value"].tolist() == pytest.approx(said["subgroups"]["value"])
    assert collection.parts.checks.answers == said["answers"]
    assert collection.datasheet().answers == said["answers"]
    cases = collection.review.queue.cases
    assert [[c.id, c.reference, c.status, c.label, c.contested] for c in cases] == said["cases"]
    assert said["waiting"] in [case.id for case in collection.review.waiting()]
    back = collection.review.take_back(said["decided"], by="Ann")
    assert back.status == "waiting"
    assert labels_of(collection)[collection.review.photo(back)] is None  # as before the decision


# --- models that were taken away -----------------------------------------------------------------------

# Columns of predictions for photos that had other names when the files were written.
NEW_NAMES = {"ring": "probability of ring", "class label": "probability of label", "label": "predicted"}


def test_an_exported_photo_classifier(unpack: Unpack) -> None:
    folder, said = unpack("photo-classifier")
    table = load_predictor(folder / "model").predict(folder / "photos")
    expected = pd.DataFrame(said["predictions"]).rename(columns=NEW_NAMES)
    assert table.columns.tolist() == [*expected.columns, "reason"]
    assert table["path"].tolist() == expected["path"].tolist()
    assert table["predicted"].tolist() == expected["predicted"].tolist()
    for column in ("probability", "probability of ring", "probability of label"):
        np.testing.assert_allclose(table[column], expected[column], atol=1e-4)


def test_exported_learners_of_tables(unpack: Unpack) -> None:
    folder, said = unpack("tabular")
    new = pd.read_csv(folder / "new.csv")
    for exported, key in (("exported sales", "sales"), ("exported many", "many"), ("exported ensemble", "ensemble")):
        same(load_tabular(folder / exported).predict_frame(new), said[key])


def test_an_exported_learner_of_pictures(unpack: Unpack) -> None:
    folder, said = unpack("vision")
    learn = load_vision(folder / "exported")
    table = learn.predict_files([folder / "photos" / name for name in said["files"]])
    same_photos(table, said["predictions"])


def same_photos(table: pd.DataFrame, expected: dict[str, list[Any]]) -> None:
    """Compare predictions for photos with those of a version whose columns had other names."""
    renamed = {NEW_NAMES.get(column, column): values for column, values in expected.items()}
    same(table[list(renamed)], renamed)


def same(table: pd.DataFrame, expected: dict[str, list[Any]]) -> None:
    assert table.columns.tolist() == list(expected)
    for column, values in expected.items():
        if isinstance(values[0], str):
            assert table[column].tolist() == values
        else:
            np.testing.assert_allclose(table[column], values, atol=1e-4)


# --- weights and checkpoints ---------------------------------------------------------------------------


def tabular(folder: Path, target: str) -> TabularLearner:
    """The learner as write_fixtures.py made it."""
    kind = {"label_cls": FloatList} if target == "sales" else {}
    data = (
        TabularList.from_df(
            pd.read_csv(folder / "rows.csv"),
            path=folder,
            cat_names=["shop", "day"],
            cont_names=["x"],
            procs=[FillMissing, Categorify, Normalize],
        )
        .split_by_idx(range(16))
        .label_from_df(target, **kind)
        .databunch(bs=16)
    )
    metric = rmse if target == "sales" else accuracy
    return tabular_learner(data, layers=[8], ps=[0.1], emb_drop=0.0, seed=7, metrics=metric)


@pytest.mark.parametrize("target", ["sales", "many"])
def test_saved_weights(unpack: Unpack, target: str) -> None:
    folder, said = unpack("tabular")
    assert tabular(folder, target).load(target).validate() == pytest.approx(said[f"{target} validated"], abs=1e-4)


def test_a_run_that_an_older_version_began_goes_on(
    unpack: Unpack, one_thread: None, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, said = unpack("tabular")
    learn = tabular(folder, "sales")
    learn.fit(3, 1e-3, seed=5, callbacks=[Checkpoint("killed")])
    assert "continuing after epoch 2 of 3" in capsys.readouterr().out
    assert len(learn.recorder.rows) == 3
    for row, expected in zip(learn.recorder.rows, said["resumed"]["rows"], strict=True):
        assert {name: row[name] for name in expected} == pytest.approx(expected, rel=1e-3)
    np.testing.assert_allclose(learn.get_preds()[0].flatten(), said["resumed"]["predictions"], atol=1e-3)
    assert not learn.model_path("killed").exists()


def test_saved_weights_of_a_network(unpack: Unpack) -> None:
    folder, said = unpack("vision")
    learn = vision(folder)
    learn.load("weights")
    same_photos(learn.predict_files([folder / "photos" / name for name in said["files"]]), said["predictions"])


def vision(folder: Path) -> VisionLearner:
    items = ImageItemList.from_folder(folder / "photos")
    items.path = folder
    held = [i for i, file in enumerate(items.items) if file.stem[-1] in "45"]
    data = (
        items.split_by_idx(held)
        .label_from_re(r"([^/]+)_\d.png$")
        .transform(get_transforms(do_flip=False), size=32)
        .databunch(bs=4)
        .normalize(imagenet_stats)
    )
    return create_cnn(data, "test_efficientnet", pretrained=False, metrics=error_rate, seed=9)
