"""What CONTRIBUTING.md says about where new parts go: one of each is added here, as someone would who is new."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from fastapi.responses import FileResponse
from PIL import Image as Pillow
from starlette.testclient import TestClient
from torch import Tensor

from handlens.audit import subgroups
from handlens.audit.estimators import Rate
from handlens.audit.metrics import METRICS, Metric
from handlens.core.callbacks import EarlyStopping
from handlens.core.metrics import higher_is_better
from handlens.io.files import atomic_write
from handlens.plugins import plugins
from handlens.studio import Collection
from handlens.studio.features import SOURCES, SourceKind
from handlens.studio.features.extractor import check_batch, layers_of
from handlens.studio.server.app import create_app
from handlens.studio.server.dependencies import CollectionId, OpenCollection, Server
from handlens.studio.server.downloads import sent_file
from handlens.studio.server.routes import export
from handlens.tabular import TabularList, tabular_learner
from handlens.vision.image import Image
from handlens.vision.transform import Augment, Transform
from handlens.vision.transform.parameters import Range, parameter_range
from handlens.vision.transform.plan import Plan


def test_a_metric_of_audits_is_one_entry_of_metrics(monkeypatch):
    """The false discovery rate: which share of those predicted positive is negative."""
    metric = Metric(
        name="fdr",
        title="false discovery rate",
        needs="positive",
        better="lower",
        unit="%",
        estimator=Rate(lambda rows: ~rows.positive, lambda rows: rows.predicted_positive, "no rows predicted positive"),
    )
    monkeypatch.setitem(METRICS, "fdr", metric)

    truth = [1, 1, 0, 0, 1, 0, 0, 0]
    predicted = [1, 1, 1, 0, 1, 1, 1, 1]
    group = ["a"] * 4 + ["b"] * 4
    audit = subgroups(truth, predicted, {"group": group}, positive=1, small=1)

    found = audit.frame.query("metric == 'fdr'").set_index("group")["value"]
    assert found["a"] == 1 / 3
    assert found["b"] == 3 / 4
    assert "false discovery rate by group: worst for b, 75.0 %" in str(audit)


def within_a_tenth(predictions: Tensor, targets: Tensor) -> float:
    """The share of predictions that are at most 10 % off."""
    return float(((predictions - targets).abs() <= 0.1 * targets.abs()).float().mean())


def test_a_metric_of_learners_is_a_function():
    df = pd.DataFrame({"x": [0.0, 1, 2, 3, 4, 5], "y": [1.0, 1, 1, 1, 2, 2]})
    data = TabularList.from_df(df, cont_names=["x"]).split_by_idx([3, 4]).label_from_df("y").databunch(bs=2)
    learn = tabular_learner(data, layers=[2], metrics=higher_is_better(within_a_tenth), seed=0)

    learn.fit(1, 0.1, callbacks=[EarlyStopping("within_a_tenth")])

    predictions, targets = learn.get_preds()
    assert learn.recorder.row["within_a_tenth"] == within_a_tenth(predictions, targets)
    assert within_a_tenth(torch.tensor([1.0, 2.3]), torch.tensor([1.1, 2.0])) == 0.5


def shift(share: Range = 0.5, *, p: float = 1.0) -> Transform:
    """Move pictures to the right by a share of their width."""
    return Transform("shift", _shift, {"share": parameter_range("share", share)}, p)


def _shift(plan: Plan, share: float) -> None:
    plan.move(np.array([[1.0, 0.0, -2 * share], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]))  # x goes from -1 to 1


def test_a_transform_is_a_function_that_adds_to_the_plan():
    picture = torch.zeros(3, 4, 4)
    picture[:, :, 0] = 1.0  # white on the left
    augment = Augment([shift(0.5)], padding_mode="zeros")

    one = augment(Image(picture)).data
    (batch,) = augment.batch(picture[None])

    expected = torch.zeros(3, 4, 4)
    expected[:, :, 2] = 1.0
    torch.testing.assert_close(one, expected)
    torch.testing.assert_close(batch, expected)
    assert repr(shift((0, 0.5), p=0.75)) == "shift(share=(0, 0.5), p=0.75)"


class Colours:
    """A source of layers: the colour of each cell of a 3×3 grid, and their average."""

    name = "colours"
    size = 24

    def __init__(self) -> None:
        self.layers = layers_of(self.name, [("rgb", 3)])

    def maps(self, batch: Tensor) -> list[Tensor]:
        check_batch(batch, self.size)
        return [torch.nn.functional.adaptive_avg_pool2d(batch.permute(0, 3, 1, 2).float() / 255, 3)]

    def __call__(self, batch: Tensor) -> list[Tensor]:
        (cells,) = self.maps(batch)
        return [cells.mean((2, 3)), cells.flatten(1)]

    def config(self) -> dict[str, Any]:
        return {"kind": self.name}

    def tensors(self) -> dict[str, Tensor]:
        return {"nothing": torch.zeros(1)}


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Twenty photos: ten red ones, then ten blue ones, all of them a little different."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for i in range(20):
        colour = (200 + i, 40, 40) if i < 10 else (40, 40, 200 + i)
        Pillow.new("RGB", (32, 32), colour).save(folder / f"{i:02d}.png")
    return folder


def test_a_source_of_layers_is_an_extractor_and_one_entry_of_sources(monkeypatch, photos, tmp_path):
    monkeypatch.setitem(SOURCES, "colours", SourceKind(lambda config, tensors: Colours(), make=Colours))

    with Collection.create(tmp_path / "collection", images=photos, backbone="colours") as collection:
        collection.prepare()
        assert [layer.id for layer in collection.layers] == ["colours/rgb/what", "colours/rgb/where"]
        assert collection.networks == []  # it can't be fine-tuned
        collection.label(range(5), "red")
        collection.label(range(10, 15), "blue")
        collection.train()
        assert collection.predictions()["predicted"].tolist() == ["red"] * 10 + ["blue"] * 10
        expected = ["red"] * 10 + ["blue"] * 10
        assert collection.predictions()["predicted"].tolist() == expected
        collection.export_model(tmp_path / "model")

    with Collection.open(tmp_path / "collection") as collection:
        assert [layer.dim for layer in collection.layers] == [3, 27]

    from handlens.studio.predictor import load_predictor

    assert load_predictor(tmp_path / "model").predict(photos)["predicted"].tolist() == expected


JSON_LINES = """
import json
from handlens.studio.formats import FoundLabel, FoundLabels


