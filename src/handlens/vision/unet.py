"""A dynamic U-Net: a decoder that brings the feature map of any body back to the size of the picture.

After Ronneberger et al. 2015 (arXiv 1505.04597), with the body of a classifier going down. On the way up each block
doubles the feature map by pixel shuffle and joins the body's own map of that size, which still knows where edges are.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from handlens.errors import BackboneError
from handlens.vision.body import body_parts

WIDEST = 512
"""Channels of the decoder's first layers at most: those of a body may be thousands."""

_PICTURE = ""
"""The name under which the picture itself is kept for the last block."""


class Skip(NamedTuple):
    """A feature map of a body that a decoder joins.

    Attributes:
        name: the layer whose output it is, as the body names it.
        channels: of the map.
        scale: how many times more rows it has than the map below it, 2 or another power of two.
    """

    name: str
    channels: int
    scale: int


class UNetShape(NamedTuple):
    """What the decoder of a body has: the feature maps that it joins, from the smallest to the largest, and its ends.

    Attributes:
        skips: the feature maps.
        scale: how many times more rows the picture has than the last of them.
    """

    skips: list[Skip]
    scale: int


def unet_shape(body: nn.Module, size: tuple[int, int]) -> UNetShape:
    """Where a body's feature map halves, found by a forward pass of one picture.

    Args:
        body: the body, in prediction.
        size: height and width of the picture in pixels; it may be odd.

    Raises:
        BackboneError: the feature map is as large as the picture, or grows on the way, so that nothing is to be joined.

    Example:
        >>> body = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.MaxPool2d(2), nn.Conv2d(8, 16, 3, 2, padding=1))
        >>> unet_shape(body, (12, 20))
        UNetShape(skips=[Skip(name='1', channels=8, scale=2)], scale=2)
    """
    names = {module: name for name, module in body.named_modules()}
    maps: list[tuple[str, int, int]] = []  # of each part: its name, channels and rows

    def note(module: nn.Module, _inputs: Any, output: Any) -> None:
        if isinstance(output, Tensor) and output.dim() == 4:
            maps.append((names[module], output.shape[1], output.shape[2]))

    hooks = [part.register_forward_hook(note) for part in body_parts(body)]
    parameter = next(body.parameters())
    try:
        with torch.no_grad():
            found = body(torch.zeros(1, 3, *size, device=parameter.device, dtype=parameter.dtype))
    finally:
        for hook in hooks:
            hook.remove()
    last: dict[int, tuple[str, int]] = {}  # the last part of each number of rows
    for name, channels, rows in maps:
        last[rows] = name, channels
    # Where the first layer divides by four, say, there is no map of half the size: the block above makes up for it.
    sizes = sorted(rows for rows in last if found.shape[2] < rows < size[0])
    if not found.shape[2] < size[0]:
        raise BackboneError(
            f"a U-Net needs a body whose feature map is smaller than the picture; {found.shape[2]} of {size[0]} rows "
            "are left by this one: give another network."
        )
    skips, below = [], found.shape[2]
    for rows in sizes:
        scale = _power_of_two(rows / below)
        if scale == 1:
            continue  # a map of nearly the same size, as of layers without padding
        skips.append(Skip(*last[rows], scale))
        below = rows
    return UNetShape(skips, _power_of_two(size[0] / below))


class PixelShuffleUp(nn.Sequential):
    """Enlarge a feature map [B, C, h, w] → [B, out, h·scale, w·scale]: a 1×1 convolution whose channels become pixels.

    The convolution begins as that of an enlargement by nearest neighbours, without the chequered patterns of random
    weights (ICNR; Aitken et al. 2017, arXiv 1707.02937). Pixel shuffle is of Shi et al. 2016, arXiv 1609.05158.

    Args:
        channels, out: of the map and of the result.
        scale: how many times more rows and columns.
        blur: average each pixel with those before it (Sugawara et al. 2018), against what training makes of patterns.

    Example:
        >>> up = PixelShuffleUp(4, 2, 2)
        >>> enlarged = up(torch.rand(1, 4, 3, 3))
        >>> bool((enlarged[..., ::2, ::2] == enlarged[..., 1::2, 1::2]).all())
        True
    """

    def __init__(self, channels: int, out: int, scale: int, *, blur: bool = False) -> None:
        conv = nn.Conv2d(channels, out * scale**2, 1, bias=False)
        with torch.no_grad():
            kernels = nn.init.kaiming_normal_(torch.empty(out, channels, 1, 1, device=conv.weight.device))
            conv.weight.copy_(kernels.repeat_interleave(scale**2, 0))
        smooth = [nn.ReplicationPad2d((scale - 1, 0, scale - 1, 0)), nn.AvgPool2d(scale, 1)] if blur else []
        super().__init__(conv, nn.BatchNorm2d(out * scale**2), nn.ReLU(inplace=True), nn.PixelShuffle(scale), *smooth)


