"""Pretrained weights: found in the hub's cache, downloaded, or read from a file; never run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from handlens.errors import DownloadError, WeightsError
from handlens.io.download import STALL, download, is_offline
from handlens.io.locks import process_lock
from handlens.io.problems import reason_of
from handlens.io.tensor_files import not_finite, read_tensors

if TYPE_CHECKING:
    from torch import Tensor

_FILE_NAMES = ("model.safetensors", "pytorch_model.bin")


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
        if is_offline():
            raise DownloadError(
                f"the weights of {repository} are not on this machine, and HF_HUB_OFFLINE forbids downloading them."
            )
        _download_from_hub(repository, _FILE_NAMES[0])
        found = cached_in_hub(repository)
    if found is None:
        raise DownloadError(f"the weights of {repository} were downloaded, but are not in the hub's cache.")
    return found


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
    """The tensors of a safetensors file, or of a .pth file through PyTorch's weights-only reader.

    Raises:
        WeightsError: it is missing, damaged, not finite, or holds anything but tensors.
    """
    if not path.is_file():
        raise WeightsError(f"weights must be a file; there is no file {path}.")
    found = _read_torch(path) if path.suffix in (".pth", ".pt", ".bin") else _read_safetensors(path)
    odd = not_finite(found)
    if odd is not None:
        raise WeightsError(f"{path} cannot be used: {odd}, so each output would be NaN.")
    return found


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        return read_tensors(path)
    except (OSError, ValueError) as error:
        raise WeightsError(
            f"{path} must be a safetensors file; it cannot be read as one ({reason_of(error)})."
        ) from error


def _read_torch(path: Path) -> dict[str, Tensor]:
    import torch

    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
        if unpacked > path.stat().st_size:  # PyTorch compresses nothing
            raise WeightsError(f"{path} is not a weights file of PyTorch: it would unpack to {unpacked:,} bytes.")
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # the reader raises many types on a damaged file
        raise WeightsError(f"{path} cannot be read as weights only. Give a safetensors file.") from error
    if isinstance(found, dict) and isinstance(found.get("state_dict"), dict):
        found = found["state_dict"]
    if not isinstance(found, dict) or not all(isinstance(value, torch.Tensor) for value in found.values()):
        raise WeightsError(f"{path} must hold named tensors only. Give a safetensors file.")
    return dict(found)


def _download_from_hub(repository: str, name: str) -> None:
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
            [sys.executable, "-P", str(script), repository, name],
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
