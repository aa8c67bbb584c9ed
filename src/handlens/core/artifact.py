"""Saved models: a folder with model.json (what it is) and tensors.safetensors (its numbers), never pickle.

A README.md for people, the model's card, may be in the folder too; nothing is loaded from it.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from handlens import __version__
from handlens.errors import ArtifactError, WeightsError
from handlens.io.checksums import DamagedError, with_checksum, without_checksum
from handlens.io.files import atomic_folder, interrupted_folder
from handlens.io.plain_json import parse_json, read_json
from handlens.io.problems import reason_of, reporting_disk_errors, storage_error
from handlens.io.tensor_files import Outline, not_finite, outlines, read_tensors

if TYPE_CHECKING:
    from torch import Tensor, nn

FORMAT = "handlens-model"
FORMAT_VERSION = 1
DESCRIPTION = "model.json"

EXPORT = "learner"
"""The folder that `learn.export()` writes unless it is given another name."""
TENSORS = "tensors.safetensors"
CARD = "README.md"
WEIGHTS = "weights"
"""The kind of a saved model that is weights alone, for a model that is made by other means."""
Orders = Mapping[str, Sequence[str]]
"""What rows of weights stand for, such as {"classes": ["cat", "dog"]}."""
_MEMBERS = frozenset({"format", "format_version", "library_version", "kind", "config", "tensors"})


def save_artifact(
    folder: Path | str, kind: str, config: dict[str, Any], tensors: dict[str, Tensor], *, card: str | None = None
) -> None:
    """Write a model as a folder, whole or not at all.

    It is written beside `folder` and renamed into place. A saved model that is there is replaced.

    Args:
        folder: where; must not exist, be empty, or hold a saved model.
        kind: what the model is, asked for again when it is loaded.
        config: anything JSON can hold exactly (no NaN or infinity).
        tensors: the numbers, by name, of any shape and type.
        card: the model's card as Markdown; it takes the place of one that is there.

    Raises:
        ArtifactError: `folder` holds something else, or `config` cannot be written as JSON.
        StorageError: the disk refused; what was there before stays.
    """
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    target = Path(folder).absolute()
    with reporting_disk_errors(target):
        _check_replaceable(target, {DESCRIPTION, TENSORS} | ({CARD} if card is not None else set()))
    plain = _plain(tensors)
    description = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "library_version": __version__,
        "kind": kind,
        "config": config,
        "tensors": {name: _describe(tensor) for name, tensor in plain.items()},
    }
    try:
        text = json.dumps(with_checksum(description), indent=1, allow_nan=False, ensure_ascii=False)
        parse_json(text.encode("utf-8"))
    except (TypeError, ValueError, RecursionError) as error:
        raise ArtifactError(f"the config of a saved model must be plain JSON: {reason_of(error)}.") from error
    with atomic_folder(target) as staging:
        try:
            save_file(plain, staging / TENSORS)
        except SafetensorError as error:  # which wraps the system's errors
            raise storage_error(target, error) from error
        (staging / DESCRIPTION).write_text(text, encoding="utf-8")
        if card is not None:
            (staging / CARD).write_text(card, encoding="utf-8", newline="\n")


def tensors_hash(tensors: dict[str, Tensor]) -> str:
    """SHA-256 of the file of tensors that `save_artifact` writes, in 64 characters.

    Example:
        >>> import torch
        >>> tensors = {"weight": torch.ones(2)}
        >>> save_artifact("model", "example", {}, tensors)
        >>> tensors_hash(tensors) == hashlib.sha256(Path("model/tensors.safetensors").read_bytes()).hexdigest()
        True
    """
    from safetensors.torch import save

    return hashlib.sha256(save(_plain(tensors))).hexdigest()


def load_artifact(folder: Path | str, kind: str, *, finite: bool = True) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Read a saved model, every byte checked; runs no code from it.

    Sizes are checked before memory is allocated for the tensors.

    Args:
        folder: what `save_artifact` wrote.
        kind: the kind of model that it must be.
        finite: refuse tensors with NaN or infinity: a model with these predicts NaN.

    Returns:
        Its config, plain JSON, and its tensors by name, on the CPU.

    Raises:
        ArtifactError: it is not a saved model, another kind, damaged, from a newer version, or not finite.
    """
    source = _source(folder)
    description = _read_description(source)
    if description["kind"] != kind:
        raise ArtifactError(f"{source} holds a saved {description['kind']}; a saved {kind} was asked for.")
    path = source / TENSORS
    if path.is_symlink() or not path.is_file():
        raise ArtifactError(f"{source} is damaged: its {TENSORS} is missing; save the model again.")
    expected: dict[str, Any] = description["tensors"]
    try:
        _check_outlines(source, outlines(path), expected)
        tensors = read_tensors(path)
    except (OSError, ValueError, MemoryError) as error:
        raise ArtifactError(
            f"{source} is damaged: {TENSORS} cannot be read ({reason_of(error)}); save it again."
        ) from error
    for name, tensor in tensors.items():
        if _describe(tensor) != expected[name]:
            raise ArtifactError(f"{source} is damaged: the tensor {name} is not the one that was saved.")
    odd = not_finite(tensors) if finite else None
    if odd is not None:
        raise ArtifactError(
            f"{source} cannot be used: {odd}, so each prediction would be NaN. Train the model again at a lower rate."
        )
    return description["config"], tensors


