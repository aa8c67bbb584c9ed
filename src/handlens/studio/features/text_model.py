"""Features of a CLIP or SigLIP model, whose sentences lie in the same space as its pictures."""

from __future__ import annotations

import re
import string
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from handlens.errors import CollectionError, WeightsError
from handlens.io.problems import reason_of
from handlens.io.tensor_files import not_finite, read_tensors
from handlens.studio.features.extractor import Layer, check_batch
from handlens.studio.features.precision import device, half_precision
from handlens.studio.features.text_files import KINDS, read_text_files, require_transformers, weights_of
from handlens.vision.backbones import check_fits

if TYPE_CHECKING:
    from tokenizers import Tokenizer

KIND = "text"
LARGEST_SIZE = 1024
AT_ONCE = 16
STAGE = "embedding"

_MODEL, _TOKENIZER = "model.", "tokenizer"

_LARGEST = {
    "hidden_size": 65_536,
    "intermediate_size": 262_144,
    "projection_dim": 65_536,
    "projection_size": 65_536,
    "num_hidden_layers": 256,
    "num_attention_heads": 1024,
    "max_position_embeddings": 65_536,
    "vocab_size": 4_194_304,
    "image_size": LARGEST_SIZE,
    "patch_size": LARGEST_SIZE,
}
"""The sizes that a config may say, and the largest of each that a real model could have."""

_IDS = ("bos_token_id", "eos_token_id", "pad_token_id")


