"""create_cnn and its learner: frozen as it should be, learns, predicts, is exported and loaded; errors in words."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime
import pandas as pd
import pytest
import torch
from PIL import Image as Pillow
from safetensors.torch import save_file
from torch import nn
from torchvision import models
from typer.testing import CliRunner

from handlens.cli import app
from handlens.core.artifact import save_artifact
from handlens.errors import ArtifactError, BackboneError, DownloadError, TrainingError, WeightsError
from handlens.vision import (
    ImageDataBunch,
    ImageItemList,
    LabelSmoothing,
    Mixup,
    VisionLearner,
    create_cnn,
    error_rate,
    get_transforms,
    imagenet_stats,
    load_learner,
    open_image,
)

if TYPE_CHECKING:
    from tests.conftest import Hub

SMALL = "mobilenetv2_035"
COLOURS = ["black", "blue", "cyan", "green", "magenta", "red", "white", "yellow"]
EACH = 5

MakeLearner = Callable[..., VisionLearner]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Batches this small are not worth sharing, least of all on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A noisy picture of 32 × 40 pixels for each of eight colours, five times."""
    folder = tmp_path_factory.mktemp("colours")
    random = np.random.default_rng(0)
    for i, colour in enumerate(COLOURS):
        solid = np.array(Pillow.new("RGB", (40, 32), colour), float) * 0.6 + 51
        for k in range(EACH):
            noisy = (solid + random.normal(0, 15, solid.shape)).clip(0, 255).astype(np.uint8)
            Pillow.fromarray(noisy).save(folder / f"{COLOURS[i]}_{k}.png")
    return folder


@pytest.fixture
def data(pictures: Path, tmp_path: Path) -> Callable[..., ImageDataBunch]:
    def make(size: Any = 32, **options: Any) -> ImageDataBunch:
        items = ImageItemList.from_folder(pictures)
        items.path = tmp_path
        last = [i for i, file in enumerate(items.items) if file.stem.endswith("4")]
        labelled = items.split_by_idx(last).label_from_re(r"([^/]+)_\d+.png$", **options)
        tfms = get_transforms(max_warp=0.0, max_zoom=1.0)
        return labelled.transform(tfms, size=size).databunch(bs=8).normalize(imagenet_stats)

    return make


@pytest.fixture
def make(data: Callable[..., ImageDataBunch]) -> MakeLearner:
    """A learner with random weights, the same each time."""

    def learner(arch: Any = SMALL, *, size: Any = 32, **options: Any) -> VisionLearner:
        return create_cnn(data(size), arch, **{"pretrained": False, "seed": 0, "metrics": error_rate} | options)

    return learner


@pytest.fixture
def small_weights(shared_data: Path) -> Path:
    return shared_data / "weights" / "mobilenetv2_035.imagenet_notop.safetensors"


# What is made


def test_a_pretrained_body_is_frozen_but_for_its_norms(make: MakeLearner, small_weights: Path) -> None:
    learn = make(pretrained=True, weights=small_weights)
    norms = {
        id(p) for m in learn.model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm) for p in m.parameters()
    }
    for parameter in learn.model[0].parameters():
        assert parameter.requires_grad == (id(parameter) in norms)
    assert all(p.requires_grad for p in learn.model[1].parameters())
    assert len(learn.layer_groups) == 3
    assert learn.layer_groups[2] is learn.model[1]
    learn.unfreeze()
    assert all(p.requires_grad for p in learn.model.parameters())


def test_random_weights_are_not_frozen_and_the_seed_s(make: MakeLearner) -> None:
    learn = make()
    assert all(p.requires_grad for p in learn.model.parameters())
    same, other = make().model.state_dict(), make(seed=1).model.state_dict()
    for key, value in learn.model.state_dict().items():
        assert torch.equal(value, same[key])
    assert not torch.equal(same["1.4.weight"], other["1.4.weight"])


def test_a_torchvision_function_and_bn_final(make: MakeLearner) -> None:
    learn = make(models.resnet18, bn_final=True, ps=[0.1, 0.2])
    shown = repr(learn.model)
    assert "BasicBlock" in shown
    assert "in_features=1024, out_features=512" in shown
    assert "in_features=512, out_features=8" in shown
    assert isinstance(learn.model[1][-1], nn.BatchNorm1d)
    assert "p=0.1" in shown
    assert "p=0.2" in shown