def _check_outlines(source: Path, found: Mapping[str, Outline], expected: Mapping[str, Any]) -> None:
    """Raise ArtifactError unless the file of tensors has those that are described."""
    if set(found) != set(expected):
        odd = ", ".join(sorted(set(found) ^ set(expected))[:5])
        raise ArtifactError(f"{source} is damaged: {DESCRIPTION} and {TENSORS} disagree about {odd}.")
    for name, outline in found.items():
        described = expected[name]
        if not isinstance(described, dict) or described.get("shape") != outline.shape:
            raise ArtifactError(f"{source} is damaged: {DESCRIPTION} and {TENSORS} disagree about {name}.")


def save_weights(model: nn.Module, folder: Path | str, orders: Orders | None = None) -> None:
    """Write a model's parameters and running statistics.

    Args:
        model: the model.
        folder: where to write; earlier weights there are replaced.
        orders: what rows of the weights stand for, such as {"classes": ["cat", "dog"]}.

    Raises:
        ArtifactError, StorageError: as `save_artifact`.
    """
    config = {"model": type(model).__name__, "orders": {what: list(names) for what, names in (orders or {}).items()}}
    save_artifact(folder, WEIGHTS, config, model.state_dict())


def load_weights(model: nn.Module, folder: Path | str, orders: Orders | None = None) -> None:
    """Put saved parameters and running statistics into a model.

    It warns if the weights were saved with other names, such as other classes: predictions then mean something only
    after the model is trained.

    Args:
        model: a model of the same layers as the one that was saved.
        folder: what `save_weights` wrote.
        orders: what rows of the weights stand for here, as for `save_weights`.

    Raises:
        ArtifactError: as `load_artifact`.
        WeightsError: the weights are of another model, or of the same names in another order.
    """
    config, tensors = load_artifact(folder, WEIGHTS)
    saved = config.get("orders")
    others = {
        what: (saved[what], list(names))
        for what, names in (orders or {}).items()
        if isinstance(saved, dict) and isinstance(saved.get(what), list) and saved[what] != list(names)
    }
    for what, (then, now) in others.items():
        if sorted(map(str, then)) == sorted(now):
            raise WeightsError(
                f"{folder} was saved with the {what} in another order, {_first(then)}; here they are {_first(now)}: "
                "each would be taken for another one. Make the data with them in that order."
            )
    try:
        model.load_state_dict(tensors)
    except RuntimeError as error:
        raise WeightsError(f"{folder} holds the weights of another model: {reason_of(error)}.") from error
    for what, (then, now) in others.items():
        warnings.warn(
            f"{folder} was saved with other {what}, {_first(then)}; here they are {_first(now)}. Train the model "
            "before it predicts.",
            stacklevel=3,
        )


def _first(names: list[Any]) -> str:
    return ", ".join(map(str, names[:5])) + (", …" if len(names) > 5 else "")


