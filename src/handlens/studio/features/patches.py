"""Features learned on the person's own photos: small patches, clustered (Coates, Lee & Ng 2011)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from handlens.studio.features.extractor import CELLS, check_batch, layers_of

NAME = "patches"
SIZE = 96
SCALES = {"fine": 1, "medium": 2, "coarse": 4}
"""How many times smaller than SIZE the picture is at each stage."""

STRIDE = {"fine": 2, "medium": 1, "coarse": 1}
"""Steps between patches in pixels; at the fine scale neighbouring patches say nearly the same."""

PATCH = 6
CENTRES = 256
PICTURES = 500
"""At most so many pictures are used to fit."""

_SAMPLES = 40_000
_ROUNDS = 10
_CONTRAST = 10.0
_RIDGE = 0.1


@dataclass(frozen=True)
class Vocabulary:
    """The patches that one scale is described by: whitening [108, 108], mean [108] and centres [256, 108]."""

    whitening: Tensor
    mean: Tensor
    centres: Tensor


class PatchExtractor:
    """How near a picture's patches come to each of 256 typical ones, at three scales.

    Source: A. Coates, H. Lee, A. Ng, "An Analysis of Single-Layer Networks in Unsupervised Feature Learning",
    AISTATS 2011: contrast normalisation, ZCA whitening, k-means, triangle encoding.
    """

    name = NAME
    size = SIZE

    def __init__(self, vocabularies: dict[str, Vocabulary]) -> None:
        self._vocabularies = vocabularies
        self._scales = {stage: _Scale(vocabulary, STRIDE[stage]) for stage, vocabulary in vocabularies.items()}
        self.layers = layers_of(NAME, [(stage, len(v.centres)) for stage, v in vocabularies.items()])

    @torch.inference_mode()
    def __call__(self, batch: Tensor) -> list[Tensor]:
        """Features of uint8 pictures [B, 96, 96, 3] as float32 [B, 256] and [B, 2304] a scale."""
        check_batch(batch, SIZE)
        # One picture at a time: its 256 maps then stay in the processor's cache.
        each = [self._one(_planes(batch[i : i + 1])) for i in range(len(batch))]
        if not each:
            return [torch.empty(0, layer.dim) for layer in self.layers]
        return [torch.cat(parts) for parts in zip(*each, strict=True)]

    @torch.inference_mode()
    def maps(self, batch: Tensor) -> list[Tensor]:
        """How near each patch comes to each typical one, before pooling: float32 [B, 256, h, w] a scale."""
        check_batch(batch, SIZE)
        return [near.permute(0, 3, 1, 2) for near in self._near(_planes(batch))]

    def _one(self, picture: Tensor) -> list[Tensor]:
        return [pooled for near in self._near(picture) for pooled in (near.mean((1, 2)), cells_of(near))]

    def _near(self, pictures: Tensor) -> Iterator[Tensor]:
        for stage, scale in self._scales.items():
            smaller = SCALES[stage]
            yield scale(F.avg_pool2d(pictures, smaller) if smaller > 1 else pictures)

    def network(self) -> nn.Module:
        """A module that gives the same features as one tensor, layer after layer [B, Σ dim]."""
        return _PatchNetwork(self._one)

    def config(self) -> dict[str, Any]:
        """What `rebuild` needs besides the tensors."""
        return {"kind": NAME, "stages": list(self._vocabularies)}

    def tensors(self) -> dict[str, Tensor]:
        """Each scale's whitening, mean and centres."""
        return {
            f"{stage}.{part}": getattr(vocabulary, part)
            for stage, vocabulary in self._vocabularies.items()
            for part in ("whitening", "mean", "centres")
        }


class _PatchNetwork(nn.Module):
    """The features of uint8 pictures [B, 96, 96, 3], side by side."""

    def __init__(self, features: Callable[[Tensor], list[Tensor]]) -> None:
        super().__init__()
        self._features = features

    def forward(self, pixels: Tensor) -> Tensor:
        return torch.cat(self._features(_planes(pixels)), 1)


def rebuild_patches(config: dict[str, Any], tensors: dict[str, Tensor]) -> PatchExtractor:
    """The extractor that `config()` and `tensors()` came from; ValueError if they do not describe one."""
    found = {
        stage: Vocabulary(*(tensors[f"{stage}.{part}"] for part in ("whitening", "mean", "centres")))
        for stage in config["stages"]
    }
    features = 3 * PATCH**2
    for stage, one in found.items():
        shapes = [tuple(part.shape) for part in (one.whitening, one.mean, one.centres)]
        if stage not in SCALES or shapes != [(features, features), (features,), (len(one.centres) or 1, features)]:
            raise ValueError(f"the scale {stage!r:.40} has patches of other sizes, {shapes}")
    if not found:
        raise ValueError("there must be at least one scale")
    return PatchExtractor(found)


def fit_patches(pictures: NDArray[np.uint8], *, seed: int) -> PatchExtractor:
    """Learn the vocabularies from uint8 pictures [n, 96, 96, 3], n ≥ 1; of more than 500, a random 500."""
    if pictures.ndim != 4 or pictures.shape[0] < 1:
        raise ValueError(f"patches are learned on pictures [n, {SIZE}, {SIZE}, 3], n ≥ 1; got {pictures.shape}.")
    random = torch.Generator().manual_seed(seed)
    if len(pictures) > PICTURES:
        pictures = pictures[np.sort(torch.randperm(len(pictures), generator=random)[:PICTURES].numpy())]
    batch = torch.from_numpy(np.ascontiguousarray(pictures))
    check_batch(batch, SIZE)
    with torch.inference_mode():
        planes = _planes(batch)
        found = {stage: _learn(F.avg_pool2d(planes, by), random) for stage, by in SCALES.items()}
    # Outside inference mode, so that they are ordinary tensors for the caller.
    return PatchExtractor({stage: Vocabulary(*(part.clone() for part in parts)) for stage, parts in found.items()})