class TextModel:
    """A model that turns pictures and sentences into vectors of one space, all of length 1.

    Its one layer is the picture's vector. The nearer a sentence's vector is to it (their product, the cosine of the
    angle between them), the better the sentence describes the picture: Radford et al. 2021, arXiv 2103.00020; Zhai et
    al. 2023, arXiv 2303.15343.

    Args:
        name: what it is called.
        config: "model" (the config.json of transformers), "mean", "std", "pad", "pads_left" and "plain", as in
            `TextFiles`.
        tensors: the weights by the names of transformers, with "model." before them, and "tokenizer", the bytes of
            tokenizer.json.
        origin: where they come from, for errors.

    Raises:
        WeightsError: the weights or the tokenizer are not those of the model.
    """

    def __init__(self, name: str, config: dict[str, Any], tensors: dict[str, Tensor], *, origin: str) -> None:
        self.name = name
        self._config = config
        self._tokens = tensors[_TOKENIZER]
        self._device = device()
        self._half = half_precision(self._device)
        made, network = _kind(config["model"])
        self.size = made.vision_config.image_size
        found = {key.removeprefix(_MODEL): value for key, value in tensors.items() if key.startswith(_MODEL)}
        with torch.device("meta"):  # before memory is taken for what a file claims
            wanted = network(made).state_dict()
        check_fits(wanted, found, name, origin)
        net = network(made)
        net.load_state_dict(found)
        self._net = net.eval().requires_grad_(False).to(self._device)
        self._words = _tokenizer(bytes(self._tokens.numpy()), origin)
        self._longest = made.text_config.max_position_embeddings
        self._check_tokenizer(made, origin)
        self._pad = None if config["model"]["model_type"] == "clip" else self._padding(made)
        mean, std = torch.tensor(config["mean"]), torch.tensor(config["std"])
        self._factor, self._offset = (1 / (255 * std)).to(self._device), (-mean / std).to(self._device)
        dim = self._pictures(torch.zeros(1, self.size, self.size, 3, dtype=torch.uint8)).shape[1]
        self.layers = (Layer(f"{name}/{STAGE}/what", name, STAGE, "what", dim),)

    @torch.inference_mode()
    def __call__(self, batch: Tensor) -> list[Tensor]:
        """The vectors of uint8 pictures [B, size, size, 3], float32 [B, dim] of length 1, on the CPU."""
        check_batch(batch, self.size)
        parts = batch.split(AT_ONCE if self._device.type == "cpu" else max(1, len(batch)))
        return [torch.cat([self._pictures(part) for part in parts]).cpu()]

    def maps(self, batch: Tensor) -> list[Tensor]:
        """The vectors as maps of one place, [B, dim, 1, 1]: they say nothing about where something is."""
        return [self(batch)[0][:, :, None, None]]

    @torch.inference_mode()
    def sentence(self, text: str) -> np.ndarray[Any, np.dtype[np.float32]]:
        """The vector of a sentence, float32 [dim] of length 1.

        Raises:
            CollectionError: the sentence is longer than the model can take.
        """
        ids = self._ids(text)
        if len(ids) > self._longest:
            raise CollectionError(
                f"a sentence for {self.name} must have at most {self._longest} tokens (words and parts of words); "
                f"{len(ids):,} arrived. Shorten it."
            )
        if self._pad is not None:
            filling = [self._pad] * (self._longest - len(ids))
            ids = filling + ids if self._config["pads_left"] else ids + filling
        found = self._net.get_text_features(input_ids=torch.tensor([ids], device=self._device)).pooler_output
        return np.asarray(F.normalize(found.float(), dim=1)[0].cpu().numpy(), np.float32)

    def config(self) -> dict[str, Any]:
        """What `rebuild` needs besides the tensors."""
        return {"kind": KIND, "name": self.name, **self._config}

    def tensors(self) -> dict[str, Tensor]:
        """The weights, and the file of the tokenizer as bytes."""
        weights = {f"{_MODEL}{key}": value.cpu() for key, value in self._net.state_dict().items()}
        return weights | {_TOKENIZER: self._tokens}

    def _pictures(self, batch: Tensor) -> Tensor:
        pixels = (batch.to(self._device).float() * self._factor + self._offset).permute(0, 3, 1, 2)
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self._half):
            found = self._net.get_image_features(pixel_values=pixels).pooler_output
        return F.normalize(found.float(), dim=1)

    def _ids(self, text: str) -> list[int]:
        if self._pad is not None:  # SigLIP is trained on small letters
            text = text.lower()
        if self._config["plain"]:
            text = re.sub(r"\s+", " ", text.translate(str.maketrans("", "", string.punctuation))).strip()
        return list(self._words.encode(text).ids)

    def _padding(self, made: Any) -> int:
        named = self._words.token_to_id(self._config["pad"]) if self._config["pad"] else None
        return int(made.text_config.pad_token_id if named is None else named)

    def _check_tokenizer(self, made: Any, origin: str) -> None:
        """Raise WeightsError for a tokenizer of another model."""
        size, wanted = self._words.get_vocab_size(), made.text_config.vocab_size
        if size > wanted:
            raise WeightsError(
                f"tokenizer.json of {origin} must be that of the model, which knows {wanted:,} tokens; it has {size:,}."
            )
        if self._config["model"]["model_type"] == "clip":
            self._pad = None
            ids, end = self._ids("a photo"), made.text_config.eos_token_id
            # Early configs say 2, whatever the end is; the network then takes the largest id.
            if not ids or ids[-1] != (max(ids) if end == 2 else end) or ids.count(ids[-1]) > 1:
                raise WeightsError(
                    f"tokenizer.json of {origin} must be that of the model: each sentence must end with one token "
                    f"{end}, the end of a text; {ids[:10]} arrived."
                )


def load_text_model(name: str, folder: Path) -> TextModel:
    """The model in a folder.

    Args:
        name: what it is to be called.
        folder: with the files of transformers: config.json, model.safetensors, tokenizer.json and
            preprocessor_config.json. Weights as pickle are refused.

    Raises:
        WeightsError: the folder has no such model, it is damaged, or transformers is not installed.
    """
    files = read_text_files(folder)
    tensors: dict[str, Tensor] = {}
    for path in weights_of(folder):
        try:
            tensors |= {f"{_MODEL}{key}": _full(value) for key, value in read_tensors(path).items() if _is_used(key)}
        except (OSError, ValueError) as error:
            raise WeightsError(f"{path} cannot be read: {reason_of(error)}. Get the model again.") from error
    odd = not_finite(tensors)
    if odd is not None:
        raise WeightsError(f"{folder} cannot be used: {odd}, so each output would be NaN.")
    tensors[_TOKENIZER] = torch.frombuffer(bytearray(files.tokenizer), dtype=torch.uint8)
    config = {
        "model": files.model,
        "mean": list(files.mean),
        "std": list(files.std),
        "pad": files.pad,
        "pads_left": files.pads_left,
        "plain": files.plain,
    }
    return TextModel(name, config, tensors, origin=str(folder))


