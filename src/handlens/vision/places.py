"""The head that finds points: a map for each point, made of the body's feature maps of all sizes, and its mean place.

The maps are joined as in a feature pyramid (Lin et al. 2017, arXiv 1612.03144), since the last feature map of a
classifier has lost where things are. The place of a point is the mean of its map, weighted by the map's softmax (Sun et
al. 2018, Integral Human Pose Regression, arXiv 1711.08229), which is finer than the map's cells.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from handlens.vision.unet import BodyNotes, Skip

WIDTH = 64
"""Channels of the maps that are joined."""


class MeanPlace(nn.Module):
    """Maps [B, n, h, w] as places [B, n, 2]: the mean of each, (y, x) from −1 to 1, weighted by its softmax.

    Example:
        >>> maps = torch.full((1, 1, 2, 4), -100.0)
        >>> maps[0, 0, 0, 2:] = 0  # the third and fourth cell of the first row, with centres at 0.25 and 0.75
        >>> MeanPlace()(maps).tolist()
        [[[-0.5, 0.5]]]
    """

    def forward(self, maps: Tensor) -> Tensor:
        weights = maps.float().flatten(2).softmax(2).view_as(maps)
        rows, columns = ((torch.arange(k, device=maps.device) + 0.5) * 2 / k - 1 for k in maps.shape[2:])
        return torch.stack([(weights.sum(3) * rows).sum(2), (weights.sum(2) * columns).sum(2)], 2)


class PlacesHead(nn.Module):
    """The part of a net of points after its body: the body's feature map [B, C, h, w] → places [B, n, 2].

    It is the second of two parts, `nn.Sequential(body, head)`. From the body that it listens to it has the larger
    feature maps of the same pass.

    Args:
        channels: of the body's feature map.
        skips: the larger feature maps, from the smallest to the largest, as `unet_shape` finds them.
        n: how many points there are.

    Example:
        >>> from handlens.vision.unet import unet_shape
        >>> body = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.MaxPool2d(2), nn.Conv2d(8, 16, 3, 2, padding=1))
        >>> head = PlacesHead(16, unet_shape(body, (12, 20)).skips, n=5)
        >>> head.listen_to(body)
        >>> nn.Sequential(body, head)(torch.rand(2, 3, 12, 20)).shape
        torch.Size([2, 5, 2])
    """

    def __init__(self, channels: int, skips: list[Skip], n: int) -> None:
        super().__init__()
        self.first = _normed(channels)
        self.sides = nn.ModuleList(_normed(skip.channels) for skip in skips)
        self.joins = nn.ModuleList(_joined() for _ in skips)
        self.maps = nn.Conv2d(WIDTH, n, 1)
        self.place = MeanPlace()
        self._notes = BodyNotes([skip.name for skip in skips])

    def listen_to(self, body: nn.Module) -> None:
        """Take notes of what goes through a body from now on; raises AttributeError if it lacks a layer."""
        self._notes.listen_to(body)

    def forward(self, features: Tensor) -> Tensor:
        _, sides = self._notes.take()
        x = self.first(features)
        for side, norm, join in zip(sides, self.sides, self.joins, strict=True):
            x = join(F.interpolate(x, side.shape[-2:], mode="nearest") + norm(side))
        places: Tensor = self.place(self.maps(x))
        return places


def _normed(channels: int) -> nn.Sequential:
    return nn.Sequential(nn.BatchNorm2d(channels), nn.Conv2d(channels, WIDTH, 1))


def _joined() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(WIDTH, WIDTH, 3, padding=1, bias=False), nn.BatchNorm2d(WIDTH), nn.ReLU(inplace=True)
    )
