"""Heat maps: which places of a picture speak for a class, at any layer of any network.

A layer's activations are A [B, K, h, w] and g = ∂score/∂A the gradients of the score of one class, before softmax:

- "activations": mean over k of A_k; needs no class. The lesson's average activations.
- "cam": Σ_k w_k A_k with the weights of the linear layer that follows an average pooling (Zhou et al. 2016).
- "gradcam": ReLU(Σ_k ḡ_k A_k), ḡ the mean of g over the places (Selvaraju et al. 2017).
- "gradcam++": as Grad-CAM, weighted by Σ α ReLU(g) with α = 1 / (2 + g Σ A), sums over the places
  (Chattopadhay et al. 2018, Eq. 19, for exp of the score).
- "layercam": ReLU(Σ_k ReLU(g_k) A_k), place by place; the one for early layers (Jiang et al. 2021).
"""

from __future__ import annotations

import contextlib
import operator
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from handlens.core.labels import Category
from handlens.errors import DataError, LayerError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from handlens.core.learner import Learner
    from handlens.vision.data import ImageDataBunch

ALPHA = 0.6
COLOURS = "magma"


@dataclass(frozen=True, eq=False)
class HeatMap:
    """The heat map of one picture; draw it with `show`.

    Attributes:
        data: [h, w], a number a place of the layer; unscaled, on the CPU.
        picture: [3, H, W] in 0–1, what it is drawn over.
        cat: the class whose score it explains, as its position among the model's outputs.
        label: the class in a person's terms, where the data know it.
        method: how it was worked out.
    """

    data: Tensor
    picture: Tensor
    cat: int
    label: Any
    method: str

    def resized(self) -> Tensor:
        """The map in the picture's size [H, W], between places bilinear."""
        size = tuple(self.picture.shape[-2:])
        return F.interpolate(self.data[None, None], size, mode="bilinear", align_corners=False)[0, 0]

    def drawn(self, *, alpha: float = ALPHA) -> Tensor:
        """The picture with the map over it, [3, H, W] in 0–1: black where the map is least, bright where it is most."""
        from matplotlib import colormaps

        heat = self.resized()
        least, most = self.data.min(), self.data.max()
        heat = ((heat - least) / (most - least).clamp_min(torch.finfo(heat.dtype).tiny)).clamp(0, 1)
        colours = torch.from_numpy(np.asarray(colormaps[COLOURS](heat.numpy())[..., :3], np.float32))
        return (1 - alpha) * self.picture + alpha * colours.permute(2, 0, 1)

    def show(self, ax: Axes | None = None, *, alpha: float = ALPHA) -> Axes:
        """Draw the picture with the map over it, on a figure of its own unless axes are given."""
        if ax is None:
            from matplotlib import pyplot as plt

            _, ax = plt.subplots()
        ax.imshow(self.drawn(alpha=alpha).permute(1, 2, 0).numpy())
        ax.set_title(f"{self.label if self.label is not None else self.cat} ({self.method})", fontsize="medium")
        ax.set_axis_off()
        return ax

    def __repr__(self) -> str:
        h, w = self.data.shape
        about = self.label if self.label is not None else self.cat
        return f"HeatMap {h} × {w} of {about} by {self.method}"


def heatmap(
    learn: Learner | nn.Module,
    image: Any,
    *,
    cat: Any = None,
    layer: nn.Module | str | None = None,
    method: str = "gradcam",
) -> HeatMap:
    """Which places of one picture speak for a class.

    Leaves the model as it was: its parameters, their gradients, its training flags.

    Args:
        learn: a learner, or any model that puts out a score a class [B, classes].
        image: a learner's picture, such as `open_image(file)`; for a bare model the tensor [3, H, W] that it takes.
        cat: the class: its position, its name, or what `learn.predict` and a dataset give; the most probable unless
            given.
        layer: the layer to look at, or its name such as "0.layer3"; unless given `learn.model[0]`, the body, and in
            a bare model that has no such parts the last layer that keeps places.
        method: "activations", "cam", "gradcam", "gradcam++" or "layercam"; see the top of this module.

    Raises:
        DataError: there is no such class, or the picture is none.
        LayerError: there is no such method, the layer did not run or keeps no places, or "cam" was asked of a
            network that has more than a pooling and a linear layer behind the layer.
    """
    if isinstance(learn, nn.Module):
        model, names = learn, None
        inputs = _batch_of_one(image)
        picture = _in_range(inputs[0].float())
    else:
        model, names = learn.model, learn.data.classes
        data = _data_of(learn)
        inputs, _ = data.one_item(image)
        picture = data.denorm(inputs)[0]
    position = None if cat is None else _position(cat, names)
    maps, cats = heatmaps(model, inputs, None if position is None else [position], layer=layer, method=method)
    label = names[cats[0]] if names is not None else None
    return HeatMap(maps[0], picture.detach().float().cpu(), cats[0], label, method)