@contextmanager
def refusing_damage(folder: Path | str, what: str) -> Iterator[None]:
    """Raise an ArtifactError that names the folder for every error of the block that makes a model of a config.

    A config is plain JSON that anybody may have written, so any error may come of it.

    Args:
        folder: of the saved model.
        what: what it should be, such as "a saved learner".
    """
    try:
        yield
    except ArtifactError:
        raise
    except Exception as error:
        raise ArtifactError(f"{folder} is damaged or not {what}: {reason_of(error)}.") from error


def part_of(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors whose names begin with a prefix, by the rest of their names."""
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def artifact_kind(folder: Path | str) -> str:
    """What a saved model is, such as "tabular-learner"; raises ArtifactError if it is not a saved model."""
    kind: str = _read_description(_source(folder))["kind"]
    return kind


def _read_description(source: Path) -> dict[str, Any]:
    path = source / DESCRIPTION
    try:
        if not path.is_file() or path.is_symlink():
            raise _nothing_saved(source)
        description = read_json(path)
    except OSError as error:
        raise ArtifactError(f"{source} cannot be read: {reason_of(error)}.") from error
    except ValueError as error:
        raise ArtifactError(f"{source} is damaged: {DESCRIPTION} cannot be read ({reason_of(error)}).") from error
    if description.get("format") != FORMAT:
        raise ArtifactError(f"{source} is not a saved model: its {DESCRIPTION} is not of the format {FORMAT}.")
    version = description.get("format_version")
    if isinstance(version, bool) or not isinstance(version, int) or version < 1:
        raise ArtifactError(f"{source} is damaged: {DESCRIPTION} has no format version.")
    if version > FORMAT_VERSION:
        raise ArtifactError(
            f"{source} was saved by handlens {description.get('library_version', '?')} in format {version}; "
            f"this handlens {__version__} reads up to format {FORMAT_VERSION}: upgrade it to load the model."
        )
    try:
        description = without_checksum(description, known=_MEMBERS)
    except (DamagedError, RecursionError) as error:
        raise ArtifactError(
            f"{source} is damaged: {DESCRIPTION} is not as it was saved ({reason_of(error)})."
        ) from error
    for key, expected in (("kind", str), ("config", dict), ("tensors", dict)):
        if not isinstance(description.get(key), expected):
            raise ArtifactError(f"{source} is damaged: {DESCRIPTION} has no proper '{key}'.")
    return description


def _source(folder: Path | str) -> Path:
    """Where the model of a folder is: while it is replaced, or after that was cut off, under another name beside it."""
    return interrupted_folder(folder) or Path(folder)


def _nothing_saved(source: Path) -> ArtifactError:
    if source.is_file():
        advice = "unpack the zip" if source.suffix.lower() == ".zip" else "give the folder"
        return ArtifactError(f"{source} is not a saved model: it is a file, and a saved model is a folder; {advice}.")
    why = f"it has no {DESCRIPTION}" if source.is_dir() else "there is no such folder"
    return ArtifactError(f"{source} is not a saved model: {why}.")


def _describe(tensor: Tensor) -> dict[str, Any]:
    import torch

    data = tensor.reshape(-1).view(torch.uint8).numpy()
    return {
        "shape": list(tensor.shape),
        "dtype": str(tensor.dtype).removeprefix("torch."),
        "sha256": hashlib.sha256(data.tobytes()).hexdigest(),
    }


def _plain(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Copies on the CPU, because safetensors refuses tensors that share memory or have strides."""
    return {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}


def _check_replaceable(target: Path, ours: set[str]) -> None:
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise ArtifactError(f"a model is saved as a folder; {target} is something else, choose another name.")
    if not target.exists() or not any(target.iterdir()):
        return
    try:
        _read_description(target)
    except ArtifactError as error:
        raise ArtifactError(
            f"{target} exists and holds no saved model; nothing was overwritten, choose another folder."
        ) from error
    extra = sorted(path.name for path in target.iterdir() if path.name not in ours)
    if extra:
        raise ArtifactError(
            f"{target} holds a saved model and also {', '.join(extra[:3])}; "
            "nothing was overwritten, choose another folder."
        )
