"""Features of photos, layer by layer: learned on the photos themselves, or from a pretrained network.

Importing this is cheap: PyTorch is imported when the first extractor is made, timm and torchvision when a
network is asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from handlens.errors import ArtifactError
from handlens.io.packaged_weights import PACKAGED, packaged_file
from handlens.plugins import plugins
from handlens.studio.features.extractor import Extractor, Layer
from handlens.studio.features.suggested import REPOSITORIES, SUGGESTED, Suggested
from handlens.studio.features.text_files import find_model, is_text_model, short_name

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

__all__ = [
    "SOURCES",
    "SUGGESTED",
    "Extractor",
    "Layer",
    "SourceKind",
    "Suggested",
    "backbone_extractor",
    "cached",
    "patches_extractor",
    "rebuild",
    "source_kind",
]


def patches_extractor(pictures: NDArray[np.uint8], *, seed: int) -> Extractor:
    """Features learned on the person's own photos.

    Args:
        pictures: uint8 [n, 96, 96, 3]; of more than 500, a random 500 are used.
        seed: of the random choices.

    Example:
        >>> import numpy as np
        >>> pictures = np.random.default_rng(0).integers(0, 256, (20, 96, 96, 3), np.uint8)
        >>> patches_extractor(pictures, seed=0).name
        'patches'
    """
    from handlens.studio.features.patches import fit_patches

    return fit_patches(pictures, seed=seed)


def backbone_extractor(name: str, *, weights: Path | None = None, random: bool = False) -> Extractor:
    """Features from every stage of a network, or of a CLIP or SigLIP model.

    Args:
        name: the network's timm or else its torchvision name; a kind of source that needs no weights, such as a
            plugin's; or, with a slash, the folder or the hub's name of a CLIP or SigLIP model on this
            machine.
        weights: a safetensors file; unless given, those that are installed with handlens, or else of the hub's cache,
            or downloaded.
        random: leave the weights random, in place of `weights`.

    Raises:
        BackboneError: no network has that name, or it has no layers that keep where things are.
        PluginError: a plugin has that name and cannot be loaded.
        DownloadError: the weights could not be downloaded; raised within 10 s of the last byte that arrived.
        WeightsError: the weights are not a weights file, are damaged or do not fit the network; or both `weights` and
            `random` are given.

    Example:
        >>> network = backbone_extractor("mobilenetv2_035", random=True)
        >>> network.layers[0].id
        'mobilenetv2_035/...'
    """
    kind = source_kind(name)
    if kind is not None and kind.make is not None:
        return kind.make()
    if is_text_model(name):
        from handlens.studio.features.text_model import load_text_model

        return load_text_model(short_name(name), find_model(name))
    from handlens.studio.features.backbones import load_backbone

    return load_backbone(name, weights=weights, random=random)


def rebuild(config: dict[str, Any], tensors: dict[str, Tensor]) -> Extractor:
    """The extractor whose `config()` and `tensors()` were saved; nothing is downloaded.

    Args:
        config: plain JSON.
        tensors: the numbers, by name.

    Raises:
        ArtifactError: they are not of an extractor that this version knows.
        BackboneError: there is no network of the name.
        PluginError: they are of a plugin that cannot be loaded.
        WeightsError: the tensors are not those of the network that is named.

    Example:
        >>> network = backbone_extractor("mobilenetv2_035", random=True)
        >>> rebuild(network.config(), network.tensors()).name
        'mobilenetv2_035'
    """
    name = config.get("kind")
    kind = source_kind(name) if isinstance(name, str) else None
    if kind is None:
        kinds = (*SOURCES, *plugins("extractors").names)
        raise ArtifactError(
            f"features must be of the kind {' or '.join(map(repr, kinds))}; got {name!r:.80}. "
            "If a plugin computed them, install it."
        )
    return kind.rebuild(config, tensors)


def cached(name: str) -> bool:
    """Whether the weights of a network are on this machine already; asks nothing of the network.

    Example:
        >>> cached("tf_efficientnet_lite0")  # its weights are installed with handlens
        True
    """
    if name in PACKAGED:
        return packaged_file(name) is not None
    if name in REPOSITORIES:
        from handlens.io.weights import cached_in_hub

        return cached_in_hub(REPOSITORIES[name]) is not None
    from handlens.vision.backbones import cached_weights

    return cached_weights(name) is not None


def _rebuild_patches(config: dict[str, Any], tensors: dict[str, Tensor]) -> Extractor:
    from handlens.studio.features.patches import rebuild_patches

    return rebuild_patches(config, tensors)


def _rebuild_backbone(config: dict[str, Any], tensors: dict[str, Tensor]) -> Extractor:
    from handlens.studio.features.backbones import rebuild_backbone

    return rebuild_backbone(config, tensors)


def _rebuild_text_model(config: dict[str, Any], tensors: dict[str, Tensor]) -> Extractor:
    from handlens.studio.features.text_model import rebuild_text_model

    return rebuild_text_model(config, tensors)


class SourceKind(NamedTuple):
    """How the extractors of one kind of source are made.

    Attributes:
        rebuild: gives the extractor whose `config()` and `tensors()` were saved.
        make: gives a new extractor, for a kind that needs neither photos nor weights; None for other kinds.

    Example:
        >>> SOURCES["patches"].make is None
        True
    """

    rebuild: Callable[[dict[str, Any], dict[str, Tensor]], Extractor]
    make: Callable[[], Extractor] | None = None


SOURCES: dict[str, SourceKind] = {
    "patches": SourceKind(_rebuild_patches),
    "backbone": SourceKind(_rebuild_backbone),
    "text": SourceKind(_rebuild_text_model),
}
"""Every kind of source that handlens has itself, by the "kind" in the `config()` of its extractors.

To add a source, add an entry here, or in a package of your own name a `SourceKind` as an entry point of the group
`handlens.extractors`. With `make`, its name can be given as `backbone=` to `Collection.create` and `add_features`.
"""


def source_kind(name: str) -> SourceKind | None:
    """The kind of source that has a name, handlens's own or a plugin's; None if the name is not a kind's.

    Raises:
        PluginError: a plugin has that name and cannot be loaded.

    Example:
        >>> source_kind("patches") is SOURCES["patches"]
        True
    """
    kind: SourceKind | None = SOURCES.get(name) or plugins("extractors").get(name)
    return kind
