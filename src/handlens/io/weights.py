"""Pretrained weights: found in the hub's cache, downloaded, or read from a file; never run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
import zipfile
from argparse import Namespace
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from handlens.errors import DownloadError, WeightsError
from handlens.io.download import STALL, download, is_offline
from handlens.io.locks import process_lock
from handlens.io.problems import reason_of
from handlens.io.tensor_files import not_finite, read_tensors

if TYPE_CHECKING:
    from torch import Tensor

_FILE_NAMES = ("model.safetensors", "pytorch_model.bin")

_WRAPPERS = (
    *("state_dict", "model_state_dict", "model_state", "model", "net", "network", "weights", "params", "module"),
    *("ema", "model_ema", "state_dict_ema", "ema_state_dict", "params_ema", "teacher", "student"),
)
"""What checkpoints call the weights among other things, those that are trained before their averages."""
_SCALAR = np.float64(0).__reduce__()[0]
_HARMLESS: list[Any] = [Namespace, _SCALAR, np.dtype, *{type(np.dtype(code)) for code in "?ilfd"}]
"""What checkpoints hold beside weights, options and best scores, and what does nothing when it is made."""
_BEFORE, _COUNTERS = "module.", ("n_averaged",)
_WITHIN = r"(_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\."


def cached_in_hub(repository: str) -> Path | None:
    """The weights of a hub repository that are already on this machine; nothing is asked of the network."""
    from huggingface_hub import try_to_load_from_cache

    for name in _FILE_NAMES:
        found = try_to_load_from_cache(repository, name)
        if isinstance(found, str):
            return Path(found)
    return None


def from_hub(repository: str) -> Path:
    """The weights of a hub repository, from its cache or else downloaded into it.

    Honours HF_ENDPOINT, HF_HUB_OFFLINE, HF_HOME and HF_HUB_CACHE.

    Raises:
        DownloadError: offline, refused, missing there, or silent for 8 seconds.
    """
    found = cached_in_hub(repository)
    if found is None:
        files_from_hub(repository, _FILE_NAMES[0])
        found = cached_in_hub(repository)
    if found is None:
        raise DownloadError(f"the weights of {repository} were downloaded, but are not in the hub's cache.")
    return found


def files_from_hub(repository: str, *names: str) -> None:
    """Download files of a hub repository into its cache; honours what `from_hub` does.

    Args:
        repository: its name.
        names: of the files; one may be missing there if its name begins with "?".

    Raises:
        DownloadError: as of `from_hub`.
    """
    if is_offline():
        raise DownloadError(
            f"the weights of {repository} are not on this machine, and HF_HUB_OFFLINE forbids downloading them."
        )
    _download_from_hub(repository, names)


def cached_from_address(address: str) -> Path | None:
    """The file at an address if torch.hub's cache has it already."""
    path = _torch_cache() / address.rsplit("/", 1)[-1]
    return path if path.is_file() else None


def from_address(address: str) -> Path:
    """The file at an address, from torch.hub's cache or else downloaded into it.

    A name such as "resnet18-f37072fd.pth" has the first digits of the file's SHA-256, which is checked.

    Raises:
        DownloadError: offline, refused, missing there, silent for 8 seconds, or not the file that was asked for.
        StorageError: the disk refused.
    """
    file = _torch_cache() / address.rsplit("/", 1)[-1]
    if file.is_file():
        return file
    with process_lock(file.with_name(f".{file.name}.lock")):
        if not file.is_file():  # another process may have downloaded it meanwhile
            mark = re.search(r"-([0-9a-f]{8,})\.", file.name)
            advice = f"Without a network, put the file at {file}."
            download(address, file, attempts=1, sha256_start=mark[1] if mark else "", advice=advice)
    return file


