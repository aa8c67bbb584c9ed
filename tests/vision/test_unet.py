"""The dynamic U-Net: what it joins, sizes, odd ones too, ICNR, gradients, and saved shapes that were tampered with."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from handlens.core.artifact import load_artifact
from handlens.errors import ArtifactError, BackboneError
from handlens.vision.backbones import load_network
from handlens.vision.body import create_body
from handlens.vision.learner import KIND, unet_learner, vision_learner_of
from handlens.vision.unet import PixelShuffleUp, Skip, UNetDecoder, UNetShape, unet_shape


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


def test_every_parameter_learns() -> None:
    model = unet(small_body(), 16, (32, 32)).train()
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


def mask_data(root: Path) -> Any:
    from PIL import Image as Pillow

    from handlens.vision.items import SegmentationItemList

    for i in range(3):
        Pillow.new("RGB", (32, 32), (80 * i, 0, 0)).save(root / f"{i}.bmp")
        Pillow.new("L", (32, 32), i % 2).save(root / f"{i}.png")
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