def test_folded_norms_are_unfolded(data: Callable[..., ImageDataBunch], tmp_path: Path) -> None:
    net = models.resnet18()  # its norms have running means of 0 and variances of 1: nothing was ever run through it
    save_file(net.state_dict(), tmp_path / "folded.safetensors")
    before = torch.get_rng_state()
    learn = create_cnn(data(), models.resnet18, weights=tmp_path / "folded.safetensors", seed=0)
    assert torch.equal(torch.get_rng_state(), before), "a seed leaves torch's own random numbers alone"
    for module in learn.model[0].modules():
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_mean is not None
            assert module.running_mean.any()


# Learning


def test_it_learns_the_pictures_it_is_shown(pictures: Path, small_weights: Path) -> None:
    # All of them in each step, as they are: then the loss falls however a processor rounds. That a network this small
    # recognises others as well would take many more pictures, or luck.
    items = ImageItemList.from_folder(pictures).split_by_idx([0]).label_from_re(r"([^/]+)_\d+.png$")
    data = items.transform(size=32).databunch(bs=len(COLOURS) * EACH).normalize(imagenet_stats)
    learn = create_cnn(data, SMALL, weights=small_weights, ps=0.0, seed=0)
    first_layer = next(learn.model[0].parameters())
    before = first_layer.detach().clone()
    for least in (1.0, 0.0):
        learn.fit(10, 1e-3, seed=0)
        losses = learn.recorder.losses
        assert len(losses) == 10
        assert losses[0] > least, "guessing one of eight has a loss of 2.08"
        assert losses[-1] < 0.1
        assert torch.equal(first_layer, before) == (least == 1.0), "the body stands still until it is unfrozen"
        learn.unfreeze()


def test_it_grows_and_is_asked(make: MakeLearner, data: Any, small_weights: Path, pictures: Path) -> None:
    learn = make(pretrained=True, weights=small_weights, loss_func=LabelSmoothing(0.1), size=48, ps=0.1)
    learn.fit_one_cycle(1, 3e-3, seed=0, callbacks=[Mixup(0.2)])
    learn.unfreeze()
    learn.data = data(64)
    learn.fit_one_cycle(1, slice(1e-3, 3e-3), seed=0)
    preds, targets = learn.get_preds()
    assert preds.shape == (8, 8)
    torch.testing.assert_close(preds.sum(1), torch.ones(8))
    averaged, same = learn.TTA(n=2, seed=1)
    assert torch.equal(same, targets)
    torch.testing.assert_close(averaged, learn.TTA(n=2, seed=1)[0])
    torch.testing.assert_close(learn.TTA(n=1, beta=1.0)[0], preds)
    # One picture, however it comes, is predicted as the loader's.
    file = learn.data.valid_ds.x.items[0]
    for item in (file, str(file), open_image(file), open_image(file).data, learn.data.valid_ds[0][0]):
        label, code, probabilities = learn.predict(item)
        torch.testing.assert_close(probabilities, preds[0], atol=1e-4, rtol=1e-4)
        assert label.name == COLOURS[int(code)] == COLOURS[int(preds[0].argmax())]


def test_sizes_not_divisible_by_32(make: MakeLearner) -> None:
    learn = make(size=(37, 51))
    learn.fit_one_cycle(1, seed=0)
    assert learn.get_preds()[0].shape == (8, 8)


def test_grey_pictures_and_a_single_class(tmp_path: Path) -> None:
    for i in range(6):
        Pillow.new("L", (40, 33), 40 * i).save(tmp_path / f"only_{i}.png")
    labelled = ImageItemList.from_folder(tmp_path).split_by_idx([5]).label_from_re(r"([^/]+)_\d+.png$")
    learn = create_cnn(labelled.transform(size=32).databunch(bs=5), SMALL, pretrained=False)
    learn.fit_one_cycle(1)
    label, code, probabilities = learn.predict(tmp_path / "only_0.png")
    assert label.name == "only"
    assert int(code) == 0
    assert probabilities.tolist() == [1.0]


def test_tta_s_options(make: MakeLearner) -> None:
    with pytest.raises(TrainingError, match="n=0 and beta=2"):
        make().TTA(n=0, beta=2)


# Taken away


