"""Pretrained weights: found in the hub's cache, downloaded, or read from a file; never run."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from handlens.errors import DownloadError, WeightsError

if TYPE_CHECKING:
    from torch import Tensor

STALL = 8.0
"""Seconds without a byte after which a download is given up."""

_FILE_NAMES = ("model.safetensors", "pytorch_model.bin")


def cached_in_hub(repository: str) -> Path | None:
    """The weights of a hub repository that are already on this machine; asks nothing of the network."""
    folder = _repository_folder(repository)
    try:
        commit = (folder / "refs" / "main").read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return None
    for name in _FILE_NAMES:
        path = folder / "snapshots" / commit / name
        if path.is_file():
            return path
    return None


def from_hub(repository: str) -> Path:
    """The weights of a hub repository, from its cache or else downloaded into it.

    Honours HF_ENDPOINT, HF_HUB_OFFLINE, HF_HOME and HF_HUB_CACHE.

    Raises:
        DownloadError: offline, refused, missing there, or silent for 8 seconds.
    """
    found = cached_in_hub(repository)
    if found is None:
        _download(["hub", repository, _FILE_NAMES[0]], _repository_folder(repository) / "blobs", repository)
        found = cached_in_hub(repository)
    if found is None:
        raise DownloadError(f"the weights of {repository} were downloaded but are not in {_hub_cache()}")
    return found


def cached_from_address(address: str) -> Path | None:
    """The file at an address if torch.hub's cache has it already."""
    path = _torch_cache() / address.rsplit("/", 1)[-1]
    return path if path.is_file() else None


def from_address(address: str) -> Path:
    """The file at an address, from torch.hub's cache or else downloaded into it; DownloadError as `from_hub`.

    A name such as "resnet18-f37072fd.pth" carries the start of the file's SHA-256, which is checked.
    """
    found = cached_from_address(address)
    if found is not None:
        return found
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE"):
        raise DownloadError(f"{address} is not on this machine, and HF_HUB_OFFLINE forbids to download it")
    folder = _torch_cache()
    folder.mkdir(parents=True, exist_ok=True)
    destination = folder / address.rsplit("/", 1)[-1]
    _, dash, mark = destination.stem.rpartition("-")
    _download(["url", address, str(destination), mark if dash else ""], folder, address)
    return destination


def read_weights(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file, or of a .pth file through PyTorch's weights-only reader.

    Raises:
        WeightsError: it is missing, damaged, or holds anything but tensors.
    """
    if not path.is_file():
        raise WeightsError(f"weights must be a file; there is none at {path}")
    if path.suffix in (".pth", ".pt", ".bin"):
        return _read_torch(path)
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise WeightsError(f"{path} must be a safetensors file; it cannot be read as one ({error})") from error


def _read_torch(path: Path) -> dict[str, Tensor]:
    import torch

    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # the reader raises many types on a damaged file
        raise WeightsError(f"{path} cannot be read as weights only; give a safetensors file") from error
    if isinstance(found, dict) and isinstance(found.get("state_dict"), dict):
        found = found["state_dict"]
    if not isinstance(found, dict) or not all(isinstance(value, torch.Tensor) for value in found.values()):
        raise WeightsError(f"{path} must hold named tensors only; give a safetensors file")
    return dict(found)


def _download(order: list[str], growing: Path, what: str) -> None:
    """Run fetch.py in its own process, ended when nothing in the folder `growing` grew for STALL seconds."""
    script = Path(__file__).with_name("fetch.py")
    environment = os.environ | {
        "HF_HUB_CACHE": str(_hub_cache()),
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
            [sys.executable, "-P", str(script), *order],
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
                        f"the weights of {what} could not be downloaded: nothing arrived for {STALL:.0f} seconds"
                    )
        finally:
            process.kill()
            process.wait()
        if process.returncode != 0:
            complaints.seek(0)
            lines = complaints.read().decode("utf-8", "replace").strip().splitlines()
            reason = lines[-1] if lines else f"the download ended with code {process.returncode}"
            raise DownloadError(f"the weights of {what} could not be downloaded: {reason}")


def _size(folder: Path) -> int:
    total = 0
    for path in folder.glob("*.incomplete"):
        try:
            total += path.stat().st_size
        except OSError:
            continue
    return total


def _hub_cache() -> Path:
    named = os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE")
    if named:
        return Path(named).expanduser()
    home = os.environ.get("HF_HOME")
    return (Path(home).expanduser() if home else _cache_home() / "huggingface") / "hub"


def _repository_folder(repository: str) -> Path:
    return _hub_cache() / ("models--" + repository.replace("/", "--"))


def _torch_cache() -> Path:
    home = os.environ.get("TORCH_HOME")
    return (Path(home).expanduser() if home else _cache_home() / "torch") / "hub" / "checkpoints"


def _cache_home() -> Path:
    home = os.environ.get("XDG_CACHE_HOME")
    return Path(home).expanduser() if home else Path.home() / ".cache"
