"""Networks of timm and torchvision by name, with pretrained weights, weights of a file, or random ones."""

from __future__ import annotations

import difflib
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_parameter_registration_hook

from handlens.errors import BackboneError, WeightsError
from handlens.io import weights as files
from handlens.io.packaged_weights import PACKAGED, packaged_file, read_packaged

TIMM, TORCHVISION = "timm", "torchvision"


@dataclass
class Network:
    """A network and its inputs.

    Attributes:
        name: the library's name of it.
        library: "timm" or "torchvision".
        net: the network.
        size: height and width of the pictures that it takes, in pixels.
        mean, std: of each channel, by which the pictures are normalised, on a scale of 0–1.
    """

    name: str
    library: str
    net: nn.Module
    size: int
    mean: tuple[float, ...]
    std: tuple[float, ...]


def load_network(name: str, library: str | None = None, *, weights: Path | None, random: bool) -> Network:
    """A network by its name.

    Args:
        name: a name of timm or torchvision.
        library: "timm" or "torchvision"; the first of the two that knows the name unless given.
        weights: a weights file; unless given, the library's pretrained weights: installed with handlens, from the
            library's cache, or downloaded.
        random: keep the random initial weights of the library.

    Raises:
        BackboneError: no network has the name.
        DownloadError: the pretrained weights are not on this machine and could not be downloaded.
        WeightsError: the weights do not fit, are damaged or should be installed and are not, or the library has no
            weights for this network.
    """
    load = _load_timm if _known(name, library) == TIMM else _load_torchvision
    return load(name, weights, random)


def new_network(name: str, library: str) -> nn.Module:
    """A network with random weights; a network of timm has no classifier.

    Raises:
        BackboneError: the library has no network of this name.
    """
    if _known(name, library) == TIMM:
        import timm

        net: nn.Module = timm.create_model(name, pretrained=False, num_classes=0)
    else:
        from torchvision.models import get_model

        net = get_model(name, weights=None)
    return net


def outline_of(name: str, library: str) -> dict[str, Tensor]:
    """The tensors of `new_network` by name, without numbers and without their memory: their shapes and types.

    Raises:
        BackboneError: as of `new_network`.
    """
    # Some networks compute with numbers while they are made: they refuse the first way or the second, not both.
    for without_memory in (torch.device("meta"), _parameters_without_memory()):
        with suppress(RuntimeError), without_memory:
            return {key: value.to("meta") for key, value in new_network(name, library).state_dict().items()}
    return new_network(name, library).state_dict()


@contextmanager
def _parameters_without_memory() -> Iterator[None]:
    """Let each parameter lose its numbers when a layer of this thread takes it up."""
    owner = threading.get_ident()

    def emptied(_module: nn.Module, _name: str, parameter: nn.Parameter | None) -> nn.Parameter | None:
        if parameter is None or threading.get_ident() != owner:
            return None  # as it is
        return nn.Parameter(parameter.to("meta"), requires_grad=parameter.requires_grad)

    hook = register_module_parameter_registration_hook(emptied)  # type: ignore[arg-type]  # it may return one
    try:
        yield
    finally:
        hook.remove()


def _known(name: str, library: str | None) -> str:
    """The library of a network that it knows; raises BackboneError, so that nothing is loaded from elsewhere."""
    if library is None:
        return library_of(name)
    if library not in (TIMM, TORCHVISION):
        raise BackboneError(f"a network must be of timm or torchvision; {str(library)[:100]!r} arrived.")
    # Some networks are in both.
    in_library = _in_timm(name) if library == TIMM else isinstance(name, str) and name in _classifiers()
    if not in_library:
        library_of(name)  # names what is like it
        raise BackboneError(f"{library} must have a network of that name; got {str(name)[:100]!r}.")
    return library


def _in_timm(name: str) -> bool:
    """Whether timm itself has the network; names with : or / are those of other places, which it would ask."""
    import timm

    return isinstance(name, str) and ":" not in name and "/" not in name and timm.is_model(name)


def _classifiers() -> list[str]:
    """The networks of torchvision that classify pictures; other ones download the weights of a part of them."""
    from torchvision import models

    return list(models.list_models(module=models))


def library_of(name: str) -> str:
    """The library that knows a name, "timm" or else "torchvision"; raises BackboneError if neither does."""
    import timm

    if _in_timm(name):
        return TIMM
    if not isinstance(name, str):
        raise BackboneError(f"a network must be given by its name, as text; {str(name)[:100]!r} arrived.")
    known = _classifiers()
    if name in known:
        return TORCHVISION
    near = difflib.get_close_matches(name[:200], timm.list_models() + known, n=3)
    hint = f"did you mean {', '.join(near)}?" if near else "timm.list_models() lists the names"
    raise BackboneError(f"there must be a network of that name in timm or torchvision; got {name[:200]!r}: {hint}.")


