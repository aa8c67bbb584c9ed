"""create_body: the layers of a network before its pooling, which output a feature map [B, C, H, W]."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from handlens.errors import BackboneError
from handlens.io.problems import reason_of
from handlens.vision.backbones import TIMM, Network, classifier_of

SAMPLE = 96
"""Side in pixels of the sample picture that is run through a body: enough for most strides."""

LARGEST = 512
"""Side in pixels of the largest pictures that are tried where smaller ones do not go through a body."""

_REFUSALS = (RuntimeError, ValueError, AssertionError, TypeError, IndexError, ArithmeticError, NotImplementedError)
"""What layers raise for pictures whose size does not suit them."""

DEEP = 16
"""The second layer group of a body begins where the feature map has this many times fewer rows than the picture."""

POOLS = (nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d, nn.Linear)
RESCALES = ("googlenet", "inception_v3")
"""Networks of torchvision that change their inputs before the first layer: their layers alone are not a body."""


class Body(NamedTuple):
    """A body, the number of channels of its feature map, and its layers in two groups."""

    module: nn.Module
    channels: int
    groups: list[nn.Module]


class TimmBody(nn.Module):
    """A timm network up to its feature map, by timm's `forward_features`."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.net.forward_features(x)  # type: ignore[operator]
        return found


def create_body(network: Network) -> Body:
    """The body of a network; the network itself is changed.

    The first layer group works on feature maps of more than 1/16 of the picture's rows, as in the lesson's library for
    ResNets; it is half of the layers if no feature map is that small. In that library the second group also has the
    layers before this pooling in a DenseNet's transition; it begins at layer 22 of VGGs with batch norm, and not at 33
    as here for vgg16_bn; and the first group of SqueezeNets is two, the second of which begins at layer 5.

    Raises:
        BackboneError: the network does not output a feature map, as most transformers.
    """
    body: nn.Module = TimmBody(network.net) if network.library == TIMM else _before_pooling(network)
    body.eval()
    parts = list(body_parts(body))
    used: list[nn.Module] = []
    rows: dict[nn.Module, int] = {}

    def note(module: nn.Module, _inputs: Any, output: Any) -> None:
        used.append(module)
        if isinstance(output, Tensor) and output.dim() == 4:
            rows[module] = output.shape[2]

    hooks = [module.register_forward_hook(note) for module in body.modules()]
    try:
        size, found = _run(body, network)
    finally:
        for hook in hooks:
            hook.remove()
    if isinstance(body, TimmBody):
        _drop_unused(body.net, set(used))
        parts = list(body_parts(body))
    deep = [i for i, part in enumerate(parts) if rows.get(part, size) * DEEP <= size]
    cut = deep[0] if deep and deep[0] else len(parts) // 2
    own = _own_parameters(body)
    return Body(body, found.shape[1], [nn.ModuleList([*own, *parts[:cut]]), nn.ModuleList(parts[cut:])])


def goes_through(body: nn.Module, size: tuple[int, ...]) -> bool:
    """Whether a picture of this height and width goes through a body, which predicts, and leaves a feature map."""
    parameter = next(body.parameters())
    try:
        with torch.inference_mode():
            found = body(torch.zeros(1, 3, *size, device=parameter.device, dtype=parameter.dtype))
    except _REFUSALS:
        return False
    return isinstance(found, Tensor) and found.numel() > 0


def smallest_size(body: nn.Module, refused: tuple[int, ...]) -> int | None:
    """The side of the smallest square pictures that go through a body, larger than those that were refused if any are.

    Some networks take only multiples of a size. None if no picture of up to 512 pixels goes through.
    """
    larger, smaller = range(min(refused) + 1, LARGEST + 1), range(1, min(min(refused), LARGEST) + 1)
    return next((side for side in (*larger, *smaller) if goes_through(body, (side, side))), None)


def _before_pooling(network: Network) -> nn.Sequential:
    """The children of a torchvision network before its pooling or classifier, in the order of its `forward`."""
    from torchvision.models import DenseNet

    net = network.net
    last, kept = classifier_of(net), []
    for key, child in net.named_children():
        if key == last or isinstance(child, POOLS):
            break
        kept += list(child) if isinstance(child, nn.ModuleList) else [child]
    if isinstance(net, DenseNet):
        kept.append(nn.ReLU(inplace=True))  # its `forward` calls it as a function
    if len(kept) == 1 and isinstance(kept[0], nn.Sequential):
        return kept[0]
    return nn.Sequential(*kept)


def _run(body: nn.Module, network: Network) -> tuple[int, Tensor]:
    """The size of a sample and its feature map; if a small size fails, the network's own size is tried."""
    try:
        for size in (SAMPLE, network.size):
            try:
                with torch.no_grad():
                    found = body(torch.zeros(1, 3, size, size))
                break
            except _REFUSALS:
                if size == network.size:
                    raise
    except _REFUSALS as error:
        raise BackboneError(
            f"{network.name} has no layers before a pooling that can be used alone: {reason_of(error)}."
        ) from error
    channels = getattr(network.net, "num_features", None) if network.library == TIMM else None
    shape = list(found.shape) if isinstance(found, Tensor) else type(found).__name__
    if not isinstance(found, Tensor) or found.dim() != 4 or (channels and found.shape[1] != channels):
        raise BackboneError(
            f"create_cnn needs a network whose last features are a map [B, channels, H, W]; those of {network.name} "
            f"are {shape}: give a convolutional network, such as 'resnet34'."
        )
    return size, found


def body_parts(module: nn.Module) -> Iterator[nn.Module]:
    """The blocks of a body in order; containers are replaced by their children."""
    if isinstance(module, TimmBody):
        for child in module.net.children():
            yield from body_parts(child)
    elif isinstance(module, nn.Sequential | nn.ModuleList):
        for child in module:
            yield from body_parts(child)
    else:
        yield module


def _drop_unused(net: nn.Module, used: set[nn.Module]) -> None:
    """Remove the children of a timm network that only its classifier uses: they would never be trained."""
    for key, child in net.named_children():
        if used.isdisjoint(child.modules()):
            setattr(net, key, nn.Identity())


def _own_parameters(body: nn.Module) -> list[nn.Module]:
    """Parameters that belong to the network itself and not to one of its layers."""
    net = body.net if isinstance(body, TimmBody) else body
    own = list(net.parameters(recurse=False))
    return [nn.ParameterList(own)] if own else []
