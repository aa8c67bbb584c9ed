"""The settings that hold unless a call says otherwise: the device that models and data are on."""

from __future__ import annotations

import os

import torch


class Defaults:
    """Settings that may be assigned to, such as `defaults.device = "cpu"`.

    Attributes:
        device: a torch.device; the GPU where there is one, otherwise the CPU.
        cmap: matplotlib's name of the colours in which pictures of one channel are shown; grey where it is None.
    """

    cmap: str | None = None

    def __init__(self) -> None:
        self._device: torch.device | None = None

    @property
    def device(self) -> torch.device:
        return self._device or _best_device()

    @device.setter
    def device(self, device: torch.device | str) -> None:
        self._device = torch.device(device)


def _best_device() -> torch.device:
    if torch.cuda.is_available():
        # Processes that torchrun starts on one machine take a GPU each.
        place = os.environ.get("LOCAL_RANK")
        return torch.device(
            "cuda", torch.cuda.current_device() if place is None else int(place) % torch.cuda.device_count()
        )
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


defaults = Defaults()
