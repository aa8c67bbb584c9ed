"""A layer's filters, and its activations for a picture, as a grid of small pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from handlens.callbacks.hooks import hook_output
from handlens.core.modes import evaluating
from handlens.errors import DataError, LayerError
from handlens.vision.feature_maps import (
    as_feature_maps,
    as_inputs_of,
    check_layers,
    check_pictures,
    find_layer,
    layer_name,
    model_inputs,
)
from handlens.vision.heatmap import coloured

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from handlens.core.learner import Learner

MOST = 64


def filters(layer: nn.Module) -> Tensor:
    """A convolution's weights as pictures in 0–1, where 0.5 is a weight of 0.

    Args:
        layer: a 2-D convolution.

    Returns:
        With three input channels, colours [filters, 3, kh, kw]; otherwise grey [filters·channels, 1, kh, kw], the
        channels of a filter one after the other. Each filter is scaled so that its largest weight is at 0 or 1.

    Raises:
        LayerError: `layer` is not a 2-D convolution.

    Example:
        >>> filters(nn.Conv2d(3, 8, 5)).shape, filters(nn.Conv2d(4, 8, 5)).shape
        (torch.Size([8, 3, 5, 5]), torch.Size([32, 1, 5, 5]))
    """
    weight = getattr(layer, "weight", None)
    if not isinstance(weight, Tensor) or weight.ndim != 4:
        raise LayerError(f"layer must be a 2-D convolution, such as model[0][0]; {type(layer).__name__} arrived.")
    weight = weight.detach().float().cpu()
    shown = 0.5 + weight / (2 * weight.abs().amax((1, 2, 3), keepdim=True).clamp_min(1e-12))
    return shown if shown.shape[1] == 3 else shown.flatten(0, 1)[:, None]


def activations(learn: Learner | nn.Module, image: Any, layer: nn.Module | str) -> Tensor:
    """A layer's output for one picture, [channels, h, w], on the CPU; the model is not changed.

    Args:
        learn, image, layer: as in `handlens.vision.heatmap`.

    Raises:
        LayerError: the layer is not a part of the model, does not run, or its output has no spatial positions.
    """
    model, inputs, _, _ = model_inputs(learn, image)
    check_pictures(inputs)
    check_layers(model)
    where = find_layer(model, layer)
    with torch.no_grad(), evaluating(model), hook_output(where) as hook:
        model(as_inputs_of(model, inputs))
    output = hook.stored
    size = (int(inputs.shape[-2]), int(inputs.shape[-1]))
    found = as_feature_maps(output, size) if isinstance(output, Tensor) else None
    if found is None:
        what = list(output.shape) if isinstance(output, Tensor) else type(output).__name__
        raise LayerError(
            f"a grid needs a layer whose output has spatial positions; that of {layer_name(model, where)} is {what}. "
            "learn.summary() lists the shapes."
        )
    return found[0].float().cpu()


def tiled(pictures: Tensor, columns: int | None = None) -> Tensor:
    """Pictures [n, channels, h, w] in a grid [channels, H, W], with a line of ones between them.

    The grid is about square unless `columns` is given.
    """
    n, channels, h, w = pictures.shape
    columns = columns or min(n, max(1, round((n * h / w) ** 0.5)))
    rows = -(-n // columns)
    grid = torch.ones(channels, rows * (h + 1) - 1, columns * (w + 1) - 1)
    for k, picture in enumerate(pictures):
        top, left = k // columns * (h + 1), k % columns * (w + 1)
        grid[:, top : top + h, left : left + w] = picture
    return grid


def show_filters(layer: nn.Module, *, most: int = MOST, ax: Axes | None = None) -> Axes:
    """Draw the first filters of a convolution; see `filters`.

    Args:
        layer: a 2-D convolution.
        most: the largest number of filters.
        ax: where to draw; a new figure unless given.

    Returns:
        The axes.

    Example:
        >>> show_filters(nn.Conv2d(3, 8, 5), most=4).images[0].get_array().shape  # 2 × 2 filters of 5 × 5
        (11, 11, 3)
    """
    return _draw(tiled(_first(filters(layer), most).expand(-1, 3, -1, -1)), ax)


def show_activations(
    learn: Learner | nn.Module, image: Any, layer: nn.Module | str, *, most: int = MOST, ax: Axes | None = None
) -> Axes:
    """Draw the activations of a layer's first channels for a picture, dark where smallest and bright where largest.

    Each channel has its own scale; a constant channel is dark.

    Args:
        learn, image, layer: as in `handlens.vision.heatmap`.
        most: the largest number of channels.
        ax: where to draw; a new figure unless given.

    Returns:
        The axes.

    Example:
        >>> net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())
        >>> show_activations(net, torch.rand(3, 8, 8), "1").images[0].get_array().shape  # 2 × 2 maps of 6 × 6
        (13, 13, 3)
    """
    found = _first(activations(learn, image, layer), most)
    least, greatest = found.amin((1, 2), keepdim=True), found.amax((1, 2), keepdim=True)
    return _draw(tiled(coloured((found - least) / (greatest - least).clamp_min(1e-12))), ax)


def _first(pictures: Tensor, most: int) -> Tensor:
    if most < 1:
        raise DataError(f"most must be 1 or more; {most} arrived.")
    return pictures[:most]


def _draw(grid: Tensor, ax: Axes | None) -> Axes:
    from matplotlib import pyplot as plt

    if ax is None:
        _, ax = plt.subplots(figsize=(5, 5))
    ax.imshow(grid.permute(1, 2, 0).numpy(), interpolation="nearest")
    ax.set_axis_off()
    return ax