def cached_weights(name: str) -> Path | None:
    """The file of a network's pretrained weights if it is on this machine, otherwise None."""
    if name in PACKAGED:
        return packaged_file(name)
    if library_of(name) == TIMM:
        import timm

        manifest = timm.get_pretrained_cfg(name)
        if manifest is None or not manifest.hf_hub_id:
            return None
        return files.cached_in_hub(manifest.hf_hub_id)
    return files.cached_from_address(_torchvision_weights(name).url)


def classifier_of(net: nn.Module) -> str:
    """The name of the child of a torchvision network that holds its last weights."""
    last = [key for key, module in net.named_modules() if isinstance(module, nn.Linear | nn.Conv2d)][-1]
    return str(last).split(".")[0]


def load_exactly(
    net: nn.Module, found: dict[str, Tensor], name: str, origin: str, *, loose: tuple[str, ...] = ()
) -> None:
    """Load weights that have the network's names and shapes; those below the names in `loose` may be missing.

    Raises:
        WeightsError: names what is missing, unexpected or of another shape in `origin`.
    """
    wanted = net.state_dict()
    check_fits(wanted, found, name, origin, loose=loose)
    fitting = {key: value for key, value in found.items() if key in wanted and value.shape == wanted[key].shape}
    net.load_state_dict(fitting, strict=False)


def check_fits(
    wanted: Mapping[str, Tensor], found: Mapping[str, Tensor], name: str, origin: str, *, loose: tuple[str, ...] = ()
) -> None:
    """Raise WeightsError unless the tensors found are those of a network, as `load_exactly` does."""

    def free(key: str) -> bool:
        # The batch counter of a norm is not used, and older files do not have it.
        return key.endswith("num_batches_tracked") or any(key.startswith(f"{part}.") for part in loose)

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


def _load_timm(name: str, weights: Path | None, random: bool) -> Network:
    import timm

    manifest = timm.get_pretrained_cfg(name)
    classifier = manifest.classifier if manifest is not None else None
    loose = (classifier,) if isinstance(classifier, str) else tuple(classifier or ())
    net = new_network(name, TIMM)
    if weights is None and not random:
        if name in PACKAGED:
            load_exactly(net, _packaged(name, net, loose), name, f"the installed {PACKAGED[name].package}", loose=loose)
        elif manifest is None or not manifest.hf_hub_id:
            raise WeightsError(
                f"timm has no pretrained weights for {name}; give a weights file, or ask for random weights."
            )
        else:
            weights = files.from_hub(manifest.hf_hub_id)
    if weights is not None:
        found = files.named_as(files.read_weights(weights), net.state_dict())
        try:
            load_exactly(net, found, name, str(weights), loose=loose)
        except WeightsError as error:
            net = _converted(name, found, loose, error)
    cfg: Any = net.pretrained_cfg
    return Network(name, TIMM, net, size=cfg["input_size"][-1], mean=tuple(cfg["mean"]), std=tuple(cfg["std"]))


def _packaged(name: str, net: nn.Module, loose: tuple[str, ...]) -> dict[str, Tensor]:
    """The packaged weights under timm's names: the tensors are in the network's order, the classifier's last."""
    names = [*net.state_dict(), *(f"{part}.{kind}" for part in loose for kind in ("weight", "bias"))]
    found = read_packaged(name)
    if len(found) != len(names):
        raise WeightsError(f"the weights of {name} must be {len(names)} tensors; {len(found)} arrived. Update timm.")
    return dict(zip(names, found, strict=True))


def _converted(name: str, found: dict[str, Tensor], loose: tuple[str, ...], misfit: WeightsError) -> nn.Module:
    """The network with weights under their original publisher's names, which timm can translate."""
    import timm

    body = {key: value for key, value in found.items() if not key.startswith(tuple(f"{part}." for part in loose))}
    # With 0 classes both in the file and in the network, timm checks all other names.
    overlay = {"state_dict": body, "num_classes": 0, "label_offset": 0}
    try:
        net: nn.Module = timm.create_model(name, pretrained=True, num_classes=0, pretrained_cfg_overlay=overlay)
    except Exception:  # the translations raise many types of errors on files that they are not made for
        raise misfit from None
    return net


def _load_torchvision(name: str, weights: Path | None, random: bool) -> Network:
    manifest = _torchvision_weights(name)
    if weights is None and not random:
        weights = files.from_address(manifest.url)
    net = new_network(name, TORCHVISION)
    if weights is not None:
        found = files.named_as(files.read_weights(weights), net.state_dict())
        load_exactly(net, found, name, str(weights), loose=(classifier_of(net),))
    crop = manifest.transforms()
    return Network(name, TORCHVISION, net, size=crop.crop_size[0], mean=tuple(crop.mean), std=tuple(crop.std))


def _torchvision_weights(name: str) -> Any:
    from torchvision.models import get_model_weights

    return get_model_weights(name).DEFAULT