def heatmaps(
    model: nn.Module,
    batch: Tensor,
    cats: Sequence[int] | None = None,
    *,
    layer: nn.Module | str | None = None,
    method: str = "gradcam",
) -> tuple[Tensor, list[int]]:
    """The heat maps of a batch of pictures [B, 3, H, W] in one pass: maps [B, h, w] on the CPU, and their classes.

    Args:
        cats: a class a picture, as its position; the most probable unless given.

    The rest, and what it raises, as for `heatmap`.
    """
    if method not in METHODS:
        raise LayerError(f"method must be one of {', '.join(METHODS)}; {method!r} arrived")
    batch = _pictures(batch)
    # Inference mode cannot be left from inside by turning gradients on; and what was made in it needs a copy.
    with torch.inference_mode(False), _evaluating(model), torch.no_grad():
        if batch.is_inference():
            batch = batch.clone()
        batch = _to_device_of(model, batch)
        where = _layer(model, layer, batch)
        look = _Look(model, where, batch)
        chosen = _chosen(look.outputs, cats)
        maps = METHODS[method](look, chosen)
    return maps.float().cpu(), chosen


class _Look:
    """One run of a model, with the graph from one layer on and no sooner: all that the maps need."""

    def __init__(self, model: nn.Module, layer: nn.Module, batch: Tensor) -> None:
        self.layer = layer
        self.size = (int(batch.shape[-2]), int(batch.shape[-1]))
        self.name = next((name for name, module in model.named_modules() if module is layer), "") or "the model"
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
                f"the layer {self._named()} did not run when the model did; choose one that it uses: "
                "learn.summary() lists them"
            )

    def _restart(self, _module: nn.Module, _inputs: Any, output: Any) -> Tensor:
        if not isinstance(output, Tensor) or not output.is_floating_point() or _planes(output, self.size) is None:
            given = list(output.shape) if isinstance(output, Tensor) else type(output).__name__
            raise LayerError(
                f"a heat map needs a layer that keeps places, with an output [B, channels, h, w] such as that of a "
                f"convolution; {self._named()} gives {given}. Choose an earlier one: learn.summary() lists the shapes"
            )
        self._start = output.detach().requires_grad_()
        torch.set_grad_enabled(True)  # until the no_grad around the whole run ends
        # The clone lets the next module work in place, as most ReLUs do.
        return self._start.clone()

    def _note(self, module: nn.Module, _inputs: Any, _output: Any) -> None:
        assert isinstance(module, nn.Linear)
        self.linear = module

    def _named(self) -> str:
        return f"{self.name} ({type(self.layer).__name__})"

    @property
    def activations(self) -> Tensor:
        """[B, K, h, w]."""
        assert self._start is not None
        planes = _planes(self._start.detach(), self.size)
        assert planes is not None
        return planes.float()

    def gradients(self, cats: list[int]) -> Tensor:
        """Of each picture's score for its class, at the activations: [B, K, h, w]."""
        assert self._start is not None
        found = None
        if self.outputs.requires_grad:
            score = self.outputs[range(len(cats)), cats].sum()
            (found,) = torch.autograd.grad(score, self._start, allow_unused=True)
        planes = None if found is None else _planes(found, self.size)
        if planes is None:
            raise LayerError(f"the scores do not depend on {self._named()}; choose a layer on the way to them")
        if self._start.ndim == 3 and not planes.any():
            raise LayerError(
                f"the scores do not depend on the patches that {self._named()} puts out, only on its class token; "
                "choose an earlier layer, such as the norm at the start of the last block"
            )
        return planes.float()


