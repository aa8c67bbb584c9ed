"""Heat maps: which parts of a picture raise the score of a class, at any layer of any network.

A layer's activations are A [B, K, h, w] and g = ∂score/∂A the gradients of the score of one class, before softmax:

- "activations": mean over k of A_k; needs no class. The lesson's average activations.
- "cam": Σ_k w_k A_k with the weights of the linear layer that follows an average pooling (Zhou et al. 2016).
- "gradcam": ReLU(Σ_k ḡ_k A_k), ḡ the mean of g over the positions (Selvaraju et al. 2017).
- "gradcam++": as Grad-CAM, weighted by Σ α ReLU(g) with α = 1 / (2 + g Σ A), sums over the positions
  (Chattopadhay et al. 2018, Eq. 19, for exp of the score). It needs A ≥ 0, as after a ReLU.
- "layercam": ReLU(Σ_k ReLU(g_k) A_k) at each position; suited to early layers (Jiang et al. 2021).
"""

from __future__ import annotations

import copy
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from handlens.core.display import png_of
from handlens.core.labels import Category
from handlens.core.modes import evaluating
from handlens.errors import DataError, LayerError
from handlens.vision.dataset import OnPictures
from handlens.vision.feature_maps import (
    as_feature_maps,
    as_inputs_of,
    check_layers,
    check_pictures,
    find_layer,
    last_spatial_layer,
    layer_name,
    model_inputs,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from handlens.core.learner import Learner

ALPHA = 0.6
COLOURS = "magma"


@dataclass(frozen=True, eq=False)
class HeatMap:
    """The heat map of one picture; made by `heatmap`, drawn by `show`.

    Attributes:
        data: [h, w], a number for each position of the layer; unscaled, on the CPU.
        picture: [3, H, W] in 0–1, the picture that the map is drawn over.
        cat: the class whose score the map explains, as its position among the model's outputs.
        label: the class's name; None if it is not known.
        method: how the map was computed.

    Example:
        >>> found = HeatMap(torch.tensor([[0.0, 1.0]]), torch.zeros(3, 2, 4), 0, "cat", "gradcam")
        >>> found.resized()[0].tolist()
        [0.0, 0.25, 0.75, 1.0]
        >>> found
        HeatMap 1 × 2 of cat by gradcam
    """

    data: Tensor
    picture: Tensor
    cat: int
    label: Any
    method: str

    def resized(self) -> Tensor:
        """The map in the picture's size [H, W], interpolated bilinearly."""
        size = tuple(self.picture.shape[-2:])
        return F.interpolate(self.data[None, None], size, mode="bilinear", align_corners=False)[0, 0]

    def drawn(self, *, alpha: float = ALPHA) -> Tensor:
        """The picture with the map over it; the map is dark where it is smallest.

        Args:
            alpha: the weight of the map, 0–1.

        Returns:
            [3, H, W] in 0–1.
        """
        heat = self.resized()
        least, most = self.data.min(), self.data.max()
        heat = ((heat - least) / (most - least).clamp_min(torch.finfo(heat.dtype).tiny)).clamp(0, 1)
        return (1 - alpha) * self.picture + alpha * coloured(heat[None])[0]

    def show(self, ax: Axes | None = None, *, alpha: float = ALPHA) -> Axes:
        """Draw the picture with the map over it.

        Args:
            ax: where to draw; a new figure unless given.
            alpha: the weight of the map, 0–1.

        Returns:
            The axes.
        """
        if ax is None:
            from matplotlib import pyplot as plt

            _, ax = plt.subplots()
        ax.imshow(self.drawn(alpha=alpha).permute(1, 2, 0).numpy())
        title = f"{self.label if self.label is not None else self.cat} ({self.method})"
        ax.set_title(title, fontsize="medium", parse_math=False)
        ax.set_axis_off()
        return ax

    def __repr__(self) -> str:
        h, w = self.data.shape
        explained = self.label if self.label is not None else self.cat
        return f"HeatMap {h} × {w} of {explained} by {self.method}"

    def _repr_png_(self) -> bytes:
        return png_of((255 * self.drawn()).round().clamp(0, 255).byte().permute(1, 2, 0).contiguous().numpy())


def coloured(maps: Tensor) -> Tensor:
    """Maps [n, h, w] in 0–1 as colours [n, 3, h, w], from black to nearly white."""
    from matplotlib import colormaps

    colours: Any = colormaps[COLOURS](maps.numpy())
    return torch.from_numpy(np.asarray(colours[..., :3], np.float32)).permute(0, 3, 1, 2)


def heatmap(
    learn: Learner | nn.Module,
    image: Any,
    *,
    cat: Any = None,
    layer: nn.Module | str | None = None,
    method: str = "gradcam",
) -> HeatMap:
    """Which parts of one picture raise the score of a class.

    The model is not changed: neither its parameters, nor their gradients, nor its training flags.

    Args:
        learn: a learner, or any model that outputs a score for each class, [B, classes].
        image: a picture that the learner takes, such as `open_image(file)`; for a bare model its input [3, H, W].
        cat: the class: its name, the label of `learn.predict` or a dataset, or its position where names are not
            numbers; the most probable class unless given.
        layer: the layer to explain, or its name such as "0.layer3"; unless given, the last one whose output has spatial
            positions on which the scores depend, for which the model runs once more: the body of a `create_cnn`, the
            norm before the last attention of a transformer.
        method: "activations", "cam", "gradcam", "gradcam++" or "layercam"; see the top of this module.

    Returns:
        The heat map, with `data` [h, w] of the layer's height and width.

    Raises:
        DataError: there is no such class, the picture cannot be used, or the model predicts masks or points.
        LayerError: there is no such method; the layer does not run or its output has no spatial positions; or for
            "cam", there is more than a pooling and one linear layer after the layer.

    Example:
        >>> net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
        >>> heatmap(net, torch.rand(3, 8, 8), cat=1, layer="0").data.shape
        torch.Size([6, 6])
    """
    check_has_heat_maps(learn)
    model, inputs, picture, names = model_inputs(learn, image)
    position = None if cat is None else _position(cat, names)
    maps, cats = heatmaps(model, inputs, None if position is None else [position], layer=layer, method=method)
    return HeatMap(maps[0], picture, cats[0], None if names is None else names[cats[0]], method)


def check_has_heat_maps(learn: Learner | nn.Module) -> None:
    """Raise DataError for a learner of masks or points, which has no score of a class for a whole picture."""
    y = None if isinstance(learn, nn.Module) else learn.data.y
    if not isinstance(y, OnPictures):
        return
    instead = (
        "the probabilities of class k are a map, learn.predict(picture).values[k]"
        if y.in_batches
        else ("learn.show_results() draws them")
    )
    raise DataError(
        f"a heat map explains the score of a class of the whole picture; a model of a {type(y).__name__} has none: "
        f"{instead}."
    )


def heatmaps(
    model: nn.Module,
    batch: Tensor,
    cats: Sequence[int] | None = None,
    *,
    layer: nn.Module | str | None = None,
    method: str = "gradcam",
) -> tuple[Tensor, list[int]]:
    """The heat maps of a batch of pictures, in one pass.

    Args:
        model: outputs a score for each class, [B, classes].
        batch: pictures as the model takes them, [B, 3, H, W].
        cats: for each picture the position of a class; the most probable class unless given.
        layer, method: as in `heatmap`.

    Returns:
        The maps [B, h, w] on the CPU, and the positions of their classes.

    Raises:
        DataError, LayerError: as `heatmap`.

    Example:
        >>> net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
        >>> maps, cats = heatmaps(net, torch.rand(5, 3, 8, 8), [0, 1, 0, 1, 0], layer=net[0])
        >>> maps.shape, cats
        (torch.Size([5, 6, 6]), [0, 1, 0, 1, 0])
    """
    if method not in METHODS:
        raise LayerError(f"method must be one of {', '.join(METHODS)}; {method!r} arrived.")
    check_pictures(batch)
    check_layers(model)
    # Enabling gradients does not end inference mode, and tensors made in inference mode must be copied.
    with torch.inference_mode(False), evaluating(model), torch.no_grad():
        if batch.is_inference():
            batch = batch.clone()
        model, layer = _in_single_precision(model, layer)
        batch = as_inputs_of(model, batch)
        where = last_spatial_layer(model, batch) if layer is None else find_layer(model, layer)
        forward = _ForwardPass(model, where, batch)
        chosen = _chosen(forward.outputs, cats)
        maps = METHODS[method](forward, chosen)
    return maps.float().cpu(), chosen


def _in_single_precision(model: nn.Module, layer: nn.Module | str | None) -> tuple[nn.Module, nn.Module | str | None]:
    """A copy of a model of half precision, whose gradients would vanish, with the same layer; others as they are."""
    if not any(parameter.dtype in (torch.float16, torch.bfloat16) for parameter in model.parameters()):
        return model, layer
    name = layer
    if isinstance(layer, nn.Module):
        where = find_layer(model, layer)
        name = next(name for name, part in model.named_modules() if part is where)
    return copy.deepcopy(model).float(), name


class _ForwardPass:
    """One run of a model whose autograd graph begins at one layer, which is all that the maps need."""

    def __init__(self, model: nn.Module, layer: nn.Module, batch: Tensor) -> None:
        self.size = (int(batch.shape[-2]), int(batch.shape[-1]))
        self.name = layer_name(model, layer)
        self._start: Tensor | None = None
        self.linear: nn.Linear | None = None
        handles = [layer.register_forward_hook(self._restart)]
        handles += [m.register_forward_hook(self._note) for m in model.modules() if isinstance(m, nn.Linear)]
        try:
            self.outputs = _scores(model(batch))
        finally:
            for handle in handles:
                handle.remove()
        if self._start is None:
            raise LayerError(
                f"the layer {self.name} was not used when the model ran; choose another one: "
                "learn.summary() lists them."
            )

    def _restart(self, _module: nn.Module, _inputs: Any, output: Any) -> Tensor:
        if (
            not isinstance(output, Tensor)
            or not output.is_floating_point()
            or as_feature_maps(output, self.size) is None
        ):
            given = list(output.shape) if isinstance(output, Tensor) else type(output).__name__
            raise LayerError(
                f"a heat map needs a layer whose output has spatial positions, [B, channels, h, w], as that of a "
                f"convolution; that of {self.name} is {given}. Choose an earlier one: learn.summary() lists the shapes."
            )
        self._start = output.detach().requires_grad_()
        torch.set_grad_enabled(True)  # until the surrounding no_grad ends
        # The clone allows the next module to work in place, as most ReLUs do.
        return self._start.clone()

    def _note(self, module: nn.Module, _inputs: Any, _output: Any) -> None:
        assert isinstance(module, nn.Linear)
        self.linear = module

    @property
    def activations(self) -> Tensor:
        """[B, K, h, w]."""
        assert self._start is not None
        found = as_feature_maps(self._start.detach(), self.size)
        assert found is not None
        return found.float()

    def gradients(self, cats: list[int]) -> Tensor:
        """The gradients of each picture's score for its class with respect to the activations, [B, K, h, w]."""
        assert self._start is not None
        found = None
        if self.outputs.requires_grad:
            score = self.outputs[range(len(cats)), cats].sum()
            (found,) = torch.autograd.grad(score, self._start, allow_unused=True)
        maps = None if found is None else as_feature_maps(found, self.size)
        if maps is None:
            raise LayerError(f"the scores do not depend on {self.name}; choose a layer that they are computed from.")
        if self._start.ndim == 3 and not maps.any():
            raise LayerError(
                f"the scores do not depend on the patch tokens of {self.name}, only on its class token; "
                "choose an earlier layer, such as the norm at the start of the last block."
            )
        return maps.float()


def _activations(forward: _ForwardPass, _cats: list[int]) -> Tensor:
    return forward.activations.mean(1)


def _cam(forward: _ForwardPass, cats: list[int]) -> Tensor:
    activations, linear = forward.activations, forward.linear
    if linear is None or not _pooled_and_linear(activations, linear, forward.outputs.detach().float()):
        raise LayerError(
            f"cam needs exactly an average pooling and one linear layer after {forward.name}; this model computes "
            'its scores in another way. Use method="gradcam", which fits any model.'
        )
    return torch.einsum("bk,bkhw->bhw", linear.weight.detach().float()[cats], activations)


def _gradcam(forward: _ForwardPass, cats: list[int]) -> Tensor:
    weights = forward.gradients(cats).mean((2, 3))
    return torch.einsum("bk,bkhw->bhw", weights, forward.activations).relu()


def _gradcam_plus_plus(forward: _ForwardPass, cats: list[int]) -> Tensor:
    gradients, activations = forward.gradients(cats), forward.activations
    below = 2 + gradients * activations.sum((2, 3), keepdim=True)
    alpha = torch.where(below == 0, 0, 1 / below)
    weights = (alpha * gradients.relu()).sum((2, 3))
    return torch.einsum("bk,bkhw->bhw", weights, activations).relu()


def _layercam(forward: _ForwardPass, cats: list[int]) -> Tensor:
    return (forward.gradients(cats).relu() * forward.activations).sum(1).relu()


METHODS: dict[str, Callable[[_ForwardPass, list[int]], Tensor]] = {
    "activations": _activations,
    "cam": _cam,
    "gradcam": _gradcam,
    "gradcam++": _gradcam_plus_plus,
    "layercam": _layercam,
}


def _pooled_and_linear(activations: Tensor, linear: nn.Linear, scores: Tensor) -> bool:
    """Whether the scores are the linear layer of the activations' averages.

    The numbers are compared, so it does not matter which modules or functions the network uses.
    """
    if (linear.in_features, linear.out_features) != (activations.shape[1], scores.shape[1]):
        return False
    bias = None if linear.bias is None else linear.bias.detach().float()
    expected = F.linear(activations.mean((2, 3)), linear.weight.detach().float(), bias)
    return torch.allclose(expected, scores, rtol=1e-3, atol=1e-3 * float(scores.abs().max()))


def _scores(outputs: Any) -> Tensor:
    if not isinstance(outputs, Tensor) or outputs.ndim != 2:
        given = list(outputs.shape) if isinstance(outputs, Tensor) else type(outputs).__name__
        raise DataError(f"a heat map explains the scores [B, classes] of a classifier; this model outputs {given}.")
    return outputs


def _chosen(outputs: Tensor, cats: Sequence[int] | None) -> list[int]:
    """The class of each picture."""
    if cats is None:
        return outputs.detach().argmax(1).tolist()
    n, c = outputs.shape
    if len(cats) != n:
        raise DataError(f"cats must have one class for each picture; {len(cats)} for {n} pictures arrived.")
    for cat in cats:
        if not 0 <= cat < c:
            raise DataError(f"a class must be a position from 0 to {c - 1}; {cat} arrived.")
    return [int(cat) for cat in cats]


def _position(cat: Any, names: Sequence[Any] | None) -> int:
    """A class as its position among the outputs."""
    if isinstance(cat, Category):
        return cat.code
    if names is not None and cat in names:
        return names.index(cat)
    # Where classes are numbers, another number is not a position, but the name of a class that there is not.
    if names is None or not any(isinstance(name, (int, float)) for name in names):
        try:
            return operator.index(cat)
        except TypeError:
            pass
    known = "give its position" if names is None else "the classes are " + ", ".join(map(str, names[:10]))
    raise DataError(f"cat must be a class; {cat!r} is not: {known}.")