def test_an_exported_model_predicts_the_same_elsewhere(make: MakeLearner, tmp_path: Path) -> None:
    learn = make(bn_final=True)
    learn.fit_one_cycle(1, seed=0)
    file = learn.data.valid_ds.x.items[3]
    wanted = learn.predict(file)
    folder = learn.export("colours")
    assert {path.name for path in folder.iterdir()} >= {"model.json", "tensors.safetensors"}
    description = json.loads((folder / "model.json").read_text())
    made_as = {"name": SMALL, "library": "timm", "ps": 0.5, "hidden": 512, "bn_final": True}
    assert description["config"]["model"] == made_as
    moved = shutil.move(folder, tmp_path / "elsewhere")
    again = load_learner(moved)
    label, code, probabilities = again.predict(file)
    assert label == wanted.label
    assert code == wanted.code
    torch.testing.assert_close(probabilities, wanted.values, atol=1e-5, rtol=1e-5)
    assert again.data.classes == COLOURS
    # A second life: it can be exported again, and trained on other data.
    again.path = tmp_path
    again.export("again")
    again.data = learn.data
    again.fit_one_cycle(1)


def test_a_linear_head_is_exported_and_earlier_files_have_two_layers(make: MakeLearner, tmp_path: Path) -> None:
    learn = make(hidden=0)
    assert [type(layer).__name__ for layer in learn.model[1]][2:] == ["BatchNorm1d", "Dropout", "Linear"]
    file = learn.data.valid_ds.x.items[3]
    again = load_learner(learn.export("linear"))
    torch.testing.assert_close(again.predict(file).values, learn.predict(file).values, atol=1e-5, rtol=1e-5)

    learn = make()
    made_as = {name: value for name, value in learn.made_as.items() if name != "hidden"}
    config = {"data": learn.data.state(), "model": made_as}
    save_artifact(tmp_path / "earlier", "vision-learner", config, learn.model.state_dict())
    again = load_learner(tmp_path / "earlier")
    torch.testing.assert_close(again.predict(file).values, learn.predict(file).values, atol=1e-5, rtol=1e-5)


def test_a_changed_model_is_not_exported(make: MakeLearner) -> None:
    learn = make()
    learn.model[1].append(nn.Linear(8, 8))
    with pytest.raises(TrainingError, match="parts of this one were replaced"):
        learn.export()


def test_a_model_that_does_not_fit_its_description(make: MakeLearner, tmp_path: Path) -> None:
    learn = make()
    state = learn.data.state()
    for wrong in ({"name": "resnet10t"}, {"name": "no_such_net"}, {"ps": "much"}):
        save_artifact(
            tmp_path / "odd",
            "vision-learner",
            {"data": state, "model": learn.made_as | wrong},
            learn.model.state_dict(),
        )
        with pytest.raises(ArtifactError, match="damaged or not a saved learner"):
            load_learner(tmp_path / "odd")


def test_save_and_load(make: MakeLearner) -> None:
    learn = make()
    learn.fit_one_cycle(1, seed=0)
    learn.save("one")
    again = make(seed=5).load("one")
    torch.testing.assert_close(again.get_preds()[0], learn.get_preds()[0])
    with pytest.raises(WeightsError, match="another model"):
        make(models.resnet18).load("one")


def test_onnx_computes_the_same(make: MakeLearner) -> None:
    learn = make()
    file = learn.export_onnx("colours.onnx")
    inputs, _ = next(iter(learn.data.valid_dl))
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    [name] = [one.name for one in session.get_inputs()]
    for n in (1, 3):
        found = session.run(None, {name: inputs[:n].contiguous().numpy()})[0]
        with torch.inference_mode():
            np.testing.assert_allclose(found, learn.model(inputs[:n]).numpy(), atol=1e-3)


def test_files_are_predicted_and_the_unreadable_named(make: MakeLearner, tmp_path: Path) -> None:
    learn = make()
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no picture")
    files = [*learn.data.valid_ds.x.items[:3], bad, tmp_path / "gone.png"]
    seen: list[tuple[int, int]] = []
    table = learn.predict_files(files, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(5, 5)]
    named = [f"probability of {name}" for name in COLOURS]
    assert list(table.columns) == ["path", "predicted", "probability", *named, "reason"]
    assert table["path"].tolist() == [str(file) for file in files]
    preds, _ = learn.get_preds()
    np.testing.assert_allclose(table.loc[:2, named].to_numpy(float), preds[:3], atol=1e-4)
    assert table["predicted"][:3].tolist() == [COLOURS[i] for i in preds[:3].argmax(1)]
    assert (table["probability"][:3] == table.loc[:2, named].max(axis=1)).all()
    assert table["predicted"][3:].isna().all()
    assert (table["reason"] == "").tolist() == [True] * 3 + [False] * 2
    nothing = learn.predict_files([bad])
    assert list(nothing.columns) == list(table.columns)
    assert len(nothing) == 1


