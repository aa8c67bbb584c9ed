"""Sources of features, and what can be done before all photos are prepared."""

from __future__ import annotations

import os
import sys
import threading

import numpy as np
import pandas as pd
import pytest

from handlens.errors import Cancelled, DownloadError, WeightsError
from handlens.studio.collection import Collection
from handlens.studio.projections import LABELS, NEIGHBOURS, SEPARATE

WHERE = "patches/coarse/where"


def test_a_failing_download_gives_way_to_learned_features(quick, drawn, tmp_path, monkeypatch, label_some):
    def offline(name, *, weights=None, random=False):
        raise DownloadError("the hub cannot be reached.")

    monkeypatch.setattr("handlens.studio.features.backbone_extractor", offline)
    with Collection.create(tmp_path / "c", images=drawn, backbone="resnet18") as collection:
        collection.prepare()
        assert [(s.name, s.state) for s in collection.sources] == [("resnet18", "failed"), ("patches", "ready")]
        assert collection.notices == [
            "resnet18 cannot be used, so features learned on these photos are in use instead. "
            "The hub cannot be reached. To try again: Sources in the page, or add_features and prepare."
        ]
        assert collection.layers[0].id == "patches/fine/what"
        assert np.isfinite(collection.map(WHERE, "pca-1-2")).all()
        label_some(collection)
        collection.train()
        table = collection.predictions()
    with Collection.open(tmp_path / "c") as collection:  # what is in use instead is still there
        assert collection.layers[0].id == "patches/fine/what"
        pd.testing.assert_frame_equal(collection.predictions(), table)
        collection.add_features("resnet50")
        collection.prepare()
        assert any(
            "resnet50 cannot be used; in use: learned on these photos." in notice for notice in collection.notices
        )
        assert [s.state for s in collection.sources] == ["failed", "ready", "failed"]


def test_wrong_weights_are_an_error_and_not_given_way_to(quick, drawn, tmp_path, monkeypatch):
    def refuse(name, *, weights=None, random=False):
        raise WeightsError("these weights do not fit")

    monkeypatch.setattr("handlens.studio.features.backbone_extractor", refuse)
    (tmp_path / "w.safetensors").write_bytes(b"")
    with Collection.create(
        tmp_path / "c", images=drawn, backbone="resnet18", weights=tmp_path / "w.safetensors"
    ) as collection:
        with pytest.raises(WeightsError):
            collection.prepare()
        assert collection.progress.phase == "failed"
        assert collection.progress.error == "these weights do not fit"
        assert not collection.progress.running
        assert collection.layers == []
        collection.start_preparing()  # tries again, and says the same
        collection.parts.preparing.join()
        assert collection.progress.error == "these weights do not fit"
        collection.add_features(None)
        collection.prepare()  # goes on with what there is
        assert [s.state for s in collection.sources] == ["failed", "ready"]


def test_features_added_later_stand_beside_the_others(collection, monkeypatch, draw_photo, label_some):
    import torch

    from handlens.studio.features.extractor import layers_of

    class Means:
        name, size, layers = "means", 16, layers_of("means", [("0", 3)])

        def __call__(self, batch):
            mean = batch.float().mean((1, 2))
            return [mean, mean.repeat_interleave(9, 1)]

        def config(self):
            return {}

        def tensors(self):
            return {"none": torch.zeros(1)}

    monkeypatch.setattr("handlens.studio.features.backbone_extractor", lambda name, weights=None: Means())
    monkeypatch.setattr("handlens.vision.backbones.library_of", lambda name: "timm")
    label_some(collection)
    # Photo 3 was prepared for the first source and is gone now: it takes part in neither from here on.
    (collection.images / collection.paths[3]).unlink()
    collection.add_features("means")
    assert collection.sources[1].state == "waiting"
    collection.prepare()
    assert [layer.id for layer in collection.layers[-2:]] == ["means/0/what", "means/0/where"]
    xy = collection.map("means/0/what", "pca-1-2")
    assert np.flatnonzero(np.isnan(xy[:, 0])).tolist() == [3]
    report = collection.train()
    assert report.n_labelled == 11
    assert np.isfinite(collection.parts.models.probabilities()[1]).all(1).sum() >= 39
    assert collection.separate(["circle", "square"])[1] == SEPARATE
    collection.add_features("means")  # known and ready: nothing to do
    assert [s.state for s in collection.sources] == ["ready", "ready"]


def test_photos_count_as_soon_as_they_are_prepared(quick, drawn, tmp_path, monkeypatch, label_some):
    monkeypatch.setattr("handlens.studio.preparation_run.BATCH", 4)
    for module in ("preparation_run", "layers", "preparing"):
        monkeypatch.setattr(f"handlens.studio.{module}.FIRST", 12)
    stop = threading.Event()
    with Collection.create(tmp_path / "c", images=drawn, backbone=None) as collection:
        with pytest.raises(Cancelled):
            collection.prepare(
                cancel=stop,
                progress=lambda now: stop.set() if now.phase == "features" and now.done == 24 else None,
            )
        there = collection.parts.photos.order[:24]
        label_some(collection, 20)
        assert len(collection.similar(there[:2], layer=WHERE)) == 22
        embedded = collection.map(WHERE, NEIGHBOURS)
        assert np.isfinite(embedded[:, 0]).sum() == 12  # the maps hold still meanwhile
        assert len(collection.similar(there[:2], layer=WHERE, projection=NEIGHBOURS)) == 22
        assert len(collection.similar(there[20:22], layer=WHERE, projection=NEIGHBOURS)) == 22
        assert collection.train().n_labelled == 24
        assert np.isfinite(collection.map(WHERE, LABELS)[:, 0]).sum() == 24


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a priority for each thread")
def test_preparing_in_the_background_gives_way_to_answers(collection):
    mine, found = os.getpriority(os.PRIO_PROCESS, threading.get_native_id()), set()

    def heard(kind, payload):
        found.add(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))

    collection.parts.listeners.subscribe(heard)
    collection.start_preparing()
    collection.parts.preparing.join()
    assert found == {min(mine + 5, 19)}
    assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) == mine
