"""A model made fast for prediction: fewer layers, the same predictions. Folding itself: tests of the backbones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from handlens.vision import ImageItemList, VisionLearner, create_cnn, heatmap, imagenet_stats
from handlens.vision.fuse import make_fast


@pytest.fixture
def learn(tmp_path: Path) -> VisionLearner:
    random = np.random.default_rng(0)
    for i in range(4):
        Image.fromarray(random.integers(0, 256, (40, 40, 3)).astype(np.uint8)).save(tmp_path / f"{'ab'[i % 2]}{i}.png")
    items = ImageItemList.from_folder(tmp_path).split_by_idx([0]).label_from_re(r"([ab])\d")
    data = items.transform(size=40).databunch(bs=2, num_workers=0).normalize(imagenet_stats)
    learn = create_cnn(data, "mobilenetv2_035", pretrained=False, seed=0)
    for norm in learn.model.modules():
        if isinstance(norm, nn.BatchNorm2d):  # as after training: another mean and variance in each channel
            torch.nn.init.uniform_(norm.running_mean, -0.5, 0.5)
            torch.nn.init.uniform_(norm.running_var, 0.5, 2)
    return learn


def norms(model: nn.Module) -> int:
    return sum(isinstance(layer, nn.BatchNorm2d) for layer in model.modules())


def test_the_same_is_predicted_with_fewer_layers(learn: VisionLearner) -> None:
    files, before = learn.data.train_ds.x.items, learn.model
    wanted = learn.predict_files(files)
    explained = heatmap(learn, learn.data.train_ds[0][0], cat="a")
    make_fast(learn, learn.data.one_item(files[0])[0])
    assert learn.model is not before
    assert norms(learn.model) == 0 < 40 < norms(before)
    found = learn.predict_files(files)
    for name in ("probability of a", "probability of b"):
        assert found[name].to_numpy() == pytest.approx(wanted[name].to_numpy(), abs=1e-5)
    again = heatmap(learn, learn.data.train_ds[0][0], cat="a")
    assert torch.allclose(again.data, explained.data, atol=1e-5 * float(explained.data.abs().max()) + 1e-12)


def test_the_model_from_before_stays_as_it_was(learn: VisionLearner) -> None:
    before = {name: value.clone() for name, value in learn.model.state_dict().items()}
    training, model = [layer.training for layer in learn.model.modules()], learn.model
    make_fast(learn, learn.data.one_item(learn.data.train_ds.x.items[0])[0])
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert [layer.training for layer in model.modules()] == training