def _activations(look: _Look, _cats: list[int]) -> Tensor:
    return look.activations.mean(1)


def _cam(look: _Look, cats: list[int]) -> Tensor:
    activations, linear = look.activations, look.linear
    if linear is None or not _pooled_and_linear(activations, linear, look.outputs.detach().float()):
        raise LayerError(
            f"cam needs nothing but an average pooling and one linear layer behind {look._named()}; this model "
            'works its scores out otherwise. Use method="gradcam", which is the same there and fits any model'
        )
    return torch.einsum("bk,bkhw->bhw", linear.weight.detach().float()[cats], activations)


def _gradcam(look: _Look, cats: list[int]) -> Tensor:
    weights = look.gradients(cats).mean((2, 3))
    return torch.einsum("bk,bkhw->bhw", weights, look.activations).relu()


def _gradcam_plus_plus(look: _Look, cats: list[int]) -> Tensor:
    gradients, activations = look.gradients(cats), look.activations
    below = 2 + gradients * activations.sum((2, 3), keepdim=True)
    alpha = torch.where(below == 0, 0, 1 / below)
    weights = (alpha * gradients.relu()).sum((2, 3))
    return torch.einsum("bk,bkhw->bhw", weights, activations).relu()


def _layercam(look: _Look, cats: list[int]) -> Tensor:
    return (look.gradients(cats).relu() * look.activations).sum(1).relu()


METHODS: dict[str, Callable[[_Look, list[int]], Tensor]] = {
    "activations": _activations,
    "cam": _cam,
    "gradcam": _gradcam,
    "gradcam++": _gradcam_plus_plus,
    "layercam": _layercam,
}


def _pooled_and_linear(activations: Tensor, linear: nn.Linear, scores: Tensor) -> bool:
    """Whether the scores are the linear layer of the activations' averages. Their numbers tell, whatever modules or
    functions a network is written with."""
    if (linear.in_features, linear.out_features) != (activations.shape[1], scores.shape[1]):
        return False
    bias = None if linear.bias is None else linear.bias.detach().float()
    expected = F.linear(activations.mean((2, 3)), linear.weight.detach().float(), bias)
    return torch.allclose(expected, scores, rtol=1e-3, atol=1e-3 * float(scores.abs().max()))


def _planes(output: Tensor, size: tuple[int, int]) -> Tensor | None:
    """A layer's output as [B, K, h, w], or None if it has no places; `size` is that of the pictures.

    Takes [B, K, h, w], [B, h, w, K] and the tokens [B, extra + h·w, K] of a transformer.
    """
    if output.ndim == 4:
        last = _alike(output.shape[1:3], size) and not _alike(output.shape[2:4], size)
        planes = output.permute(0, 3, 1, 2) if last else output
        return planes if planes.shape[2] * planes.shape[3] > 1 else None
    if output.ndim == 3:
        for extra in range(9):  # class, distillation and register tokens come before those of the places
            grid = _grid(output.shape[1] - extra, size)
            if grid:
                return output[:, extra:].transpose(1, 2).unflatten(2, grid)
    return None


def _alike(grid: Sequence[int], size: tuple[int, int]) -> bool:
    """Whether a grid has the shape of a picture, but for a row or column that rounding took."""
    return abs(grid[0] * size[1] - grid[1] * size[0]) <= max(size)


def _grid(places: int, size: tuple[int, int]) -> tuple[int, int] | None:
    """The rows and columns of square patches that cut a picture into so many places."""
    for side in range(1, min(size) + 1):
        rows, columns = size[0] // side, size[1] // side
        if rows * columns == places and places > 1 and not size[0] % side and not size[1] % side:
            return rows, columns
    return None


def _layer(model: nn.Module, layer: nn.Module | str | None, batch: Tensor) -> nn.Module:
    """The layer that was asked for, or the one looked at unless one is."""
    if isinstance(layer, nn.Module):
        if not any(module is layer for module in model.modules()):
            raise LayerError(f"layer must be a part of the model; a {type(layer).__name__} that is none arrived")
        return layer
    if layer is not None:
        try:
            return model.get_submodule(layer)
        except AttributeError as error:
            parts = ", ".join(name for name, _ in model.named_children())
            raise LayerError(f"layer must name a part of the model; {layer!r} is none. Its parts: {parts}") from error
    if isinstance(model, nn.Sequential) and len(model) == 2:
        return model[0]  # body and head
    return last_layer_with_places(model, batch)