class JsonLines:
    name, title, endings = "json-lines", "JSON lines", (".jsonl",)

    def recognises(self, path):
        return True

    def read(self, path, photos, **choices):
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        found = [FoundLabel(row["image"], row["class"], f"line {i}") for i, row in enumerate(rows, 1)]
        return FoundLabels.of(self.title, path.name, found)
"""


def install_plugin(monkeypatch: pytest.MonkeyPatch, folder: Path, name: str, code: str, entry_points: str) -> None:
    """Make a package of one module that can be imported, with its entry points."""
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    (folder / f"{name}.py").write_text(code)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(entry_points)
    monkeypatch.syspath_prepend(folder)
    monkeypatch.delitem(sys.modules, name, raising=False)
    plugins.cache_clear()


def test_a_format_of_labels_is_an_importer_and_one_entry_point(monkeypatch, photos, tmp_path):
    entry = "[handlens.importers]\njson-lines = acme_lines:JsonLines\n"
    install_plugin(monkeypatch, tmp_path / "packages", "acme_lines", JSON_LINES, entry)
    with Collection.create(tmp_path / "collection", images=photos, backbone=None) as collection:
        lines = [{"image": collection.paths[0], "class": "red"}, {"image": "gone.png", "class": "red"}]
        (tmp_path / "labels.jsonl").write_text("\n".join(map(json.dumps, lines)))
        done = collection.import_labels(tmp_path / "labels.jsonl")
        assert (done.title, done.imported) == ("JSON lines", 1)
        assert done.unmatched["where"].tolist() == ["line 2"]
        assert collection.labels.dropna().to_dict() == {0: "red"}
    plugins.cache_clear()


LINES = """
from handlens.io.files import atomic_write


class Lines:
    name, title, ending = "lines", "Lines of text", ".txt"

    def write(self, export, path):
        rows = zip(export.labelled["path"], export.labelled["label"], strict=True)
        with atomic_write(path) as partial:
            partial.write_text("".join(f"{photo}\\t{label}\\n" for photo, label in rows), encoding="utf-8")
        return []
"""


def test_a_format_of_labels_is_an_exporter_and_one_entry_point(monkeypatch, photos, tmp_path):
    install_plugin(
        monkeypatch, tmp_path / "packages", "acme_text", LINES, "[handlens.exporters]\nlines = acme_text:Lines\n"
    )
    with Collection.create(tmp_path / "collection", images=photos, backbone=None) as collection:
        collection.label([0, 10], "red")
        assert str(collection.export(tmp_path / "out.txt", "lines")) == f"2 labels: {tmp_path / 'out.txt'}"

    assert (tmp_path / "out.txt").read_text(encoding="utf-8") == "00.png\tred\n10.png\tred\n"
    plugins.cache_clear()


def export_counts(collection: Collection, path: Path | str) -> None:
    """Write how many photos each label has, as CSV."""
    with atomic_write(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("label", "count"), *collection.labels.value_counts().sort_index().items()])


@pytest.fixture
def with_counts(monkeypatch) -> None:
    """The server's exports and one more."""
    monkeypatch.setattr(export.router, "routes", [*export.router.routes])

    @export.router.get("/counts.csv", response_class=FileResponse)
    def counts(c: CollectionId, collection: OpenCollection, server: Server) -> FileResponse:
        def write(path: Path) -> None:
            export_counts(collection, path)

        return sent_file(c, "counts.csv", write, server.temporary, kind="text/csv")


def test_another_file_is_a_function_and_a_route(with_counts, monkeypatch, photos, tmp_path):
    monkeypatch.setitem(SOURCES, "colours", SourceKind(lambda config, tensors: Colours(), make=Colours))
    folder = tmp_path / "home" / "collections" / "colours-0123456789"
    with Collection.create(folder, images=photos, backbone="colours") as collection:
        collection.prepare()
        collection.label([0, 1, 2], "red")
        collection.label([10], "blue")

    with TestClient(create_app(tmp_path / "home"), base_url="http://127.0.0.1:8600") as client:
        answer = client.get("/api/collections/colours-0123456789/export/counts.csv")

    assert answer.status_code == 200
    assert answer.text.splitlines() == ["label,count", "blue,1", "red,3"]
    assert 'filename="colours-0123456789-counts.csv"' in answer.headers["content-disposition"]
