"""A model's inputs, its layers by name, and a layer's output as feature maps with spatial positions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import torch
from torch import Tensor, nn

from handlens.errors import DataError, LayerError

if TYPE_CHECKING:
    from handlens.core.learner import Learner
    from handlens.vision.data import ImageDataBunch


_WITHIN_ATTENTION = (nn.Linear, nn.Identity, nn.Dropout)
"""Layers of a transformer whose outputs are parts of others: the keys of an attention are not its tokens."""


class ModelInputs(NamedTuple):
    """A model, and one picture both as the model's input and for display."""

    model: nn.Module
    inputs: Tensor
    """[1, 3, H, W]."""
    picture: Tensor
    """[3, H, W] in 0–1, on the CPU."""
    classes: list[Any] | None


def model_inputs(learn: Learner | nn.Module, image: Any) -> ModelInputs:
    """A model, with a picture as its input and for display.

    Args:
        learn: a learner, or a bare model.
        image: a picture as `data.one_item` of the learner takes it; for a bare model the tensor that it takes,
            [3, H, W] or [1, 3, H, W].

    Raises:
        DataError: the picture cannot be used, or the learner's data are not pictures.
    """
    if isinstance(learn, nn.Module):
        inputs = _batch_of_one(image)
        return ModelInputs(learn, inputs, _in_range(inputs[0].detach().float().cpu()), None)
    data = _data_of(learn)
    inputs, _ = data.one_item(image)
    return ModelInputs(learn.model, inputs, data.denorm(inputs)[0], data.classes)


def find_layer(model: nn.Module, layer: nn.Module | str) -> nn.Module:
    """Find a layer of a model.

    Args:
        model: the model.
        layer: the layer itself, or its name, such as "0.layer3".

    Raises:
        LayerError: it is not a part of the model.
    """
    if isinstance(layer, nn.Module):
        if not any(module is layer for module in model.modules()):
            raise LayerError(f"layer must be a part of the model; the {type(layer).__name__} that arrived is not.")
        return layer
    module, seen = model, ""
    for step in layer.split("."):
        parts = dict(module.named_children())
        if step not in parts:
            where = seen or "The model"
            raise LayerError(
                f"layer must name a part of the model; {layer!r} does not. {where} has {', '.join(parts)}."
            )
        module, seen = parts[step], f"{seen}.{step}".lstrip(".")
    return module


def layer_name(model: nn.Module, layer: nn.Module) -> str:
    """A layer's name and kind, for messages."""
    name = next(name for name, module in model.named_modules() if module is layer)
    return f"{name or 'the model'} ({type(layer).__name__})"


def last_spatial_layer(model: nn.Module, batch: Tensor) -> nn.Module:
    """The last layer whose output has spatial positions (h·w > 1) on which the scores depend; of nested ones the outer.

    Of a transformer that scores its class token, this is the norm before the attention of its last block: what comes
    after it mixes no more positions. Positions in the picture's aspect ratio come before others, which may be anything,
    such as the query of a pooling by attention. The model is run once to find it.

    Args:
        model: the model, in prediction.
        batch: its input, [B, 3, H, W].

    Raises:
        LayerError: no layer's output has spatial positions that count.
    """
    found: list[tuple[nn.Module, Tensor]] = []
    size = (int(batch.shape[-2]), int(batch.shape[-1]))
    counts: set[int] = set()  # of the tokens of transformers

    def note(module: nn.Module, _inputs: Any, output: Any) -> Tensor | None:
        if not isinstance(output, Tensor) or not output.is_floating_point() or as_feature_maps(output, size) is None:
            return None
        if output.ndim == 3:
            counts.add(output.shape[1])
            if isinstance(module, _WITHIN_ATTENTION):
                return None
        elif {*output.shape[2:]} & counts:  # queries, keys and weights of attention: heads × tokens × …
            return None
        # A clone, so that what follows may work in place.
        found.append((module, output))
        return output.clone()

    handles = [module.register_forward_hook(note) for module in model.modules() if module is not model]
    try:
        with torch.enable_grad():
            scores = model(batch.detach().requires_grad_())
    finally:
        for handle in handles:
            handle.remove()
    if not found:
        raise LayerError(
            f"a heat map needs a layer whose output has spatial positions; no layer of {type(model).__name__} has."
        )
    gradients = _gradients(scores, [output for _, output in found])
    maps = [None if gradient is None else as_feature_maps(gradient, size) for gradient in gradients]
    counting = [(one, module) for one, (module, _) in zip(maps, found, strict=True) if one is not None and one.any()]
    counting = [(one, module) for one, module in counting if one.isfinite().all()]
    if not counting:
        return found[-1][0]  # its own error says why it does not do
    in_shape = [module for one, module in counting if _alike(one.shape[2:], size)]
    return in_shape[-1] if in_shape else counting[-1][1]