def _planes(batch: Tensor) -> Tensor:
    return batch.permute(0, 3, 1, 2).float()


def _learn(planes: Tensor, random: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    patches = _normalised(_sampled(planes, random))
    mean = patches.mean(0)
    centred = patches - mean
    values, vectors = torch.linalg.eigh((centred.T @ centred / len(centred)).double())
    whitening = ((vectors * (values.clamp(min=0) + _RIDGE).rsqrt()) @ vectors.T).float()
    return whitening, mean, _cluster(centred @ whitening, random)


def _sampled(planes: Tensor, random: torch.Generator) -> Tensor:
    """Random patches [k, 108] of planes [n, 3, S, S], laid out as a convolution's weights are."""
    n, _, side, _ = planes.shape
    places = side - PATCH + 1
    k = min(_SAMPLES, n * places * places)
    picture = torch.randint(n, (k,), generator=random)
    corner = torch.randint(places, (2, k), generator=random)
    step = torch.arange(PATCH)
    rows = (corner[0, :, None] + step)[:, None, :, None]
    columns = (corner[1, :, None] + step)[:, None, None, :]
    return planes[picture[:, None, None, None], torch.arange(3)[None, :, None, None], rows, columns].flatten(1)


def _normalised(patches: Tensor) -> Tensor:
    centred = patches - patches.mean(1, keepdim=True)
    return centred / (centred.square().mean(1, keepdim=True) + _CONTRAST).sqrt()


def _cluster(points: Tensor, random: torch.Generator) -> Tensor:
    """Centres [256, d] by Lloyd's k-means on points [n, d]; one without points takes a random one."""
    n = len(points)
    centres = points[torch.randint(n, (CENTRES,), generator=random)]
    for _ in range(_ROUNDS):
        nearest = (centres.square().sum(1) - 2 * points @ centres.T).argmin(1)
        counts = torch.bincount(nearest, minlength=CENTRES)
        sums = torch.zeros_like(centres).index_add_(0, nearest, points)
        spare = points[torch.randint(n, (CENTRES,), generator=random)]
        centres = torch.where(counts[:, None] > 0, sums / counts.clamp(min=1)[:, None], spare)
    return centres


class _Scale:
    """Triangle encoding of one scale, with normalisation and whitening folded into one convolution."""

    def __init__(self, vocabulary: Vocabulary, stride: int) -> None:
        whitening, mean, centres = vocabulary.whitening, vocabulary.mean, vocabulary.centres
        # A whitened patch is (p - m) / s @ whitening - mean @ whitening, with m and s the patch's own mean
        # and contrast. Filters with no mean ignore m, and s is the same for all, so it divides afterwards.
        filters = torch.cat([whitening @ centres.T, whitening], 1).T
        filters = filters - filters.mean(1, keepdim=True)
        self._filters = filters.reshape(-1, 3, PATCH, PATCH).contiguous(memory_format=torch.channels_last)
        self._shift = mean @ whitening
        self._to_centres = centres.square().sum(1) + 2 * centres @ self._shift
        self._count = len(centres)
        self._stride = stride

    def __call__(self, planes: Tensor) -> Tensor:
        """[B, h, w, filters]."""
        average = F.avg_pool2d(planes.mean(1, keepdim=True), PATCH, self._stride)
        square = F.avg_pool2d(planes.square().mean(1, keepdim=True), PATCH, self._stride)
        contrast = (square - average.square()).clamp_(min=0).add_(_CONTRAST).sqrt_()
        answers = F.conv2d(planes.contiguous(memory_format=torch.channels_last), self._filters, stride=self._stride)
        # [B, H, W, filters], in memory's order.
        answers = answers.permute(0, 2, 3, 1).div_(contrast.permute(0, 2, 3, 1))
        whitened = answers[..., self._count :] - self._shift
        norm = torch.linalg.vector_norm(whitened, dim=-1, keepdim=True).square_()
        distance = torch.add(self._to_centres, answers[..., : self._count], alpha=-2).add_(norm).clamp_(min=0).sqrt_()
        return (distance.mean(-1, keepdim=True) - distance).clamp_(min=0)


def cells_of(maps: Tensor) -> Tensor:
    """Averages [B, C · 9] of maps [B, H, W, C] over a 3×3 grid, cut as `adaptive_avg_pool2d` does."""
    _, height, width, _ = maps.shape
    columns = [maps[:, :, a:b].mean(2) for a, b in cuts(width)]
    cells = [[column[:, a:b].mean(1) for column in columns] for a, b in cuts(height)]
    return torch.stack([cell for row in cells for cell in row], -1).flatten(1)


def cuts(length: int) -> list[tuple[int, int]]:
    """Where each of three cells along a side begins and ends; neighbours overlap where it does not divide by three."""
    return [(i * length // CELLS, -(-(i + 1) * length // CELLS)) for i in range(CELLS)]
