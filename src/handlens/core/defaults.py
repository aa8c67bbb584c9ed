"""The settings that hold unless a call says otherwise: the device that models and data are on."""

from __future__ import annotations

import torch


class Defaults:
    """Settings that may be assigned to, such as `defaults.device = "cpu"`.

    Attributes:
        device: a torch.device; the GPU where there is one, otherwise the CPU.
    """

    def __init__(self) -> None:
        self.device = _best_device()

    @property
    def device(self) -> torch.device:
        return self._device

    @device.setter
    def device(self, device: torch.device | str) -> None:
        self._device = torch.device(device)


def _best_device() -> torch.device:
    if torch.cuda.is_available():
        return torch.device("cuda", torch.cuda.current_device())
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


defaults = Defaults()