def test_the_command_predicts_a_folder(make: MakeLearner, pictures: Path, tmp_path: Path) -> None:
    folder = make().export("model")
    photos = tmp_path / "photos"
    (photos / "below").mkdir(parents=True)
    shutil.copy(pictures / "red_0.png", photos / "below")
    shutil.copy(pictures / "blue_0.png", photos)
    (photos / "bad.jpg").write_bytes(b"no picture")
    done = CliRunner().invoke(app, ["predict", str(folder), str(photos), "--out", str(tmp_path / "p.csv")])
    assert done.exit_code == 0, done.output
    table = pd.read_csv(tmp_path / "p.csv")
    assert table["path"].tolist() == ["bad.jpg", "below/red_0.png", "blue_0.png"]
    assert table["predicted"].isna().tolist() == [True, False, False]
    assert table["reason"].isna().tolist() == [False, True, True]
    np.testing.assert_allclose(table.filter(like="probability of").iloc[1:].sum(axis=1), 1, atol=1e-5)
    assert "2 photos predicted" in done.output
    assert "no prediction: bad.jpg: not a picture" in done.output


def test_numbers_are_predicted_as_a_column(data: Any, pictures: Path) -> None:
    items = ImageItemList.from_folder(pictures)
    labelled = items.split_by_idx([0]).label_from_func(lambda file: float(file.stem[-1]))
    learn = create_cnn(labelled.transform(size=32).databunch(bs=8), SMALL, pretrained=False)
    table = learn.predict_files(items.items[:2])
    assert list(table.columns) == ["path", "predicted", "reason"]
    assert table["predicted"].dtype == float


# Weights that cannot be downloaded, and names of no network


@pytest.fixture
def no_network(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing answers where weights are downloaded from, and the caches are empty."""
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize("arch", [models.resnet18, "mobilenetv2_050"])
def test_no_network_names_the_two_ways_on(make: MakeLearner, arch: Any) -> None:
    with pytest.raises(DownloadError, match=r"could not be downloaded.*weights=FILE.*pretrained=False"):
        make(arch, pretrained=True)


def test_a_network_that_nobody_trained_says_so(make: MakeLearner) -> None:
    with pytest.raises(WeightsError, match=f"no pretrained weights for {SMALL}; give a weights file"):
        make(pretrained=True)


def test_weights_come_from_the_hub_and_then_its_cache(
    hub: Hub, make: MakeLearner, small_weights: Path, shared_data: Path
) -> None:
    hub.content = (shared_data / "weights" / "mobilenetv2_100.imagenet.safetensors").read_bytes()
    learn = make("mobilenetv2_100", pretrained=True)
    asked = hub.asked
    hub.mode = "missing"
    again = make("mobilenetv2_100", pretrained=True)
    assert hub.asked == asked > 0
    assert torch.equal(learn.model[0].net.conv_stem.weight, again.model[0].net.conv_stem.weight)


def test_torch_s_cache_is_used(make: MakeLearner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    cache = tmp_path / "hub" / "checkpoints"
    cache.mkdir(parents=True)
    net = models.resnet18()
    torch.save(net.state_dict(), cache / models.ResNet18_Weights.DEFAULT.url.rsplit("/", 1)[1])
    learn = make(models.resnet18, pretrained=True)
    assert torch.equal(learn.model[0][0].weight, net.conv1.weight)


def test_names_and_things_that_are_no_network(make: MakeLearner) -> None:
    with pytest.raises(BackboneError, match=r"did you mean .*resnet34"):
        make("resnet43")
    with pytest.raises(BackboneError, match=r"a classifier of torchvision, such as models\.resnet34"):
        make(models.detection.fasterrcnn_resnet50_fpn)
    with pytest.raises(BackboneError, match=r"arch must be"):
        make(nn.Identity())
    with pytest.raises(BackboneError, match="cannot use googlenet of torchvision, which changes its inputs"):
        make(models.googlenet)


def test_weights_and_pretrained_false_contradict_each_other(make: MakeLearner) -> None:
    with pytest.raises(WeightsError, match="give one of them"):
        make(weights="some.safetensors")
