"""The files of a CLIP or SigLIP model of transformers: where they are, and what they say. No code is run."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from handlens.errors import WeightsError
from handlens.io.plain_json import LARGEST, read_json
from handlens.io.problems import reason_of

KINDS = ("clip", "siglip")
"""The "model_type" of the models that are known: both turn pictures and sentences into vectors of one space."""

_MOST_CARD = 64 * 2**10
_SMALL = ("preprocessor_config.json", "processor_config.json", "tokenizer_config.json", "README.md")
_OF_THE_HUB = r"\w[\w.-]{0,95}/\w[\w.-]{0,95}"


def is_text_model(name: str | None) -> bool:
    """Whether a source is a model of pictures and sentences: it is named by a folder or as the hub does, with a slash.

    Example:
        >>> is_text_model("google/siglip-base-patch16-224"), is_text_model("resnet34")
        (True, False)
    """
    return name is not None and ("/" in name or "\\" in name)


def short_name(name: str) -> str:
    """The last part of a folder or of a name on the hub; other names as they are.

    Example:
        >>> short_name("google/siglip-base-patch16-224"), short_name("resnet34")
        ('siglip-base-patch16-224', 'resnet34')
    """
    return re.split(r"[/\\]", name.rstrip("/\\"))[-1] or name


@dataclass(frozen=True)
class TextFiles:
    """What the files of a model say.

    Attributes:
        model: config.json.
        mean, std: of each channel, by which pictures are normalised, on a scale of 0–1.
        tokenizer: tokenizer.json as it is.
        pad: the word that short sentences are filled up with, None if no file says.
        pads_left: they are filled up at their beginning.
        plain: punctuation is taken out of sentences, as in the training of the first SigLIP.
        licence: what the model's card says, None if it says nothing.
    """

    model: dict[str, Any]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    tokenizer: bytes
    pad: str | None
    pads_left: bool
    plain: bool
    licence: str | None

    @property
    def about(self) -> str:
        """A sentence for the person: what the model is for, and its licence."""
        kind = "CLIP" if self.model["model_type"] == "clip" else "SigLIP"
        licence = f"Licence: {self.licence}, says its model card." if self.licence else "Its folder names no licence."
        return f"A {kind} model, which finds photos by words. {licence}"


def find_model(name: str) -> Path:
    """The folder of a model: the folder `name`, or where the hub's cache has the model `name`; nothing is downloaded.

    Raises:
        WeightsError: it is not on this machine.
    """
    found = _on_this_machine(name)
    if found is None:
        raise WeightsError(
            f"the model {name[:200]} must be on this machine, as a folder or in the hub's cache; it is not. Put it "
            "there again, or add it as a new source."
        )
    return found


def get_model(name: str) -> Path:
    """The folder of a model as `find_model` says it; one of the hub that is not on this machine is downloaded.

    What is small comes first, and the weights only if it is a CLIP or SigLIP model.

    Raises:
        DownloadError: it could not be downloaded.
        WeightsError: there is no such folder, and the hub gives no such names; or it has no such model.
    """
    from handlens.io.weights import files_from_hub

    found = _on_this_machine(name)
    if Path(name).expanduser().is_dir() or (found is not None and any(found.glob("*.safetensors"))):
        return find_model(name)
    if not re.fullmatch(_OF_THE_HUB, name) or ".." in name:
        raise WeightsError(
            "a model of pictures and sentences must be a folder, or the name of a model on the hub such as "
            f"google/siglip-base-patch16-224; there is no folder {name[:200]!r}."
        )
    require_transformers()
    files_from_hub(name, "config.json", "tokenizer.json", *(f"?{file}" for file in _SMALL))
    read_text_files(find_model(name))
    files_from_hub(name, "model.safetensors")
    return find_model(name)


def _on_this_machine(name: str) -> Path | None:
    from huggingface_hub import try_to_load_from_cache

    folder = Path(name).expanduser()
    if folder.is_dir():
        return folder.resolve()
    try:
        found = try_to_load_from_cache(name, "config.json")
    except ValueError:  # not a name that the hub gives
        return None
    return Path(found).parent if isinstance(found, str) else None


def read_text_files(folder: Path) -> TextFiles:
    """What the files of a CLIP or SigLIP model say; its weights are not read.

    Raises:
        WeightsError: the folder has no such model, or transformers is not installed.
    """
    require_transformers()
    model = _json(folder, "config.json")
    if model.get("model_type") not in KINDS:
        raise WeightsError(
            f"{folder} must have a CLIP or SigLIP model of transformers (model_type clip or siglip); "
            f"model_type {model.get('model_type')!r:.80} arrived."
        )
    pictures = _pictures(folder)
    mean, std = (_numbers(folder, pictures, key) for key in ("image_mean", "image_std"))
    words = _json(folder, "tokenizer_config.json", optional=True)
    pad = words.get("pad_token")
    pad = pad.get("content") if isinstance(pad, dict) else pad
    return TextFiles(
        model,
        mean,
        std,
        _bytes(folder, "tokenizer.json"),
        pad if isinstance(pad, str) else None,
        words.get("padding_side") == "left",
        words.get("tokenizer_class") == "SiglipTokenizer",
        _licence(folder),
    )


def require_transformers() -> None:
    """Raise WeightsError unless transformers and its tokenizers are installed; they are not imported yet."""
    missing = [package for package in ("transformers", "tokenizers") if find_spec(package) is None]
    if missing:
        raise WeightsError(f"text search requires {' and '.join(missing)}: pip install 'handlens[text]'.")


def weights_of(folder: Path) -> list[Path]:
    """The safetensors files of a model.

    Raises:
        WeightsError: there are none, or only weights as pickle.
    """
    found = folder / "model.safetensors"
    if found.is_file():
        return [found]
    parts = sorted(folder.glob("model-*-of-*.safetensors"))
    if parts:
        return parts
    pickled = sorted(path.name for kind in ("*.bin", "*.pt", "*.pth", "*.ckpt") for path in folder.glob(kind))
    if pickled:
        raise WeightsError(
            f"{folder} must have model.safetensors; it has {pickled[0]}, a pickle, which could run code when it is "
            "read. Get the safetensors file of the model, or convert it where you trust it."
        )
    raise WeightsError(f"{folder} must have model.safetensors, the weights of the model; there is no such file.")


def _pictures(folder: Path) -> dict[str, Any]:
    """How pictures are normalised: newer folders say it as a part of another file."""
    if (folder / "preprocessor_config.json").exists():
        return _json(folder, "preprocessor_config.json")
    part = _json(folder, "processor_config.json").get("image_processor")
    return part if isinstance(part, dict) else {}


def _numbers(folder: Path, found: dict[str, Any], key: str) -> tuple[float, ...]:
    values = found.get(key)
    least = 0.001 if key == "image_std" else 0.0
    if (
        not isinstance(values, list)
        or len(values) != 3
        or not all(type(value) in (int, float) and least <= value <= 1 for value in values)
    ):
        raise WeightsError(f"{key} of {folder} must be three numbers from {least:g} to 1; {values!r:.80} arrived.")
    return tuple(map(float, values))


def _json(folder: Path, name: str, *, optional: bool = False) -> dict[str, Any]:
    if optional and not (folder / name).exists():
        return {}
    try:
        return read_json(folder / name)
    except FileNotFoundError:
        raise _missing(folder, name) from None
    except (OSError, ValueError) as error:
        raise WeightsError(f"{folder / name} cannot be read: {reason_of(error)}. Get the model again.") from error


def _bytes(folder: Path, name: str) -> bytes:
    try:
        with (folder / name).open("rb") as file:
            found = file.read(LARGEST + 1)
    except FileNotFoundError:
        raise _missing(folder, name) from None
    except OSError as error:
        raise WeightsError(f"{folder / name} cannot be read: {reason_of(error)}. Get the model again.") from error
    if len(found) > LARGEST:
        raise WeightsError(f"{folder / name} must have at most {LARGEST // 2**20} MB; it has more.")
    return found


def _missing(folder: Path, name: str) -> WeightsError:
    return WeightsError(
        f"{folder} must have a CLIP or SigLIP model in the files of transformers; {name} is missing. Get the whole "
        "folder of the model."
    )


def _licence(folder: Path) -> str | None:
    """The licence that the model's card says in its first lines."""
    import yaml

    try:
        with (folder / "README.md").open("rb") as file:
            card = file.read(_MOST_CARD).decode("utf-8", "replace")
        head = re.match(r"---\s*\n(.*?)\n---\s*\n", card, re.DOTALL)
        said = yaml.safe_load(head[1]) if head else None
    except (OSError, yaml.YAMLError, RecursionError):
        return None
    named = [said.get(key) for key in ("license_name", "license")] if isinstance(said, dict) else []
    return next((name[:100] for name in named if isinstance(name, str) and name), None)
