"""Filters and activations as pictures."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import nn

from handlens.errors import DataError, LayerError
from handlens.vision.layer_grid import activations, filters, show_activations, show_filters, tiled


def conv(channels: int, weights: torch.Tensor) -> nn.Conv2d:
    layer = nn.Conv2d(channels, len(weights), weights.shape[-1], bias=False)
    layer.weight.data = weights
    return layer


def test_filters_of_colours_by_hand() -> None:
    weights = torch.zeros(2, 3, 1, 1)
    weights[0, 0], weights[0, 1] = -4, 2
    # The filter's largest weight, −4, is 0; 2 is half of it above the middle; 0 is the middle. One of zeros is grey.
    assert filters(conv(3, weights)).flatten(1).tolist() == [[0, 0.75, 0.5], [0.5, 0.5, 0.5]]


def test_filters_of_a_deeper_layer() -> None:
    weights = torch.arange(1.0, 9).view(2, 4, 1, 1)
    shown = filters(conv(4, weights))
    assert shown.shape == (8, 1, 1, 1)
    # On each filter's scale: 1 to 4 of 4, and 5 to 8 of 8.
    expected = [0.5 + k / 8 for k in range(1, 5)] + [0.5 + k / 16 for k in range(5, 9)]
    torch.testing.assert_close(shown.flatten(), torch.tensor(expected))


@pytest.mark.parametrize("layer", [nn.ReLU(), nn.Linear(3, 2), nn.BatchNorm2d(3)])
def test_layers_without_filters(layer: nn.Module) -> None:
    with pytest.raises(LayerError, match=f"a 2-D convolution.*{type(layer).__name__} arrived"):
        filters(layer)


def test_activations_by_hand() -> None:
    model = nn.Sequential(conv(1, torch.tensor([1.0, -1]).view(2, 1, 1, 1)), nn.ReLU(inplace=True), nn.Flatten())
    model.train()
    x = torch.tensor([[[1.0, -2], [3, 4]]])
    assert activations(model, x, "0").tolist() == [[[1, -2], [3, 4]], [[-1, 2], [-3, -4]]]
    assert activations(model, x, model[1]).tolist() == [[[1, 0], [3, 4]], [[0, 2], [0, 0]]]
    assert model.training
    assert not any(module._forward_hooks for module in model.modules())
    with pytest.raises(LayerError, match=r"spatial positions; that of 2 \(Flatten\) is \[1, 8\]"):
        activations(model, x, "2")
    with pytest.raises(LayerError, match="'3' does not"):
        activations(model, x, "3")
    with pytest.raises(DataError, match=r"\[3, H, W\]"):
        activations(model, "a.jpg", "0")


def test_tiles() -> None:
    pictures = torch.arange(3.0).view(3, 1, 1, 1).expand(3, 1, 1, 2)
    assert tiled(pictures, columns=2)[0].tolist() == [[0, 0, 1, 1, 1], [1, 1, 1, 1, 1], [2, 2, 1, 1, 1]]
    assert tiled(torch.zeros(64, 3, 7, 7)).shape == (3, 63, 63)  # 8 by 8, with a line between them
    assert tiled(torch.zeros(1, 3, 7, 7)).shape == (3, 7, 7)


@pytest.fixture
def _no_windows() -> Iterator[None]:
    import matplotlib
    from matplotlib import pyplot as plt

    matplotlib.use("agg")
    yield
    plt.close("all")


@pytest.mark.usefixtures("_no_windows")
def test_drawn() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 16, 3))
    x = torch.rand(3, 12, 12)
    assert show_filters(model[0]).get_images()[0].get_array().shape == (11, 11, 3)  # 3 by 3 of 3 pixels
    grey = torch.as_tensor(show_filters(model[2], most=4).get_images()[0].get_array())
    assert grey.shape == (7, 7, 3)
    assert torch.equal(grey[..., 0], grey[..., 2])
    shown = torch.as_tensor(show_activations(model, x, "1", most=4).get_images()[0].get_array())
    assert shown.shape == (21, 21, 3)
    assert shown[10].eq(1).all()  # a white line between the tiles
    found = activations(model, x, "1")[0]
    brightness = shown[:10, :10].sum(-1)
    assert brightness.argmax() == found.argmax()
    with pytest.raises(DataError, match="most must be 1 or more; 0 arrived"):
        show_filters(model[0], most=0)


@pytest.mark.usefixtures("_no_windows")
def test_a_channel_that_sees_nothing_is_dark() -> None:
    model = nn.Sequential(conv(1, torch.zeros(1, 1, 1, 1)), nn.Identity())
    shown = torch.as_tensor(show_activations(model, torch.ones(1, 3, 3), "0").get_images()[0].get_array())
    assert shown.max() < 0.02


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float64])
def test_p19_a_model_in_another_precision(kind: torch.dtype) -> None:
    net = nn.Sequential(conv(3, torch.full((2, 3, 1, 1), 0.5)), nn.ReLU()).to(kind)
    found = activations(net, torch.full((3, 2, 2), 0.5), "1")
    assert (found.dtype, found.tolist()) == (torch.float32, [[[0.75] * 2] * 2] * 2)


def test_p19_a_scripted_model_is_refused_in_our_words() -> None:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch advises something newer
        scripted = torch.jit.script(nn.Sequential(nn.Conv2d(3, 4, 1)).eval())
    with pytest.raises(LayerError, match="a scripted or traced one arrived"):
        activations(scripted, torch.rand(3, 8, 8), "0")