def rebuild_text_model(config: dict[str, Any], tensors: dict[str, Tensor]) -> TextModel:
    """The model that `config()` and `tensors()` came from; asks nothing of the network.

    Raises:
        WeightsError, ValueError, KeyError: they do not describe such a model, or transformers is not installed.
    """
    require_transformers()
    rest = {key: config[key] for key in ("model", "mean", "std", "pad", "pads_left", "plain")}
    return TextModel(config["name"], rest, tensors, origin="the saved model")


def _full(value: Tensor) -> Tensor:
    return value.float() if value.is_floating_point() else value


def _is_used(key: str) -> bool:
    """Whether a tensor is a weight: older files also have the numbers 0, 1, 2, … of the positions."""
    return not key.endswith("position_ids")


def _kind(model: dict[str, Any]) -> tuple[Any, Any]:
    """The config and the class of a network of transformers.

    The class is ours to choose, and of what a file says only the sizes are used: others of its keys make transformers
    download programs and run them.
    """
    from transformers import CLIPConfig, CLIPModel, SiglipConfig, SiglipModel

    kind = model.get("model_type")
    if kind not in KINDS:
        raise WeightsError(f"model_type must be {' or '.join(KINDS)}; {kind!r:.80} arrived.")
    config, network = (CLIPConfig, CLIPModel) if kind == "clip" else (SiglipConfig, SiglipModel)
    text, pictures = _part(model, "text_config"), _part(model, "vision_config")
    sizes, of_text, of_pictures = _sizes(model), _sizes(text), _sizes(pictures)
    words = of_text.get("vocab_size", config.sub_configs["text_config"].vocab_size)
    ids: dict[str, int | None] = {
        key: value for key in _IDS if type(value := text.get(key)) is int and 0 <= value < words
    }
    if kind == "siglip":  # whose last token stands for the sentence, whatever it is
        ids |= {"bos_token_id": None, "eos_token_id": None}
    try:
        made = config(**sizes, text_config=of_text | ids, vision_config=of_pictures)
        with torch.device("meta"):  # before memory is taken for what a file claims
            network(made)
        side, patch = made.vision_config.image_size, made.vision_config.patch_size
        if patch > side:
            raise ValueError(f"patch_size must be at most image_size, {side}; {patch} arrived")
    except Exception as error:  # of whatever sizes do not go together
        reason = reason_of(error).splitlines()[-1].strip()
        raise WeightsError(f"config.json does not describe a model: {reason}. Get the model again.") from error
    return made, network


def _part(model: dict[str, Any], name: str) -> dict[str, Any]:
    """The config of one half; early files have another one that goes first."""
    found: dict[str, Any] = {}
    for key in (name, f"{name}_dict"):
        part = model.get(key) or {}
        if not isinstance(part, dict):
            raise WeightsError(f"{key} of config.json must be an object; {part!r:.80} arrived. Get the model again.")
        found |= part
    return found


def _sizes(found: dict[str, Any]) -> dict[str, Any]:
    """What a config says about the shape of a network, after checking it."""
    from transformers.activations import ACT2FN

    said = {key: found[key] for key in (*_LARGEST, "hidden_act", "layer_norm_eps") if found.get(key) is not None}
    for key, value in said.items():
        if key == "hidden_act":
            fits, wanted = isinstance(value, str) and value in ACT2FN, "the name of an activation"
        elif key == "layer_norm_eps":
            fits, wanted = isinstance(value, float) and 0 < value < 1, "a number between 0 and 1"
        else:
            fits, wanted = type(value) is int and 1 <= value <= _LARGEST[key], f"a whole number up to {_LARGEST[key]:,}"
        if not fits:
            raise WeightsError(f"{key} of config.json must be {wanted}; {value!r:.80} arrived. Get the model again.")
    if isinstance(found.get("vision_use_head"), bool):
        said["vision_use_head"] = found["vision_use_head"]
    return said


def _tokenizer(data: bytes, origin: str) -> Tokenizer:
    from tokenizers import Tokenizer

    try:
        words = Tokenizer.from_str(data.decode("utf-8"))
    except Exception as error:  # the reader raises Exception itself
        raise WeightsError(f"tokenizer.json of {origin} cannot be read: {reason_of(error)}.") from error
    words.no_truncation()
    words.no_padding()
    return words
