"""Features from every stage of a pretrained network of timm or torchvision."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from handlens.errors import WeightsError
from handlens.studio.features.extractor import CELLS, check_batch, layers_of
from handlens.studio.features.patches import cells_of, cuts
from handlens.studio.features.precision import device, half_precision
from handlens.studio.features.stages import stages_by_hooks
from handlens.vision.backbones import (
    check_fits,
    classifier_of,
    load_exactly,
    load_network,
    new_network,
    outline_of,
)
from handlens.vision.fuse import fused

KIND = "backbone"
MOST_STAGES = 6
"""Of more stages than this (a transformer's blocks) so many are used, evenly spaced, the last included."""

LARGEST_SIZE = 1024
"""Side of the largest pictures that a network of a saved model may take, in pixels; that of timm's largest."""

AT_ONCE = 16
"""Pictures in one pass on a CPU: what a layer hands on stays in its caches, where 64 run a third slower."""

Stages = Callable[[Tensor], list[Tensor]]


class BackboneExtractor:
    """The stages of a network, each pooled as "what" and "where"."""

    def __init__(self, name: str, library: str, net: nn.Module, *, size: int, mean: Any, std: Any) -> None:
        self.name = name
        self.size = size
        self._library = library
        self._mean, self._std = tuple(map(float, mean)), tuple(map(float, std))
        self._tensors = {key: value.detach().cpu().clone() for key, value in net.state_dict().items()}
        self._device = device()
        self._half = half_precision(self._device)
        self._running = threading.Lock()
        net = net.eval().requires_grad_(False).to(self._device)
        # (x / 255 - mean) / std as one multiplication and one addition.
        scale = 255.0 * torch.tensor(self._std)
        self._factor = (1.0 / scale).to(self._device)
        self._offset = (-torch.tensor(self._mean) / torch.tensor(self._std)).to(self._device)
        sample = torch.zeros(1, size, size, 3, dtype=torch.uint8)
        # Noise, because a blank picture would hide a difference that a fold makes.
        random = torch.Generator().manual_seed(0)
        noise = torch.randint(256, sample.shape, dtype=torch.uint8, generator=random)
        net = fused(net, self._input(noise), lambda one, x: _stages_of(name, library, one, x)(x))
        # Only now: folding makes new weights.
        net = net.to(memory_format=torch.channels_last)
        self._net, self._stages = net, _stages_of(name, library, net, self._input(sample))
        with torch.inference_mode():
            channels = [stage.shape[1] for stage in self._run(sample)]
        self.layers = layers_of(name, [(str(i), count) for i, count in enumerate(channels)])

    @torch.inference_mode()
    def __call__(self, batch: Tensor) -> list[Tensor]:
        """Features of uint8 pictures [B, size, size, 3] as float32 on the CPU, in order of `layers`."""
        check_batch(batch, self.size)
        parts = batch.split(AT_ONCE if self._device.type == "cpu" else max(1, len(batch)))
        found = [[pooled for stage in self._run(part) for pooled in _pooled(stage)] for part in parts]
        return [torch.cat(layer).cpu() for layer in zip(*found, strict=True)]

    @torch.inference_mode()
    def maps(self, batch: Tensor) -> list[Tensor]:
        """The stages of uint8 pictures [B, size, size, 3] before they are pooled, float32 [B, C, h, w] on the CPU."""
        check_batch(batch, self.size)
        return [stage.float().cpu() for stage in self._run(batch)]

    def network(self) -> nn.Module:
        """A module that gives the same features in float32 as one tensor, layer after layer [B, Σ dim]."""
        return _Network(self._net, self._stages, self._factor, self._offset)

    def config(self) -> dict[str, Any]:
        """What `rebuild` needs besides the tensors."""
        return {
            "kind": KIND,
            "name": self.name,
            "library": self._library,
            "size": self.size,
            "mean": list(self._mean),
            "std": list(self._std),
        }

    def tensors(self) -> dict[str, Tensor]:
        """The network's weights under the names that its library gives them."""
        return self._tensors

    def __reduce__(self) -> tuple[Any, ...]:
        # A lock cannot be copied, and folding the network into the forms of this machine is done where it is used.
        return rebuild_backbone, (self.config(), self.tensors())

    def _input(self, batch: Tensor) -> Tensor:
        pixels = batch.to(self._device).float() * self._factor + self._offset
        # A permuted [B, S, S, 3] is channels_last already.
        return pixels.permute(0, 3, 1, 2)

    def _run(self, batch: Tensor) -> list[Tensor]:
        # One thread at a time: stages that are found by hooks would see each other's pictures.
        with self._running, torch.autocast(self._device.type, torch.bfloat16, enabled=self._half):
            return self._stages(self._input(batch))


class _Network(nn.Module):
    """The features of uint8 pictures [B, S, S, 3], side by side.

    Args:
        net: the network.
        stages: its stages.
        factor, offset: what pixels are multiplied by, and what is added then [3].
    """

    factor: Tensor
    offset: Tensor

    def __init__(self, net: nn.Module, stages: Stages, factor: Tensor, offset: Tensor) -> None:
        super().__init__()
        self.net, self._stages = net, stages
        self.register_buffer("factor", factor)
        self.register_buffer("offset", offset)

    def forward(self, pixels: Tensor) -> Tensor:
        inputs = (pixels.float() * self.factor + self.offset).permute(0, 3, 1, 2)
        # Averages by slices: ONNX has no adaptive pooling for sizes that do not divide.
        pooled = [(stage.mean((2, 3)), cells_of(stage.permute(0, 2, 3, 1))) for stage in self._stages(inputs)]
        return torch.cat([layer for both in pooled for layer in both], 1)


def load_backbone(name: str, *, weights: Path | None, random: bool) -> BackboneExtractor:
    """A network by its timm or else torchvision name; see `handlens.studio.features.backbone_extractor`."""
    if random and weights is not None:
        raise WeightsError("random weights and a weights file were both given. Give one of them.")
    found = load_network(name, weights=weights, random=random)
    return BackboneExtractor(name, found.library, found.net, size=found.size, mean=found.mean, std=found.std)


def rebuild_backbone(config: dict[str, Any], tensors: dict[str, Tensor]) -> BackboneExtractor:
    """The extractor that `config()` and `tensors()` came from; asks nothing of the network.

    Raises:
        BackboneError, WeightsError, ValueError: they do not describe a network.
    """
    name, library, size = config["name"], config["library"], config["size"]
    if type(size) is not int or not 1 <= size <= LARGEST_SIZE:
        raise ValueError(f"size must be a whole number from 1 to {LARGEST_SIZE}; {size!r:.40} arrived")
    for key, least in (("mean", 0.0), ("std", 0.001)):
        if len(config[key]) != 3 or not all(least <= number <= 1 for number in config[key]):
            raise ValueError(f"{key} must be three numbers from {least:g} to 1; {config[key]!r:.80} arrived")
    check_fits(outline_of(name, library), tensors, name, "the saved model")
    net = new_network(name, library)
    load_exactly(net, tensors, name, "the saved model")
    return BackboneExtractor(name, library, net, size=size, mean=config["mean"], std=config["std"])


# ---------------------------------------------------------------------------------------------- stages


def _stages_of(name: str, library: str, net: nn.Module, sample: Tensor) -> Stages:
    answer: Any = getattr(net, "forward_intermediates", None)
    if library == "timm" and answer is not None:
        with torch.inference_mode():
            count = len(answer(sample, intermediates_only=True))
        indices = _spaced(count)

        def run(batch: Tensor) -> list[Tensor]:
            return list(answer(batch, indices=indices, intermediates_only=True))

        return run
    without = classifier_of(net) if library == "torchvision" else ""
    return stages_by_hooks(name, net, sample, without=without)


def _spaced(count: int) -> list[int]:
    if count <= MOST_STAGES:
        return list(range(count))
    return [(i + 1) * count // MOST_STAGES - 1 for i in range(MOST_STAGES)]


def _pooled(stage: Tensor) -> list[Tensor]:
    """ "What" [B, C] and "where" [B, C*9] of a stage [B, C, H, W], in float32."""
    pixels = stage.float().permute(0, 2, 3, 1).flatten(1, 2)  # no copy of a stage that is channels_last
    averages = _averages(*stage.shape[2:], pixels.device).expand(len(pixels), -1, -1)
    found = torch.bmm(averages, pixels)  # which reads each number once, in half of the time of two poolings
    return [found[:, 0], found[:, 1:].transpose(1, 2).flatten(1)]


@cache
def _averages(height: int, width: int, where: torch.device) -> Tensor:
    """Weights of the average over all places, and of those over each of 3×3 cells: [10, height · width]."""
    out = torch.zeros(1 + CELLS * CELLS, height, width)
    out[0] = 1 / (height * width)
    cells = [(slice(*rows), slice(*columns)) for rows in cuts(height) for columns in cuts(width)]
    for weights, (rows, columns) in zip(out[1:], cells, strict=True):
        part = weights[rows, columns]
        part.fill_(1 / part.numel())
    return out.flatten(1).to(where)
