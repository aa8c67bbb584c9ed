"""The dynamic U-Net: what it joins, sizes, odd ones too, ICNR, gradients, and saved shapes that were tampered with."""

from __future__ import annotations

import json
import math
import threading
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from torch import nn

from handlens.core.artifact import load_artifact
from handlens.core.onnx import export_onnx
from handlens.core.saved import load_learner
from handlens.errors import ArtifactError, BackboneError, TrainingError
from handlens.vision.backbones import load_network
from handlens.vision.body import create_body
from handlens.vision.learner import KIND, unet_learner, vision_learner_of
from handlens.vision.unet import PixelShuffleUp, SelfAttention, Skip, UNetDecoder, UNetShape, unet_shape


def unet(body: nn.Module, channels: int, size: tuple[int, int], classes: int = 3, **options: Any) -> nn.Module:
    decoder = UNetDecoder(channels, unet_shape(body, size), classes, **options)
    decoder.listen_to(body)
    return nn.Sequential(body, decoder).eval()


def small_body() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1),
        nn.Conv2d(4, 6, 3, 2, padding=1),
        nn.ReLU(),
        nn.Sequential(nn.Conv2d(6, 8, 3, 2, padding=1), nn.Conv2d(8, 8, 1)),
        nn.Conv2d(8, 16, 3, 2, padding=1),
    )


def test_the_last_layer_of_each_size_is_joined() -> None:
    shape = unet_shape(small_body(), (32, 48))
    assert shape == UNetShape([Skip("3.1", 8, 2), Skip("2", 6, 2)], 2)


def test_a_resnets_blocks_are_joined() -> None:
    body = create_body(load_network("resnet18", "torchvision", weights=None, random=True))
    shape = unet_shape(body.module, (64, 64))
    assert [tuple(skip) for skip in shape.skips] == [("6.1", 256, 2), ("5.1", 128, 2), ("4.1", 64, 2), ("2", 64, 2)]
    assert shape.scale == 2


def test_a_first_layer_that_divides_by_four_is_made_up_for() -> None:
    body = nn.Sequential(nn.Conv2d(3, 4, 4, 4), nn.Conv2d(4, 8, 2, 2))
    assert unet_shape(body, (32, 32)) == UNetShape([Skip("0", 4, 2)], 4)
    assert unet(body, 8, (32, 32))(torch.rand(1, 3, 32, 32)).shape == (1, 3, 32, 32)


@pytest.mark.parametrize("size", [(32, 32), (75, 51), (33, 64), (17, 90)])
def test_any_size_goes_through_whatever_it_was_made_for(size: tuple[int, int]) -> None:
    for made_for in ((32, 32), (75, 51)):
        model = unet(small_body(), 16, made_for)
        assert model(torch.rand(2, 3, *size)).shape == (2, 3, *size)


def test_layers_without_padding_are_joined_once_a_size() -> None:
    body = nn.Sequential(nn.Conv2d(3, 4, 3, 2), nn.Conv2d(4, 4, 3), nn.Conv2d(4, 8, 3, 2), nn.Conv2d(8, 8, 3, 2))
    shape = unet_shape(body, (61, 61))  # 30, 28, 13, 6
    assert shape == UNetShape([Skip("2", 8, 2), Skip("1", 4, 2)], 2)
    assert unet(body, 8, (61, 61))(torch.rand(1, 3, 61, 61)).shape == (1, 3, 61, 61)


def test_a_body_that_keeps_the_size_is_refused() -> None:
    with pytest.raises(BackboneError, match="smaller than the picture; 8 of 8 rows"):
        unet_shape(nn.Sequential(nn.Conv2d(3, 4, 3, padding=1)), (8, 8))


