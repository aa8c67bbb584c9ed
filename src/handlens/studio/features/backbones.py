"""Features from every stage of a pretrained network of timm or torchvision."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from handlens.errors import BackboneError, WeightsError
from handlens.studio.features import weights as files
from handlens.studio.features.extractor import CELLS, check_batch, layers_of
from handlens.studio.features.fuse import fused
from handlens.studio.features.precision import device, half_precision
from handlens.studio.features.stages import stages_by_hooks

KIND = "backbone"
MOST_STAGES = 6
"""Of more stages than this (a transformer's blocks) so many are used, evenly spaced, the last included."""

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
        self._stages = _stages_of(name, library, net, self._input(sample))
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

    def _input(self, batch: Tensor) -> Tensor:
        pixels = batch.to(self._device).float() * self._factor + self._offset
        # A permuted [B, S, S, 3] is channels_last already.
        return pixels.permute(0, 3, 1, 2)

    def _run(self, batch: Tensor) -> list[Tensor]:
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self._half):
            return self._stages(self._input(batch))


def load_backbone(name: str, *, weights: Path | None, random: bool) -> BackboneExtractor:
    """A network by its timm or else torchvision name; see `handlens.studio.features.backbone_extractor`."""
    if random and weights is not None:
        raise WeightsError("random weights and a weights file were both asked for; give one of them")
    library = _library_of(name)
    load = _load_timm if library == "timm" else _load_torchvision
    return load(name, weights, random)


def rebuild_backbone(config: dict[str, Any], tensors: dict[str, Tensor]) -> BackboneExtractor:
    """The extractor that `config()` and `tensors()` came from; asks nothing of the network."""
    name, library = config["name"], config["library"]
    net = _timm_net(name) if library == "timm" else _torchvision_net(name)
    _load_exactly(net, tensors, name, "the saved model", loose=())
    return BackboneExtractor(name, library, net, size=config["size"], mean=config["mean"], std=config["std"])


def cached_weights(name: str) -> Path | None:
    """The weights of a network that are already on this machine."""
    if _library_of(name) == "timm":
        import timm

        about = timm.get_pretrained_cfg(name)
        if about is None or not about.hf_hub_id:
            return None
        return files.cached_in_hub(about.hf_hub_id)
    address = _torchvision_weights(name).url
    return files.cached_from_address(address)


# ----------------------------------------------------------------------------------- the two libraries


def _library_of(name: str) -> str:
    import timm

    if ":" not in name and "/" not in name and timm.is_model(name):
        return "timm"
    from torchvision.models import list_models

    known = list_models()
    if name in known:
        return "torchvision"
    near = difflib.get_close_matches(name, timm.list_models() + known, n=3)
    hint = f"did you mean {', '.join(near)}?" if near else "timm.list_models() lists the names"
    raise BackboneError(f"a network must have the name of one in timm or torchvision; got {name!r}: {hint}")


def _timm_net(name: str) -> nn.Module:
    import timm

    net: nn.Module = timm.create_model(name, pretrained=False, num_classes=0)
    return net


def _load_timm(name: str, weights: Path | None, random: bool) -> BackboneExtractor:
    import timm

    about = timm.get_pretrained_cfg(name)
    if weights is None and not random:
        if about is None or not about.hf_hub_id:
            raise WeightsError(f"timm has no pretrained weights for {name}; give a weights file")
        weights = files.from_hub(about.hf_hub_id)
    net = _timm_net(name)
    if weights is not None:
        classifier = about.classifier if about is not None else None
        loose = (classifier,) if isinstance(classifier, str) else tuple(classifier or ())
        found = files.read_weights(weights)
        try:
            _load_exactly(net, found, name, str(weights), loose=loose)
        except WeightsError as error:
            net = _converted(name, found, loose, error)
    cfg: Any = net.pretrained_cfg
    return BackboneExtractor(name, "timm", net, size=cfg["input_size"][-1], mean=cfg["mean"], std=cfg["std"])


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


def _torchvision_net(name: str) -> nn.Module:
    from torchvision.models import get_model

    net: nn.Module = get_model(name, weights=None)
    return net


def _classifier_of(net: nn.Module) -> str:
    """The child of a torchvision network that holds its last weights."""
    last = [key for key, module in net.named_modules() if isinstance(module, nn.Linear | nn.Conv2d)][-1]
    return str(last).split(".")[0]


def _torchvision_weights(name: str) -> Any:
    from torchvision.models import get_model_weights

    return get_model_weights(name).DEFAULT


def _load_torchvision(name: str, weights: Path | None, random: bool) -> BackboneExtractor:
    about = _torchvision_weights(name)
    if weights is None and not random:
        weights = files.from_address(about.url)
    net = _torchvision_net(name)
    if weights is not None:
        _load_exactly(net, files.read_weights(weights), name, str(weights), loose=(_classifier_of(net),))
    crop = about.transforms()
    return BackboneExtractor(name, "torchvision", net, size=crop.crop_size[0], mean=crop.mean, std=crop.std)


def _load_exactly(net: nn.Module, found: dict[str, Tensor], name: str, origin: str, *, loose: tuple[str, ...]) -> None:
    """Load weights with the network's names and shapes; those below the names in `loose` may be absent."""

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
        raise WeightsError(f"{origin} does not fit {name}: {'; '.join(problems)}")
    fitting = {key: value for key, value in found.items() if key in wanted and value.shape == wanted[key].shape}
    net.load_state_dict(fitting, strict=False)


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
    without = _classifier_of(net) if library == "torchvision" else ""
    return stages_by_hooks(name, net, sample, without=without)


def _spaced(count: int) -> list[int]:
    if count <= MOST_STAGES:
        return list(range(count))
    return [(i + 1) * count // MOST_STAGES - 1 for i in range(MOST_STAGES)]


def _pooled(stage: Tensor) -> list[Tensor]:
    """ "What" [B, C] and "where" [B, C*9] of a stage [B, C, H, W], in float32."""
    stage = stage.float()
    return [stage.mean((2, 3)), F.adaptive_avg_pool2d(stage, CELLS).flatten(1)]