def last_layer_with_places(model: nn.Module, batch: Tensor) -> nn.Module:
    """The last layer whose output keeps places (h·w > 1) when the model runs; the outermost of several at the end.

    It runs the model once; name the layer to save the time. Raises LayerError if there is none.
    """
    found: list[nn.Module] = []
    size = (int(batch.shape[-2]), int(batch.shape[-1]))

    def note(module: nn.Module, _inputs: Any, output: Any) -> None:
        if isinstance(output, Tensor) and output.is_floating_point() and _planes(output, size) is not None:
            found.append(module)

    handles = [module.register_forward_hook(note) for module in model.modules() if module is not model]
    try:
        with torch.no_grad():
            model(batch)
    finally:
        for handle in handles:
            handle.remove()
    if not found:
        raise LayerError(f"a heat map needs a layer that keeps places; this {type(model).__name__} has none")
    return found[-1]


def _scores(outputs: Any) -> Tensor:
    if not isinstance(outputs, Tensor) or outputs.ndim != 2:
        given = list(outputs.shape) if isinstance(outputs, Tensor) else type(outputs).__name__
        raise DataError(f"a heat map explains the scores [B, classes] of a classifier; this model gives {given}")
    return outputs


def _chosen(outputs: Tensor, cats: Sequence[int] | None) -> list[int]:
    """The class of each picture."""
    if cats is None:
        return outputs.detach().argmax(1).tolist()
    n, c = outputs.shape
    if len(cats) != n:
        raise DataError(f"cats must have one class a picture; {len(cats)} for {n} pictures arrived")
    for cat in cats:
        if not 0 <= cat < c:
            raise DataError(f"a class must be a position from 0 to {c - 1}; {cat} arrived")
    return [int(cat) for cat in cats]


def _position(cat: Any, names: Sequence[Any] | None) -> int:
    """A class as its position among the outputs."""
    if isinstance(cat, Category):
        return cat.code
    if names is not None and cat in names:
        return names.index(cat)
    try:
        return operator.index(cat)
    except TypeError as error:
        known = "none: give its position" if names is None else ", ".join(map(str, names[:10]))
        raise DataError(f"cat must be a class; {cat!r} is none. The names known here: {known}") from error


def _data_of(learn: Learner) -> ImageDataBunch:
    data = learn.data
    if not hasattr(data, "denorm"):
        raise DataError(f"a heat map is of a picture; this learner's data are a {type(data).__name__}")
    return cast("ImageDataBunch", data)


def _batch_of_one(image: Any) -> Tensor:
    tensor = image if isinstance(image, Tensor) else getattr(image, "data", None)
    if isinstance(tensor, Tensor) and tensor.ndim == 3:
        tensor = tensor[None]
    if not isinstance(tensor, Tensor) or tensor.ndim != 4 or len(tensor) != 1:
        given = list(tensor.shape) if isinstance(tensor, Tensor) else type(image).__name__
        raise DataError(f"a model without a learner takes one picture as a tensor [3, H, W]; {given} arrived")
    return tensor


def _pictures(batch: Tensor) -> Tensor:
    if batch.ndim != 4 or not batch.is_floating_point() or not len(batch):
        raise DataError(f"pictures must be a float tensor [B, 3, H, W]; {batch.dtype} {list(batch.shape)} arrived")
    return batch


def _in_range(picture: Tensor) -> Tensor:
    """A picture to look at: as it is if its numbers are from 0 to 1, otherwise stretched to that."""
    picture = picture.detach()
    if picture.shape[0] == 1:
        picture = picture.expand(3, -1, -1)
    least, most = picture.min(), picture.max()
    if least >= 0 and most <= 1:
        return picture
    return (picture - least) / (most - least).clamp_min(1e-12)


def _to_device_of(model: nn.Module, batch: Tensor) -> Tensor:
    first = next(model.parameters(), None)
    return batch if first is None else batch.to(first.device)


@contextlib.contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    """The model as it predicts; afterwards each part is back in its own mode."""
    training = [module for module in model.modules() if module.training]
    for module in training:
        module.training = False
    try:
        yield
    finally:
        for module in training:
            module.training = True