@pytest.mark.parametrize("scale", [2, 4])
def test_an_enlargement_begins_as_one_by_nearest_neighbours(scale: int) -> None:
    torch.manual_seed(0)
    up = PixelShuffleUp(3, 2, scale)
    large = up(torch.randn(2, 3, 4, 5))
    assert large.shape == (2, 2, 4 * scale, 5 * scale)
    cells = large.unfold(2, scale, scale).unfold(3, scale, scale)
    assert torch.allclose(cells, cells[..., :1, :1].expand_as(cells), atol=1e-6)
    assert large.std() > 0.1


def test_blur_averages_each_pixel_with_those_before_it() -> None:
    up = PixelShuffleUp(1, 1, 2, blur=True)
    smooth = nn.Sequential(*list(up)[-2:])
    square = torch.tensor([[[[0.0, 4.0], [8.0, 4.0]]]])
    # Padded at the top and left by its own edge: 0 0 4 / 0 0 4 / 8 8 4.
    assert smooth(square).tolist() == [[[[0.0, 2.0], [4.0, 4.0]]]]


def test_attention_by_hand() -> None:
    """Two places, two channels: places that are alike take from each other."""
    layer = SelfAttention(2)
    with torch.no_grad():
        layer.query.weight.copy_(torch.tensor([[[2.0], [0.0]]]))  # [1, 2, 1]: the first channel, doubled
        layer.key.weight.copy_(torch.tensor([[[1.0], [0.0]]]))
        layer.value.weight.copy_(torch.tensor([[[0.0], [1.0]], [[1.0], [0.0]]]))  # exchanges the channels
        layer.share.fill_(0.5)
    x = torch.tensor([[[[0.0, 1.0]], [[3.0, 5.0]]]])  # channels (0, 1) and (3, 5)
    # Scores of the first place: 0, 0, so that it takes half of each; of the second 0, 2: shares 1 : e².
    second = 1 / (1 + math.exp(-2))
    taken = [[4.0, 3 + 2 * second], [0.5, second]]  # of the exchanged channels (3, 5) and (0, 1)
    wanted = x + 0.5 * torch.tensor(taken)[None, :, None]
    assert torch.allclose(layer(x), wanted, atol=1e-6)


def test_attention_is_in_the_third_largest_map() -> None:
    body = create_body(load_network("resnet18", "torchvision", weights=None, random=True))
    decoder = UNetDecoder(body.channels, unet_shape(body.module, (64, 64)), 2, self_attention=True)
    assert [isinstance(join[-1], SelfAttention) for join in decoder.joins] == [False, True, False, False]
    decoder = UNetDecoder(16, unet_shape(small_body(), (32, 32)), 2, self_attention=True)
    assert [isinstance(join[-1], SelfAttention) for join in decoder.joins] == [True, False]


def test_without_the_picture_at_the_end() -> None:
    model = unet(small_body(), 16, (33, 20), last_cross=False)
    assert model(torch.rand(2, 3, 33, 20)).shape == (2, 3, 33, 20)
    with_it = unet(small_body(), 16, (33, 20))
    assert with_it[1].last[0].in_channels - model[1].last[0].in_channels == 3  # type: ignore[index]


def test_options_of_the_course_are_kept_or_refused(tmp_path: Path) -> None:
    data = mask_data(tmp_path)
    options = {"self_attention": True, "last_cross": False, "blur": True}
    learn = unet_learner(data, "mobilenetv2_035", pretrained=False, seed=0, **options)
    with torch.no_grad():
        for name, parameter in learn.model.named_parameters():
            if name.endswith("share"):
                parameter.fill_(0.3)
    loaded = load_learner(learn.export("unet"))
    inputs, _ = data.one_batch()
    assert torch.equal(loaded.outputs(inputs), learn.outputs(inputs))
    assert any(isinstance(part, SelfAttention) for part in loaded.model.modules())
    for name in ("norm_type", "bottle", "split_on", "blur_final", "y_range", "cut"):
        with pytest.raises(TrainingError, match=f"unet_learner does not take {name}: .*Leave {name} out"):
            unet_learner(data, "mobilenetv2_035", pretrained=False, **{name: None})


