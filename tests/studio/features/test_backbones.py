"""Networks: their stages, their weights, and that folding and number type leave the features alone."""

from __future__ import annotations

from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional as F

from handlens.errors import ArtifactError, BackboneError, WeightsError
from handlens.io.packaged_weights import PACKAGED
from handlens.studio.features import SUGGESTED, Suggested, backbone_extractor, backbones, rebuild
from handlens.studio.features.stages import stages_by_hooks
from handlens.studio.features.suggested import REPOSITORIES
from handlens.vision.fuse import fused

SMALL = "mobilenetv2_035"


@pytest.fixture(scope="session")
def small_weights(shared_data: Path) -> Path:
    """Real weights; unlike those of mobilenetv2_100 their normalisations are not folded already."""
    return shared_data / "weights" / "mobilenetv2_035.imagenet_notop.safetensors"


@pytest.fixture
def exact(monkeypatch: pytest.MonkeyPatch) -> None:
    """float32 whatever this machine's fastest type is."""
    monkeypatch.setattr(backbones, "half_precision", lambda where: False)


def noise(n: int = 2, size: int = 224) -> torch.Tensor:
    return torch.randint(256, (n, size, size, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def by_timm(name: str, weights: Path, batch: torch.Tensor) -> list[torch.Tensor]:
    """The stages by timm's own way to features, with the weights put in by hand and nothing folded."""
    net = timm.create_model(name, features_only=True).eval()
    found = load_file(weights)
    net.load_state_dict({key: found[key] for key in net.state_dict()})
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    with torch.inference_mode():
        stages: list[torch.Tensor] = net(((batch / 255 - mean) / std).permute(0, 3, 1, 2))
    return stages


def distance(found: torch.Tensor, wanted: torch.Tensor) -> float:
    return float((found - wanted).norm() / wanted.norm())


def test_layers(small_weights: Path) -> None:
    extractor = backbone_extractor(SMALL, weights=small_weights)
    assert (extractor.name, extractor.size) == (SMALL, 224)
    assert [layer.id for layer in extractor.layers[:3]] == [
        f"{SMALL}/0/what",
        f"{SMALL}/0/where",
        f"{SMALL}/1/what",
    ]
    assert [layer.dim for layer in extractor.layers] == [8, 72, 8, 72, 16, 144, 32, 288, 112, 1008]


@pytest.mark.parametrize(("half", "tolerance"), [(False, 1e-4), (True, 5e-2)])
def test_features_are_those_of_timm(
    small_weights: Path, half: bool, tolerance: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backbones, "half_precision", lambda where: half)
    found = backbone_extractor(SMALL, weights=small_weights)(noise())
    stages = by_timm(SMALL, small_weights, noise())
    assert len(found) == 2 * len(stages) == 10
    for i, stage in enumerate(stages):
        what, where = found[2 * i], found[2 * i + 1]
        assert what.dtype == where.dtype == torch.float32
        assert distance(what, stage.mean((2, 3))) < tolerance
        assert distance(where, F.adaptive_avg_pool2d(stage, 3).flatten(1)) < tolerance


def test_where_keeps_where(small_weights: Path) -> None:
    blank = torch.zeros(1, 224, 224, 3, dtype=torch.uint8)
    picture = blank.clone()
    picture[:, :60, :60] = noise(1, 60)
    extractor = backbone_extractor(SMALL, weights=small_weights)
    change = (extractor(picture)[1] - extractor(blank)[1]).reshape(8, 3, 3).abs().amax(0)
    # The first stage sees 3×3 pixels, so the noise in the top left reaches that cell alone.
    assert float(change[0, 0]) > 0.2
    change[0, 0] = 0
    assert float(change.max()) < 1e-3


def test_the_weights_with_a_classifier_fit_too(shared_data: Path, exact: None) -> None:
    weights = shared_data / "weights" / "mobilenetv2_100.imagenet.safetensors"
    found = backbone_extractor("mobilenetv2_100", weights=weights)(noise(1))
    for i, stage in enumerate(by_timm("mobilenetv2_100", weights, noise(1))):
        assert distance(found[2 * i], stage.mean((2, 3))) < 1e-4


def test_rebuild_needs_only_config_and_tensors(small_weights: Path) -> None:
    extractor = backbone_extractor(SMALL, weights=small_weights)
    again = rebuild(extractor.config(), extractor.tensors())
    assert again.layers == extractor.layers
    assert all(torch.equal(a, b) for a, b in zip(extractor(noise()), again(noise()), strict=True))
    assert extractor.tensors().keys() == load_file(small_weights).keys()


def test_rebuild_of_the_unknown_or_incomplete(small_weights: Path) -> None:
    with pytest.raises(ArtifactError, match="got 'other'"):
        rebuild({"kind": "other"}, {})
    extractor = backbone_extractor(SMALL, weights=small_weights)
    with pytest.raises(WeightsError, match="missing"):
        rebuild(extractor.config(), {})


# ---------------------------------------------------------------------------------------- weights files


def test_weights_that_do_not_fit_are_named(small_weights: Path, tmp_path: Path) -> None:
    found = load_file(small_weights)
    found["extra.weight"] = torch.zeros(1)
    del found["conv_stem.weight"]
    found["bn1.bias"] = torch.zeros(3)
    save_file(found, tmp_path / "w.safetensors")
    with pytest.raises(WeightsError) as error:
        backbone_extractor(SMALL, weights=tmp_path / "w.safetensors")
    text = str(error.value)
    assert f"does not fit {SMALL}" in text
    assert "missing: conv_stem.weight" in text
    assert "unexpected: extra.weight" in text
    assert "bn1.bias is [3] and must be [16]" in text


def test_weights_of_another_network(small_weights: Path) -> None:
    with pytest.raises(WeightsError, match=r"does not fit resnet18: missing: .* and \d+ more"):
        backbone_extractor("resnet18", weights=small_weights)


@pytest.mark.parametrize("name", ["w.safetensors", "w.pth"])
def test_files_that_hold_no_weights(tmp_path: Path, name: str) -> None:
    with pytest.raises(WeightsError, match="there is no file"):
        backbone_extractor(SMALL, weights=tmp_path / name)
    (tmp_path / name).write_bytes(b"not weights")
    with pytest.raises(WeightsError, match="cannot be read"):
        backbone_extractor(SMALL, weights=tmp_path / name)


class _Attack:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (Path("attacked"),)  # type: ignore[return-value]


def test_a_pth_file_never_runs_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"conv_stem.weight": _Attack()}, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match="weights only"):
        backbone_extractor(SMALL, weights=tmp_path / "w.pth")
    assert not (tmp_path / "attacked").exists()