def _gradients(scores: Any, outputs: list[Tensor]) -> Sequence[Tensor | None]:
    """The gradients of the greatest score of each picture; None where it does not depend on an output."""
    if not isinstance(scores, Tensor) or scores.ndim != 2 or not scores.requires_grad:
        return [None] * len(outputs)
    with torch.enable_grad():
        return torch.autograd.grad(scores.amax(1).sum(), outputs, allow_unused=True)


def as_feature_maps(output: Tensor, size: tuple[int, int]) -> Tensor | None:
    """A layer's output as feature maps [B, K, h, w]; None if it has no spatial positions.

    Args:
        output: [B, K, h, w], [B, h, w, K], or the tokens [B, extra + h·w, K] of a transformer.
        size: height and width of the input pictures.

    Example:
        >>> as_feature_maps(torch.zeros(2, 1 + 4 * 6, 8), (64, 96)).shape  # a class token and 16-pixel patches
        torch.Size([2, 8, 4, 6])
        >>> as_feature_maps(torch.zeros(2, 8), (64, 96)) is None
        True
    """
    if output.ndim == 4:
        last = _alike(output.shape[1:3], size) and not _alike(output.shape[2:4], size)
        shaped = output.permute(0, 3, 1, 2) if last else output
        return shaped if shaped.shape[2] * shaped.shape[3] > 1 else None
    if output.ndim == 3:
        for extra in range(9):  # class, distillation and register tokens come before the patch tokens
            grid = _grid(output.shape[1] - extra, size)
            if grid:
                return output[:, extra:].transpose(1, 2).unflatten(2, grid)
    return None


def _alike(grid: Sequence[int], size: tuple[int, int]) -> bool:
    """Whether a grid has the aspect ratio of a picture, up to a row or column lost by rounding."""
    return abs(grid[0] * size[1] - grid[1] * size[0]) <= max(size)


def _grid(places: int, size: tuple[int, int]) -> tuple[int, int] | None:
    """The rows and columns of square patches that divide a picture into `places` patches."""
    for side in range(1, min(size) + 1):
        rows, columns = size[0] // side, size[1] // side
        if rows * columns == places and places > 1 and not size[0] % side and not size[1] % side:
            return rows, columns
    return None


def check_layers(model: nn.Module) -> None:
    """Raise LayerError for a model whose layers cannot be looked at, because they are not in Python."""
    if any(isinstance(part, torch.jit.ScriptModule) for part in model.modules()):
        raise LayerError(
            "the layers of a model in Python are needed; a scripted or traced one arrived. Give the model that it was "
            "made from."
        )


def as_inputs_of(model: nn.Module, batch: Tensor) -> Tensor:
    """The batch on the model's device and in its precision."""
    first = next((parameter for parameter in model.parameters() if parameter.is_floating_point()), None)
    return batch if first is None else batch.to(first.device, first.dtype)


def check_pictures(batch: Tensor) -> None:
    """Raise DataError unless `batch` is a float tensor of pictures [B, 3, H, W]."""
    if batch.ndim != 4 or not batch.is_floating_point() or not len(batch):
        raise DataError(f"pictures must be a float tensor [B, 3, H, W]; {batch.dtype} {list(batch.shape)} arrived.")


def _data_of(learn: Learner) -> ImageDataBunch:
    data = learn.data
    if not hasattr(data, "denorm"):
        raise DataError(f"the learner must be of pictures; the data of this one are a {type(data).__name__}.")
    return cast("ImageDataBunch", data)


def _batch_of_one(image: Any) -> Tensor:
    tensor = image if isinstance(image, Tensor) else getattr(image, "data", None)
    if isinstance(tensor, Tensor) and tensor.ndim == 3:
        tensor = tensor[None]
    if not isinstance(tensor, Tensor) or tensor.ndim != 4 or len(tensor) != 1:
        what = list(tensor.shape) if isinstance(tensor, Tensor) else type(image).__name__
        raise DataError(f"a model without a learner takes one picture as a tensor [3, H, W]; {what} arrived.")
    return tensor


def _in_range(picture: Tensor) -> Tensor:
    """A picture for display: unchanged if its values are from 0 to 1, otherwise scaled to that range."""
    if picture.shape[0] == 1:
        picture = picture.expand(3, -1, -1)
    least, most = picture.min(), picture.max()
    if least >= 0 and most <= 1:
        return picture
    return (picture - least) / (most - least).clamp_min(1e-12)