def read_weights(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file, or of a file of PyTorch through its weights-only reader, by their names.

    What wraps them is taken away: a dict such as {"state_dict": …} with more than weights in it, and the beginnings
    that DistributedDataParallel ("module."), torch.compile ("_orig_mod.") and others put before each name.

    Raises:
        WeightsError: it is missing, damaged, not finite, or holds anything but tensors.
    """
    if not path.is_file():
        raise WeightsError(f"weights must be a file; there is no file {path}.")
    found = _plain_names(_read_torch(path) if _is_of_torch(path) else _read_safetensors(path))
    odd = not_finite(found)
    if odd is not None:
        raise WeightsError(f"{path} cannot be used: {odd}, so each output would be NaN.")
    return found


def named_as(weights: dict[str, Tensor], wanted: Collection[str]) -> dict[str, Tensor]:
    """The tensors without a beginning that all their names have, such as "model.", if only then they are the wanted.

    Example:
        >>> sorted(named_as({"model.weight": 1, "model.bias": 2}, {"weight", "bias"}))
        ['bias', 'weight']
    """
    if not wanted or any(key in wanted for key in weights):
        return weights
    first = next(iter(weights), "").split(".")[0] + "."
    plain = {key.removeprefix(first): value for key, value in weights.items()}
    return plain if all(key.startswith(first) for key in weights) and any(key in wanted for key in plain) else weights


def _is_of_torch(path: Path) -> bool:
    """Whether a file is one of torch.save, by its first bytes (a zip archive, or a pickle) or by its name."""
    with path.open("rb") as file:
        head = file.read(9)
    if head[8:] == b"{":  # safetensors: the length of a table, and the table
        return False
    return head[:2] == b"PK" or head[:1] == b"\x80" or path.suffix in (".pth", ".pt", ".bin", ".tar")


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        return read_tensors(path)
    except (OSError, ValueError) as error:
        raise WeightsError(
            f"{path} must be a safetensors file; it cannot be read as one ({reason_of(error)})."
        ) from error


def _read_torch(path: Path) -> dict[str, Tensor]:
    import torch

    try:
        if zipfile.is_zipfile(path):
            _check_stored(path)
        with torch.serialization.safe_globals(_HARMLESS):
            found = torch.load(path, map_location="cpu", weights_only=True)
    except WeightsError:
        raise
    except Exception as error:  # the readers raise many types on a damaged file
        raise WeightsError(
            f"{path} cannot be read as weights only: it is damaged, or holds more than weights, such as a whole model. "
            "Give a safetensors file, or what torch.save(model.state_dict(), …) writes."
        ) from error
    weights = _state_dict(found)
    if weights is None:
        raise WeightsError(f"{path} must hold named tensors only. Give a safetensors file.")
    return weights


def _check_stored(path: Path) -> None:
    """Raise WeightsError for a zip that unpacks to more than it has: PyTorch compresses nothing."""
    with zipfile.ZipFile(path) as archive:
        unpacked = sum(entry.file_size for entry in archive.infolist())
    if unpacked > path.stat().st_size:
        raise WeightsError(f"{path} is not a weights file of PyTorch: it would unpack to {unpacked:,} bytes.")


def _state_dict(found: Any, depth: int = 4) -> dict[str, Tensor] | None:
    """The named tensors in what torch.save wrote, perhaps beside other things and in dicts; None if there are none."""
    from torch import Tensor

    if not isinstance(found, dict) or not depth:
        return None
    if found and all(isinstance(key, str) and isinstance(value, Tensor) for key, value in found.items()):
        return dict(found)
    inside = [_state_dict(found[key], depth - 1) for key in _WRAPPERS if key in found]
    return next((weights for weights in inside if weights is not None), None)


def _plain_names(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors under the names of the network itself."""
    named = {re.sub(_WITHIN, "", key): value for key, value in weights.items() if key not in _COUNTERS}
    while named and all(key.startswith(_BEFORE) for key in named):
        named = {key.removeprefix(_BEFORE): value for key, value in named.items()}
    return named


def _download_from_hub(repository: str, names: Sequence[str]) -> None:
    """Let huggingface_hub download, in a process of its own that is ended when nothing arrives for STALL seconds.

    In this process it could not be ended: huggingface_hub tries a silent server again for minutes.
    """
    from huggingface_hub import constants
    from huggingface_hub.file_download import repo_folder_name

    growing = Path(constants.HF_HUB_CACHE) / repo_folder_name(repo_id=repository, repo_type="model") / "blobs"
    script = Path(__file__).with_name("hub_download.py")
    environment = os.environ | {
        "HF_HUB_CACHE": constants.HF_HUB_CACHE,
        # One plain connection, whose bytes show in the file that grows.
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "HF_HUB_ETAG_TIMEOUT": str(int(STALL) - 1),
        "HF_HUB_DOWNLOAD_TIMEOUT": str(int(STALL)),
    }
    with tempfile.TemporaryFile() as complaints:
        process = subprocess.Popen(
            # -P: the folder of the script must not come before the installed packages.
            [sys.executable, "-P", str(script), repository, *names],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=complaints,
        )
        try:
            size, since = _size(growing), time.monotonic()
            while process.poll() is None:
                time.sleep(0.05)
                now = _size(growing)
                if now != size:
                    size, since = now, time.monotonic()
                if time.monotonic() - since > STALL:
                    raise DownloadError(
                        f"the weights of {repository} could not be downloaded: nothing arrived for {STALL:.0f} seconds."
                    )
        finally:
            process.kill()
            process.wait()
        if process.returncode != 0:
            complaints.seek(0)
            lines = complaints.read().decode("utf-8", "replace").strip().splitlines()
            reason = lines[-1].rstrip(".") if lines else f"the download ended with code {process.returncode}"
            raise DownloadError(f"the weights of {repository} could not be downloaded: {reason}.")


def _size(folder: Path) -> int:
    total = 0
    for path in folder.glob("*.incomplete"):
        try:
            total += path.stat().st_size
        except OSError:
            continue
    return total


def _torch_cache() -> Path:
    from torch.hub import get_dir

    return Path(get_dir()) / "checkpoints"