def test_a_pth_file_of_tensors_is_read(small_weights: Path, tmp_path: Path) -> None:
    torch.save({"state_dict": load_file(small_weights)}, tmp_path / "w.pth")
    one = backbone_extractor(SMALL, weights=tmp_path / "w.pth")(noise(1))
    assert torch.equal(one[-1], backbone_extractor(SMALL, weights=small_weights)(noise(1))[-1])


def test_random_weights_and_a_file_contradict_each_other(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="Give one of them"):
        backbone_extractor(SMALL, weights=tmp_path / "w.safetensors", random=True)


# ---------------------------------------------------------------------------------------- other networks


@pytest.mark.parametrize("name", ["mobilenetv2_10", ""])
def test_unknown_names(name: str) -> None:
    with pytest.raises(BackboneError, match="there must be a network of that name in timm or torchvision"):
        backbone_extractor(name, random=True)


def test_a_near_name_is_offered() -> None:
    with pytest.raises(BackboneError, match=r"did you mean .*mobilenetv2_100"):
        backbone_extractor("mobilenetv2_10", random=True)


@pytest.mark.parametrize(
    ("name", "channels"),
    [
        ("resnet18", [64, 64, 128, 256, 512]),
        ("vit_tiny_patch16_224", [192] * 6),
        ("shufflenet_v2_x0_5", [24, 24, 48, 96, 1024]),
        ("squeezenet1_1", [64, 128, 256, 512]),
        ("swin_t", [96, 192, 384, 768]),
    ],
)
def test_stages_of_other_kinds_of_networks(name: str, channels: list[int]) -> None:
    extractor = backbone_extractor(name, random=True)
    assert [layer.dim for layer in extractor.layers if layer.pooling == "what"] == channels
    found = extractor(noise(2, extractor.size))
    assert [tuple(feature.shape) for feature in found] == [(2, layer.dim) for layer in extractor.layers]
    assert all(bool(feature.isfinite().all()) for feature in found)


@pytest.mark.parametrize(
    ("count", "chosen"), [(5, [0, 1, 2, 3, 4]), (12, [1, 3, 5, 7, 9, 11]), (7, [0, 1, 2, 3, 4, 6])]
)
def test_many_stages_are_thinned_evenly_to_the_last(count: int, chosen: list[int]) -> None:
    assert backbones._spaced(count) == chosen


