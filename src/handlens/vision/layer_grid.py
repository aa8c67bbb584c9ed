"""What a layer has learned to look for, and what it sees in a picture: its filters and activations as a grid."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from handlens.callbacks.hooks import hook_output
from handlens.core.modes import evaluating
from handlens.errors import DataError, LayerError
from handlens.vision.feature_maps import (
    as_feature_maps,
    check_pictures,
    find_layer,
    layer_name,
    model_inputs,
    to_device_of,
)
from handlens.vision.heatmap import coloured

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from handlens.core.learner import Learner

MOST = 64


def filters(layer: nn.Module) -> Tensor:
    """A convolution's weights as pictures in 0–1, where 0.5 is a weight of 0.

    Those of three input channels are colours [filters, 3, kh, kw], each with its largest weight at 0 or 1. Of any other
    layer they are grey [filters·channels, 1, kh, kw], a filter's channels one after the other, on the filter's scale.
    """
    weight = getattr(layer, "weight", None)
    if not isinstance(weight, Tensor) or weight.ndim != 4:
        raise LayerError(f"layer must be a 2-D convolution, such as model[0][0]; {type(layer).__name__} arrived.")
    weight = weight.detach().float().cpu()
    shown = 0.5 + weight / (2 * weight.abs().amax((1, 2, 3), keepdim=True).clamp_min(1e-12))
    return shown if shown.shape[1] == 3 else shown.flatten(0, 1)[:, None]


def activations(learn: Learner | nn.Module, image: Any, layer: nn.Module | str) -> Tensor:
    """What a layer puts out for one picture, [channels, h, w], on the CPU; leaves the model as it was.

    The arguments are those of `handlens.vision.heatmap`. Raises LayerError if the layer is no part of the model, does
    not run, or keeps no places.
    """
    model, inputs, _, _ = model_inputs(learn, image)
    check_pictures(inputs)
    where = find_layer(model, layer)
    with torch.no_grad(), evaluating(model), hook_output(where) as hook:
        model(to_device_of(model, inputs))
    output = hook.stored
    size = (int(inputs.shape[-2]), int(inputs.shape[-1]))
    found = as_feature_maps(output, size) if isinstance(output, Tensor) else None
    if found is None:
        what = list(output.shape) if isinstance(output, Tensor) else type(output).__name__
        raise LayerError(
            f"a grid needs a layer that keeps places; {layer_name(model, where)} gives {what}. Choose an earlier one: "
            "learn.summary() lists the shapes."
        )
    return found[0].float().cpu()


def tiled(pictures: Tensor, columns: int | None = None) -> Tensor:
    """Pictures [n, channels, h, w] side by side in rows with a pixel of 1 between them: [channels, H, W].

    As many columns as make it about square unless given.
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
    """Draw the first filters of a convolution; see `filters`."""
    return _draw(tiled(_first(filters(layer), most).expand(-1, 3, -1, -1)), ax)


def show_activations(
    learn: Learner | nn.Module, image: Any, layer: nn.Module | str, *, most: int = MOST, ax: Axes | None = None
) -> Axes:
    """Draw what the first channels of a layer see in a picture, dark where least and bright where most.

    Each channel has its own scale; one that is the same everywhere, as if it saw nothing, is dark.
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
