"""Features of photos, layer by layer: learned on the photos themselves, or from a pretrained network.

Importing this is cheap: PyTorch is imported when the first extractor is made, timm and torchvision when a
network is asked for.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from handlens.errors import ArtifactError
from handlens.studio.features.extractor import Extractor, Layer
from handlens.studio.features.suggested import REPOSITORIES, SUGGESTED, Suggested

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

__all__ = [
    "SUGGESTED",
    "Extractor",
    "Layer",
    "Suggested",
    "backbone_extractor",
    "cached",
    "patches_extractor",
    "rebuild",
]


def patches_extractor(pictures: NDArray[np.uint8], *, seed: int) -> Extractor:
    """Features learned on the person's own photos, uint8 [n, 96, 96, 3]; of more, a random 500."""
    from handlens.studio.features.patches import fit_patches

    return fit_patches(pictures, seed=seed)


def backbone_extractor(name: str, *, weights: Path | None = None, random: bool = False) -> Extractor:
    """Features from every stage of a network, by its timm or else its torchvision name.

    The weights come from the file `weights`, else from the hub's cache, else they are downloaded. They are
    random only when `random` is True.

    Raises:
        BackboneError: no network has that name, or it has no layers that keep where things are.
        DownloadError: the weights could not be had; raised within 10 s of the last byte that arrived.
        WeightsError: the weights are not a weights file or do not fit the network.
    """
    from handlens.studio.features.backbones import load_backbone

    return load_backbone(name, weights=weights, random=random)


def rebuild(config: dict[str, Any], tensors: dict[str, Tensor]) -> Extractor:
    """The extractor whose `config()` and `tensors()` these are; asks nothing of the network.

    Raises:
        ArtifactError: they are not of an extractor that this version knows.
        WeightsError: the tensors are not those of the network that is named.
    """
    kind = config.get("kind")
    if kind == "patches":
        from handlens.studio.features.patches import rebuild_patches

        return rebuild_patches(config, tensors)
    if kind == "backbone":
        from handlens.studio.features.backbones import rebuild_backbone

        return rebuild_backbone(config, tensors)
    raise ArtifactError(f"features must be of the kind 'patches' or 'backbone'; got {kind!r}")


def cached(name: str) -> bool:
    """Whether the weights of a network are on this machine already; asks nothing of the network."""
    if name in REPOSITORIES:
        from handlens.io.weights import cached_in_hub

        return cached_in_hub(REPOSITORIES[name]) is not None
    from handlens.vision.backbones import cached_weights

    return cached_weights(name) is not None
