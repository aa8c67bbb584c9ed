"""Networks of timm and torchvision by name, with pretrained weights, those of a file, or random ones."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from handlens.errors import BackboneError, WeightsError
from handlens.io import weights as files

TIMM, TORCHVISION = "timm", "torchvision"


@dataclass
class Network:
    """A network and what its pictures are like: `size` pixels a side, normalised by `mean` and `std`."""

    name: str
    library: str
    net: nn.Module
    size: int
    mean: tuple[float, ...]
    std: tuple[float, ...]


def load_network(name: str, library: str | None = None, *, weights: Path | None, random: bool) -> Network:
    """A network of a library, or of timm or else torchvision, whichever knows the name.

    Args:
        weights: a file of them; the pretrained ones of the library unless given, from its cache or downloaded.
        random: leave the weights as the library draws them.

    Raises:
        BackboneError: no network has the name.
        DownloadError: the pretrained weights are not on this machine and could not be had.
        WeightsError: the weights do not fit, are damaged, or there are none.
    """
    load = _load_timm if (library or library_of(name)) == TIMM else _load_torchvision
    return load(name, weights, random)


def new_network(name: str, library: str) -> nn.Module:
    """A network with random weights; timm's without its classifier."""
    if library == TIMM:
        import timm

        net: nn.Module = timm.create_model(name, pretrained=False, num_classes=0)
    else:
        from torchvision.models import get_model

        net = get_model(name, weights=None)
    return net


def library_of(name: str) -> str:
    """Where a name is from, "timm" or else "torchvision"; BackboneError, with names like it, if from neither."""
    import timm

    if ":" not in name and "/" not in name and timm.is_model(name):
        return TIMM
    from torchvision.models import list_models

    known = list_models()
    if name in known:
        return TORCHVISION
    near = difflib.get_close_matches(name, timm.list_models() + known, n=3)
    hint = f"did you mean {', '.join(near)}?" if near else "timm.list_models() lists the names"
    raise BackboneError(f"a network must have the name of one in timm or torchvision; got {name!r}: {hint}.")


def cached_weights(name: str) -> Path | None:
    """The weights of a network that are already on this machine."""
    if library_of(name) == TIMM:
        import timm

        about = timm.get_pretrained_cfg(name)
        if about is None or not about.hf_hub_id:
            return None
        return files.cached_in_hub(about.hf_hub_id)
    return files.cached_from_address(_torchvision_weights(name).url)


def classifier_of(net: nn.Module) -> str:
    """The child of a torchvision network that holds its last weights."""
    last = [key for key, module in net.named_modules() if isinstance(module, nn.Linear | nn.Conv2d)][-1]
    return str(last).split(".")[0]


def load_exactly(
    net: nn.Module, found: dict[str, Tensor], name: str, origin: str, *, loose: tuple[str, ...] = ()
) -> None:
    """Load weights with the network's names and shapes; those below the names in `loose` may be absent.

    Raises WeightsError that names what is missing, unexpected or of another shape in `origin`.
    """

    def free(key: str) -> bool:
        # The batch counter of a normalisation is not used and older files lack it.
        return key.endswith("num_batches_tracked") or any(key.startswith(f"{part}.") for part in loose)

    wanted = net.state_dict()
    missing = [key for key in wanted if key not in found and not free(key)]
    unexpected = [key for key in found if key not in wanted and not free(key)]
    shapes = [
        f"{key} is {list(found[key].shape)} and must be {list(wanted[key].shape)}"
        for key in wanted
        if key in found and found[key].shape != wanted[key].shape and not free(key)
    ]
    if missing or unexpected or shapes:
        problems = []
        for what, keys in (("missing", missing), ("unexpected", unexpected), ("wrong shapes", shapes)):
            if keys:
                more = f" and {len(keys) - 3} more" if len(keys) > 3 else ""
                problems.append(f"{what}: {', '.join(keys[:3])}{more}")
        raise WeightsError(f"{origin} does not fit {name}: {'; '.join(problems)}.")
    fitting = {key: value for key, value in found.items() if key in wanted and value.shape == wanted[key].shape}
    net.load_state_dict(fitting, strict=False)


def _load_timm(name: str, weights: Path | None, random: bool) -> Network:
    import timm

    about = timm.get_pretrained_cfg(name)
    if weights is None and not random:
        if about is None or not about.hf_hub_id:
            raise WeightsError(
                f"timm has no pretrained weights for {name}; give a weights file, or ask for random weights."
            )
        weights = files.from_hub(about.hf_hub_id)
    net = new_network(name, TIMM)
    if weights is not None:
        classifier = about.classifier if about is not None else None
        loose = (classifier,) if isinstance(classifier, str) else tuple(classifier or ())
        found = files.read_weights(weights)
        try:
            load_exactly(net, found, name, str(weights), loose=loose)
        except WeightsError as error:
            net = _converted(name, found, loose, error)
    cfg: Any = net.pretrained_cfg
    return Network(name, TIMM, net, size=cfg["input_size"][-1], mean=tuple(cfg["mean"]), std=tuple(cfg["std"]))


def _converted(name: str, found: dict[str, Tensor], loose: tuple[str, ...], misfit: WeightsError) -> nn.Module:
    """The network with weights under their first publisher's names, which timm knows how to translate."""
    import timm

    body = {key: value for key, value in found.items() if not key.startswith(tuple(f"{part}." for part in loose))}
    # As many classes in the file as in the network, none, makes timm check every other name.
    overlay = {"state_dict": body, "num_classes": 0, "label_offset": 0}
    try:
        net: nn.Module = timm.create_model(name, pretrained=True, num_classes=0, pretrained_cfg_overlay=overlay)
    except Exception:  # the translations fail in many ways on a file that is none of theirs
        raise misfit from None
    return net


def _load_torchvision(name: str, weights: Path | None, random: bool) -> Network:
    about = _torchvision_weights(name)
    if weights is None and not random:
        weights = files.from_address(about.url)
    net = new_network(name, TORCHVISION)
    if weights is not None:
        load_exactly(net, files.read_weights(weights), name, str(weights), loose=(classifier_of(net),))
    crop = about.transforms()
    return Network(name, TORCHVISION, net, size=crop.crop_size[0], mean=tuple(crop.mean), std=tuple(crop.std))


def _torchvision_weights(name: str) -> Any:
    from torchvision.models import get_model_weights

    return get_model_weights(name).DEFAULT