@pytest.mark.parametrize(("size", "attentive"), [((33, 47), True), ((17, 90), False)])
def test_onnx_computes_the_same_at_odd_sizes(tmp_path: Path, size: tuple[int, int], attentive: bool) -> None:
    torch.manual_seed(0)
    model = unet(small_body(), 16, size, self_attention=attentive)
    file = tmp_path / "unet.onnx"
    export_onnx(model, torch.randn(2, 3, *size), file, {})
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    for count in (1, 3):
        inputs = torch.randn(count, 3, *size)
        with torch.inference_mode():
            wanted = model(inputs).numpy()
        [found] = session.run(None, {"input": inputs.numpy()})
        assert found.shape == wanted.shape == (count, 3, *size)
        # The two sum the products of some twenty layers in different orders; float32 has an error of 6e-8 each.
        np.testing.assert_allclose(found, wanted, atol=1e-5 * np.abs(wanted).max(), rtol=0)


def test_every_parameter_learns() -> None:
    model = unet(small_body(), 16, (32, 32), self_attention=True).train()
    with torch.no_grad():
        model[1].joins[0][-1].share.fill_(0.5)  # type: ignore[index]
    model(torch.rand(2, 3, 32, 32)).square().mean().backward()
    without = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.isfinite().all()]
    assert without == []


def test_threads_do_not_see_the_pictures_of_others() -> None:
    model = unet(small_body(), 16, (32, 32))
    pictures = [torch.rand(1, 3, 32, 32) for _ in range(4)]
    wanted = [model(picture) for picture in pictures]
    found: dict[int, list[bool]] = {i: [] for i in range(4)}

    def run(i: int) -> None:
        for _ in range(10):
            found[i].append(torch.equal(model(pictures[i]), wanted[i]))

    threads = [threading.Thread(target=run, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(found[i] == [True] * 10 for i in range(4))


def test_a_decoder_alone_says_what_it_needs() -> None:
    model = unet(small_body(), 16, (32, 32))
    with pytest.raises(BackboneError, match="call the whole model"):
        model[1](torch.rand(1, 16, 4, 4))  # type: ignore[index]


def test_groups_are_the_bodys_two_and_the_decoder(tmp_path: Path) -> None:
    learn = unet_learner(mask_data(tmp_path), "resnet18", weights=None, pretrained=False, seed=0)
    assert len(learn.layer_groups) == 3
    assert learn.layer_groups[2] is learn.model[1]
    learn.freeze()
    trained = {name.split(".")[0] for name, p in learn.model.named_parameters() if p.requires_grad and p.dim() > 1}
    assert trained == {"1"}


def mask_data(root: Path, size: tuple[int, int] = (32, 32)) -> Any:
    from PIL import Image as Pillow

    from handlens.vision.items import SegmentationItemList

    for i in range(3):
        Pillow.new("RGB", size[::-1], (80 * i, 0, 0)).save(root / f"{i}.bmp")
        Pillow.new("L", size[::-1], i % 2).save(root / f"{i}.png")
    items = SegmentationItemList.from_folder(root, extensions=[".bmp"]).split_by_idx([0])
    return items.label_from_func(lambda file: file.with_suffix(".png"), classes=["no", "yes"]).databunch(bs=2)


@pytest.mark.parametrize(
    "change",
    [
        {"scale": 4096},
        {"skips": [["net.blocks.9", 16, 2]]},
        {"skips": [["net.blocks.0.0", 2**40, 2]]},
        {"skips": "all"},
        {"blur": 1, "skips": []},
    ],
)
def test_a_saved_shape_that_does_not_fit_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    learn = unet_learner(mask_data(tmp_path), "mobilenetv2_035", pretrained=False, seed=0)
    folder = learn.export("unet")
    config, tensors = load_artifact(folder, KIND)
    config = json.loads(json.dumps(config))
    config["model"] |= change
    with pytest.raises(ArtifactError, match="unet is damaged or not a saved learner"):
        vision_learner_of(config, tensors, folder=folder)