class SelfAttention(nn.Module):
    """A feature map [B, C, h, w] with what each place takes from all others, weighted by how alike they are.

    As in Zhang et al. 2019, Self-Attention Generative Adversarial Networks (arXiv 1805.08318), section 3, without
    spectral norms: it begins as the feature map itself. Memory grows with the square of h · w.

    Args:
        channels: of the map.

    Example:
        >>> x = torch.rand(1, 8, 3, 4)
        >>> bool((SelfAttention(8)(x) == x).all())
        True
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        narrow = max(channels // 8, 1)
        self.query, self.key = (nn.Conv1d(channels, narrow, 1, bias=False) for _ in range(2))
        self.value = nn.Conv1d(channels, channels, 1, bias=False)
        self.share = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        places = x.flatten(2)
        alike = (self.query(places).transpose(1, 2) @ self.key(places)).softmax(2)
        taken: Tensor = self.value(places) @ alike.transpose(1, 2)
        return x + self.share * taken.view_as(x)


class BodyNotes:
    """The feature maps of a body that a head joins, kept from the body's pass until the head takes them.

    Args:
        names: the layers of the body whose outputs are kept.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = list(names)
        # Of each thread by itself, so that several can predict at once.
        self._notes: dict[int, dict[str, Tensor]] = {}

    def listen_to(self, body: nn.Module) -> None:
        """Take notes of what goes through a body from now on; raises AttributeError if it lacks a layer."""
        body.register_forward_pre_hook(self._begin)
        for name in self.names:
            body.get_submodule(name).register_forward_hook(partial(self._keep, name))

    def take(self) -> tuple[Tensor, list[Tensor]]:
        """The picture of this thread's last pass and its feature maps, which are then forgotten.

        Raises:
            BackboneError: nothing went through the body.
        """
        notes = self._notes.pop(threading.get_ident(), None)
        if notes is None:
            raise BackboneError("this part needs what the body saw: call the whole model, and not this part.")
        return notes[_PICTURE], [notes[name] for name in self.names]

    def _begin(self, _body: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        self._notes[threading.get_ident()] = {_PICTURE: inputs[0]}

    def _keep(self, name: str, _layer: nn.Module, _inputs: Any, output: Tensor) -> None:
        mine = self._notes.get(threading.get_ident())
        if mine is not None:  # None where the layer is called by itself
            mine[name] = output


class UNetDecoder(nn.Module):
    """The part of a U-Net after its body: the body's feature map [B, C, h, w] → scores [B, classes, H, W].

    It is the second of two parts, `nn.Sequential(body, decoder)`. From the body that it listens to it has the larger
    feature maps of the same pass, and the picture.

    Args:
        channels: of the body's feature map.
        shape: what the decoder joins, as `unet_shape` finds it.
        classes: scores for each pixel.
        blur: as in `PixelShuffleUp`.
        self_attention: let each place of the third largest map, or of the smallest, see all others.
        last_cross: join the picture itself at the end.

    Example:
        >>> body = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.MaxPool2d(2), nn.Conv2d(8, 16, 3, 2, padding=1))
        >>> decoder = UNetDecoder(16, unet_shape(body, (13, 20)), classes=5)
        >>> decoder.listen_to(body)
        >>> nn.Sequential(body, decoder)(torch.rand(2, 3, 13, 20)).shape
        torch.Size([2, 5, 13, 20])
    """

    def __init__(
        self,
        channels: int,
        shape: UNetShape,
        classes: int,
        *,
        blur: bool = False,
        self_attention: bool = False,
        last_cross: bool = True,
    ) -> None:
        super().__init__()
        attentive = max(len(shape.skips) - 3, 0) if self_attention else -1
        width = min(channels, WIDEST)
        self.middle = nn.Sequential(nn.BatchNorm2d(channels), nn.ReLU(), *_conv(channels, width), *_conv(width, width))
        channels = width
        ups, norms, joins = [], [], []
        for i, skip in enumerate(shape.skips):
            half = max(channels // 2, 1)
            ups.append(PixelShuffleUp(channels, half, skip.scale, blur=blur))
            norms.append(nn.BatchNorm2d(skip.channels))
            channels = max((half + skip.channels) // 2, classes)
            attention = [SelfAttention(channels)] if i == attentive else []
            joins.append(nn.Sequential(*_conv(half + skip.channels, channels), *_conv(channels, channels), *attention))
        self.ups, self.norms, self.joins = nn.ModuleList(ups), nn.ModuleList(norms), nn.ModuleList(joins)
        self.last_up = PixelShuffleUp(channels, channels, shape.scale, blur=blur)
        self.last_cross = last_cross
        wide = channels + 3 if last_cross else channels
        self.last = nn.Sequential(*_conv(wide, channels), nn.Conv2d(channels, classes, 1))
        for layer in (self.middle, self.joins, self.last):
            layer.apply(_initialise)
        self._notes = BodyNotes([skip.name for skip in shape.skips])

    def listen_to(self, body: nn.Module) -> None:
        """Take notes of what goes through a body from now on; raises AttributeError if it lacks a layer."""
        self._notes.listen_to(body)

    def forward(self, features: Tensor) -> Tensor:
        picture, skips = self._notes.take()
        x = self.middle(features)
        for skip, up, norm, join in zip(skips, self.ups, self.norms, self.joins, strict=True):
            x = join(F.relu(torch.cat([_as_large(up(x), skip), norm(skip)], 1)))
        x = _as_large(self.last_up(x), picture)
        scores: Tensor = self.last(torch.cat([x, picture], 1) if self.last_cross else x)
        return scores


def _as_large(x: Tensor, other: Tensor) -> Tensor:
    """A feature map in the size of another, which is an odd row or column larger or smaller."""
    size = other.shape[-2:]
    return x if x.shape[-2:] == size else F.interpolate(x, size, mode="nearest")


def _power_of_two(ratio: float) -> int:
    return 1 << max(round(math.log2(ratio)), 0)


def _conv(channels: int, out: int) -> Sequence[nn.Module]:
    return nn.Conv2d(channels, out, 3, padding=1, bias=False), nn.BatchNorm2d(out), nn.ReLU(inplace=True)


def _initialise(layer: nn.Module) -> None:
    """He et al. 2015 (arXiv 1502.01852), with a bias of zero."""
    if isinstance(layer, nn.Conv2d):
        nn.init.kaiming_normal_(layer.weight)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
