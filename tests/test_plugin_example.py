"""The example of examples/handlens-plugin, installed as a stranger's package is, and used by its names alone."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import torch
from PIL import Image

from handlens.callbacks.trackers import tracker
from handlens.errors import ArtifactError, TrainingError
from handlens.plugins import plugins
from handlens.studio import Collection
from handlens.studio.features import rebuild
from handlens.studio.predictor import load_predictor
from handlens.tabular import TabularList, tabular_learner

EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "handlens-plugin"


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that the example is installed into."""
    folder = tmp_path_factory.mktemp("plugin")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-index"]
    command += ["--no-deps", "--no-build-isolation", "--target", str(folder), str(EXAMPLE)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture
def _installed(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(target)
    plugins.cache_clear()
    yield
    plugins.cache_clear()


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Ten red photos, then ten blue ones."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for i in range(20):
        colour = (200 + i, 40, 40) if i < 10 else (40, 40, 200 + i)
        Image.new("RGB", (32, 32), colour).save(folder / f"{i:02d}.png")
    return folder


@pytest.mark.usefixtures("_installed")
def test_its_extractor_gives_the_average_colours() -> None:
    picture = torch.zeros(1, 24, 24, 3, dtype=torch.uint8)
    picture[:, :, :8, 0] = 255  # the left third is red
    what, where = plugins("extractors").get("colours").make()(picture)
    torch.testing.assert_close(what, torch.tensor([[1 / 3, 0, 0]]))
    assert where.reshape(3, 3, 3).tolist() == [[[1, 0, 0]] * 3, [[0] * 3] * 3, [[0] * 3] * 3]


@pytest.mark.usefixtures("_installed")
def test_its_extractor_describes_photos_and_is_saved_with_the_model(photos: Path, tmp_path: Path) -> None:
    with Collection.create(tmp_path / "collection", images=photos, backbone="colours") as collection:
        collection.prepare()
        assert [layer.id for layer in collection.layers] == ["colours/rgb/what", "colours/rgb/where"]
        assert collection.networks == []  # it has no weights, so nothing to fine-tune
        collection.label(range(5), "red")
        collection.label(range(10, 15), "blue")
        collection.train()
        collection.export_model(tmp_path / "model")
    expected = ["red"] * 10 + ["blue"] * 10
    assert load_predictor(tmp_path / "model").predict(photos)["predicted"].tolist() == expected


@pytest.mark.usefixtures("_installed")
def test_its_importer_and_its_exporter_give_the_same_labels(photos: Path, tmp_path: Path) -> None:
    file = tmp_path / "labels.pairs"
    file.write_text("00.png = red\n01.png = crimson = red\n12.png: blue\n99.png = blue\n", encoding="utf-8")
    with Collection.create(tmp_path / "collection", images=photos, backbone="colours") as collection:
        collection.prepare()
        plan = collection.plan_import(file)
        assert plan.matched[["path", "label"]].to_numpy().tolist() == [["00.png", "red"], ["01.png", "crimson = red"]]
        assert plan.unmatched["where"].tolist() == ["line 3", "line 4"]
        assert plan.unmatched["reason"].tolist()[0] == "it must read PHOTO = LABEL"
        collection.import_labels(plan)
        collection.export(tmp_path / "again.pairs", "pairs")
    assert (tmp_path / "again.pairs").read_text(encoding="utf-8") == "00.png = red\n01.png = crimson = red\n"


@pytest.mark.usefixtures("_installed")
def test_its_tracker_writes_each_epoch(tmp_path: Path) -> None:
    frame = pd.DataFrame({"x": [0.0, 1, 2, 3, 4, 5], "y": [0.0, 2, 4, 6, 8, 10]})
    data = TabularList.from_df(frame, cont_names=["x"]).split_by_idx([4, 5]).label_from_df("y").databunch(bs=2)
    learn = tabular_learner(data, layers=[4], seed=0)
    learn.fit(2, 0.01, callbacks=[tracker("lines", tmp_path / "epochs.jsonl")])
    lines = (tmp_path / "epochs.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == learn.recorder.rows


def test_without_it_the_errors_say_what_is_missing() -> None:
    with pytest.raises(TrainingError, match=r"tensorboard, mlflow, wandb\. 'lines' arrived; is the plugin installed\?"):
        tracker("lines")
    with pytest.raises(ArtifactError, match=r"'text'; got 'colours'\. If a plugin computed them, install it"):
        rebuild({"kind": "colours"}, {})