class _Tokens(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([torch.full((len(x), 1, 1), -9.0), x.mean(1).flatten(1)[..., None]], 1)


def test_tokens_become_maps_without_their_class_token() -> None:
    sample = torch.arange(12.0).reshape(1, 3, 2, 2)
    (stage,) = stages_by_hooks("toy", nn.Sequential(_Tokens()), sample)(sample)
    assert stage.tolist() == [[[[4.0, 5.0], [6.0, 7.0]]]]


def test_a_network_without_space() -> None:
    with pytest.raises(BackboneError, match="toy has no layers"):
        stages_by_hooks("toy", nn.Sequential(nn.Flatten(), nn.Linear(12, 3)), torch.zeros(1, 3, 2, 2))


# ---------------------------------------------------------------------------------------- folding


def _answers(net: nn.Module, x: torch.Tensor) -> list[torch.Tensor]:
    return [net(x)]


def _norm(channels: int) -> nn.BatchNorm2d:
    norm = nn.BatchNorm2d(channels)
    with torch.no_grad():
        norm.weight.uniform_(0.5, 1.5)
        norm.bias.normal_()
        assert norm.running_mean is not None
        assert norm.running_var is not None
        norm.running_mean.normal_()
        norm.running_var.uniform_(0.5, 2)
    return norm


def test_a_normalisation_after_a_convolution_is_folded() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), _norm(4), nn.ReLU()).eval()
    x = torch.randn(2, 3, 8, 8)
    folded = fused(net, x[:1], _answers)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in folded.modules())
    torch.testing.assert_close(folded(x), net(x), rtol=1e-4, atol=1e-5)
    assert isinstance(net[1], nn.BatchNorm2d)  # the given network is left as it was


def test_a_network_run_several_times_is_folded_too() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), _norm(4), nn.ReLU()).eval()
    folded = fused(net, torch.randn(1, 3, 8, 8), lambda one, x: [one(x), one(x)])
    assert not any(isinstance(module, nn.BatchNorm2d) for module in folded.modules())


class _OneConvolutionTwoNorms(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.first, self.second = nn.Conv2d(3, 4, 3), _norm(4), _norm(4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.first(self.conv(x)) + self.second(self.conv(x))


def test_a_convolution_with_two_normalisations_is_not_folded() -> None:
    torch.manual_seed(0)
    net = _OneConvolutionTwoNorms().eval()
    assert fused(net, torch.randn(1, 3, 8, 8), _answers) is net


@pytest.mark.parametrize("name", [SMALL, "resnet18", "convnext_atto"])
def test_no_foldable_normalisation_is_left_in_a_network(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[nn.Module] = []

    def watched(*given: object) -> nn.Module:
        kept.append(fused(*given))  # type: ignore[arg-type]
        return kept[-1]

    monkeypatch.setattr(backbones, "fused", watched)
    backbone_extractor(name, random=True)
    left = [key for key, module in kept[0].named_modules() if isinstance(module, nn.BatchNorm2d)]
    assert left == (["bn2"] if name == SMALL else [])  # what follows its last stage is never run


class _UsedTwice(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 4, 3), _norm(4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.conv(x)
        return x + self.norm(x)


def test_a_convolution_whose_output_is_used_elsewhere_is_not_folded() -> None:
    torch.manual_seed(0)
    net = _UsedTwice().eval()
    assert fused(net, torch.randn(1, 3, 8, 8), _answers) is net


# ---------------------------------------------------------------------------------------- suggestions


@pytest.mark.parametrize("suggested", SUGGESTED, ids=lambda suggested: suggested.name)
def test_suggested_sizes_and_repositories_are_true(suggested: Suggested) -> None:
    with torch.device("meta"):
        net = timm.create_model(suggested.name)
    megabytes = sum(4 * parameter.numel() for parameter in net.parameters()) / 1e6
    assert suggested.megabytes == pytest.approx(megabytes, rel=0.05)
    if suggested.name not in PACKAGED:
        assert timm.get_pretrained_cfg(suggested.name).hf_hub_id == REPOSITORIES[suggested.name]


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (3, 3), (4, 5), (7, 7), (14, 14)])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_pooled_stages_are_averages(size: tuple[int, int], layout: torch.memory_format) -> None:
    stage = torch.randn(2, 3, *size, generator=torch.Generator().manual_seed(0)).contiguous(memory_format=layout)
    what, where = backbones._pooled(stage)
    torch.testing.assert_close(what, stage.mean((2, 3)))
    torch.testing.assert_close(where, torch.nn.functional.adaptive_avg_pool2d(stage, 3).flatten(1))
